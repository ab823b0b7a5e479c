// SPDX-License-Identifier: BSD-3-Clause
// Randomness from the system, for what an outsider must not guess.
#pragma once

#include <cstdint>

#include "millrace/address.h"

namespace millrace::runtime {

// Never 0.
uint64_t draw_seed();
// Unicast, locally administered (IEEE 802 section 8.4).
MacAddress draw_mac();

}  // namespace millrace::runtime
