// SPDX-License-Identifier: BSD-3-Clause
#include "nic/port.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "millrace/config.h"
#include "nic/device_args.h"
#include "nic/eal.h"
#include "nic/numa.h"
#include "nic/precheck.h"
#include "nic/quiet_terminal.h"
#include "nic/rx.h"
#include "nic/rx_interrupt.h"
#include "nic/tx.h"

namespace millrace::nic {

// A queue pair of the port, and what workers without one leave with it.
class Port::Queue final : public Wire {
 public:
  Queue(Port& port, uint16_t index)
      : port_(port),
        index_(index),
        interrupt_(port.id_, index),
        receiver_(port.id_, index, port.offloads_.rx_checksum, port.offloads_.rss_hash,
                  port.wish_.tags, tallies_),
        sender_(port.id_, index, port.offloads_, port.pool_of(index), tallies_) {}

  void add(Relay& relay) { relays_.push_back(&relay); }

  size_t receive(std::span<RxFrame> frames, bool& full) override {
    full = false;
    return port_.gate_->enter(index_) ? receiver_.receive(frames, full) : 0;
  }
  void release() override { receiver_.release(); }
  bool wait(Duration length) override {
    if (!port_.interrupts_ || !interrupt_.arm()) return false;
    if (!receiver_.fetch()) interrupt_.wait(length);
    interrupt_.disarm();
    return true;
  }
  void* keep(size_t index, RxFrame& frame) override { return receiver_.keep(index, frame); }
  void give_back(std::span<void* const> tokens) override { receiver_.give_back(tokens); }
  size_t room(Instant now) override { return port_.gate_->enter(index_) ? sender_.room(now) : 0; }
  void send(std::span<const TxFrame> frames) override { sender_.send(frames); }
  size_t relay(Instant now) override {
    if (relays_.empty() || !port_.gate_->enter(index_)) return 0;
    size_t count = 0;
    for (Relay* relay : relays_) count += sender_.forward(*relay, now);
    return count;
  }
  [[nodiscard]] bool pending() const override {
    return sender_.pending() || std::any_of(relays_.begin(), relays_.end(),
                                            [](const Relay* relay) { return !relay->empty(); });
  }
  void discard(size_t further) override {
    sender_.discard(further);
    for (Relay* relay : relays_) sender_.discard(*relay);
  }
  bool poll_link() override { return index_ == 0 ? port_.poll_link() : port_.link_up(); }

  [[nodiscard]] const RxInterrupt& interrupt() const { return interrupt_; }
  void forget_interrupt() { interrupt_.forget(); }

  void close() {
    forget_interrupt();
    discard(0);
    receiver_.close();
    sender_.close();
  }

 private:
  Port& port_;
  uint16_t index_;
  RxInterrupt interrupt_;
  Receiver receiver_;
  Sender sender_;
  std::vector<Relay*> relays_;
};

// The wire of a worker that has no queue: it receives nothing by itself, and sends by another's.
class Port::Branch final : public Wire {
 public:
  Branch(Port& port, size_t worker, Relay& relay)
      : port_(port), sender_(port.id_, 0, port.offloads_, port.pool_of(worker), tallies_, &relay) {}

  size_t receive(std::span<RxFrame> /*frames*/, bool& full) override {
    full = false;
    return 0;
  }
  void release() override {}
  void* keep(size_t /*index*/, RxFrame& /*frame*/) override { return nullptr; }
  void give_back(std::span<void* const> /*tokens*/) override {}
  size_t room(Instant now) override { return sender_.room(now); }
  void send(std::span<const TxFrame> frames) override { sender_.send(frames); }
  [[nodiscard]] bool pending() const override { return sender_.pending(); }
  void discard(size_t further) override { sender_.discard(further); }
  bool poll_link() override { return port_.link_up(); }

  void close() { sender_.close(); }

