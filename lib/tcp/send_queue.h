// SPDX-License-Identifier: BSD-3-Clause
// Bytes from the application until they are acknowledged: a chain of blocks that covers
// [snd_una, snd_end). Nothing is copied out of it but by the driver, so a retransmission never
// touches memory that a device may still own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/frame.h"
#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

// How much the send buffer may hold now, and the room that is left of it.
uint32_t send_limit(const Connection& c, const Context& ctx);
size_t send_space(const Connection& c, const Context& ctx);

// Copies what fits; returns how many bytes that was (less than offered when the buffer or the
// block pool is full).
size_t append(Connection& c, Context& ctx, std::span<const std::byte> data);
// Refers to `data`, which stays as it is for as long as the shard lives.
size_t append_external(Connection& c, Context& ctx, std::span<const std::byte> data);

// The first bytes of an empty queue, where they fit one small block and the buffer; false when it
// is not that simple, and nothing has happened.
inline bool append_first(Connection& c, Context& ctx, std::span<const std::byte> data) {
  if (c.send_tail != kNil || data.size() > SmallBlock::kDataBytes ||
      data.size() > ctx.options(c).send_buffer_bytes) {
    return false;
  }
  const uint32_t block = ctx.blocks->allocate_small(c.snd_end, data);
  if (block == kNil) return false;
  c.send_head = c.send_tail = c.send_cursor = block;
  c.snd_end += static_cast<uint32_t>(data.size());
  return true;
}

// Everything before `una` is acknowledged.
void release_blocks(Connection& c, Context& ctx, SeqNum una);
inline void release_acknowledged(Connection& c, Context& ctx, SeqNum una) {
  if (c.send_head == kNil) return;
  const BlockHeader& head = (*ctx.blocks)[c.send_head];
  if (head.seq + head.bytes > una) return;
  if (c.send_head != c.send_tail) return release_blocks(c, ctx, una);
  ctx.blocks->release(c.send_head);
  c.send_head = c.send_tail = c.send_cursor = kNil;
}

// Points out.payload at up to `bytes` bytes from `seq` on; returns how many it got to within
// TxFrame::kMaxPayloadSpans pieces. Requires: [seq, seq + bytes) is queued.
uint32_t gather(Connection& c, Context& ctx, SeqNum seq, uint32_t bytes, TxFrame& out);
// Adds `bytes` of new text to what out.payload points at. False, and `out` is as before, when its
// pieces are too many. Requires: it points at something.
bool gather_more(Connection& c, Context& ctx, uint32_t bytes, TxFrame& out);
// As gather(), for new text, which lies in one block or two as a rule.
inline uint32_t gather_new(Connection& c, Context& ctx, uint32_t bytes, TxFrame& out) {
  if (c.send_cursor == kNil) [[unlikely]]
    return gather(c, ctx, c.snd_nxt, bytes, out);
  Blocks& blocks = *ctx.blocks;
  const BlockHeader* header = &blocks[c.send_cursor];
  uint32_t skip = c.snd_nxt - header->seq;  // huge when the block lies behind
  if (skip == header->bytes && header->next != kNil) {
    c.send_cursor = header->next;
    header = &blocks[c.send_cursor];
    skip = 0;
  }
  if (skip >= header->bytes) [[unlikely]]
    return gather(c, ctx, c.snd_nxt, bytes, out);
  const uint32_t here = std::min(bytes, header->bytes - skip);
  if (here != bytes) {
    const uint32_t next = header->next;
    if (next == kNil || blocks[next].bytes < bytes - here) [[unlikely]]
      return gather(c, ctx, c.snd_nxt, bytes, out);
    out.payload[1] = blocks.data(next).first(bytes - here);
  }
  out.payload[0] = blocks.data(c.send_cursor).subspan(skip, here);
  out.payload_spans = here == bytes ? 1 : 2;
  out.payload_bytes = static_cast<uint16_t>(bytes);
  return bytes;
}

void clear_send_queue(Connection& c, Context& ctx);

}  // namespace millrace::tcp
