// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/ss_command.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "control/client.h"

namespace millrace::inspect {
namespace {

class SsCommand final : public cli::Command {
 public:
  explicit SsCommand(CLI::App& root)
      : app_(*root.add_subcommand("ss", "the connections of a running process, like ss -tinmo")) {
    app_.footer(
        "FILTER: [state STATE]... [exclude STATE]... [CONDITION [and] CONDITION ...], where all\n"
        "  conditions are to hold: dst ADDRESS[/BITS][:PORT], src the same, dport OP PORT, sport "
        "OP\n"
        "  PORT; OP is one of = >= <= > <.\n"
        "STATE: listening syn-sent syn-recv established fin-wait-1 fin-wait-2 close-wait closing\n"
        "  last-ack time-wait; or all, connected, synchronized, bucket, big. Unless one is named, "
        "\n"
        "  as in ss: neither listeners nor half-open ones nor TIME-WAIT.\n"
        "\n"
        "Examples:\n"
        "  millrace ss -s                            # how many in each state\n"
        "  millrace ss -tinmo                        # all about each connection\n"
        "  millrace ss state time-wait dport = :80\n"
        "  millrace ss -a --json 'dst 10.0.0.0/8 and sport >= 1024' | jq -r .peer\n"
        "\n"
        "Workers go on meanwhile: a busy one gives a listing 1 % of its time. Run it as the user\n"
        "whose process it is. docs/observe.md says what each word of a line means.");
    cli::add_flag(app_, "-a,--all", all_, "all states");
    cli::add_flag(app_, "-l,--listening", listening_, "listeners only");
    cli::add_flag(app_, "-i,--info", info_, "round-trip time, windows, losses");
    cli::add_flag(app_, "-m,--memory", memory_, "what the queues hold, and may hold");
    cli::add_flag(app_, "-o,--options", timers_, "what each entry waits for, and how long still");
    cli::add_flag(app_, "-s,--summary", summary_, "count entries by state");
    cli::add_flag(app_, "-t,--tcp", ignored_, "as in ss; there is nothing else");
    cli::add_flag(app_, "-n,--numeric", ignored_, "as in ss; nothing is ever looked up");
    cli::add_flag(app_, "--json", json_, "each entry as one JSON object");
    control::add_target_options(app_, target_);
    app_.add_option("FILTER", filter_, "what to list")->type_name("");
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    const Result<std::string> socket = control::find_socket(target_);
    if (!socket) return cli::fail(socket.error());
    std::string out;
    const auto flush = [&out] {
      cli::say(out);
      out.clear();
    };
    const Result<void> asked = control::ask_process(*socket,
                                                    {{"verb", "ss"},
                                                     {"filter", filter_},
                                                     {"all", all_},
                                                     {"listening", listening_},
                                                     {"info", info_},
                                                     {"memory", memory_},
                                                     {"timers", timers_},
                                                     {"summary", summary_},
                                                     {"json", json_}},
                                                    [&](std::string_view line) {
                                                      out += line;
                                                      out += '\n';
                                                      if (out.size() >= 16 * 1024) flush();
                                                      return true;
                                                    });
    flush();
    return asked ? cli::kExitOk : cli::fail(asked.error());
  }

 private:
  CLI::App& app_;
  control::Target target_;
  bool all_ = false;
  bool listening_ = false;
  bool info_ = false;
  bool memory_ = false;
  bool timers_ = false;
  bool summary_ = false;
  bool json_ = false;
  bool ignored_ = false;
  std::vector<std::string> filter_;
};

}  // namespace

std::unique_ptr<cli::Command> add_ss_command(CLI::App& root) {
  return std::make_unique<SsCommand>(root);
}

}  // namespace millrace::inspect
