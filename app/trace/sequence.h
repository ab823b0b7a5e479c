// SPDX-License-Identifier: BSD-3-Clause
// Sequence numbers of both directions as people count them: the SYN is 0, the first byte 1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "trace/segment.h"

namespace millrace::trace {

// The two ends of a connection. The left one is who opened it, as far as is known.
enum class Side : uint8_t { kLeft, kRight };
constexpr Side other(Side side) { return side == Side::kLeft ? Side::kRight : Side::kLeft; }

// Where a segment lies in its stream, modulo 2^32.
struct Place {
  uint32_t seq = 0;
  uint32_t ack = 0;
  bool repeated = false;  // all of it has been sent before
  bool probe = false;     // it asks for an answer: it stands before what was sent, and says no more
};

class Sequence {
 public:
  // Where nothing is known of a direction, its first segment begins with byte 1.
  Place place(Side from, const Segment& segment);
  // As seen from the beginning of what `of` sends.
  [[nodiscard]] uint32_t relative(Side of, uint32_t number) const {
    return number - first_[index(of)].value_or(0);
  }
  // One past the last that `of` has sent, relative.
  [[nodiscard]] uint32_t next(Side of) const { return next_[index(of)]; }

 private:
  static size_t index(Side side) { return static_cast<size_t>(side); }

  std::array<std::optional<uint32_t>, 2> first_;
  std::array<uint32_t, 2> next_{};
};

// Whether a is before b, modulo 2^32.
constexpr bool before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

}  // namespace millrace::trace
