// SPDX-License-Identifier: BSD-3-Clause
// One DPDK port: opened, configured as far as the device can, started, closed. In: a DeviceUri and
// what is wished of it. Out: one Wire for each queue pair. Must hold: after close(), or an error,
// the device is gone and its socket file too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/address.h"
#include "millrace/device.h"
#include "millrace/result.h"
#include "nic/offload.h"
#include "nic/pool.h"
#include "nic/wire.h"

namespace millrace::nic {

struct PortWish {
  DeviceUri device;
  uint16_t mtu = 1500;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  MacAddress mac;        // zero: the device's own, or spare_mac where that is the peer's
  MacAddress spare_mac;  // locally administered, drawn at random
  bool groups = false;   // multicast frames, too, as IPv6 needs them
  PoolPlan pool;
  bool interrupts = false;   // a worker may want to sleep until a frame comes
  bool segmentation = true;  // let the device cut TCP segments where it can
  bool verbose = false;
};

class Port {
 public:
  // Requires: EAL is up, check_device() found nothing wrong.
  static Result<std::unique_ptr<Port>> open(const PortWish& wish);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Stops and removes the device. Idempotent.
  void close();
  // After close(): mbufs that did not come back.
  [[nodiscard]] uint32_t mbufs_missing() const;

  [[nodiscard]] Wire& wire();
  [[nodiscard]] MacAddress mac() const { return mac_; }
  // For ShardConfig::tso_bytes_max.
  [[nodiscard]] uint32_t tso_bytes_max() const { return tso_bytes_max_; }
  [[nodiscard]] bool link_up() const { return link_up_.load(std::memory_order_relaxed); }
  // Lost by the device because nobody fetched them, and frames that found no mbuf. Any thread.
  struct Losses {
    uint64_t missed = 0;
    uint64_t no_buffers = 0;
  };
  [[nodiscard]] Losses losses() const;
  // "net_memif, 1 queue, rx checksum in software, ...".
  [[nodiscard]] std::string describe() const;

 private:
  class Queue;
  explicit Port(const PortWish& wish);
  Result<void> probe();
  Result<void> configure();
  Result<void> set_mac();
  Result<void> start();
  [[nodiscard]] bool is_memif_client() const;
  bool poll_link();
  void connect();
  void finish_handshake();

  PortWish wish_;
  std::string driver_;
  std::string device_;  // a virtual device that we created
  Pool pool_;
  Offloads offloads_;
  uint32_t tso_bytes_max_ = 0;
  MacAddress mac_;
  uint16_t id_ = UINT16_MAX;
  bool started_ = false;
  unsigned polls_down_ = 0;  // looks at the link, in a row, that found it down
  bool promiscuous_ = false;
  bool interrupts_ = false;  // the device says when a frame comes
  Losses losses_at_close_;
  std::atomic<bool> link_up_{false};
  std::unique_ptr<Queue> queue_;
};

}  // namespace millrace::nic
