// SPDX-License-Identifier: BSD-3-Clause
// What a row of a ladder means: chosen by its segment and by what became of both ends, and by
// nothing else. Each with one sentence and the section of the RFC that rules there.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "trace/ladder.h"

namespace millrace::trace {

enum class Happening : uint8_t {
  kOpen,              // SYN
  kOpenCrossed,       // SYN, and the receiver had sent one
  kOpenAnswered,      // SYN+ACK
  kOpenAnsweredBoth,  // SYN+ACK of one who had sent SYN, after a crossing
  kOpenRefused,       // RST in answer to SYN
  kOpenDone,          // ACK that makes the receiver ESTABLISHED
  kCookieSent,        // SYN+ACK of one who remembers nothing
  kCookieReturned,    // ACK to one who remembered nothing
  kData,
  kDataHalfClosed,  // data to one who has closed, and still reads
  kAcknowledged,
  kFinFirst,         // ESTABLISHED becomes FIN-WAIT-1
  kFinCrossed,       // a FIN reaches one who has sent his own
  kFinAcked,         // FIN-WAIT-1 becomes FIN-WAIT-2
  kFinSecond,        // CLOSE-WAIT becomes LAST-ACK
  kFinCrossedAcked,  // CLOSING becomes TIME-WAIT
  kLastAck,          // LAST-ACK becomes CLOSED
  kTimeWaitAck,      // TIME-WAIT answers what comes late
  kTimeWaitOver,     // TIME-WAIT becomes CLOSED
  kFinAgain,
  kDataAgain,
  kSynAgain,
  kReset,           // RST of an end that had a connection
  kResetNoSuch,     // RST for a connection that the sender does not have
  kProbe,           // keep-alive, or zero window
  kProbeAnswered,   // an acknowledgement that says nothing new, to one who probed
  kGaveUp,          // an end becomes CLOSED without a segment
  kChangedUnheard,  // any other change without a segment
  kArrived,         // what was drawn before arrives, and changes nothing
};
inline constexpr size_t kHappeningCount = 29;

// `before` is the row before it, or nullptr.
[[nodiscard]] Happening happening_of(const Row& row, const Row* before);
// "the client opens: ... (RFC 9293 3.5)". `names` are the ladder's.
[[nodiscard]] std::string sentence(const Row& row, Happening happening,
                                   const std::array<std::string, 2>& names);
// A name for programs: "open-crossed".
[[nodiscard]] std::string_view to_string(Happening happening);

}  // namespace millrace::trace
