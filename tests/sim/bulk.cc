// SPDX-License-Identifier: BSD-3-Clause
#include "bulk.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "link.h"
#include "millrace/shard.h"
#include "random.h"
#include "scenario.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kBufferBytes = 64u << 20;
constexpr size_t kPatternBytes = 65'521;  // a prime: no segment size divides it
constexpr uint64_t kTurnsAtOnceMax = 100'000;

// What is sent, over and over.
const std::vector<std::byte>& pattern() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> made(kPatternBytes);
    Random random(1);
    for (std::byte& b : made) b = static_cast<std::byte>(random.next() & 0xff);
    return made;
  }();
  return bytes;
}

// What is left of the pattern from byte `at` of the stream.
std::span<const std::byte> rest_of_pattern(uint64_t at) {
  return std::span(pattern()).subspan(static_cast<size_t>(at % kPatternBytes));
}

class Sender final : public App {
 public:
  ConnectionId id;
  bool closed = false;

 private:
  void fill(Shard& shard) {
    for (;;) {
      const auto data = rest_of_pattern(sent_);
      const size_t taken = shard.send_static(id, data);
      sent_ += taken;
      if (taken < data.size()) return;
    }
  }
  void on_established(Shard& shard, ConnectionRef connection) override {
    id = connection.id;
    fill(shard);
  }
  size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
    return data.size();
  }
  void on_writable(Shard& shard, ConnectionRef) override { fill(shard); }
  void on_peer_closed(Shard&, ConnectionRef) override {}
  void on_closed(Shard&, ConnectionRef, CloseReason) override { closed = true; }

  uint64_t sent_ = 0;
};

class Receiver final : public App {
 public:
  uint64_t bytes = 0;
  bool wrong = false;

 private:
  void on_established(Shard&, ConnectionRef) override {}
  size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
    for (size_t done = 0; done < data.size();) {
      const auto expected = rest_of_pattern(bytes);
      const size_t n = std::min(expected.size(), data.size() - done);
      wrong = wrong || !std::equal(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(n),
                                   data.begin() + static_cast<ptrdiff_t>(done));
      done += n;
      bytes += n;
    }
    return data.size();
  }
  void on_peer_closed(Shard&, ConnectionRef) override {}
  void on_closed(Shard&, ConnectionRef, CloseReason) override {}
};

// A shard and the frames that wait for its next turn.
struct Host {
  std::unique_ptr<Shard> shard;
  std::vector<std::vector<std::byte>> inbox;

  void turn(Instant now, Link& wire) {
    std::array<RxFrame, Shard::kBurstMax> burst;
    for (size_t first = 0; first < inbox.size();) {
      const size_t count = std::min(burst.size(), inbox.size() - first);
      for (size_t i = 0; i < count; ++i) {
        burst[i] = {};
        burst[i].data = inbox[first + i].data();
        burst[i].length = static_cast<uint32_t>(inbox[first + i].size());
        burst[i].ip_checksum = burst[i].l4_checksum = ChecksumVerdict::kGood;
      }
      shard->receive(now, std::span(burst).first(count));
      first += count;
    }
    inbox.clear();
    shard->advance(now);
    std::array<TxFrame, 32> frames;
    while (const size_t count = shard->transmit(now, frames)) {
      for (size_t i = 0; i < count; ++i) {
        std::vector<std::byte> bytes(frames[i].total_bytes());
        const size_t written = write_frame(frames[i], bytes);
        bytes.resize(written);
        wire.accept(now, std::move(bytes));
      }
    }
  }
};

