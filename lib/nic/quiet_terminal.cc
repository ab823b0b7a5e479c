// SPDX-License-Identifier: BSD-3-Clause
#include "nic/quiet_terminal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace millrace::nic {
namespace {

// Lets `descriptor` lead to `sink`; returns where it led before.
int redirect(int descriptor, int sink) {
  const int saved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (saved >= 0) dup2(sink, descriptor);
  return saved;
}

void restore(int descriptor, int saved) {
  if (saved < 0) return;
  dup2(saved, descriptor);
  close(saved);
}

void flush() {
  fflush(stdout);
  fflush(stderr);
}

}  // namespace

QuietTerminal::QuietTerminal(bool wanted) {
  if (!wanted) return;
  sink_ = memfd_create("millrace-quiet", MFD_CLOEXEC);
  if (sink_ < 0) return;
  flush();
  saved_output_ = redirect(STDOUT_FILENO, sink_);
  saved_error_ = redirect(STDERR_FILENO, sink_);
}

QuietTerminal::~QuietTerminal() {
  if (sink_ < 0) return;
  flush();
  restore(STDOUT_FILENO, saved_output_);
  restore(STDERR_FILENO, saved_error_);
  close(sink_);
}

std::string QuietTerminal::first_line() const {
  flush();
  std::array<char, 512> text;
  const ssize_t bytes = sink_ < 0 ? 0 : pread(sink_, text.data(), text.size(), 0);
  const std::string_view all(text.data(), bytes < 0 ? 0 : static_cast<size_t>(bytes));
  const size_t begin = all.find_first_not_of('\n');
  if (begin == std::string_view::npos) return {};
  return std::string(all.substr(begin, all.find('\n', begin) - begin));
}

}  // namespace millrace::nic
