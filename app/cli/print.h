// SPDX-License-Identifier: BSD-3-Clause
// Text for people and scripts, at once and whole. A reader that has gone away (a closed pipe, a
// full disk) ends nothing: a server goes on serving, and a wrong option still ends with its status.
#pragma once

#include <cstdio>
#include <string_view>

namespace millrace::cli {

inline void print_to(std::FILE* file, std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) std::clearerr(file);
  std::fflush(file);
}

// stdout
inline void say(std::string_view text) { print_to(stdout, text); }
// stderr
inline void complain(std::string_view text) { print_to(stderr, text); }

}  // namespace millrace::cli
