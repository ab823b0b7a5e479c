// SPDX-License-Identifier: BSD-3-Clause
// `millrace serve`: options into a ServeProgram on an engine, "ready" when clients may come, a line
// each second, totals at the end.
#include "serve/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <vector>

#include "capture/options.h"
#include "capture/recorder.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "control/server.h"
#include "control/verbs.h"
#include "inspect/snapshot.h"
#include "inspect/ss_verb.h"
#include "reap/outlive.h"
#include "serve/ready_file.h"
#include "serve/serve_program.h"

namespace millrace::serve {
namespace {

constexpr uint16_t kDefaultHttpPort = 80;

struct Totals {
  uint64_t accepted = 0;
  std::array<uint64_t, kCloseReasonCount> ended{};
  uint64_t requests = 0;
  uint64_t refused = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

// One for each worker.
using Servers = std::vector<std::unique_ptr<ServeProgram>>;

Totals read(const Servers& servers) {
  Totals totals;
  for (const auto& server : servers) {
    const ServiceCounts& counts = server->counts();
    totals.accepted += counts.accepted.get();
    totals.requests += counts.requests.get();
    totals.refused += counts.refused.get();
    totals.bytes_in += counts.bytes_in.get();
    totals.bytes_out += counts.bytes_out.get();
    for (size_t i = 0; i < kCloseReasonCount; ++i) totals.ended[i] += counts.ended[i].get();
  }
  return totals;
}

uint64_t open_of(const Servers& servers) {
  uint64_t open = 0;
  for (const auto& server : servers) open += server->counts().open.get();
  return open;
}

std::vector<uint64_t> accepted_by_worker(const Servers& servers) {
  std::vector<uint64_t> accepted;
  for (const auto& server : servers) accepted.push_back(server->counts().accepted.get());
  return accepted;
}

// For "stats" of the control socket.
nlohmann::json figures(const Servers& servers) {
  const Totals totals = read(servers);
  return {{"open", open_of(servers)},
          {"accepted", totals.accepted},
          {"closed", std::accumulate(totals.ended.begin(), totals.ended.end(), uint64_t{0})},
          {"requests", totals.requests},
          {"refused", totals.refused},
          {"bytes_in", totals.bytes_in},
          {"bytes_out", totals.bytes_out}};
}

// "  accepted by worker 0: 512 (51 %), 1: 488 (49 %)"; nothing where there is one.
std::string balance(const Servers& servers, uint64_t all) {
  if (servers.size() == 1) return {};
  std::string out;
  for (size_t i = 0; const uint64_t accepted : accepted_by_worker(servers)) {
    out += fmt::format("{}{}: {} ({})", out.empty() ? "  accepted by worker " : ", ", i++,
                       cli::format_count(accepted), cli::format_share(accepted, all));
  }
  return out + "\n";
}

// " (17 peer-reset, 3 timed-out)": the connections that did not end by both sides' FIN.
std::string failures(const Totals& totals) {
  std::string out;
  for (size_t i = 0; i < kCloseReasonCount; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    if (totals.ended[i] == 0 || reason == CloseReason::kNormal) continue;
    out += fmt::format("{}{} {}", out.empty() ? " (" : ", ", cli::format_count(totals.ended[i]),
                       to_string(reason));
  }
  return out.empty() ? out : out + ")";
}

class ServeCommand final : public cli::Command {
 public:
  explicit ServeCommand(CLI::App& root)
      : app_(*root.add_subcommand("serve", "HTTP, echo, discard and chargen on a device")) {
    app_.footer(
        "Examples:\n"
        "  # a page for curl, over a new TAP interface (as root; then, in another terminal:\n"
        "  # ip addr add 10.0.0.2/24 dev mill0; ip link set mill0 up; curl http://10.0.0.1/)\n"
        "  millrace serve --device tap:mill0 --address 10.0.0.1/24\n"
        "  # for a load generator in another process, over shared memory; no rights needed\n"
        "  millrace serve --device memif:/tmp/m.sock,server --address 10.0.0.1/24 --http 80\n"
        "  # on a NIC bound to vfio-pci, pinned to a CPU, behind a router\n"
        "  millrace serve --device pci:0000:3b:00.0 --address 10.0.0.1/24 --gateway 10.0.0.254 \\\n"
        "      --http 80 --echo 7 --cpu 2\n"
        "  # everything from a file, one thing from here\n"
        "  millrace serve --config config/server.toml --body-size 64k\n"
        "\n"
        "SIZE takes k, m, g (powers of 1024): 4k. DURATION takes us, ms, s, m, h: 500ms. Ports go\n"
        "from 1 to 65535. Arguments after -- go to DPDK's EAL.\n"
        "SIGINT and SIGTERM close every connection and print totals. The exit status is 0, or 1\n"
        "when a buffer or connection was lost on the way, or 2 when an option, the configuration\n"
        "or the device was wrong.");
    app_.option_defaults()->group("Services (HTTP on port 80 when none is named)");
    cli::add_port(app_, "--http", config_.http_port,
                  "HTTP/1.1: / has --body-size bytes, /bytes/N has N");
    cli::add_port(app_, "--echo", config_.echo_port, "sends back what it receives (RFC 862)");
    cli::add_flag(app_, "--echo-closes", config_.echo_closes,
                  "echo: close behind the first answer; for load cps --close server");
    cli::add_choice(app_, "--close", "client|fin|reset", config_.closing,
                    {"client", "fin", "reset"},
                    "http, echo: who ends a connection: the client; our FIN or our RST behind its "
                    "first answer; for load --close client, server and server-reset");
    cli::add_duration(app_, "--echo-work", config_.echo_work, Duration{}, seconds(1),
                      "echo: keep the CPU so long before each answer, as one that computes it");
    cli::add_port(app_, "--discard", config_.discard_port, "reads and forgets (RFC 863)");
    cli::add_port(app_, "--chargen", config_.chargen_port, "sends without end (RFC 864)");
    cli::add_size(app_, "--body-size", config_.body_bytes, 0, uint64_t{1} << 40,
                  "bytes of body that / answers with");
    cli::add_flag(
        app_, "--nagle", nagle_,
        "let small segments wait for acknowledgements (RFC 9293 section 3.7.4); off unless "
        "given, as responses want it");
    cli::add_common_options(app_, common_);
    capture::add_capture_options(app_, capture_);
    app_.option_defaults()->group(cli::kRunGroup);
    app_.add_option("--workers", workers_,
                    "how many of --lcores work at first (all); while it runs, SIGUSR1 calls one "
                    "more and SIGUSR2 sends one away, and no connection notices")
        ->check(CLI::Range(1, 128));
    cli::add_duration(app_, "--interval", interval_, milliseconds(10), seconds(86'400),
                      "between the live lines");
    cli::add_flag(app_, "--reaper", reaper_,
                  "stand by in a second process: if this one dies by a signal, open the device "
                  "again and reset the connections that it left");
    app_.add_option("--ready-file", ready_path_,
                    "write our process id there once clients may come; removed at the end")
        ->type_name("FILE");
  }

  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> eal_args) override {
    if (Result<void> loaded = cli::load_config(app_, common_, "serve"); !loaded) {
      return cli::fail(loaded.error());
    }
    if (common_.print_config) {
      cli::say(cli::config_to_toml(app_, "serve"));
      return cli::kExitOk;
    }
    if (Result<void> valid = choose_services(); !valid) return cli::fail(valid.error());
    if (Result<void> valid = ReadyFile::prepare(ready_path_); !valid)
      return cli::fail(valid.error());
    Result<EngineConfig> engine_config = cli::to_engine_config(common_, std::move(eal_args));
    if (!engine_config) return cli::fail(engine_config.error());
    if (engine_config->device.kind == DeviceKind::kLoopback) {
      return cli::fail(
          {"serve on 'loopback' has nobody to talk to; loopback is for "
           "'millrace load', which brings its own server"});
    }
    if (Result<void> tapped = capture::apply(capture_, *engine_config); !tapped) {
      return cli::fail(tapped.error());
    }
    config_.tcp = cli::to_tcp_options(common_, !nagle_);
    engine_config->workers = workers_;
    if (!reaper_) return serve(*engine_config);
    const int status = reap::outlive(*engine_config, common_.workers,
                                     [this](const EngineConfig& shared) { return serve(shared); });
    static_cast<void>(ReadyFile::prepare(ready_path_));  // one that a dead child has left goes
    return status;
  }

