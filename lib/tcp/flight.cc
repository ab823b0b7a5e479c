// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/flight.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "tcp/rack.h"

namespace millrace::tcp {
namespace {

constexpr size_t kSackBlocksMax = 4;  // RFC 2018 section 3: no more fit the options

// Every connection that has runs has one for sure; more only while others can still have theirs.
uint32_t allocate_run(Sender& r, Context& ctx, uint32_t runs_max = kRunsMax) {
  base::Slab<Run>& runs = *ctx.runs;
  const uint32_t owed = ctx.senders->capacity() - ctx.flights;
  if (r.head != kNil && (r.runs >= runs_max || runs.used() + owed >= runs.capacity())) return kNil;
  const uint32_t index = runs.allocate();
  MR_ASSERT(index != kNil || r.head != kNil);
  if (index != kNil) ++r.runs;
  return index;
}

// What there may be for holes, which are as many as there are segments at most.
uint32_t runs_for_holes(const Connection& c) {
  return std::min(kRunsMax + c.flight() / c.snd_mss, kRunsOfHolesMax);
}

void free_run(Sender& r, Context& ctx, uint32_t index) {
  if (index == r.lost_cursor || index == r.lost_previous) r.lost_cursor = kNil;
  if (index == r.sack_hint) r.sack_hint = kNil;
  ctx.runs->free(index);
  --r.runs;
}

// What was delivered, or was said to be, tells RACK nothing of what is in flight now.
void forget_deliveries(Sender& r, SeqNum una) {
  r.rack_rtt_us = 0;
  r.fack = una;
}

void begin_flight(Sender& r, Context& ctx, SeqNum begin, uint32_t sent_us) {
  r.head = r.tail = allocate_run(r, ctx);
  (*ctx.runs)[r.head] = {kNil, begin, sent_us, 0};
  ++ctx.flights;
  forget_deliveries(r, begin);
}

void end_flight(Sender& r, Context& ctx) {
  if (r.head == kNil) return;
  for (uint32_t index = r.head; index != kNil;) {
    const uint32_t next = (*ctx.runs)[index].next;
    free_run(r, ctx, index);
    index = next;
  }
  r.head = r.tail = r.lost_cursor = r.sack_hint = kNil;
  r.sacked_bytes = r.lost_bytes = 0;
  --ctx.flights;
}

// Cuts a run in two at `at`, which lies within it; kNil when there is no memory for that, else the
// second part.
uint32_t split(Sender& r, Context& ctx, uint32_t index, SeqNum at, uint32_t runs_max) {
  const uint32_t second = allocate_run(r, ctx, runs_max);
  if (second == kNil) return kNil;
  Run& first = (*ctx.runs)[index];
  (*ctx.runs)[second] = {first.next, at, first.sent_us, first.flags};
  first.next = second;
  if ((first.flags & kMixed) != 0) first.flags |= kCut;
  if (r.tail == index) r.tail = second;
  if (r.lost_previous == index) r.lost_cursor = kNil;
  return second;
}

bool later(uint32_t a_us, uint32_t b_us) { return static_cast<int32_t>(a_us - b_us) > 0; }

// The run behind `index` becomes part of it.
void absorb_next(Sender& r, Context& ctx, uint32_t index) {
  Run& run = (*ctx.runs)[index];
  const uint32_t next = run.next;
  const Run& second = (*ctx.runs)[next];
  run.next = second.next;
  run.flags |= second.flags & (kResent | kMixed | kCut);
  if (run.sent_us != second.sent_us) {
    run.flags |= kMixed | kCut;
    if (later(second.sent_us, run.sent_us)) run.sent_us = second.sent_us;
  }
  if (r.tail == next) r.tail = index;
  free_run(r, ctx, next);
}

// Whether what is sent now may join what was sent from `began_us` on, although that was earlier.
// Never when the other kind, new text or what is sent again, was sent in between: RACK must know
// which of them was first.
bool near_enough(const Connection& c, const Sender& r, const Context& ctx, uint32_t began_us) {
  return r.runs >= kRunsExact && ctx.now_us - began_us <= c.srtt_us8 >> 10;
}

// Two neighbours that can be one: when and how often does not matter of what is sacked, and not
// when of what is lost.
bool alike(const Run& a, const Run& b) {
  if (((a.flags ^ b.flags) & (kSacked | kLost)) != 0) return false;
  if ((a.flags & kSacked) != 0) return true;
  if ((a.flags & kLost) != 0) return ((a.flags ^ b.flags) & kResent) == 0;
  return a.flags == b.flags && a.sent_us == b.sent_us;
}

void merge_around(Sender& r, Context& ctx, uint32_t previous, uint32_t index) {
  base::Slab<Run>& runs = *ctx.runs;
  const uint32_t next = runs[index].next;
  if (next != kNil && alike(runs[index], runs[next])) absorb_next(r, ctx, index);
  if (previous != kNil && alike(runs[previous], runs[index])) absorb_next(r, ctx, previous);
}

// A FIN takes no room in the segment that it ends.
uint32_t with_fin(const Connection& c, SeqNum begin, uint32_t bytes) {
  return bytes + (c.has(kFinSent) && begin + bytes == c.snd_end ? 1 : 0);
}

// `bytes` of a run, up to `end`, have arrived.
void deliver(const Connection& c, Sender& r, const Context& ctx, const Run& run, SeqNum end,
             uint32_t bytes, Delivery& d) {
  d.bytes += bytes;
  if ((run.flags & kLost) != 0) r.lost_bytes -= bytes;
  if ((run.flags & kResent) == 0) {
    d.original = true;
    if ((run.flags & kLost) != 0) d.original_lost = true;
  }
  if (!c.has(kSack)) return;
  const bool exact =
      (run.flags & kMixed) == 0 || ((run.flags & kCut) == 0 && end == run_end(c, ctx, run));
  rack_on_delivered(r, ctx, run, end, exact, d);
}

// Makes room for a run by forgetting that what follows `index`, which is lost, has arrived: it will
// be sent once more.
bool forget_next(const Connection& c, Sender& r, Context& ctx, uint32_t index) {
  base::Slab<Run>& runs = *ctx.runs;
  const uint32_t next = runs[index].next;
  if (next == kNil || (runs[next].flags & kSacked) == 0) return false;
  const uint32_t bytes = run_end(c, ctx, runs[next]) - runs[next].begin;
  r.sacked_bytes -= bytes;
  r.lost_bytes += bytes;
  absorb_next(r, ctx, index);
  return true;
}

// Whether what is sent again now becomes part of the run before it. `must`: there is no memory to
// do better.
bool joins_resent(const Connection& c, const Sender& r, const Context& ctx, bool must) {
  if (r.lost_previous == kNil) return false;
  const Run& previous = (*ctx.runs)[r.lost_previous];
  if ((previous.flags & (kResent | kSacked | kLost)) != kResent) return false;
  if (must || previous.sent_us == ctx.now_us) return true;
  return r.resent_grows && previous.sent_us == r.resent_us &&
         near_enough(c, r, ctx, r.resent_began_us);
}

// [begin, end) of what is in flight arrived out of order. Returns the run that it is part of now;
// `hint` is another such run, where to begin if it lies before this one.
uint32_t sack_range(Connection& c, Sender& r, Context& ctx, uint32_t hint, SeqNum begin, SeqNum end,
                    Delivery& d) {
  base::Slab<Run>& runs = *ctx.runs;
  uint32_t previous = kNil;
  uint32_t index = r.head;
  if (hint != kNil && (runs[hint].flags & kSacked) != 0 && runs[hint].begin <= begin) {
    previous = hint;
    index = runs[hint].next;
  }
  while (index != kNil && runs[index].begin < end) {
    const SeqNum stop = run_end(c, ctx, runs[index]);
    if (stop <= begin || (runs[index].flags & kSacked) != 0) {
      previous = std::exchange(index, runs[index].next);
      continue;
    }
    if (runs[index].begin < begin) {
      const uint32_t second = split(r, ctx, index, begin, runs_for_holes(c));
      previous = std::exchange(index, second == kNil ? runs[index].next : second);
      continue;
    }
    if (stop > end && split(r, ctx, index, end, runs_for_holes(c)) == kNil) {
      // There is no memory, and none is needed where what is sacked grows.
      if (previous == kNil || (runs[previous].flags & kSacked) == 0) break;
      const uint32_t grown = end - runs[index].begin;
      deliver(c, r, ctx, runs[index], end, grown, d);
      d.sacked += grown;
      r.sacked_bytes += grown;
      runs[index].begin = end;
      break;
    }
    Run& run = runs[index];
    const uint32_t bytes = min(stop, end) - run.begin;
    deliver(c, r, ctx, run, min(stop, end), bytes, d);
    d.sacked += bytes;
    r.sacked_bytes += bytes;
    run.flags = (run.flags & ~uint32_t{kLost}) | kSacked;
    merge_around(r, ctx, previous, index);
    if (previous == kNil || runs[previous].next == index) {
      previous = std::exchange(index, runs[index].next);
    } else {
      index = runs[previous].next;  // it is part of the one before by now
    }
  }
  return previous;
}

}  // namespace

SeqNum run_end(const Connection& c, const Context& ctx, const Run& run) {
  return run.next == kNil ? c.snd_nxt : (*ctx.runs)[run.next].begin;
}

Sender& open_sender(Connection& c, Context& ctx) {
  if (c.sender == kNil) {
    c.sender = ctx.senders->allocate();
    MR_ASSERT(c.sender != kNil);  // there are as many as connections
    Sender& fresh = (*ctx.senders)[c.sender] = Sender{};
    fresh.round_end = c.snd_nxt;
    fresh.measured_us = fresh.next_send_us = ctx.now_us;
    fresh.min_rtt_us = c.srtt_us8 >> 3;  // until something is measured that was sent once
  }
  Sender& r = (*ctx.senders)[c.sender];
  if (r.head == kNil && c.flight() != 0) begin_flight(r, ctx, c.snd_una, c.rtt_began_us);
  return r;
}

void close_sender(Connection& c, Context& ctx) {
  if (c.sender == kNil) return;
  end_flight((*ctx.senders)[c.sender], ctx);
  ctx.senders->free(c.sender);
  c.sender = kNil;
}

void trim_sender(Connection& c, Context& ctx) {
  if (c.sender == kNil || c.flight() != 0) return;
  Sender& r = (*ctx.senders)[c.sender];
  end_flight(r, ctx);
  const bool learned = c.has(kPaced) || c.ssthresh != UINT32_MAX ||
                       r.has(kReorderingSeen | kProbeOut) || r.reo_wnd_mult != 1 || r.mss_max != 0;
  if (!learned && r.phase == Phase::kOpen) close_sender(c, ctx);
}

void note_more_text(Connection& c, Context& ctx) {
  if (c.sender == kNil || (*ctx.senders)[c.sender].head == kNil) {
    if (ctx.now_us == c.rtt_began_us) return;  // one flush
    open_sender(c, ctx);
  }
  Sender& r = (*ctx.senders)[c.sender];
  r.resent_grows = false;
  Run& tail = (*ctx.runs)[r.tail];
  const bool probe = r.path_probe_bytes != 0 && r.path_probe_begin == c.snd_nxt;
  if (!probe && (tail.flags & ~uint32_t{kMixed}) == 0) {
    if (tail.sent_us == ctx.now_us) return;
    if (r.tail_grows && near_enough(c, r, ctx, r.tail_began_us)) {
      tail.flags |= kMixed;
      tail.sent_us = ctx.now_us;
      return;
    }
  }
  const uint32_t index = allocate_run(r, ctx);
  if (index != kNil) {
    (*ctx.runs)[index] = {kNil, c.snd_nxt, ctx.now_us, probe ? kPathProbe : uint32_t{0}};
    (*ctx.runs)[r.tail].next = index;
    r.tail = index;
    r.tail_began_us = ctx.now_us;
    r.tail_grows = true;
    return;
  }
  if (probe) r.path_probe_bytes = 0;
  const uint32_t bytes = c.snd_nxt - tail.begin;
  if ((tail.flags & kSacked) != 0) r.sacked_bytes -= bytes;
  if ((tail.flags & kLost) != 0) r.lost_bytes -= bytes;
  tail.flags = (tail.flags & kResent) | kMixed;
  tail.sent_us = ctx.now_us;
}

void deliver_up_to(Connection& c, Sender& r, Context& ctx, SeqNum una, Delivery& d) {
  base::Slab<Run>& runs = *ctx.runs;
  while (r.head != kNil && runs[r.head].begin < una) {
    Run& run = runs[r.head];
    const SeqNum stop = run_end(c, ctx, run);
    const uint32_t bytes = min(stop, una) - run.begin;
    if ((run.flags & kSacked) != 0) {
      r.sacked_bytes -= bytes;
    } else {
      deliver(c, r, ctx, run, min(stop, una), bytes, d);
    }
    if (stop > una) {
      run.begin = una;
      return;
    }
    const uint32_t next = run.next;
    free_run(r, ctx, r.head);
    r.head = next;
    if (next != kNil) continue;
    r.tail = kNil;
    --ctx.flights;
  }
}

void deliver_sacked(Connection& c, Sender& r, Context& ctx, const wire::Segment& s, Delivery& d) {
  std::array<wire::SackBlock, kSackBlocksMax> blocks;
  size_t count = 0;
  for (uint8_t i = 0; i < s.sack_count; ++i) {
    const wire::SackBlock block = s.sack_block(i);
    const bool sound = block.begin < block.end && block.end <= c.snd_nxt;
    if (i == 0 && sound) {
      // RFC 2883 section 4: below the acknowledgement, or within the second block.
      const bool below = block.end <= s.ack;
      const bool within = s.sack_count > 1 && s.sack_block(1).begin <= block.begin &&
                          block.end <= s.sack_block(1).end;
      if (below || within) {
        d.duplicate = true;
        d.duplicate_bytes = block.end - block.begin;
        d.duplicate_end = block.end;
        ctx.count(Counter::kTcpExtTCPDSACKRecv);
        continue;
      }
    }
    if (!sound || block.begin < c.snd_una) {
      ctx.count(Counter::kTcpExtTCPSACKDiscard);
      continue;
    }
    if (block.end <= s.ack || count == blocks.size()) continue;
    // In the order of sequence space.
    size_t at = count++;
    for (; at != 0 && block.begin < blocks[at - 1].begin; --at) blocks[at] = blocks[at - 1];
    blocks[at] = {max(block.begin, s.ack), block.end};
  }
  // The next acknowledgement reports nothing that is lower, or little.
  uint32_t hint = r.sack_hint;
  for (size_t i = 0; i < count; ++i) {
    hint = sack_range(c, r, ctx, hint, blocks[i].begin, blocks[i].end, d);
    if (i == 0) r.sack_hint = hint;
  }
}

void lose_run(Connection& c, Sender& r, Context& ctx, uint32_t index) {
  Run& run = (*ctx.runs)[index];
  run.flags |= kLost;
  r.lost_bytes += run_end(c, ctx, run) - run.begin;
  if (r.lost_cursor != kNil && run.begin < (*ctx.runs)[r.lost_cursor].begin) r.lost_cursor = kNil;
}

void lose_all(Connection& c, Sender& r, Context& ctx) {
  base::Slab<Run>& runs = *ctx.runs;
  if (r.head == kNil) return;
  const bool reneged = (runs[r.head].flags & kSacked) != 0;
  if (reneged) {
    ctx.count(Counter::kTcpExtTCPSACKReneging);
    forget_deliveries(r, c.snd_una);
  }
  // Else it stays as it is: whether the rest may still arrive depends on how much was sacked.
  if (reneged || !c.has(kSack)) r.sacked_bytes = 0;
  r.lost_bytes = 0;
  r.lost_cursor = kNil;
  uint32_t previous = kNil;
  for (uint32_t index = r.head; index != kNil;) {
    Run& run = runs[index];
    const uint32_t bytes = run_end(c, ctx, run) - run.begin;
    if (reneged) run.flags &= ~uint32_t{kSacked};
    const bool sacked = (run.flags & kSacked) != 0;
    if (!sacked && (index == r.head || reneged || (run.flags & kLost) != 0 ||
                    !rack_may_arrive(c, r, ctx, run))) {
      run.flags |= kLost;
      r.lost_bytes += bytes;
    }
    const uint32_t next = run.next;
    if (previous != kNil && alike(runs[previous], run)) {
      absorb_next(r, ctx, previous);
    } else {
      previous = index;
    }
    index = next;
  }
}

bool lose_front(Connection& c, Sender& r, Context& ctx, uint32_t bytes) {
  base::Slab<Run>& runs = *ctx.runs;
  const SeqNum end = min(c.snd_una + with_fin(c, c.snd_una, bytes), c.snd_nxt);
  bool news = false;
  for (uint32_t index = r.head; index != kNil && runs[index].begin < end;
       index = runs[index].next) {
    if ((runs[index].flags & (kLost | kSacked)) != 0) continue;
    if (run_end(c, ctx, runs[index]) > end) split(r, ctx, index, end, kRunsMax);
    lose_run(c, r, ctx, index);
    news = true;
  }
  return news;
}

void lose_larger(Connection& c, Sender& r, Context& ctx, SeqNum from, SeqNum to,
                 uint32_t bytes_max) {
  base::Slab<Run>& runs = *ctx.runs;
  for (uint32_t index = r.head; index != kNil && runs[index].begin < to;) {
    const SeqNum begin = runs[index].begin;
    const SeqNum end = run_end(c, ctx, runs[index]);
    const bool candidate = end > from && (runs[index].flags & (kLost | kSacked)) == 0;
    if (!candidate || end - begin <= bytes_max) {
      index = runs[index].next;
      continue;
    }
    if (begin < from) {
      const uint32_t second = split(r, ctx, index, from, runs_for_holes(c));
      index = second == kNil ? runs[index].next : second;
      continue;
    }
    // Without memory for the split it is all lost: sent once too often rather than too late.
    if (end > to) split(r, ctx, index, to, runs_for_holes(c));
    lose_run(c, r, ctx, index);
    index = runs[index].next;
  }
}

void find_all(Sender& r, Context& ctx) {
  for (uint32_t index = r.head; index != kNil; index = (*ctx.runs)[index].next) {
    (*ctx.runs)[index].flags &= ~uint32_t{kLost};
  }
  r.lost_bytes = 0;
  r.lost_cursor = kNil;
}

uint32_t next_lost(const Connection& c, Sender& r, const Context& ctx, uint32_t bytes_max,
                   SeqNum& begin) {
  const base::Slab<Run>& runs = *ctx.runs;
  uint32_t index = r.lost_cursor;
  uint32_t previous = r.lost_previous;
  if (index == kNil) {
    previous = kNil;
    index = r.head;
  }
  while (index != kNil && (runs[index].flags & kLost) == 0) {
    previous = std::exchange(index, runs[index].next);
  }
  if (index == kNil) return 0;  // the cursor stays, and what lies before it
  r.lost_cursor = index;
  r.lost_previous = previous;
  begin = runs[index].begin;
  bytes_max = with_fin(c, begin, bytes_max);
  // Neighbours that are lost too fill the segment, so that small segments are sent again as one.
  SeqNum end = begin;
  while (index != kNil && (runs[index].flags & kLost) != 0 && end - begin < bytes_max) {
    end = run_end(c, ctx, runs[index]);
    index = runs[index].next;
  }
  return std::min(end - begin, bytes_max);
}

void note_resent(Connection& c, Sender& r, Context& ctx, uint32_t bytes) {
  base::Slab<Run>& runs = *ctx.runs;
  const uint32_t index = r.lost_cursor;
  const uint32_t previous = r.lost_previous;
  const SeqNum end = runs[index].begin + bytes;
  const uint32_t runs_max = runs_for_holes(c) + kRunsToResend;
  while (run_end(c, ctx, runs[index]) < end) {
    // What stays lost of the last piece stays apart: it was not sent again.
    const uint32_t next = runs[index].next;
    if (run_end(c, ctx, runs[next]) > end) split(r, ctx, next, end, runs_max);
    absorb_next(r, ctx, index);
  }
  const bool all = run_end(c, ctx, runs[index]) == end;
  bool joins = joins_resent(c, r, ctx, false);
  const auto cut = [&] { return split(r, ctx, index, end, runs_max) != kNil; };
  if (!joins && !all && !cut()) {
    joins = joins_resent(c, r, ctx, true);
    // At worst all of the run counts as sent, and the timer finds the rest.
    if (!joins && (!forget_next(c, r, ctx, index) || !cut())) {
      bytes = run_end(c, ctx, runs[index]) - runs[index].begin;
    }
  }
  r.lost_bytes -= bytes;
  r.tail_grows = false;
  r.resent_us = ctx.now_us;
  if (!joins) {
    runs[index].flags = kResent;
    runs[index].sent_us = r.resent_began_us = ctx.now_us;
    r.resent_grows = true;
    r.lost_previous = index;
    r.lost_cursor = runs[index].next;
    return;
  }
  if (runs[previous].sent_us != ctx.now_us) runs[previous].flags |= kMixed;
  runs[previous].sent_us = ctx.now_us;
  if (!all) {
    runs[index].begin = end;
    return;
  }
  runs[previous].next = runs[index].next;
  if (r.tail == index) r.tail = previous;
  r.lost_cursor = runs[index].next;
  free_run(r, ctx, index);
}

void note_resent_tail(Connection& c, Sender& r, Context& ctx, uint32_t bytes) {
  base::Slab<Run>& runs = *ctx.runs;
  const SeqNum from = c.snd_nxt - bytes;
  uint32_t index = r.head;
  while (index != kNil && run_end(c, ctx, runs[index]) <= from) index = runs[index].next;
  if (index != kNil && runs[index].begin < from) {
    const uint32_t second = split(r, ctx, index, from, kRunsMax);
    index = second == kNil ? index : second;
  }
  for (; index != kNil; index = runs[index].next) {
    Run& run = runs[index];
    if ((run.flags & kLost) != 0) r.lost_bytes -= run_end(c, ctx, run) - run.begin;
    run.flags = (run.flags & ~uint32_t{kLost}) | kResent;
    run.sent_us = ctx.now_us;
  }
  r.lost_cursor = kNil;
  r.tail_grows = r.resent_grows = false;
}

}  // namespace millrace::tcp
