// SPDX-License-Identifier: BSD-3-Clause
// Words for scenes of loss, where full-sized segments matter and not their bytes: segments are
// numbered from 1, 1460 bytes each; the round trip takes 100 ms, so the timeout is 300 ms.
#pragma once

#include <cstdint>
#include <string>

#include "support/scene.h"

namespace millrace::test {

inline constexpr int64_t kMss = 1460;

// We connected to a peer that knows SACK.
inline Stage sack() { return established_client().sack().rtt(100); }
// The same with timestamps, which leave 1460 bytes too: the MTU is larger by their 12.
inline Stage sack_and_timestamps() {
  return sack().timestamps().mss(kMss + 12).tune_shard(
      [](ShardConfig& c) { c.interface.mtu = 1512; });
}
// With another initial window.
inline Stage wide(uint16_t segments) {
  return sack().tune([segments](TcpOptions& o) { o.initial_window_segments = segments; });
}

// Where the first byte of a segment stands.
inline int64_t at_segment(int64_t n) { return 1 + (n - 1) * kMss; }

// "1461-2921": segments `first` to `last`.
inline std::string block(int64_t first, int64_t last) {
  return std::to_string(at_segment(first)) + "-" + std::to_string(at_segment(last + 1));
}

// Everything before segment `una` is acknowledged, and these blocks.
inline std::string ack(int64_t una, const std::string& blocks = "") {
  const std::string line = ". 1 ack " + std::to_string(at_segment(una));
  return blocks.empty() ? line : line + " <sack " + blocks + ">";
}
// The same with timestamps: it echoes what we sent at `echo` ms.
inline std::string ack_echo(int64_t una, int64_t echo, const std::string& blocks = "") {
  const std::string sack = blocks.empty() ? "" : ",sack " + blocks;
  return ack(una) + " <ts 1000 " + std::to_string(echo) + sack + ">";
}

inline std::string segment(int64_t n, int64_t last = 0) {
  return std::to_string(at_segment(n)) + ":" +
         std::to_string(at_segment((last == 0 ? n : last) + 1)) + " ack 1";
}

// Segments `first` to `last` leave now.
inline void out_segments(Scene& s, int64_t first, int64_t last) {
  for (int64_t i = first; i <= last; ++i) s.out(segment(i));
  s.silence();
}
// Segments 1 to n leave at 0 ms.
inline void send(Scene& s, int64_t n) {
  s.at(0).app("write " + std::to_string(n * kMss));
  out_segments(s, 1, n);
}
inline void write(Scene& s, int64_t segments) { s.app("write " + std::to_string(segments * kMss)); }

}  // namespace millrace::test