 private:
  int serve(const EngineConfig& engine_config) {
    const cli::StopSignals signals;
    const cli::WorkerSignals worker_signals;
    std::vector<std::unique_ptr<ServeProgram>> servers;
    std::vector<Program*> programs;
    for (size_t i = 0; i < common_.workers; ++i) {
      servers.push_back(std::make_unique<ServeProgram>(config_));
      programs.push_back(servers.back().get());
    }
    Result<std::unique_ptr<Engine>> engine = Engine::create(engine_config, programs);
    if (!engine) return cli::fail(engine.error());
    control::Verbs verbs("serve", common_.device);
    inspect::add_ss_verb(verbs, {engine->get()});
    inspect::add_stats_verb(verbs, {engine->get()}, [&servers] { return figures(servers); });
    std::atomic<uint32_t> workers_wanted = 0;  // by the control socket; 0: as they are
    add_workers_verb(verbs, **engine, workers_wanted);
    auto control = control::open_control(common_.control, std::move(verbs));
    if (!control) return cli::fail(control.error());
    std::unique_ptr<capture::Recorder> recorder;
    if (engine_config.tap) {
      auto begun = capture::Recorder::start(**engine, capture_.record);
      if (!begun) return cli::fail(begun.error());
      recorder = std::move(*begun);
    }
    if (Result<void> started = (*engine)->start(); !started) return cli::fail(started.error());
    say_hello(**engine);
    ReadyFile ready_file;
    Result<void> ready = ready_file.write(ready_path_);
    const Instant began = cli::monotonic_now();
    const WorkersWanted wanted{worker_signals, workers_wanted};
    if (ready) serve_until_told(**engine, servers, signals, wanted, began);
    (*engine)->stop();
    while ((*engine)->running()) signals.sleep(milliseconds(5));
    control->reset();
    const EngineReport report = (*engine)->finish();
    if (recorder) {
      const std::string captured = recorder->finish();
      if (!common_.quiet && !common_.json) cli::say(captured);
    }
    const Duration took = cli::monotonic_now() - began;
    if (!ready) return cli::fail(ready.error());
    return say_goodbye(**engine, servers, report, took);
  }

