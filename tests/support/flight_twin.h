// SPDX-License-Identifier: BSD-3-Clause
// The record of what is in flight (lib/tcp/flight.*, rack.*) beside a naive twin that keeps the
// truth about every single byte. In: choices, each a number below a bound, from a seeded generator
// or from a fuzzer. Out: nothing, or a sentence about what is wrong.
//
// With memory for all runs both agree in everything. Without, what is known gets coarser: then the
// record may miss what was sacked and hold more for lost, but it never calls sacked what is not,
// its sums are right, its runs cover what is in flight, and no connection is left without one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/slab.h"
#include "tcp/flight.h"
#include "tcp/rack.h"
#include "tcp/rtt.h"

namespace millrace::test {

class FlightTwin {
 public:
  // `connections` share a slab that has `extra_runs` beyond one for each of them.
  FlightTwin(uint32_t connections, uint32_t extra_runs, uint32_t isn, uint32_t flight_max)
      : exact_(extra_runs >= connections * flight_max && flight_max < tcp::kRunsMax),
        flight_max_(flight_max),
        blocks_(*tcp::Blocks::create(1, 1, false)),
        senders_(*base::Slab<tcp::Sender>::create(connections, false)),
        runs_(*base::Slab<tcp::Run>::create(connections + extra_runs, false)),
        profiles_(1),
        flows_(connections) {
    ctx_.counters = &counters_;
    ctx_.events = &events_;
    ctx_.blocks = &blocks_;
    ctx_.senders = &senders_;
    ctx_.runs = &runs_;
    ctx_.profiles = &profiles_;
    ctx_.now_us = 0xffff'f000;  // wraps soon
    for (Flow& f : flows_) {
      f.c.state = State::kEstablished;
      f.c.snd_mss = 10;
      f.c.srtt_us8 = 8 * 1000;
      f.c.set(tcp::kSack);
      f.c.snd_una = f.c.snd_nxt = f.c.snd_end = tcp::SeqNum(isn);
    }
  }

  // One operation; `choose(n)` is a number below n.
  template <class Choose>
  std::optional<std::string> step(Choose&& choose) {
    Flow& f = flows_[choose(static_cast<uint32_t>(flows_.size()))];
    switch (choose(12)) {
      case 0:
      case 1:
      case 2:
        send(f, 1 + choose(30), choose(64) == 0);
        break;
      case 3:
        ctx_.now_us += 8 + choose(1500);  // more than what is as good as the same time
        ctx_.tick = ctx_.now_us / 1000;
        break;
      case 4:
      case 5:
      case 6:
        acknowledge(f, choose);
        break;
      case 7:
        detect(f);
        break;
      case 8:
      case 9:
        resend(f, 1 + choose(25), choose(4) == 0 ? 1 + choose(25) : 25);
        break;
      case 10:
        switch (choose(4)) {
          case 0:
            lose_all(f);
            break;
          case 1:
            find_all(f);
            break;
          case 2:
            set_phase(f, choose(2) == 0 ? tcp::Phase::kOpen : tcp::Phase::kFast);
            break;
          default:
            resend_tail(f, 1 + choose(12));
        }
        break;
      default:
        lose_front(f, 1 + choose(25));
    }
    for (const Flow& each : flows_) check(each);
    return wrong_;
  }

  // Everything is acknowledged; nothing may be left in use.
  std::optional<std::string> finish() {
    for (Flow& f : flows_) {
      set_phase(f, tcp::Phase::kOpen);
      tcp::Delivery d;
      cumulate(f, static_cast<uint32_t>(f.bytes.size()), d);
      tcp::close_sender(f.c, ctx_);
    }
    require(senders_.used() == 0 && runs_.used() == 0 && ctx_.flights == 0, "all is given back");
    return wrong_;
  }

  [[nodiscard]] uint32_t runs_used() const { return runs_.used(); }