class Bulk {
 public:
  explicit Bulk(const BulkPlan& plan) : plan_(plan) {
    LinkConfig there;
    there.bits_per_second = plan.bits_per_second;
    there.queue_frames = plan.queue_frames;
    there.delay = plan.round_trip / 2;
    LinkConfig back = there;
    back.queue_frames = UINT32_MAX;
    there.loss = plan.loss;
    there.overtaken = plan.overtaken;
    there.overtaken_by = plan.overtaken_by;
    there.overtaken_wait = plan.round_trip / 8;
    const Random root(plan.seed);
    wires_.emplace_back(there, Instant::never(), root.fork(1));
    wires_.emplace_back(back, Instant::never(), root.fork(2));
    for (size_t i = 0; i < 2; ++i) {
      ShardConfig config = shard_config(i, plan.seed);
      config.connections_max = 16;
      config.half_open_max = 16;
      config.time_wait_max = 16;
      config.flight_runs_max = 1u << 17;
      auto shard = Shard::create(config, now_);
      if (!shard) {
        result_.failure = shard.error().message;
        return;
      }
      hosts_[i].shard = std::move(*shard);
    }
    const Endpoint server{IpAddress::v4(host_ip(1)), kFirstListenPort};
    const auto listener = hosts_[1].shard->listen(server, receiver_, plan.options);
    if (!listener) result_.failure = listener.error().message;
    const auto id = hosts_[0].shard->connect(server, sender_, 0, plan.options);
    if (!id) result_.failure = id.error().message;
    for (size_t i = 0; i < 2 && result_.ok(); ++i) hosts_[i].turn(now_, wires_[i]);
  }

  BulkResult run() {
    const Instant begin = Instant{} + plan_.warm_up;
    Instant trace_at = plan_.trace.ns == 0 ? Instant::never() : Instant{};
    bool measuring = false;
    while (result_.ok()) {
      const Instant next = next_event();
      if (!measuring && next >= begin) {
        measuring = true;
        begin_measurement(begin);
      }
      const Instant end = begin + plan_.length;
      const bool enough = plan_.bytes_max != 0 && receiver_.bytes >= first_byte_ + plan_.bytes_max;
      if (measuring && (enough || next >= end)) {
        end_measurement(enough ? now_ : end);
        break;
      }
      if (next >= trace_at) {
        trace(trace_at);
        trace_at = trace_at + plan_.trace;
      }
      step(next, measuring);
    }
    return result_;
  }

 private:
  [[nodiscard]] Instant next_event() const {
    Instant next = Instant::never();
    for (const Link& wire : wires_) next = std::min(next, wire.next());
    for (const Host& host : hosts_) next = std::min(next, host.shard->next_deadline());
    return std::max(next, now_);
  }

  void step(Instant next, bool measuring) {
    if (next == Instant::never()) return fail("nothing will ever happen again");
    turns_at_once_ = next > now_ ? 0 : turns_at_once_ + 1;
    if (turns_at_once_ > kTurnsAtOnceMax) return fail("time stands still");
    if (measuring) integrate(next - now_);
    now_ = next;
    for (size_t i = 0; i < 2; ++i) {
      while (wires_[i].next() <= now_) hosts_[1 - i].inbox.push_back(wires_[i].take().bytes);
    }
    for (size_t i = 0; i < 2; ++i) {
      if (!hosts_[i].inbox.empty() || hosts_[i].shard->next_deadline() <= now_) {
        hosts_[i].turn(now_, wires_[i]);
      }
    }
    if (receiver_.wrong) fail("the stream is not the one that was sent");
    if (sender_.closed) fail("the connection is over");
  }

  void integrate(Duration step) {
    const auto info = hosts_[0].shard->info(sender_.id);
    if (!info || step.ns == 0) return;
    cwnd_seconds_ += info->snd_cwnd * step.seconds();
    rtt_seconds_ += info->rtt.seconds() * step.seconds();
  }

  void begin_measurement(Instant begin) {
    now_ = std::max(now_, begin);
    began_ = now_;
    first_byte_ = receiver_.bytes;
    for (size_t i = 0; i < kCounterCount; ++i) {
      result_.sender_counts[i] = hosts_[0].shard->counters().get(static_cast<Counter>(i));
    }
  }

  void end_measurement(Instant end) {
    result_.bytes = receiver_.bytes - first_byte_;
    result_.length = end - began_;
    result_.mean_cwnd_bytes = cwnd_seconds_ / result_.length.seconds();
    result_.mean_rtt =
        nanoseconds(static_cast<int64_t>(rtt_seconds_ / result_.length.seconds() * 1e9));
    for (size_t i = 0; i < kCounterCount; ++i) {
      const uint64_t before = result_.sender_counts[i];
      result_.sender_counts[i] = hosts_[0].shard->counters().get(static_cast<Counter>(i)) - before;
    }
  }