  struct Service {
    const char* name;
    uint16_t port;
  };
  [[nodiscard]] std::array<Service, 4> services() const {
    return {{{"http", config_.http_port},
             {"echo", config_.echo_port},
             {"discard", config_.discard_port},
             {"chargen", config_.chargen_port}}};
  }

  [[nodiscard]] Result<void> choose_services() {
    const auto named = services();
    if (std::all_of(named.begin(), named.end(), [](const Service& s) { return s.port == 0; })) {
      config_.http_port = kDefaultHttpPort;
    }
    const auto all = services();
    for (size_t i = 0; i < all.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (all[i].port == 0 || all[i].port != all[j].port) continue;
        return Error{fmt::format("--{} and --{} both name port {}; give each its own", all[j].name,
                                 all[i].name, all[i].port)};
      }
    }
    return {};
  }

  // "10.0.0.1:80 and [2001:db8::1]:80"; the port alone where routers give the addresses.
  [[nodiscard]] std::string endpoints(uint16_t port) const {
    std::string out;
    for (const Prefix& own : common_.addresses) {
      if (!out.empty()) out += " and ";
      out += Endpoint{own.address, port}.to_string();
    }
    return out.empty() ? fmt::format("port {}", port) : out;
  }

  void say_hello(const Engine& engine) const {
    if (common_.quiet || common_.json) return;
    std::string where;
    for (const Service& service : services()) {
      if (service.port == 0) continue;
      where += fmt::format("{}{} on {}", where.empty() ? "" : ", ", service.name,
                           endpoints(service.port));
    }
    cli::say(fmt::format("{}\nready: {}\n", engine.describe(), where));
  }

