// SPDX-License-Identifier: BSD-3-Clause
#include "observer.h"

#include <algorithm>

namespace millrace::sim {
namespace {

// Streams of a simulation are far shorter than 2^31, so the signed distance is exact.
int64_t relative(uint32_t seq, uint32_t base) { return static_cast<int32_t>(seq - base); }
bool before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

constexpr uint64_t kAcksToSpare = 2;

std::string numbers(const char* text, int64_t a, int64_t b) {
  return std::string(text) + ": " + std::to_string(a) + " against " + std::to_string(b);
}

}  // namespace

int64_t Observer::window_unit(const Side& me, const Side& peer) const {
  const bool scaled = me.window_shift && peer.window_shift;
  return int64_t{1} << (scaled ? std::min<int>(*me.window_shift, 14) : 0);
}

int64_t Observer::window_of(const Side& me, const Side& peer, const Packet& p) const {
  return int64_t{p.window} * (p.has(kSyn) ? 1 : window_unit(me, peer));
}

std::optional<std::string> Observer::sent(size_t side, const Packet& p) {
  Side& me = sides_[side];
  const Side& peer = sides_[1 - side];
  if (relaxed_) {
    if (p.has(kSyn)) me.iss = p.seq;
    return std::nullopt;
  }
  if (auto wrong = check_ecn(me, peer, p)) return wrong;
  if (p.has(kRst)) return check_reset(me, peer, p);
  if (p.has(kSyn)) {
    if (auto wrong = check_syn(side, p)) return wrong;
    if (relaxed_) return std::nullopt;
  } else {
    if (!me.syn_sent) return "a segment before its SYN";
    if (!p.has(kAck)) return "a segment without ACK";
    if (!peer.syn_arrived) return "a synchronized segment before the peer's SYN";
    if (auto wrong = check_payload(side, p)) return wrong;
  }
  if (p.has(kAck)) {
    if (auto wrong = check_ack(me, peer, p)) return wrong;
  }
  return check_options(me, peer, p);
}

std::optional<std::string> Observer::check_syn(size_t side, const Packet& p) {
  Side& me = sides_[side];
  const Side& peer = sides_[1 - side];
  const SendState& sender = *senders_[side];
  if (!p.payload.empty()) {
    if (!p.fast_open || p.has(kAck)) return "data on a SYN";
    if (p.payload.size() > sender.accepted_bytes) return "data on a SYN that nobody sent";
    if (!std::equal(p.payload.begin(), p.payload.end(), sender.stream.begin())) {
      return "data on a SYN is not the stream's";
    }
  }
  if (p.has(kFin)) return "SYN and FIN";
  if (p.has(kAck) && !peer.syn_arrived) return "SYN-ACK before the peer's SYN";
  if (me.syn_sent && me.fin_sent && p.has(kAck)) {
    relaxed_ = true;  // the end is gone, and its listener answers a late SYN
    return std::nullopt;
  }
  if (me.syn_sent && p.seq != me.iss) {
    if (!p.has(kAck) || me.sent_end > 1) return "a SYN again with another number";
    // A SYN cookie, of another period or after or before a stored entry.
    if (peer.ack_sent) {
      relaxed_ = true;  // the peer has taken the first, which was forgotten, and says so
      return std::nullopt;
    }
    me.syn_sent = false;
    me.ts_sent.reset();
    me.ecn_unclear = true;
  }
  note_ecn_said(me, peer, p);
  if (me.syn_sent) return std::nullopt;
  me.syn_sent = true;
  me.iss = p.seq;
  me.early_end = me.sent_end = 1 + static_cast<int64_t>(p.payload.size());
  if (p.mss) me.mss = *p.mss;
  me.window_shift = p.window_shift;
  me.offers_timestamps = p.has_timestamps;
  me.offers_sack = p.sack_permitted;
  if (p.has(kAck)) {
    // RFC 7323 section 2.2 and 3.2: only in answer to a SYN that had them.
    if (p.window_shift && !peer.window_shift) return "window scale was not offered";
    if (p.has_timestamps && !peer.offers_timestamps) return "timestamps were not offered";
    if (p.sack_permitted && !peer.offers_sack) return "SACK was not offered";
  }
  return std::nullopt;
}

std::optional<std::string> Observer::check_reset(const Side& me, const Side& peer,
                                                 const Packet& p) {
  if (!p.payload.empty()) return "data on a RST";
  // With ACK and seq 0 it answers a segment that had no ACK; else seq is one of ours.
  if (me.syn_sent && p.seq != 0) {
    const int64_t seq = relative(p.seq, me.iss);
    if (seq < 0 || seq > me.sent_end) return numbers("RST out of our sequence", seq, me.sent_end);
  }
  if (p.has(kAck) && peer.syn_sent) {
    const int64_t ack = relative(p.ack, peer.iss);
    if (ack < 0 || ack > peer.sent_end) return numbers("RST acks what was not sent", ack, 0);
  }
  return std::nullopt;
}

std::optional<std::string> Observer::check_payload(size_t side, const Packet& p) {
  Side& me = sides_[side];
  const Side& peer = sides_[1 - side];
  const SendState& sender = *senders_[side];
  const int64_t seq = relative(p.seq, me.iss);
  const int64_t bytes = static_cast<int64_t>(p.payload.size());
  const int64_t end = seq + bytes;
  const int64_t accepted = static_cast<int64_t>(sender.accepted_bytes);

  if (seq < 0) return numbers("sequence number before the ISS", seq, 0);
  if (seq > me.sent_end) return numbers("a gap in what was sent", seq, me.sent_end);
  if (bytes != 0) {
    if (seq == 0 && bytes > 1) return "data at the SYN's number";
    if (end - 1 > accepted) return numbers("data that nobody sent", end - 1, accepted);
    const auto expected = sender.stream.begin() + (seq == 0 ? 0 : seq - 1);
    if (seq != 0 && !std::equal(p.payload.begin(), p.payload.end(), expected)) {
      return numbers("payload is not the stream's at", seq - 1, end - 1);
    }
    if (end > me.edge_arrived && bytes > 1) {
      return numbers("payload past the peer's window", end, me.edge_arrived);
    }
    if (seq > me.edge_arrived) return numbers("probe past the window", seq, me.edge_arrived);
    if (bytes + p.option_bytes > peer.mss) {
      return numbers("larger than the peer's MSS", bytes + p.option_bytes, peer.mss);
    }
    if (me.fin_sent && end > me.fin_at) return numbers("data behind the FIN", end, me.fin_at);
    // RFC 6928: ten segments before the first acknowledgement of data; two more on its duplicates
    // (RFC 3042) and one that probes for it (RFC 8985).
    if (seq < me.sent_end) me.disturbed = true;
    if (!me.disturbed && me.ack_arrived <= 1 &&
        end - 1 > int64_t{13} * std::max<int64_t>(peer.mss, 1)) {
      return numbers("initial window", end - 1, int64_t{13} * peer.mss);
    }
  }
  if (p.has(kFin)) {
    if (!sender.finished) return "FIN, but the application has not closed";
    if (end - 1 != accepted) return numbers("FIN is not at the end", end - 1, accepted);
    if (me.fin_sent && me.fin_at != end) return numbers("FIN has moved", end, me.fin_at);
    me.fin_sent = true;
    me.fin_at = end;
  }
  me.sent_end = std::max(me.sent_end, end + (p.has(kFin) ? 1 : 0));
  if (bytes != 0) me.early_begin = std::max(me.early_begin, end);
  return std::nullopt;
}

std::optional<std::string> Observer::check_ack(Side& me, const Side& peer, const Packet& p) {
  const int64_t ack = relative(p.ack, peer.iss);
  if (ack < 1) return numbers("ack before the peer's stream", ack, 1);
  if (ack > peer.arrived_end) return numbers("acks what did not arrive", ack, peer.arrived_end);
  if (me.ack_sent && ack < *me.ack_sent) return numbers("ack goes back", ack, *me.ack_sent);
  me.ack_sent = ack;
  // A number that was used before belongs to a probe, which has a timer for its cause.
  const bool probe = relative(p.seq, me.iss) < me.sent_end;
  if (p.length() == 0 && !probe && ++me.pure_acks > me.ack_causes + kAcksToSpare) {
    return "an acknowledgement without a cause";
  }
  const int64_t edge = ack + window_of(me, peer, p);
  const bool fin_acked = peer.fin_sent && ack > peer.fin_at;
  if (!fin_acked) {
    // Rounding to the window's scale may take back less than one unit (RFC 7323 section 2.4).
    const int64_t unit = window_unit(me, peer);
    // A SYN-ACK that is sent again cannot say more than 65535.
    if (!p.has(kSyn) && me.edge_sent && edge <= *me.edge_sent - unit) {
      return numbers("the right edge of the window goes back", edge, *me.edge_sent);
    }
    me.edge_sent = std::max(edge, me.edge_sent.value_or(edge));
  }
  for (size_t i = 0; i < p.sack_count; ++i) {
    const int64_t begin = relative(p.sack[i][0], peer.iss);
    const int64_t end = relative(p.sack[i][1], peer.iss);
    if (begin >= end || end > peer.arrived_end) return numbers("SACK block", begin, end);
  }
  return std::nullopt;
}

std::optional<std::string> Observer::check_options(Side& me, const Side& peer, const Packet& p) {
  if (!p.has(kSyn)) {
    const bool timestamps = me.offers_timestamps && peer.offers_timestamps;
    if (p.has_timestamps && !timestamps) return "timestamps were not negotiated";
    if (!p.has_timestamps && timestamps) return "no timestamps though negotiated";  // section 3.2
    if (p.sack_count != 0 && !(me.offers_sack && peer.offers_sack)) return "SACK uninvited";
    if (p.mss || p.window_shift || p.sack_permitted) return "an option of SYN on another segment";
  }
  if (p.has_timestamps) {
    if (me.ts_sent && before(p.ts_value, *me.ts_sent)) {
      return numbers("timestamp goes back", p.ts_value, *me.ts_sent);
    }
    me.ts_sent = p.ts_value;
    if (p.has(kAck) && (!peer.ts_arrived || before(*peer.ts_arrived, p.ts_echo))) {
      return numbers("echoes a timestamp that did not arrive", p.ts_echo,
                     peer.ts_arrived.value_or(0));
    }
  }
  return std::nullopt;
}

std::optional<std::string> Observer::check_ecn(const Side& me, const Side& peer, const Packet& p) {
  if (p.ecn != 0 && p.ecn != kEct0) return "an ECN field that only a router may write";
  if (p.has(kSyn)) return p.ecn != 0 ? std::optional<std::string>("ECT on a SYN") : std::nullopt;
  if (p.has(kRst)) return p.ecn != 0 ? std::optional<std::string>("ECT on a RST") : std::nullopt;
  // TIME-WAIT keeps a record, which does not know of ECN.
  const bool over = me.fin_sent && me.fin_arrived;
  if (me.ecn_unclear || !me.ecn || over) return std::nullopt;
  const int64_t end = relative(p.seq, me.iss) + static_cast<int64_t>(p.payload.size());
  // What a SYN-ACK refused of the SYN's data is not in the network: it counts as never sent.
  const int64_t seq = relative(p.seq, me.iss);
  const bool refused = seq >= me.early_begin && seq < me.early_end;
  const bool new_text = !p.payload.empty() && (end > me.sent_end || refused);
  if (p.ecn != 0) {
    if (*me.ecn == EcnMode::kNone) return "ECT uninvited";
    if (!new_text) return "ECT on what is not new text";
    // RFC 9768 section 3.1.5: a listener that agrees is known to count, whatever else was asked.
    const bool knows = me.opened_actively && *me.ecn == EcnMode::kAccurate;
    if (me.ace_not_said && !knows) return "ECT by an end that gave up on it";
  }
  switch (*me.ecn) {
    case EcnMode::kNone:
      if (p.ace() != 0) return "ECN flags uninvited";
      break;
    case EcnMode::kClassic:
      if (p.has(kAe)) return "AE with RFC 3168";
      if (p.has(kCwr) && !new_text) return "CWR on what is not new text";
      if (p.has(kEce) && me.marks_possible == 0) return "ECE without a mark";
      if (!p.has(kEce) && me.echo_due) return "a mark is not echoed";
      break;
    case EcnMode::kAccurate: {
      // The acknowledgement of a SYN-ACK says something else.
      if (p.length() == 0 && relative(p.ack, peer.iss) == 1) break;
      const uint32_t beyond = (p.ace() - 5u - me.marks_certain) & 7;
      if (beyond > me.marks_possible - me.marks_certain) {
        return numbers("counts other marks than arrived", p.ace(), 5 + me.marks_certain);
      }
      break;
    }
  }
  return std::nullopt;
}

// What a listener agrees to its SYN-ACK says, unless it was not the first that it sent, or it went
// back on it, or it remembers nothing but a cookie.
void Observer::note_ecn_said(Side& me, const Side& peer, const Packet& p) {
  if (p.ace() == 0 && me.ace_said) me.ace_not_said = true;
  const EcnMode mode = p.ace() == 0   ? EcnMode::kNone
                       : p.ace() == 1 ? EcnMode::kClassic
                                      : EcnMode::kAccurate;
  if (p.has(kAck) && !me.opened_actively) {
    const bool refused = p.ace() == 0 && peer.ace_said != 0;
    if (refused || (me.ecn && *me.ecn != mode)) me.ecn_unclear = true;
    me.ecn = mode;
  }
  if (!me.ace_said) me.ace_said = p.ace();
}

// A SYN or SYN-ACK has arrived at an end that has sent a SYN itself.
void Observer::agree_on_ecn(Side& me, const Packet& p) {
  const uint8_t asked = me.ace_said.value_or(0);
  const uint8_t answer = p.ace();
  me.ecn = EcnMode::kNone;
  me.opened_actively = true;
  if (asked == 0) return;
  if (!p.has(kAck)) {  // simultaneous open
    if (answer == 7 && asked == 7) me.ecn = EcnMode::kAccurate;
    if (answer >= 3 && (answer & asked & 3) == 3 && *me.ecn == EcnMode::kNone) {
      me.ecn = EcnMode::kClassic;
    }
    return;
  }
  if (answer == 1) me.ecn = EcnMode::kClassic;
  if (asked == 7 && answer > 1 && answer < 7) me.ecn = EcnMode::kAccurate;
}

void Observer::delivered(size_t side, const Packet& p) {
  if (relaxed_) return;
  Side& me = sides_[side];
  Side& peer = sides_[1 - side];
  if (p.has(kSyn) && me.syn_sent && !me.ecn) agree_on_ecn(me, p);
  if (p.has(kFin)) me.fin_arrived = true;
  if (p.has(kCwr) && !p.payload.empty()) me.echo_due = false;
  const bool stale = p.has_timestamps && peer.ts_arrived && before(p.ts_value, *peer.ts_arrived);
  if (p.ecn == kCe) {
    ++me.marks_possible;
    // A listener may have no room for the connection until it has acknowledged something.
    const int64_t seq = relative(p.seq, peer.iss);
    const bool accepted = me.opened_actively || me.ack_sent.value_or(0) > 1;
    if (accepted && !stale && seq == peer.arrived_end && seq < me.edge_sent.value_or(0)) {
      ++me.marks_certain;
      me.echo_due = true;
    }
  }
  // What is in order and empty asks for no answer (RFC 9293 section 3.10.7.4), unless its timestamp
  // (RFC 7323 section 5.3) or its acknowledgement (RFC 5961 section 5) is old.
  const bool old = stale || relative(p.ack, me.iss) < me.ack_arrived;
  const bool in_order = relative(p.seq, peer.iss) == peer.sent_end;
  if (p.length() != 0 || p.has(kRst) || !in_order || old) may_acknowledge(side);
  if (p.has(kRst)) return;
  if (!peer.syn_sent) return;
  if (p.has(kSyn)) peer.syn_arrived = true;
  const int64_t end = relative(p.seq, peer.iss) + p.length();
  peer.arrived_end = std::max(peer.arrived_end, end);
  if (p.has_timestamps && (!peer.ts_arrived || before(*peer.ts_arrived, p.ts_value))) {
    peer.ts_arrived = p.ts_value;
  }
  // Fast Open: an answer may leave before the SYN-ACK is acknowledged.
  if (p.has(kSyn) && !p.has(kAck)) {
    me.edge_arrived = std::max(me.edge_arrived, int64_t{1} + p.window);
  }
  if (p.has(kAck) && me.syn_sent) {
    const int64_t ack = relative(p.ack, me.iss);
    const bool repeated = p.length() == 0 && ack == me.ack_arrived && me.sent_end > 1;
    if (p.sack_count != 0 || repeated) me.disturbed = true;  // limited transmit (RFC 3042)
    me.ack_arrived = std::max(me.ack_arrived, ack);
    me.edge_arrived = std::max(me.edge_arrived, ack + window_of(peer, me, p));
  }
}

}  // namespace millrace::sim
