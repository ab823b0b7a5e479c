// SPDX-License-Identifier: BSD-3-Clause
// While it lives, what the process writes to its terminal is kept back: for libraries that print
// what is of no use to anybody there. For start-up and the end, when no other thread prints.
#pragma once

#include <string>

namespace millrace::nic {

class QuietTerminal {
 public:
  explicit QuietTerminal(bool wanted);
  ~QuietTerminal();
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

  // The first line that was kept back; empty when there was none.
  [[nodiscard]] std::string first_line() const;

 private:
  int sink_ = -1;
  int saved_output_ = -1;
  int saved_error_ = -1;
};

}  // namespace millrace::nic
