// SPDX-License-Identifier: BSD-3-Clause
// Frames in: parse the burst, look up the burst, then one segment after the other. Memory that the
// next stage needs is fetched while this one works. Every frame that is not used is counted under
// one named reason.
#include <algorithm>
#include <cstring>

#include "stack/impl.h"
#include "tcp/autotune.h"
#include "tcp/close.h"
#include "tcp/input.h"
#include "tcp/predicted.h"
#include "wire/plain.h"

namespace millrace {

using stack::flow_index;
using stack::flow_kind;
using wire::FrameKind;

namespace {

// Requires: `ecn` is not kNotEct.
constexpr Counter counter_of(uint8_t ecn) {
  return static_cast<Counter>(static_cast<uint8_t>(Counter::kIpExtInECT1Pkts) + ecn - wire::kEct1);
}
static_assert(counter_of(wire::kEct0) == Counter::kIpExtInECT0Pkts &&
              counter_of(wire::kCe) == Counter::kIpExtInCEPkts);

}  // namespace

uint64_t Shard::Impl::flow_hash_v6(const FlowKey& key) const {
  const IpAddress::Words local = key.local.words();
  const IpAddress::Words peer = key.peer.words();
  const uint64_t prefixes = base::fold_multiply(local[0] ^ hash_key_[2], peer[0] ^ hash_key_[3]);
  const uint64_t hosts =
      base::fold_multiply(local[1] ^ hash_key_[0] ^ prefixes, peer[1] ^ hash_key_[1]);
  return flow_hash(hosts, wire::swap_bytes(key.local_port | uint32_t{key.peer_port} << 16));
}

bool Shard::Impl::is_key_of(uint32_t value, const FlowKey& key) const {
  switch (flow_kind(value)) {
    case FlowKind::kConnection:
      return connections_[flow_index(value)].key == key;
    case FlowKind::kHalfOpen:
      return half_open_[flow_index(value)].key == key;
    case FlowKind::kTimeWait:
      return time_wait_.key(flow_index(value)) == key;
  }
  return false;
}

bool Shard::Impl::for_us_by_mac(const wire::ParsedFrame& p) {
  if (std::memcmp(p.l2, config_.interface.mac.bytes.data(), 6) == 0) return true;
  if (p.kind == FrameKind::kIcmpV6 && interface_.has_joined(p.l2)) return true;
  drop(Counter::kDropNotForUsL2);
  return false;
}

// Whether we have a network on the VLAN of `p`, and the address it is for, if it is ours, is there.
// Of what is for no single address, ARP among it, this is for later to say.
bool Shard::Impl::is_on_its_vlan(wire::ParsedFrame& p) {
  const std::optional<Vlan> vlan = interface_.find_vlan(p.vlan);
  if (!vlan) {
    drop(Counter::kDropVlanUnknown);
    return false;
  }
  p.vlan = *vlan;
  if (p.kind == FrameKind::kArp || !interface_.is_ours(p.key.local)) return true;
  if (interface_.vlan_of(p.key.local) == p.vlan) return true;
  drop(Counter::kDropVlanMismatch);
  return false;
}

// Asked only of packets of no known flow: the others have answered it when they began.
bool Shard::Impl::for_us_by_ip(const wire::ParsedFrame& p) {
  if (!interface_.is_local(p.key.local)) {
    drop(Counter::kDropIpNotForUs);
    return false;
  }
  if (interface_.is_broadcast(p.key.peer)) {
    drop(Counter::kDropIpSourceInvalid);
    return false;
  }
  return true;
}

// Parses a frame, and counts it if it is dropped. What is TCP has its hash set.
void Shard::Impl::parse(const RxFrame& frame, size_t i) {
  wire::ParsedFrame& p = parsed_[i];
  if (wire::parse_frame(frame, p) == FrameKind::kDropped) {
    drop(p.drop);
    if (p.drop >= Counter::kDropTcpTruncated) counters_.add(Counter::kTcpInErrs);
    return;
  }
  if (interface_.tagged() || p.vlan.tagged()) [[unlikely]] {
    if (!is_on_its_vlan(p)) {
      p.kind = FrameKind::kDropped;
      return;
    }
  }
  if (p.kind != FrameKind::kArp && !for_us_by_mac(p)) {
    p.kind = FrameKind::kDropped;
    return;
  }
  if (p.kind == FrameKind::kTcp) hashes_[i] = flow_hash(p.key);
}

void Shard::Impl::receive(std::span<const RxFrame> burst) {
  uint64_t bytes = 0;
  const bool predict = predicts_;
  const bool plain_syns = predict && wants_cookie(false);
  for (size_t i = 0; i < burst.size(); ++i) {
    const RxFrame& frame = burst[i];
    bytes += frame.length;
    const auto strange = [&] { return frame.vlan.tagged() && !interface_.tagged(); };
    if (predict && wire::is_plain(frame, plain_shape_) && !strange()) [[likely]] {
      parsed_[i].kind = FrameKind::kPlain;
      hashes_[i] = flow_hash(wire::plain_addresses(frame), wire::plain_ports(frame));
    } else if (plain_syns && wire::is_plain_syn(frame, plain_shape_) && !strange()) {
      parsed_[i].kind = FrameKind::kPlainSyn;
      hashes_[i] = flow_hash(wire::plain_addresses(frame), wire::plain_ports(frame));
    } else {
      parse(frame, i);
      if (parsed_[i].kind != FrameKind::kTcp) continue;
    }
    homes_[i] = flows_.prefetch(hashes_[i]);
  }
  counters_.add(Counter::kFramesIn, burst.size());
  counters_.add(Counter::kBytesIn, bytes);

  for (size_t i = 0; i < burst.size(); ++i) {
    const FrameKind kind = parsed_[i].kind;
    if (kind != FrameKind::kTcp && kind != FrameKind::kPlain) continue;
    const uint32_t candidate = flows_.first_candidate(homes_[i], hashes_[i]);
    candidates_[i] = candidate;
    if (candidate > stack::kFlowIndexMask) continue;  // none, or no connection
    const auto* lines = reinterpret_cast<const std::byte*>(&connections_[candidate]);
    __builtin_prefetch(lines, 1);
    __builtin_prefetch(lines + 64, 1);
    __builtin_prefetch(lines + 128, 1);
  }

  uint64_t predicted = 0;
  for (size_t i = 0; i < burst.size(); ++i) {
    switch (parsed_[i].kind) {
      case FrameKind::kPlain:
        if (!on_plain(burst[i], i)) break;
        ++predicted;
        if (i + 1 < burst.size() && candidates_[i + 1] == candidates_[i]) {
          const size_t more = take_train(burst, i);
          predicted += more;
          i += more;
        }
        break;
      case FrameKind::kPlainSyn:
        if (answer_plain_syn(burst[i], i)) break;
        parse(burst[i], i);
        on_parsed(i);
        break;
      case FrameKind::kTcp:
        on_tcp(parsed_[i], hashes_[i]);
        break;
      case FrameKind::kDropped:
        break;
      case FrameKind::kArp:
      case FrameKind::kIcmp:
      case FrameKind::kIcmpV6:
      case FrameKind::kOtherIp:
      case FrameKind::kFragment:
        on_parsed(i);
        break;
    }
  }
  if (predicted == 0) return;
  counters_.add(Counter::kTcpInSegs, predicted);
  counters_.add(Counter::kTcpExtTCPHPHits, predicted);
}

// Frame `i` of the burst. Requires: it is not plain.
void Shard::Impl::on_parsed(size_t i) {
  const wire::ParsedFrame& p = parsed_[i];
  switch (p.kind) {
    case FrameKind::kPlain:
    case FrameKind::kPlainSyn:
    case FrameKind::kDropped:
      break;
    case FrameKind::kTcp:
      on_tcp(p, hashes_[i]);
      break;
    case FrameKind::kArp:
      on_arp(p);
      break;
    case FrameKind::kIcmp:
      if (for_us_by_ip(p)) on_icmp(p);
      break;
    case FrameKind::kIcmpV6:
      on_icmp_v6(p);
      break;
    case FrameKind::kOtherIp:
      if (for_us_by_ip(p)) on_other_ip(p);
      break;
    case FrameKind::kFragment:
      on_fragment(i);
      break;
  }
}

// Text of a predicted segment. False when no more can be done for it, or for the connection.
[[gnu::always_inline]] inline bool Shard::Impl::take_text(uint32_t index, const wire::Plain& s) {
  Connection& c = connections_[index];
  note_rcv_mss(c, s.payload_bytes);
  const std::span text(s.payload, s.payload_bytes);
  const size_t taken = offer(index, text);
  bool all = true;
  if (taken == text.size()) [[likely]] {
    tcp::received(c, ctx_, s.payload_bytes);
  } else {
    all = deliver_rest(index, text, taken);
  }
  if (!all || c.has(tcp::kAborting)) [[unlikely]] {
    if (c.state != State::kClosed) mark_dirty(index);
    return false;
  }
  tcp::note_received(c, ctx_, s.seq, s.ts_echo);
  return true;
}

// The short way of a segment in order: to its connection, without being parsed. Returns whether it
// was as predicted. The candidate was found before the burst's other segments were looked at: but a
// connection that has the key and is open has been in the table all the time.
bool Shard::Impl::on_plain(const RxFrame& frame, size_t i) {
  const wire::Plain s = wire::read_plain(frame);
  const uint32_t index = candidates_[i];
  if (index > stack::kFlowIndexMask) return on_unpredicted(frame, i);
  Connection& c = connections_[index];
  if (!tcp::predicted(c, s) || !wire::is_flow_of(c.key, s)) return on_unpredicted(frame, i);

  if (interface_.tagged() && neighbors_[c.neighbor].vlan() != frame.vlan) [[unlikely]]
    return on_unpredicted(frame, i);

  const tcp::Taken taken = tcp::take_predicted(c, s, ctx_);
  if (taken.fin_acked && end_by_acknowledgement(index)) return true;
  if (s.payload_bytes != 0 && !take_text(index, s)) return true;
  if (s.has(wire::kFin)) on_peer_fin(index);
  constexpr uint32_t kAckDue = tcp::kAckNow | tcp::kAckDelayed;
  if (!taken.dirty && !c.has(kAckDue | tcp::kWantsWritable)) return true;
  if (taken.acked && c.has(tcp::kWantsWritable)) [[unlikely]]
    offer_room(index);  // it wanted more than there was from within an event
  if (c.state == State::kClosed) return true;
  if (taken.dirty || c.has(kAckDue)) mark_dirty(index);
  return true;
}

// Frames of the burst that carry on where `first` ends, whose checks hold for them, too. Returns
// how many. Requires: on_plain() took `first`; the next is of the same candidate.
size_t Shard::Impl::take_train(std::span<const RxFrame> burst, size_t first) {
  const uint32_t index = candidates_[first];
  Connection& c = connections_[index];
  size_t next = first + 1;
  for (; next < burst.size(); ++next) {
    if (parsed_[next].kind != FrameKind::kPlain || candidates_[next] != index) break;
    const RxFrame& frame = burst[next];
    if (!wire::says_the_same(frame, burst[first]) || frame.vlan != burst[first].vlan) break;
    const wire::Plain s = wire::read_plain(frame);
    if (!tcp::predicted_next(c, s)) break;
    c.snd_wl1 = s.seq;
    if (take_text(index, s)) mark_dirty(index);
  }
  return next - first - 1;
}

// Our FIN was acknowledged by a plain segment. True when that ends the connection.
bool Shard::Impl::end_by_acknowledgement(uint32_t index) {
  tcp::Effects fx;
  tcp::on_fin_acknowledged(connections_[index], ctx_, fx);
  if (!fx.closed && !fx.time_wait) return false;
  apply(index, fx, nullptr);
  return true;
}

// False, for on_plain().
bool Shard::Impl::on_unpredicted(const RxFrame& frame, size_t i) {
  wire::ParsedFrame& p = parsed_[i];
  if (interface_.tagged()) [[unlikely]] {
    parse(frame, i);
    on_parsed(i);
    return false;
  }
  wire::parse_plain(frame, wire::read_plain(frame), p);
  const uint32_t candidate = candidates_[i];
  const bool known = candidate <= stack::kFlowIndexMask &&
                     connections_[candidate].state != State::kClosed &&
                     connections_[candidate].key == p.key;
  const uint32_t value = known ? candidate : find_flow(p.key, hashes_[i]);
  if (value != kNil) {
    on_flow(value, p, hashes_[i]);
    return false;
  }
  parse(frame, i);
  on_parsed(i);
  return false;
}

uint32_t Shard::Impl::find_flow(const FlowKey& key, uint64_t hash) const {
  return flows_.find(hash, [&](uint32_t v) { return is_key_of(v, key); });
}

void Shard::Impl::on_tcp(const wire::ParsedFrame& p, uint64_t hash) {
  const uint32_t value = find_flow(p.key, hash);
  if (value != kNil) {
    on_flow(value, p, hash);
    return;
  }
  if (!for_us_by_ip(p)) return;
  count_in(p);
  on_no_flow(p, hash);
}

void Shard::Impl::count_in(const wire::ParsedFrame& p) {
  counters_.add(Counter::kTcpInSegs);
  if (p.segment.ecn != wire::kNotEct) [[unlikely]]
    counters_.add(counter_of(p.segment.ecn));
}

void Shard::Impl::on_flow(uint32_t value, const wire::ParsedFrame& p, uint64_t hash) {
  count_in(p);
  const uint32_t index = flow_index(value);
  switch (flow_kind(value)) {
    case FlowKind::kConnection: {
      Connection& c = connections_[index];
      if (c.has(tcp::kAborting)) return;  // its RST waits to be sent; nothing matters any more
      tcp::Effects fx;
      if (statistics_) [[unlikely]] {
        on_counted_segment(index, p.segment, fx);
      } else {
        tcp::on_segment(c, p.segment, ctx_, fx);
      }
      apply(index, fx, &p);
      return;
    }
    case FlowKind::kHalfOpen:
      on_half_open(index, p, hash);
      return;
    case FlowKind::kTimeWait:
      on_time_wait(index, p, hash);
      return;
  }
}

void Shard::Impl::on_counted_segment(uint32_t index, const wire::Segment& s, tcp::Effects& fx) {
  Connection& c = connections_[index];
  const wire::SeqNum una = c.snd_una;
  const bool opening =
      c.state == State::kSynSent || (c.state == State::kSynReceived && !c.opened_fast());
  const uint64_t marks = counters_.get(Counter::kTcpExtTCPDeliveredCE);
  tcp::on_segment(c, s, ctx_, fx);
  stack::ConnectionStatistics& sums = statistics(index);
  ++sums.segs_in;
  sums.ce_received += s.ecn == wire::kCe;
  sums.ce_delivered += static_cast<uint32_t>(counters_.get(Counter::kTcpExtTCPDeliveredCE) - marks);
  if (c.snd_una != una) {
    sums.on_acked(c, ctx_.now_us, stack::text_acked(c, una, opening));
  }
}

// RFC 9293 sections 3.10.7.1 (CLOSED) and 3.10.7.2 (LISTEN).
void Shard::Impl::on_no_flow(const wire::ParsedFrame& p, uint64_t hash) {
  const wire::Segment& s = p.segment;
  if (s.has(wire::kRst)) {
    if (offer_raw(p)) return;
    drop(Counter::kDropTcpNoListener);
    return;
  }
  stack::Listener* listener = listener_for(p.key);
  if (listener == nullptr || s.has(wire::kAck)) {
    if (listener != nullptr && accept_cookie(*listener, p, hash, kNil)) return;
    if (offer_raw(p)) return;
    drop(Counter::kDropTcpNoListener);
    send_reset(p);
    return;
  }
  if (!s.has(wire::kSyn)) {
    drop(Counter::kDropTcpFlags);
    return;
  }
  on_listener_syn(*listener, p, hash);
}

}  // namespace millrace
