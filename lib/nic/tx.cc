// SPDX-License-Identifier: BSD-3-Clause
#include "nic/tx.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "wire/vlan.h"

namespace millrace::nic {

Sender::~Sender() { close(); }

// Offers what waits once more; true when nothing did or does any longer.
bool Sender::clear(Instant now) {
  if (waiting_ == 0) return true;
  const uint16_t before = waiting_;
  push();
  if (waiting_ == 0) return true;
  const bool moved = waiting_ != before;
  if (moved || give_up_ == Instant::never()) {
    give_up_ = now + Wire::kStuckAfter;
  } else if (now >= give_up_) {
    discard(0);
  }
  return false;
}

size_t Sender::room(Instant now) {
  if (!clear(now)) return 0;
  if (spare_count_ < Wire::kBurstMax / 2) {
    const auto lacking = static_cast<unsigned>(Wire::kBurstMax - spare_count_);
    if (rte_pktmbuf_alloc_bulk(pool_, spare_.data() + spare_count_, lacking) == 0) {
      spare_count_ = Wire::kBurstMax;
    } else if (spare_count_ == 0) {
      tallies_.no_buffers.add(1);
    }
  }
  return spare_count_;
}

void Sender::send(std::span<const TxFrame> frames) {
  MR_ASSERT(waiting_ == 0 && frames.size() <= spare_count_);
  for (const TxFrame& frame : frames) {
    if (frame.vlan.tagged() && device_tags_ && frame.vlan.inner() == 0) [[unlikely]] {
      TxFrame untagged = frame;
      untagged.vlan = {};
      add_any(untagged);
      frames_[waiting_ - 1]->ol_flags |= RTE_MBUF_F_TX_VLAN;
      frames_[waiting_ - 1]->vlan_tci = frame.vlan.outer();
    } else {
      add_any(frame);
    }
  }
  first_ = 0;
  if ((device_sums_ || device_tags_) && relay_ == nullptr) prepare();
  push();
  if (waiting_ != 0) tallies_.tx_full.add(1);
}

size_t Sender::forward(Relay& relay, Instant now) {
  size_t count = 0;
  while (clear(now)) {
    waiting_ = static_cast<uint16_t>(relay.pop(frames_.data(), frames_.size()));
    if (waiting_ == 0) break;
    count += waiting_;
    first_ = 0;
    if (device_sums_ || device_tags_) prepare();
    push();
    if (waiting_ != 0) tallies_.tx_full.add(1);
  }
  return count;
}

size_t Sender::discard(Relay& relay) {
  std::array<rte_mbuf*, Wire::kBurstMax> mbufs;
  size_t count = 0;
  while (const size_t n = relay.pop(mbufs.data(), mbufs.size())) {
    rte_pktmbuf_free_bulk(mbufs.data(), static_cast<unsigned>(n));
    count += n;
  }
  tallies_.tx_dropped.add(count);
  return count;
}

void Sender::add_any(const TxFrame& frame) {
  if (frame.segment_bytes != 0) [[unlikely]] {
    add_cut(frame);
  } else {
    add(frame);
  }
}

void Sender::add(const TxFrame& frame) {
  rte_mbuf* mbuf = spare_[--spare_count_];
  fill(mbuf, frame);
  frames_[waiting_++] = mbuf;
}

void Sender::add_cut(const TxFrame& frame) {
  MR_ASSERT(device_cuts_ && frame.segments() <= spare_count_);
  rte_mbuf* mbuf = spare_[--spare_count_];
  describe(mbuf, frame);
  mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
  mbuf->tso_segsz = frame.segment_bytes;
  chain(mbuf, frame);
  frames_[waiting_++] = mbuf;
}

namespace {

// With its tags; returns its bytes.
size_t copy_header(std::byte* to, const TxFrame& frame) {
  if (frame.vlan.tagged()) [[unlikely]]
    return wire::write_tagged_header(to, frame);
  rte_memcpy(to, frame.header.data(), frame.header_bytes);
  return frame.header_bytes;
}

}  // namespace

void Sender::fill(rte_mbuf* mbuf, const TxFrame& frame) const {
  std::byte* out = rte_pktmbuf_mtod(mbuf, std::byte*);
  const size_t bytes = frame.total_bytes();
  mbuf->data_len = static_cast<uint16_t>(bytes);
  mbuf->pkt_len = static_cast<uint32_t>(bytes);
  if (!frame.l4_checksum_needed || !device_sums_) {
    write_frame(frame, {out, rte_pktmbuf_tailroom(mbuf)});
    return;
  }
  describe(mbuf, frame);
  out += copy_header(out, frame);
  for (size_t i = 0; i < frame.payload_spans; ++i) {
    const auto piece = frame.payload[i];
    rte_memcpy(out, piece.data(), piece.size());
    out += piece.size();
  }
}

// What the device needs to know to complete the checksum.
void Sender::describe(rte_mbuf* mbuf, const TxFrame& frame) const {
  mbuf->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM;
  mbuf->ol_flags |= frame.is_ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  mbuf->l2_len = frame.l2_bytes + frame.vlan.tag_bytes();
  mbuf->l3_len = frame.l3_bytes;
  mbuf->l4_len = frame.l4_bytes;
}

// Headers and payload into `head` and as many further mbufs as it takes.
void Sender::chain(rte_mbuf* head, const TxFrame& frame) {
  std::byte* out = rte_pktmbuf_mtod(head, std::byte*);
  const size_t header_bytes = copy_header(out, frame);
  if (device_sums_ip_ && !frame.is_ipv6) {
    constexpr size_t kIpChecksumAt = 10;
    head->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    std::memset(out + head->l2_len + kIpChecksumAt, 0, 2);
  }
  head->pkt_len = static_cast<uint32_t>(frame.total_bytes());
  rte_mbuf* tail = head;
  size_t room = rte_pktmbuf_tailroom(head) - header_bytes;
  out += header_bytes;
  tail->data_len = static_cast<uint16_t>(header_bytes);
  for (std::span<const std::byte> piece : std::span(frame.payload).first(frame.payload_spans)) {
    while (!piece.empty()) {
      if (room == 0) {
        MR_ASSERT(spare_count_ != 0);
        tail->next = spare_[--spare_count_];
        tail = tail->next;
        ++head->nb_segs;
        tail->data_len = 0;
        room = rte_pktmbuf_tailroom(tail);
        out = rte_pktmbuf_mtod(tail, std::byte*);
      }
      const size_t n = std::min(room, piece.size());
      rte_memcpy(out, piece.data(), n);
      tail->data_len = static_cast<uint16_t>(tail->data_len + n);
      out += n;
      room -= n;
      piece = piece.subspan(n);
    }
  }
}

// Lets the driver check and adapt what its hardware wants; a frame that it refuses is dropped, or
// it would block the queue for ever.
void Sender::prepare() {
  uint16_t ready = 0;
  while (ready < waiting_) {
    ready += rte_eth_tx_prepare(port_, queue_, frames_.data() + ready,
                                static_cast<uint16_t>(waiting_ - ready));
    if (ready == waiting_) break;
    rte_pktmbuf_free(frames_[ready]);
    for (uint16_t i = ready; i + 1 < waiting_; ++i) frames_[i] = frames_[i + 1];
    --waiting_;
    tallies_.tx_dropped.add(1);
  }
}

void Sender::push() {
  rte_mbuf** const from = frames_.data() + first_;
  const auto taken = relay_ != nullptr ? static_cast<uint16_t>(relay_->push(from, waiting_))
                                       : rte_eth_tx_burst(port_, queue_, from, waiting_);
  first_ = static_cast<uint16_t>(first_ + taken);
  waiting_ = static_cast<uint16_t>(waiting_ - taken);
  if (relay_ == nullptr) tallies_.frames_out.add(taken);
  if (waiting_ == 0) give_up_ = Instant::never();
}

void Sender::discard(size_t further) {
  if (waiting_ != 0) rte_pktmbuf_free_bulk(frames_.data() + first_, waiting_);
  tallies_.tx_dropped.add(waiting_ + further);
  waiting_ = 0;
  give_up_ = Instant::never();
}

void Sender::close() {
  discard(0);
  if (spare_count_ != 0) rte_pktmbuf_free_bulk(spare_.data(), spare_count_);
  spare_count_ = 0;
}

}  // namespace millrace::nic
