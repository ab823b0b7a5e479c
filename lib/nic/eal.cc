// SPDX-License-Identifier: BSD-3-Clause
#include "nic/eal.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <future>
#include <mutex>
#include <string_view>
#include <utility>

#include "nic/quiet_terminal.h"

namespace millrace::nic {
namespace {

// DPDK logs into this instead of the terminal; the last line that says something is kept for an
// error message. Drivers log from threads of theirs, hence the lock.
class LogSink {
 public:
  void write(std::string_view text) {
    const std::lock_guard lock(mutex_);
    while (!text.empty()) {
      const size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      if (!line.empty()) last_line_ = line;
      text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
  }
  std::string last_line() {
    const std::lock_guard lock(mutex_);
    return last_line_;
  }

 private:
  std::mutex mutex_;
  std::string last_line_;
};

LogSink& log_sink() {
  static LogSink sink;
  return sink;
}

ssize_t write_to_sink(void* /*cookie*/, const char* text, size_t bytes) {
  log_sink().write({text, bytes});
  return static_cast<ssize_t>(bytes);
}

bool has(const std::vector<std::string>& arguments, std::string_view option) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
    return argument == option || argument.starts_with(std::string(option) + "=");
  });
}

bool has_any(const std::vector<std::string>& arguments,
             std::initializer_list<std::string_view> options) {
  return std::any_of(options.begin(), options.end(),
                     [&](std::string_view option) { return has(arguments, option); });
}

std::string file_prefix(int process_id) { return fmt::format("millrace-{}", process_id); }

// EAL makes a folder for this process's files, even where it writes none, and leaves it.
void remove_runtime_folder() {
  const std::filesystem::path folder = rte_eal_get_runtime_dir();
  std::error_code ignored;
  if (folder.filename() == file_prefix(getpid())) std::filesystem::remove_all(folder, ignored);
}

// Whenever a handle is added or taken away, EAL's interrupt thread looks through all of them.
// rte_eal_cleanup() takes one away and, without waiting, unmaps the others: the listener of
// net_memif stays among them when its device is gone. So the thread has to end first. It holds no
// lock where it can be cancelled; an alarm tells which thread it is.
void end_interrupt_thread() {
  static std::promise<pthread_t> self;  // outlives an alarm that comes too late
  std::future<pthread_t> answer = self.get_future();
  const auto tell = [](void*) { self.set_value(pthread_self()); };
  if (rte_eal_alarm_set(1, tell, nullptr) != 0) return;
  if (answer.wait_for(std::chrono::seconds(1)) != std::future_status::ready) return;
  const pthread_t thread = answer.get();
  pthread_cancel(thread);
  pthread_join(thread, nullptr);
}

}  // namespace

bool chooses_memory(const std::vector<std::string>& extra) {
  return has_any(extra, {"--no-huge", "--in-memory", "--huge-dir", "--legacy-mem", "--socket-mem",
                         "--huge-unlink"});
}

std::vector<std::string> eal_arguments(const EalWish& wish) {
  std::vector<std::string> arguments{"millrace"};
  const auto add = [&](std::initializer_list<std::string_view> words) {
    arguments.insert(arguments.end(), words.begin(), words.end());
  };
  const auto& extra = wish.extra;
  if (!has_any(extra, {"--no-telemetry", "--telemetry"})) add({"--no-telemetry"});
  if (!has(extra, "--file-prefix")) {
    add({"--file-prefix", file_prefix(wish.process_id)});
  }
  if (!has_any(extra, {"-l", "-c", "--lcores"})) {
    // Workers are threads of ours. DPDK only gets its one main lcore, bound to no CPU in
    // particular, so that the caller's thread keeps the CPUs it had.
    add({"--lcores", fmt::format("0@({})", wish.cpus)});
  }
  if (wish.kind == DeviceKind::kPci) {
    if (!has_any(extra, {"-a", "--allow"})) add({"-a", wish.pci_address});
  } else {
    if (!has(extra, "--no-pci")) add({"--no-pci"});
    // Virtual devices know no physical addresses, and vhost and AF_XDP want none.
    if (!has(extra, "--iova-mode")) add({"--iova-mode", "va"});
  }
  if (!chooses_memory(extra)) {
    if (wish.hugepages) {
      add({"--in-memory"});
    } else {
      add({"--no-huge", "--no-shconf"});
      if (!has(extra, "-m")) add({"-m", fmt::format("{}", wish.memory_mb)});
    }
    // Memory behind one file descriptor: without hugepages it could not be shared at all, and
    // vhost takes eight pieces at most.
    if (!wish.hugepages || wish.kind == DeviceKind::kVirtioUser) add({"--single-file-segments"});
  }
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
}

std::string allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return "0";
  std::string list;
  for (int first = 0; first < CPU_SETSIZE; ++first) {
    if (!CPU_ISSET(first, &set)) continue;
    int last = first;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) ++last;
    if (!list.empty()) list += ',';
    list += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
    first = last;
  }
  return list;
}

Result<Eal> Eal::create(const EalWish& wish) {
  static bool used = false;
  if (std::exchange(used, true)) {
    return Error{
        "this process has opened a device before: DPDK can be set up only once, so start "
        "another process"};
  }
  if (!wish.verbose) {
    cookie_io_functions_t functions{};
    functions.write = write_to_sink;
    FILE* sink = fopencookie(nullptr, "w", functions);
    if (sink != nullptr) {
      setvbuf(sink, nullptr, _IOLBF, 0);
      rte_openlog_stream(sink);
    }
  }

  std::vector<std::string> arguments = eal_arguments(wish);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const int argument_count = static_cast<int>(arguments.size());
  const QuietTerminal quiet(!wish.verbose);
  if (rte_eal_init(argument_count, pointers.data()) < 0) {
    const std::string reason = rte_strerror(rte_errno);
    remove_runtime_folder();
    // An argument that it does not know is answered on the terminal, with a page of help behind.
    const std::string printed = quiet.first_line();
    const std::string said = printed.empty() ? log_sink().last_line() : printed;
    std::string given;
    for (const std::string& argument : wish.extra) given += " " + argument;
    return Error{fmt::format(
        "DPDK could not be set up: {}{}; {}", reason,
        said.empty() ? "" : fmt::format(" (it says: {})", said),
        given.empty() ? "--verbose shows all it says" : "check the EAL arguments" + given)};
  }
  if (wish.predecessor != 0) {
    const std::filesystem::path own = rte_eal_get_runtime_dir();
    std::error_code ignored;
    std::filesystem::remove_all(own.parent_path() / file_prefix(wish.predecessor), ignored);
  }
  Eal eal;
  eal.up_ = true;
  return eal;
}

std::string Eal::last_words() {
  const std::string line = log_sink().last_line();
  return line.empty() ? "" : fmt::format(" (DPDK says: {})", line);
}

Eal::~Eal() {
  if (!up_) return;
  end_interrupt_thread();
  rte_eal_cleanup();
  remove_runtime_folder();
}
Eal::Eal(Eal&& other) noexcept : up_(std::exchange(other.up_, false)) {}
Eal& Eal::operator=(Eal&& other) noexcept {
  std::swap(up_, other.up_);
  return *this;
}

}  // namespace millrace::nic
