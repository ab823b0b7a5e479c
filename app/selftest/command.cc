// SPDX-License-Identifier: BSD-3-Clause
// A server and, one after the other, generators in processes of their own, over memif; where memif
// does not come up, both ends in one process. Each finding is a line:
//
//     ok    connections   612,345/s, p99 210 us
//     FAIL  bytes         ...why, and what to do
#include "selftest/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/child.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/signals.h"

namespace millrace::selftest {
namespace {

constexpr long kMemoryMaxKib = 256 * 1024;
constexpr Duration kPatience = seconds(10);

// What every process is given, so that all fit beside whatever else runs here.
const std::vector<std::string> kSmall = {"--connections-max", "4096", "--half-open-max",  "4096",
                                         "--time-wait-max",   "4096", "--rx-descriptors", "512",
                                         "--tx-descriptors",  "512",  "--hugepages",      "off"};

struct Step {
  const char* name;
  std::vector<std::string> words;  // behind "load"
  std::string (*found)(const nlohmann::json& report);
};

std::string rate_and_p99(const nlohmann::json& report, const char* what, const char* latency) {
  const Duration p99{
      static_cast<int64_t>(report["latency_us"][latency]["p99"].get<double>() * 1000)};
  return fmt::format("{}, p99 of a {} {}", cli::format_rate(report[what]["per_second"]), latency,
                     cli::format_duration(p99));
}

std::vector<Step> steps() {
  return {{"connections",
           {"cps", "--target", "10.255.255.1:80", "--concurrency", "64"},
           [](const nlohmann::json& r) { return rate_and_p99(r, "connections", "connect"); }},
          {"requests",
           {"rps", "--target", "10.255.255.1:80", "--concurrency", "64", "--pipeline", "4"},
           [](const nlohmann::json& r) { return rate_and_p99(r, "requests", "response"); }},
          {"bytes",
           {"throughput", "--target", "10.255.255.1:7", "--direction", "both"},
           [](const nlohmann::json& r) {
             return fmt::format(
                 "{} each way, and every byte came back as it was sent",
                 cli::format_bit_rate(r["bits_per_second"]["down"].get<double>() / 8));
           }}};
}

class SelftestCommand final : public cli::Command {
 public:
  explicit SelftestCommand(CLI::App& root)
      : app_(*root.add_subcommand("selftest", "checks in 5 seconds that millrace works here")) {
    app_.footer(
        "A server and a load generator talk over memif, which is memory that two processes share:\n"
        "no NIC, rights, hugepages or configuration are needed, and at most 256 MiB. The exit\n"
        "status is 0 when all is well, 1 when something is not.\n"
        "\n"
        "Examples:\n"
        "  millrace selftest\n"
        "  millrace selftest --in-process     # without shared memory: in one process");
    cli::add_flag(app_, "--in-process", in_process_, "both ends in one process, not over memif");
    cli::add_flag(app_, "--json", json_, "print what was found as one JSON object");
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> eal_args) override {
    eal_args_ = std::move(eal_args);
    const Instant began = cli::monotonic_now();
    Result<cli::TemporaryFolder> folder = cli::TemporaryFolder::create();
    if (!folder) return cli::fail(folder.error());
    folder_ = folder->path();
    if (!in_process_ && !over_memif()) {
      note(true, "instead", "both ends in one process");
      in_process_ = true;
    }
    if (in_process_) run_steps("loopback");
    note(peak_kib_ <= kMemoryMaxKib, "memory",
         fmt::format("{} MiB at most{}", (peak_kib_ + 1023) / 1024,
                     in_process_ ? "" : ", both processes together"));
    const bool works = broken_ == 0;
    const Duration took = cli::monotonic_now() - began;
    if (json_) {
      report_["works"] = works;
      report_["seconds"] = took.seconds();
      cli::say(report_.dump(2) + "\n");
    } else {
      cli::say(works ? fmt::format("millrace works here ({})\n", cli::format_duration(took))
                     : fmt::format("{} of these {} to be looked at\n", broken_,
                                   broken_ == 1 ? "has" : "have"));
    }
    return works ? cli::kExitOk : cli::kExitFailed;
  }

