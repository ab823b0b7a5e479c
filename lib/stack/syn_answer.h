// SPDX-License-Identifier: BSD-3-Clause
// The short way of a SYN that is not remembered. Its answer is nearly the same for every SYN to one
// address and port: it is built once for each of the two kinds of options that a plain SYN has
// (wire/plain_syn.h), to nobody, and completed for each.
#pragma once

#include <array>
#include <cstdint>

#include "millrace/address.h"
#include "millrace/frame.h"
#include "tcp/half_open.h"

namespace millrace::stack {

struct SynAnswer {
  TxFrame frame;
  uint32_t ip_sum = 0;         // of the IP header as it is there, as a one's complement sum
  uint32_t tcp_sum = 0;        // what is in the TCP checksum field
  uint16_t timestamps_at = 0;  // of our value, and behind it the echo; 0: there are none
  tcp::HalfOpen agreed;        // window shift: kNoShift, or the peer's is kept
};

struct SynAnswers {
  static constexpr uint16_t kNone = UINT16_MAX;

  uint16_t listener = kNone;
  uint32_t local = 0;  // as it lies in a frame, as is the port
  uint16_t local_port = 0;
  uint32_t epoch = 0;           // net::Interface::changes() when they were built
  std::array<SynAnswer, 2> of;  // MSS or nothing; Linux's options
};

}  // namespace millrace::stack