 private:
  struct Byte {
    uint32_t sent_us = 0;
    bool sacked = false;
    bool lost = false;
    bool resent = false;
    bool timeless = false;  // was lost or sacked: the record need not know when it was sent,
    bool blurred = false;   // was sacked: nor whether it was sent again
    bool measures = true;   // so that its arrival tells a round trip
  };
  struct Flow {
    tcp::Connection c;
    std::deque<Byte> bytes;  // what is in flight
    // RACK, byte by byte.
    uint32_t rack_sent_us = 0, rack_rtt_us = 0, min_rtt_us = 0;
    tcp::SeqNum rack_end, fack;
    bool reordering_seen = false;
  };

  void require(bool holds, const char* what) {
    if (!holds && !wrong_) wrong_ = what;
  }
  tcp::Sender* sender(const Flow& f) {
    return f.c.sender == tcp::kNil ? nullptr : &senders_[f.c.sender];
  }
  // The side object, which begins to know RACK when it is made and with each new flight.
  tcp::Sender& open(Flow& f) {
    const bool made = f.c.sender == tcp::kNil;
    const bool begins = made || senders_[f.c.sender].head == tcp::kNil;
    tcp::Sender& r = tcp::open_sender(f.c, ctx_);
    note_opened(f, made, begins);
    return r;
  }
  void note_opened(Flow& f, bool made, bool begins) {
    if (made) {
      f.min_rtt_us = f.c.srtt_us8 >> 3;
      f.reordering_seen = false;
      f.rack_sent_us = f.rack_rtt_us = 0;
      f.rack_end = f.fack = tcp::SeqNum{};
    }
    if (begins && f.c.flight() != 0) {
      f.rack_rtt_us = 0;
      f.fack = f.c.snd_una;
    }
  }

  void send(Flow& f, uint32_t n, bool fin) {
    tcp::Connection& c = f.c;
    n = std::min<uint32_t>(n, flight_max_ - std::min<uint32_t>(flight_max_, c.flight()));
    if (n == 0 || c.has(tcp::kFinSent)) return;
    const bool had = c.sender != tcp::kNil;
    const bool headless = !had || senders_[c.sender].head == tcp::kNil;
    tcp::note_new_text(c, ctx_);
    if (c.sender != tcp::kNil && headless && senders_[c.sender].head != tcp::kNil) {
      note_opened(f, !had, true);
    }
    c.snd_nxt += n;
    c.snd_end = fin ? c.snd_nxt - 1 : c.snd_nxt;
    if (fin) c.set(tcp::kFinSent);
    tcp::time_segment(c, ctx_, c.snd_nxt);
    f.bytes.insert(f.bytes.end(), n, Byte{ctx_.now_us});
  }

  // --- RACK, RFC 8985 section 6.2.
  static bool sent_after(uint32_t a_us, tcp::SeqNum a_end, uint32_t b_us, tcp::SeqNum b_end) {
    return a_us == b_us ? a_end > b_end : static_cast<int32_t>(a_us - b_us) > 0;
  }
  void deliver(Flow& f, size_t at, tcp::SeqNum fack_before, tcp::Delivery& d) {
    const Byte& b = f.bytes[at];
    const tcp::SeqNum end = f.c.snd_una + static_cast<uint32_t>(at) + 1;
    ++d.bytes;
    if (!b.resent) d.original = true;
    if (!b.resent && b.lost) d.original_lost = true;
    const uint32_t rtt = std::max(1u, ctx_.now_us - b.sent_us);
    if (b.resent && rtt < f.min_rtt_us) return;
    if (!b.resent && b.measures) {
      f.min_rtt_us = f.min_rtt_us == 0 ? rtt : std::min(f.min_rtt_us, rtt);
      d.rtt_us = d.rtt_us == 0 ? rtt : std::min(d.rtt_us, rtt);
    }
    if (!b.resent && end < fack_before) f.reordering_seen = true;
    f.fack = max(f.fack, end);
    if (f.rack_rtt_us == 0 || sent_after(b.sent_us, end, f.rack_sent_us, f.rack_end)) {
      f.rack_sent_us = b.sent_us;
      f.rack_end = end;
      f.rack_rtt_us = rtt;
    }
  }
  uint32_t window_us(const Flow& f) const {
    const tcp::Sender& r = senders_[f.c.sender];
    if (!f.reordering_seen && (r.phase != tcp::Phase::kOpen || sacked(f) / f.c.snd_mss >= 3)) {
      return 0;
    }
    return std::min(f.min_rtt_us * r.reo_wnd_mult / 4, f.c.srtt_us8 >> 3);
  }
  static uint32_t sacked(const Flow& f) {
    return static_cast<uint32_t>(
        std::count_if(f.bytes.begin(), f.bytes.end(), [](const Byte& b) { return b.sacked; }));
  }

