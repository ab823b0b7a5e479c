// SPDX-License-Identifier: BSD-3-Clause
// What a receiver holds: bytes in order that the application has not taken, and bytes that arrived
// ahead of a gap. Both live in an Inbox, which exists only while there is something in it.
//
//        taken by the application      unread chain          gap chain
//     ---------------------------->|=================|.......|=====|...|===|.......|
//                                                 rcv_nxt                        rcv_adv
//
// Bounds: unread and gap bytes together fit the announced window. A connection's gap chain has at
// most kGapBlocksMax blocks, and one more for each kGapBytesPerBlock that it holds: a window of any
// size fits when it comes in full segments, and a peer that sends single bytes far apart gets
// little (SegmentSmack). A segment that is kGapWalkMax stretches away from where one is expected
// (at either end, or behind the last one that came) is not looked for any further, and not kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "wire/segment.h"

namespace millrace::tcp {

inline constexpr uint32_t kGapBlocksMax = 256;
inline constexpr uint32_t kGapBytesPerBlock = 1024;
inline constexpr uint32_t kGapWalkMax = 256;

// Keeps [seq, seq + data) if it lies behind rcv_nxt and there is room; bytes that are held already
// stay as they came first. Returns false when nothing new could be kept.
bool keep_out_of_order(Connection& c, Context& ctx, SeqNum seq, std::span<const std::byte> data);
// A FIN that arrived ahead of a gap; its sequence number. False when there is no memory.
bool keep_fin(Connection& c, Context& ctx, SeqNum seq);

// Appends in-order bytes that the application left; returns how many could be stored.
size_t keep_unread(Connection& c, Context& ctx, std::span<const std::byte> data);
// The next piece of unread bytes; empty when there is none.
std::span<const std::byte> front_unread(const Connection& c, Context& ctx);
void pop_unread(Connection& c, Context& ctx, size_t bytes);

// The bytes of the gap chain that now stand at rcv_nxt: one piece, empty when there is none. Bytes
// before rcv_nxt are given back on the way.
std::span<const std::byte> front_in_order(Connection& c, Context& ctx);
// True when a FIN kept earlier stands at rcv_nxt.
bool fin_in_order(const Connection& c, const Context& ctx);

// What the next acknowledgement says of bytes behind a gap, and of a duplicate (RFC 2018,
// RFC 2883); a duplicate is said once. How many bytes of options that takes.
void report_gaps(Connection& c, Context& ctx, wire::SegmentHeader& h);
uint32_t gap_report_bytes(const Connection& c, const Context& ctx);
// [begin, end) had arrived before. Does nothing without SACK.
void note_duplicate(Connection& c, Context& ctx, SeqNum begin, SeqNum end);
// Bytes in order up to `end` arrived: those of them that waited behind the gap came twice.
// Requires: an inbox.
void note_overlap(Connection& c, Context& ctx, SeqNum end);

// Whether bytes wait behind a gap.
bool has_gap(const Connection& c, const Context& ctx);

// Gives an empty inbox back.
void trim_inbox(Connection& c, Context& ctx);
void clear_inbox(Connection& c, Context& ctx);

}  // namespace millrace::tcp