  // Who else than we say how many workers there are to be.
  struct WorkersWanted {
    const cli::WorkerSignals& signals;
    std::atomic<uint32_t>& count;  // 0: nothing was said
  };

  static void add_workers_verb(control::Verbs& verbs, const Engine& engine,
                               std::atomic<uint32_t>& wanted) {
    const size_t most = engine.shard_count();
    verbs.add(
        "workers",
        [most, &wanted](const nlohmann::json& request) -> Result<std::unique_ptr<control::Answer>> {
          const auto count = request.find("count");
          if (count == request.end() || !count->is_number_unsigned() || *count < 1u ||
              *count > most) {
            return Error{fmt::format("count has to be 1 to {}: so many --lcores there are", most)};
          }
          wanted.store(count->get<uint32_t>(), std::memory_order_relaxed);
          return control::say({{"workers", *count}});
        });
  }

  // As far as there are.
  void change_workers(Engine& engine, int64_t count) const {
    const auto most = static_cast<int64_t>(engine.shard_count());
    const int64_t wanted = std::clamp<int64_t>(count, 1, most);
    const Instant began = cli::monotonic_now();
    const uint64_t moved = moved_connections(engine);
    const Result<void> changed = engine.set_workers(static_cast<size_t>(wanted));
    if (!changed) {
      cli::complain(fmt::format("millrace: {}\n", changed.error().message));
    } else if (!common_.quiet && !common_.json) {
      cli::say(fmt::format("workers: {} of {}; {} connections moved within {}\n", wanted, most,
                           cli::format_count(moved_connections(engine) - moved),
                           cli::format_duration(cli::monotonic_now() - began)));
    }
  }

  static uint64_t moved_connections(const Engine& engine) {
    uint64_t moved = 0;
    for (size_t i = 0; i < engine.shard_count(); ++i) {
      moved += engine.counters(i).get(Counter::kConnectionsMovedIn);
    }
    return moved;
  }

  void serve_until_told(Engine& engine, const Servers& servers, const cli::StopSignals& signals,
                        const WorkersWanted& wanted, Instant began) const {
    const bool live = cli::wants_live_line(common_);
    const Instant end = common_.duration.ns == 0 ? Instant::never() : began + common_.duration;
    Moment before = look(engine, servers);
    while (signals.count() == 0 && engine.running()) {
      if (const int by = wanted.signals.take(); by != 0) {
        change_workers(engine, static_cast<int64_t>(engine.workers()) + by);
      }
      if (const uint32_t count = wanted.count.exchange(0, std::memory_order_relaxed); count != 0) {
        change_workers(engine, count);
      }
      const Instant now = cli::monotonic_now();
      if (now >= end) return;
      say_bad_ends(engine);
      const Instant next_line = live ? before.at + interval_ : Instant::never();
      if (now < next_line) {
        // In short naps: a signal just before one would go unnoticed until its end.
        signals.sleep(std::min({end - now, next_line - now, milliseconds(100)}));
        continue;
      }
      const Moment moment = look(engine, servers);
      cli::say(live_line(before, moment, began));
      before = moment;
    }
  }

  // Connections that did not end by FINs of both sides, with what happened to them before.
  void say_bad_ends(Engine& engine) const {
    BadEnd end;
    for (size_t i = 0; i < engine.shard_count(); ++i) {
      while (engine.take_bad_end(i, end)) {
        if (!common_.quiet && !common_.json) cli::say(to_string(end) + '\n');
      }
    }
  }

