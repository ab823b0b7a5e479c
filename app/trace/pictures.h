// SPDX-License-Identifier: BSD-3-Clause
// docs/tcp-in-pictures.md: every demo, as `millrace trace --demo all --markdown` writes it.
#pragma once

#include <string>

namespace millrace::trace {

[[nodiscard]] std::string pictures_page();

}  // namespace millrace::trace
