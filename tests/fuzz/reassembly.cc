// SPDX-License-Identifier: BSD-3-Clause
// A receiver's gaps and its SACK blocks beside an array of bytes: the input says how much memory
// there is, and then what arrives where. Must hold: reassembly_twin.h.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "support/reassembly_twin.h"

namespace millrace {
namespace {

// Past its end everything is 0.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool over() const { return at_ >= size_; }
  uint32_t byte() { return over() ? 0 : data_[at_++]; }
  // A number below n; two bytes when one would not do.
  uint32_t operator()(uint32_t n) {
    if (n <= 1) return 0;
    return (n <= 256 ? byte() : byte() << 8 | byte()) % n;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

void require(const std::optional<std::string>& wrong) {
  if (!wrong) return;
  std::fprintf(stderr, "fuzz/reassembly.cc: does not hold: %s\n", wrong->c_str());
  std::abort();
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  Script script(data, size);
  const uint32_t kind = script.byte();
  const uint32_t isn = script.byte() << 24 | script.byte() << 8;
  // Half of the inputs have memory for everything. So few steps that the bound on blocks is far.
  const bool exact = kind < 128;
  const uint32_t small = exact ? 300 : script.byte() % 16;
  const uint32_t large = exact ? 300 : script.byte() % 4;
  test::ReassemblyTwin twin(small, large, exact, isn, (kind & 1) != 0);
  for (int steps = 0; !script.over() && !twin.over() && steps < 120; ++steps) {
    require(twin.step(script));
  }
  require(twin.finish());
  return 0;
}
