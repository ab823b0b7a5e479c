// SPDX-License-Identifier: BSD-3-Clause
// Writes what the taps of an engine hold into pcapng files, by a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/engine.h"
#include "millrace/result.h"
#include "millrace/tap.h"

namespace millrace::capture {

struct RecordOptions {
  std::string path;           // empty: nothing is recorded
  uint64_t rotate_bytes = 0;  // begin another file, PATH.1, PATH.2, ..., past it; 0: never
  uint32_t files_max = 0;     // remove the oldest of more than so many; 0: keep all
  uint64_t count_max = 0;     // frames; 0: until the end
  TapConfig tap;
};

class Recorder {
 public:
  // Requires: the engine was created with `options.tap`, and outlives this. Errors: the file cannot
  // be made.
  static Result<std::unique_ptr<Recorder>> start(Engine& engine, const RecordOptions& options);
  // Writes what is left, and how much was lost.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Ends the thread. "captured 12,345 frames in 2 files, 0 lost".
  std::string finish();

 private:
  Recorder(Engine& engine, const RecordOptions& options) : engine_(engine), options_(options) {}
  Result<void> open_file();
  void run();
  size_t write_some();
  void write(const std::string& block);
  void close_file();

  Engine& engine_;
  RecordOptions options_;
  int64_t wall_offset_ns_ = 0;  // from the engine's clock to 1970
  std::FILE* file_ = nullptr;
  uint64_t file_bytes_ = 0;
  uint32_t files_ = 0;
  uint64_t frames_ = 0;
  Instant last_{};
  TappedFrame frame_;
  std::string problem_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace millrace::capture
