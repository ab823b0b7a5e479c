// SPDX-License-Identifier: BSD-3-Clause
#include "trace/happening.h"

#include <fmt/format.h>

namespace millrace::trace {
namespace {

struct Meaning {
  std::string_view name;
  // {0} is who sent the segment, or who changed; {1} the other end.
  std::string_view sentence;
  std::string_view rule;
};

// By Happening.
constexpr Meaning kMeanings[] = {
    {"open", "{0} opens: its SYN has the number 0, and says its options", "RFC 9293 3.5"},
    {"open-crossed", "{1} has sent a SYN too: both open at once", "RFC 9293 3.5, fig. 7"},
    {"open-answered", "{0} answers: a SYN of its own, and the other one acknowledged",
     "RFC 9293 3.5"},
    {"open-answered-both", "{0} acknowledges the other SYN: one connection, not two",
     "RFC 9293 3.5, fig. 7"},
    {"open-refused", "nobody listens there; that it names the SYN makes it credible",
     "RFC 9293 3.10.7.1"},
    {"open-done", "{0} acknowledges the SYN: now both know that both can hear", "RFC 9293 3.5"},
    {"cookie-sent", "{0} keeps nothing: its number holds what it must know", "RFC 4987 3.6"},
    {"cookie-returned", "the number comes back, plus 1: {1} makes the connection of it",
     "RFC 4987 3.6"},
    {"data", "{0} sends text, and acknowledges all that it has", "RFC 9293 3.4"},
    {"data-half-closed", "{1} has closed its own direction only, and reads on", "RFC 9293 3.6.1"},
    {"acknowledged", "{0} has everything before the number that it names", "RFC 9293 3.4"},
    {"fin-first", "{0} has no more to send: FIN takes a number, as SYN does", "RFC 9293 3.6"},
    {"fin-crossed", "{1} has sent a FIN too: both close at once", "RFC 9293 3.6, fig. 13"},
    {"fin-acked", "the FIN of {1} has arrived; {0} may go on sending", "RFC 9293 3.6.1"},
    {"fin-second", "{0} has no more to send either", "RFC 9293 3.6, fig. 12"},
    {"fin-crossed-acked", "{1} has sent and received FIN, and waits 2 MSL",
     "RFC 9293 3.6, fig. 13"},
    {"last-ack", "{0} has the last FIN: it is over for {1}", "RFC 9293 3.6, fig. 12"},
    {"time-wait-ack", "what {0} waits for: its acknowledgement was lost", "RFC 9293 3.10.7.4"},
    {"time-wait-over", "2 MSL are over, no old segment can be left: {0} forgets",
     "RFC 9293 3.10.8"},
    {"fin-again", "not acknowledged in time: {0} sends its FIN again", "RFC 6298 5.4"},
    {"data-again", "not acknowledged in time, or known to be lost: {0} sends it again",
     "RFC 9293 3.8.1"},
    {"syn-again", "not acknowledged in time: {0} sends its SYN again", "RFC 6298 5.4"},
    {"reset", "{0} aborts: what was under way is lost, nobody waits", "RFC 9293 3.10.5"},
    {"reset-no-such", "{0} has no such connection, and says so", "RFC 9293 3.5.2"},
    {"probe", "silence: {0} asks by an old number that needs an answer", "RFC 9293 3.8.4"},
    {"probe-answered", "{0} is there, and says what it expects", "RFC 9293 3.8.4"},
    {"gave-up", "nobody has answered: {0} gives up and tells its application", "RFC 9293 3.8.3"},
    {"changed", "{0} changed by itself", "RFC 9293 3.3.2"},
    {"arrived", "this was on its way; {1} stays as it is", "RFC 9293 3.4"},
};
static_assert(std::size(kMeanings) == kHappeningCount);

const Meaning& meaning_of(Happening happening) { return kMeanings[static_cast<size_t>(happening)]; }

Happening of_nothing(const Change& change) {
  if (change.is(State::kTimeWait, State::kClosed)) return Happening::kTimeWaitOver;
  if (change.after == State::kClosed) return Happening::kGaveUp;
  return Happening::kChangedUnheard;
}

Happening of_syn(const Row& row) {
  if (row.place.repeated && row.departed() && !row.segment.has(kAck)) return Happening::kSynAgain;
  const Change& sender = row.sender();
  const Change& receiver = row.receiver();
  if (!row.segment.has(kAck)) {
    const bool crossed = row.arrived() && receiver.before != State::kListen &&
                         receiver.after == State::kSynReceived && receiver.any();
    return crossed ? Happening::kOpenCrossed : Happening::kOpen;
  }
  if (row.departed() && sender.before == State::kListen && !sender.any()) {
    return Happening::kCookieSent;
  }
  const bool both = row.arrived() ? receiver.before == State::kSynReceived : row.place.repeated;
  return both ? Happening::kOpenAnsweredBoth : Happening::kOpenAnswered;
}

Happening of_fin(const Row& row) {
  const Change& sender = row.sender();
  const Change& receiver = row.receiver();
  if (row.departed() && row.place.repeated) return Happening::kFinAgain;
  if (row.arrived() && receiver.is(State::kFinWait1, State::kClosing)) {
    return Happening::kFinCrossed;
  }
  if (row.departed() && sender.after == State::kLastAck) return Happening::kFinSecond;
  return Happening::kFinFirst;
}

Happening of_ack(const Row& row, const Row* before) {
  const Change& receiver = row.receiver();
  const bool answers = before != nullptr && before->from != row.from && before->arrived();
  if (answers && before->place.repeated && row.sender().before == State::kTimeWait) {
    return Happening::kTimeWaitAck;
  }
  if (row.arrived() && receiver.any()) {
    if (receiver.is(State::kListen, State::kEstablished)) return Happening::kCookieReturned;
    if (receiver.is(State::kSynReceived, State::kEstablished)) return Happening::kOpenDone;
    if (receiver.is(State::kFinWait1, State::kFinWait2)) return Happening::kFinAcked;
    if (receiver.is(State::kClosing, State::kTimeWait)) return Happening::kFinCrossedAcked;
    if (receiver.is(State::kLastAck, State::kClosed)) return Happening::kLastAck;
  }
  if (answers && before->place.probe) return Happening::kProbeAnswered;
  return Happening::kAcknowledged;
}

}  // namespace

Happening happening_of(const Row& row, const Row* before) {
  if (row.way == Way::kNothing) return of_nothing(row.sender());
  if (row.way == Way::kArrived && !row.receiver().any()) return Happening::kArrived;
  if (row.segment.has(kRst)) {
    if (row.receiver().before == State::kSynSent) return Happening::kOpenRefused;
    return row.sender().any() ? Happening::kReset : Happening::kResetNoSuch;
  }
  if (row.segment.has(kSyn)) return of_syn(row);
  if (row.segment.has(kFin)) return of_fin(row);
  if (row.place.probe) return Happening::kProbe;
  if (row.segment.payload_bytes == 0) return of_ack(row, before);
  if (row.place.repeated) return Happening::kDataAgain;
  const State reader = row.receiver().before;
  return reader == State::kFinWait1 || reader == State::kFinWait2 ? Happening::kDataHalfClosed
                                                                  : Happening::kData;
}

std::string sentence(const Row& row, Happening happening, const std::array<std::string, 2>& names) {
  const auto name = [&](Side side) {
    const std::string& plain = names[static_cast<size_t>(side)];
    return plain.size() == 1 ? plain : "the " + plain;  // A and B have no article
  };
  const Meaning& meaning = meaning_of(happening);
  return fmt::format(
      "{} ({})", fmt::format(fmt::runtime(meaning.sentence), name(row.from), name(other(row.from))),
      meaning.rule);
}

std::string_view to_string(Happening happening) { return meaning_of(happening).name; }

}  // namespace millrace::trace
