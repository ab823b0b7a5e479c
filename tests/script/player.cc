// SPDX-License-Identifier: BSD-3-Clause
#include "player.h"

#include <algorithm>
#include <deque>

#include "bench.h"
#include "fields.h"
#include "value.h"

namespace script {

using millrace::ConnectionId;
using millrace::Duration;
using millrace::Endpoint;
using millrace::Instant;
using millrace::IpAddress;
using millrace::Result;
using millrace::ShardConfig;
using millrace::TcpInfo;
using millrace::TcpOptions;

namespace {

// Why the line in play does not hold; nothing when it does.
using Complaint = std::optional<std::string>;

constexpr uint16_t kPeerPort = 40000;  // unless a flow line says otherwise
// Time 0 of a script. Far from the zero of the host's clock, where a bug might look right.
constexpr Instant kStart{1'000'000'000'000};
// How long * waits, and how long the end waits for what is left to go away.
constexpr Duration kPatience = millrace::seconds(3600);

// From when until when a line may happen.
struct Window {
  Instant earliest, latest;
};

class Player {
 public:
  explicit Player(const Script& script) : script_(script) {}

  Verdict play() {
    Verdict verdict;
    Complaint wrong = start();
    for (const Line& line : script_.lines) {
      verdict.line = line.number;
      if (!wrong) wrong = play_line(line);
      if (!wrong && !bench_->problem().empty()) wrong = bench_->problem();
      if (wrong) break;
    }
    if (!wrong) wrong = finish();
    verdict.passed = !wrong;
    if (wrong) verdict.message = *wrong;
    verdict.transcript = std::move(transcript_);
    return verdict;
  }

 private:
  Complaint start();
  Complaint play_line(const Line& line);
  Complaint play_verb(const Line& line);
  Complaint play_claim(const Line& line);
  Complaint finish();

  // --- Time and frames.
  Complaint wait_for(const Line& line);
  Complaint run_to(Instant time);
  [[nodiscard]] Window window_of(const When& when) const;
  void turn(std::span<const Bytes> burst = {});
  void collect();
  Complaint arrive(const Line& line);
  Complaint expect_segment(const Line& line);
  Complaint expect_event(const Line& line);
  [[nodiscard]] std::string unclaimed() const;

  // --- Sockets.
  Complaint listen(const Line& line);
  Complaint connect(const Line& line);
  Complaint accept();
  Complaint send(const Line& line);
  Complaint receive(const Line& line);
  Complaint set(const Line& line);

  // --- Claims.
  Complaint compare_info(const Comparison& claim);
  Complaint compare(const Comparison& claim, Kind kind, int64_t actual);

  void renew(int64_t offset);
  void log(const char* arrow, const std::string& text);

