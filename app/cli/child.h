// SPDX-License-Identifier: BSD-3-Clause
// This same program, run once more as a process of its own: DPDK's EAL can be set up once in a
// process only. What it prints goes to files in a folder of the caller's.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/result.h"
#include "millrace/time.h"

namespace millrace::cli {

// A folder under the system's one for such things, gone with all that is in it when the object is.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> create();
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// What a file holds; empty when it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path);

class Child {
 public:
  // Errors: the system does not start one. `name` is of its files.
  static Result<Child> start(const std::vector<std::string>& words, const std::string& folder,
                             const std::string& name);
  // Kills it, if it still runs.
  ~Child();
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)),
        files_(std::move(other.files_)),
        status_(other.status_),
        peak_kib_(other.peak_kib_) {}
  Child& operator=(Child&&) = delete;

  // Its exit status, once it has one; that of a signal is 128 and its number.
  std::optional<int> poll();
  // The same when it ends within `limit`, or a signal to this process arrives.
  std::optional<int> wait(Duration limit);
  void send_signal(int number) const;

  [[nodiscard]] std::string out() const { return read_file(files_ + ".out"); }
  [[nodiscard]] std::string err() const { return read_file(files_ + ".err"); }
  // When it has ended: memory that was its own at most, in KiB.
  [[nodiscard]] long peak_kib() const { return peak_kib_; }

 private:
  Child(pid_t pid, std::string files) : pid_(pid), files_(std::move(files)) {}
  pid_t pid_ = 0;
  std::string files_;
  std::optional<int> status_;
  long peak_kib_ = 0;
};

}  // namespace millrace::cli
