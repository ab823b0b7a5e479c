// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/pack.h"

#include <algorithm>
#include <type_traits>

#include "base/check.h"
#include "tcp/flight.h"
#include "tcp/reassembly.h"
#include "tcp/send_queue.h"

namespace millrace::tcp {
namespace {

static_assert(std::is_trivially_copyable_v<Connection> && std::is_trivially_copyable_v<Inbox> &&
              std::is_trivially_copyable_v<Sender>);

// --- Chains of blocks
// -----------------------------------------------------------------------------

enum class Kind : uint32_t { kSmall, kLarge, kExternal };

struct PackedBlock {
  SeqNum seq;
  uint32_t bytes = 0;
  Kind kind = Kind::kSmall;
};

// Places in a chain stand for its indices, 0 for none.
uint32_t place_in(Blocks& blocks, uint32_t head, uint32_t wanted) {
  if (wanted == kNil) return 0;
  uint32_t place = 1;
  for (uint32_t block = head; block != wanted; block = blocks[block].next) {
    MR_ASSERT(block != kNil);
    ++place;
  }
  return place;
}

uint32_t block_at(Blocks& blocks, uint32_t head, uint32_t place) {
  if (place == 0) return kNil;
  uint32_t block = head;
  while (--place != 0) block = blocks[block].next;
  return block;
}

void pack_chain(Blocks& blocks, uint32_t head, Parcel& parcel) {
  uint32_t count = 0;
  for (uint32_t block = head; block != kNil; block = blocks[block].next) ++count;
  parcel.put(count);
  for (uint32_t block = head; block != kNil; block = blocks[block].next) {
    const BlockHeader& header = blocks[block];
    const bool external = header.link == kExternal;
    const bool large = !external && Blocks::capacity(block) == LargeBlock::kDataBytes;
    parcel.put(PackedBlock{header.seq, header.bytes,
                           external ? Kind::kExternal
                           : large  ? Kind::kLarge
                                    : Kind::kSmall});
    const std::span<const std::byte> data = blocks.data(block);
    if (external) {
      parcel.put(reinterpret_cast<uintptr_t>(data.data()));
    } else {
      parcel.put_bytes(data);
    }
  }
}

// As large as it was, so that as much goes behind what is in it; or as large as it needs to be.
uint32_t block_for(Blocks& blocks, const PackedBlock& packed) {
  if (packed.kind == Kind::kSmall) return blocks.allocate(1, packed.seq);
  const uint32_t block = blocks.allocate(LargeBlock::kDataBytes, packed.seq);
  return block != kNil ? block : blocks.allocate(packed.bytes, packed.seq);
}

// False when there are no blocks for it; `head` and `tail` are what there is of it, in any case.
bool unpack_chain(Blocks& blocks, Parcel& parcel, uint32_t& head, uint32_t& tail) {
  head = tail = kNil;
  for (auto left = parcel.take<uint32_t>(); left != 0; --left) {
    const auto packed = parcel.take<PackedBlock>();
    uint32_t block = kNil;
    if (packed.kind == Kind::kExternal) {
      const auto* data = reinterpret_cast<const std::byte*>(parcel.take<uintptr_t>());
      block = blocks.allocate_external({data, packed.bytes}, packed.seq);
    } else {
      const std::span<const std::byte> data = parcel.take_bytes(packed.bytes);
      block = block_for(blocks, packed);
      if (block != kNil) blocks.append(block, data);
    }
    if (block == kNil) return false;
    (tail == kNil ? head : blocks[tail].next) = block;
    tail = block;
  }
  return true;
}

// --- Send queue
// -----------------------------------------------------------------------------------

void pack_send_queue(const Connection& c, Blocks& blocks, Parcel& parcel) {
  parcel.put(place_in(blocks, c.send_head, c.send_cursor));
  pack_chain(blocks, c.send_head, parcel);
}

bool unpack_send_queue(Connection& c, Blocks& blocks, Parcel& parcel) {
  const auto cursor = parcel.take<uint32_t>();
  c.send_cursor = kNil;
  if (!unpack_chain(blocks, parcel, c.send_head, c.send_tail)) return false;
  c.send_cursor = block_at(blocks, c.send_head, cursor);
  return true;
}

// --- Inbox
// ----------------------------------------------------------------------------------------

void pack_inbox(const Inbox& inbox, Blocks& blocks, Parcel& parcel) {
  parcel.put(inbox);
  pack_chain(blocks, inbox.unread_head, parcel);
  parcel.put(place_in(blocks, inbox.gap_head, inbox.gap_hint));
  pack_chain(blocks, inbox.gap_head, parcel);
}

// The first block of each stretch names its last.
void link_stretches(Inbox& inbox, Blocks& blocks) {
  inbox.gap_last = kNil;
  for (uint32_t first = inbox.gap_head; first != kNil;) {
    uint32_t last = first;
    uint32_t next = blocks[last].next;
    while (next != kNil && blocks[last].seq + blocks[last].bytes == blocks[next].seq) {
      last = next;
      next = blocks[last].next;
    }
    blocks[first].link = last;
    inbox.gap_last = first;
    first = next;
  }
}

bool unpack_inbox(Connection& c, Context& ctx, Parcel& parcel) {
  c.inbox = ctx.inboxes->allocate();
  MR_ASSERT(c.inbox != kNil);  // there are as many as connections
  Inbox& inbox = (*ctx.inboxes)[c.inbox];
  inbox = parcel.take<Inbox>();
  inbox.gap_head = kNil;
  Blocks& blocks = *ctx.blocks;
  if (!unpack_chain(blocks, parcel, inbox.unread_head, inbox.unread_tail)) return false;
  const auto hint = parcel.take<uint32_t>();
  uint32_t tail;
  if (!unpack_chain(blocks, parcel, inbox.gap_head, tail)) return false;
  inbox.gap_hint = block_at(blocks, inbox.gap_head, hint);
  link_stretches(inbox, blocks);
  return true;
}

// --- Sender
// ---------------------------------------------------------------------------------------

// The indices of a Sender that name runs.
constexpr uint32_t Sender::*kRunIndices[] = {&Sender::tail, &Sender::lost_cursor,
                                             &Sender::lost_previous, &Sender::sack_hint};

void pack_sender(const Sender& r, const base::Slab<Run>& runs, Parcel& parcel) {
  Sender packed = r;
  for (const auto index : kRunIndices) packed.*index = 0;
  uint32_t count = 0;
  for (uint32_t run = r.head; run != kNil; run = runs[run].next) {
    ++count;
    for (const auto index : kRunIndices) {
      if (r.*index == run) packed.*index = count;
    }
  }
  parcel.put(packed);
  parcel.put(count);
  for (uint32_t run = r.head; run != kNil; run = runs[run].next) parcel.put(runs[run]);
}

// Every connection that has runs has one for sure (flight.cc).
bool has_room_for_runs(const Context& ctx, uint32_t count) {
  const uint32_t owed_to_others = ctx.senders->capacity() - ctx.flights - 1;
  return count <= 1 || ctx.runs->used() + owed_to_others + count <= ctx.runs->capacity();
}

bool unpack_sender(Connection& c, Context& ctx, Parcel& parcel) {
  const auto packed = parcel.take<Sender>();
  const auto count = parcel.take<uint32_t>();
  if (!has_room_for_runs(ctx, count)) return false;
  c.sender = ctx.senders->allocate();
  MR_ASSERT(c.sender != kNil);  // there are as many as connections
  Sender& r = (*ctx.senders)[c.sender];
  r = packed;
  r.head = kNil;
  for (const auto index : kRunIndices) r.*index = kNil;
  if (count != 0) ++ctx.flights;
  uint32_t previous = kNil;
  for (uint32_t place = 1; place <= count; ++place) {
    const uint32_t run = ctx.runs->allocate();
    MR_ASSERT(run != kNil);
    (*ctx.runs)[run] = parcel.take<Run>();
    (*ctx.runs)[run].next = kNil;
    (previous == kNil ? r.head : (*ctx.runs)[previous].next) = run;
    for (const auto index : kRunIndices) {
      if (packed.*index == place) r.*index = run;
    }
    previous = run;
  }
  return true;
}

}  // namespace

// --- The connection
// -------------------------------------------------------------------------------

void pack(const Connection& c, const Context& ctx, Parcel& parcel) {
  parcel.put(c);
  parcel.put(ctx.ace(c));
  parcel.put(ctx.autotune(c));
  pack_send_queue(c, *ctx.blocks, parcel);
  if (c.inbox != kNil) pack_inbox((*ctx.inboxes)[c.inbox], *ctx.blocks, parcel);
  if (c.sender != kNil) pack_sender((*ctx.senders)[c.sender], *ctx.runs, parcel);
}

bool unpack(Connection& c, Context& ctx, Parcel& parcel) {
  const auto packed = parcel.take<Connection>();
  const uint32_t generation = c.generation;
  c = packed;
  c.generation = generation;
  c.timer = {};
  c.inbox = c.sender = kNil;
  ctx.ace(c) = parcel.take<Ace>();
  auto autotune = parcel.take<Autotune>();
  // What an older connection in that slot was measured by says nothing of this one.
  autotune.generation = autotune.generation == packed.generation ? generation : generation - 1;
  ctx.autotune(c) = autotune;
  const bool done = unpack_send_queue(c, *ctx.blocks, parcel) &&
                    (packed.inbox == kNil || unpack_inbox(c, ctx, parcel)) &&
                    (packed.sender == kNil || unpack_sender(c, ctx, parcel));
  if (done) return true;
  clear_send_queue(c, ctx);
  clear_inbox(c, ctx);
  close_sender(c, ctx);
  return false;
}

}  // namespace millrace::tcp
