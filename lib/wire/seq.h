// SPDX-License-Identifier: BSD-3-Clause
// Sequence numbers: arithmetic modulo 2^32 and nothing else (RFC 9293 section 3.4). Comparison is
// by signed distance, so it means something only for numbers less than 2^31 apart.
#pragma once

#include <cstdint>

namespace millrace::wire {

class SeqNum {
 public:
  constexpr SeqNum() = default;
  constexpr explicit SeqNum(uint32_t raw) : raw_(raw) {}

  [[nodiscard]] constexpr uint32_t raw() const { return raw_; }

  friend constexpr bool operator==(SeqNum, SeqNum) = default;
  friend constexpr bool operator<(SeqNum a, SeqNum b) { return distance(b, a) < 0; }
  friend constexpr bool operator>(SeqNum a, SeqNum b) { return distance(b, a) > 0; }
  friend constexpr bool operator<=(SeqNum a, SeqNum b) { return distance(b, a) <= 0; }
  friend constexpr bool operator>=(SeqNum a, SeqNum b) { return distance(b, a) >= 0; }

  friend constexpr SeqNum operator+(SeqNum s, uint32_t n) { return SeqNum(s.raw_ + n); }
  friend constexpr SeqNum operator-(SeqNum s, uint32_t n) { return SeqNum(s.raw_ - n); }
  constexpr SeqNum& operator+=(uint32_t n) {
    raw_ += n;
    return *this;
  }
  // How far `to` lies beyond `from`; negative when it lies before.
  static constexpr int32_t distance(SeqNum from, SeqNum to) {
    return static_cast<int32_t>(to.raw_ - from.raw_);
  }
  // Bytes from b up to a. Requires: b <= a.
  friend constexpr uint32_t operator-(SeqNum a, SeqNum b) { return a.raw_ - b.raw_; }

 private:
  uint32_t raw_ = 0;
};

constexpr SeqNum max(SeqNum a, SeqNum b) { return a < b ? b : a; }
constexpr SeqNum min(SeqNum a, SeqNum b) { return a < b ? a : b; }

}  // namespace millrace::wire
