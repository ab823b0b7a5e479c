// SPDX-License-Identifier: BSD-3-Clause
// Where a failed check ends. Out of line and cold, so that a check costs its caller one compare and
// one branch that is not taken.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace millrace::base {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace millrace::base