  // --- Operations on both.
  template <class Choose>
  void acknowledge(Flow& f, Choose&& choose) {
    tcp::Connection& c = f.c;
    const uint32_t flight = c.flight();
    const uint32_t acked = choose(2) == 0 ? 0 : choose(flight + 1);
    wire::Segment s;
    s.ack = c.snd_una + acked;
    std::byte raw[32];
    s.sack_blocks = raw;
    s.sack_count = static_cast<uint8_t>(choose(5));
    for (uint8_t i = 0; i < s.sack_count; ++i) {
      // Mostly sound: within what is in flight, or a little around it.
      const uint32_t begin = c.snd_una.raw() + choose(flight + 8) - 2;
      const uint32_t end = begin + choose(40) - (choose(16) == 0 ? 20 : 0);
      put(raw + 8 * i, begin);
      put(raw + 8 * i + 4, end);
    }
    if (flight == 0 && c.sender == tcp::kNil) return;
    adopt(f);
    tcp::Delivery expected;
    tcp::Delivery got;
    if (c.sender == tcp::kNil && s.sack_count == 0) {
      f.bytes.erase(f.bytes.begin(), f.bytes.begin() + acked);
      c.snd_una = s.ack;
    } else {
      tcp::Sender& r = open(f);
      got.fack = r.fack;
      const tcp::SeqNum fack = f.fack;
      expect_sacked(f, s, fack, expected);
      if (s.sack_count != 0) tcp::deliver_sacked(c, r, ctx_, s, got);
      expected.sacked = expected.bytes;
      expect_cumulated(f, acked, fack, expected);
      if (acked != 0) cumulate_record(f, r, s.ack, got);
      f.bytes.erase(f.bytes.begin(), f.bytes.begin() + acked);
      c.snd_una = s.ack;
      if (exact_) {
        require(got.bytes == expected.bytes, "as many bytes arrived for the first time");
        require(got.sacked == expected.sacked, "as many of them out of order");
        require(got.original == expected.original, "something arrived that was sent once");
        require(got.rtt_us == expected.rtt_us, "the round trip of what was sent last");
      } else {
        require(got.bytes <= flight, "no more arrived than was in flight");
      }
      tcp::trim_sender(c, ctx_);
    }
    end_timing(c);
  }
  void cumulate(Flow& f, uint32_t acked, tcp::Delivery& d) {
    if (acked == 0) return;
    if (f.c.sender != tcp::kNil) cumulate_record(f, open(f), f.c.snd_una + acked, d);
    f.bytes.erase(f.bytes.begin(), f.bytes.begin() + acked);
    f.c.snd_una += acked;
    end_timing(f.c);
  }
  void cumulate_record(Flow& f, tcp::Sender& r, tcp::SeqNum una, tcp::Delivery& d) {
    tcp::deliver_up_to(f.c, r, ctx_, una, d);
  }
  void end_timing(tcp::Connection& c) {
    if (c.snd_una >= c.rtt_seq || c.flight() == 0) c.clear(tcp::kRttTiming);
    if (c.flight() == 0) {
      c.clear(tcp::kFinSent);  // as if another connection began here
      c.snd_end = c.snd_nxt;
    }
  }
  void expect_sacked(Flow& f, const wire::Segment& s, tcp::SeqNum fack, tcp::Delivery& d) {
    const tcp::SeqNum una = f.c.snd_una;
    std::vector<std::pair<int32_t, int32_t>> blocks;
    for (uint8_t i = 0; i < s.sack_count; ++i) {
      const wire::SackBlock block = s.sack_block(i);
      const int32_t begin = tcp::SeqNum::distance(una, block.begin);
      const int32_t end = tcp::SeqNum::distance(una, block.end);
      if (begin >= end || end > static_cast<int32_t>(f.bytes.size())) continue;
      const int32_t ack = tcp::SeqNum::distance(una, s.ack);
      if (i == 0) {  // RFC 2883
        const bool below = end <= ack;
        const bool within = s.sack_count > 1 && s.sack_block(1).begin <= block.begin &&
                            block.end <= s.sack_block(1).end;
        if (below || within) continue;
      }
      if (begin >= 0) blocks.emplace_back(std::max(begin, ack), end);
    }
    std::sort(blocks.begin(), blocks.end());
    for (const auto& [begin, end] : blocks) {
      for (int32_t at = begin; at < end; ++at) {
        Byte& b = f.bytes[static_cast<size_t>(at)];
        if (b.sacked) continue;
        deliver(f, static_cast<size_t>(at), fack, d);
        b.sacked = b.timeless = b.blurred = true;
        b.lost = false;
      }
    }
  }
  void expect_cumulated(Flow& f, uint32_t acked, tcp::SeqNum fack, tcp::Delivery& d) {
    for (size_t at = 0; at < acked; ++at) {
      if (!f.bytes[at].sacked) deliver(f, at, fack, d);
    }
  }

