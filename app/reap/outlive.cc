// SPDX-License-Identifier: BSD-3-Clause
#include "reap/outlive.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "reap/reaper.h"

namespace millrace::reap {
namespace {

volatile sig_atomic_t g_child = 0;  // for the handler

// What a terminal sends reaches the child by itself.
void pass_on(int signal, siginfo_t* info, void* /*context*/) {
  if (g_child > 0 && info->si_code != SI_KERNEL) kill(g_child, signal);
}

void handle_signals() {
  struct sigaction action = {};
  action.sa_sigaction = pass_on;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::vector<int> make_files(size_t count) {
  std::vector<int> files;
  for (size_t i = 0; i < count; ++i) {
    const int file = memfd_create("millrace-connections", MFD_CLOEXEC);
    if (file == -1) return {};
    files.push_back(file);
  }
  return files;
}

// The same host, without connections, services and memory for them.
EngineConfig heir(const EngineConfig& config, pid_t dead) {
  EngineConfig heir = config;
  heir.heir_of = dead;
  heir.queues = heir.queues == 0 ? 0 : 1;
  heir.connections_files.clear();
  ShardConfig& shard = heir.shard;
  shard.connections_max = shard.half_open_max = shard.time_wait_max = 64;
  shard.small_blocks_max = shard.large_blocks_max = shard.flight_runs_max = 64;
  shard.rst_per_second = 100'000'000;
  return heir;
}

int reset_survivors(const EngineConfig& config, const std::vector<int>& files, pid_t dead,
                    int signal) {
  const int status = 128 + signal;
  std::string said =
      fmt::format("millrace: process {} died by signal {} ({}), ", dead, signal, strsignal(signal));
  std::vector<Survivor> survivors;
  for (const int file : files) {
    const Result<std::vector<Survivor>> some = read_survivors(file);
    if (!some) {
      cli::complain(said + some.error().message + "\n");
      return status;
    }
    survivors.insert(survivors.end(), some->begin(), some->end());
  }
  said += fmt::format("{} connections were open", survivors.size());
  if (survivors.empty()) {
    cli::complain(said + "\n");
    return status;
  }
  Reaper reaper(std::move(survivors));
  Program* const program = &reaper;
  Result<std::unique_ptr<Engine>> engine = Engine::create(heir(config, dead), {&program, 1});
  const Result<void> started =
      engine ? (*engine)->start() : Result<void>(Error{engine.error().message});
  if (!started) {
    cli::complain(fmt::format("{} and stay so: {}\n", said, started.error().message));
    return status;
  }
  const cli::StopSignals signals;
  while ((*engine)->running() && signals.count() == 0) signals.sleep(milliseconds(20));
  (*engine)->stop();
  (*engine)->finish();
  said += fmt::format(", {} were reset", reaper.resets());
  if (reaper.unreachable() != 0) {
    said += fmt::format(", {} could not be: no way to their peers", reaper.unreachable());
  }
  cli::complain(said + "\n");
  return status;
}

}  // namespace

int outlive(const EngineConfig& config, size_t workers,
            const std::function<int(const EngineConfig&)>& work) {
  EngineConfig shared = config;
  shared.connections_files = make_files(workers);
  if (shared.connections_files.empty()) {
    return cli::fail(
        {fmt::format("--reaper: no file in memory can be made ({})", std::strerror(errno))});
  }
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == -1) {
    return cli::fail({fmt::format("--reaper: no process can be made ({})", std::strerror(errno))});
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return cli::kExitFailed;
    return work(shared);
  }
  g_child = child;
  handle_signals();
  int status = 0;
  while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
  }
  g_child = 0;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return reset_survivors(config, shared.connections_files, child, WTERMSIG(status));
}

}  // namespace millrace::reap