  void trace(Instant when) const {
    const auto info = hosts_[0].shard->info(sender_.id);
    if (!info) return;
    const Counters& counters = hosts_[0].shard->counters();
    const double mss = kBulkSegmentBytes;
    std::fprintf(stderr,
                 "%9.4f s cwnd %8.1f ssthresh %8.1f flight %8.1f srtt %8.3f ms rto %lld ms "
                 "received %llu resent %llu fast %llu undo %llu rto %llu tlp %llu\n",
                 static_cast<double>(when.ns) * 1e-9, info->snd_cwnd / mss,
                 info->snd_ssthresh == UINT32_MAX ? -1.0 : info->snd_ssthresh / mss,
                 info->unacked_bytes / mss, info->rtt.seconds() * 1e3,
                 static_cast<long long>(info->rto.milliseconds()),
                 static_cast<unsigned long long>(receiver_.bytes),
                 static_cast<unsigned long long>(info->total_retrans),
                 static_cast<unsigned long long>(counters.get(Counter::kTcpExtTCPFastRetrans)),
                 static_cast<unsigned long long>(counters.get(Counter::kTcpExtTCPFullUndo)),
                 static_cast<unsigned long long>(counters.get(Counter::kTcpExtTCPTimeouts)),
                 static_cast<unsigned long long>(counters.get(Counter::kTcpExtTCPLossProbes)));
  }

  void fail(const char* what) {
    if (result_.ok()) result_.failure = what;
  }

  const BulkPlan& plan_;
  BulkResult result_;
  Instant now_;
  std::vector<Link> wires_;
  Sender sender_;
  Receiver receiver_;
  std::array<Host, 2> hosts_;
  uint64_t turns_at_once_ = 0;
  Instant began_;
  uint64_t first_byte_ = 0;
  double cwnd_seconds_ = 0;
  double rtt_seconds_ = 0;
};

double from_window(double segments, Duration round_trip) {
  return segments * kBulkSegmentBytes * 8 / round_trip.seconds();
}

}  // namespace

BulkPlan goodput_plan(CongestionControl congestion, double loss, Duration round_trip,
                      uint32_t overtaken_by, uint64_t seed) {
  BulkPlan plan;
  plan.options.congestion = congestion;
  plan.options.send_buffer_bytes = plan.options.receive_buffer_bytes = kBufferBytes;
  plan.options.receive_autotuning = false;
  plan.round_trip = round_trip;
  const double product = static_cast<double>(plan.bits_per_second) * round_trip.seconds() / 8;
  plan.queue_frames = std::max(128u, static_cast<uint32_t>(product / kBulkWireBytes));
  plan.loss = loss;
  plan.overtaken_by = overtaken_by;
  plan.overtaken = overtaken_by == 0 ? 0 : 0.02;
  plan.seed = seed;
  plan.warm_up = milliseconds(500) + round_trip * (loss == 0 ? 25 : 100);
  plan.length = round_trip * 4000;
  plan.bytes_max = uint64_t{150'000} * kBulkSegmentBytes;
  return plan;
}

BulkPlan default_plan() {
  BulkPlan plan;
  plan.bits_per_second = 300'000'000;
  plan.round_trip = milliseconds(100);
  plan.queue_frames = 2500;  // a bandwidth-delay product
  plan.warm_up = {};
  plan.length = seconds(5);
  return plan;
}

BulkResult run_bulk(const BulkPlan& plan) { return Bulk(plan).run(); }

double mathis_bits_per_second(double loss, Duration round_trip) {
  return from_window(std::sqrt(1.5 / loss), round_trip);
}

double cubic_bits_per_second(double loss, Duration round_trip) {
  constexpr double kC = 0.4;
  constexpr double kBeta = 0.7;
  const double window = std::pow(kC * (3 + kBeta) / (4 * (1 - kBeta)), 0.25) *
                        std::pow(round_trip.seconds() / loss, 0.75);
  return std::max(from_window(window, round_trip), mathis_bits_per_second(loss, round_trip));
}

}  // namespace millrace::sim
