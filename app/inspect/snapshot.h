// SPDX-License-Identifier: BSD-3-Clause
// All figures of a running process at one moment, as JSON: what "stats" answers, and what `millrace
// stats` and `millrace top` read.
//
//     {"time_us": 81723, "device": {"frames_in": 1, ..., "mbufs": 4096, "mbufs_in_use": 12},
//      "program": {"requests": 7, ...},
//      "shards": [{"counters": {"TcpActiveOpens": 1, ...}, "worker": {"turns": 5, ...},
//                  "use": {"connections": 3, ...}}, ...]}
//
// All of it is read, by any thread, while workers go on: values are untorn, and of slightly
// different moments.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "control/verbs.h"
#include "millrace/engine.h"

namespace millrace::inspect {

// What a program counts besides; each is a sum since its start, but for those called "open".
using ProgramFigures = std::function<nlohmann::json()>;

[[nodiscard]] nlohmann::json take_snapshot(const std::vector<Engine*>& engines,
                                           const ProgramFigures& program);

// {"verb": "stats"}. What it refers to must outlive the server.
void add_stats_verb(control::Verbs& verbs, std::vector<Engine*> engines, ProgramFigures program);

}  // namespace millrace::inspect
