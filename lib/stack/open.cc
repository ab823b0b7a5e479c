// SPDX-License-Identifier: BSD-3-Clause
// Beginnings: listeners, active opens with the choice of a port, and half-open connections from SYN
// to the ACK that completes the handshake (RFC 9293 sections 3.10.1, 3.10.7.2 and, for
// SYN-RECEIVED, 3.10.7.4).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "stack/impl.h"
#include "tcp/ecn.h"
#include "tcp/handshake.h"
#include "tcp/input.h"

namespace millrace {

using stack::flow_index;
using stack::flow_kind;
using stack::flow_value;
using wire::SeqNum;

// Options that were used before are valid; new ones are checked.
Result<uint16_t> Shard::Impl::profile_for(const TcpOptions& options) {
  // Bytes that differ may still be equal options; those of the last call, most often, do not.
  if (last_profile_ < profiles_.size() &&
      std::memcmp(&profiles_[last_profile_], &options, sizeof options) == 0) {
    return last_profile_;
  }
  const auto known = std::find(profiles_.begin(), profiles_.end(), options);
  last_profile_ = static_cast<uint16_t>(known - profiles_.begin());
  if (known != profiles_.end()) return last_profile_;
  if (Result<void> valid = validate(options); !valid) return valid.error();
  if (profiles_.size() == config_.profiles_max) {
    return Error{fmt::format("all {} sets of TCP options are in use; raise profiles_max",
                             config_.profiles_max)};
  }
  profiles_.push_back(options);
  return last_profile_;
}

Result<uint16_t> Shard::Impl::app_for(App& app) {
  if (last_app_ < apps_.size() && apps_[last_app_] == &app) return last_app_;
  const auto known = std::find(apps_.begin(), apps_.end(), &app);
  last_app_ = static_cast<uint16_t>(known - apps_.begin());
  if (known != apps_.end()) return last_app_;
  if (apps_.size() == UINT16_MAX) return Error{"65535 applications are in use on this shard"};
  apps_.push_back(&app);
  return last_app_;
}

// --- Listeners --------------------------------------------------------------------------------

Result<ListenerId> Shard::Impl::listen(const Endpoint& local, App& app, const TcpOptions& options) {
  syn_answers_.listener = stack::SynAnswers::kNone;
  if (local.port == 0) return Error{"port 0 cannot be listened on; name one from 1 to 65535"};
  if (!local.address.is_unspecified() && !interface_.is_ours(local.address)) {
    return Error{fmt::format("{} is not one of our addresses, so nobody can connect to {}",
                             local.address.to_string(), local.to_string())};
  }
  for (const stack::Listener& other : listeners_) {
    if (!other.open || other.local.port != local.port) continue;
    const bool either_any = other.local.address.is_unspecified() && local.address.is_unspecified();
    if (either_any || other.local.address == local.address) {
      return Error{fmt::format("port {} is already being listened on", local.port)};
    }
  }
  auto slot = std::find_if(listeners_.begin(), listeners_.end(),
                           [](const stack::Listener& l) { return !l.open; });
  if (slot == listeners_.end() && listeners_.size() == config_.listeners_max) {
    return Error{
        fmt::format("all {} listeners are in use; raise listeners_max", config_.listeners_max)};
  }
  const Result<uint16_t> profile = profile_for(options);
  if (!profile) return profile.error();
  const Result<uint16_t> app_index = app_for(app);
  if (!app_index) return app_index.error();
  if (slot == listeners_.end()) slot = listeners_.emplace(listeners_.end());
  *slot = {.local = local, .open = true, .app = *app_index, .profile = *profile};
  const auto index = static_cast<uint32_t>(slot - listeners_.begin());
  slot->next_of_port =
      std::exchange(listener_by_port_[local.port], static_cast<uint16_t>(index + 1));
  recount_half_open();
  recount_fast_open();
  return ListenerId{index};
}

void Shard::Impl::close_listener(ListenerId listener) {
  if (listener.index >= listeners_.size() || !listeners_[listener.index].open) return;
  stack::Listener& closed = listeners_[listener.index];
  const uint16_t port = closed.local.port;
  for (uint32_t i = 0; i < half_open_.high_water(); ++i) {
    if (half_open_wheel_.armed(i) && listener_for(half_open_[i].key) == &closed) {
      forget_half_open(i);
    }
  }
  closed.open = false;
  syn_answers_.listener = stack::SynAnswers::kNone;
  uint16_t* link = &listener_by_port_[port];
  while (*link != listener.index + 1) link = &listeners_[*link - 1u].next_of_port;
  *link = closed.next_of_port;
  recount_fast_open();
}

void Shard::Impl::set_accepting(ListenerId listener, bool accepting) {
  if (listener.index >= listeners_.size() || !listeners_[listener.index].open) return;
  listeners_[listener.index].accepting = accepting;
}

// The listener of this very address, or else the one of all addresses.
stack::Listener* Shard::Impl::listener_for(const FlowKey& key) {
  stack::Listener* any = nullptr;
  for (uint16_t i = listener_by_port_[key.local_port]; i != 0;) {
    stack::Listener& l = listeners_[i - 1u];
    if (l.local.address == key.local) return &l;
    if (l.local.address.is_unspecified()) any = &l;
    i = l.next_of_port;
  }
  return any;
}

// --- Active open ------------------------------------------------------------------------------

// A fresh connection, its generation one further; kNil when all are in use.
uint32_t Shard::Impl::new_connection() {
  const uint32_t index = connections_.allocate();
  if (index == kNil) return kNil;
  Connection& c = connections_[index];
  const uint32_t generation = c.generation + 1;
  c = Connection{};
  c.generation = generation;
  if (statistics_) statistics(index) = {};
  return index;
}

// RFC 6191 and RFC 7323: with timestamps on both sides, a tuple in TIME-WAIT may begin again as
// soon as our clock has moved on, since the peer tells old segments from new ones by it.
bool Shard::Impl::reusable(uint32_t value, bool timestamps) const {
  if (!config_.time_wait_reuse || !timestamps || flow_kind(value) != FlowKind::kTimeWait) {
    return false;
  }
  const uint32_t index = flow_index(value);
  return time_wait_.timestamps(index) && !time_wait_.began_in(index, ctx_.tick);
}

// RFC 6056 section 3.3.3: a place in the range that depends on the peer and a secret, and from
// there the next port that is free; of several shards each has a range of its own. Sets
// key.local_port, which is 0.
Result<void> Shard::Impl::choose_port(FlowKey& key, bool timestamps) {
  const uint32_t range = uint32_t{config_.port_last} - config_.port_first + 1;
  const auto walk = port_share_ ? port_share_->walk(key) : flow::PortShare::Walk{};
  const uint32_t places = port_share_ ? walk.length() : range;
  const auto offset = static_cast<uint32_t>(flow_hash(key));
  uint32_t share = 0;
  uint32_t in_time_wait = 0;
  for (uint32_t i = 0; i < places; ++i) {
    const uint32_t place = (offset + next_port_++) % places;
    key.local_port = port_share_ ? port_share_->port(walk, place)
                                 : static_cast<uint16_t>(config_.port_first + place);
    if (key.local_port == 0) continue;
    const uint32_t value = find_flow(key, flow_hash(key));
    if (value == kNil || reusable(value, timestamps)) return {};
    ++share;
    in_time_wait += flow_kind(value) == FlowKind::kTimeWait;
  }
  key.local_port = 0;
  const std::string of_shards = port_share_
                                    ? fmt::format(" {} are those of shard {} of {}, and", share,
                                                  shard_index(), config_.sharding.count)
                                    : "";
  return Error{fmt::format(
      "no port left from {} to {}: of {} ports {}..{}{} all are in use, {} by connections and "
      "{} in TIME-WAIT; add source addresses, widen the range, shorten msl, or connect less often",
      key.local.to_string(), Endpoint{key.peer, key.peer_port}.to_string(), range,
      config_.port_first, config_.port_last, of_shards, share - in_time_wait, in_time_wait)};
}

// Whether one can connect to `address`, as far as it shows.
bool Shard::Impl::is_host(const IpAddress& address) const {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() &&
         !interface_.is_broadcast(address) && !interface_.is_local(address);
}

// Why nobody can connect to `peer`.
Error Shard::Impl::no_way(const Endpoint& peer) const {
  if (interface_.is_local(peer.address)) {
    return Error{fmt::format("{} is our own address; millrace has no loopback inside a shard",
                             peer.address.to_string())};
  }
  if (!is_host(peer.address) || peer.port == 0) {
    return Error{fmt::format("{} cannot be connected to; give a host's address and a port",
                             peer.to_string())};
  }
  return no_route(peer.address);
}

Error Shard::Impl::no_route(const IpAddress& address) const {
  return Error{fmt::format("no route to {}; add a gateway or a route", address.to_string())};
}

Error Shard::Impl::no_neighbor() const {
  return Error{
      fmt::format("all {} neighbours are in use; raise neighbors_max", config_.neighbors_max)};
}

Result<ConnectionId> Shard::Impl::connect(const Endpoint& peer, App& app, uint64_t cookie,
                                          const TcpOptions& options, const Endpoint& local) {
  if (drain_deadline_) return Error{"the shard is stopping: no new connections"};
  const Vlan on = vlan_asked(local.address);
  const stack::Way* way = known_way(peer.address, on);
  // Who is no host is not asked for a link-layer address.
  if (way == nullptr && is_host(peer.address)) way = find_way(peer.address, on);
  if (way == nullptr || !way->host || peer.port == 0) return no_way(peer);
  const bool any_local = local.address.is_unspecified();
  if (!any_local && !interface_.is_ours(local.address)) {
    return Error{fmt::format("{} is not one of our addresses", local.address.to_string())};
  }
  const Result<uint16_t> profile = profile_for(options);
  if (!profile) return profile.error();
  const Result<uint16_t> app_index = app_for(app);
  if (!app_index) return app_index.error();

  FlowKey key{any_local ? way->source : local.address, peer.address, local.port, peer.port};
  if (key.local.is_v4() != key.peer.is_v4() || key.local.is_unspecified()) {
    return Error{fmt::format("{} cannot be reached: we have no address of its family",
                             peer.address.to_string())};
  }
  if (key.local_port == 0) {
    if (Result<void> chosen = choose_port(key, options.timestamps); !chosen) return chosen.error();
  } else if (!owns(key)) {
    return Error{fmt::format(
        "what answers from {} to port {} reaches shard {}, and this is {}; let the shard choose",
        peer.to_string(), key.local_port, rss_->owner_of(key), shard_index())};
  }
  const uint64_t hash = flow_hash(key);
  const uint32_t value = find_flow(key, hash);
  if (value != kNil && !reusable(value, options.timestamps)) {
    return Error{fmt::format("the tuple {} is in use", key.to_string())};
  }

  const uint32_t neighbor = way->neighbor;
  if (neighbor == kNil) return no_neighbor();
  const uint32_t index = new_connection();
  if (index == kNil) {
    return Error{fmt::format("all {} connections are in use; raise connections_max",
                             config_.connections_max)};
  }
  SeqNum iss = initial_sequence(key);
  if (value != kNil) {
    const SeqNum used = time_wait_[flow_index(value)].snd_nxt;
    if (iss <= used) iss = used + kIssStep;
    erase_time_wait(flow_index(value), hash);
    counters_.add(Counter::kTcpExtTCPTimeWaitRecycled);
  }
  Connection& c = connections_[index];
  c.key = key;
  c.profile = *profile;
  c.app = *app_index;
  c.cookie = cookie;
  c.neighbor = neighbor;
  ++neighbors_[neighbor].references;
  tcp::open_active(c, ctx_, iss, timestamp_offset(hash));
  const bool inserted = flows_.insert(hash, flow_value(FlowKind::kConnection, index));
  MR_ASSERT(inserted);  // the table has room for all that the slabs can hold
  counters_.add(Counter::kTcpActiveOpens);
  mark_dirty(index);
  return ConnectionId{index, c.generation};
}

// --- Half-open --------------------------------------------------------------------------------

bool Shard::Impl::no_room_for_syn(const stack::Listener& listener) const {
  const uint32_t backlog = profiles_[listener.profile].backlog;
  return half_open_.used() == half_open_.capacity() ||
         (backlog != 0 && listener.half_open >= backlog);
}

void Shard::Impl::on_listener_syn(stack::Listener& listener, const wire::ParsedFrame& p,
                                  uint64_t hash) {
  if (!shedding_.admit()) [[unlikely]]
    return drop(Counter::kDropTcpOverload);
  const bool full = no_room_for_syn(listener);
  if (!listener.accepting) {
    counters_.add(Counter::kTcpExtListenOverflows);
  } else if (wants_cookie(full)) {
    answer_with_cookie(profiles_[listener.profile], p, hash);
  } else if (full) {
    counters_.add(Counter::kTcpExtListenOverflows);
  } else if (p.segment.fast_open_length == 0 || !open_fast(listener, p, hash)) {
    remember_half_open(listener, p, hash, std::nullopt);
  }
}

// Requires: there is room for it.
void Shard::Impl::remember_half_open(stack::Listener& listener, const wire::ParsedFrame& p,
                                     uint64_t hash, std::optional<SeqNum> iss_after) {
  const uint32_t index = half_open_.allocate();
  MR_ASSERT(index != kNil);
  const TcpOptions& options = profiles_[listener.profile];
  SeqNum iss = initial_sequence(p.key);
  if (iss_after && iss <= *iss_after) iss = *iss_after + kIssStep;
  half_open_[index] = tcp::remember_syn(p.key, p.segment, options, iss);
  ++listener.half_open;
  const bool inserted = flows_.insert(hash, flow_value(FlowKind::kHalfOpen, index));
  MR_ASSERT(inserted);
  half_open_wheel_.arm(index, ctx_.tick + tcp::to_ticks(options.rto_initial));
  counters_.add(Counter::kTcpPassiveOpens);
  send_syn_ack(half_open_[index], options, hash);
}

void Shard::Impl::send_syn_ack(const tcp::HalfOpen& half, const TcpOptions& options,
                               uint64_t hash) {
  send_control(half.key, tcp::syn_ack(half, options, ctx_, timestamp_offset(hash)));
}

void Shard::Impl::forget_half_open(uint32_t index) {
  const bool erased =
      flows_.erase(flow_hash(half_open_[index].key), flow_value(FlowKind::kHalfOpen, index));
  MR_ASSERT(erased);
  stack::Listener* listener = listener_for(half_open_[index].key);
  MR_ASSERT(listener != nullptr);
  free_half_open(index, *listener);
  counters_.add(Counter::kTcpAttemptFails);
}

// Requires: the flow table does not name it any more.
void Shard::Impl::free_half_open(uint32_t index, stack::Listener& listener) {
  MR_ASSERT(listener.half_open != 0);
  --listener.half_open;
  if (half_open_wheel_.armed(index)) half_open_wheel_.disarm(index);
  half_open_.free(index);
}

// A new listener of one address takes over what was half-open at the listener of all.
void Shard::Impl::recount_half_open() {
  if (half_open_.used() == 0) return;
  for (stack::Listener& listener : listeners_) listener.half_open = 0;
  for (uint32_t i = 0; i < half_open_.high_water(); ++i) {
    if (half_open_wheel_.armed(i)) ++listener_for(half_open_[i].key)->half_open;
  }
}

// Says where a half-open connection stands, within the rate of RFC 5961 section 7.
void Shard::Impl::challenge_half_open(const tcp::HalfOpen& half) {
  const uint32_t ts_offset = timestamp_offset(flow_hash(half.key));
  if (!ctx_.challenges.take(ts_offset)) return;
  counters_.add(Counter::kTcpExtTCPChallengeACK);
  const TcpOptions& options = profiles_[listener_for(half.key)->profile];
  wire::SegmentHeader h = tcp::syn_ack(half, options, ctx_, ts_offset);
  h.seq = half.iss + 1;
  h.flags = wire::kAck | tcp::ecn_half_open_flags(half);
  h.mss = 0;
  h.sack_permitted = false;
  // Only the window of a SYN is unscaled (RFC 7323 section 2.2); what it promised is kept.
  if (h.window_shift != wire::kNoWindowShift) {
    h.window = static_cast<uint16_t>((h.window + (1u << h.window_shift) - 1) >> h.window_shift);
  }
  h.window_shift = wire::kNoWindowShift;
  send_control(half.key, h);
}

// SYN-RECEIVED of a passive open: RFC 9293 section 3.10.7.4, with RFC 5961's answers to RST and
// SYN.
void Shard::Impl::on_half_open(uint32_t index, const wire::ParsedFrame& p, uint64_t hash) {
  tcp::HalfOpen& half = half_open_[index];
  const wire::Segment& s = p.segment;
  stack::Listener* listener = listener_for(half.key);
  MR_ASSERT(listener != nullptr);  // close_listener() takes its half-open connections along
  const TcpOptions& options = profiles_[listener->profile];
  const SeqNum rcv_nxt = half.irs + 1;
  const uint32_t window = std::min(options.receive_buffer_bytes, 0xffffu);

  if (s.has(wire::kSyn) && !s.has(wire::kAck) && s.seq == half.irs) {
    counters_.add(Counter::kTcpExtTCPSynRetrans);
    if (!tcp::ecn_on_repeated_syn(half, s, options)) {
      send_reset(p);
      forget_half_open(index);
      return;
    }
    send_syn_ack(half, options, hash);
    return;
  }
  // Step 1.
  if (half.timestamps() && !s.has(wire::kRst)) {
    const bool old = static_cast<int32_t>(s.ts_value - half.ts_recent) < 0;
    if (!s.has_timestamps || old) {
      drop(Counter::kDropTcpPaws);
      if (s.has_timestamps) challenge_half_open(half);
      return;
    }
  }
  if (s.seq < rcv_nxt || s.seq > rcv_nxt + window) {
    drop(Counter::kDropTcpUnacceptable);
    if (!s.has(wire::kRst)) challenge_half_open(half);
    return;
  }
  // Steps 2 and 4.
  if (s.has(wire::kRst)) {
    if (s.seq == rcv_nxt) {
      forget_half_open(index);
    } else {
      challenge_half_open(half);
    }
    return;
  }
  if (s.has(wire::kSyn)) {
    counters_.add(Counter::kTcpExtTCPSYNChallenge);
    challenge_half_open(half);
    return;
  }
  // Step 5.
  if (!s.has(wire::kAck)) {
    drop(Counter::kDropTcpNoAck);
    return;
  }
  if (s.ack != half.iss + 1) {
    // It may answer a cookie that an earlier SYN got, before there was room for an entry.
    if (accept_cookie(*listener, p, hash, index)) return;
    drop(Counter::kDropTcpBadAck);
    send_reset(p);
    return;
  }
  promote(half, index, *listener, p, hash);
}

// The handshake is complete: what was half-open becomes a connection, which takes the segment as
// its first. `half_index` is its entry, or kNil when it has none. False when there is no room.
bool Shard::Impl::promote(const tcp::HalfOpen& half, uint32_t half_index, stack::Listener& listener,
                          const wire::ParsedFrame& p, uint64_t hash) {
  const stack::Way* way = listener.accepting ? way_to(p.key.peer, p.key.local) : nullptr;
  const uint32_t neighbor = way == nullptr ? kNil : way->neighbor;
  const uint32_t index = neighbor == kNil ? kNil : new_connection();
  if (index == kNil) {
    counters_.add(Counter::kTcpExtListenOverflows);  // the peer will send it again
    return false;
  }
  Connection& c = connections_[index];
  c.profile = listener.profile;
  c.app = listener.app;
  c.neighbor = neighbor;
  ++neighbors_[neighbor].references;
  tcp::open_passive(c, half, p.segment, ctx_, timestamp_offset(hash));
  const uint32_t value = flow_value(FlowKind::kConnection, index);
  const bool known = half_index == kNil
                         ? flows_.insert(hash, value)
                         : flows_.replace(hash, flow_value(FlowKind::kHalfOpen, half_index), value);
  MR_ASSERT(known);
  // The SYN may have had a Fast Open cookie, for which there was no room then.
  if (ctx_.options(c).fast_open) note_used_syn(hash, half.irs);
  if (half_index != kNil) free_half_open(half_index, listener);

  begin_path(c);
  shedding_.note_established();
  app_of(c).on_established(*facade_, ref(index));
  tcp::Effects fx;
  tcp::on_segment(c, p.segment, ctx_, fx);
  fx.dirty = true;  // arms the timers that an open connection may have
  apply(index, fx, &p);
  return true;
}

}  // namespace millrace
