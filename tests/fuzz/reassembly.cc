// SPDX-License-Identifier: BSD-3-Clause
// A receiver's gaps and its SACK blocks beside an array of bytes: the input says how much memory
// there is, and then what arrives where. Must hold: reassembly_twin.h.
#include <cstddef>
#include <cstdint>

#include "fuzz/script.h"
#include "support/reassembly_twin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  fuzz::Script script(data, size);
  const uint32_t kind = script.byte();
  const uint32_t isn = uint32_t{script.byte()} << 24 | uint32_t{script.byte()} << 8;
  // Half of the inputs have memory for everything. So few steps that the bound on blocks is far.
  const bool exact = kind < 128;
  const uint32_t small = exact ? 300 : script.byte() % 16;
  const uint32_t large = exact ? 300 : script.byte() % 4;
  test::ReassemblyTwin twin(small, large, exact, isn, (kind & 1) != 0);
  for (int steps = 0; !script.over() && !twin.over() && steps < 120; ++steps) {
    fuzz::require_none(twin.step(script));
  }
  fuzz::require_none(twin.finish());
  return 0;
}
