// SPDX-License-Identifier: BSD-3-Clause
#include "trace/observer.h"

namespace millrace::trace {
namespace {

bool over(State state) { return state == State::kClosed || state == State::kTimeWait; }

}  // namespace

Observer::Observer(Side from, const Segment& first) {
  if (!first.has(kSyn)) return;
  const bool answers = first.has(kAck);
  end(from).state = answers ? State::kListen : State::kClosed;
  end(other(from)).state = answers ? State::kSynSent : State::kListen;
}

Row Observer::observe(Duration time, Side from, const Segment& segment) {
  Row row;
  row.time = time;
  row.from = from;
  row.segment = segment;
  row.place = sequence_.place(from, segment);
  for (size_t i = 0; i < segment.options.sack_count; ++i) {
    row.sack[i] = {sequence_.relative(other(from), segment.options.sack[i].begin),
                   sequence_.relative(other(from), segment.options.sack[i].end)};
  }
  for (size_t i = 0; i < 2; ++i) row.ends[i].before = ends_[i].state;
  if (segment.has(kRst)) {
    reset(from, segment, row.place);
  } else {
    depart(from, segment, row.place);
    arrive(other(from), segment, row.place);
  }
  for (size_t i = 0; i < 2; ++i) row.ends[i].after = ends_[i].state;
  return row;
}

// A repeated SYN has the number of the first; one of an end that is not yet done belongs to it.
bool Observer::is_next_incarnation(Side from, const Segment& segment) const {
  if (!segment.has(kSyn) || segment.has(kAck) || segment.has(kRst)) return false;
  return over(end(from).state) && over(end(other(from)).state) &&
         sequence_.relative(from, segment.seq) != 0;
}

// What its sender has become, if that can have been no other way.
void Observer::depart(Side from, const Segment& segment, const Place& place) {
  End& sender = end(from);
  State& state = sender.state;
  if (segment.has(kSyn)) {
    if (!segment.has(kAck)) {
      if (state == State::kClosed || state == State::kListen) state = State::kSynSent;
    } else if (state == State::kListen || state == State::kSynSent || state == State::kClosed) {
      state = State::kSynReceived;
    }
    return;
  }
  // The answer to its SYN was not captured.
  if (state == State::kSynSent && segment.has(kAck)) state = State::kEstablished;
  const std::optional<uint32_t> peers_fin = end(other(from)).fin_sent;
  if (peers_fin && segment.has(kAck) && !before(place.ack, *peers_fin)) {
    if (before(sender.heard, *peers_fin)) receive_fin(sender);  // it came by another way
    sender.heard = *peers_fin;
  }
  if (!segment.has(kFin)) return;
  sender.fin_sent = place.seq + segment.length();
  if (state == State::kEstablished || state == State::kSynReceived) state = State::kFinWait1;
  if (state == State::kCloseWait) state = State::kLastAck;
}

// RFC 9293 section 3.10.7, without what an observer cannot know: windows, PAWS.
void Observer::arrive(Side to, const Segment& segment, const Place& place) {
  End& receiver = end(to);
  State& state = receiver.state;
  const uint32_t end_of_it = place.seq + segment.length();
  if (segment.has(kSyn)) {
    if (state == State::kListen || state == State::kClosed) state = State::kSynReceived;
    if (state == State::kSynSent) {
      state = segment.has(kAck) ? State::kEstablished : State::kSynReceived;
    }
    if (receiver.heard == 0) receiver.heard = 1;
  } else if (receiver.heard == 0) {
    receiver.heard = place.seq;
  }
  const bool in_order = !before(receiver.heard, place.seq);
  const bool fin = segment.has(kFin) && in_order && before(receiver.heard, end_of_it);
  if (in_order && before(receiver.heard, end_of_it)) receiver.heard = end_of_it;
  if (segment.has(kAck)) {
    if (state == State::kSynReceived) state = State::kEstablished;
    if (receiver.fin_sent && !before(place.ack, *receiver.fin_sent)) {
      if (state == State::kFinWait1) state = State::kFinWait2;
      if (state == State::kClosing) state = State::kTimeWait;
      if (state == State::kLastAck) state = State::kClosed;
    }
  }
  if (fin) receive_fin(receiver);
}

void Observer::receive_fin(End& receiver) {
  State& state = receiver.state;
  if (state == State::kEstablished || state == State::kSynReceived) state = State::kCloseWait;
  if (state == State::kFinWait1) state = State::kClosing;
  if (state == State::kFinWait2) state = State::kTimeWait;
}

// RFC 9293 section 3.5.3, RFC 5961 section 3.2 (only the very number that is expected counts),
// RFC 1337 (TIME-WAIT is not cut short).
void Observer::reset(Side from, const Segment& segment, const Place& place) {
  end(from).state = State::kClosed;
  End& receiver = end(other(from));
  if (receiver.state == State::kTimeWait) return;
  const bool believed = receiver.state == State::kSynSent
                            ? segment.has(kAck) && place.ack == sequence_.next(other(from))
                            : receiver.heard == 0 || place.seq == receiver.heard;
  if (believed) receiver.state = State::kClosed;
}

}  // namespace millrace::trace
