// SPDX-License-Identifier: BSD-3-Clause
#include "trace/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "trace/capture_file.h"
#include "trace/demo.h"
#include "trace/ladder_json.h"
#include "trace/ladder_text.h"
#include "trace/ladders.h"
#include "trace/pictures.h"

namespace millrace::trace {
namespace {

class TraceCommand final : public cli::Command {
 public:
  explicit TraceCommand(CLI::App& root)
      : app_(*root.add_subcommand("trace", "draw what two ends of a connection say, and become")) {
    app_.footer(
        "Each connection is a ladder: a row for a segment, with its flags in tcpdump's letters, "
        "numbers\n"
        "counted from each side's SYN, and on either side the state that it leaves behind. Of a "
        "capture\n"
        "states are inferred from the segments.\n"
        "\n"
        "Examples:\n"
        "  millrace trace capture.pcapng --port 80 --nth 3\n"
        "  tcpdump -w - | millrace trace -\n"
        "  millrace trace --demo handshake    # played by two hosts of the library\n"
        "  millrace trace --demo list");
    auto* file =
        app_.add_option("FILE", file_, "a capture, pcap or pcapng; -: stdin")->type_name("");
    app_.add_option("--demo", demo_, "play an exchange: a name, `list` or `all`")
        ->type_name("NAME")
        ->excludes(file);
    app_.add_option("--address", address_, "only connections of this address")
        ->type_name("ADDRESS");
    app_.add_option("--port", port_, "only connections of this port")->type_name("PORT");
    app_.add_option("--nth", nth_, "only the Nth of those, from 1")->type_name("N");
    app_.add_option("--connections", bounds_.connections, "draw so many at most")->type_name("N");
    app_.add_option("--rows", bounds_.rows, "of each so many segments at most")->type_name("N");
    app_.add_flag("--explain", explain_, "say of each row what it means (demos do)");
    app_.add_flag("--json", json_, "for programs");
    app_.add_flag("--markdown", markdown_, "with --demo all: the page docs/tcp-in-pictures.md");
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    if (!file_.empty()) return draw_file();
    if (demo_.empty()) {
      return cli::fail({"what to draw? Name a capture, or an exchange: --demo list"});
    }
    if (markdown_) {
      if (demo_ != "all") return cli::fail({"--markdown writes all demos: say --demo all"});
      cli::say(pictures_page());
      return cli::kExitOk;
    }
    if (demo_ == "list") return list();
    std::vector<const Demo*> chosen;
    if (demo_ == "all") {
      for (const Demo& demo : demos()) chosen.push_back(&demo);
    } else if (const Demo* demo = find_demo(demo_)) {
      chosen.push_back(demo);
    } else {
      return cli::fail({unknown()});
    }
    show(chosen);
    return cli::kExitOk;
  }

 private:
  int draw_file() {
    Filter filter{.address = {}, .port = port_, .nth = nth_};
    if (!address_.empty()) {
      const Result<IpAddress> address = IpAddress::parse(address_);
      if (!address) return cli::fail({"--address: " + address.error().message});
      filter.address = *address;
    }
    Result<CaptureFile> file = CaptureFile::open(file_);
    if (!file) return cli::fail(file.error());
    Ladders ladders(filter, bounds_);
    CapturedPacket packet;
    Result<bool> more = file->next(packet);
    for (; more && *more; more = file->next(packet)) {
      if (const auto segment = read_segment(packet.bytes, packet.link)) {
        ladders.add(packet.time, *segment);
      }
    }
    show(ladders);
    if (!more) cli::fail(more.error());  // what came before it was good, and has been shown
    return more ? cli::kExitOk : cli::kExitFailed;
  }

  void show(const Ladders& ladders) const {
    if (json_) {
      auto out = nlohmann::ordered_json::array();
      for (const Ladders::Entry& entry : ladders.entries()) {
        auto ladder = ladder_json(entry.ladder);
        ladder["connection"] = entry.number;
        out.push_back(std::move(ladder));
      }
      cli::say(out.dump(2) + '\n');
      return;
    }
    for (const Ladders::Entry& entry : ladders.entries()) {
      cli::say(
          fmt::format("connection {}\n\n{}\n", entry.number,
                      ladder_text(entry.ladder, explain_ ? Detail::kExplained : Detail::kRows)));
    }
    cli::say(fmt::format("{} segments of {} connections, {} drawn\n", ladders.segments(),
                         ladders.connections(), ladders.entries().size()));
  }

  static int list() {
    std::string out;
    for (const Demo& demo : demos()) out += fmt::format("{:<20} {}\n", demo.name, demo.title);
    cli::say(out);
    return cli::kExitOk;
  }

  void show(const std::vector<const Demo*>& chosen) const {
    if (json_) {
      auto out = nlohmann::ordered_json::array();
      for (const Demo* demo : chosen) {
        auto ladder = ladder_json(demo->play());
        ladder["demo"] = demo->name;
        out.push_back(std::move(ladder));
      }
      cli::say(out.dump(2) + '\n');
      return;
    }
    std::string out;
    for (const Demo* demo : chosen) {
      out += fmt::format("{}{}\n\n{}", out.empty() ? "" : "\n", demo->title,
                         ladder_text(demo->play(), Detail::kExplained));
    }
    cli::say(out);
  }

  [[nodiscard]] std::string unknown() const {
    std::vector<std::string> names;
    for (const Demo& demo : demos()) names.emplace_back(demo.name);
    const std::string nearest = cli::nearest_name(demo_, names);
    return fmt::format(
        "there is no demo called {}; {}", demo_,
        nearest.empty() ? "--demo list names them all" : fmt::format("did you mean {}?", nearest));
  }

  CLI::App& app_;
  std::string file_;
  std::string demo_;
  std::string address_;
  std::optional<uint16_t> port_;
  std::optional<uint32_t> nth_;
  Ladders::Bounds bounds_;
  bool explain_ = false;
  bool json_ = false;
  bool markdown_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> add_trace_command(CLI::App& root) {
  return std::make_unique<TraceCommand>(root);
}

}  // namespace millrace::trace
