// SPDX-License-Identifier: BSD-3-Clause
// Work in a child process, and what is to be done when it dies of it.
#pragma once

#include <cstddef>
#include <functional>

#include "millrace/engine.h"

namespace millrace::reap {

// Runs work(config) in a child, on `workers` workers whose connections lie where this process sees
// them, and passes on signals that ask for an end. When the child dies by a signal, opens the same
// device and resets the connections that it left (reaper.h), which is said on stderr.
// Returns work()'s status: in the child, and in the parent when the child has ended by itself; or
// 128 and the signal's number. Requires: no thread and no device is there yet.
int outlive(const EngineConfig& config, size_t workers,
            const std::function<int(const EngineConfig&)>& work);

}  // namespace millrace::reap
