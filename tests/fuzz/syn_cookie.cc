// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies for any secret, tuple, options and times: what was put in comes out while the cookie
// is young enough, and never after. What the input's last bytes guess is good only if it equals
// what we would have made.
#include "tcp/syn_cookie.h"

#include <cstdint>
#include <cstring>

#include "fuzz/script.h"

namespace {

using namespace millrace;
using namespace millrace::tcp;
using fuzz::require;
using wire::SeqNum;

struct Input {
  uint64_t k0, k1;
  uint64_t made_ns;
  uint32_t local, peer, irs, age_ms, clock, guess;
  uint16_t local_port, peer_port, mss;
  uint8_t shift, flags;
};

void check_stamp(const Input& in) {
  const StampedOptions options{static_cast<uint8_t>(in.shift & 0xf), (in.flags & 1) != 0,
                               (in.flags & 2) != 0};
  const uint32_t value = stamp(in.clock, options);
  require(in.clock - value < 64);
  const auto back = read_stamp(in.clock + in.age_ms, value);
  const uint32_t age = in.clock + in.age_ms - value;
  require(back.has_value() == (age < 128'064));
  if (back) require(*back == options);
}

void check_sequence(const Input& in) {
  const CookieSecret secret(in.k0, in.k1);
  const FlowKey key{IpAddress::v4(in.local), IpAddress::v4(in.peer), in.local_port, in.peer_port};
  const SeqNum irs(in.irs);
  const bool timestamps = (in.flags & 4) != 0;
  const Instant made{static_cast<int64_t>(in.made_ns >> 2)};
  const Instant used = made + milliseconds(in.age_ms);
  const SeqNum iss = make_cookie(secret, key, irs, in.mss, timestamps, made);

  const int64_t periods = used.ns / kCookiePeriod.ns - made.ns / kCookiePeriod.ns;
  const auto cookie = check_cookie(secret, key, irs, iss, timestamps, used);
  if (periods <= 1) {
    require(cookie.has_value() && cookie->whole);
    // Of another ISN it is no good, but for a chance in 2^20.
    const auto later = check_cookie(secret, key, irs + in.guess, iss, timestamps, used);
    require(later.has_value() && later->flow_tag == cookie->flow_tag);
    require(cookie->mss == cookie_mss(in.mss));
    require(in.mss < 32 || cookie->mss <= in.mss);
  }
  const auto guessed = check_cookie(secret, key, irs, SeqNum(in.guess), timestamps, used);
  if (!guessed || !guessed->whole) return;
  const Instant before = used - kCookiePeriod;
  require(make_cookie(secret, key, irs, guessed->mss, timestamps, used) == SeqNum(in.guess) ||
          make_cookie(secret, key, irs, guessed->mss, timestamps, before) == SeqNum(in.guess));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in{};
  std::memcpy(&in, data, size < sizeof in ? size : sizeof in);
  check_stamp(in);
  check_sequence(in);
  return 0;
}
