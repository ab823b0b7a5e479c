// SPDX-License-Identifier: BSD-3-Clause
// What fuzz targets share: the input read as a script, and the end of a run in which something does
// not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace millrace::fuzz {

// Past its end everything is 0.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool over() const { return at_ >= size_; }
  uint8_t byte() { return over() ? uint8_t{0} : data_[at_++]; }
  uint16_t word() {
    const uint16_t high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  // A number below n, of one byte. Requires: n is not 0.
  uint32_t below(uint32_t n) { return byte() % n; }
  // The same; nothing is read for the only one there is, two bytes where one would not do.
  uint32_t operator()(uint32_t n) {
    if (n <= 1) return 0;
    return (n <= 256 ? byte() : word()) % n;
  }
  std::vector<std::byte> bytes(size_t count) {
    std::vector<std::byte> out(count);
    for (std::byte& b : out) b = std::byte{byte()};
    return out;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

inline void require(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d does not hold\n", file, line);
  std::abort();
}

// What a twin complains of, if it does.
inline void require_none(const std::optional<std::string>& wrong) {
  if (!wrong) return;
  std::fprintf(stderr, "does not hold: %s\n", wrong->c_str());
  std::abort();
}

}  // namespace millrace::fuzz
