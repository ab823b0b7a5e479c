// SPDX-License-Identifier: BSD-3-Clause
#include "nic/rx.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>

#include "nic/offload.h"

namespace millrace::nic {

size_t Receiver::receive(std::span<RxFrame> frames, bool& full) {
  const auto wanted = static_cast<uint16_t>(std::min(frames.size(), mbufs_.size()));
  held_ = rte_eth_rx_burst(port_, queue_, mbufs_.data(), wanted);
  full = held_ == wanted;
  for (uint16_t i = 0; i < held_; ++i) rte_prefetch0(rte_pktmbuf_mtod(mbufs_[i], void*));
  size_t count = 0;
  for (uint16_t i = 0; i < held_; ++i) count += view(mbufs_[i], frames[count]) ? 1 : 0;
  tallies_.frames_in.add(held_);
  tallies_.rx_refused.add(held_ - count);
  return count;
}

void Receiver::release() {
  if (held_ != 0) rte_pktmbuf_free_bulk(mbufs_.data(), held_);
  held_ = 0;
}

bool Receiver::view(rte_mbuf* mbuf, RxFrame& frame) const {
  // Drivers without a scatter switch hand on what a peer with a larger MTU sent in pieces.
  if (mbuf->nb_segs > 1 && rte_pktmbuf_linearize(mbuf) != 0) return false;
  frame.data = rte_pktmbuf_mtod(mbuf, const std::byte*);
  frame.length = mbuf->data_len;
  frame.rss_hash = rss_hash_ && (mbuf->ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0 ? mbuf->hash.rss : 0;
  frame.ip_checksum = ChecksumVerdict::kUnknown;
  frame.l4_checksum = ChecksumVerdict::kUnknown;
  if (verdicts_) read_verdicts(frame, *mbuf);
  return true;
}

}  // namespace millrace::nic
