// SPDX-License-Identifier: BSD-3-Clause
// The asking side of a control socket (server.h). In: which process, and a request. Out: the lines
// of the answer, as they come.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "millrace/result.h"

namespace millrace::control {

// Whom to ask: by default the one process of ours that runs.
struct Target {
  uint32_t pid = 0;
  std::string socket;
};
// --pid and --socket.
void add_target_options(CLI::App& command, Target& target);

// Errors: no process runs, or several do and the target does not say which; the message lists them.
[[nodiscard]] Result<std::string> find_socket(const Target& target);

// Called with each line of an answer, without its end; false: no more is wanted.
using OnLine = std::function<bool(std::string_view line)>;

// Returns when the answer has ended, or on_line() did not want more. Errors: nobody listens there,
// the process ended in the middle, or what it said is wrong with the request.
[[nodiscard]] Result<void> ask_process(const std::string& socket, const nlohmann::json& request,
                                       const OnLine& on_line);

}  // namespace millrace::control
