// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/flight.h"

#include <algorithm>

#include "base/check.h"
#include "tcp/rack.h"

namespace millrace::tcp {
namespace {

// Every connection that has runs has one for sure; more only while others can still have theirs.
uint32_t allocate_run(Sender& r, Context& ctx) {
  base::Slab<Run>& runs = *ctx.runs;
  const uint32_t owed = ctx.senders->capacity() - ctx.flights;
  if (r.head != kNil && (r.runs >= kRunsMax || runs.used() + owed >= runs.capacity())) return kNil;
  const uint32_t index = runs.allocate();
  MR_ASSERT(index != kNil || r.head != kNil);
  if (index != kNil) ++r.runs;
  return index;
}

void free_run(Sender& r, Context& ctx, uint32_t index) {
  ctx.runs->free(index);
  --r.runs;
}

void begin_flight(Sender& r, Context& ctx, SeqNum begin, uint32_t sent_us) {
  r.head = r.tail = allocate_run(r, ctx);
  (*ctx.runs)[r.head] = {kNil, begin, sent_us, 0};
  ++ctx.flights;
  // What was delivered before says nothing of this flight.
  r.rack_rtt_us = 0;
  r.fack = begin;
}

void end_flight(Sender& r, Context& ctx) {
  if (r.head == kNil) return;
  for (uint32_t index = r.head; index != kNil;) {
    const uint32_t next = (*ctx.runs)[index].next;
    free_run(r, ctx, index);
    index = next;
  }
  r.head = r.tail = r.lost_cursor = kNil;
  r.sacked_bytes = r.lost_bytes = 0;
  --ctx.flights;
}

// Cuts a run in two at `at`, which lies within it; kNil when there is no memory for that, else the
// second part.
uint32_t split(Sender& r, Context& ctx, uint32_t index, SeqNum at) {
  const uint32_t second = allocate_run(r, ctx);
  if (second == kNil) return kNil;
  Run& first = (*ctx.runs)[index];
  (*ctx.runs)[second] = {first.next, at, first.sent_us, first.flags};
  first.next = second;
  if (r.tail == index) r.tail = second;
  return second;
}

// The run behind `index` becomes part of it.
void absorb_next(Sender& r, Context& ctx, uint32_t index) {
  Run& run = (*ctx.runs)[index];
  const uint32_t next = run.next;
  run.next = (*ctx.runs)[next].next;
  run.flags |= (*ctx.runs)[next].flags & kResent;
  if (r.tail == next) r.tail = index;
  if (r.lost_cursor == next) r.lost_cursor = index;
  free_run(r, ctx, next);
}

// Two neighbours that can be one: when and how often does not matter of what is sacked, and not
// when of what is lost.
bool alike(const Run& a, const Run& b) {
  if (((a.flags ^ b.flags) & (kSacked | kLost)) != 0) return false;
  if ((a.flags & kSacked) != 0) return true;
  if (a.flags != b.flags) return false;
  return (a.flags & kLost) != 0 || a.sent_us == b.sent_us;
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
  if (c.has(kSack)) rack_on_delivered(r, ctx, run, end, d);
}

// [begin, end) of what is in flight arrived out of order.
void sack_range(Connection& c, Sender& r, Context& ctx, SeqNum begin, SeqNum end, Delivery& d) {
  base::Slab<Run>& runs = *ctx.runs;
  uint32_t previous = kNil;
  for (uint32_t index = r.head; index != kNil && runs[index].begin < end;) {
    const SeqNum stop = run_end(c, ctx, runs[index]);
    if (stop <= begin || (runs[index].flags & kSacked) != 0) {
      previous = std::exchange(index, runs[index].next);
      continue;
    }
    if (runs[index].begin < begin) {
      const uint32_t second = split(r, ctx, index, begin);
      previous = std::exchange(index, second == kNil ? runs[index].next : second);
      continue;
    }
    if (stop > end && split(r, ctx, index, end) == kNil) return;
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
  const bool learned =
      c.ssthresh != UINT32_MAX || r.has(kReorderingSeen | kProbeOut) || r.reo_wnd_mult != 1;
  if (!learned && r.phase == Phase::kOpen) close_sender(c, ctx);
}

void note_more_text(Connection& c, Context& ctx) {
  if (c.sender == kNil || (*ctx.senders)[c.sender].head == kNil) {
    if (ctx.now_us == c.rtt_began_us) return;  // one flush
    open_sender(c, ctx);
  }
  Sender& r = (*ctx.senders)[c.sender];
  Run& tail = (*ctx.runs)[r.tail];
  if (tail.sent_us == ctx.now_us && tail.flags == 0) return;
  const uint32_t index = allocate_run(r, ctx);
  if (index != kNil) {
    (*ctx.runs)[index] = {kNil, c.snd_nxt, ctx.now_us, 0};
    (*ctx.runs)[r.tail].next = index;
    r.tail = index;
    return;
  }
  const uint32_t bytes = c.snd_nxt - tail.begin;
  if ((tail.flags & kSacked) != 0) r.sacked_bytes -= bytes;
  if ((tail.flags & kLost) != 0) r.lost_bytes -= bytes;
  tail.flags = (tail.flags & kResent) | kMixed;
  tail.sent_us = ctx.now_us;
}

void deliver_up_to(Connection& c, Sender& r, Context& ctx, SeqNum una, Delivery& d) {
  base::Slab<Run>& runs = *ctx.runs;
  r.lost_cursor = kNil;
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
  r.lost_cursor = kNil;
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
    if (block.end > s.ack) sack_range(c, r, ctx, max(block.begin, s.ack), block.end, d);
  }
}

void lose_run(Connection& c, Sender& r, Context& ctx, uint32_t index) {
  Run& run = (*ctx.runs)[index];
  run.flags = (run.flags | kLost) & ~uint32_t{kMixed};
  r.lost_bytes += run_end(c, ctx, run) - run.begin;
  r.lost_cursor = kNil;
}

void lose_all(Connection& c, Sender& r, Context& ctx) {
  base::Slab<Run>& runs = *ctx.runs;
  if (r.head == kNil) return;
  const bool reneged = (runs[r.head].flags & kSacked) != 0;
  if (reneged) ctx.count(Counter::kTcpExtTCPSACKReneging);
  r.sacked_bytes = r.lost_bytes = 0;
  r.lost_cursor = kNil;
  uint32_t previous = kNil;
  for (uint32_t index = r.head; index != kNil;) {
    Run& run = runs[index];
    const uint32_t bytes = run_end(c, ctx, run) - run.begin;
    if (reneged) run.flags &= ~uint32_t{kSacked};
    if ((run.flags & kSacked) != 0) {
      r.sacked_bytes += bytes;
    } else if (index == r.head || reneged || (run.flags & kLost) != 0 ||
               !rack_may_arrive(c, r, ctx, run)) {
      run.flags = (run.flags | kLost) & ~uint32_t{kMixed};
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
    if (run_end(c, ctx, runs[index]) > end) split(r, ctx, index, end);
    lose_run(c, r, ctx, index);
    news = true;
  }
  return news;
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
  uint32_t index = r.lost_cursor == kNil ? r.head : r.lost_cursor;
  while (index != kNil && (runs[index].flags & kLost) == 0) index = runs[index].next;
  if (index == kNil) return 0;
  r.lost_cursor = index;
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
  const SeqNum end = runs[index].begin + bytes;
  while (run_end(c, ctx, runs[index]) < end) absorb_next(r, ctx, index);
  // Without memory for the split all of the run counts as sent; the timer finds the rest.
  if (run_end(c, ctx, runs[index]) > end) split(r, ctx, index, end);
  r.lost_bytes -= run_end(c, ctx, runs[index]) - runs[index].begin;
  runs[index].flags = kResent;
  runs[index].sent_us = ctx.now_us;
  if (runs[index].next != kNil) r.lost_cursor = runs[index].next;
}

void note_resent_tail(Connection& c, Sender& r, Context& ctx, uint32_t bytes) {
  base::Slab<Run>& runs = *ctx.runs;
  const SeqNum from = c.snd_nxt - bytes;
  uint32_t index = r.head;
  while (index != kNil && run_end(c, ctx, runs[index]) <= from) index = runs[index].next;
  if (index != kNil && runs[index].begin < from) {
    const uint32_t second = split(r, ctx, index, from);
    index = second == kNil ? index : second;
  }
  for (; index != kNil; index = runs[index].next) {
    Run& run = runs[index];
    if ((run.flags & kLost) != 0) r.lost_bytes -= run_end(c, ctx, run) - run.begin;
    run.flags = (run.flags & ~uint32_t{kLost}) | kResent;
    run.sent_us = ctx.now_us;
  }
  r.lost_cursor = kNil;
}

}  // namespace millrace::tcp
