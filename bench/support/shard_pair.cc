// SPDX-License-Identifier: BSD-3-Clause
#include "support/shard_pair.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace millrace::bench {
namespace {

constexpr uint16_t kPort = 80;
constexpr uint16_t kIdlePort = 81;
// Idle connections begin at addresses of their own, so many at each.
constexpr uint32_t kIdleAddress = 0x0a010000;
constexpr uint32_t kIdlePerAddress = 60'000;
constexpr uint16_t kIdlePortFirst = 4'000;
constexpr Duration kTurn = microseconds(2);
constexpr Duration kMsl = milliseconds(1);  // so that records expire as fast as they are made
constexpr uint32_t kSmallBytes = 64;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "shard_pair: %s\n", why.c_str());
  std::exit(1);
}

IpAddress address_of(bool server) { return IpAddress::v4(server ? 0x0a000002 : 0x0a000001); }

ShardConfig config_of(bool server, Pair::Round round, const Crowd& crowd) {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(server ? 2 : 1)}};
  config.interface.addresses = {{address_of(server), 8}};
  if (!server) {
    config.interface.ranges = {
        {IpAddress::v4(kIdleAddress), IpAddress::v4(kIdleAddress).plus(UINT16_MAX)}};
  }
  config.connections_max = (1 << 14) + crowd.idle_max;
  config.half_open_max = 1 << 14;
  config.time_wait_max = 1 << 16;
  config.small_blocks_max = 1 << 14;
  config.large_blocks_max = 1 << 12;
  config.rst_per_second = 100'000'000;
  if (round == Pair::Round::kSynCookie) config.syn_cookies = SynCookies::kAlways;
  config.msl = kMsl;
  if (server && crowd.time_wait_max != 0) {
    config.msl = seconds(600);
    config.time_wait_max = crowd.time_wait_max;
  }
  config.hugepages = crowd.hugepages;
  config.seed = 1;
  return config;
}

bool opens_only(Pair::Round round) {
  return round == Pair::Round::kSyn || round == Pair::Round::kSynCookie;
}

// The client's endpoint number `i`, of more than one address has.
Endpoint other_endpoint(uint32_t i) {
  return {IpAddress::v4(kIdleAddress + i / kIdlePerAddress),
          static_cast<uint16_t>(kIdlePortFirst + i % kIdlePerAddress)};
}

bool is_bulk(Pair::Round round) {
  return round == Pair::Round::kBulk || round == Pair::Round::kStaticBulk;
}

Habits habits_of(Pair::Round round) {
  switch (round) {
    case Pair::Round::kServerCloses:
      return {.request_bytes = kSmallBytes, .response_bytes = kSmallBytes, .server_closes = true};
    case Pair::Round::kClientCloses:
      return {.request_bytes = kSmallBytes, .response_bytes = kSmallBytes, .client_closes = true};
    case Pair::Round::kRequest:
      return {.response_bytes = kSmallBytes};
    case Pair::Round::kAcknowledge:
      return {.acknowledge_at_once = true};
    case Pair::Round::kSyn:
    case Pair::Round::kSynCookie:
    case Pair::Round::kBulk:
    case Pair::Round::kStaticBulk:
      return {};
  }
  return {};
}

}  // namespace

// --- The wire -----------------------------------------------------------------------------------

void Frames::add(const TxFrame& frame) {
  if (views_.size() == memory_.size()) {
    memory_.push_back(std::make_unique<std::byte[]>(kFrameBytesMax));
  }
  std::byte* to = memory_[views_.size()].get();
  const size_t length = frame.total_bytes();
  if (length > kFrameBytesMax) give_up("a frame is too long for the wire");
  std::memcpy(to, frame.header.data(), frame.header_bytes);
  to += frame.header_bytes;
  for (const auto& span : std::span(frame.payload).first(frame.payload_spans)) {
    std::memcpy(to, span.data(), span.size());
    to += span.size();
  }
  views_.push_back({.data = memory_[views_.size()].get(),
                    .length = static_cast<uint32_t>(length),
                    .ip_checksum = ChecksumVerdict::kGood,
                    .l4_checksum = ChecksumVerdict::kGood});
}

