// SPDX-License-Identifier: BSD-3-Clause
// Bytes from the application until they are acknowledged: a chain of blocks that covers
// [snd_una, snd_end). Nothing is copied out of it but by the driver, so a retransmission never
// touches memory that a device may still own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/frame.h"
#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

// Room in the send buffer.
size_t send_space(const Connection& c, const Context& ctx);

// Copies what fits; returns how many bytes that was (less than offered when the buffer or the
// block pool is full).
size_t append(Connection& c, Context& ctx, std::span<const std::byte> data);
// Refers to `data`, which stays as it is for as long as the shard lives.
size_t append_external(Connection& c, Context& ctx, std::span<const std::byte> data);

// Everything before `una` is acknowledged.
void release_acknowledged(Connection& c, Context& ctx, SeqNum una);

// Points out.payload at up to `bytes` bytes from `seq` on; returns how many it got to within
// TxFrame::kMaxPayloadSpans pieces. Requires: [seq, seq + bytes) is queued.
uint32_t gather(Connection& c, Context& ctx, SeqNum seq, uint32_t bytes, TxFrame& out);

void clear_send_queue(Connection& c, Context& ctx);

}  // namespace millrace::tcp
