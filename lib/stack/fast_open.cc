// SPDX-License-Identifier: BSD-3-Clause
// A SYN that proves by a cookie that its address is no forgery, and brings data: the connection
// begins at once (RFC 7413 section 4.2). Whatever stands against that, the SYN is one like any
// other: its data is not acknowledged and comes again behind the handshake.
#include "base/check.h"
#include "stack/impl.h"
#include "tcp/handshake.h"

namespace millrace {

using stack::flow_value;

namespace {

// A SYN as UsedCookies knows it: an old duplicate of one that began a connection must not begin
// another.
tcp::Cookie syn_of(uint64_t hash, wire::SeqNum irs) {
  return {.mss = 0, .whole = true, .flow_tag = hash, .tag = uint64_t{1} << 32 | irs.raw()};
}

}  // namespace

// True when it has begun a connection. Requires: the SYN has the option.
bool Shard::Impl::open_fast(stack::Listener& listener, const wire::ParsedFrame& p, uint64_t hash) {
  const TcpOptions& options = profiles_[listener.profile];
  const wire::Segment& s = p.segment;
  if (!options.fast_open) return false;
  if (s.fast_open_length == 2) {
    counters_.add(Counter::kTcpExtTCPFastOpenCookieReqd);
    return false;
  }
  if (!fast_open_.is_good(p.key, s.fast_open_cookie())) {
    counters_.add(Counter::kTcpExtTCPFastOpenPassiveFail);
    return false;
  }
  if (s.payload_bytes == 0 || used_syns_.contains(syn_of(hash, s.seq))) return false;
  const uint64_t pending =
      uint64_t{listener.fast_open} + listener.fast_open_resets + listener.fast_open_resets_before;
  if (pending >= options.fast_open_queue) {
    counters_.add(Counter::kTcpExtTCPFastOpenListenOverflow);
    return false;
  }
  const stack::Way* way = way_to(p.key.peer, p.key.local);
  const uint32_t neighbor = way == nullptr ? kNil : way->neighbor;
  const uint32_t index = neighbor == kNil ? kNil : new_connection();
  if (index == kNil) return false;

  Connection& c = connections_[index];
  c.profile = listener.profile;
  c.app = listener.app;
  c.neighbor = neighbor;
  ++neighbors_[neighbor].references;
  const tcp::HalfOpen half = tcp::remember_syn(p.key, s, options, initial_sequence(p.key));
  tcp::open_fast(c, half, s, ctx_, timestamp_offset(hash));
  const bool inserted = flows_.insert(hash, flow_value(FlowKind::kConnection, index));
  MR_ASSERT(inserted);
  note_used_syn(hash, s.seq);
  ++listener.fast_open;
  ++fast_open_pending_;
  counters_.add(Counter::kTcpPassiveOpens);
  counters_.add(Counter::kTcpExtTCPFastOpenPassive);

  begin_path(c);
  shedding_.note_established();
  app_of(c).on_established(*facade_, ref(index));
  tcp::Effects fx;
  tcp::receive_text_of_syn(c, s, ctx_, fx);
  fx.dirty = true;
  apply(index, fx, &p);
  return true;
}

void Shard::Impl::note_used_syn(uint64_t hash, wire::SeqNum irs) {
  used_syns_.insert(syn_of(hash, irs));
}

// The handshake is through, or the connection is over before. Clears kFastOpen.
void Shard::Impl::end_fast_open(uint32_t index, bool reset) {
  Connection& c = connections_[index];
  c.clear(tcp::kFastOpen);
  --fast_open_pending_;
  stack::Listener* listener = listener_for(c.key);
  if (listener == nullptr) return;
  MR_ASSERT(listener->fast_open != 0);
  --listener->fast_open;
  if (reset) ++listener->fast_open_resets;
}

// Listeners have changed: which connections are whose is told anew.
void Shard::Impl::recount_fast_open() {
  if (fast_open_pending_ == 0) return;
  for (stack::Listener& listener : listeners_) listener.fast_open = 0;
  for (uint32_t i = 0; i < connections_.high_water(); ++i) {
    const Connection& c = connections_[i];
    if (!c.opened_fast()) continue;
    stack::Listener* listener = listener_for(c.key);
    if (listener != nullptr) ++listener->fast_open;
  }
}

void Shard::Impl::on_fast_open_minute() {
  fast_open_minute_ = ctx_.tick;
  for (stack::Listener& listener : listeners_) {
    listener.fast_open_resets_before = listener.fast_open_resets;
    listener.fast_open_resets = 0;
  }
}

}  // namespace millrace
