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
#include <utility>

#include "millrace/config.h"
#include "nic/device_args.h"
#include "nic/eal.h"
#include "nic/precheck.h"
#include "nic/quiet_terminal.h"
#include "nic/rx.h"
#include "nic/rx_interrupt.h"
#include "nic/tx.h"

namespace millrace::nic {

// A queue pair of the port, and the port's only one for now.
class Port::Queue final : public Wire {
 public:
  explicit Queue(Port& port)
      : port_(port),
        interrupt_(port.id_, 0),
        receiver_(port.id_, 0, port.offloads_.rx_checksum, port.offloads_.rss_hash, tallies_),
        sender_(port.id_, 0, port.offloads_, port.pool_.get(), tallies_) {}

  size_t receive(std::span<RxFrame> frames, bool& full) override {
    full = false;
    return port_.started_ ? receiver_.receive(frames, full) : 0;
  }
  void release() override { receiver_.release(); }
  bool wait(Duration length) override {
    if (!port_.interrupts_ || !interrupt_.arm()) return false;
    if (!receiver_.fetch()) interrupt_.wait(length);
    interrupt_.disarm();
    return true;
  }
  size_t room(Instant now) override { return port_.started_ ? sender_.room(now) : 0; }
  void send(std::span<const TxFrame> frames) override { sender_.send(frames); }
  [[nodiscard]] bool pending() const override { return sender_.pending(); }
  void discard(size_t further) override { sender_.discard(further); }
  bool poll_link() override { return port_.poll_link(); }

  [[nodiscard]] const RxInterrupt& interrupt() const { return interrupt_; }
  void forget_interrupt() { interrupt_.forget(); }

  void close() {
    forget_interrupt();
    receiver_.close();
    sender_.close();
  }

 private:
  Port& port_;
  RxInterrupt interrupt_;
  Receiver receiver_;
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

// A memif, a packet ring or an XDP socket never interrupts; a NIC may, but was never tried.
bool may_interrupt(const PortWish& wish) {
  const DeviceKind kind = wish.device.kind;
  return wish.interrupts && (kind == DeviceKind::kVirtioUser || kind == DeviceKind::kVhost ||
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
  port->queue_ = std::make_unique<Queue>(*port);
  if (auto ok = port->start(); !ok) return ok.error();
  return port;
}

Port::Port(const PortWish& wish) : wish_(wish) {}
Port::~Port() { close(); }

Result<void> Port::probe() {
  const std::string name = device_name(wish_.device);
  if (wish_.device.kind != DeviceKind::kPci) {
    const RingSizes sizes{wish_.rx_descriptors, wish_.tx_descriptors, wish_.pool.frame_bytes};
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
  const int socket = std::max(0, rte_eth_dev_socket_id(id_));
  auto pool = Pool::create(wish_.pool, socket);
  if (!pool) return pool.error();
  pool_ = std::move(*pool);

  offloads_ = negotiate(driver_, info.rx_offload_capa, info.tx_offload_capa, wish_.segmentation);
  if (offloads_.tso) tso_bytes_max_ = largest_chain(info, wish_);
  rte_eth_conf conf{};
  conf.rxmode.mtu = any_mtu ? std::min<uint16_t>(wish_.mtu, RTE_ETHER_MTU) : wish_.mtu;
  conf.rxmode.offloads = offloads_.rx_flags;
  conf.txmode.offloads = offloads_.tx_flags;
  conf.intr_conf.rxq = may_interrupt(wish_) ? 1 : 0;
  if (const int error = rte_eth_dev_configure(id_, 1, 1, &conf); error != 0) {
    return failed(wish_, "configuring it", error);
  }
  // The kernel's end of a TAP is ours to set up, and has to agree with this one.
  if (wish_.device.kind == DeviceKind::kTap) {
    if (const int error = rte_eth_dev_set_mtu(id_, wish_.mtu); error != 0) {
      return failed(wish_, fmt::format("setting mtu {}", wish_.mtu), error);
    }
  }
  auto [rx_descriptors, tx_descriptors] = ring_sizes(wish_);
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
  rte_eth_rxconf rx = info.default_rxconf;
  rx.offloads = conf.rxmode.offloads;
  const auto node = static_cast<unsigned>(socket);
  if (const int error = rte_eth_rx_queue_setup(id_, 0, rx_descriptors, node, &rx, pool_.get());
      error != 0) {
    return failed(wish_, "setting up its receive queue", error);
  }
  rte_eth_txconf tx = info.default_txconf;
  tx.offloads = conf.txmode.offloads;
  if (const int error = rte_eth_tx_queue_setup(id_, 0, tx_descriptors, node, &tx); error != 0) {
    return failed(wish_, "setting up its transmit queue", error);
  }
  return {};
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
    if (!up) queue_->forget_interrupt();
    interrupts_ = up && queue_->interrupt().usable();
  }
  link_up_.store(up, std::memory_order_relaxed);
  polls_down_ = up ? 0 : polls_down_ + 1;
  // The driver does not connect again by itself: neither when a server went, nor when one that was
  // not ready yet refused us. A handshake is over long before we lose patience.
  constexpr unsigned kPatience = 20;
  if (is_memif_client() && polls_down_ == kPatience) {
    rte_eth_dev_stop(id_);
    started_ = false;
    polls_down_ = 0;
  }
  return up;
}

// Starts a memif client once there is a server to connect to.
void Port::connect() {
  started_ = somebody_listens(wish_.device.target) && rte_eth_dev_start(id_) == 0;
}

void Port::close() {
  const QuietTerminal quiet(prints(wish_));
  if (id_ != UINT16_MAX) {
    if (queue_) queue_->close();
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

uint32_t Port::mbufs_missing() const {
  // net_af_xdp never gives back what lies in its fill ring, nor what its completion ring holds.
  constexpr uint32_t kXdpRings = 2 * 2048;
  const uint32_t kept = wish_.device.kind == DeviceKind::kAfXdp ? kXdpRings : 0;
  return pool_.missing() - std::min(pool_.missing(), kept);
}

Wire& Port::wire() { return *queue_; }

Port::Losses Port::losses() const {
  if (id_ == UINT16_MAX) return losses_at_close_;
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id_, &stats) != 0) return {};
  return {stats.imissed, stats.rx_nombuf};
}

std::string Port::describe() const {
  const char* interrupts = !wish_.interrupts                    ? ""
                           : interrupts_                        ? ", rx interrupts"
                           : may_interrupt(wish_) && !link_up() ? ", rx interrupts if its peer can"
                                                                : ", no rx interrupts";
  return fmt::format("{}, 1 queue, {}{}, {} mbufs of {} bytes", driver_, nic::describe(offloads_),
                     interrupts, wish_.pool.mbufs, wish_.pool.frame_bytes);
}

}  // namespace millrace::nic
