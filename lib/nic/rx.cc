// SPDX-License-Identifier: BSD-3-Clause
#include "nic/rx.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "nic/offload.h"
#include "wire/vlan.h"

namespace millrace::nic {

bool Receiver::fetch() {
  if (next_ == held_) {
    first_ = next_ = 0;
    held_ = rte_eth_rx_burst(port_, queue_, mbufs_.data(), Wire::kBurstMax);
    tallies_.frames_in.add(held_);
    for (uint16_t i = 0; i < held_; ++i) rte_prefetch0(rte_pktmbuf_mtod(mbufs_[i], void*));
  }
  return next_ != held_;
}

size_t Receiver::receive(std::span<RxFrame> frames, bool& full) {
  fetch();
  size_t count = 0;
  for (; next_ < held_ && count < frames.size(); ++next_) {
    const rte_mbuf* mbuf = mbufs_[next_];
    RxFrame& frame = frames[count];
    std::byte* bytes = rte_pktmbuf_mtod(mbuf, std::byte*);
    if (mbuf->nb_segs > 1) [[unlikely]] {
      if (mbuf->pkt_len > kFrameBytesMax) {
        tallies_.rx_refused.add(1);
        continue;
      }
      bytes = join(mbuf);
      if (bytes == nullptr) break;
    }
    view(mbuf, bytes, frame);
    origins_[count++] = next_;
  }
  full = held_ == Wire::kBurstMax || next_ != held_;
  return count;
}

void Receiver::release() {
  if (next_ != first_) rte_pktmbuf_free_bulk(mbufs_.data() + first_, next_ - first_);
  first_ = next_;
  joined_bytes_ = 0;
}

// An empty place in the burst is passed over by release().
void* Receiver::keep(size_t index, RxFrame& frame) {
  rte_mbuf*& mbuf = mbufs_[origins_[index]];
  if (mbuf->nb_segs == 1) return std::exchange(mbuf, nullptr);
  const auto whole =
      std::find_if(wholes_.begin(), wholes_.end(), [](const Whole& w) { return !w.used; });
  if (whole == wholes_.end()) return nullptr;
  whole->used = true;
  const auto number = static_cast<size_t>(whole - wholes_.begin());
  std::byte* const bytes = whole_bytes_.get() + number * kFrameBytesMax;
  copy_pieces(mbuf, bytes);
  view(mbuf, bytes, frame);
  return reinterpret_cast<void*>(number << 2 | kWholeMark);
}

void Receiver::give_back(std::span<void* const> tokens) {
  MR_ASSERT(tokens.size() <= Wire::kBurstMax);
  std::array<rte_mbuf*, Wire::kBurstMax> mbufs;
  unsigned count = 0;
  for (void* const token : tokens) {
    const auto bits = reinterpret_cast<uintptr_t>(token);
    if ((bits & kWholeMark) != 0) {
      wholes_[bits >> 2].used = false;
    } else {
      mbufs[count++] = static_cast<rte_mbuf*>(token);
    }
  }
  if (count != 0) rte_pktmbuf_free_bulk(mbufs.data(), count);
}

void Receiver::close() {
  next_ = held_;
  release();
}

std::byte* Receiver::join(const rte_mbuf* mbuf) {
  if (mbuf->pkt_len > kJoinBytes - joined_bytes_) return nullptr;
  std::byte* const begin = joined_.get() + joined_bytes_;
  copy_pieces(mbuf, begin);
  joined_bytes_ += mbuf->pkt_len;
  return begin;
}

void Receiver::copy_pieces(const rte_mbuf* mbuf, std::byte* to) {
  for (const rte_mbuf* piece = mbuf; piece != nullptr; piece = piece->next) {
    rte_memcpy(to, rte_pktmbuf_mtod(piece, const void*), piece->data_len);
    to += piece->data_len;
  }
}

void Receiver::view(const rte_mbuf* mbuf, std::byte* bytes, RxFrame& frame) const {
  frame.data = bytes;
  frame.length = mbuf->pkt_len;
  frame.vlan = {};
  frame.rss_hash = rss_hash_ && (mbuf->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0 ? mbuf->hash.rss : 0;
  frame.ip_checksum = ChecksumVerdict::kUnknown;
  frame.l4_checksum = ChecksumVerdict::kUnknown;
  if (verdicts_) read_verdicts(frame, *mbuf);
  if (!tags_) [[likely]]
    return;
  read_vlan(frame, *mbuf);
  wire::take_off_tags(bytes, frame);
}

}  // namespace millrace::nic
