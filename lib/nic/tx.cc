// SPDX-License-Identifier: BSD-3-Clause
#include "nic/tx.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include "base/check.h"

namespace millrace::nic {

Sender::~Sender() { close(); }

size_t Sender::room(Instant now) {
  if (waiting_ != 0) {
    const uint16_t before = waiting_;
    push();
    if (waiting_ != 0) {
      const bool moved = waiting_ != before;
      if (moved || give_up_ == Instant::never()) {
        give_up_ = now + Wire::kStuckAfter;
      } else if (now >= give_up_) {
        discard(0);
      }
      return 0;
    }
  }
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
    rte_mbuf* mbuf = spare_[--spare_count_];
    fill(mbuf, frame);
    frames_[waiting_++] = mbuf;
  }
  first_ = 0;
  if (device_sums_) prepare();
  push();
  if (waiting_ != 0) tallies_.tx_full.add(1);
}

void Sender::fill(rte_mbuf* mbuf, const TxFrame& frame) const {
  std::byte* out = rte_pktmbuf_mtod(mbuf, std::byte*);
  const size_t bytes = frame.total_bytes();
  mbuf->data_len = static_cast<uint16_t>(bytes);
  mbuf->pkt_len = static_cast<uint32_t>(bytes);
  if (!frame.l4_checksum_needed || !device_sums_) {
    write_frame(frame, {out, rte_pktmbuf_tailroom(mbuf)});
    return;
  }
  mbuf->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM;
  mbuf->ol_flags |= frame.is_ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  mbuf->l2_len = frame.l2_bytes;
  mbuf->l3_len = frame.l3_bytes;
  mbuf->l4_len = frame.l4_bytes;
  rte_memcpy(out, frame.header.data(), frame.header_bytes);
  out += frame.header_bytes;
  for (size_t i = 0; i < frame.payload_spans; ++i) {
    const auto piece = frame.payload[i];
    rte_memcpy(out, piece.data(), piece.size());
    out += piece.size();
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
  const uint16_t taken = rte_eth_tx_burst(port_, queue_, frames_.data() + first_, waiting_);
  first_ = static_cast<uint16_t>(first_ + taken);
  waiting_ = static_cast<uint16_t>(waiting_ - taken);
  tallies_.frames_out.add(taken);
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
