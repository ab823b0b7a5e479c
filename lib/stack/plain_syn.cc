// SPDX-License-Identifier: BSD-3-Clause
// SYNs that are answered with cookies, the short way: a flood of them should cost next to nothing.
// Whatever is not as usual goes the long way, which says the same (syn_cookie.cc).
#include "wire/plain_syn.h"

#include "stack/impl.h"
#include "tcp/handshake.h"
#include "tcp/syn_cookie.h"
#include "wire/ipv4.h"

namespace millrace {

// False when no listener of ours takes SYNs to there.
bool Shard::Impl::prepare_syn_answers(const wire::PlainSyn& syn) {
  const auto local = static_cast<uint32_t>(syn.addresses >> 32);
  const auto port = static_cast<uint16_t>(syn.ports >> 16);
  const FlowKey key{IpAddress::v4(wire::swap_bytes(local)), IpAddress::v4(0),
                    wire::swap_bytes(port), 0};
  const stack::Listener* listener = listener_for(key);
  if (listener == nullptr || !interface_.is_local(key.local)) return false;
  const TcpOptions& options = profiles_[listener->profile];
  syn_answers_.listener = static_cast<uint16_t>(listener - listeners_.data());
  syn_answers_.local = local;
  syn_answers_.local_port = port;
  syn_answers_.epoch = interface_.changes();
  for (const bool linux_options : {false, true}) {
    wire::Segment segment{.flags = wire::kSyn};
    if (linux_options) {
      segment.sack_permitted = segment.has_timestamps = true;
      segment.window_shift = 0;
    }
    stack::SynAnswer& answer = syn_answers_.of[linux_options];
    answer.agreed = kept_by_cookie(key, segment, options);
    const wire::SegmentHeader h = tcp::syn_ack(answer.agreed, options, ctx_, 0);
    TxFrame& frame = answer.frame;
    frame.payload_spans = 0;
    frame.payload_bytes = 0;
    const auto tos = static_cast<uint8_t>(h.dscp << 2 | h.ecn);
    wire::build_tcp(frame, {}, {config_.interface.ttl, tos}, key, h);
    constexpr size_t kTcpAt = wire::kEthernetHeaderBytes + wire::kIpv4HeaderBytes;
    const std::byte* ip = frame.header.data() + wire::kEthernetHeaderBytes;
    const std::byte* tcp = frame.header.data() + kTcpAt;
    answer.ip_sum = static_cast<uint16_t>(~wire::load16(ip + 10));
    answer.tcp_sum = wire::load16(tcp + wire::kTcpChecksumAt);
    // Behind the MSS, and a kind and length each of SACK-permitted and timestamps.
    constexpr uint16_t kValueAt = kTcpAt + wire::kTcpHeaderBytes + 8;
    answer.timestamps_at = h.has_timestamps ? kValueAt : 0;
  }
  return true;
}

// The answer to `syn`, but for its Ethernet header.
void Shard::Impl::complete_syn_answer(const stack::SynAnswer& answer, const wire::PlainSyn& syn,
                                      const FlowKey& key, uint64_t hash, TxFrame& out) const {
  const auto peer = static_cast<uint32_t>(syn.addresses);
  const bool timestamps = answer.timestamps_at != 0;
  const uint16_t mss = syn.mss == 0 ? tcp::default_mss(key.peer) : syn.mss;
  const wire::SeqNum iss = tcp::make_cookie(cookie_secret_, key, syn.seq, mss, timestamps, now_);
  wire::copy_headers(out, answer.frame);
  std::byte* ip = out.header.data() + wire::kEthernetHeaderBytes;
  std::byte* tcp = ip + wire::kIpv4HeaderBytes;
  wire::store16(ip + 10, static_cast<uint16_t>(~wire::fold(uint64_t{answer.ip_sum} + peer)));
  wire::store32(ip + 16, peer);
  wire::store16(tcp + 2, static_cast<uint16_t>(syn.ports));
  wire::store_be32(tcp + 4, iss.raw());
  wire::store_be32(tcp + 8, (syn.seq + 1).raw());
  wire::store16(tcp + wire::kTcpChecksumAt, wire::fold(uint64_t{answer.tcp_sum} + peer));
  if (!timestamps) return;
  const bool scale = answer.agreed.window_shift() != tcp::HalfOpen::kNoShift;
  const uint8_t shift = scale ? syn.window_shift : tcp::HalfOpen::kNoShift;
  const uint32_t clock = ctx_.tick + timestamp_offset(hash);
  wire::store_be32(out.header.data() + answer.timestamps_at,
                   tcp::stamp(clock, {shift, answer.agreed.sack(), false}));
  wire::store_be32(out.header.data() + answer.timestamps_at + 4, syn.ts_value);
}

// False: nothing was done.
bool Shard::Impl::answer_plain_syn(const RxFrame& frame, size_t i) {
  if (flows_.first_candidate(homes_[i], hashes_[i]) != kNil || !wants_cookie(false)) return false;
  const wire::PlainSyn syn = wire::read_plain_syn(frame);
  const bool prepared = syn_answers_.listener != stack::SynAnswers::kNone &&
                        syn_answers_.local == static_cast<uint32_t>(syn.addresses >> 32) &&
                        syn_answers_.local_port == static_cast<uint16_t>(syn.ports >> 16) &&
                        syn_answers_.epoch == interface_.changes();
  if (!prepared && !prepare_syn_answers(syn)) return false;
  if (!listeners_[syn_answers_.listener].accepting) return false;
  const FlowKey key = wire::flow_of(syn.addresses, syn.ports);
  Vlan on = Vlan::any();
  if (interface_.tagged()) [[unlikely]] {
    on = interface_.vlan_of(key.local);
    if (frame.vlan != on) return false;
  }
  const stack::Way* way = known_way(key.peer, on);
  if (way == nullptr || !way->host) return false;
  const net::Neighbor& neighbor = neighbors_[way->neighbor];
  if (!neighbor.usable()) return false;

  counters_.add(Counter::kTcpInSegs);
  if (!shedding_.admit()) {
    drop(Counter::kDropTcpOverload);
    return true;
  }
  cookies_until_ = now_ + tcp::kCookieLifetimeMax;
  counters_.add(Counter::kTcpExtSyncookiesSent);
  const uint32_t control = control_.allocate();
  if (control == kNil) {
    drop(Counter::kDropControlQueueFull);
    return true;
  }
  TxFrame& out = control_[control].frame;
  complete_syn_answer(syn_answers_.of[syn.linux_options], syn, key, hashes_[i], out);
  address_control(control, neighbor.ethernet);
  counters_.add(Counter::kTcpOutSegs);
  control_.push(control);
  return true;
}

}  // namespace millrace
