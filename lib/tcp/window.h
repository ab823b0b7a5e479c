// SPDX-License-Identifier: BSD-3-Clause
// The window that we offer: never shrinking (RFC 9293 section 3.8.6), never silly (section
// 3.8.6.2.2), scaled (RFC 7323 section 2).
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

// The shift that lets `buffer_bytes` be announced in 16 bits.
uint8_t window_shift_for(uint32_t buffer_bytes);

// The value for the window field of a segment that acknowledges rcv_nxt. Moves rcv_adv.
uint16_t announce_window(Connection& c, Context& ctx);

// The window of a SYN-ACK, which is never scaled (RFC 7323 section 2.2). Moves rcv_adv like
// announce_window().
uint16_t announce_window_on_syn(Connection& c, Context& ctx);

// Whether opening the window is worth a segment of its own.
bool window_update_due(const Connection& c, const Context& ctx);

}  // namespace millrace::tcp
