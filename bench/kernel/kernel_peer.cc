// SPDX-License-Identifier: BSD-3-Clause
// The same services and loads as millrace's over the kernel's TCP, to stand beside it:
//
//     kernel_peer serve --local 127.0.0.1:7 [--service NAME] [--spin]    until SIGTERM
//     kernel_peer load  --target 127.0.0.1:7 [--exchange NAME] [--concurrency N] [--bytes N]
//                       [--seconds S] [--spin]
//
// `load` prints one JSON object: completed and failed, per second, and of round trips p50 and p99.9
// in microseconds. Many connections are served by epoll; round trips of one by recv() and send()
// alone, which sleep, or with --spin never do.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <map>
#include <string>

#include "kernel/load.h"
#include "kernel/server.h"

namespace millrace::bench {
namespace {

volatile std::sig_atomic_t stop_asked = 0;
void on_signal(int /*number*/) { stop_asked = 1; }

// Without SA_RESTART, so that a recv() that sleeps ends, too.
void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

void say(const Loaded& loaded) {
  const auto us = [](Duration time) { return static_cast<double>(time.ns) / 1e3; };
  fmt::print(
      "{{\"seconds\": {:.3f}, \"completed\": {}, \"failed\": {}, \"per_second\": {:.1f}, "
      "\"p50_us\": {:.3f}, \"p99_9_us\": {:.3f}}}\n",
      loaded.seconds, loaded.completed, loaded.failed,
      static_cast<double>(loaded.completed) / loaded.seconds, us(loaded.round_trips.percentile(50)),
      us(loaded.round_trips.percentile(99.9)));
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const std::map<std::string, Service> services = {{"echo", Service::kEcho},
                                                   {"echo-closes", Service::kEchoCloses},
                                                   {"discard", Service::kDiscard},
                                                   {"one-echo", Service::kOneEcho}};
  const std::map<std::string, Exchange> exchanges = {{"connections", Exchange::kConnections},
                                                     {"requests", Exchange::kRequests},
                                                     {"bulk", Exchange::kBulk},
                                                     {"round-trips", Exchange::kRoundTrips}};
  CLI::App app("the kernel's TCP as a peer of millrace", "kernel_peer");
  app.require_subcommand(1);
  ServerPlan server;
  LoadPlan plan;
  CLI::App* serving = app.add_subcommand("serve", "serves until SIGTERM");
  serving->add_option("--local", server.local, "address and port")->required();
  serving->add_option("--service", server.service)->transform(CLI::CheckedTransformer(services));
  serving->add_flag("--spin", server.spin, "one-echo: does not sleep");
  CLI::App* loading = app.add_subcommand("load", "offers load for a while");
  loading->add_option("--target", plan.target, "address and port")->required();
  loading->add_option("--exchange", plan.exchange)->transform(CLI::CheckedTransformer(exchanges));
  loading->add_option("--concurrency", plan.concurrency)->check(CLI::Range(1, 60'000));
  loading->add_option("--bytes", plan.bytes, "of a request")->check(CLI::Range(1, 60'000));
  loading->add_option("--seconds", plan.seconds)->check(CLI::Range(0.1, 60.0));
  loading->add_flag("--spin", plan.spin, "round-trips: does not sleep");
  CLI11_PARSE(app, argc, argv);
  if (serving->parsed()) {
    stop_on_signals();
    serve(server, stop_asked);
    return 0;
  }
  say(load(plan));
  return 0;
}