// --- A station ----------------------------------------------------------------------------------

template <class Call>
void Station::act(Call&& call) {
  if (!measured_) return call();
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  millrace_bench_measured([](void* argument) { (*static_cast<Call*>(argument))(); }, &call);
  seconds_ += std::chrono::duration<double>(Clock::now() - begin).count();
}

Station::Station(const ShardConfig& config, const Habits& habits, bool server)
    : habits_(habits), server_(server) {
  auto shard = Shard::create(config, Instant{});
  if (!shard) give_up(shard.error().message);
  shard_ = std::move(*shard);
  options_.delayed_ack = !habits.acknowledge_at_once;
  if (!server) return;
  if (auto l = shard_->listen({IpAddress{}, kPort}, *this, options_); !l) {
    give_up(l.error().message);
  }
}

void Station::turn(Instant now, const Frames& in, Frames& out) {
  act([&] {
    shard_->receive(now, in.views());
    shard_->advance(now);
  });
  std::array<TxFrame, Shard::kBurstMax> frames;
  for (;;) {
    size_t count = 0;
    act([&] { count = shard_->transmit(now, frames); });
    if (count == 0) return;
    for (const TxFrame& frame : std::span(frames).first(count)) out.add(frame);
  }
}

void Station::connect(const Endpoint& peer, const Endpoint& local) {
  act([&] {
    if (auto id = shard_->connect(peer, *this, 0, options_, local); !id) {
      give_up(id.error().message);
    }
  });
}

void Station::connect_idle(const Endpoint& peer, const Endpoint& local) {
  if (auto id = shard_->connect(peer, silent_, 0, options_, local); !id) {
    give_up(id.error().message);
  }
}

void Station::listen_idle(uint16_t port) {
  if (auto l = shard_->listen({IpAddress{}, port}, silent_, options_); !l) {
    give_up(l.error().message);
  }
}

void Station::send(std::span<const std::byte> data) {
  act([&] {
    for (const ConnectionId id : established_) {
      if (shard_->send(id, data) != data.size()) give_up("the send buffer is full");
    }
  });
}

void Station::send_static(std::span<const std::byte> data) {
  act([&] {
    for (const ConnectionId id : established_) {
      if (shard_->send_static(id, data) != data.size()) give_up("the send buffer is full");
    }
  });
}

void Station::abort_all() {
  for (const ConnectionId id : established_) shard_->abort(id);
  established_.clear();
}

void Station::on_established(Shard& shard, ConnectionRef connection) {
  static constexpr std::array<std::byte, kSmallBytes> kRequest{};
  if (!server_ && habits_.request_bytes != 0) {
    shard.send(connection.id, std::span(kRequest).first(habits_.request_bytes));
  }
  if (!habits_.server_closes && !habits_.client_closes) established_.push_back(connection.id);
}

size_t Station::on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) {
  static constexpr std::array<std::byte, kSmallBytes> kResponse{};
  bytes_taken_ += data.size();
  if (server_ && habits_.response_bytes != 0) {
    shard.send(connection.id, std::span(kResponse).first(habits_.response_bytes));
    if (habits_.server_closes) shard.shutdown(connection.id);
  }
  if (!server_ && habits_.client_closes) shard.shutdown(connection.id);
  return data.size();
}

void Station::on_closed(Shard& /*shard*/, ConnectionRef connection, CloseReason /*reason*/) {
  std::erase(established_, connection.id);
}

// --- The pair -----------------------------------------------------------------------------------

