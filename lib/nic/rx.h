// SPDX-License-Identifier: BSD-3-Clause
// One receive queue: mbufs in, frame views out. Must hold: an mbuf lives until release(), so that
// the views stay valid for the turn.
//
// A frame in several mbufs (a peer with a larger MTU, segments that the device has joined) is
// copied into one piece. What does not fit the memory for that waits for the next burst.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "millrace/frame.h"
#include "nic/wire.h"

struct rte_mbuf;

namespace millrace::nic {

class Receiver {
 public:
  static constexpr uint32_t kFrameBytesMax = 14 + 8 + 65'535;  // with two VLAN tags
  static constexpr size_t kJoinBytes = 256 * 1024;             // for frames in pieces, in a burst

  // `tags`: frames may have VLAN tags, which are taken off; else they stay where they are.
  Receiver(uint16_t port, uint16_t queue, bool verdicts, bool rss_hash, bool tags,
           WireTallies& tallies)
      : port_(port),
        queue_(queue),
        verdicts_(verdicts),
        rss_hash_(rss_hash),
        tags_(tags),
        tallies_(tallies) {}

  // As Wire::receive() and Wire::release().
  size_t receive(std::span<RxFrame> frames, bool& full);
  void release();
  // Fetches a burst, if there is none already. Whether receive() would have frames.
  bool fetch();
  // As Wire::keep() and Wire::give_back().
  void* keep(size_t index, RxFrame& frame);
  void give_back(std::span<void* const> tokens);
  // Gives back all mbufs.
  void close();

 private:
  // A frame that came in pieces and is kept, joined anew.
  struct Whole {
    bool used = false;
  };
  static constexpr size_t kWholeFrames = 32;
  static constexpr uintptr_t kWholeMark = 2;  // in a token that counts them; none is in an mbuf's

  // `bytes`: all of the frame, in memory of ours.
  void view(const rte_mbuf* mbuf, std::byte* bytes, RxFrame& frame) const;
  // Null when there is no room for it now.
  std::byte* join(const rte_mbuf* mbuf);
  static void copy_pieces(const rte_mbuf* mbuf, std::byte* to);

  uint16_t port_;
  uint16_t queue_;
  bool verdicts_;
  bool rss_hash_;
  bool tags_;
  WireTallies& tallies_;
  // Of the mbufs of a burst, [first_, next_) lie behind views, [next_, held_) wait.
  uint16_t first_ = 0;
  uint16_t next_ = 0;
  uint16_t held_ = 0;
  std::array<rte_mbuf*, Wire::kBurstMax> mbufs_{};
  std::unique_ptr<std::byte[]> joined_ = std::make_unique_for_overwrite<std::byte[]>(kJoinBytes);
  size_t joined_bytes_ = 0;
  std::array<uint16_t, Wire::kBurstMax> origins_{};  // the mbuf of each view
  std::array<Whole, kWholeFrames> wholes_;
  // Touched on use only.
  std::unique_ptr<std::byte[]> whole_bytes_ =
      std::make_unique_for_overwrite<std::byte[]>(kWholeFrames * kFrameBytesMax);
};

}  // namespace millrace::nic
