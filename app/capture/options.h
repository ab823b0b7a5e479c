// SPDX-License-Identifier: BSD-3-Clause
// The options of a command that may record what its shards see.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "capture/recorder.h"
#include "millrace/engine.h"

namespace millrace::capture {

struct CaptureOptions {
  RecordOptions record;
  std::string address;  // of record.tap, as text
};

// `options` must outlive the command.
void add_capture_options(CLI::App& command, CaptureOptions& options);
// Puts the tap into the engine's configuration where a file is named.
Result<void> apply(CaptureOptions& options, EngineConfig& config);

}  // namespace millrace::capture