  void detect(Flow& f) {
    if (f.c.sender == tcp::kNil || f.c.flight() == 0) return;
    tcp::Sender& r = open(f);
    bool expected_news = false;
    uint32_t expected_wait = 0;
    if (f.rack_rtt_us != 0) {
      const uint32_t wnd = window_us(f);
      for (size_t at = 0; at < f.bytes.size(); ++at) {
        Byte& b = f.bytes[at];
        const tcp::SeqNum end = f.c.snd_una + static_cast<uint32_t>(at) + 1;
        if (b.sacked || b.lost || !sent_after(f.rack_sent_us, f.rack_end, b.sent_us, end)) continue;
        const auto left = static_cast<int32_t>(b.sent_us + f.rack_rtt_us + wnd - ctx_.now_us);
        if (left > 0) {
          expected_wait = std::max(expected_wait, static_cast<uint32_t>(left));
        } else {
          b.lost = b.timeless = expected_news = true;
        }
      }
    }
    bool news = false;
    const uint32_t wait = tcp::rack_detect_loss(f.c, r, ctx_, news);
    if (exact_) {
      require(news == expected_news, "something is lost by now");
      require(wait == expected_wait, "when more may be");
    } else {
      adopt(f);
    }
  }

  void lose_all(Flow& f) {
    if (f.c.flight() == 0) return;
    tcp::Sender& r = open(f);
    const tcp::Run& head = runs_[r.head];
    const uint32_t head_bytes = tcp::run_end(f.c, ctx_, head) - head.begin;
    const bool reneged = exact_ ? f.bytes.front().sacked : (head.flags & tcp::kSacked) != 0;
    if (reneged) {
      f.rack_rtt_us = 0;
      f.fack = f.c.snd_una;
    }
    const uint32_t rtt = f.rack_rtt_us != 0 ? f.rack_rtt_us : f.c.srtt_us8 >> 3;
    const uint32_t due = rtt + window_us(f);
    for (size_t at = 0; at < f.bytes.size(); ++at) {
      Byte& b = f.bytes[at];
      if (reneged) b.sacked = false;
      if (b.sacked) continue;
      const bool young = static_cast<int32_t>(b.sent_us + due - ctx_.now_us) > 0;
      if (reneged || at < head_bytes || !young) b.lost = b.timeless = true;
    }
    tcp::lose_all(f.c, r, ctx_);
    if (!exact_) adopt(f);
  }
  void lose_front(Flow& f, uint32_t n) {
    if (f.c.flight() == 0) return;
    tcp::Sender& r = open(f);
    const uint32_t bytes = std::min(n + with_fin(f.c, f.c.snd_una, n), f.c.flight());
    bool expected = false;
    for (uint32_t at = 0; at < bytes; ++at) {
      Byte& b = f.bytes[at];
      if (b.sacked || b.lost) continue;
      b.lost = b.timeless = expected = true;
    }
    const bool news = tcp::lose_front(f.c, r, ctx_, n);
    if (exact_) {
      require(news == expected, "news that the front is lost");
    } else {
      adopt(f);
    }
  }
  void find_all(Flow& f) {
    if (f.c.sender == tcp::kNil) return;
    tcp::find_all(senders_[f.c.sender], ctx_);
    for (Byte& b : f.bytes) b.lost = false;
    adopt(f);  // when each was sent has been forgotten
  }
  static uint32_t with_fin(const tcp::Connection& c, tcp::SeqNum begin, uint32_t bytes) {
    return c.has(tcp::kFinSent) && begin + bytes == c.snd_end ? 1 : 0;
  }

