// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/rtt.h"

#include <algorithm>

namespace millrace::tcp {

uint32_t backed_off_ticks(const Connection& c, const Context& ctx) {
  const uint64_t backed_off = uint64_t{rto_base_ticks(c, ctx)} << std::min<uint8_t>(c.backoff, 20);
  return static_cast<uint32_t>(std::min<uint64_t>(backed_off, to_ticks(ctx.options(c).rto_max)));
}

}  // namespace millrace::tcp