Pair::Pair(Round round, uint32_t burst, const Crowd& crowd)
    : round_(round),
      burst_(burst),
      records_stay_(crowd.time_wait_max != 0),
      payload_(is_bulk(round) ? size_t{kSegmentBytes} * burst : kSmallBytes),
      client_(std::make_unique<Station>(config_of(false, round, crowd), habits_of(round), false)),
      server_(std::make_unique<Station>(config_of(true, round, crowd), habits_of(round), true)) {
  server_->listen_idle(kIdlePort);
  // The first connection waits for ARP; from the second on, all is as it stays.
  client_->connect({address_of(true), kPort});
  settle();
  if (opens_only(round)) client_->abort_all();
  if (round == Round::kRequest || round == Round::kAcknowledge) {
    for (uint32_t i = 1; i < burst; ++i) connect();
  }
  settle();
  for (int warm_up = 0; warm_up < 200; ++warm_up) play();
}

void Pair::open_idle(uint32_t count) {
  constexpr uint32_t kAtOnce = 64;
  while (idle_ < count) {
    const uint32_t until = std::min(idle_ + kAtOnce, count);
    for (; idle_ != until; ++idle_) {
      client_->connect_idle({address_of(true), kIdlePort}, other_endpoint(idle_));
    }
    settle();
  }
  for (int second = 0; second < 5; ++second) {
    now_ = now_ + seconds(1);
    for (int turn = 0; turn < 1'100; ++turn) settle();  // no more than 1024 timers fire in each
  }
}

void Pair::connect() {
  client_->connect({address_of(true), kPort},
                   records_stay_ ? other_endpoint(connects_++) : Endpoint{});
}

void Pair::client_turn() {
  now_ = now_ + kTurn;
  to_server_.clear();
  client_->turn(now_, to_client_, to_server_);
  to_client_.clear();
}

void Pair::server_turn() {
  now_ = now_ + kTurn;
  to_client_.clear();
  server_->turn(now_, to_server_, to_client_);
  to_server_.clear();
}

void Pair::settle() {
  do {
    client_turn();
    server_turn();
  } while (!to_client_.views().empty());
}

void Pair::play(End measured) {
  ++rounds_;
  client_->measure(measured == End::kClient);
  server_->measure(measured == End::kServer);
  switch (round_) {
    case Round::kServerCloses:
    case Round::kClientCloses:
      for (uint32_t i = 0; i < burst_; ++i) connect();
      settle();
      break;
    case Round::kRequest:
      client_->send(payload_);
      client_turn();
      server_turn();
      break;
    case Round::kAcknowledge:
      client_->measure(false);
      client_->send(payload_);
      client_turn();
      server_turn();
      client_->measure(measured == End::kClient);
      client_turn();
      break;
    case Round::kSyn:
    case Round::kSynCookie:
      for (uint32_t i = 0; i < burst_; ++i) connect();
      client_turn();
      server_turn();
      client_->measure(false);
      server_->measure(false);
      settle();
      client_->abort_all();
      settle();
      break;
    case Round::kBulk:
      client_->send(payload_);
      client_turn();
      server_turn();
      break;
    case Round::kStaticBulk:
      client_->send_static(payload_);
      client_turn();
      server_turn();
      break;
  }
  client_->measure(false);
  server_->measure(false);
  seconds_ = client_->take_seconds() + server_->take_seconds();
}

bool Pair::consistent() const {
  const uint64_t all = rounds_ * burst_;
  switch (round_) {
    case Round::kServerCloses:
    case Round::kClientCloses:
      return client_->bytes_taken() == (all + 1) * kSmallBytes &&
             client_->shard().use().connections == idle_ &&
             server_->shard().use().connections == idle_;
    case Round::kRequest:
    case Round::kAcknowledge:
      return server_->bytes_taken() == all * kSmallBytes &&
             client_->shard().use().connections == burst_ + idle_;
    case Round::kSyn:
      return server_->shard().counters().get(Counter::kTcpPassiveOpens) == all + 1;
    case Round::kSynCookie:
      return server_->shard().counters().get(Counter::kTcpExtSyncookiesSent) == all + 1;
    case Round::kBulk:
    case Round::kStaticBulk:
      return server_->bytes_taken() == all * kSegmentBytes &&
             client_->shard().counters().get(Counter::kTcpRetransSegs) == 0;
  }
  return false;
}

}  // namespace millrace::bench
