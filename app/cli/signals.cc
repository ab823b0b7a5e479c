// SPDX-License-Identifier: BSD-3-Clause
#include "cli/signals.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>

namespace millrace::cli {
namespace {

std::atomic<int> g_count{0};  // the handler's only way to say something
static_assert(std::atomic<int>::is_always_lock_free);

std::atomic<int> g_workers{0};  // asked for, by handlers

struct sigaction g_old_int;
struct sigaction g_old_usr1;
struct sigaction g_old_usr2;
struct sigaction g_old_term;
struct sigaction g_old_pipe;

void on_signal(int) {
  // Whoever asks four times gets what he wants.
  if (g_count.fetch_add(1, std::memory_order_relaxed) >= 3) _exit(128 + SIGINT);
}

void on_more(int) { g_workers.fetch_add(1, std::memory_order_relaxed); }
void on_fewer(int) { g_workers.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace

WorkerSignals::WorkerSignals() {
  g_workers = 0;
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_more;
  sigaction(SIGUSR1, &action, &g_old_usr1);
  action.sa_handler = on_fewer;
  sigaction(SIGUSR2, &action, &g_old_usr2);
}

WorkerSignals::~WorkerSignals() {
  sigaction(SIGUSR1, &g_old_usr1, nullptr);
  sigaction(SIGUSR2, &g_old_usr2, nullptr);
}

int WorkerSignals::take() const { return g_workers.exchange(0, std::memory_order_relaxed); }

StopSignals::StopSignals() {
  g_count = 0;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &g_old_int);
  sigaction(SIGTERM, &action, &g_old_term);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &g_old_pipe);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &g_old_int, nullptr);
  sigaction(SIGTERM, &g_old_term, nullptr);
  sigaction(SIGPIPE, &g_old_pipe, nullptr);
}

int StopSignals::count() const { return g_count.load(std::memory_order_relaxed); }

void StopSignals::sleep(Duration duration) const {
  if (duration.ns <= 0) return;
  const timespec wanted = {duration.ns / 1'000'000'000, duration.ns % 1'000'000'000};
  nanosleep(&wanted, nullptr);  // a signal ends it early, which is what is wanted
}

Instant monotonic_now() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

}  // namespace millrace::cli
