// SPDX-License-Identifier: BSD-3-Clause
// Path MTU where no router says anything: black holes, and probes of segments that are larger than
// what is known to pass (RFC 4821 section 7, RFC 8899).
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage probing(MtuProbing how) {
  return established_client().nodelay().tune([=](TcpOptions& o) { o.mtu_probing = how; });
}

// --- Black holes (RFC 4821 section 7.7)
// -----------------------------------------------------------

TEST(ScenePlpmtud, TheThirdTimeoutOfAFullSegmentMakesItSmaller) {
  Scene s(established_client());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  s.out_by(201, "1:1461 ack 1").out_by(602, "1:1461 ack 1").counter("PathMtuBlackHoles", 0);
  s.out_by(1403, "1:1025 ack 1").counter("PathMtuBlackHoles", 1);
  s.at(1410).in(". 1 ack 1025").out("1025:2049 ack 1").out("P. 2049:2921 ack 1");
  s.at(1420).in(". 1 ack 2921").silence().claim(s.info().pmtu == 1064, "1024 and headers");
}

TEST(ScenePlpmtud, EverySecondTimeoutAfterThatHalvesItDownToTheFloor) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("P. 1:1461 ack 1").out_by(201, "P. 1:1461 ack 1");
  s.out_by(602, "P. 1:1461 ack 1").out_by(1403, "1:1025 ack 1").out_by(3004, "1:1025 ack 1");
  s.out_by(6205, "1:513 ack 1").out_by(12606, "1:513 ack 1").out_by(25407, "1:513 ack 1");
  s.counter("PathMtuBlackHoles", 2).claim(s.info().pmtu == 552, "min_pmtu");
}

TEST(ScenePlpmtud, WhatIsLessThanTheBaseIsHalvedAtTheFifth) {
  Scene s(established_client());
  s.at(0).app("write 1000").out("P. 1:1001 ack 1").out_by(201, "P. 1:1001 ack 1");
  s.out_by(602, "P. 1:1001 ack 1").out_by(1403, "P. 1:1001 ack 1").out_by(3004, "P. 1:1001 ack 1");
  s.counter("PathMtuBlackHoles", 0).out_by(6205, "1:513 ack 1");
}

