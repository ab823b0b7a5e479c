// SPDX-License-Identifier: BSD-3-Clause
// Shard: making one, its clock, and what can be asked of it from outside. The public class forwards
// to Impl; every entry that takes a time goes through set_time().
#include "millrace/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/random.h"
#include "stack/impl.h"
#include "tcp/autotune.h"
#include "tcp/handshake.h"
#include "tcp/rtt.h"
#include "tcp/send_queue.h"

namespace millrace {
namespace {

constexpr uint32_t kUsedCookiesMin = 1024;

}  // namespace

Shard::Impl::Impl(const ShardConfig& config, Instant now, tcp::Blocks blocks,
                  base::Slab<Connection> connections, base::Slab<tcp::HalfOpen> half_open,
                  stack::TimeWaits time_wait, base::Slab<tcp::Inbox> inboxes,
                  base::Slab<tcp::Sender> senders, base::Slab<tcp::Run> runs, flow::Table flows,
                  stack::ControlQueue control, stack::UsedCookies used_cookies,
                  stack::UsedCookies used_syns, tcp::FastOpen fast_open)
    : config_(config),
      now_(now),
      blocks_(std::move(blocks)),
      connections_(std::move(connections)),
      half_open_(std::move(half_open)),
      time_wait_(std::move(time_wait)),
      inboxes_(std::move(inboxes)),
      senders_(std::move(senders)),
      runs_(std::move(runs)),
      flows_(std::move(flows)),
      wheel_(reinterpret_cast<std::byte*>(connections_.data()) + offsetof(Connection, timer),
             sizeof(Connection), static_cast<uint32_t>(now.ns / 1'000'000)),
      half_open_wheel_(
          reinterpret_cast<std::byte*>(half_open_.data()) + offsetof(tcp::HalfOpen, timer),
          sizeof(tcp::HalfOpen), static_cast<uint32_t>(now.ns / 1'000'000)),
      control_(std::move(control)),
      interface_(config.interface, now, base::Random(config.seed + 3).next()),
      neighbors_(config.neighbors_max, config.interface.mac,
                 {tcp::to_ticks(config.arp_timeout), tcp::to_ticks(config.arp_lifetime),
                  config.arp_retries, tcp::to_ticks(config.nd_reachable_time),
                  tcp::to_ticks(config.arp_timeout)}),
      paths_(config.paths_max, config.path_mtu_lifetime, base::Random(config.seed + 1).next(),
             base::Random(config.seed + 2).next()),
      listener_by_port_(65536, 0),
      used_cookies_(std::move(used_cookies)),
      used_syns_(std::move(used_syns)),
      fast_open_(std::move(fast_open)),
      resets_(config.rst_per_second),
      icmp_(config.icmp_per_second),
      events_(config.events_max) {
  profiles_.reserve(config.profiles_max);
  bad_ends_.reserve(kBadEndsPerSecond);
  listeners_.reserve(config.listeners_max);
  apps_.reserve(config.profiles_max);

  plain_shape_ = wire::plain_shape(config.interface.mac);
  predicts_ = config.prediction && !config.statistics;
  plain_text_max_ = !predicts_                  ? -1
                    : config.tso_bytes_max == 0 ? std::numeric_limits<int32_t>::max()
                                                : config.interface.mtu;

  base::Random random(config.seed);
  for (uint64_t& key : hash_key_) key = random.next();
  isn_secret_ = base::Aes128({random.next(), random.next()});
  timestamp_secret_ = {random.next(), random.next()};
  next_port_ = random.below(0x10000);
  const uint64_t cookie_key = random.next();
  cookie_secret_ = tcp::CookieSecret(cookie_key, random.next());
  cookies_from_ = static_cast<uint32_t>(
      (uint64_t{config.half_open_max} * config.syn_cookies_percent + 99) / 100);

  ctx_.counters = &counters_;
  ctx_.blocks = &blocks_;
  ctx_.inboxes = &inboxes_;
  ctx_.senders = &senders_;
  ctx_.runs = &runs_;
  ctx_.profiles = &profiles_;
  ctx_.min_pmtu = config.min_pmtu;
  const auto mss = [&](size_t ip_bytes) {
    return static_cast<uint16_t>(config.interface.mtu - ip_bytes - wire::kTcpHeaderBytes);
  };
  ctx_.local_mss = mss(wire::kIpv4HeaderBytes);
  ctx_.local_mss_v6 = mss(wire::kIpv6HeaderBytes);
  ctx_.tso_bytes_max = config.tso_bytes_max;
  ctx_.challenges = tcp::ChallengeBudget(config.challenge_ack_per_second, random.next());
  ctx_.fast_open = &fast_open_;
  ctx_.events = &events_;
  const bool drawn = config.fast_open_key == std::array<uint64_t, 2>{};
  fast_open_.set_key(drawn ? std::array{random.next(), random.next()} : config.fast_open_key);
  ctx_.tick = static_cast<uint32_t>(now.ns / 1'000'000);
  ctx_.now_us = static_cast<uint32_t>(now.ns / 1'000);
  budget_tick_ = ctx_.tick;
  fast_open_minute_ = ctx_.tick;
  fast_open_.set_period(static_cast<uint64_t>(now.ns / config.fast_open_key_period.ns));
}

Result<std::unique_ptr<Shard::Impl>> Shard::Impl::create(const ShardConfig& config, Instant now) {
  if (Result<void> valid = validate(config); !valid) return valid.error();
  const bool huge = config.hugepages;
  auto blocks = tcp::Blocks::create(config.small_blocks_max, config.large_blocks_max, huge);
  auto connections =
      base::Slab<Connection>::create(config.connections_max, huge, config.connections_file);
  auto half_open = base::Slab<tcp::HalfOpen>::create(config.half_open_max, huge);
  auto time_wait =
      stack::TimeWaits::create(config.time_wait_max, tcp::to_ticks(config.msl * 2), huge);
  // Most connections have none of these at most times: not worth large pages that are reserved.
  auto inboxes = base::Slab<tcp::Inbox>::create(config.connections_max, false);
  auto senders = base::Slab<tcp::Sender>::create(config.connections_max, false);
  auto runs = base::Slab<tcp::Run>::create(config.connections_max + config.flight_runs_max, false);
  auto flows = flow::Table::create(config.connections_max + config.half_open_max,
                                   config.time_wait_max, huge);
  auto control = stack::ControlQueue::create(config.control_frames_max);
  auto used_cookies = stack::UsedCookies::create(std::max(config.half_open_max, kUsedCookiesMin));
  auto used_syns = stack::UsedCookies::create(std::max(config.half_open_max, kUsedCookiesMin));
  auto fast_open = tcp::FastOpen::create(config.fast_open_cookies_max);
  if (!blocks || !connections || !half_open || !time_wait || !inboxes || !senders || !runs ||
      !flows || !control || !used_cookies || !used_syns || !fast_open) {
    return Error{fmt::format(
        "not enough memory for {} connections and {} TIME-WAIT records; lower connections_max, "
        "time_wait_max or large_blocks_max",
        config.connections_max, config.time_wait_max)};
  }
  std::unique_ptr<Impl> impl(
      new Impl(config, now, std::move(*blocks), std::move(*connections), std::move(*half_open),
               std::move(*time_wait), std::move(*inboxes), std::move(*senders), std::move(*runs),
               std::move(*flows), std::move(*control), std::move(*used_cookies),
               std::move(*used_syns), std::move(*fast_open)));
  impl->aces_ = base::Region::allocate(size_t{config.connections_max} * sizeof(tcp::Ace), false);
  impl->autotunes_ =
      base::Region::allocate(size_t{config.connections_max} * sizeof(tcp::Autotune), false);
  if (!impl->aces_ || !impl->autotunes_) {
    return Error{"not enough memory; lower connections_max"};
  }
  if (config.fragments == FragmentHandling::kReassemble) {
    impl->fragments_ = net::Fragments::create(
        {config.fragmented_max, config.fragmented_per_source_max,
         tcp::to_ticks(config.reassembly_timeout), tcp::to_ticks(config.reassembly_timeout_v6)});
    if (!impl->fragments_) return Error{"not enough memory; lower fragmented_max"};
    impl->wholes_leaving_.reserve(config.fragmented_max);
    impl->fragment_id_ = static_cast<uint32_t>(base::Random(config.seed + 3).next());
  }
  if (config.sharding.count > 1) {
    impl->rss_ = std::make_unique<flow::Rss>(config.sharding);
    impl->port_share_ = std::make_unique<flow::PortShare>(*impl->rss_, config.sharding.index,
                                                          config.port_first, config.port_last);
  }
  impl->ctx_.connections = impl->connections_.data();
  impl->ctx_.aces = reinterpret_cast<tcp::Ace*>(impl->aces_->data());
  impl->ctx_.autotunes = reinterpret_cast<tcp::Autotune*>(impl->autotunes_->data());
  if (config.statistics) {
    auto statistics = base::Region::allocate(
        size_t{config.connections_max} * sizeof(stack::ConnectionStatistics), huge);
    if (!statistics) {
      return Error{
          fmt::format("not enough memory for the statistics of {} connections; lower "
                      "connections_max, or turn statistics off",
                      config.connections_max)};
    }
    impl->statistics_ = std::move(statistics);
  }
  for (const net::OwnAddress& own : impl->interface_.addresses()) impl->announce(own);
  return impl;
}

void Shard::Impl::set_time(Instant now) {
  if (now > now_) now_ = now;
  ctx_.tick = static_cast<uint32_t>(now_.ns / 1'000'000);
  ctx_.now_us = static_cast<uint32_t>(now_.ns / 1'000);
  if (ctx_.tick - budget_tick_ < 1000) return;
  budget_tick_ = ctx_.tick;
  resets_.refill();
  icmp_.refill();
  ctx_.challenges.refill();
  bad_end_rate_.refill();
  fast_open_.set_period(static_cast<uint64_t>(now_.ns / config_.fast_open_key_period.ns));
  if (ctx_.tick - fast_open_minute_ >= 60'000) on_fast_open_minute();
}

Instant Shard::Impl::instant_of(uint32_t tick) const {
  const int64_t ahead = static_cast<int32_t>(tick - ctx_.tick);
  if (ahead <= 0) return now_;
  return {(now_.ns / 1'000'000 + ahead) * 1'000'000};
}

Instant Shard::Impl::next_deadline() const {
  Instant earliest = Instant::never();
  const auto consider = [&](std::optional<uint32_t> tick) {
    if (tick) earliest = std::min(earliest, instant_of(*tick));
  };
  consider(wheel_.next_work());
  consider(half_open_wheel_.next_work());
  consider(neighbors_.next_deadline());
  if (fragments_) consider(fragments_->next_deadline());
  earliest = std::min(earliest, std::max(interface_.next_deadline(), now_));
  if (gateways_lost_) consider(gateway_retry_tick_);
  if (starved_ || relieving_) consider(relieving_ ? ctx_.tick : relief_tick_);
  if (!time_wait_.empty()) consider(time_wait_.front_deadline());
  if (drain_deadline_) earliest = std::min(earliest, std::max(*drain_deadline_, now_));
  return earliest;
}

bool Shard::Impl::has_output() const {
  // Control frames whose payload was lent out go back with the next transmit().
  return !control_.empty() || sending_control_ != kNil || dirty_.head != kNil ||
         doomed_.head != kNil || (raw_ != nullptr && raw_->has_output()) ||
         (blocked_.head != kNil && (recheck_blocked_ || blocked_epoch_ != neighbors_.epoch()));
}

ShardUse Shard::Impl::use() const {
  ShardUse use;
  use.connections = connections_.used();
  use.half_open = half_open_.used();
  use.time_wait = time_wait_.live();
  use.listeners = static_cast<uint32_t>(
      std::count_if(listeners_.begin(), listeners_.end(), [](const auto& l) { return l.open; }));
  use.neighbors = neighbors_.used();
  use.small_blocks = blocks_.small_used();
  use.large_blocks = blocks_.large_used();
  use.loss_records = inboxes_.used() + senders_.used();
  use.timers = wheel_.armed_count() + half_open_wheel_.armed_count();
  use.control_frames = control_.used();
  use.flow_entries = flows_.size();
  for (const net::OwnAddress& own : interface_.addresses()) {
    use.addresses_tentative += own.state == net::AddressState::kTentative ? 1 : 0;
    if (own.state != net::AddressState::kDuplicate) continue;
    if (use.addresses_duplicate++ == 0) use.address_duplicate = own.prefix.address;
  }
  for (const net::Station& gateway : interface_.lost_gateways()) {
    if (use.gateways_lost++ == 0) use.gateway_lost = gateway.address;
  }
  return use;
}

void Shard::Impl::drain(Instant deadline) {
  for (uint32_t i = 0; i < listeners_.size(); ++i) close_listener({i});
  for (uint32_t i = 0; i < connections_.high_water(); ++i) {
    const Connection& c = connections_[i];
    if (c.state == State::kSynSent) {
      abort({i, c.generation});
    } else if (c.state != State::kClosed) {
      shutdown({i, c.generation});
    }
  }
  drain_deadline_ = deadline;
}

bool Shard::Impl::drained() const {
  return connections_.used() == 0 && half_open_.used() == 0 && control_.used() == 0;
}

// --- The public face --------------------------------------------------------------------------

Shard::Shard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) { impl_->facade_ = this; }
Shard::~Shard() = default;

Result<std::unique_ptr<Shard>> Shard::create(const ShardConfig& config, Instant now) {
  Result<std::unique_ptr<Impl>> impl = Impl::create(config, now);
  if (!impl) return impl.error();
  return std::unique_ptr<Shard>(new Shard(std::move(*impl)));
}

void Shard::receive(Instant now, std::span<const RxFrame> burst) {
  impl_->set_time(now);
  impl_->reap();
  while (!burst.empty()) {
    const size_t n = std::min(burst.size(), kBurstMax);
    impl_->receive(burst.first(n));
    burst = burst.subspan(n);
  }
}

bool Shard::take_whole(RxFrame& frame) { return impl_->take_whole(frame); }

void Shard::end_of_input(Instant now, bool emptied) {
  impl_->shedding_.end_of_input(now, impl_->counters_.get(Counter::kFramesIn), emptied);
}

void Shard::advance(Instant now) {
  impl_->set_time(now);
  impl_->reap();
  impl_->advance();
}

size_t Shard::transmit(Instant now, std::span<TxFrame> out) {
  impl_->set_time(now);
  const size_t filled = impl_->transmit(out);
  if (impl_->raw_ == nullptr) [[likely]]
    return filled;
  return filled + impl_->transmit_raw(out.subspan(filled));
}

Instant Shard::next_deadline() const { return impl_->next_deadline(); }
bool Shard::has_output() const { return impl_->has_output(); }
Instant Shard::now() const { return impl_->now_; }

Result<ListenerId> Shard::listen(const Endpoint& local, App& app, const TcpOptions& options) {
  return impl_->listen(local, app, options);
}
void Shard::close_listener(ListenerId listener) { impl_->close_listener(listener); }
void Shard::set_accepting(ListenerId listener, bool accepting) {
  impl_->set_accepting(listener, accepting);
}

Result<ConnectionId> Shard::connect(const Endpoint& peer, App& app, uint64_t cookie,
                                    const TcpOptions& options, const Endpoint& local) {
  return impl_->connect(peer, app, cookie, options, local);
}

namespace {

// Which states and flags let the application send (RFC 9293 section 3.10.2).
bool may_send(const tcp::Connection& c) {
  const bool open = c.state == State::kSynSent || c.state == State::kSynReceived ||
                    c.state == State::kEstablished || c.state == State::kCloseWait;
  return open && !c.has(tcp::kFinQueued | tcp::kAborting);
}

}  // namespace

size_t Shard::send(ConnectionId connection, std::span<const std::byte> data) {
  tcp::Connection* c = impl_->find(connection);
  if (c == nullptr || data.empty() || !may_send(*c)) return 0;
  if (tcp::append_first(*c, impl_->ctx_, data)) {
    if (c->state != State::kSynSent) impl_->mark_dirty(connection.index);
    return data.size();
  }
  const size_t taken = tcp::append(*c, impl_->ctx_, data);
  if (taken < data.size()) {
    c->set(tcp::kWantsWritable);
    if (tcp::send_space(*c, impl_->ctx_) != 0) impl_->starve();  // there is room, but no block
  }
  if (taken != 0 && c->state != State::kSynSent) impl_->mark_dirty(connection.index);
  return taken;
}

size_t Shard::send_static(ConnectionId connection, std::span<const std::byte> data) {
  tcp::Connection* c = impl_->find(connection);
  if (c == nullptr || data.empty() || !may_send(*c)) return 0;
  const size_t taken = tcp::append_external(*c, impl_->ctx_, data);
  if (taken < data.size()) {
    c->set(tcp::kWantsWritable);
    if (tcp::send_space(*c, impl_->ctx_) != 0) impl_->starve();  // there is room, but no block
  }
  if (taken != 0 && c->state != State::kSynSent) impl_->mark_dirty(connection.index);
  return taken;
}

size_t Shard::send_space(ConnectionId connection) const {
  const tcp::Connection* c = impl_->find(connection);
  return c == nullptr || !may_send(*c) ? 0 : tcp::send_space(*c, impl_->ctx_);
}

void Shard::want_writable(ConnectionId connection) {
  tcp::Connection* c = impl_->find(connection);
  if (c != nullptr && may_send(*c)) c->set(tcp::kWantsWritable);
}

void Shard::resume(ConnectionId connection) { impl_->resume(connection); }

size_t Shard::unread(ConnectionId connection) const {
  const tcp::Connection* c = impl_->find(connection);
  if (c == nullptr || c->inbox == Impl::kNil) return 0;
  return impl_->inboxes_[c->inbox].unread_bytes;
}

void Shard::shutdown(ConnectionId connection) { impl_->shutdown(connection); }
void Shard::close(ConnectionId connection) { impl_->close(connection); }
void Shard::abort(ConnectionId connection) { impl_->abort(connection); }

bool Shard::alive(ConnectionId connection) const { return impl_->find(connection) != nullptr; }

bool Shard::set_cookie(ConnectionId connection, uint64_t cookie) {
  tcp::Connection* c = impl_->find(connection);
  if (c == nullptr) return false;
  c->cookie = cookie;
  return true;
}

uint64_t Shard::cookie(ConnectionId connection) const {
  const tcp::Connection* c = impl_->find(connection);
  return c == nullptr ? 0 : c->cookie;
}

Result<void> Shard::set_options(ConnectionId connection, const TcpOptions& options) {
  tcp::Connection* c = impl_->find(connection);
  if (c == nullptr) return Error{"the connection is closed"};
  Result<uint16_t> profile = impl_->profile_for(options);
  if (!profile) return profile.error();
  tcp::change_receive_limit(*c, impl_->ctx_.options(*c), options);
  c->profile = *profile;
  tcp::note_options(*c, options);
  if (!options.keepalive && !(c->state == State::kFinWait2)) c->clear(tcp::kIdleArmed);
  if (options.keepalive && c->state >= State::kEstablished) {
    c->idle_deadline = impl_->ctx_.tick + tcp::to_ticks(options.keepalive_idle);
    c->set(tcp::kIdleArmed);
  }
  impl_->mark_dirty(connection.index);
  return {};
}

std::optional<TcpOptions> Shard::options(ConnectionId connection) const {
  const tcp::Connection* c = impl_->find(connection);
  if (c == nullptr) return std::nullopt;
  return impl_->profiles_[c->profile];
}

std::optional<TcpInfo> Shard::info(ConnectionId connection) const {
  return impl_->info(connection);
}

bool Shard::owns(const FlowKey& key) const { return impl_->owns(key); }
State Shard::state_of(const FlowKey& key) const { return impl_->state_of(key); }
bool Shard::take_bad_end(BadEnd& end) { return impl_->take_bad_end(end); }
size_t Shard::take_news(std::span<PathNews> out) { return impl_->take_news(out); }
void Shard::learn(const PathNews& news) { impl_->paths_.learn(news.peer, news.mtu, impl_->now_); }

void Shard::set_table(std::span<const uint16_t> table) { impl_->set_table(table); }
bool Shard::may_move() const { return impl_->may_move(); }
void Shard::set_arrivals(App& app) {
  const Result<uint16_t> index = impl_->app_for(app);
  MR_ASSERT(index.ok());
  impl_->arrivals_ = *index;
}
void Shard::begin_leaving(const Entries& entries) { impl_->begin_leaving(entries); }

bool Shard::pack(Instant now, Parcel& parcel, uint32_t budget) {
  impl_->set_time(now);
  impl_->reap();
  return impl_->pack(parcel, budget);
}

bool Shard::unpack(Instant now, Parcel& parcel) {
  impl_->set_time(now);
  impl_->reap();
  return impl_->unpack(parcel);
}

bool Shard::knows(const FlowKey& key) const {
  return impl_->find_flow(key, impl_->flow_hash(key)) != Impl::kNil;
}

const Counters& Shard::counters() const { return impl_->counters_; }
ShardUse Shard::use() const { return impl_->use(); }
const ShardConfig& Shard::config() const { return impl_->config_; }
void Shard::drain(Instant deadline) { impl_->drain(deadline); }
bool Shard::drained() const { return impl_->drained(); }

void App::on_peer_closed(Shard& shard, ConnectionRef connection) { shard.shutdown(connection.id); }

}  // namespace millrace
