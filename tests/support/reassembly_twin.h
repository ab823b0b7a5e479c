// SPDX-License-Identifier: BSD-3-Clause
// A receiver's gaps (lib/tcp/reassembly.*) beside a naive twin that keeps every byte in an array.
// In: choices, each a number below a bound, from a seeded generator or from a fuzzer. Out: nothing,
// or a sentence about what is wrong.
//
// With memory for everything both agree in which bytes are kept, in which copy of them comes out,
// and in every SACK block, duplicates included. Without, bytes may be refused; then what comes out
// is still the stream, and only what is held is reported.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/slab.h"
#include "tcp/reassembly.h"

namespace millrace::test {

class ReassemblyTwin {
 public:
  static constexpr uint32_t kSpan = 16'000;  // of the stream; arrivals come close to rcv_nxt

  ReassemblyTwin(uint32_t small_max, uint32_t large_max, bool exact, uint32_t isn, bool timestamps)
      : exact_(exact),
        blocks_(*tcp::Blocks::create(small_max, large_max, false)),
        inboxes_(*base::Slab<tcp::Inbox>::create(1, false)),
        profiles_(1),
        start_(isn),
        held_(kSpan, kNothing) {
    ctx_.counters = &counters_;
    ctx_.blocks = &blocks_;
    ctx_.inboxes = &inboxes_;
    ctx_.profiles = &profiles_;
    c_.state = State::kEstablished;
    c_.rcv_nxt = start_;
    c_.set(tcp::kSack);
    if (timestamps) c_.set(tcp::kTimestamps);
  }

  [[nodiscard]] bool over() const { return next_ == kSpan; }

  template <class Choose>
  std::optional<std::string> step(Choose&& choose) {
    // Far arrivals make gaps, large ones fill several of them and many blocks.
    const uint32_t ahead = choose(8) == 0 ? 0 : choose(choose(4) == 0 ? 6000 : 300);
    const uint32_t most = choose(4) == 0 ? 3000 : 60;
    const uint32_t from = std::min(next_ + ahead, kSpan - 1);
    const uint32_t to = std::min(from + 1 + choose(most), kSpan);
    const auto copy = static_cast<uint8_t>(exact_ ? choose(2) : 0);
    if (from == next_) {
      in_order(to);
    } else {
      out_of_order(from, to, copy);
    }
    if (choose(3) != 0) report();
    check();
    return wrong_;
  }

  // All that is missing arrives.
  std::optional<std::string> finish() {
    while (!over() && !wrong_) in_order(std::min(next_ + 2000, kSpan));
    report();
    require(blocks_.small_used() == 0 && blocks_.large_used() == 0, "all blocks are given back");
    require(c_.inbox == tcp::kNil && inboxes_.used() == 0, "the inbox is given back");
    return wrong_;
  }

 private:
  static constexpr uint8_t kNothing = 0xff;
  using Range = std::pair<uint32_t, uint32_t>;

  void require(bool holds, const char* what) {
    if (!holds && !wrong_) wrong_ = what;
  }
  // The byte at an offset; a second copy differs, and shows which came first.
  static std::byte value(uint32_t at, uint8_t copy) {
    return static_cast<std::byte>(at * 31 + (at >> 8) + copy * 128u);
  }
  static std::vector<std::byte> text(uint32_t from, uint32_t to, uint8_t copy) {
    std::vector<std::byte> out;
    for (uint32_t at = from; at < to; ++at) out.push_back(value(at, copy));
    return out;
  }
  // What is held around an offset; empty when it is not.
  [[nodiscard]] Range run_at(uint32_t at) const {
    if (at < next_ || at >= kSpan || held_[at] == kNothing) return {0, 0};
    uint32_t begin = at;
    while (begin > next_ && held_[begin - 1] != kNothing) --begin;
    while (at < kSpan && held_[at] != kNothing) ++at;
    return {begin, at};
  }
  // The first stretch of [from, to) that is held already is the duplicate, unless one waits to be
  // reported.
  void expect_duplicate(uint32_t from, uint32_t to) {
    if (duplicate_) return;
    while (from < to && held_[from] == kNothing) ++from;
    uint32_t end = from;
    while (end < to && held_[end] != kNothing) ++end;
    if (end > from) duplicate_ = {from, end};
  }

  void out_of_order(uint32_t from, uint32_t to, uint8_t copy) {
    bool news = false;
    expect_duplicate(from, to);
    for (uint32_t at = from; at < to && exact_; ++at) {
      if (held_[at] != kNothing) continue;
      held_[at] = copy;
      news = true;
    }
    const bool kept = tcp::keep_out_of_order(c_, ctx_, start_ + from, text(from, to, copy));
    if (exact_) {
      require(kept == news, "whether anything was new");
      note_arrival(from);
    } else {
      adopt();
    }
  }
  // The latest comes first; those in the same run go.
  void note_arrival(uint32_t from) {
    const Range run = run_at(from);
    std::erase_if(recent_, [&](uint32_t at) { return run_at(at) == run; });
    recent_.insert(recent_.begin(), from);
    if (recent_.size() > tcp::Inbox::kRecentMax) recent_.pop_back();
  }