TEST(ScenePlpmtud, WhatIsAtTheFloorStaysAsItIs) {
  Scene s(established_client());
  s.at(0).app("write 512").out("P. 1:513 ack 1");
  s.at(100'000)
      .whatever()
      .counter("PathMtuBlackHoles", 0)
      .claim(s.info().pmtu == 1500, "as before");
}

TEST(ScenePlpmtud, AClosedWindowIsNoBlackHole) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("P. 1:1461 ack 1").at(5).in(". 1 ack 1 win 0").silence();
  s.at(100'000).whatever();
  s.counter("PathMtuBlackHoles", 0).claim(s.info().snd_mss == 1460, "as before");
}

TEST(ScenePlpmtud, ItCanBeSwitchedOff) {
  Scene s(probing(MtuProbing::kOff));
  s.at(0).app("write 1460").out("P. 1:1461 ack 1").out_by(201, "P. 1:1461 ack 1");
  s.out_by(602, "P. 1:1461 ack 1").out_by(1403, "P. 1:1461 ack 1").counter("PathMtuBlackHoles", 0);
}

TEST(ScenePlpmtud, AfterAnOutageProbesLeadBackToTheFullSize) {
  Scene s(probing(MtuProbing::kBlackHole).window_scale(0));
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  s.out_by(201, "1:1461 ack 1").out_by(602, "1:1461 ack 1").out_by(1403, "1:1025 ack 1");
  // The outage is over; text flows until the window is large enough for a probe.
  int64_t acked = 1025;
  for (int64_t now = 1410; now < 3000 && s.info().pmtu != 1500 && !s.failed(); now += 10) {
    s.at(now).in(". 1 ack " + std::to_string(acked));
    if (s.info().unsent_bytes < 20'000) s.app("write 20000");
    s.whatever();
    acked = 1 + s.info().snd_nxt - (s.local_isn() + 1);
  }
  s.claim(s.info().pmtu == 1500, "as before the outage").counter("TcpExtTCPMTUPFail", 0);
}

// --- Probes (RFC 4821 section 7.3 to 7.6)
// ---------------------------------------------------------

// A segment of the base size, a probe of full size behind it (1025:2485), and seven more.
void send_a_probe(Scene& s) {
  s.at(0).claim(s.info().snd_mss == 1024 && s.info().snd_cwnd == 10240, "begins with the base");
  s.app("write 40000").out("1:1025 ack 1").out("1025:2485 ack 1");
  for (int begin = 2485; begin < 9653; begin += 1024) {
    s.out(std::to_string(begin) + ":" + std::to_string(begin + 1024) + " ack 1");
  }
  s.silence();
}

TEST(ScenePlpmtud, AProbeThatIsAcknowledgedRaisesTheSize) {
  Scene s(probing(MtuProbing::kAlways));
  send_a_probe(s);
  s.at(20).in(". 1 ack 2484").whatever().counter("TcpExtTCPMTUPSuccess", 0);
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(21).in(". 1 ack 2485").counter("TcpExtTCPMTUPSuccess", 1).whatever();
  s.claim(s.info().pmtu == 1500 && s.info().snd_cwnd >= cwnd, "full size, and no smaller window");
  s.counter("TcpRetransSegs", 0);
}

TEST(ScenePlpmtud, OneProbeIsUnderWayAtATime) {
  Scene s(probing(MtuProbing::kAlways));
  send_a_probe(s);
  s.at(20).in(". 1 ack 1025").out("9653:10677 ack 1").out("10677:11701 ack 1").whatever();
}

TEST(ScenePlpmtud, TheLossOfAProbeAloneIsNoCongestion) {
  Scene s(probing(MtuProbing::kAlways));
  send_a_probe(s);
  s.at(20).in(". 1 ack 1025").whatever();
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(21).in(". 1 ack 1025").in(". 1 ack 1025").whatever();
  s.in(". 1 ack 1025").out("1025:2049 ack 1").out("2049:2485 ack 1").whatever();
  s.in(". 1 ack 1025").in(". 1 ack 1025").whatever();
  s.claim(s.info().snd_cwnd == cwnd && s.info().snd_mss == 1024, "all is as it was");
  s.counter("TcpExtTCPMTUPFail", 1).counter("TcpExtTCPFastRetrans", 0).counter("TcpRetransSegs", 2);
}

// The option as raw bytes.
std::string sack(const Scene& s, uint32_t begin, uint32_t end) {
  std::string raw = "raw 1 1 5 a";
  for (const uint32_t edge : {s.local_isn() + begin, s.local_isn() + end}) {
    char text[32];
    std::snprintf(text, sizeof text, " %x %x %x %x", edge >> 24, edge >> 16 & 0xff,
                  edge >> 8 & 0xff, edge & 0xff);
    raw += text;
  }
  return " <" + raw + ">";
}

Stage probing_with_sack() {
  return client().nodelay().tune([](TcpOptions& o) { o.mtu_probing = MtuProbing::kAlways; });
}
void shake_hands_with_sack(Scene& s) {
  s.at(0).app("connect").out("S 0").in("S. 0 ack 1 <mss 1460,sackOK>").out(". 1 ack 1");
}

TEST(ScenePlpmtud, TheLossOfAProbeAloneIsNoCongestionWithSackEither) {
  Scene s(probing_with_sack());
  shake_hands_with_sack(s);
  send_a_probe(s);
  s.at(20).in(". 1 ack 1025").whatever();
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(25).in(". 1 ack 1025" + sack(s, 2485, 5557));
  s.out("1025:2049 ack 1").out("2049:2485 ack 1").whatever();
  s.claim(s.info().snd_cwnd == cwnd && s.info().snd_mss == 1024, "all is as it was");
  s.counter("TcpExtTCPMTUPFail", 1).counter("TcpExtTCPFastRetrans", 0).counter("TcpRetransSegs", 2);
}

TEST(ScenePlpmtud, AnythingElseThatIsLostWithItIsCongestion) {
  Scene s(probing_with_sack());
  shake_hands_with_sack(s);
  send_a_probe(s);
  s.at(5).in(". 1 ack 1025" + sack(s, 3509, 6581)).out("1025:2049 ack 1").whatever();
  s.counter("TcpExtTCPMTUPFail", 0).counter("TcpExtTCPFastRetrans", 1);
  s.claim(s.info().snd_ssthresh < 10240, "the window is smaller");
}

TEST(ScenePlpmtud, AfterAFailureTheSearchGoesOnByHalves) {
  Scene s(probing(MtuProbing::kAlways));
  send_a_probe(s);
  s.at(20).in(". 1 ack 1025").whatever();
  for (int i = 0; i < 3; ++i) s.in(". 1 ack 1025");
  s.whatever().at(30).in(". 1 ack 14773").out("14773:15797 ack 1").out("15797:17039 ack 1");
  s.whatever().claim(s.info().snd_mss == 1024, "between 1024 and 1460 lies 1242");
  // And so on, until what is left is not worth a probe.
  for (int64_t now = 40; now < 100; now += 10) {
    s.at(now).in(". 1 ack " + std::to_string(s.info().snd_nxt - s.local_isn()));
    s.whatever().app("write 20000").whatever();
  }
  s.claim(s.info().snd_mss == 1432 || s.info().snd_mss == 1446, "near enough");
  s.counter("TcpExtTCPMTUPFail", 1);
}

TEST(ScenePlpmtud, AMessageAboutTheProbeEndsItAtOnce) {
  Scene s(probing(MtuProbing::kAlways));
  send_a_probe(s);
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(15).in("icmp 3 4 quote 1025 mtu 1300").out("1025:2049 ack 1").out("2049:2485 ack 1");
  s.silence().claim(s.info().snd_cwnd == cwnd && s.info().snd_mss == 1024, "as it was");
  s.counter("TcpExtTCPMTUPFail", 1).counter("PathMtuLowered", 0);
}

TEST(ScenePlpmtud, ATimeoutMakesAProbeInconclusive) {
  Scene s(probing(MtuProbing::kAlways));
  send_a_probe(s);
  s.out_by(201, "1:1025 ack 1").counter("TcpExtTCPTimeouts", 1);
  s.at(210).in(". 1 ack 9653").whatever();
  s.counter("TcpExtTCPMTUPFail", 0).counter("TcpExtTCPMTUPSuccess", 0);
}

TEST(ScenePlpmtud, NothingIsProbedUnlessFourSegmentsFollow) {
  // Otherwise its loss would not show before a timeout.
  Scene few(probing(MtuProbing::kAlways));
  few.at(0).app("write 6579").out("1:1025 ack 1").out("1025:2049 ack 1").whatever();
  Scene enough(probing(MtuProbing::kAlways));
  enough.at(0).app("write 6580").out("1:1025 ack 1").out("1025:2485 ack 1").whatever();
}

TEST(ScenePlpmtud, NothingIsProbedThatThePeersWindowDoesNotTake) {
  Scene few(probing(MtuProbing::kAlways).window(6579));
  few.at(0).app("write 40000").out("1:1025 ack 1").out("1025:2049 ack 1").whatever();
  Scene enough(probing(MtuProbing::kAlways).window(6580));
  enough.at(0).app("write 40000").out("1:1025 ack 1").out("1025:2485 ack 1").whatever();
}

TEST(ScenePlpmtud, WhatWasLoweredByIcmpIsProbedAfterTenMinutes) {
  Scene s(established_client().nodelay());
  s.at(0).app("write 1460").out("P. 1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").whatever().at(9).in(". 1 ack 1461").silence();
  const auto stream = [&](int64_t from_ms) {
    uint32_t largest = 0;
    for (int64_t now = from_ms; now < from_ms + 200 && !s.failed(); now += 10) {
      s.at(now);
      if (s.info().unsent_bytes < 20'000) s.app("write 20000");
      s.whatever().in(". 1 ack " + std::to_string(s.info().snd_nxt - s.local_isn())).whatever();
      largest = std::max<uint32_t>(largest, s.info().pmtu);
    }
    return largest;
  };
  s.claim(stream(500'000) == 1000, "not yet");
  s.claim(stream(601'000) == 1500, "now").counter("TcpExtTCPMTUPSuccess", 1);
}

}  // namespace
}  // namespace millrace::test
