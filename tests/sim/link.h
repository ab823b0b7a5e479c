// SPDX-License-Identifier: BSD-3-Clause
// One direction of a wire, with everything that can go wrong on it: rate, delay, a queue that
// overflows, loss (random and in bursts), duplication, reordering by extra delay, bit errors,
// truncation, congestion marks, ECN cleared, lost ARP, outages. Three verbs: accept a frame, say
// when you next act, act. All of it is a function of the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "millrace/time.h"
#include "random.h"

namespace millrace::sim {

struct LinkConfig {
  // The wire itself, for ever.
  uint64_t bits_per_second = 0;  // 0: no limit
  Duration delay = milliseconds(1);
  uint32_t queue_frames = 1000;  // waiting for the wire; more are dropped

  // A narrow hop on the way, from `narrow_from` to `narrow_until`: IP packets of more than
  // `path_mtu` bytes do not get through (0: there is none). No fault: it may stay for ever.
  enum class Narrow : uint8_t {
    kTells,         // the router names the MTU (RFC 1191)
    kTellsNoValue,  // an older one, which only says that the packet was too large
    kSilent,        // a black hole
  };
  uint16_t path_mtu = 0;
  Narrow narrow = Narrow::kTells;
  Instant narrow_from;
  Instant narrow_until = Instant::never();

  // Faults, until World's faults_end.
  double loss = 0;
  double burst_begin = 0;   // Gilbert's model: chance per frame to enter the bad state ...
  double burst_end = 0.3;   // ... to leave it ...
  double burst_loss = 0.8;  // ... and of loss while in it
  double duplicate = 0;
  // Chance that a frame is overtaken by exactly so many that come after it on this wire, or by
  // those of them that leave within overtaken_wait.
  double overtaken = 0;
  uint32_t overtaken_by = 0;
  Duration overtaken_wait = milliseconds(1);
  double reorder = 0;
  Duration reorder_extra = milliseconds(5);  // at most
  double corrupt = 0;
  double truncate = 0;
  double mark = 0;         // of what is open to marks (RFC 3168 section 5)
  bool clear_ect = false;  // the ECN field of every packet is cleared
  bool clear_ace = false;  // AE, CWR and ECE are, of every segment but SYN and SYN-ACK
  double arp_loss = 0;
  uint32_t arp_lost_first = 0;  // this many ARP frames are lost for certain
  struct Outage {
    Instant begin;
    Instant end;
  };
  std::vector<Outage> outages;
};

// What became of a frame that a host put on the wire.
enum class Fate : uint8_t {
  kDelivered,
  kLost,
  kQueueFull,
  kOutage,
  kCorrupted,
  kTruncated,
  kDuplicated,
  kReordered,
  kTooLarge,
  kMarked,
  kEcnCleared,
};
inline constexpr size_t kFateCount = 11;
const char* to_string(Fate fate);

struct Delivery {
  Instant time;
  uint64_t order = 0;
  bool damaged = false;
  std::vector<std::byte> bytes;
};

class Link {
 public:
  Link(const LinkConfig& config, Instant faults_end, Random random);

  // Accepts a frame; it is scheduled for delivery, or not.
  Fate accept(Instant now, std::vector<std::byte> frame);
  // When take() next has something to give; Instant::never() when nothing is on the wire.
  [[nodiscard]] Instant next() const;
  // Requires: next() <= now.
  Delivery take();

 private:
  // A frame that lets others pass.
  struct Overtaken {
    uint32_t left = 0;
    Instant latest;
    std::vector<std::byte> frame;
  };

  void schedule(Instant time, bool damaged, std::vector<std::byte> frame);
  void let_overtaken_go(Instant arrival, uint32_t passed_by);
  [[nodiscard]] Instant next_overtaken() const;
  bool loses(bool arp);
  void flip_bits(std::span<std::byte> frame);
  Fate touch_ecn(std::span<std::byte> frame);

  LinkConfig config_;
  Instant faults_end_;
  Random random_;
  bool burst_ = false;
  uint32_t arp_seen_ = 0;
  uint64_t order_ = 0;
  Instant busy_until_;
  std::deque<Instant> departures_;  // of frames that still wait for the wire
  std::vector<Delivery> heap_;      // earliest first
  std::vector<Overtaken> overtaken_;
};

}  // namespace millrace::sim