 private:
  void note(bool good, std::string_view what, const std::string& found) {
    broken_ += good ? 0 : 1;
    report_["found"].push_back({{"what", what}, {"good", good}, {"text", found}});
    if (!json_) cli::say(fmt::format("{:<5} {:<12}  {}\n", good ? "ok" : "FAIL", what, found));
  }

  [[nodiscard]] std::vector<std::string> with_rest(std::vector<std::string> words) const {
    words.insert(words.end(), kSmall.begin(), kSmall.end());
    if (!eal_args_.empty()) words.emplace_back("--");
    words.insert(words.end(), eal_args_.begin(), eal_args_.end());
    return words;
  }

  // False: memif does not come up here.
  bool over_memif() {
    const std::string socket = folder_ + "/m.sock";
    Result<cli::Child> server =
        cli::Child::start(with_rest({"serve", "--device", "memif:" + socket + ",server",
                                     "--address", "10.255.255.1/24", "--http", "80", "--echo", "7",
                                     "--ready-file", folder_ + "/ready", "--json"}),
                          folder_, "serve");
    if (!server) {
      note(false, "processes", server.error().message);
      return false;
    }
    const Instant began = cli::monotonic_now();
    while (access((folder_ + "/ready").c_str(), F_OK) != 0) {
      if (!server->wait(milliseconds(10)) && cli::monotonic_now() - began < kPatience) continue;
      note(false, "memif", reason_of(*server, "the server does not come up"));
      return false;
    }
    note(
        true, "memif",
        fmt::format("a server is up after {}", cli::format_duration(cli::monotonic_now() - began)));
    const long clients_kib = run_steps("memif:" + socket);
    server->send_signal(SIGTERM);
    const bool ended = server->wait(kPatience) == 0;
    note(ended, "end",
         ended ? "no connection, frame buffer or other memory was left behind"
               : reason_of(*server, "the server did not end as it should"));
    peak_kib_ = clients_kib + server->peak_kib();
    return true;
  }

  // The most memory that any of them took.
  long run_steps(const std::string& device) {
    long peak = 0;
    for (const Step& step : steps()) {
      std::vector<std::string> words = {"load"};
      words.insert(words.end(), step.words.begin(), step.words.end());
      for (const char* word : {"--address", "10.255.255.2/24", "--duration", "600ms", "--json"}) {
        words.emplace_back(word);
      }
      words.insert(words.end(), {"--device", device});
      Result<cli::Child> load = cli::Child::start(with_rest(words), folder_, step.name);
      if (!load) {
        note(false, step.name, load.error().message);
        continue;
      }
      const bool good = load->wait(kPatience) == 0;
      peak = std::max(peak, load->peak_kib());
      const nlohmann::json report = nlohmann::json::parse(load->out(), nullptr, false);
      if (!good || report.is_discarded()) {
        note(false, step.name, reason_of(*load, "connections failed"));
      } else {
        note(true, step.name, step.found(report));
      }
    }
    if (device == "loopback") peak_kib_ = peak;
    return peak;
  }

  // The first thing that it said went wrong.
  static std::string reason_of(const cli::Child& child, const char* otherwise) {
    std::string said = child.err();
    said.resize(std::min(said.find('\n'), said.size()));
    constexpr std::string_view kPrefix = "millrace: ";
    if (said.starts_with(kPrefix)) said.erase(0, kPrefix.size());
    return said.empty() ? otherwise : said;
  }

  CLI::App& app_;
  bool in_process_ = false;
  bool json_ = false;
  std::vector<std::string> eal_args_;
  std::string folder_;
  int broken_ = 0;
  long peak_kib_ = 0;
  nlohmann::json report_ = {{"command", "selftest"}};
};

}  // namespace

std::unique_ptr<cli::Command> add_selftest_command(CLI::App& root) {
  return std::make_unique<SelftestCommand>(root);
}

}  // namespace millrace::selftest
