// SPDX-License-Identifier: BSD-3-Clause
#include "load/plan_options.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/values.h"

namespace millrace::load {
namespace {

bool opens_at_rate(Mode mode) { return mode == Mode::kCps || mode == Mode::kRps; }

// Rates of the modes that hold connections.
void add_hold(CLI::App& app, Plan& plan) {
  cli::add_number(app, "--open-rate", plan.open_rate, uint64_t{0}, kRateMax,
                  "connections to open per second at first; 0: as fast as it goes");
  if (plan.mode == Mode::kTeardown) {
    cli::add_number(app, "-r,--rate", plan.rate, uint64_t{0}, kRateMax,
                    "connections to close per second, once all are open; 0: as fast as it goes");
    return;
  }
  cli::add_duration(app, "--every", plan.every, Duration{}, seconds(86'400),
                    "from a request of a connection to its next; 0s: none");
  cli::add_number(app, "--churn", plan.churn, uint64_t{0}, kRateMax,
                  "connections to close per second, each replaced by a new one");
}

void add_think(CLI::App& app, Plan& plan) {
  cli::add_parsed(
      app, "--think", "DURATION",
      [&plan](const std::string& text) -> Result<void> {
        const size_t dash = std::min(text.find('-'), text.size());
        const auto first = cli::parse_duration(text.substr(0, dash));
        const auto last = dash == text.size() ? first : cli::parse_duration(text.substr(dash + 1));
        if (!first || !last || *last < *first) {
          return Error{
              "give a duration, such as 100ms, or two with as likely ones between, "
              "100ms-2s"};
        }
        plan.think_min = *first;
        plan.think_max = *last;
        return {};
      },
      "without --rate: from an answer to the connection's next request, or 100ms-2s for any "
      "length between")
      ->default_str("0s");
}

// What comes when.
void add_pace(CLI::App& app, Plan& plan) {
  if (plan.mode == Mode::kCps) {
    cli::add_number(app, "-r,--rate", plan.rate, uint64_t{0}, kRateMax,
                    "connections to open per second; 0: a new one when one has ended");
    cli::add_number(app, "--requests", plan.requests, 1u, 1u << 30,
                    "requests of each connection, one after the other");
  } else if (plan.mode == Mode::kRps) {
    cli::add_number(app, "-r,--rate", plan.rate, uint64_t{0}, kRateMax,
                    "requests per second; 0: each connection asks when it is answered");
    cli::add_number(app, "--pipeline", plan.pipeline, 1u, 1u << 16,
                    "requests that may be out on a connection before the first is answered");
    add_think(app, plan);
  } else {
    add_hold(app, plan);
  }
  if (opens_at_rate(plan.mode)) {
    cli::add_number(app, "-n,--count", plan.count, uint64_t{0}, UINT64_MAX,
                    "connections to open, then end; 0: no limit");
  }
  if (plan.mode == Mode::kCc) return;
  cli::add_choice(app, "--arrivals", "even|poisson|burst", plan.pattern.arrivals,
                  {"even", "poisson", "burst"},
                  "with --rate: evenly, at random as if many did not know of each other, or "
                  "several at a time");
  cli::add_number(app, "--burst", plan.pattern.burst, 1u, 1u << 20,
                  "arrivals at a time, with --arrivals burst");
  cli::add_duration(app, "--ramp", plan.pattern.ramp.length, Duration{}, seconds(86'400),
                    "how long the rate takes to grow from 0 to --rate");
  cli::add_choice(app, "--ramp-shape", "linear|step|sine", plan.pattern.ramp.shape,
                  {"linear", "step", "sine"},
                  "how it grows: evenly, in --ramp-steps of which the first is at the beginning, "
                  "or as half a wave");
  cli::add_number(app, "--ramp-steps", plan.pattern.ramp.steps, 1u, 10'000u,
                  "with --ramp-shape step");
}

constexpr uint64_t kRequestBytesMax = 1u << 20;

CLI::Option* add_sizes(CLI::App& app, const std::string& name, Sizes& sizes,
                       const std::string& description) {
  const uint64_t most = name == "--request-size" ? kRequestBytesMax : UINT64_MAX;
  return cli::add_parsed(
      app, name, "SIZES",
      [&sizes, most](const std::string& text) -> Result<void> {
        Result<Sizes> given = Sizes::parse(text);
        if (!given) return given.error();
        if (given->max() > most) return Error{"give no size above 1m"};
        sizes = *given;
        return {};
      },
      description);
}

CLI::Option* add_list(CLI::App& app, const std::string& name, const std::string& type,
                      std::vector<std::string>& list, const std::string& description) {
  return cli::add_parsed(
             app, name, type,
             [&list](const std::string& text) -> Result<void> {
               list.push_back(text);
               return {};
             },
             description)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Result<void> read_body(const std::string& text, ExchangeConfig& exchange) {
  if (!text.starts_with('@')) {
    exchange.body = text;
    return {};
  }
  std::ifstream file(text.substr(1), std::ios::binary);
  std::stringstream bytes;
  if (!file || !(bytes << file.rdbuf())) return Error{"it cannot be read, or is empty"};
  exchange.body = bytes.str();
  if (exchange.body.size() > kRequestBytesMax) return Error{"it is larger than 1m"};
  return {};
}

// What is said.
void add_exchange(CLI::App& app, ExchangeConfig& exchange) {
  cli::add_choice(app, "--protocol", "http|echo", exchange.protocol, {"http", "echo"},
                  "what is said");
  add_list(app, "--path", "PATH", exchange.paths,
           "http: what to ask for; given more than once: each in turn; {size} in it stands for "
           "that of --response-size, such as /bytes/{size}")
      ->default_str("/");
  cli::add_text(app, "--method", exchange.method, "http: GET, POST, PUT, ...");
  add_list(app, "--header", "'NAME: VALUE'", exchange.headers,
           "http: a line of the head, in place of ours if we have one of that name; may be given "
           "more than once");
  cli::add_parsed(
      app, "--body", "TEXT|@FILE",
      [&exchange](const std::string& text) -> Result<void> { return read_body(text, exchange); },
      "http: behind the head");
  add_sizes(app, "--request-size", exchange.request_bytes,
            "bytes of a request, or a distribution: 64-1500, 64:7,576:4,1500:1; http: padded up "
            "to it, 0: what it takes; echo: 64")
      ->default_str("0");
  add_sizes(app, "--response-size", exchange.response_bytes,
            "the same of a response; http: a body of another length is a failure");
}

// How a connection ends.
void add_close(CLI::App& app, Plan& plan) {
  if (plan.mode == Mode::kCps) {
    cli::add_choice(app, "--close", "HOW", plan.close,
                    {"client", "server", "reset", "half", "server-reset", "none"},
                    "client: our FIN; server: its FIN; reset: our RST; half: our FIN behind the "
                    "request, its FIN behind the response; server-reset: its RST; none: they "
                    "stay until the end. That the target does otherwise is a failure, "
                    "close-mismatch");
    return;
  }
  cli::add_parsed(
      app, "--close", "client|reset",
      [&plan](const std::string& text) -> Result<void> {
        if (text != "client" && text != "reset") return Error{"give client or reset"};
        plan.close = text == "client" ? CloseBy::kClient : CloseBy::kReset;
        return {};
      },
      "how a connection ends: by our FIN or our RST")
      ->default_str("client");
}

}  // namespace

void add_plan_options(CLI::App& app, PlanOptions& options) {
  Plan& plan = options.plan;
  cli::add_number(app, "-c,--concurrency", plan.concurrency, 1u, 1u << 24,
                  plan.mode == Mode::kCps ? "connections at a time, at most"
                                          : "connections that are kept open");
  add_pace(app, plan);
  cli::add_duration(app, "--timeout", plan.timeout, milliseconds(1), seconds(3600),
                    "for each step of a connection, and for the target's first answer");
  if (plan.mode != Mode::kTeardown) add_exchange(app, options.exchange);
  add_close(app, plan);
}

Result<Exchange> complete(PlanOptions& options) {
  const Plan& plan = options.plan;
  ExchangeConfig& exchange = options.exchange;
  const bool by_server = plan.mode == Mode::kCps && plan.close == CloseBy::kServer;
  if (plan.requests > 1 && (by_server || plan.close == CloseBy::kServerReset)) {
    return Error{"a server that closes does so behind the first of --requests; give one"};
  }
  if (plan.think_max.ns != 0 && plan.rate != 0) {
    return Error{"--think is for connections that ask when they are answered; give no --rate"};
  }
  if (exchange.paths.empty()) exchange.paths = {"/"};
  exchange.host = plan.target.to_string();
  exchange.close = by_server;
  if (exchange.protocol == Protocol::kEcho && exchange.request_bytes.max() == 0) {
    exchange.request_bytes = 64;
  }
  return Exchange::create(exchange);
}

serve::ServeConfig server_for(const PlanOptions& options) {
  const Plan& plan = options.plan;
  serve::ServeConfig config;
  config.tcp = plan.tcp;
  (options.exchange.protocol == Protocol::kHttp ? config.http_port : config.echo_port) =
      plan.target.port;
  if (plan.close == CloseBy::kServer) config.closing = serve::Closing::kFin;
  if (plan.close == CloseBy::kServerReset) config.closing = serve::Closing::kReset;
  return config;
}

}  // namespace millrace::load
