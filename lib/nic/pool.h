// SPDX-License-Identifier: BSD-3-Clause
// The memory of one device: how many mbufs of which size, and the pool of them. In: ring sizes and
// the MTU. Must hold: the pool can fill every ring of the device and still leave mbufs to send
// with, so that neither direction starves the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "millrace/device.h"
#include "millrace/result.h"

struct rte_mempool;

namespace millrace::nic {

struct PoolWish {
  DeviceKind kind = DeviceKind::kTap;
  uint16_t mtu = 1500;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  uint32_t mbufs = 0;      // 0: as many as the rings ask for
  uint32_t memory_mb = 0;  // 0: as much as the mbufs ask for
  uint16_t workers = 1;
  uint16_t queues = 1;       // pairs, each with rings of these sizes
  uint32_t handed_over = 0;  // mbufs that workers may hold of each other, in all
};

struct PoolPlan {
  uint32_t mbufs = 0;
  uint16_t frame_bytes = 0;  // of one mbuf, behind the headroom
  uint32_t memory_mb = 0;    // for the pool and what the driver allocates beside it
  // Where the mbufs are divided among NUMA nodes: what a worker needs, and one with a queue
  // besides.
  uint32_t of_worker = 1;
  uint32_t of_queue = 0;
};

// Errors: ring sizes out of bounds, fewer mbufs than the rings hold, too little memory for them.
Result<PoolPlan> plan_pool(const PoolWish& wish);

// Bytes of a frame's Ethernet header with two VLAN tags.
inline constexpr uint16_t kLinkBytes = 22;

// Bytes that the kernel puts in front of a frame in a slot of a packet ring, at most.
inline constexpr uint16_t kPacketSlotHeader = 96;

// Of the pool on that NUMA node, for rte_mempool_lookup().
std::string pool_name(int node);

class Pool {
 public:
  Pool() = default;
  ~Pool();
  Pool(Pool&& other) noexcept;
  Pool& operator=(Pool&& other) noexcept;

  // Requires: EAL is up. Errors: no memory.
  // On the NUMA node, if there is memory; else anywhere.
  static Result<Pool> create(const PoolPlan& plan, int node);

  [[nodiscard]] rte_mempool* get() const { return pool_; }
  // Mbufs that somebody holds.
  [[nodiscard]] uint32_t missing() const;
  [[nodiscard]] uint32_t size() const;

 private:
  rte_mempool* pool_ = nullptr;
};

}  // namespace millrace::nic