 private:
  Port& port_;
  Sender sender_;
};

namespace {

constexpr const char* kBus = "vdev";

Error failed(const PortWish& wish, std::string_view what, int error) {
  return {fmt::format("device {}: {} failed: {}{}", wish.device.to_string(), what,
                      rte_strerror(error < 0 ? -error : error), Eal::last_words())};
}

// libxdp and libbpf print what they find missing and do without.
bool prints(const PortWish& wish) {
  return wish.device.kind == DeviceKind::kAfXdp && !wish.verbose;
}

// What rte_eth_dev_configure() will accept.
uint16_t largest_mtu(const rte_eth_dev_info& info) {
  constexpr uint32_t kHeaderBytes = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  const uint32_t by_frame =
      info.max_mtu == UINT16_MAX ? info.max_rx_pktlen - kHeaderBytes : info.max_mtu;
  return static_cast<uint16_t>(std::min<uint32_t>({by_frame, info.max_mtu, UINT16_MAX}));
}

std::pair<uint16_t, uint16_t> ring_sizes(const PortWish& wish) {
  if (wish.device.kind != DeviceKind::kVirtioUser)
    return {wish.rx_descriptors, wish.tx_descriptors};
  const uint16_t size = virtio_ring_size(wish.rx_descriptors);
  return {size, size};
}

// A memif, a packet ring or an XDP socket never interrupts; a NIC may, but was never tried. Of
// several workers each must wake up for what the others hand it, too, and no device tells that.
bool may_interrupt(const PortWish& wish) {
  const DeviceKind kind = wish.device.kind;
  return wish.interrupts && wish.workers == 1 &&
         (kind == DeviceKind::kVirtioUser || kind == DeviceKind::kVhost ||
          kind == DeviceKind::kTap);
}

// Payload that a chain of mbufs may carry: what the device takes, and a quarter of its ring at
// most.
uint32_t largest_chain(const rte_eth_dev_info& info, const PortWish& wish) {
  // Who takes it over virtio-user copies it, twice, and what is larger falls out of the cache on
  // the way: bulk ran at 110 Gb/s with 9 KB, at 98 uncut, at 70 with 64 KB.
  constexpr uint32_t kCopiedBytesMax = 9000;
  const bool copied = wish.device.kind == DeviceKind::kVirtioUser;
  const uint32_t wanted = copied ? kCopiedBytesMax : ShardConfig::kTsoBytesMax;
  const uint32_t mbufs =
      std::min<uint32_t>(info.tx_desc_lim.nb_seg_max, ring_sizes(wish).second / 4u);
  const uint32_t room = mbufs * wish.pool.frame_bytes;
  return std::min<uint32_t>(wanted, room - std::min<uint32_t>(room, TxFrame::kMaxHeaderBytes));
}

}  // namespace

Result<std::unique_ptr<Port>> Port::open(const PortWish& wish) {
  const QuietTerminal quiet(prints(wish));
  std::unique_ptr<Port> port(new Port(wish));
  if (auto ok = port->probe(); !ok) return ok.error();
  if (auto ok = port->configure(); !ok) return ok.error();
  if (auto ok = port->set_mac(); !ok) return ok.error();
  port->make_wires();
  if (auto ok = port->start(); !ok) return ok.error();
  return port;
}

Port::Port(const PortWish& wish) : wish_(wish) {}
Port::~Port() { close(); }

uint16_t usual_queues(DeviceKind kind, uint16_t workers) {
  constexpr uint16_t kTapQueuesMax = 16;
  switch (kind) {
    case DeviceKind::kPci:
    case DeviceKind::kAfPacket:
      return workers;
    case DeviceKind::kTap:
      return std::min(workers, kTapQueuesMax);
    case DeviceKind::kMemif:
    case DeviceKind::kVhost:
    case DeviceKind::kVirtioUser:
    case DeviceKind::kAfXdp:
    case DeviceKind::kPcap:
    case DeviceKind::kLoopback:
      break;
  }
  return 1;
}

Result<void> Port::probe() {
  const std::string name = device_name(wish_.device);
  if (wish_.device.kind != DeviceKind::kPci) {
    const RingSizes sizes{wish_.rx_descriptors, wish_.tx_descriptors, wish_.pool.frame_bytes,
                          wish_.queues};
    const std::string args = device_args(wish_.device, sizes);
    if (const int error = rte_eal_hotplug_add(kBus, name.c_str(), args.c_str()); error != 0) {
      return failed(wish_, "creating it", error);
    }
    device_ = name;
  }
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
    id_ = UINT16_MAX;
    return Error{fmt::format("device {}: DPDK has no driver for it{}", wish_.device.to_string(),
                             Eal::last_words())};
  }
  return {};
}

