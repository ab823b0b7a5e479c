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

// The first character that means something in DPDK's device arguments, or cannot be printed.
std::string unusable_character(std::string_view value) {
  constexpr std::string_view kSpecial = ",=[]\"'\\";
  for (const char c : value) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) return fmt::format("the unprintable character 0x{:02x}", code);
    if (kSpecial.find(c) != std::string_view::npos) return fmt::format("the character {}", c);
  }
  return {};
}

std::string check_path(std::string_view path, std::string_view what) {
  if (path.empty()) return fmt::format("the {} is missing", what);
  const std::string character = unusable_character(path);
  if (!character.empty()) {
    return fmt::format("the {} contains {}, which DPDK cannot take", what, character);
  }
  return {};
}

std::string check_socket(std::string_view path) {
  constexpr size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kPathMax) {
    return fmt::format("the socket's path has {} characters, at most {} fit", path.size(),
                       kPathMax);
  }
  return check_path(path, "path of the socket");
}

std::string check_interface(std::string_view name) {
  constexpr size_t kNameMax = IFNAMSIZ - 1;
  if (name.empty()) return "the interface's name is missing";
  if (name.size() > kNameMax) {
    return fmt::format("the interface's name has {} characters, at most {} fit", name.size(),
                       kNameMax);
  }
  const bool refused_by_kernel =
      name == "." || name == ".." || name.find_first_of("/: ") != std::string_view::npos;
  if (refused_by_kernel || !unusable_character(name).empty()) {
    return fmt::format("'{}' cannot be the name of an interface", name);
  }
  return {};
}

// Lower-case DDDD:BB:DD.F, from that or from BB:DD.F; empty when it is neither.
std::string normal_pci_address(std::string_view text) {
  std::string address(text.size() == 7 ? "0000:" : "");
  for (const char c : text) {
    address += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  constexpr std::string_view kForm = "hhhh:hh:hh.f";
  if (address.size() != kForm.size()) return {};
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = address[i];
    const bool digit = c >= '0' && c <= '9';
    const bool fits = kForm[i] == 'h'   ? digit || (c >= 'a' && c <= 'f')
                      : kForm[i] == 'f' ? c >= '0' && c <= '7'
                                        : c == kForm[i];
    if (!fits) return {};
  }
  return address;
}

// Fills `uri` from what follows the colon; returns what is wrong with it.
std::string parse_rest(DeviceUri& uri, std::string_view rest) {
  const size_t comma = rest.find(',');
  const std::string_view first = rest.substr(0, comma);
  const bool has_second = comma != std::string_view::npos;
  const std::string_view second = has_second ? rest.substr(comma + 1) : std::string_view{};
  uri.target = first;
  switch (uri.kind) {
    case DeviceKind::kPci:
      uri.target = normal_pci_address(rest);
      if (uri.target.empty()) return fmt::format("'{}' is not a PCI address", rest);
      return {};
    case DeviceKind::kMemif:
      if (has_second && second != "server") {
        return fmt::format("'{}' is not a word of memif", second);
      }
      uri.server = has_second;
      return check_socket(uri.target);
    case DeviceKind::kVhost:
    case DeviceKind::kVirtioUser:
      uri.target = rest;
      return check_socket(rest);
    case DeviceKind::kAfPacket:
    case DeviceKind::kAfXdp:
    case DeviceKind::kTap:
      uri.target = rest;
      return check_interface(rest);
    case DeviceKind::kPcap: {
      uri.output = second;
      const std::string input_error = check_path(uri.target, "file to read");
      return input_error.empty() ? check_path(uri.output, "file to write") : input_error;
    }
    case DeviceKind::kLoopback:
      return rest.empty() ? "" : fmt::format("nothing may follow, but '{}' does", rest);
  }
  return {};
}

std::string scheme_names() {
  std::string names;
  for (const Scheme& scheme : kSchemes) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", scheme.name);
  }
  return names;
}

}  // namespace

Result<DeviceUri> DeviceUri::parse(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name != name) continue;
    DeviceUri uri;
    uri.kind = scheme.kind;
    const std::string why = parse_rest(
        uri, colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1));
    if (!why.empty()) return wrong(text, scheme, why);
    return uri;
  }
  return Error{fmt::format("device '{}': there is no kind of device '{}'; choose one of {}", text,
                           name, scheme_names())};
}

std::string DeviceUri::to_string() const {
  const std::string_view name = scheme_of(kind).name;
  switch (kind) {
    case DeviceKind::kLoopback:
      return std::string(name);
    case DeviceKind::kPcap:
      return fmt::format("{}:{},{}", name, target, output);
    case DeviceKind::kMemif:
      return fmt::format("{}:{}{}", name, target, server ? ",server" : "");
    case DeviceKind::kPci:
    case DeviceKind::kVhost:
    case DeviceKind::kVirtioUser:
    case DeviceKind::kAfPacket:
    case DeviceKind::kAfXdp:
    case DeviceKind::kTap:
      return fmt::format("{}:{}", name, target);
  }
  return {};
}

}  // namespace millrace
