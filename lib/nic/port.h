// SPDX-License-Identifier: BSD-3-Clause
// One DPDK port: opened, configured as far as the device can, started, closed. In: a DeviceUri and
// what is wished of it. Out: one Wire for each worker. Must hold: after close(), or an error,
// the device is gone and its socket file too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/address.h"
#include "millrace/device.h"
#include "millrace/result.h"
#include "nic/gate.h"
#include "nic/offload.h"
#include "nic/pool.h"
#include "nic/relay.h"
#include "nic/rss.h"
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
  bool tags = false;         // frames have VLAN tags
  bool verbose = false;
  uint16_t workers = 1;
  uint16_t queues = 1;        // pairs, at most as many as workers; fewer where the device has fewer
  std::vector<int32_t> cpus;  // of the workers, where they are pinned: their buffers lie near
  std::vector<uint8_t> rss_key;  // empty: one from `random`
  uint64_t random = 0;
};

// How many queue pairs are asked for when nobody says how many: one for each worker, as far as the
// device can; but one in all where the other end would have to agree.
uint16_t usual_queues(DeviceKind kind, uint16_t workers);

class Port {
 public:
  // Requires: EAL is up, check_device() found nothing wrong.
  static Result<std::unique_ptr<Port>> open(const PortWish& wish);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Stops and removes the device. Idempotent.
  void close();
  // Any thread: all mbufs, and those that somebody holds.
  [[nodiscard]] uint32_t mbufs() const;
  [[nodiscard]] uint32_t mbufs_in_use() const;
  // After close(): mbufs that did not come back.
  [[nodiscard]] uint32_t mbufs_missing() const;

  // Worker `index`'s queue pair, or where there is none for it, its way to another's. Only the
  // first worker's poll_link() acts on the device.
  [[nodiscard]] Wire& wire(size_t index = 0);
  [[nodiscard]] uint16_t queues() const { return queue_count_; }
  // Which worker owns which tuple; of index 0.
  [[nodiscard]] Sharding sharding() const;
  // Which worker owns which entry from now on; a device that spreads frames by the table gets it.
  // From the thread that opened the port. False: the device did not take it, and steering in
  // software has more to do.
  bool set_table(const std::vector<uint16_t>& table);
  // Whether the device spreads frames by that key and table.
  [[nodiscard]] bool device_steers() const { return rss_.by_device; }
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
  class Branch;
  explicit Port(const PortWish& wish);
  Result<void> probe();
  Result<void> configure();
  Result<void> make_pools();
  Result<void> set_up_queues(uint64_t rx_offloads, uint64_t tx_offloads);
  void make_wires();
  rte_mempool* pool_of(size_t worker) const;
  Result<void> set_mac();
  Result<void> start();
  [[nodiscard]] std::string describe_queues() const;
  [[nodiscard]] bool is_memif_client() const;
  bool poll_link();
  void connect();
  void finish_handshake();

  PortWish wish_;
  std::string driver_;
  std::string device_;  // a virtual device that we created
  struct NodePool {
    int node;
    Pool pool;
  };
  std::vector<NodePool> pools_;
  Offloads offloads_;
  uint32_t tso_bytes_max_ = 0;
  RssPlan rss_;
  uint16_t queue_count_ = 1;
  MacAddress mac_;
  uint16_t id_ = UINT16_MAX;
  bool started_ = false;  // the first worker's, and whoever opens and closes
  bool rss_refused_ = false;
  unsigned polls_down_ = 0;  // looks at the link, in a row, that found it down
  bool promiscuous_ = false;
  bool interrupts_ = false;  // the device says when a frame comes
  Losses losses_at_close_;
  std::atomic<bool> link_up_{false};
  std::unique_ptr<Gate> gate_;
  // From workers without a queue, to worker i modulo the queues.
  std::vector<std::unique_ptr<Relay>> relays_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::unique_ptr<Branch>> branches_;
};

}  // namespace millrace::nic
