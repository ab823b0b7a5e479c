// SPDX-License-Identifier: BSD-3-Clause
// How connections begin: active open and SYN-SENT (RFC 9293 sections 3.10.1 and 3.10.7.3),
// simultaneous open, the answer to a listener's SYN, and what the options on SYN agree on.
#pragma once

#include "millrace/frame.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/half_open.h"
#include "tcp/isn.h"
#include "wire/segment.h"

namespace millrace::tcp {

// Of a peer that does not say (RFC 9293 section 3.7.1).
inline uint16_t default_mss(const IpAddress& peer) { return peer.is_v4() ? 536 : 1220; }
inline constexpr uint16_t kTimestampOptionBytes = 12;

// What we announce on SYN: what the MTU allows, within the option.
uint16_t announced_mss(const TcpOptions& options, const Context& ctx, const IpAddress& peer);

// Marks what the options in force ask of every segment, or of the next. When they are set, and when
// they change.
void note_options(Connection& c, const TcpOptions& options);

// OPEN, active. Requires: c is fresh, its key and profile are set. The flush sends the SYN.
void open_active(Connection& c, const Context& ctx, SeqNum iss, uint32_t ts_offset);

// A segment in SYN-SENT.
void on_segment_syn_sent(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx);

// What a SYN for a listener is remembered as.
HalfOpen remember_syn(const FlowKey& key, const wire::Segment& s, const TcpOptions& options,
                      SeqNum iss);
// The SYN-ACK for it; a cookie, where it brings one, is good until the next is made.
wire::SegmentHeader syn_ack(const HalfOpen& half, const TcpOptions& options, const Context& ctx,
                            uint32_t ts_offset);
// What a SYN-ACK says to a SYN with Fast Open's option.
void give_fast_open_cookie(const FlowKey& key, const Context& ctx, wire::SegmentHeader& h);
// The handshake's ACK came: the connection begins. Requires: c is fresh, its profile is set; `s`
// acknowledges our SYN.
void open_passive(Connection& c, const HalfOpen& half, const wire::Segment& s, const Context& ctx,
                  uint32_t ts_offset);

// A SYN with a good Fast Open cookie came, and data: the connection begins, its handshake goes on
// (RFC 7413 section 4.2.2), without ECN. The flush sends the SYN-ACK. Requires: as open_passive();
// `s` is the SYN.
void open_fast(Connection& c, const HalfOpen& half, const wire::Segment& s, const Context& ctx,
               uint32_t ts_offset);
// Its data, which the stack delivers once the application knows of the connection.
void receive_text_of_syn(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx);
// The acknowledgement that such a connection waited for.
void complete_fast_open(Connection& c, const wire::Segment& s, Context& ctx);

// Our first SYN, all but Fast Open set in `h`: asks for a cookie, or brings one and data, which it
// points `out` at. Returns how many bytes (RFC 7413 section 4.1.3).
uint32_t offer_fast_open(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out);
// No answer came to it: the SYN is sent again without, and the peer is not tried again for a while.
void give_up_fast_open(Connection& c, Context& ctx);

}  // namespace millrace::tcp