  void resend(Flow& f, uint32_t bytes_max, uint32_t fits) {
    if (f.c.sender == tcp::kNil) return;
    tcp::Sender& r = senders_[f.c.sender];
    tcp::SeqNum begin;
    const uint32_t length = tcp::next_lost(f.c, r, ctx_, bytes_max, begin);
    if (exact_) {
      const auto lost = [](const Byte& b) { return b.lost; };
      const auto first = std::find_if(f.bytes.begin(), f.bytes.end(), lost);
      const auto at = static_cast<uint32_t>(first - f.bytes.begin());
      const auto end = std::find_if_not(first, f.bytes.end(), lost);
      const tcp::SeqNum expected = f.c.snd_una + at;
      const uint32_t most = bytes_max + with_fin(f.c, expected, bytes_max);
      require(length == std::min(static_cast<uint32_t>(end - first), most), "how much is lost");
      require(length == 0 || begin == expected, "where it begins");
    }
    if (length == 0 || wrong_) return;
    require(length <= bytes_max + 1, "no more than asked for");
    const uint32_t sent = std::min(length, fits);
    tcp::note_resent(f.c, r, ctx_, sent);
    f.c.clear(tcp::kRttTiming);
    const uint32_t at = begin - f.c.snd_una;
    for (uint32_t i = at; i < at + sent; ++i) {
      f.bytes[i].lost = f.bytes[i].timeless = f.bytes[i].blurred = false;
      f.bytes[i].measures = true;
      f.bytes[i].resent = true;
      f.bytes[i].sent_us = ctx_.now_us;
    }
    if (!exact_) adopt(f);
  }
  void resend_tail(Flow& f, uint32_t n) {
    if (f.c.flight() == 0) return;
    tcp::Sender& r = open(f);
    n = std::min(n, f.c.flight());
    // A probe is sent while nothing is sacked.
    if (r.sacked_bytes != 0) return;
    tcp::note_resent_tail(f.c, r, ctx_, n);
    f.c.clear(tcp::kRttTiming);
    for (size_t i = f.bytes.size() - n; i < f.bytes.size(); ++i) {
      f.bytes[i] = Byte{ctx_.now_us, false, false, true};
    }
    if (!exact_) adopt(f);
  }
  void set_phase(Flow& f, tcp::Phase phase) {
    if (f.c.sender != tcp::kNil) senders_[f.c.sender].phase = phase;
  }

  // The twin takes over what the record has forgotten or could not keep apart.
  void adopt(Flow& f) {
    const tcp::Sender* r = sender(f);
    if (r == nullptr) return;
    for (uint32_t index = r->head; index != tcp::kNil; index = runs_[index].next) {
      const tcp::Run& run = runs_[index];
      const uint32_t end = tcp::run_end(f.c, ctx_, run) - f.c.snd_una;
      for (uint32_t at = run.begin - f.c.snd_una; at < end && at < f.bytes.size(); ++at) {
        Byte& b = f.bytes[at];
        if (!exact_ || b.timeless) {
          b.sent_us = run.sent_us;
          b.measures =
              (run.flags & tcp::kMixed) == 0 || ((run.flags & tcp::kCut) == 0 && at + 1 == end);
        }
        if (!exact_ || b.blurred) b.resent = (run.flags & tcp::kResent) != 0;
        if (!exact_) b.lost = (run.flags & tcp::kLost) != 0;
        if (!b.lost && !b.sacked) b.timeless = b.blurred = false;
      }
    }
  }

