// SPDX-License-Identifier: BSD-3-Clause
// Frames out. Input and the application only mark connections dirty; here, once per turn, each
// says what it sends, so that a burst of input becomes one acknowledgement and data carries it.
// Control frames (ARP, ICMP, RST, SYN-ACK) go first.
#include <algorithm>

#include "base/check.h"
#include "stack/impl.h"
#include "tcp/output.h"
#include "tcp/plain_output.h"
#include "tcp/timeout.h"
#include "wire/nd.h"
#include "wire/plain.h"

namespace millrace {

// --- Lists ------------------------------------------------------------------------------------

// Connections that waited for a neighbour are looked at again when any neighbour's state has
// changed, or one of them was aborted.
void Shard::Impl::unblock() {
  if (!recheck_blocked_ && blocked_epoch_ == neighbors_.epoch()) return;
  recheck_blocked_ = false;
  blocked_epoch_ = neighbors_.epoch();
  if (blocked_.head == kNil) return;
  if (dirty_.tail == kNil) {
    dirty_ = blocked_;
  } else {
    connections_[dirty_.tail].dirty_next = blocked_.head;
    dirty_.tail = blocked_.tail;
  }
  blocked_ = {};
}

// --- The flush --------------------------------------------------------------------------------

size_t Shard::Impl::transmit(std::span<TxFrame> out) {
  while (sending_control_ != kNil) {
    const uint32_t sent = std::exchange(sending_control_, control_[sending_control_].next);
    control_.free(sent, blocks_);
  }
  size_t filled = 0;
  size_t limit = out.size();  // of segments: joined or not, they leave in the same order
  for (;;) {
    reap();
    unblock();
    while (filled < out.size()) {
      const uint32_t control = control_.pop();
      if (control == kNil) break;
      if (control_[control].body_block == kNil) {
        wire::copy_headers(out[filled++], control_[control].frame);
        control_.free(control, blocks_);
      } else {  // its payload is looked at after we return
        out[filled++] = control_[control].frame;
        control_[control].next = std::exchange(sending_control_, control);
      }
    }
    while (filled < limit && dirty_.head != kNil) {
      const uint32_t index = pop(dirty_);
      filled += flush(index, out.first(limit).subspan(filled));
      limit = out.size() - joined_;
    }
    if (filled != 0 || doomed_.head == kNil) break;
  }
  if (filled != 0) count_out(out.first(filled));
  if (joined_ != 0) [[unlikely]]
    count_joined(out.first(filled));
  return filled;
}

void Shard::Impl::count_out(std::span<const TxFrame> frames) {
  uint64_t bytes = 0;
  for (const TxFrame& frame : frames) bytes += size_t{frame.header_bytes} + frame.payload_bytes;
  if (interface_.tagged()) [[unlikely]] {
    for (const TxFrame& frame : frames) bytes += frame.vlan.tag_bytes();
  }
  counters_.add(Counter::kFramesOut, frames.size());
  counters_.add(Counter::kBytesOut, bytes);
}

// The frames that a device makes of these, beyond one of each.
void Shard::Impl::count_joined(std::span<const TxFrame> frames) {
  uint64_t bytes = 0;
  for (const TxFrame& frame : frames) bytes += (frame.segments() - 1) * frame.header_bytes;
  counters_.add(Counter::kFramesOut, std::exchange(joined_, 0));
  counters_.add(Counter::kBytesOut, bytes);
}

namespace {

// RFC 9293 section 3.10.5: in the other states the peer has nothing that a RST would tell it,
// unless our FIN has never left.
bool aborts_with_reset(const tcp::Connection& c) {
  switch (c.state) {
    case State::kSynReceived:
    case State::kEstablished:
    case State::kFinWait1:
    case State::kFinWait2:
    case State::kCloseWait:
      return true;
    case State::kClosing:
    case State::kLastAck:
      return !c.has(tcp::kFinSent);
    case State::kClosed:
    case State::kListen:
    case State::kSynSent:
    case State::kTimeWait:
      return false;
  }
  return false;
}

}  // namespace

// Requires: the connection was just taken off the dirty list; out is not empty.
size_t Shard::Impl::flush(uint32_t index, std::span<TxFrame> out) {
  Connection& c = connections_[index];
  const net::Neighbor& neighbor = neighbors_[c.neighbor];
  if (!tcp::sends_plainly(c) || !neighbor.sends_at_once() ||
      static_cast<int32_t>(c.unsent()) > plain_text_max_) [[unlikely]]
    return flush_any(index, out, 0);
  // The short way of a connection that has nothing but new text, FIN or an acknowledgement to send.
  const wire::IpFields ip{config_.interface.ttl, static_cast<uint8_t>(ctx_.options(c).dscp << 2)};
  const size_t limit = std::min<size_t>(out.size(), config_.frames_per_connection_per_turn);
  wire::PlainHeader header;
  for (size_t filled = 0; filled < limit; ++filled) {
    if (!tcp::has_plain_output(c)) {
      c.clear(tcp::kDirty);
      if (!tcp::timer_is_early_enough(c)) rearm(index);
      counters_.add(Counter::kTcpOutSegs, filled);
      return filled;
    }
    TxFrame& frame = out[filled];
    // A Sender: what is in flight was sent at different times.
    if (c.sender != kNil || !tcp::next_plain(c, ctx_, header, frame)) {
      return flush_any(index, out, filled);
    }
    if (filled == 0) tcp::say_plain_ack(c, ctx_, header);
    if (filled != 0 && frame.payload_bytes == out[filled - 1].payload_bytes) {
      wire::build_plain_next(frame, out[filled - 1], header);
    } else {
      wire::build_plain(frame, neighbor.ethernet, ip, c.key, header);
    }
  }
  counters_.add(Counter::kTcpOutSegs, limit);
  push(dirty_, index);  // there may be more: next time, behind the others
  return limit;
}

// The same for every connection. `filled` frames of `out` are there already.
size_t Shard::Impl::flush_any(uint32_t index, std::span<TxFrame> out, size_t filled) {
  Connection& c = connections_[index];
  if (c.state == State::kClosed) {
    c.clear(tcp::kDirty);
    connections_.free(index);
    return 0;
  }
  const net::Neighbor& neighbor = neighbors_[c.neighbor];
  const auto services = static_cast<uint8_t>(ctx_.options(c).dscp << 2);
  wire::IpFields ip{config_.interface.ttl, services};
  const size_t limit = std::min<size_t>(out.size(), config_.frames_per_connection_per_turn);
  if (c.has(tcp::kAborting)) {
    const bool reset = aborts_with_reset(c) && neighbor.usable();
    if (reset) {
      out[0].payload_spans = 0;
      out[0].payload_bytes = 0;
      wire::build_tcp(out[0], neighbor.ethernet, ip, c.key, tcp::reset_segment(c, ctx_));
      counters_.add(Counter::kTcpOutSegs);
      counters_.add(Counter::kTcpOutRsts);
    }
    doom(index, CloseReason::kLocalAbort);
    return reset ? 1 : 0;
  }
  // An address that is not checked yet has no word to say (RFC 4862 section 5.4).
  if (!interface_.settled() && !interface_.is_local(c.key.local)) [[unlikely]] {
    push(blocked_, index);
    return 0;
  }
  if (!neighbor.usable()) {
    if (neighbor.state == net::NeighborState::kFailed) {
      if (find_other_way(c)) return flush_any(index, out, filled);
      if (c.state == State::kSynSent) {
        doom(index, CloseReason::kNeighborUnreachable);
      } else {
        discard_output(index);
      }
    } else {
      push(blocked_, index);
    }
    return 0;
  }
  if (!neighbor.sends_at_once()) [[unlikely]] {
    const bool progress = c.state >= State::kEstablished && c.rcv_nxt != c.last_ack_sent;
    neighbors_.note_sending(c.neighbor, ctx_.tick, progress);
  }
  size_t joined = 0;
  while (filled + joined < limit) {
    TxFrame& frame = out[filled];
    wire::SegmentHeader header;
    const uint32_t retransmitted = c.total_retrans;
    if (!tcp::next_segment(c, ctx_, header, frame)) {
      c.clear(tcp::kDirty);
      rearm(index);
      break;
    }
    if (statistics_ && c.total_retrans != retransmitted) [[unlikely]]
      statistics(index).bytes_retrans += frame.payload_bytes;
    ip.tos = services | header.ecn;
    ++filled;
    const uint16_t mss = frame.payload_bytes;
    size_t more = 0;
    if (ctx_.tso_bytes_max != 0 && filled + joined < limit) {
      more = tcp::join_segments(c, ctx_, header, frame, limit - filled - joined);
    }
    wire::build_tcp(frame, neighbor.ethernet, ip, c.key, header);
    if (more == 0) continue;
    wire::set_segment_bytes(frame, mss);
    joined += more;
  }
  joined_ += joined;
  counters_.add(Counter::kTcpOutSegs, filled + joined);
  if (statistics_) [[unlikely]]
    statistics(index).segs_out += static_cast<uint32_t>(filled + joined);
  if (c.has(tcp::kDirty)) push(dirty_, index);  // there may be more: next time, behind the others
  return filled;
}

// Nobody answers ARP for the next hop any more: what would be sent is lost, as on a wire that is
// cut, and the timers of the connection decide how long to go on.
void Shard::Impl::discard_output(uint32_t index) {
  Connection& c = connections_[index];
  wire::SegmentHeader header;
  TxFrame lost;
  while (tcp::next_segment(c, ctx_, header, lost)) drop(Counter::kDropNeighborFailed);
  neighbors_.retry(c.neighbor, ctx_.tick);
  c.clear(tcp::kDirty);
  rearm(index);
}

// --- Control frames ---------------------------------------------------------------------------

void Shard::Impl::send_control(const FlowKey& key, const wire::SegmentHeader& header) {
  const uint32_t control = control_.allocate();
  if (control == kNil) {
    drop(Counter::kDropControlQueueFull);
    return;
  }
  TxFrame& frame = control_[control].frame;
  frame.payload_spans = 0;
  frame.payload_bytes = 0;
  send_control_frame(control, key, header);
}

// Requires: the frame's payload is set.
void Shard::Impl::send_control_frame(uint32_t control, const FlowKey& key,
                                     const wire::SegmentHeader& header) {
  const auto tos = static_cast<uint8_t>(header.dscp << 2 | header.ecn);
  wire::build_tcp(control_[control].frame, {}, {config_.interface.ttl, tos}, key, header);
  counters_.add(Counter::kTcpOutSegs);
  route_control(control, key.local, key.peer);
}

void Shard::Impl::send_reset(const wire::ParsedFrame& p) {
  if (!resets_.take()) {
    counters_.add(Counter::kTcpExtTCPRstLimited);
    return;
  }
  counters_.add(Counter::kTcpOutRsts);
  send_control(p.key, tcp::reset_for(p.segment));
}

// A request with no target MAC goes to all; the same with our own address as target announces it.
void Shard::Impl::send_arp(bool request, const MacAddress& target_mac, const net::Station& target,
                           const IpAddress& sender_ip) {
  const uint32_t control = control_.allocate();
  if (control == kNil) {
    drop(Counter::kDropControlQueueFull);
    return;
  }
  const MacAddress& own = config_.interface.mac;
  const MacAddress& destination = target_mac.is_zero() ? MacAddress::broadcast() : target_mac;
  TxFrame& frame = control_[control].frame;
  frame = TxFrame{};
  frame.vlan = target.vlan;
  frame.l2_bytes = wire::kEthernetHeaderBytes;
  frame.header_bytes = static_cast<uint16_t>(
      wire::build_arp(frame.header, wire::make_ethernet(destination, own, wire::kEthertypeArp),
                      {request, own, sender_ip, target_mac, target.address}));
  if (request) counters_.add(Counter::kArpRequestsOut);
  control_.push(control);
}

// Where a whole control frame is written: into its entry, or a block that goes with it. Empty when
// there is none; the entry is free again then.
std::span<std::byte> Shard::Impl::room_for_control(uint32_t control, size_t bytes) {
  stack::ControlFrame& entry = control_[control];
  entry.frame = TxFrame{};
  entry.frame.l2_bytes = wire::kEthernetHeaderBytes;
  if (bytes <= entry.frame.header.size()) return entry.frame.header;
  if (bytes <= tcp::LargeBlock::kDataBytes) {
    entry.body_block = blocks_.allocate(bytes, wire::SeqNum{});
  }
  if (entry.body_block != kNil) return {blocks_.storage(entry.body_block), bytes};
  control_.free(control, blocks_);
  drop(Counter::kDropControlQueueFull);
  return {};
}

// What was written there begins with headers; in a block, all behind them is payload.
void Shard::Impl::note_control_written(uint32_t control, size_t header_bytes, size_t bytes) {
  stack::ControlFrame& entry = control_[control];
  entry.frame.header_bytes = static_cast<uint16_t>(bytes);
  if (entry.body_block == kNil) return;
  const std::span<std::byte> room(blocks_.storage(entry.body_block), bytes);
  std::copy_n(room.begin(), header_bytes, entry.frame.header.begin());
  entry.frame.header_bytes = static_cast<uint16_t>(header_bytes);
  entry.frame.payload[0] = room.subspan(header_bytes);
  entry.frame.payload_spans = 1;
  entry.frame.payload_bytes = static_cast<uint16_t>(bytes - header_bytes);
}

// Of the family of its addresses. A body that does not fit the frame's own bytes lies in a block,
// and one that does not fit the link goes in fragments.
void Shard::Impl::send_icmp(const IpAddress& source, const IpAddress& destination, uint8_t type,
                            uint8_t code, std::span<const std::byte> body) {
  const bool v4 = destination.is_v4();
  const size_t headers =
      wire::kEthernetHeaderBytes + (v4 ? wire::kIpv4HeaderBytes : wire::kIpv6HeaderBytes) + 4;
  if (headers - wire::kEthernetHeaderBytes + body.size() > path_mtu(destination)) {
    if (!v4) counters_.add(Counter::kIcmp6OutMsgs);
    send_in_fragments(source, destination, type, code, body);
    return;
  }
  const uint32_t control = control_.allocate();
  if (control == kNil) {
    drop(Counter::kDropControlQueueFull);
    return;
  }
  const size_t total = headers + body.size();
  const std::span<std::byte> room = room_for_control(control, total);
  if (room.empty()) return;
  const wire::IpFields ip{.ttl = config_.interface.ttl};
  if (v4) {
    wire::build_icmp(room, {}, ip, source, destination, type, code, body);
  } else {
    const wire::EthernetHeader ethernet = wire::make_ethernet({}, {}, wire::kEthertypeIpv6);
    wire::build_icmp_v6(room, ethernet, ip, source, destination, type, code, body);
    counters_.add(Counter::kIcmp6OutMsgs);
  }
  note_control_written(control, headers, total);
  route_control(control, source, destination);
}

const stack::Way* Shard::Impl::find_way(const IpAddress& destination, Vlan on) {
  const std::optional<net::Station> hop = interface_.next_hop(destination, on);
  if (!hop) return nullptr;
  stack::Way& way = way_slot(destination);
  way.destination = destination;
  way.on = on;
  way.source = interface_.source_for(destination, on);
  way.neighbor = neighbors_.acquire(*hop, ctx_.tick);
  way.epoch = ways_epoch();
  way.host = is_host(destination);
  return &way;
}

// Sends the entry to the next hop, or lets it wait for the next hop's address.
void Shard::Impl::route_control(uint32_t control, const IpAddress& source,
                                const IpAddress& destination) {
  constexpr uint16_t kPendingMax = 128;  // a burst of SYNs from a new neighbour is answered
  const auto give_up = [&](Counter reason) {
    control_.free(control, blocks_);
    drop(reason);
  };
  const stack::Way* way = way_to(destination, source);
  if (way == nullptr) {
    give_up(Counter::kDropNoRoute);
    return;
  }
  if (way->neighbor == kNil) {
    give_up(Counter::kDropNeighborQueueFull);
    return;
  }
  net::Neighbor& n = neighbors_[way->neighbor];
  if (n.usable()) {
    address_control(control, n.ethernet);
    control_.push(control);
  } else if (n.state == net::NeighborState::kFailed) {
    give_up(Counter::kDropNeighborFailed);
  } else if (n.pending_count == kPendingMax || control_.used() > control_.capacity() / 2) {
    // Half of all is left to those who need not wait, such as the question that these wait for.
    give_up(Counter::kDropNeighborQueueFull);
  } else {
    ++n.pending_count;
    control_.append(n.pending_head, n.pending_tail, control);
  }
}

}  // namespace millrace
