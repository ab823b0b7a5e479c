// SPDX-License-Identifier: BSD-3-Clause
// One transmit queue: frame descriptions in, mbufs out. Mbufs are set aside before the core is
// asked for frames, so that no frame is described that could not be sent. What the device does not
// take waits here, and while it does nothing more is fetched from the core.
//
// A description of several segments (TxFrame::segment_bytes) becomes a chain of mbufs that the
// device cuts. It takes no more mbufs than it has segments, for each of which room() has set one
// aside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/frame.h"
#include "millrace/time.h"
#include "nic/offload.h"
#include "nic/relay.h"
#include "nic/wire.h"

struct rte_mbuf;
struct rte_mempool;

namespace millrace::nic {

class Sender {
 public:
  // With a relay, what is sent goes there, and another worker's Sender forwards it.
  Sender(uint16_t port, uint16_t queue, const Offloads& offloads, rte_mempool* pool,
         WireTallies& tallies, Relay* relay = nullptr)
      : port_(port),
        queue_(queue),
        device_sums_(offloads.tx_tcp_checksum),
        device_sums_ip_(offloads.tx_ip_checksum),
        device_cuts_(offloads.tso),
        device_tags_(offloads.tags_in),
        pool_(pool),
        tallies_(tallies),
        relay_(relay) {}
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // As in Wire.
  size_t room(Instant now);
  void send(std::span<const TxFrame> frames);
  [[nodiscard]] bool pending() const { return waiting_ != 0; }
  void discard(size_t further);
  // Sends, or gives up, what is in another's relay; returns how many frames.
  size_t forward(Relay& relay, Instant now);
  size_t discard(Relay& relay);
  // Gives back the mbufs that are set aside.
  void close();

 private:
  void add_any(const TxFrame& frame);
  void add(const TxFrame& frame);
  void add_cut(const TxFrame& frame);
  void fill(rte_mbuf* mbuf, const TxFrame& frame) const;
  void describe(rte_mbuf* mbuf, const TxFrame& frame) const;
  void chain(rte_mbuf* head, const TxFrame& frame);
  bool clear(Instant now);
  void push();
  void prepare();

  uint16_t port_;
  uint16_t queue_;
  bool device_sums_;     // it completes TCP checksums
  bool device_sums_ip_;  // and those of the IP headers that it writes
  bool device_cuts_;
  bool device_tags_;  // it puts in the tag of a frame that has one only
  rte_mempool* pool_;
  WireTallies& tallies_;
  Relay* relay_;

  // Frames for the device: the first `waiting_` behind `first_`.
  std::array<rte_mbuf*, Wire::kBurstMax> frames_{};
  uint16_t first_ = 0;
  uint16_t waiting_ = 0;
  Instant give_up_ = Instant::never();  // when what waits is given up
  // Mbufs to write into.
  std::array<rte_mbuf*, Wire::kBurstMax> spare_{};
  uint16_t spare_count_ = 0;
};

}  // namespace millrace::nic