  struct Moment {
    Instant at;
    Totals totals;
    uint64_t open = 0;
    uint64_t drops = 0;
    uint64_t turns = 0;  // of all workers
    uint64_t busy_turns = 0;
  };
  static Moment look(const Engine& engine, const Servers& servers) {
    uint64_t turns = 0;
    uint64_t busy_turns = 0;
    for (size_t i = 0; i < engine.shard_count(); ++i) {
      const WorkerStats worker = engine.worker_stats(i);
      turns += worker.turns;
      busy_turns += worker.busy_turns;
    }
    return {.at = cli::monotonic_now(),
            .totals = read(servers),
            .open = open_of(servers),
            .drops = cli::collect_counters(engine).drops(),
            .turns = turns,
            .busy_turns = busy_turns};
  }

  static std::string live_line(const Moment& before, const Moment& now, Instant began) {
    const double passed = (now.at - before.at).seconds();
    const auto per_second = [&](uint64_t Totals::*member) {
      return static_cast<double>(now.totals.*member - before.totals.*member) / passed;
    };
    return fmt::format(
        "{:>8}  open {:>9}  accepted {:>9}  requests {:>9}  in {:>11}  out {:>11}  "
        "drops {:>7}  busy {:>3}\n",
        cli::format_duration(now.at - began), cli::format_count(now.open),
        cli::format_rate(per_second(&Totals::accepted)),
        cli::format_rate(per_second(&Totals::requests)),
        cli::format_bit_rate(per_second(&Totals::bytes_in)),
        cli::format_bit_rate(per_second(&Totals::bytes_out)),
        cli::format_count(now.drops - before.drops),
        cli::format_share(now.busy_turns - before.busy_turns, now.turns - before.turns));
  }

  int say_goodbye(const Engine& engine, const Servers& servers, const EngineReport& report,
                  Duration took) const {
    const Totals totals = read(servers);
    const cli::CounterTotals counters = cli::collect_counters(engine);
    std::string complaints;
    const bool leaked = cli::leaked(report, complaints);
    if (common_.json) {
      uint64_t failed = 0;
      nlohmann::json ended = nlohmann::json::object();
      for (size_t i = 0; i < kCloseReasonCount; ++i) {
        const auto reason = static_cast<CloseReason>(i);
        if (totals.ended[i] != 0) ended[std::string(to_string(reason))] = totals.ended[i];
        if (reason != CloseReason::kNormal) failed += totals.ended[i];
      }
      nlohmann::json json = {
          {"schema", cli::kReportSchema},
          {"command", "serve"},
          {"seconds", took.seconds()},
          {"connections", {{"accepted", totals.accepted}, {"failed", failed}, {"ended", ended}}},
          {"requests", {{"answered", totals.requests}, {"refused", totals.refused}}},
          {"bytes", {{"in", totals.bytes_in}, {"out", totals.bytes_out}}},
          {"accepted_by_worker", accepted_by_worker(servers)},
          {"stack", cli::stack_totals_to_json(counters, report)}};
      cli::say(json.dump(2) + "\n");
    } else {
      cli::say(fmt::format(
          "served for {}: {} connections{}, {} requests ({} refused), {} in, {} out\n{}",
          cli::format_duration(took), cli::format_count(totals.accepted), failures(totals),
          cli::format_count(totals.requests), cli::format_count(totals.refused),
          cli::format_bytes(totals.bytes_in), cli::format_bytes(totals.bytes_out),
          balance(servers, totals.accepted) + cli::format_stack_totals(counters, report)));
    }
    if (!leaked) return cli::kExitOk;
    cli::complain(complaints);
    return cli::kExitFailed;
  }

  CLI::App& app_;
  cli::CommonOptions common_;
  capture::CaptureOptions capture_;
  ServeConfig config_;
  Duration interval_ = seconds(1);
  std::string ready_path_;
  bool nagle_ = false;
  bool reaper_ = false;
  uint16_t workers_ = 0;  // 0: all
};

}  // namespace

std::unique_ptr<cli::Command> add_serve_command(CLI::App& root) {
  return std::make_unique<ServeCommand>(root);
}

}  // namespace millrace::serve