  const Script& script_;
  std::unique_ptr<Bench> bench_;
  Flow* flow_ = nullptr;
  TcpOptions options_;
  std::vector<millrace::ListenerId> listeners_;
  std::deque<Bench::Sent> pending_;  // sent by the host, not claimed yet
  std::vector<Bytes> burst_;         // of << lines, until their < line
  std::string transcript_;
};

Complaint Player::start() {
  Result<std::unique_ptr<Bench>> bench = Bench::create(script_.config, kStart);
  if (!bench) return bench.error().message;
  bench_ = std::move(*bench);
  flow_ = &bench_->flow(kPeerPort, 0);
  return std::nullopt;
}

void Player::log(const char* arrow, const std::string& text) {
  std::string time = format_time(bench_->now() - kStart);
  time.insert(0, time.size() < 9 ? 9 - time.size() : 0, ' ');
  transcript_ += time + " " + arrow + " " + text + "\n";
}

Complaint Player::play_line(const Line& line) {
  switch (line.verb) {
    case Verb::kOut:
      return expect_segment(line);
    case Verb::kEvent:
      return expect_event(line);
    default:
      break;
  }
  if (Complaint wrong = wait_for(line)) return wrong;
  switch (line.verb) {
    case Verb::kIn:
    case Verb::kInBurst:
      return arrive(line);
    case Verb::kIcmp: {
      log("<", line.text);
      const Bytes frame = encode(build(line.icmp, *flow_));
      turn({&frame, 1});
      return std::nullopt;
    }
    case Verb::kInfo:
    case Verb::kUse:
    case Verb::kCounter:
    case Verb::kSilence:
      return play_claim(line);
    default:
      log(" ", line.text);
      return play_verb(line);
  }
}

// --- Time and frames ----------------------------------------------------------------------------

void Player::turn(std::span<const Bytes> burst) {
  bench_->turn(burst);
  collect();
}

void Player::collect() {
  for (Bench::Sent& sent : std::exchange(bench_->sent(), {})) {
    Flow& flow = bench_->flow(sent.segment.destination_port, sent.segment.source_port);
    log(">", format(sent.segment, flow, true));
    pending_.push_back(std::move(sent));
  }
}

std::string Player::unclaimed() const {
  const Bench::Sent& sent = pending_.front();
  Flow& flow = bench_->flow(sent.segment.destination_port, sent.segment.source_port);
  return "the host sent, at " + format_time(sent.time - kStart) +
         ", what no line expects: " + format(sent.segment, flow, true);
}

Window Player::window_of(const When& when) const {
  const Instant now = bench_->now();
  switch (when.kind) {
    case When::Kind::kNone:
      return {now, now};
    case When::Kind::kAny:
      return {now, now + kPatience};
    case When::Kind::kAbsolute:
    case When::Kind::kRelative:
      break;
  }
  const Instant time = (when.kind == When::Kind::kAbsolute ? kStart : now) + when.at;
  if (time == now) return {now, now};
  return {time - when.tolerance, time + when.tolerance};
}

Complaint Player::run_to(Instant time) {
  while (bench_->now() < time) {
    if (!pending_.empty()) return unclaimed();
    bench_->step(time);
    collect();
  }
  return std::nullopt;
}

// For lines that do something, or look at something: exactly at their time.
Complaint Player::wait_for(const Line& line) {
  if (line.when.kind == When::Kind::kNone || line.when.kind == When::Kind::kAny) {
    return std::nullopt;
  }
  const Instant base = line.when.kind == When::Kind::kAbsolute ? kStart : bench_->now();
  const Instant time = base + line.when.at;
  if (time < bench_->now()) {
    return "its time has passed: the clock shows " + format_time(bench_->now() - kStart);
  }
  return run_to(time);
}

Complaint Player::arrive(const Line& line) {
  const Segment segment = build(line.segment, *flow_);
  log("<", format(segment, *flow_, false));
  burst_.push_back(encode(segment));
  if (line.verb == Verb::kInBurst) return std::nullopt;
  turn(std::exchange(burst_, {}));
  return std::nullopt;
}

Complaint Player::expect_segment(const Line& line) {
  const Window window = window_of(line.when);
  while (pending_.empty() && bench_->now() < window.latest) {
    bench_->step(window.latest);
    collect();
  }
  if (pending_.empty()) {
    return "the host sent nothing until " + format_time(bench_->now() - kStart);
  }
  const Bench::Sent& sent = pending_.front();
  const Segment& s = sent.segment;
  std::string wrong;
  if (sent.time < window.earliest || sent.time > window.latest) {
    wrong = "the host sent at " + format_time(sent.time - kStart) + ", not at " +
            format_time(window.earliest - kStart) +
            (window.latest > window.earliest ? " to " + format_time(window.latest - kStart) : "");
  } else if (s.destination_port != flow_->peer_port || s.source_port != flow_->local_port) {
    wrong = "the host sent to port " + std::to_string(s.destination_port) + " from " +
            std::to_string(s.source_port) + ", which is another flow";
  } else {
    wrong = difference(line.segment, s, *flow_);
  }
  if (!wrong.empty()) return wrong;
  pending_.pop_front();
  return std::nullopt;
}

Complaint Player::expect_event(const Line& line) {
  const Window window = window_of(line.when);
  while (true) {
    std::vector<Event>& events = flow_->events;
    // What was not asked for before this one is of no interest any more.
    const auto found = std::find_if(events.begin(), events.end(), [&](const Event& event) {
      return event.what == line.word &&
             (event.time >= window.earliest || window.earliest == window.latest);
    });
    if (found != events.end()) {
      events.erase(events.begin(), found + 1);
      return std::nullopt;
    }
    if (bench_->now() >= window.latest) break;
    if (!pending_.empty()) return unclaimed();
    bench_->step(window.latest);
    collect();
  }
  std::string seen;
  for (const Event& event : flow_->events) {
    seen += (seen.empty() ? "" : ", ") + event.what + " at " + format_time(event.time - kStart);
  }
  return "no such event until " + format_time(bench_->now() - kStart) +
         (seen.empty() ? "" : ", but " + seen);
}

// --- Sockets ------------------------------------------------------------------------------------

Complaint Player::play_verb(const Line& line) {
  switch (line.verb) {
    case Verb::kOption:
      options_ = line.options;
      return std::nullopt;
    case Verb::kListen:
      return listen(line);
    case Verb::kUnlisten:
      for (const millrace::ListenerId id : std::exchange(listeners_, {})) {
        bench_->shard().close_listener(id);
      }
      turn();
      return std::nullopt;
    case Verb::kAccepting:
      for (const millrace::ListenerId id : listeners_) {
        bench_->shard().set_accepting(id, line.numbers[0] != 0);
      }
      return std::nullopt;
    case Verb::kConnect:
      return connect(line);
    case Verb::kFlow:
      flow_ = &bench_->flow(static_cast<uint16_t>(line.numbers[0]),
                            static_cast<uint16_t>(line.numbers[1]));
      return std::nullopt;
    case Verb::kRenew:
      renew(line.numbers[0]);
      return std::nullopt;
    case Verb::kAccept:
      return accept();
    default:
      break;
  }

  // The rest speaks of a connection that the application holds.
  if (!flow_->connection || !bench_->shard().alive(*flow_->connection)) {
    return "the flow has no connection";
  }
  if (flow_->waits_for_accept) return "the connection has not been accepted";
  const ConnectionId id = *flow_->connection;
  switch (line.verb) {
    case Verb::kSend:
      return send(line);
    case Verb::kReceive:
      return receive(line);
    case Verb::kSet:
      return set(line);
    case Verb::kReading:
      flow_->reading = line.numbers[0] != 0;
      if (flow_->reading) bench_->shard().resume(id);
      break;
    case Verb::kShutdown:
      bench_->shard().shutdown(id);
      break;
    case Verb::kClose:
      bench_->shard().close(id);
      break;
    case Verb::kAbort:
      bench_->shard().abort(id);
      break;
    default:
      return "nobody plays this verb";
  }
  turn();
  return std::nullopt;
}

Complaint Player::listen(const Line& line) {
  const uint16_t port = static_cast<uint16_t>(line.numbers[0]);
  const auto listener = bench_->shard().listen({IpAddress{}, port}, bench_->app(), options_);
  if (!listener) return listener.error().message;
  listeners_.push_back(*listener);
  flow_ = &bench_->flow(flow_->peer_port, port);
  return std::nullopt;
}

Complaint Player::connect(const Line& line) {
  const uint16_t peer_port = static_cast<uint16_t>(line.numbers[0]);
  const uint16_t local_port = static_cast<uint16_t>(line.numbers.size() > 1 ? line.numbers[1] : 0);
  millrace::Shard& shard = bench_->shard();
  const auto id = shard.connect({IpAddress::v4(kPeerIp), peer_port}, bench_->app(), 0, options_,
                                {IpAddress::v4(kLocalIp), local_port});
  if (!id) return id.error().message;
  flow_ = &bench_->flow(peer_port, shard.info(*id)->key.local_port);
  flow_->connection = *id;
  shard.set_cookie(*id, bench_->cookie_of(*flow_));
  turn();
  return std::nullopt;
}

Complaint Player::accept() {
  if (!flow_->connection || !flow_->waits_for_accept) return "no connection waits to be accepted";
  flow_->waits_for_accept = false;
  return std::nullopt;
}

Complaint Player::send(const Line& line) {
  std::vector<std::byte> data(static_cast<size_t>(line.numbers[0]));
  for (size_t i = 0; i < data.size(); ++i) data[i] = local_byte(flow_->bytes_sent + i);
  const size_t wanted = static_cast<size_t>(line.numbers.back());
  const size_t taken = bench_->shard().send(*flow_->connection, data);
  flow_->bytes_sent += taken;
  turn();
  if (taken == wanted) return std::nullopt;
  return "the host took " + std::to_string(taken) + " bytes, not " + std::to_string(wanted);
}

Complaint Player::receive(const Line& line) {
  const uint64_t wanted = static_cast<uint64_t>(line.numbers[0]);
  if (!flow_->reading) {
    flow_->wanted = wanted;
    bench_->shard().resume(*flow_->connection);
    flow_->wanted = 0;
    turn();
  }
  const uint64_t received = flow_->bytes_received - flow_->bytes_claimed;
  flow_->bytes_claimed = flow_->bytes_received;
  if (received == wanted) return std::nullopt;
  return "the application received " + std::to_string(received) + " bytes";
}

Complaint Player::set(const Line& line) {
  TcpOptions options = *bench_->shard().options(*flow_->connection);
  for (const auto& [name, value] : line.settings) {
    if (Complaint wrong = set_field(options, name, value)) return wrong;
  }
  const Result<void> done = bench_->shard().set_options(*flow_->connection, options);
  turn();
  return done ? std::nullopt : Complaint(done.error().message);
}

// --- Claims -------------------------------------------------------------------------------------

Complaint Player::play_claim(const Line& line) {
  if (line.verb == Verb::kSilence) {
    if (!pending_.empty()) return unclaimed();
    if (Complaint wrong = run_to(bench_->now() + Duration{line.numbers[0]})) return wrong;
    return pending_.empty() ? std::nullopt : Complaint(unclaimed());
  }
  for (const Comparison& claim : line.comparisons) {
    Complaint wrong;
    if (line.verb == Verb::kInfo) {
      wrong = compare_info(claim);
    } else if (line.verb == Verb::kUse) {
      wrong =
          compare(claim, Kind::kCount, bench_->shard().use().*find_use_field(claim.name)->member);
    } else {
      const uint64_t count = bench_->shard().counters().get(*find_counter(claim.name));
      wrong = compare(claim, Kind::kCount, static_cast<int64_t>(count));
    }
    if (wrong) return wrong;
  }
  return std::nullopt;
}

Complaint Player::compare_info(const Comparison& claim) {
  const std::optional<TcpInfo> info =
      flow_->connection ? bench_->shard().info(*flow_->connection) : std::nullopt;
  if (!info) return "the flow has no connection";
  const InfoField& field = *find_info_field(claim.name);
  int64_t actual = field.read(*info);
  if (field.kind == Kind::kLocalSeq || field.kind == Kind::kPeerSeq) {
    const uint32_t isn =
        field.kind == Kind::kPeerSeq ? flow_->peer_isn : flow_->local_isn.value_or(0);
    actual = static_cast<int32_t>(static_cast<uint32_t>(actual) - isn);
  }
  return compare(claim, field.kind, actual);
}

Complaint Player::compare(const Comparison& claim, Kind kind, int64_t actual) {
  if (holds(claim.op, actual, claim.value)) return std::nullopt;
  return claim.name + " is " + format(kind, actual) + ", not " +
         (claim.op == Comparison::Op::kEqual ? "" : std::string(to_string(claim.op)) + " ") +
         format(kind, claim.value);
}

// --- The end ------------------------------------------------------------------------------------

void Player::renew(int64_t offset) {
  Flow fresh{.peer_port = flow_->peer_port, .local_port = flow_->local_port};
  fresh.peer_isn = flow_->peer_isn + static_cast<uint32_t>(offset);
  fresh.ts_base = flow_->ts_base;
  fresh.ts_latest = flow_->ts_latest;
  *flow_ = fresh;
}

// Whatever is open is aborted; then nothing may be left.
Complaint Player::finish() {
  if (!pending_.empty()) return unclaimed();
  bench_->shard().drain(bench_->now());
  const Instant end = bench_->now() + kPatience;
  while (bench_->now() < end && !left_in_use(bench_->shard().use()).empty()) {
    bench_->step(end);
    bench_->sent().clear();
  }
  if (!bench_->problem().empty()) return bench_->problem();
  const std::string left = left_in_use(bench_->shard().use());
  return left.empty() ? std::nullopt : Complaint("after the end is left in use: " + left);
}

}  // namespace

ShardConfig default_config() {
  ShardConfig config;
  config.interface.mac = kLocalMac;
  config.interface.addresses = {{IpAddress::v4(kLocalIp), 24}};
  config.interface.gratuitous_arp = false;
  config.connections_max = 64;
  config.half_open_max = 64;
  config.time_wait_max = 64;
  config.small_blocks_max = 4096;
  config.large_blocks_max = 1024;
  config.flight_runs_max = 4096;
  config.seed = 1;
  return config;
}

std::string Verdict::report(const Script& script) const {
  std::string text = script.file + ":" + std::to_string(line) + ": " + message + "\n";
  for (const Line& known : script.lines) {
    if (known.number == line) text += "  the line   " + known.source + "\n";
  }
  return text + "  so far\n" + transcript;
}

Verdict play(const Script& script) { return Player(script).play(); }

}  // namespace script
