// SPDX-License-Identifier: BSD-3-Clause
// One receive queue: mbufs in, frame views out. Must hold: an mbuf lives until release(), so that
// the views stay valid for the turn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/frame.h"
#include "nic/wire.h"

struct rte_mbuf;

namespace millrace::nic {

class Receiver {
 public:
  Receiver(uint16_t port, uint16_t queue, bool verdicts, bool rss_hash, WireTallies& tallies)
      : port_(port), queue_(queue), verdicts_(verdicts), rss_hash_(rss_hash), tallies_(tallies) {}

  // As Wire::receive() and Wire::release().
  size_t receive(std::span<RxFrame> frames, bool& full);
  void release();

 private:
  bool view(rte_mbuf* mbuf, RxFrame& frame) const;

  uint16_t port_;
  uint16_t queue_;
  bool verdicts_;
  bool rss_hash_;
  WireTallies& tallies_;
  uint16_t held_ = 0;
  std::array<rte_mbuf*, Wire::kBurstMax> mbufs_{};
};

}  // namespace millrace::nic
