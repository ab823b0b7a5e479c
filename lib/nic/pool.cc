// SPDX-License-Identifier: BSD-3-Clause
#include "nic/pool.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace millrace::nic {
namespace {

constexpr uint32_t kDescriptorsMin = 64;
constexpr uint32_t kDescriptorsMax = 32768;
constexpr uint32_t kCacheSize = 256;
// Mbufs in no ring: bursts on their way in and out, those set aside to send with, and the cache,
// that holds up to half as much again as its size.
constexpr uint32_t kInFlight = 4 * 64 + kCacheSize + kCacheSize / 2;
constexpr uint32_t kMbufsMax = 16u << 20;
// What EAL and the drivers allocate beside the pool.
constexpr uint32_t kOtherMemoryMb = 32;

uint32_t held_by_rings(const PoolWish& wish) {
  uint32_t count = uint32_t{wish.rx_descriptors} + wish.tx_descriptors;
  // net_tap keeps a second chain of that length to scatter one frame into; net_af_xdp fills two
  // rings of its own of 2048 buffers whatever it is told.
  if (wish.kind == DeviceKind::kTap) count += wish.rx_descriptors;
  if (wish.kind == DeviceKind::kAfXdp) count += 2 * 4096;
  return count;
}

Result<void> check_descriptors(const char* name, uint32_t count) {
  if (count >= kDescriptorsMin && count <= kDescriptorsMax && std::has_single_bit(count)) return {};
  return Error{fmt::format("{} is {}: choose a power of two from {} to {}", name, count,
                           kDescriptorsMin, kDescriptorsMax)};
}

}  // namespace

Result<PoolPlan> plan_pool(const PoolWish& wish) {
  if (auto ok = check_descriptors("rx_descriptors", wish.rx_descriptors); !ok) return ok.error();
  if (auto ok = check_descriptors("tx_descriptors", wish.tx_descriptors); !ok) return ok.error();

  PoolPlan plan;
  plan.of_worker = kInFlight;
  plan.of_queue = held_by_rings(wish) + wish.handed_over / wish.queues;
  const uint32_t least = plan.of_queue * wish.queues + plan.of_worker * wish.workers;
  if (wish.mbufs == 0) {
    // A mempool's ring has a power of two of slots, and uses one less; of many mbufs it is not
    // worth filling up.
    plan.mbufs = wish.workers == 1 ? std::bit_ceil(least + least / 2) - 1 : least + least / 8;
  } else if (wish.mbufs < least || wish.mbufs > kMbufsMax) {
    return Error{
        fmt::format("mbufs is {}: the device's rings and bursts hold {}, so choose {} to "
                    "{}, or smaller rings",
                    wish.mbufs, least, least, kMbufsMax)};
  } else {
    plan.mbufs = wish.mbufs;
  }

  // A whole frame in one piece; in steps of 1 KiB, which is how many NICs count buffer sizes.
  uint32_t frame_bytes = uint32_t{wish.mtu} + kLinkBytes;
  // A slot of net_af_packet's ring is as long as its mbufs, and begins with the kernel's header.
  if (wish.kind == DeviceKind::kAfPacket) frame_bytes += kPacketSlotHeader;
  plan.frame_bytes = static_cast<uint16_t>(std::max(2048u, (frame_bytes + 1023) / 1024 * 1024));

  constexpr uint64_t kMegabyte = 1u << 20;
  // No mbuf lies across pages, and those may be of 4 KiB.
  constexpr uint64_t kPage = 4096;
  const uint64_t bytes =
      sizeof(rte_mbuf) + sizeof(rte_mempool_objhdr) + RTE_PKTMBUF_HEADROOM + plan.frame_bytes + 64;
  const uint64_t bytes_each = (bytes + kPage - 1) / kPage * kPage;
  const auto needed_mb =
      static_cast<uint32_t>((plan.mbufs * bytes_each + kMegabyte - 1) / kMegabyte) + kOtherMemoryMb;
  if (wish.memory_mb != 0 && wish.memory_mb < needed_mb) {
    return Error{
        fmt::format("memory_mb is {}: {} mbufs of {} bytes need {}; give it that much, or "
                    "lower mbufs",
                    wish.memory_mb, plan.mbufs, plan.frame_bytes, needed_mb)};
  }
  plan.memory_mb = std::max(wish.memory_mb, needed_mb);
  return plan;
}

std::string pool_name(int node) { return fmt::format("millrace{}", node); }

Result<Pool> Pool::create(const PoolPlan& plan, int node) {
  Pool pool;
  const auto room = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + plan.frame_bytes);
  const std::string name = pool_name(node);
  for (const int where : {node, SOCKET_ID_ANY}) {
    pool.pool_ = rte_pktmbuf_pool_create(name.c_str(), plan.mbufs, kCacheSize, 0, room, where);
    if (pool.pool_ != nullptr) break;
  }
  if (pool.pool_ == nullptr) {
    return Error{fmt::format("no memory for {} mbufs of {} bytes ({}): free some, or lower mbufs",
                             plan.mbufs, plan.frame_bytes, rte_strerror(rte_errno))};
  }
  return pool;
}

Pool::~Pool() { rte_mempool_free(pool_); }
Pool::Pool(Pool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
Pool& Pool::operator=(Pool&& other) noexcept {
  std::swap(pool_, other.pool_);
  return *this;
}

uint32_t Pool::size() const { return pool_ == nullptr ? 0 : pool_->size; }

uint32_t Pool::missing() const { return pool_ == nullptr ? 0 : rte_mempool_in_use_count(pool_); }

}  // namespace millrace::nic
