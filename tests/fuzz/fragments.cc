// SPDX-License-Identifier: BSD-3-Clause
// Fragments in any order, with any overlap, of several hosts and both families, against the naive
// twin (support/fragments_twin.h).
#include "fuzz/script.h"
#include "support/fragments_twin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kScriptMax = 6 * 400;
  if (size > kScriptMax) return 0;
  millrace::fuzz::require(!millrace::test::play_fragments({data, size}));
  return 0;
}
