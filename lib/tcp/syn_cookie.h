// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies (RFC 4987 section 3.6): a handshake of which nothing is stored. In: the SYN, or the
// ACK that claims to answer our SYN-ACK, the time and a secret. Out: our initial sequence number,
// or what the SYN had asked for. Pure functions.
//
//     our ISS      31                     12 11         4 3     1   0
//                 +-------------------------+------------+-------+---+
//                 |  20 bits, with the      | 8 bits,    |  MSS  | P |
//                 |  peer's ISN             | without    |       |   |
//                 +-------------------------+------------+-------+---+
//     our TSval    31                              6   5   4   3       0
//                 +----------------------------------+---+---+---------+
//                 |  our clock, in steps of 64 ms    |ECN|SCK|  shift  |
//                 +----------------------------------+---+---+---------+
//
// The part on the right is of an AES of the tuple, the period and the MSS' place in the table; the
// one on the left of a second AES of that, of the peer's ISN and of whether timestamps were agreed
// on. P is the period's parity. A period lasts
// 64 s; a cookie is good in its own and the next. A forger has to guess all 28 bits. The part
// without the peer's ISN tells a segment that answers a cookie but is not the first of its stream:
// the first was lost and comes again, so its sender must not be reset.
//
// The peer's ACK brings the ISS back, and with timestamps their echo brings the rest; without,
// there is no window scaling and no SACK. The echo must be no older than a cookie can be: a blind
// forger has to hit that too, if the ACK has timestamps.
#pragma once

#include <cstdint>
#include <optional>

#include "base/aes.h"
#include "millrace/address.h"
#include "millrace/time.h"
#include "wire/seq.h"

namespace millrace::tcp {

inline constexpr Duration kCookiePeriod = seconds(64);
inline constexpr Duration kCookieLifetimeMax = seconds(128);

// Two keys made of 128 bits.
struct CookieSecret {
  explicit CookieSecret(uint64_t k0 = 0, uint64_t k1 = 0);

  base::Aes128 flow;   // of the tuple, the period and the MSS
  base::Aes128 whole;  // of that and the rest
};

// --- In the initial sequence number
// ---------------------------------------------------------------

// Ensures: the same within a period, so a repeated SYN gets the same SYN-ACK.
wire::SeqNum make_cookie(const CookieSecret& secret, const FlowKey& key, wire::SeqNum irs,
                         uint16_t peer_mss, bool timestamps, Instant now);

struct Cookie {
  uint16_t mss;       // at most what the peer announced (at least 32)
  bool whole;         // good; else the peer's ISN or timestamps are not what the SYN had
  uint64_t flow_tag;  // tells what it is for, but for those,
  uint64_t tag;       // and this cookie from all others
};
// Nothing when `iss` is no cookie of this secret for this tuple, or is too old.
std::optional<Cookie> check_cookie(const CookieSecret& secret, const FlowKey& key, wire::SeqNum irs,
                                   wire::SeqNum iss, bool timestamps, Instant now);

// The largest MSS in the table that is not above `mss`; 32 for less than that.
uint16_t cookie_mss(uint16_t mss);

// --- In the timestamp
// -----------------------------------------------------------------------------

struct StampedOptions {
  static constexpr uint8_t kNoShift = 0xf;

  uint8_t window_shift = kNoShift;  // the peer's, at most 14
  bool sack = false;
  bool ecn = false;

  friend bool operator==(const StampedOptions&, const StampedOptions&) = default;
};

// Our timestamp value in ticks with the options in its low bits.
// Ensures: at most `clock`, and less than 64 ticks behind it, so that our next is not older.
uint32_t stamp(uint32_t clock, const StampedOptions& options);

// What the echo of such a value says; nothing when it is from the future or too old for a cookie.
std::optional<StampedOptions> read_stamp(uint32_t clock, uint32_t echo);

}  // namespace millrace::tcp
