// SPDX-License-Identifier: BSD-3-Clause
// A device named by a URI, so that nobody needs to know EAL's arguments.
//
//     pci:0000:3b:00.0                    a NIC bound to vfio-pci
//     memif:/path.sock[,server]           shared memory with another process
//     vhost:/path.sock                    the device side of virtio (server of the socket)
//     virtio-user:/path.sock              the driver side of virtio (client of the socket)
//     af_packet:IFACE   af_xdp:IFACE      a kernel interface, by raw socket or XDP socket
//     tap:NAME                            a new TAP interface, millrace at its far end
//     pcap:in.pcap,out.pcap               frames from one file, frames into another
//     loopback                            server and client in one process
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/result.h"

namespace millrace {

enum class DeviceKind : uint8_t {
  kPci,
  kMemif,
  kVhost,
  kVirtioUser,
  kAfPacket,
  kAfXdp,
  kTap,
  kPcap,
  kLoopback,
};

struct DeviceUri {
  DeviceKind kind = DeviceKind::kLoopback;
  std::string target;   // PCI address, socket path, interface name, or the pcap file to read
  std::string output;   // pcap: the file to write
  bool server = false;  // memif: we create the socket

  // Errors: unknown scheme, missing part, name too long, characters a device argument cannot
  // carry; the message names the value and shows the form.
  static Result<DeviceUri> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

}  // namespace millrace
