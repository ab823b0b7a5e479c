// SPDX-License-Identifier: BSD-3-Clause
// A sender's record of what is in flight beside one that keeps every byte: the input says how much
// memory there is, and then which operations happen in which order. Must hold: flight_twin.h.
#include <cstddef>
#include <cstdint>

#include "fuzz/script.h"
#include "support/flight_twin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  fuzz::Script script(data, size);
  const uint32_t kind = script.byte();
  const uint32_t isn = uint32_t{script.byte()} << 24 | uint32_t{script.byte()} << 8;
  // Half of the inputs have memory for everything.
  const bool exact = kind < 128;
  const uint32_t connections = exact ? 1 : 1 + kind % 3;
  test::FlightTwin twin(connections, exact ? 300 : script.byte() % 32, isn, exact ? 300 : 200);
  for (int steps = 0; !script.over() && steps < 2000; ++steps)
    fuzz::require_none(twin.step(script));
  fuzz::require_none(twin.finish());
  return 0;
}
