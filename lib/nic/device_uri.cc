// SPDX-License-Identifier: BSD-3-Clause
// Device URIs: text in, DeviceUri or one sentence out. What is accepted here can be written into
// DPDK's device arguments as it is, so no character of theirs may occur in a value.
#include <fmt/format.h>
#include <net/if.h>
#include <sys/un.h>

#include <array>
#include <string>
#include <string_view>

#include "millrace/device.h"

namespace millrace {
namespace {

struct Scheme {
  std::string_view name;
  DeviceKind kind;
  std::string_view form;
};

constexpr std::array kSchemes{
    Scheme{"pci", DeviceKind::kPci, "pci:0000:3b:00.0"},
    Scheme{"memif", DeviceKind::kMemif, "memif:/path.sock or memif:/path.sock,server"},
    Scheme{"vhost", DeviceKind::kVhost, "vhost:/path.sock"},
    Scheme{"virtio-user", DeviceKind::kVirtioUser, "virtio-user:/path.sock"},
    Scheme{"af_packet", DeviceKind::kAfPacket, "af_packet:eth0"},
    Scheme{"af_xdp", DeviceKind::kAfXdp, "af_xdp:eth0"},
    Scheme{"tap", DeviceKind::kTap, "tap:millrace0"},
    Scheme{"pcap", DeviceKind::kPcap, "pcap:in.pcap,out.pcap"},
    Scheme{"loopback", DeviceKind::kLoopback, "loopback"},
};

const Scheme& scheme_of(DeviceKind kind) {
  for (const Scheme& scheme : kSchemes) {
    if (scheme.kind == kind) return scheme;
  }
  return kSchemes.back();
}

Error wrong(std::string_view text, const Scheme& scheme, std::string_view why) {
  return {fmt::format("device '{}': {}; write {}", text, why, scheme.form)};
}

// The first character that has a meaning in DPDK's device arguments, or cannot be printed.
char unusable_character(std::string_view value) {
  for (const char c : value) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f || std::string_view(",=[]\"'\\").contains(c)) return c;
  }
  return 0;
}
