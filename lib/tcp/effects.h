// SPDX-License-Identifier: BSD-3-Clause
// What a step of TCP asks of the stack: values handed back, never callbacks.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "millrace/app.h"
#include "wire/seq.h"

namespace millrace::tcp {

struct Effects {
  // In-order bytes that begin at rcv_nxt. The stack offers them to the application and then says
  // with received() how many were taken or stored; rcv_nxt moves by that.
  std::span<const std::byte> data;
  bool fin = false;                   // FIN stands right behind `data`
  bool established = false;           // the handshake is complete
  bool dirty = false;                 // the flush has something to do
  bool acked = false;                 // the send queue has shrunk
  bool time_wait = false;             // both FINs are done and ours went first: TIME-WAIT
  bool reset = false;                 // answer the segment with RST (RFC 9293 section 3.10.7)
  uint16_t path_mtu = 0;              // ICMP was right: new connections to the peer begin with it
  std::optional<CloseReason> closed;  // the connection is over, without TIME-WAIT
};

}  // namespace millrace::tcp
