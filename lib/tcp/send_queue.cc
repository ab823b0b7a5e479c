// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/send_queue.h"

#include <algorithm>

namespace millrace::tcp {
namespace {

constexpr uint32_t kModerateBuffer = 256 * 1024;

void link_tail(Connection& c, Context& ctx, uint32_t block) {
  if (c.send_tail == kNil) {
    c.send_head = block;
    c.send_cursor = block;
  } else {
    (*ctx.blocks)[c.send_tail].next = block;
  }
  c.send_tail = block;
}

// A piece that begins where the last one ends makes that longer. False when there is no room.
bool add_piece(TxFrame& out, std::span<const std::byte> piece) {
  std::span<const std::byte>& last = out.payload[out.payload_spans - 1u];
  if (last.data() + last.size() == piece.data()) {
    last = {last.data(), last.size() + piece.size()};
    return true;
  }
  if (out.payload_spans == TxFrame::kMaxPayloadSpans) return false;
  out.payload[out.payload_spans++] = piece;
  return true;
}

}  // namespace

uint32_t send_limit(const Connection& c, const Context& ctx) {
  // One window in flight, and the next behind it.
  const uint32_t wanted = std::max(2 * c.cwnd, kModerateBuffer);
  return std::min({wanted, ctx.options(c).send_buffer_bytes, ctx.share_max});
}

size_t send_space(const Connection& c, const Context& ctx) {
  const uint32_t limit = send_limit(c, ctx);
  // SYN and FIN are counted as bytes here while they are in flight; one byte does no harm.
  const int32_t queued = SeqNum::distance(c.snd_una, c.snd_end);
  const uint32_t used = queued > 0 ? static_cast<uint32_t>(queued) : 0;
  return used >= limit ? 0 : limit - used;
}

size_t append(Connection& c, Context& ctx, std::span<const std::byte> data) {
  data = data.first(std::min(data.size(), send_space(c, ctx)));
  size_t done = 0;
  if (c.send_tail != kNil && !data.empty()) {
    const uint32_t n = ctx.blocks->append(c.send_tail, data);
    c.snd_end += n;
    done += n;
  }
  while (done < data.size()) {
    const size_t left = data.size() - done;
    // A chain begins with a small block at most, so that a segment needs few pieces.
    const size_t wanted = c.send_head == kNil ? left : LargeBlock::kDataBytes;
    uint32_t block = ctx.blocks->allocate(wanted, c.snd_end);
    if (block == kNil) block = ctx.blocks->allocate(1, c.snd_end);
    if (block == kNil) break;
    const uint32_t n = ctx.blocks->append(block, data.subspan(done));
    link_tail(c, ctx, block);
    c.snd_end += n;
    done += n;
  }
  return done;
}

size_t append_external(Connection& c, Context& ctx, std::span<const std::byte> data) {
  data = data.first(std::min(data.size(), send_space(c, ctx)));
  if (data.empty()) return 0;
  const uint32_t block = ctx.blocks->allocate_external(data, c.snd_end);
  if (block == kNil) return 0;
  link_tail(c, ctx, block);
  c.snd_end += static_cast<uint32_t>(data.size());
  return data.size();
}

void release_blocks(Connection& c, Context& ctx, SeqNum una) {
  Blocks& blocks = *ctx.blocks;
  while (c.send_head != kNil) {
    const BlockHeader& header = blocks[c.send_head];
    if (header.seq + header.bytes > una) return;
    const uint32_t next = header.next;
    if (c.send_cursor == c.send_head) c.send_cursor = next;
    blocks.release(c.send_head);
    c.send_head = next;
  }
  c.send_tail = kNil;
  c.send_cursor = kNil;
}

uint32_t gather(Connection& c, Context& ctx, SeqNum seq, uint32_t bytes, TxFrame& out) {
  Blocks& blocks = *ctx.blocks;
  out.payload_spans = 0;
  out.payload_bytes = 0;
  if (bytes == 0) return 0;
  uint32_t block = c.send_cursor;
  if (block == kNil || blocks[block].seq > seq) block = c.send_head;
  while (block != kNil && blocks[block].seq + blocks[block].bytes <= seq) {
    block = blocks[block].next;
  }
  // New data is sent front to back, retransmissions lie before it: the cursor follows new data.
  if (seq >= c.snd_nxt) c.send_cursor = block;

  uint32_t got = 0;
  while (block != kNil && got < bytes && out.payload_spans < TxFrame::kMaxPayloadSpans) {
    const std::span<const std::byte> data = blocks.data(block);
    const uint32_t skip = (seq + got) - blocks[block].seq;
    const uint32_t n = std::min(static_cast<uint32_t>(data.size()) - skip, bytes - got);
    out.payload[out.payload_spans++] = data.subspan(skip, n);
    got += n;
    block = blocks[block].next;
  }
  out.payload_bytes = static_cast<uint16_t>(got);
  return got;
}

bool gather_more(Connection& c, Context& ctx, uint32_t bytes, TxFrame& out) {
  TxFrame more;
  if (gather(c, ctx, c.snd_nxt, bytes, more) != bytes) return false;
  const uint8_t spans = out.payload_spans;
  const std::span<const std::byte> last = out.payload[spans - 1u];
  for (const auto& piece : std::span(more.payload).first(more.payload_spans)) {
    if (add_piece(out, piece)) continue;
    out.payload[spans - 1u] = last;
    out.payload_spans = spans;
    return false;
  }
  out.payload_bytes = static_cast<uint16_t>(out.payload_bytes + bytes);
  return true;
}

void clear_send_queue(Connection& c, Context& ctx) {
  ctx.blocks->release_chain(c.send_head);
  c.send_head = c.send_tail = c.send_cursor = kNil;
}

}  // namespace millrace::tcp
