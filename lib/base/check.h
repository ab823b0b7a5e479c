// SPDX-License-Identifier: BSD-3-Clause
// Checks on the programmer, never on a packet or the environment. A failed check prints where and
// what to stderr and aborts: a stack that has lost an invariant must not go on sending.
//
//   MR_ASSERT(cond)      always on, in release too.
//   MR_DCHECK(cond)      on when MILLRACE_DCHECK is defined (tests, simulator, fuzzers): for checks
//                        whose cost a bench has shown. Otherwise cond is compiled, never evaluated.
//   MR_UNREACHABLE()     a place that no state leads to.
#pragma once

namespace millrace::base {

// Ensures: does not return.
[[noreturn, gnu::cold, gnu::noinline]] void check_failed(const char* expression, const char* file,
                                                         int line) noexcept;

}  // namespace millrace::base

#define MR_ASSERT(cond)                                                                     \
  (__builtin_expect(!(cond), 0) ? ::millrace::base::check_failed(#cond, __FILE__, __LINE__) \
                                : static_cast<void>(0))

#if defined(MILLRACE_DCHECK)
#define MR_DCHECK(cond) MR_ASSERT(cond)
#else
#define MR_DCHECK(cond) static_cast<void>(sizeof(!(cond)))
#endif

#define MR_UNREACHABLE() ::millrace::base::check_failed("unreachable", __FILE__, __LINE__)