Result<void> Port::configure() {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0) {
    return failed(wish_, "asking for its capabilities", error);
  }
  driver_ = info.driver_name;
  // These drivers report 1500 and carry what their buffers hold, which are as long as we asked for.
  const bool any_mtu =
      wish_.device.kind == DeviceKind::kMemif || wish_.device.kind == DeviceKind::kAfPacket;
  const uint16_t mtu_max = any_mtu ? UINT16_MAX : largest_mtu(info);
  if (wish_.mtu > mtu_max) {
    return Error{fmt::format("mtu is {}: device {} carries at most {}; choose that or less",
                             wish_.mtu, wish_.device.to_string(), mtu_max)};
  }
  queue_count_ = std::min({wish_.queues, info.max_rx_queues, info.max_tx_queues});
  if (auto ok = make_pools(); !ok) return ok.error();

  offloads_ = negotiate(driver_, info.rx_offload_capa, info.tx_offload_capa,
                        {.segmentation = wish_.segmentation, .tags = wish_.tags});
  if (offloads_.tso) tso_bytes_max_ = largest_chain(info, wish_);
  // Its condition is one pool for all that a queue sends.
  if (pools_.size() > 1) offloads_.tx_flags &= ~uint64_t{RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE};
  // Only hardware is asked to: of virtual devices none has a hash to show.
  rte_eth_dev_info hashing = info;
  if (wish_.device.kind != DeviceKind::kPci) hashing.flow_type_rss_offloads = 0;
  rss_ = plan_rss(hashing, wish_.workers, queue_count_, wish_.rss_key, wish_.random);
  offloads_.rss_hash = offloads_.rss_hash && rss_.by_device;
  rte_eth_conf conf{};
  put_rss(conf, rss_);
  conf.rxmode.mtu = any_mtu ? std::min<uint16_t>(wish_.mtu, RTE_ETHER_MTU) : wish_.mtu;
  conf.rxmode.offloads = offloads_.rx_flags;
  conf.txmode.offloads = offloads_.tx_flags;
  conf.intr_conf.rxq = may_interrupt(wish_) ? 1 : 0;
  if (const int error = rte_eth_dev_configure(id_, queue_count_, queue_count_, &conf); error != 0) {
    return failed(wish_, "configuring it", error);
  }
  // The kernel's end of a TAP is ours to set up, and has to agree with this one.
  if (wish_.device.kind == DeviceKind::kTap) {
    if (const int error = rte_eth_dev_set_mtu(id_, wish_.mtu); error != 0) {
      return failed(wish_, fmt::format("setting mtu {}", wish_.mtu), error);
    }
  }
  return set_up_queues(conf.rxmode.offloads, conf.txmode.offloads);
}

// A pool on each node that workers are pinned to, each as large as their part of what all need.
Result<void> Port::make_pools() {
  std::map<int, uint64_t> needs;
  uint64_t all = 0;
  for (size_t worker = 0; worker < wish_.workers; ++worker) {
    const bool pinned = worker < wish_.cpus.size();
    const int node =
        pinned ? node_of_cpu(wish_.cpus[worker]) : std::max(0, rte_eth_dev_socket_id(id_));
    const uint64_t need =
        uint64_t{wish_.pool.of_worker} + (worker < queue_count_ ? wish_.pool.of_queue : 0);
    needs[node] += need;
    all += need;
  }
  for (const auto& [node, need] : needs) {
    PoolPlan plan = wish_.pool;
    plan.mbufs = static_cast<uint32_t>(plan.mbufs * need / all);
    auto pool = Pool::create(plan, node);
    if (!pool) return pool.error();
    pools_.push_back({node, std::move(*pool)});
  }
  return {};
}

rte_mempool* Port::pool_of(size_t worker) const {
  const int node = worker < wish_.cpus.size() ? node_of_cpu(wish_.cpus[worker]) : -1;
  for (const NodePool& pool : pools_) {
    if (pool.node == node) return pool.pool.get();
  }
  return pools_.front().pool.get();
}

Result<void> Port::set_up_queues(uint64_t rx_offloads, uint64_t tx_offloads) {
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(id_, &info);
  auto [rx_descriptors, tx_descriptors] = ring_sizes(wish_);
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
  rte_eth_rxconf rx = info.default_rxconf;
  rx.offloads = rx_offloads;
  rte_eth_txconf tx = info.default_txconf;
  tx.offloads = tx_offloads;
  const auto node = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(id_)));
  for (uint16_t i = 0; i < queue_count_; ++i) {
    if (const int error = rte_eth_rx_queue_setup(id_, i, rx_descriptors, node, &rx, pool_of(i));
        error != 0) {
      return failed(wish_, fmt::format("setting up its receive queue {}", i), error);
    }
    if (const int error = rte_eth_tx_queue_setup(id_, i, tx_descriptors, node, &tx); error != 0) {
      return failed(wish_, fmt::format("setting up its transmit queue {}", i), error);
    }
  }
  return {};
}

