// SPDX-License-Identifier: BSD-3-Clause
// A scenario from a seed. The seed picks which features are in play at all before it picks how
// much of each: worlds that miss most features reach corners that a world with all of them never
// does (swarm testing).
#pragma once

#include <cstdint>

#include "scenario.h"

namespace millrace::sim {

enum class Faults : uint8_t { kNone, kDrawn };

Scenario swarm_scenario(uint64_t seed, Faults faults);

// One connection with random sizes and habits, for worlds that are put together by hand.
ConnectionPlan draw_connection(Random& random, uint32_t bytes_max);
TcpOptions draw_options(Random& random);

}  // namespace millrace::sim
