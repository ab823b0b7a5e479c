// SPDX-License-Identifier: BSD-3-Clause
#include "nic/device_args.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace millrace::nic {
namespace {

// memif counts ring sizes as powers of two, up to 2^14.
int memif_ring_log2(const RingSizes& sizes) {
  const unsigned larger = std::max(sizes.rx_descriptors, sizes.tx_descriptors);
  return std::min(static_cast<int>(std::bit_width(std::bit_ceil(larger))) - 1, 14);
}

// The kernel's packet ring: slots of a whole number of KiB, so that four make a block of whole
// pages without a gap, which the driver would not skip.
std::string af_packet_ring(const RingSizes& sizes) {
  constexpr unsigned kSlotsPerBlock = 4;
  const unsigned slot = sizes.frame_bytes;
  return fmt::format("blocksz={},framesz={},framecnt={},qpairs={}", kSlotsPerBlock * slot, slot,
                     sizes.rx_descriptors, sizes.queues);
}

}  // namespace

std::string device_name(const DeviceUri& device) {
  switch (device.kind) {
    case DeviceKind::kPci:
      return device.target;
    case DeviceKind::kMemif:
      return "net_memif0";
    case DeviceKind::kVhost:
      return "net_vhost0";
    case DeviceKind::kVirtioUser:
      return "net_virtio_user0";
    case DeviceKind::kAfPacket:
      return "net_af_packet0";
    case DeviceKind::kAfXdp:
      return "net_af_xdp0";
    case DeviceKind::kTap:
      return "net_tap0";
    case DeviceKind::kPcap:
      return "net_pcap0";
    case DeviceKind::kLoopback:
      break;
  }
  return {};
}

std::string device_args(const DeviceUri& device, const RingSizes& sizes) {
  const std::string& target = device.target;
  switch (device.kind) {
    case DeviceKind::kMemif:
      // An abstract socket, the default, would have no file and no permissions.
      return fmt::format("role={},socket={},socket-abstract=no,rsize={},bsize={}",
                         device.server ? "server" : "client", target, memif_ring_log2(sizes),
                         sizes.frame_bytes);
    case DeviceKind::kVhost:
      return fmt::format("iface={},queues={},client=0,tso=1", target, sizes.queues);
    case DeviceKind::kVirtioUser:
      return fmt::format("path={},queues={},queue_size={}", target, sizes.queues,
                         virtio_ring_size(sizes.rx_descriptors));
    case DeviceKind::kAfPacket:
      return fmt::format("iface={},{}", target, af_packet_ring(sizes));
    case DeviceKind::kAfXdp:
      return fmt::format("iface={},start_queue=0,queue_count={}", target, sizes.queues);
    case DeviceKind::kTap:
      return fmt::format("iface={}", target);
    case DeviceKind::kPcap:
      return fmt::format("rx_pcap={},tx_pcap={}", target, device.output);
    case DeviceKind::kPci:
    case DeviceKind::kLoopback:
      break;
  }
  return {};
}

}  // namespace millrace::nic
