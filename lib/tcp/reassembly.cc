// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/reassembly.h"

#include <algorithm>

namespace millrace::tcp {
namespace {

Inbox* open_inbox(Connection& c, Context& ctx) {
  if (c.inbox == kNil) {
    c.inbox = ctx.inboxes->allocate();
    if (c.inbox == kNil) return nullptr;
    (*ctx.inboxes)[c.inbox] = Inbox{};
  }
  return &(*ctx.inboxes)[c.inbox];
}

SeqNum end_of(const BlockHeader& header) { return header.seq + header.bytes; }

// A stretch is a part of the chain without a gap, known by its first block.
SeqNum end_of_stretch(Blocks& blocks, uint32_t stretch) {
  return end_of(blocks[blocks[stretch].link]);
}
uint32_t next_stretch(Blocks& blocks, uint32_t stretch) {
  return blocks[blocks[stretch].link].next;
}

bool room_for_block(const Inbox& inbox) {
  return inbox.gap_blocks < kGapBlocksMax + inbox.gap_bytes / kGapBytesPerBlock;
}

// Where memory is scarce, a connection that holds much leaves the rest to others.
bool may_hold_more(const Inbox& inbox, size_t more_bytes, const Context& ctx) {
  const size_t held = inbox.unread_bytes + inbox.gap_bytes + more_bytes;
  return held < kScarceShare || !ctx.blocks->scarce();
}

// The last stretch that begins at or before `seq`, kNil when all begin behind it. False when it is
// too far away.
bool find_stretch(const Inbox& inbox, Blocks& blocks, SeqNum seq, uint32_t& stretch) {
  stretch = kNil;
  if (inbox.gap_head == kNil || blocks[inbox.gap_head].seq > seq) return true;
  stretch = inbox.gap_last;
  if (blocks[stretch].seq <= seq) return true;
  const bool near = inbox.gap_hint != kNil && blocks[inbox.gap_hint].seq <= seq;
  stretch = near ? inbox.gap_hint : inbox.gap_head;
  for (uint32_t steps = 0; steps < kGapWalkMax; ++steps) {
    const uint32_t next = next_stretch(blocks, stretch);
    if (next == kNil || blocks[next].seq > seq) return true;
    stretch = next;
  }
  return false;
}

// Puts bytes that overlap nothing behind `stretch` (kNil: at the front). Returns the stretch that
// they are part of, and through `kept` how many found room.
uint32_t insert_behind(Inbox& inbox, Context& ctx, uint32_t stretch, SeqNum seq,
                       std::span<const std::byte> data, size_t& kept) {
  Blocks& blocks = *ctx.blocks;
  uint32_t previous = stretch == kNil ? kNil : blocks[stretch].link;
  const uint32_t next = stretch == kNil ? inbox.gap_head : blocks[previous].next;
  bool joins = previous != kNil && end_of(blocks[previous]) == seq;
  const auto advance = [&](uint32_t n) {
    inbox.gap_bytes += n;
    kept += n;
    seq += n;
    data = data.subspan(n);
  };
  // Bytes that continue the block before them share it.
  if (joins) advance(blocks.append(previous, data));
  while (!data.empty() && room_for_block(inbox) && may_hold_more(inbox, 0, ctx)) {
    const uint32_t block = blocks.allocate(data.size(), seq);
    if (block == kNil) break;
    uint32_t& link = previous == kNil ? inbox.gap_head : blocks[previous].next;
    blocks[block].next = link;
    link = block;
    if (!joins) {
      if (inbox.gap_last == stretch) inbox.gap_last = block;
      stretch = block;
      joins = true;
    }
    blocks[stretch].link = block;
    ++inbox.gap_blocks;
    advance(blocks.append(block, data));
    previous = block;
  }
  if (joins && next != kNil && blocks[next].seq == seq) {
    blocks[stretch].link = blocks[next].link;
    if (inbox.gap_last == next) inbox.gap_last = stretch;
    if (inbox.gap_hint == next) inbox.gap_hint = stretch;
  }
  return stretch;
}

void pop_gap_head(Inbox& inbox, Context& ctx) {
  Blocks& blocks = *ctx.blocks;
  const uint32_t head = inbox.gap_head;
  const uint32_t next = blocks[head].next;
  const bool stretch_goes_on = blocks[head].link != head;
  if (stretch_goes_on) blocks[next].link = blocks[head].link;
  if (inbox.gap_last == head) inbox.gap_last = stretch_goes_on ? next : kNil;
  if (inbox.gap_hint == head) inbox.gap_hint = stretch_goes_on ? next : kNil;
  inbox.gap_bytes -= blocks[head].bytes;
  --inbox.gap_blocks;
  inbox.gap_head = next;
  blocks.release(head);
}

// The stretch that a kept segment is part of now comes first; those it has swallowed go.
void note_recent(Inbox& inbox, Blocks& blocks, uint32_t stretch) {
  const wire::SackBlock run{blocks[stretch].seq, end_of_stretch(blocks, stretch)};
  wire::SackBlock kept[Inbox::kRecentMax];
  uint8_t count = 0;
  kept[count++] = run;
  for (uint8_t i = 0; i < inbox.recent_count && count < Inbox::kRecentMax; ++i) {
    const wire::SackBlock& other = inbox.recent[i];
    if (other.end < run.begin || other.begin > run.end) kept[count++] = other;
  }
  std::copy_n(kept, count, inbox.recent);
  inbox.recent_count = count;
}

}  // namespace

bool keep_out_of_order(Connection& c, Context& ctx, SeqNum seq, std::span<const std::byte> data) {
  Inbox* inbox = open_inbox(c, ctx);
  if (inbox == nullptr) return false;
  Blocks& blocks = *ctx.blocks;

  uint32_t stretch = kNil;
  if (!find_stretch(*inbox, blocks, seq, stretch)) return false;

  // Fill the holes between the stretches from there on, leaving what is held as it is.
  size_t kept = 0;
  bool held = false;
  while (!data.empty()) {
    if (stretch != kNil && end_of_stretch(blocks, stretch) > seq) {
      const size_t skip = std::min<size_t>(end_of_stretch(blocks, stretch) - seq, data.size());
      held = true;
      if (!inbox->duplicate_known) note_duplicate(c, ctx, seq, seq + static_cast<uint32_t>(skip));
      data = data.subspan(skip);
      seq += static_cast<uint32_t>(skip);
      if (data.empty()) break;
    }
    const uint32_t next = stretch == kNil ? inbox->gap_head : next_stretch(blocks, stretch);
    size_t room = data.size();
    if (next != kNil) room = std::min<size_t>(room, blocks[next].seq - seq);
    const size_t before = kept;
    stretch = insert_behind(*inbox, ctx, stretch, seq, data.first(room), kept);
    if (kept - before < room) break;  // a bound was hit
    data = data.subspan(room);
    seq += static_cast<uint32_t>(room);
  }
  // Also of a duplicate: the block that it is part of has to follow it (RFC 2883 section 4).
  if (kept != 0 || held) {
    inbox->gap_hint = stretch;
    if (c.has(kSack)) note_recent(*inbox, blocks, stretch);
  }
  trim_inbox(c, ctx);
  return kept != 0;
}

void note_duplicate(Connection& c, Context& ctx, SeqNum begin, SeqNum end) {
  if (!c.has(kSack) || begin >= end) return;
  Inbox* inbox = open_inbox(c, ctx);
  if (inbox == nullptr) return;
  inbox->duplicate_known = true;
  inbox->duplicate = {begin, end};
  ctx.count(end <= c.rcv_nxt ? Counter::kTcpExtTCPDSACKOldSent : Counter::kTcpExtTCPDSACKOfoSent);
}

void note_overlap(Connection& c, Context& ctx, SeqNum end) {
  const Inbox& inbox = (*ctx.inboxes)[c.inbox];
  Blocks& blocks = *ctx.blocks;
  if (inbox.gap_head == kNil || inbox.duplicate_known || blocks[inbox.gap_head].seq >= end) return;
  const SeqNum begin = blocks[inbox.gap_head].seq;
  SeqNum stop = begin;
  for (uint32_t b = inbox.gap_head; b != kNil && blocks[b].seq == stop && stop < end;
       b = blocks[b].next) {
    stop = end_of(blocks[b]);
  }
  note_duplicate(c, ctx, begin, min(stop, end));
}

uint32_t gap_report_bytes(const Connection& c, const Context& ctx) {
  const Inbox& inbox = (*ctx.inboxes)[c.inbox];
  const uint32_t most = c.has(kTimestamps) ? 3 : 4;
  uint32_t blocks = inbox.duplicate_known ? 1 : 0;
  for (uint8_t i = 0; i < inbox.recent_count; ++i)
    blocks += inbox.recent[i].end > c.rcv_nxt ? 1 : 0;
  return blocks == 0 ? 0 : 4 + 8 * std::min(blocks, most);
}

void report_gaps(Connection& c, Context& ctx, wire::SegmentHeader& h) {
  Inbox& inbox = (*ctx.inboxes)[c.inbox];
  const uint8_t most = c.has(kTimestamps) ? 3 : 4;
  if (inbox.duplicate_known) h.sack[h.sack_count++] = inbox.duplicate;
  uint8_t left = 0;
  for (uint8_t i = 0; i < inbox.recent_count; ++i) {
    const wire::SackBlock block = inbox.recent[i];
    if (block.end <= c.rcv_nxt) continue;
    inbox.recent[left++] = block;
    if (h.sack_count < most) h.sack[h.sack_count++] = block;
  }
  inbox.recent_count = left;
  inbox.duplicate_known = false;
  trim_inbox(c, ctx);
}

bool keep_fin(Connection& c, Context& ctx, SeqNum seq) {
  Inbox* inbox = open_inbox(c, ctx);
  if (inbox == nullptr) return false;
  inbox->fin_known = true;
  inbox->fin_seq = seq;
  return true;
}

size_t keep_unread(Connection& c, Context& ctx, std::span<const std::byte> data) {
  Inbox* inbox = open_inbox(c, ctx);
  if (inbox == nullptr) return 0;
  Blocks& blocks = *ctx.blocks;
  size_t kept = 0;
  if (inbox->unread_tail != kNil) kept += blocks.append(inbox->unread_tail, data);
  while (kept < data.size() && may_hold_more(*inbox, kept, ctx)) {
    const uint32_t block = blocks.allocate(data.size() - kept, SeqNum{});
    if (block == kNil) break;
    kept += blocks.append(block, data.subspan(kept));
    if (inbox->unread_tail == kNil) {
      inbox->unread_head = block;
    } else {
      blocks[inbox->unread_tail].next = block;
    }
    inbox->unread_tail = block;
  }
  inbox->unread_bytes += static_cast<uint32_t>(kept);
  trim_inbox(c, ctx);
  return kept;
}

std::span<const std::byte> front_unread(const Connection& c, Context& ctx) {
  if (c.inbox == kNil) return {};
  const Inbox& inbox = (*ctx.inboxes)[c.inbox];
  if (inbox.unread_head == kNil) return {};
  // An unread block's seq field counts the bytes at its front that were taken already.
  return ctx.blocks->data(inbox.unread_head).subspan((*ctx.blocks)[inbox.unread_head].seq.raw());
}

void pop_unread(Connection& c, Context& ctx, size_t bytes) {
  if (bytes == 0) return;
  Inbox& inbox = (*ctx.inboxes)[c.inbox];
  BlockHeader& header = (*ctx.blocks)[inbox.unread_head];
  header.seq += static_cast<uint32_t>(bytes);
  inbox.unread_bytes -= static_cast<uint32_t>(bytes);
  if (header.seq.raw() < header.bytes) return;
  const uint32_t next = header.next;
  ctx.blocks->release(inbox.unread_head);
  inbox.unread_head = next;
  if (next == kNil) inbox.unread_tail = kNil;
  trim_inbox(c, ctx);
}

std::span<const std::byte> front_in_order(Connection& c, Context& ctx) {
  if (c.inbox == kNil) return {};
  Inbox& inbox = (*ctx.inboxes)[c.inbox];
  while (inbox.gap_head != kNil) {
    const BlockHeader& header = (*ctx.blocks)[inbox.gap_head];
    if (header.seq > c.rcv_nxt) return {};
    if (end_of(header) > c.rcv_nxt) {
      return ctx.blocks->data(inbox.gap_head).subspan(c.rcv_nxt - header.seq);
    }
    pop_gap_head(inbox, ctx);
  }
  trim_inbox(c, ctx);
  return {};
}

bool fin_in_order(const Connection& c, const Context& ctx) {
  if (c.inbox == kNil) return false;
  const Inbox& inbox = (*ctx.inboxes)[c.inbox];
  return inbox.fin_known && inbox.fin_seq == c.rcv_nxt;
}

bool has_gap(const Connection& c, const Context& ctx) {
  if (c.inbox == kNil) return false;
  const Inbox& inbox = (*ctx.inboxes)[c.inbox];
  return inbox.gap_head != kNil || inbox.fin_known;
}

void trim_inbox(Connection& c, Context& ctx) {
  if (c.inbox == kNil) return;
  const Inbox& inbox = (*ctx.inboxes)[c.inbox];
  if (inbox.unread_head != kNil || inbox.gap_head != kNil || inbox.fin_known ||
      inbox.duplicate_known) {
    return;
  }
  ctx.inboxes->free(c.inbox);
  c.inbox = kNil;
}

void clear_inbox(Connection& c, Context& ctx) {
  if (c.inbox == kNil) return;
  Inbox& inbox = (*ctx.inboxes)[c.inbox];
  ctx.blocks->release_chain(inbox.unread_head);
  ctx.blocks->release_chain(inbox.gap_head);
  ctx.inboxes->free(c.inbox);
  c.inbox = kNil;
}

}  // namespace millrace::tcp
