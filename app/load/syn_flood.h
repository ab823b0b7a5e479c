// SPDX-License-Identifier: BSD-3-Clause
// SYNs without connections behind them: from many addresses and ports, as fast as the wire takes
// them or at a rate, and what the target says to each. In: a plan. Out: counts that other threads
// may read.
//
//     resolving --ARP answers--> flooding --time or count is up--> listening --timeout--> done
//
// SYN number i comes from address i % A, port i / A, and so on from the beginning once every tuple
// has been used; its sequence number is a keyed hash of i. Of several shards each passes over the
// numbers whose answers would reach another. So an answer names its SYN without any
// record, and a bit for each of the last 2^26 tells a first answer from a repeated one.
//
// Must hold: sent = SYN-ACKs + RSTs + unanswered; repeated and foreign segments count apart.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/count.h"
#include "load/latency.h"
#include "load/schedule.h"
#include "load/sources.h"
#include "load/tally.h"
#include "millrace/engine.h"

namespace millrace::load {

struct SynPlan {
  Endpoint target;
  uint64_t rate = 0;                  // SYNs per second; 0: as fast as the device takes them
  Duration duration = seconds(10);    // 0: until the count is reached or stop()
  uint64_t count = 0;                 // SYNs; 0: no limit
  Duration timeout = seconds(1);      // for ARP at first, and for answers at the end
  std::vector<AddressRange> sources;  // addresses to send from; empty: `address`
  IpAddress address;
  bool reset = false;  // answer SYN-ACKs by RST, as a host does that knows nothing of them
  uint16_t mss = 1460;
  TcpOptions tcp;  // which other options a SYN carries
  uint64_t seed = 1;
  Instant start_at;  // no SYN before; of the shard's clock
};

struct SynCounts {
  cli::Count scheduled;  // with a rate
  cli::Count skipped;    // the generator stalled for longer than it may catch up
  cli::Count sent;
  cli::Count syn_acks;
  cli::Count resets;
  cli::Count repeated;  // answers to a SYN that has had one
  cli::Count foreign;   // segments that answer no SYN of ours
};

// One plan for each of `workers`, or of fewer where there is not that much to do.
std::vector<SynPlan> divide(const SynPlan& plan, size_t workers);

class SynFlood final : public Program, private RawHandler {
 public:
  static constexpr uint16_t kPortFirst = 1024;
  static constexpr uint32_t kPortCount = 65536 - kPortFirst;

  explicit SynFlood(const SynPlan& plan);

  Result<void> start(Shard& shard) override;
  void turn(Shard& shard) override;
  void stopping(Shard& shard) override;
  [[nodiscard]] bool finished() const override { return phase_ == Phase::kDone; }

  // --- For other threads, at any time ---------------------------------------------------------
  [[nodiscard]] const SynCounts& counts() const { return counts_; }
  // The same in the words of connections: SYNs launch them, SYN-ACKs establish them, RSTs refuse
  // them.
  [[nodiscard]] TallySnapshot snapshot() const;
  // From SYN to SYN-ACK, by the clock in the timestamp that comes back: nothing without timestamps.
  [[nodiscard]] const Latencies& latencies() const { return latencies_; }
  // never(): nothing was sent.
  [[nodiscard]] Instant began() const { return began_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool running() const { return running_.load(std::memory_order_relaxed); }

  // --- When the worker has ended --------------------------------------------------------------
  // How long SYNs were sent, and how many answers had come in that time; rates come from these.
  [[nodiscard]] Duration ran_for() const { return ran_for_; }
  [[nodiscard]] uint64_t answered_in_time() const { return answered_in_time_; }
  [[nodiscard]] uint64_t tuples() const { return tuples_; }
  // Why nothing was sent; empty when something was.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  enum class Phase : uint8_t { kResolving, kFlooding, kListening, kDone };
  static constexpr uint64_t kWindow = uint64_t{1} << 26;

  [[nodiscard]] uint64_t answered() const { return counts_.syn_acks.get() + counts_.resets.get(); }
  [[nodiscard]] uint32_t sequence_of(uint64_t index) const;
  [[nodiscard]] std::optional<uint64_t> index_of(const RawSegment& answer) const;
  bool first_answer_to(uint64_t index);
  void resolve(Shard& shard);
  void begin(Shard& shard);
  void end_flooding();
  void advance();
  [[nodiscard]] uint64_t allowed() const;

  bool on_segment(Shard& shard, const RawSegment& segment) override;
  size_t transmit(Shard& shard, std::span<TxFrame> out) override;
  [[nodiscard]] bool has_output() const override;

  SynPlan plan_;
  Sources sources_;
  uint64_t tuples_;
  std::vector<uint64_t> answered_;  // a bit for each of the last kWindow SYNs
  std::optional<Schedule> schedule_;
  SynCounts counts_;
  Latencies latencies_;

  Phase phase_ = Phase::kResolving;
  std::atomic<bool> running_{false};
  Instant now_;
  std::optional<Instant> resolving_since_;
  RawPath path_;
  RawSegment syn_;            // but for tuple and sequence number
  uint64_t next_ = 0;         // the number of the next SYN
  uint32_t next_port_ = 0;    // of SYN next_
  uint64_t next_source_ = 0;  // the same
  std::atomic<Instant> began_{Instant::never()};
  Instant end_;
  Duration ran_for_;
  uint64_t answered_in_time_ = 0;
  std::string error_;
};

}  // namespace millrace::load