void Port::make_wires() {
  gate_ = std::make_unique<Gate>(queue_count_);
  for (uint16_t i = 0; i < queue_count_; ++i) queues_.push_back(std::make_unique<Queue>(*this, i));
  for (size_t worker = queue_count_; worker < wish_.workers; ++worker) {
    relays_.push_back(std::make_unique<Relay>(wish_.tx_descriptors));
    queues_[worker % queue_count_]->add(*relays_.back());
    branches_.push_back(std::make_unique<Branch>(*this, worker, *relays_.back()));
  }
}

// Chooses our MAC and sees to it that frames for it reach us.
Result<void> Port::set_mac() {
  rte_ether_addr own{};
  if (const int error = rte_eth_macaddr_get(id_, &own); error != 0) {
    return failed(wish_, "asking for its MAC address", error);
  }
  MacAddress device_mac;
  std::memcpy(device_mac.bytes.data(), own.addr_bytes, sizeof(own.addr_bytes));
  const DeviceKind kind = wish_.device.kind;
  // A TAP's MAC is that of the kernel's end: we are the other one.
  const bool own_is_peers = kind == DeviceKind::kTap;
  mac_ = !wish_.mac.is_zero()                   ? wish_.mac
         : own_is_peers || device_mac.is_zero() ? wish_.spare_mac
                                                : device_mac;
  if (mac_ == device_mac) {
    if (own_is_peers) {
      return Error{fmt::format("mac {} is that of the kernel's end of {}: choose another",
                               mac_.to_string(), wish_.device.to_string())};
    }
  }
  // Only these filter by address.
  if (kind != DeviceKind::kPci && kind != DeviceKind::kAfPacket && kind != DeviceKind::kAfXdp) {
    return {};
  }
  bool received = mac_ == device_mac;
  if (!received && kind == DeviceKind::kPci) {
    rte_ether_addr ours{};
    std::memcpy(ours.addr_bytes, mac_.bytes.data(), sizeof(ours.addr_bytes));
    received = rte_eth_dev_default_mac_addr_set(id_, &ours) == 0;
  }
  if (received && (!wish_.groups || rte_eth_allmulticast_enable(id_) == 0)) return {};
  if (const int error = rte_eth_promiscuous_enable(id_); error != 0) {
    return failed(wish_, fmt::format("receiving for mac {}", mac_.to_string()), error);
  }
  promiscuous_ = true;
  return {};
}

Result<void> Port::start() {
  // A memif client cannot start before there is a server: poll_link() goes on trying.
  if (is_memif_client()) {
    poll_link();
    return {};
  }
  if (const int error = rte_eth_dev_start(id_); error != 0) {
    return failed(wish_, "starting it", error);
  }
  started_ = true;
  if (rss_.by_device && !apply_rss(id_, rss_, queue_count_)) {
    rss_.by_device = false;
    rss_refused_ = true;
  }
  gate_->open();
  poll_link();
  return {};
}

bool Port::is_memif_client() const {
  return wish_.device.kind == DeviceKind::kMemif && !wish_.device.server;
}

bool Port::poll_link() {
  if (!started_ && is_memif_client()) connect();
  if (!started_) return false;
  rte_eth_link link{};
  const bool up = rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status != 0;
  if (up != link_up_.load(std::memory_order_relaxed) && may_interrupt(wish_)) {
    Queue& queue = *queues_.front();
    if (!up) queue.forget_interrupt();
    interrupts_ = up && queue.interrupt().usable();
  }
  link_up_.store(up, std::memory_order_relaxed);
  polls_down_ = up ? 0 : polls_down_ + 1;
  // The driver does not connect again by itself: neither when a server went, nor when one that was
  // not ready yet refused us. A handshake is over long before we lose patience.
  constexpr unsigned kPatience = 20;
  if (is_memif_client() && polls_down_ >= kPatience) {
    gate_->close();
    gate_->enter(0);  // we ourselves are not in the middle of anything
    if (gate_->all_out()) {
      rte_eth_dev_stop(id_);
      started_ = false;
      polls_down_ = 0;
    }
  }
  return up;
}

