// SPDX-License-Identifier: BSD-3-Clause
#include "capture/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "capture/pcapng.h"
#include "cli/format.h"
#include "cli/signals.h"

namespace millrace::capture {
namespace {

int64_t wall_now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::string name_of(const RecordOptions& options, uint32_t number) {
  return number == 0 ? options.path : fmt::format("{}.{}", options.path, number);
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start(Engine& engine, const RecordOptions& options) {
  std::unique_ptr<Recorder> recorder(new Recorder(engine, options));
  recorder->wall_offset_ns_ = wall_now_ns() - cli::monotonic_now().ns;
  if (Result<void> opened = recorder->open_file(); !opened) return opened.error();
  recorder->thread_ = std::thread([r = recorder.get()] { r->run(); });
  return recorder;
}

Recorder::~Recorder() { finish(); }

std::string Recorder::finish() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
  uint64_t lost = 0;
  for (size_t i = 0; i < engine_.shard_count(); ++i) lost += engine_.tap_lost(i);
  return fmt::format("captured {} frames in {} file{}, {} lost{}{}\n", cli::format_count(frames_),
                     files_, files_ == 1 ? "" : "s", cli::format_count(lost),
                     problem_.empty() ? "" : "; ", problem_);
}

// What crossed the wire is for its owner's eyes only.
Result<void> Recorder::open_file() {
  const std::string name = name_of(options_, files_);
  const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file == -1) return Error{fmt::format("--capture {}: {}", name, std::strerror(errno))};
  file_ = ::fdopen(file, "wb");
  file_bytes_ = 0;
  if (++files_ > options_.files_max && options_.files_max != 0) {
    ::unlink(name_of(options_, files_ - options_.files_max - 1).c_str());
  }
  write(section_block(engine_.shard_count(), options_.tap.snap_bytes));
  return {};
}

void Recorder::write(const std::string& block) {
  if (std::fwrite(block.data(), 1, block.size(), file_) != block.size() && problem_.empty()) {
    problem_ = fmt::format("{}: {}", name_of(options_, files_ - 1), std::strerror(errno));
  }
  file_bytes_ += block.size();
}

void Recorder::close_file() {
  for (size_t i = 0; i < engine_.shard_count(); ++i) {
    write(loss_block(static_cast<uint32_t>(i), last_.ns + wall_offset_ns_, engine_.tap_lost(i)));
  }
  if (std::fclose(std::exchange(file_, nullptr)) != 0 && problem_.empty()) {
    problem_ = fmt::format("{}: {}", name_of(options_, files_ - 1), std::strerror(errno));
  }
}

// Shard by shard, some frames of each; how many there were.
size_t Recorder::write_some() {
  constexpr int kFramesOfAShard = 256;
  size_t count = 0;
  for (size_t i = 0; i < engine_.shard_count(); ++i) {
    for (int n = 0; n < kFramesOfAShard && engine_.take_tapped(i, frame_); ++n, ++count) {
      if (options_.count_max != 0 && frames_ == options_.count_max) continue;  // fetched, no more
      last_ = frame_.time;
      write(packet_block({.shard = static_cast<uint32_t>(i),
                          .ns = frame_.time.ns + wall_offset_ns_,
                          .length = frame_.length,
                          .sent = frame_.sent},
                         frame_.data(), frame_.state ? to_string(*frame_.state) : ""));
      ++frames_;
    }
  }
  return count;
}

void Recorder::run() {
  bool stopping = false;
  while (problem_.empty()) {
    const bool last_round = std::exchange(stopping, stop_.load(std::memory_order_relaxed));
    if (write_some() != 0) {
      stopping = false;  // there may be more
    } else if (last_round) {
      break;
    } else {
      std::fflush(file_);  // for who reads along
      ::usleep(1000);
    }
    if (options_.rotate_bytes == 0 || file_bytes_ < options_.rotate_bytes) continue;
    close_file();
    if (Result<void> opened = open_file(); !opened) {
      problem_ = opened.error().message;
      return;
    }
  }
  close_file();
}

}  // namespace millrace::capture
