// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about a connection (RFC 9293 section 3.9.2.2, RFC 5461, RFC 5927): none of them ends
// one that is established, whoever may have sent it.
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

std::string icmp(int type, int code) {
  return "icmp " + std::to_string(type) + " " + std::to_string(code) + " quote 1";
}

TEST(SceneIcmpError, NoCodeOfUnreachableEndsAConnection) {
  for (int code = 0; code < 16; ++code) {
    if (code == 4) continue;  // fragmentation needed
    SCOPED_TRACE(code);
    Scene s(established());
    s.at(0).app("write 100").out("P. 1:101 ack 1").in(icmp(3, code)).silence();
    s.open().state("ESTABLISHED").in(". 1 ack 101").silence();
  }
}

TEST(SceneIcmpError, ASourceQuenchChangesNothing) {
  // MUST-55, RFC 6633.
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  const TcpInfo before = s.info();
  s.in(icmp(4, 0)).silence().counter("IcmpIgnored", 1).state("ESTABLISHED");
  s.claim(s.info().snd_cwnd == before.snd_cwnd, "the congestion window");
  s.claim(s.info().snd_ssthresh == before.snd_ssthresh, "the threshold");
}

TEST(SceneIcmpError, TimeExceededAndParameterProblemChangeNothing) {
  // MUST-56.
  for (const int type : {11, 12}) {
    for (const int code : {0, 1}) {
      Scene s(established());
      s.at(0).app("write 100").out("P. 1:101 ack 1").in(icmp(type, code)).silence();
      s.state("ESTABLISHED").counter("IcmpIgnored", 1);
      Scene opening(client());
      opening.at(0).app("connect").out("S 0");
      opening.in("icmp " + std::to_string(type) + " " + std::to_string(code) + " quote 0");
      opening.silence().state("SYN-SENT");
    }
  }
}

TEST(SceneIcmpError, AHalfOpenConnectionIsNotEndedEither) {
  Scene s(server());
  s.at(0).in("S 0").out("S. 0 ack 1").in("icmp 3 1 quote 0").silence().half_open(1);
  s.in(". 1 ack 1").silence().state("ESTABLISHED");
}

}  // namespace
}  // namespace millrace::test
