// SPDX-License-Identifier: BSD-3-Clause
// Words for scenes of congestion marks: text by full segments of 1460 bytes, numbered from 0.
#pragma once

#include <cstdint>
#include <string>

#include "support/scene.h"

namespace millrace::test {

inline constexpr int64_t kMss = 1460;

inline std::string text(int64_t from, int64_t segments = 1) {
  return std::to_string(1 + from * kMss) + ":" + std::to_string(1 + (from + segments) * kMss);
}
inline std::string acked(int64_t segments) {
  return " 1 ack " + std::to_string(1 + segments * kMss);
}
// Segments `from` to `to` leave, new, open to marks; all with these flags.
inline void expect_new_text(Scene& s, int64_t from, int64_t to, const std::string& flags = "") {
  for (; from < to; ++from) s.out(flags + text(from) + " ack 1 ect0");
  s.silence();
}

}  // namespace millrace::test
