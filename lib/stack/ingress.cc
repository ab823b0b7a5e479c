// SPDX-License-Identifier: BSD-3-Clause
// Frames in: parse the burst, look up the burst, then one segment after the other. Memory that the
// next stage needs is fetched while this one works. Every frame that is not used is counted under
// one named reason.
#include <cstring>

#include "base/hash.h"
#include "stack/impl.h"
#include "tcp/input.h"

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

uint64_t Shard::Impl::flow_hash(const FlowKey& key) const {
  const uint64_t ports = (uint64_t{key.local_port} << 16) | key.peer_port;
  uint64_t hash =
      base::fold_multiply(key.local.words()[1] ^ hash_key_[0], key.peer.words()[1] ^ hash_key_[1]);
  if (!key.peer.is_v4()) {
    hash ^= base::fold_multiply(key.local.words()[0] ^ hash_key_[3] ^ hash,
                                key.peer.words()[0] ^ hash_key_[1]);
  }
  return base::fold_multiply(hash ^ ports ^ hash_key_[2], hash_key_[3]);
}

bool Shard::Impl::is_key_of(uint32_t value, const FlowKey& key) const {
  switch (flow_kind(value)) {
    case FlowKind::kConnection:
      return connections_[flow_index(value)].key == key;
    case FlowKind::kHalfOpen:
      return half_open_[flow_index(value)].key == key;
    case FlowKind::kTimeWait:
      return time_wait_[flow_index(value)].key() == key;
  }
  return false;
}

bool Shard::Impl::for_us_by_mac(const wire::ParsedFrame& p) {
  if (std::memcmp(p.l2, config_.interface.mac.bytes.data(), 6) == 0) return true;
  drop(Counter::kDropNotForUsL2);
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

void Shard::Impl::receive(std::span<const RxFrame> burst) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < burst.size(); ++i) {
    wire::ParsedFrame& p = parsed_[i];
    bytes += burst[i].length;
    if (wire::parse_frame(burst[i], p) == FrameKind::kDropped) {
      drop(p.drop);
      if (p.drop >= Counter::kDropTcpTruncated) counters_.add(Counter::kTcpInErrs);
      continue;
    }
    if (p.kind != FrameKind::kArp && !for_us_by_mac(p)) {
      p.kind = FrameKind::kDropped;
      continue;
    }
    if (p.kind != FrameKind::kTcp) continue;
    hashes_[i] = flow_hash(p.key);
    flows_.prefetch(hashes_[i]);
  }
  counters_.add(Counter::kFramesIn, burst.size());
  counters_.add(Counter::kBytesIn, bytes);

  for (size_t i = 0; i < burst.size(); ++i) {
    if (parsed_[i].kind != FrameKind::kTcp) continue;
    const uint32_t candidate = flows_.first_candidate(hashes_[i]);
    if (candidate == kNil || flow_kind(candidate) != FlowKind::kConnection) continue;
    const auto* lines = reinterpret_cast<const std::byte*>(&connections_[flow_index(candidate)]);
    __builtin_prefetch(lines, 1);
    __builtin_prefetch(lines + 64, 1);
    __builtin_prefetch(lines + 128, 1);
  }

  for (size_t i = 0; i < burst.size(); ++i) {
    const wire::ParsedFrame& p = parsed_[i];
    switch (p.kind) {
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
      case FrameKind::kOtherIp:
        if (for_us_by_ip(p)) on_other_ip(p);
        break;
    }
  }
}

void Shard::Impl::on_tcp(const wire::ParsedFrame& p, uint64_t hash) {
  const uint32_t value = flows_.find(hash, [&](uint32_t v) { return is_key_of(v, p.key); });
  if (value == kNil && !for_us_by_ip(p)) return;
  counters_.add(Counter::kTcpInSegs);
  if (p.segment.ecn != wire::kNotEct) [[unlikely]]
    counters_.add(counter_of(p.segment.ecn));
  if (value == kNil) {
    on_no_flow(p, hash);
    return;
  }
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
    drop(Counter::kDropTcpNoListener);
    return;
  }
  stack::Listener* listener = listener_for(p.key);
  if (listener == nullptr || s.has(wire::kAck)) {
    if (listener != nullptr && accept_cookie(*listener, p, hash, kNil)) return;
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