  void check(const Flow& f) {
    const tcp::Connection& c = f.c;
    require(c.flight() == f.bytes.size(), "both have as much in flight");
    require(runs_.used() <= runs_.capacity(), "no more runs than there are");
    const tcp::Sender* r = sender(f);
    if (r == nullptr || r->head == tcp::kNil) {
      require(r == nullptr || (r->runs == 0 && r->sacked_bytes == 0 && r->lost_bytes == 0),
              "without runs nothing is known");
      if (!exact_ || c.flight() == 0) return;
      // Not written down: all was sent at one time.
      for (const Byte& b : f.bytes) require(b.sent_us == c.rtt_began_us, "sent in one flush");
      return;
    }
    const uint32_t most = tcp::kRunsMax + c.flight() / c.snd_mss + tcp::kRunsToResend;
    uint32_t sacked_bytes = 0;
    uint32_t lost_bytes = 0;
    uint16_t count = 0;
    uint32_t at = 0;
    require(runs_[r->head].begin == c.snd_una, "the first run begins at snd_una");
    for (uint32_t index = r->head; index != tcp::kNil && !wrong_; index = runs_[index].next) {
      const tcp::Run& run = runs_[index];
      ++count;
      require(run.begin == c.snd_una + at, "each run begins where the last one ends");
      const uint32_t bytes = tcp::run_end(c, ctx_, run) - run.begin;
      require(bytes != 0 && at + bytes <= f.bytes.size(), "a run lies within what is in flight");
      if (wrong_) return;
      const bool run_sacked = (run.flags & tcp::kSacked) != 0;
      const bool run_lost = (run.flags & tcp::kLost) != 0;
      require(!(run_sacked && run_lost), "what is sacked is not lost");
      if (run_sacked) sacked_bytes += bytes;
      if (run_lost) lost_bytes += bytes;
      for (uint32_t end = at + bytes; at < end; ++at) {
        const Byte& b = f.bytes[at];
        require(!run_sacked || b.sacked, "sacked is what the peer said");
        if (!exact_) continue;
        require(run_sacked == b.sacked, "what the peer said is sacked");
        require(run_lost == b.lost, "lost or not");
        require(b.timeless || run.sent_us == b.sent_us, "when it was sent");
        const bool resent = (run.flags & tcp::kResent) != 0;
        require(b.blurred || resent == b.resent, "whether it was sent again");
      }
      if (run.next == tcp::kNil) require(r->tail == index, "the tail is the last run");
    }
    require(at == f.bytes.size(), "the runs cover what is in flight");
    require(count == r->runs && count <= most, "the count of runs");
    require(sacked_bytes == r->sacked_bytes, "the sum of what is sacked");
    require(lost_bytes == r->lost_bytes, "the sum of what is lost");
    require(tcp::pipe(c, ctx_) == c.flight() - sacked_bytes - lost_bytes, "what is under way");
    if (!exact_) return;
    require(r->has(tcp::kReorderingSeen) == f.reordering_seen, "whether reordering was seen");
    require(r->min_rtt_us == f.min_rtt_us, "the least round trip");
    require(r->rack_rtt_us == f.rack_rtt_us, "RACK's round trip");
    if (f.rack_rtt_us == 0) return;
    require(r->rack_sent_us == f.rack_sent_us && r->rack_end == f.rack_end, "RACK's segment");
    require(r->fack == f.fack, "the highest that arrived");
  }

  static void put(std::byte* out, uint32_t value) {
    for (int i = 0; i < 4; ++i) out[i] = static_cast<std::byte>(value >> (24 - 8 * i));
  }

  const bool exact_;
  const uint32_t flight_max_;
  Counters counters_;
  tcp::Blocks blocks_;
  base::Slab<tcp::Sender> senders_;
  base::Slab<tcp::Run> runs_;
  std::vector<TcpOptions> profiles_;
  tcp::EventRing events_{0};
  tcp::Context ctx_;
  std::vector<Flow> flows_;
  std::optional<std::string> wrong_;
};

}  // namespace millrace::test
