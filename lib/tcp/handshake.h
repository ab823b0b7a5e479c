// SPDX-License-Identifier: BSD-3-Clause
// How connections begin: active open and SYN-SENT (RFC 9293 sections 3.10.1 and 3.10.7.3),
// simultaneous open, the answer to a listener's SYN, and what the options on SYN agree on.
#pragma once

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/half_open.h"
#include "tcp/isn.h"
#include "wire/segment.h"

namespace millrace::tcp {

inline constexpr uint16_t kDefaultMss = 536;  // RFC 9293 section 3.7.1
inline constexpr uint16_t kTimestampOptionBytes = 12;

// What we announce on SYN: what the MTU allows, within the option.
uint16_t announced_mss(const TcpOptions& options, const Context& ctx);

// OPEN, active. Requires: c is fresh, its key and profile are set. The flush sends the SYN.
void open_active(Connection& c, const Context& ctx, SeqNum iss, uint32_t ts_offset);

// A segment in SYN-SENT.
void on_segment_syn_sent(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx);

// What a SYN for a listener is remembered as.
HalfOpen remember_syn(const FlowKey& key, const wire::Segment& s, const TcpOptions& options,
                      SeqNum iss);
// The SYN-ACK for it.
wire::SegmentHeader syn_ack(const HalfOpen& half, const TcpOptions& options, const Context& ctx,
                            uint32_t ts_offset);
// The handshake's ACK came: the connection begins. Requires: c is fresh, its profile is set; `s`
// acknowledges our SYN.
void open_passive(Connection& c, const HalfOpen& half, const wire::Segment& s, const Context& ctx,
                  uint32_t ts_offset);

}  // namespace millrace::tcp
