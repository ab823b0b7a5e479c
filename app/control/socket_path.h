// SPDX-License-Identifier: BSD-3-Clause
// Where control sockets lie: PID.sock in a folder that only its owner may enter, /run/millrace for
// root, $XDG_RUNTIME_DIR/millrace or /tmp/millrace-UID for others.
#pragma once

#include <string>
#include <vector>

#include "millrace/result.h"

namespace millrace::control {

[[nodiscard]] std::string default_folder();

// Makes the folder if need be. Errors: it cannot be made, or others may enter it.
[[nodiscard]] Result<void> prepare_folder(const std::string& folder);
[[nodiscard]] std::string socket_in(const std::string& folder, int pid);

// The ids of processes whose sockets lie there, ascending, whether they still listen or not.
[[nodiscard]] std::vector<int> pids_in(const std::string& folder);

}  // namespace millrace::control
