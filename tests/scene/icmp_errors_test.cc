// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about our segments: whom they may harm, and whom not. RFC 1122 section 4.2.3.9,
// RFC 5461, RFC 5927 sections 4.1 and 5.2, RFC 6633.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

void fix_icmp_checksum(Bytes& frame) {
  put16(frame, 36, 0);
  put16(frame, 36, internet_checksum(frame, 34, frame.size() - 34));
}

TEST(SceneIcmpErrors, EveryUnreachableEndsAnAttemptToConnect) {
  for (int code : {0, 1, 2, 3, 5, 6, 9, 10, 13}) {
    SCOPED_TRACE(code);
    Scene s(client());
    s.at(0).app("connect").out("S 0");
    s.at(5).in("icmp 3 " + std::to_string(code) + " quote 0").silence();
    s.closed("unreachable").counter("IcmpInDestUnreachs", 1).drained();
  }
}

TEST(SceneIcmpErrors, UnreachableEndsASimultaneousOpenThatIsNotThrough) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  s.at(5).in("icmp 3 3 quote 0").silence().closed("unreachable").drained();
}

TEST(SceneIcmpErrors, AHardErrorEndsAHalfOpenConnection) {
  for (const char* error : {"icmp 3 2 quote 0", "icmp 3 3 quote 0"}) {
    Scene s(in_state("SYN-RECEIVED"));
    s.at(5).half_open(1).in(error).silence().half_open(0).counter("TcpAttemptFails", 1);
  }
}

TEST(SceneIcmpErrors, ASoftErrorOrAWrongQuoteLeavesAHalfOpenConnection) {
  for (const char* error : {"icmp 3 0 quote 0", "icmp 3 1 quote 0", "icmp 3 4 quote 0",
                            "icmp 3 3 quote 1", "icmp 3 3 quote -1"}) {
    SCOPED_TRACE(error);
    Scene s(in_state("SYN-RECEIVED"));
    s.at(5).in(error).silence().half_open(1);
  }
}

TEST(SceneIcmpErrors, NoUnreachableEndsAConnection) {
  // Hard ones neither: RFC 5927 section 5.2.
  for (const char* state : {"ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT", "CLOSING", "LAST-ACK"}) {
    SCOPED_TRACE(state);
    Scene s(in_state(state));
    s.at(0);
    if (s.info().snd_una == s.info().snd_nxt) s.app("write 100").out("P. 1:101 ack *");
    for (int code : {0, 1, 2, 3, 5, 6, 9, 10, 13}) {
      s.in("icmp 3 " + std::to_string(code) + " quote 1").silence().state(state).open();
    }
    s.counter("TcpExtOutOfWindowIcmps", 0);
  }
}

TEST(SceneIcmpErrors, AQuoteThatIsNotInFlightIsNotBelievedWhileConnecting) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("icmp 3 1 quote 1").in("icmp 3 1 quote -1").in("icmp 3 1 quote 500000").silence();
  s.state("SYN-SENT").counter("TcpExtOutOfWindowIcmps", 3);
}

TEST(SceneIcmpErrors, AQuoteThatIsNotInFlightChangesNoSegmentSize) {
  // Neither just below snd.una nor snd.nxt itself.
  Scene s(established());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  s.at(5).in(". 1 ack 1461").silence();
  s.in("icmp 3 4 quote 1460 mtu 1000").in("icmp 3 4 quote 2921 mtu 1000").silence();
  s.counter("TcpExtOutOfWindowIcmps", 2).claim(s.info().snd_mss == 1460, "as before");
}

TEST(SceneIcmpErrors, WhatIsNotAboutAFlowOfOursIsIgnored) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  Bytes frame = s.frame("icmp 3 1 quote 0");
  put16(frame, 14 + 20 + 8 + 20, 1234);  // another local port
  fix_icmp_checksum(frame);
  s.at(5).in(frame).silence().state("SYN-SENT").counter("IcmpInDestUnreachs", 1);
}

TEST(SceneIcmpErrors, TimeWaitIsNotCutShort) {
  Scene s(in_state("TIME-WAIT"));
  s.at(5).in("icmp 3 3 quote 1").in("icmp 3 4 quote 1 mtu 600").silence().time_wait(1);
}

TEST(SceneIcmpErrors, TimeExceededAndParameterProblemAreNoReasonToStop) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("icmp 11 0 quote 0").in("icmp 12 0 quote 0").silence().state("SYN-SENT");
  s.counter("IcmpInTimeExcds", 1).counter("IcmpInParmProbs", 1).counter("IcmpIgnored", 2);
}

TEST(SceneIcmpErrors, SourceQuenchDoesNotSlowAnythingDown) {
  // RFC 6633 section 3.
  Scene s(established());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(5).in("icmp 4 0 quote 1").silence().counter("IcmpInSrcQuenchs", 1);
  s.claim(s.info().snd_cwnd == cwnd, "the window is as it was");
}

TEST(SceneIcmpErrors, AQuoteThatIsTooShortIsDropped) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  Bytes frame = s.frame("icmp 3 4 quote 1 mtu 600");
  frame.resize(frame.size() - 1);  // seven bytes of TCP header
  put16(frame, 16, static_cast<uint16_t>(get16(frame, 16) - 1));
  fix_ip_checksum(frame);
  fix_icmp_checksum(frame);
  s.in(frame).silence().counter("DropIcmpMalformed", 1);
}

}  // namespace
}  // namespace millrace::test
