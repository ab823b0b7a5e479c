// SPDX-License-Identifier: BSD-3-Clause
// A file of its own: its callers must not see the body, or the compiler makes copies of the
// function under other names.
#include "support/shard_pair.h"

namespace millrace::bench {

extern "C" [[gnu::noipa]] void millrace_bench_measured(void (*call)(void*), void* argument) {
  call(argument);
  asm volatile("");  // returns here, after the call, instead of jumping into it
}

}  // namespace millrace::bench
