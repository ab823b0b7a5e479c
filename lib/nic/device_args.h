// SPDX-License-Identifier: BSD-3-Clause
// A device's URI in DPDK's words. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "millrace/device.h"

namespace millrace::nic {

struct RingSizes {
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  uint16_t frame_bytes = 2048;  // room in one buffer; whole KiB
  uint16_t queues = 1;          // pairs
};

// Of both rings of a virtio-user device, whose driver refuses more than 1024.
constexpr uint16_t virtio_ring_size(uint16_t rx_descriptors) {
  return rx_descriptors < 1024 ? rx_descriptors : uint16_t{1024};
}

// The virtual device's name ("net_memif0"), and the PCI address of a real one.
std::string device_name(const DeviceUri& device);

// What stands behind the name: "role=client,socket=/run/x.sock,...". Empty for a PCI device.
std::string device_args(const DeviceUri& device, const RingSizes& sizes);

}  // namespace millrace::nic
