// SPDX-License-Identifier: BSD-3-Clause
// What the modes of `millrace load` have in common as commands: options, configuration file, exit
// status. Each mode is a class of its own on top of it.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "load/find_max.h"
#include "load/metric.h"
#include "load/report_options.h"
#include "load/run.h"
#include "load/team.h"

namespace millrace::load {

class ModeCommand : public cli::Command {
 public:
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> eal_args) override {
    if (Result<void> loaded = cli::load_config(app_, common_, "load"); !loaded) {
      return cli::fail(loaded.error());
    }
    if (common_.print_config) {
      cli::say(cli::config_to_toml(app_, "load"));
      return cli::kExitOk;
    }
    if (report_.help_require) {
      cli::say(metrics_help());
      return cli::kExitOk;
    }
    Result<EngineConfig> config = cli::to_engine_config(common_, std::move(eal_args));
    if (!config) return cli::fail(config.error());
    if (Result<void> valid = check_ends(ends_, *config); !valid) return cli::fail(valid.error());
    if (find_max_.wanted) {
      return find_max(app_, app_.get_name(), *wanted_, find_max_, common_, report_.requirements,
                      config->eal_args);
    }
    return run_on(*config);
  }

 protected:
  ModeCommand(CLI::App& load, const std::string& name, const std::string& description)
      : app_(*load.add_subcommand(name, description)) {
    app_.option_defaults()->group("Load");
  }

  // Runs and reports. Requires: ends_ is complete. Returns the exit status.
  virtual int run_on(EngineConfig& config) = 0;

  // Behind the mode's own options.
  void add_common_options(Duration duration = seconds(10)) {
    cli::add_common_options(app_, common_);
    common_.duration = duration;
    app_.get_option("--duration")->default_str(cli::to_text(duration));
    app_.option_defaults()->group(cli::kRunGroup);
    add_report_options(app_, report_);
    add_pace_options(app_, pace_);
    app_.option_defaults()->group("Options");
  }

  // The load of which --find-max looks for the greatest. Behind the mode's own options.
  void add_find_max(const Wanted& wanted, uint64_t first) {
    wanted_ = wanted;
    find_max_.search.first = first;
    app_.option_defaults()->group("Search");
    add_find_max_options(app_, find_max_);
    app_.option_defaults()->group("Options");
  }

  // What every plan says. Requires: as run_on().
  template <class Plan>
  void fill_in(Plan& plan) const {
    plan.target = ends_.target();
    if constexpr (requires { plan.round; }) {
      if (ends_.targets.size() > 1) plan.round = one_round(ends_.targets);
    }
    plan.sources = ends_.sources;
    plan.duration = common_.duration;
    plan.tcp = cli::to_tcp_options(common_, true);
    if (pace_.start_at) plan.start_at = cli::monotonic_now() + from_now(*pace_.start_at);
  }

  // Runs the plan on all workers against `server`, and says what came of it: `line` shows it live,
  // and an Outcome knows how to report. `more` goes to each program, behind its part of the plan.
  template <class Load, class Outcome, class Plan, class... More>
  int run_and_report(const EngineConfig& config, const serve::ServeConfig& server, LineOf line,
                     const Plan& plan, const More&... more) const {
    const std::vector<Plan> plans = divide(plan, common_.workers);
    if (plans.size() < common_.workers && !common_.quiet && !common_.json) {
      cli::say(fmt::format("{} of {} workers run: there is not more to divide\n", plans.size(),
                           common_.workers));
    }
    const Crew<Load> crew(plans, more...);
    const Team<Load> team = crew.team();
    return run_team<Outcome>(config, server, line, plan, team, team.programs(),
                             [](nlohmann::json&, std::string&) {});
  }

  // The same of programs that are made already, in which the team counts. `add` has more to say in
  // the report.
  template <class Outcome, class Load, class Plan, class Add>
  int run_team(const EngineConfig& config, const serve::ServeConfig& server, LineOf line,
               const Plan& plan, const Team<Load>& team, const std::vector<Program*>& programs,
               Add add) const {
    Result<ReportFiles> files = ReportFiles::open(report_);
    if (!files) return cli::fail(files.error());
    Result<ResultFile> lines = ResultFile::open(pace_.json_lines);
    if (!lines) return cli::fail(lines.error());
    JsonLines json_lines(std::move(*lines));
    const ObservedTeam<Load> observed(team);
    const Result<Ended> ended = load::run(
        common_, config, ends_.targets, server, programs,
        {observed, line, pace_.interval, json_lines, pace_.json_lines == "-", plan_text_});
    if (!ended) return cli::fail(ended.error());
    const Outcome outcome{plan,          common_.device,   team, ended->counters,
                          ended->engine, &ended->intervals};
    nlohmann::json json = to_json(outcome);
    if (team.began() != Instant::never()) {
      json["began_unix"] = unix_seconds() - (cli::monotonic_now() - team.began()).seconds();
    }
    if (ended->leaked) json["succeeded"] = false;
    std::string text = to_text(outcome);
    add(json, text);
    const std::string required = files->finish(json, sound(outcome) && !ended->leaked);
    json_lines.add(json);
    std::string error = team.error();
    if (!error.empty()) error += advice_on_sources(ends_, config.shard.interface);
    return say_result(*ended, text + required, json, error);
  }

  // `error` says why there was no load at all; empty: there was.
  [[nodiscard]] int say_result(const Ended& ended, const std::string& text,
                               const nlohmann::json& json, const std::string& error) const {
    if (common_.json) {
      cli::say(json.dump(2) + "\n");
    } else if (error.empty() && pace_.json_lines != "-") {
      cli::say(text);
    }
    if (!error.empty()) cli::complain(fmt::format("millrace: {}\n", error));
    if (ended.leaked) cli::complain(ended.complaints);
    return json.at("succeeded").get<bool>() ? cli::kExitOk : cli::kExitFailed;
  }

  // The largest payload of a segment that fits the MTU, behind IP and TCP (RFC 9293 section 3.7.1).
  [[nodiscard]] uint16_t syn_mss(const Endpoint& target) const {
    const uint16_t headers = target.address.is_v4() ? 40 : 60;
    return common_.mss != 0 ? common_.mss : static_cast<uint16_t>(common_.mtu - headers);
  }

  CLI::App& app_;
  cli::CommonOptions common_;
  ReportOptions report_;
  PaceOptions pace_;
  Ends ends_;
  FindMaxOptions find_max_;
  std::optional<Wanted> wanted_;
  std::string plan_text_;  // what is said of the plan once the devices are there
};

}  // namespace millrace::load
