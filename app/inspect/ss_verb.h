// SPDX-License-Identifier: BSD-3-Clause
// The verb "ss" of a control socket: a listing of all shards, as lines.
//
//     {"verb": "ss", "filter": ["state", "established"], "all": false, "listening": false,
//      "info": false, "memory": false, "timers": false, "summary": false, "json": false}
//
// All but the verb may be left out.
#pragma once

#include <vector>

#include "control/verbs.h"
#include "millrace/engine.h"

namespace millrace::inspect {

// Shards of the second engine are numbered behind those of the first, and so on. The engines must
// outlive the answers.
void add_ss_verb(control::Verbs& verbs, std::vector<Engine*> engines);

}  // namespace millrace::inspect
