// SPDX-License-Identifier: BSD-3-Clause
// A file that says "clients may come": a script waits until it is there, and finds the process id
// in it. Whole or not there at all; gone when the object is.
#pragma once

#include <string>

#include "millrace/result.h"

namespace millrace::serve {

class ReadyFile {
 public:
  ReadyFile() = default;
  ~ReadyFile();
  ReadyFile(const ReadyFile&) = delete;
  ReadyFile& operator=(const ReadyFile&) = delete;

  // Before a device is opened: whether write() will probably succeed. A file that a process left
  // behind when it was killed is removed, so that nobody takes it for ours. An empty path is no
  // file, and always right.
  [[nodiscard]] static Result<void> prepare(const std::string& path);
  Result<void> write(const std::string& path);

 private:
  std::string path_;
};

}  // namespace millrace::serve