// Starts a memif client once there is a server to connect to.
void Port::connect() {
  started_ = somebody_listens(wish_.device.target) && rte_eth_dev_start(id_) == 0;
  if (started_) gate_->open();
}

void Port::close() {
  const QuietTerminal quiet(prints(wish_));
  if (id_ != UINT16_MAX) {
    for (const auto& branch : branches_) branch->close();
    for (const auto& queue : queues_) queue->close();
    finish_handshake();
    if (promiscuous_) rte_eth_promiscuous_disable(id_);
    losses_at_close_ = losses();
    if (started_) rte_eth_dev_stop(id_);
    started_ = false;
    link_up_.store(false, std::memory_order_relaxed);
    rte_eth_dev_close(std::exchange(id_, UINT16_MAX));
  }
  if (device_.empty()) return;
  rte_eal_hotplug_remove(kBus, std::exchange(device_, {}).c_str());
  const bool made_socket = wish_.device.kind == DeviceKind::kVhost || wish_.device.server;
  if (made_socket) unlink(wish_.device.target.c_str());
}

// A memif server dies of a client that goes away in the middle of their handshake.
void Port::finish_handshake() {
  constexpr int kTries = 50;
  const timespec wait{.tv_sec = 0, .tv_nsec = 2'000'000};
  for (int i = 0; is_memif_client() && started_ && i < kTries && !poll_link(); ++i) {
    nanosleep(&wait, nullptr);
  }
}

uint32_t Port::mbufs() const {
  uint32_t mbufs = 0;
  for (const NodePool& pool : pools_) mbufs += pool.pool.size();
  return mbufs;
}

uint32_t Port::mbufs_in_use() const {
  uint32_t used = 0;
  for (const NodePool& pool : pools_) used += pool.pool.missing();
  return used;
}

uint32_t Port::mbufs_missing() const {
  uint32_t missing = 0;
  for (const NodePool& pool : pools_) missing += pool.pool.missing();
  // net_af_xdp never gives back what lies in its fill rings, nor what its completion rings hold.
  constexpr uint32_t kXdpRings = 2 * 2048;
  const uint32_t kept = wish_.device.kind == DeviceKind::kAfXdp ? kXdpRings * queue_count_ : 0;
  return missing - std::min(missing, kept);
}

Wire& Port::wire(size_t index) {
  if (index < queues_.size()) return *queues_[index];
  return *branches_[index - queues_.size()];
}

bool Port::set_table(const std::vector<uint16_t>& table) {
  rss_.table = table;
  return !rss_.by_device || apply_rss(id_, rss_, queue_count_);
}

Sharding Port::sharding() const {
  return {.index = 0, .count = wish_.workers, .rss_key = rss_.key, .rss_table = rss_.table};
}

Port::Losses Port::losses() const {
  if (id_ == UINT16_MAX) return losses_at_close_;
  if (queues_.empty()) return {};  // a driver without queues may look for them
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id_, &stats) != 0) return {};
  return {stats.imissed, stats.rx_nombuf};
}

std::string Port::describe() const {
  const char* interrupts = !wish_.interrupts                    ? ""
                           : interrupts_                        ? ", rx interrupts"
                           : may_interrupt(wish_) && !link_up() ? ", rx interrupts if its peer can"
                                                                : ", no rx interrupts";
  uint32_t mbufs = 0;
  for (const NodePool& pool : pools_) mbufs += pool.pool.size();
  return fmt::format("{}, {}, {}{}, {} mbufs of {} bytes", driver_, describe_queues(),
                     nic::describe(offloads_), interrupts, mbufs, wish_.pool.frame_bytes);
}

std::string Port::describe_queues() const {
  const std::string queues = fmt::format("{} queue{}", queue_count_, queue_count_ == 1 ? "" : "s");
  if (wish_.workers == 1) return queues;
  return fmt::format("{} for {} workers, steering {}", queues, wish_.workers,
                     rss_.by_device
                         ? fmt::format("by the device (a table of {})", rss_.table.size())
                     : rss_refused_ ? "in software (the device did not take our RSS key and table)"
                                    : "in software");
}

}  // namespace millrace::nic