  void in_order(uint32_t to) {
    expect_duplicate(next_, to);
    if (c_.inbox != tcp::kNil) tcp::note_overlap(c_, ctx_, start_ + to);
    next_ = to;
    c_.rcv_nxt = start_ + to;
    // As the stack does: all that is in order now is taken.
    for (;;) {
      const std::span<const std::byte> piece = tcp::front_in_order(c_, ctx_);
      if (piece.empty()) break;
      for (const std::byte b : piece) {
        require(next_ < kSpan && held_[next_] != kNothing, "only what is held comes out");
        if (wrong_) return;
        require(b == value(next_, held_[next_]), "what came first comes out");
        ++next_;
      }
      c_.rcv_nxt += static_cast<uint32_t>(piece.size());
    }
    require(next_ == kSpan || held_[next_] == kNothing, "all that is in order comes out");
  }

  // What the next acknowledgement says.
  void report() {
    std::vector<Range> expected;
    if (duplicate_) expected.push_back(*duplicate_);
    const size_t most = c_.has(tcp::kTimestamps) ? 3 : 4;
    std::erase_if(recent_, [&](uint32_t at) { return run_at(at).second == 0; });
    for (const uint32_t at : recent_) {
      if (expected.size() < most) expected.push_back(run_at(at));
    }
    wire::SegmentHeader h;
    uint32_t bytes = 0;
    if (c_.inbox != tcp::kNil) {
      bytes = tcp::gap_report_bytes(c_, ctx_);
      tcp::report_gaps(c_, ctx_, h);
    }
    require(h.sack_count <= most, "no more blocks than fit");
    require(bytes == (h.sack_count == 0 ? 0u : 4u + 8u * h.sack_count), "the bytes it takes");
    if (exact_) require(h.sack_count == expected.size(), "as many blocks");
    for (uint8_t i = 0; i < h.sack_count && !wrong_; ++i) {
      const Range block{h.sack[i].begin - start_, h.sack[i].end - start_};
      if (exact_) {
        require(block == expected[i], i == 0 && duplicate_ ? "the duplicate" : "the blocks");
      } else {
        require(block.first < block.second && block.second <= kSpan, "a block makes sense");
        for (uint32_t at = block.first; at < block.second && !wrong_; ++at) {
          require(at < next_ || held_[at] != kNothing, "what is reported is held");
        }
      }
    }
    duplicate_.reset();
  }

  // Without memory for all: the twin takes over what was kept.
  void adopt() {
    std::fill(held_.begin() + next_, held_.end(), kNothing);
    if (c_.inbox == tcp::kNil) return;
    uint32_t before = 0;
    for (uint32_t b = inboxes_[c_.inbox].gap_head; b != tcp::kNil; b = blocks_[b].next) {
      const uint32_t begin = blocks_[b].seq - start_;
      require(begin >= before, "blocks are in order and do not overlap");
      before = begin + blocks_[b].bytes;
      require(before <= kSpan && begin > next_, "blocks lie ahead of the gap");
      for (uint32_t at = begin; at < before && !wrong_; ++at) held_[at] = 0;
    }
  }

  void check() {
    uint32_t bytes = 0;
    for (uint32_t at = next_; at < kSpan; ++at) bytes += held_[at] != kNothing ? 1 : 0;
    if (c_.inbox == tcp::kNil) {
      require(bytes == 0, "what is kept has an inbox");
      return;
    }
    const tcp::Inbox& inbox = inboxes_[c_.inbox];
    require(inbox.gap_bytes == bytes, "the sum of what is kept");
    require(inbox.gap_blocks <= tcp::kGapBlocksMax + bytes / tcp::kGapBytesPerBlock + 1,
            "no more blocks than allowed");
    require(blocks_.small_used() + blocks_.large_used() == inbox.gap_blocks, "the count of blocks");
  }

  const bool exact_;
  Counters counters_;
  tcp::Blocks blocks_;
  base::Slab<tcp::Inbox> inboxes_;
  std::vector<TcpOptions> profiles_;
  tcp::Context ctx_;
  tcp::Connection c_;
  const tcp::SeqNum start_;
  uint32_t next_ = 0;               // rcv_nxt, as an offset
  std::vector<uint8_t> held_;       // which copy of each byte
  std::vector<uint32_t> recent_;    // where the latest arrivals began, the latest first
  std::optional<Range> duplicate_;  // still to be reported
  std::optional<std::string> wrong_;
};

}  // namespace millrace::test
