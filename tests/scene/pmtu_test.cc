// SPDX-License-Identifier: BSD-3-Clause
// Path MTU: what ICMP says (RFC 1191), whether to believe it (RFC 5927 section 7.2), and what to do
// where nobody says anything (RFC 4821, RFC 8899). That every frame carries DF is claimed by all
// scenes.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

// --- RFC 1191 -----------------------------------------------------------------------------------

TEST(ScenePmtu, WhatIsTooLargeGoesOutAgainAtOnceInSmallerPieces) {
  Scene s(established_client());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(5).in("icmp 3 4 quote 1 mtu 1000");
  s.out("1:961 ack 1").out("961:1921 ack 1").out("1921:2881 ack 1").out("P. 2881:2921 ack 1");
  s.silence().claim(s.info().snd_cwnd == cwnd, "the size of a packet is no congestion");
  s.claim(s.info().snd_mss == 960 && s.info().pmtu == 1000, "as the router said");
  s.counter("PathMtuLowered", 1).counter("IcmpInDestUnreachs", 1).counter("TcpRetransSegs", 4);
  s.at(10).in(". 1 ack 2921").silence().claim(s.info().snd_cwnd >= cwnd, "still none");
  s.at(2000).silence().counter("TcpExtTCPTimeouts", 0);
}

TEST(ScenePmtu, NewTextHasTheNewSizeToo) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").out("1:961 ack 1").out("P. 961:1461 ack 1");
  s.at(10).in(". 1 ack 1461").silence();
  s.at(20).app("write 1500").out("1461:2421 ack 1").silence();  // and Nagle
  s.at(30).in(". 1 ack 2421").out("P. 2421:2961 ack 1");
}

TEST(ScenePmtu, TimestampsTakeTheirPartOfTheSize) {
  Scene s(established_client().timestamps());
  s.at(0).app("write 1448").out("1:1449 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").out("1:949 ack 1").out("P. 949:1449 ack 1");
  s.claim(s.info().pmtu == 1000, "as the router said");
}

TEST(ScenePmtu, TheSameMessageAboutTheNextSegmentChangesNothingMore) {
  Scene s(established_client());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").whatever();
  s.in("icmp 3 4 quote 1461 mtu 1000").silence().counter("PathMtuLowered", 1);
}

TEST(ScenePmtu, ANarrowerLinkFurtherOnMakesThemSmallerAgain) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").out("1:961 ack 1").out("P. 961:1461 ack 1");
  s.at(9).in("icmp 3 4 quote 1 mtu 600 size 1000").out("1:561 ack 1");
  s.out("561:1121 ack 1").out("P. 1121:1461 ack 1").silence();
  s.claim(s.info().snd_mss == 560, "as the second router said");
}

TEST(ScenePmtu, WhatWasSentBeforeTheQuotedSegmentIsNotHeldForLost) {
  Scene s(established_client());
  s.at(0).app("write 4380").out("1:1461 ack 1").out("1461:2921 ack 1").out("P. 2921:4381 ack 1");
  s.at(5).in("icmp 3 4 quote 2921 mtu 1000").out("2921:3881 ack 1").out("P. 3881:4381 ack 1");
  s.silence().at(6).in(". 1 ack 2921").silence().in(". 1 ack 4381").silence();
  s.at(2000).silence();
}

TEST(ScenePmtu, ItsTimerStartsAnewWithWhatGoesOutAgain) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(190).in("icmp 3 4 quote 1 mtu 1000").out("1:961 ack 1").out("P. 961:1461 ack 1");
  s.at(389).silence().out_by(391, "1:961 ack 1");
}

TEST(ScenePmtu, ARouterOlderThanRfc1191NamesNoMtu) {
  // RFC 1191 section 7: the next plateau below the packet.
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1").whatever().claim(s.info().pmtu == 1492, "below 1500");
  s.at(6).in("icmp 3 4 quote 1 size 1492").whatever().claim(s.info().pmtu == 1006, "below 1492");
}

TEST(ScenePmtu, SomeRoutersQuoteALengthThatThePacketDidNotHave) {
  // RFC 1191 section 5: then the size that was sent counts.
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 size 1520").whatever().claim(s.info().pmtu == 1492, "below 1500");
}

TEST(ScenePmtu, ClaimsThatCannotBeTrueAreNotBelieved) {
  // Not less than the packet that is quoted; less than every link carries (RFC 791).
  for (const char* claim :
       {"icmp 3 4 quote 1 mtu 1500", "icmp 3 4 quote 1 mtu 9000", "icmp 3 4 quote 1 mtu 67",
        "icmp 3 4 quote 1 mtu 1", "icmp 3 4 quote 1 mtu 1000 size 1000",
        "icmp 3 4 quote 1 mtu 1000 size 40", "icmp 3 4 quote 1 size 68"}) {
    SCOPED_TRACE(claim);
    Scene s(established_client());
    s.at(0).app("write 1460").out("1:1461 ack 1");
    s.at(5).in(claim).silence().claim(s.info().pmtu == 1500, "as before");
  }
}

TEST(ScenePmtu, LessThanTheFloorIsTakenForTheFloor) {
  const struct {
    uint16_t floor, claim, mss;
  } rows[] = {{552, 551, 512},   {552, 552, 512}, {552, 553, 513}, {552, 68, 512},
              {1280, 600, 1240}, {128, 130, 90},  {128, 100, 88}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.claim);
    Scene s(established_client().tune_shard([&](ShardConfig& c) { c.min_pmtu = row.floor; }));
    s.at(0).app("write 1460").out("1:1461 ack 1");
    s.at(5).in("icmp 3 4 quote 1 mtu " + std::to_string(row.claim)).whatever();
    s.claim(s.info().snd_mss == row.mss, "the floor or the claim");
  }
}

TEST(ScenePmtu, APeerThatTakesEvenLessIsNotSentMore) {
  Scene s(established_client().mss(400));
  s.at(0).app("write 400").out("1:401 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 300 size 440").silence();
  s.claim(s.info().snd_mss == 400, "less than the floor already");
}

TEST(ScenePmtu, AFinBehindTheTextGoesOutAgainWithIt) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1").app("shutdown").out("F. 1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").out("1:961 ack 1").out("F. 961:1461 ack 1").silence();
  s.at(10).in(". 1 ack 1462").silence().state("FIN-WAIT-2");
}

// --- RFC 5927 section 7.2: a claim waits where full segments have been getting through
// ------------

TEST(ScenePmtu, AClaimAgainstWhatWasSeenToPassWaitsForATimeout) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in(". 1 ack 1461").app("write 1460").out("P. 1461:2921 ack 1");
  const uint32_t cwnd = s.info().snd_cwnd;
  s.at(9).in("icmp 3 4 quote 1461 mtu 1000").silence().claim(s.info().pmtu == 1500, "not yet");
  s.out_by(206, "1461:2421 ack 1").out("P. 2421:2921 ack 1").silence();
  s.claim(s.info().pmtu == 1000 && s.info().snd_cwnd == cwnd, "now, and it was no congestion");
  s.counter("TcpExtTCPTimeouts", 0).counter("PathMtuLowered", 1);
}

TEST(ScenePmtu, ProgressRefutesAClaimThatWaits) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in(". 1 ack 1461").app("write 1460").out("P. 1461:2921 ack 1");
  s.at(9).in("icmp 3 4 quote 1461 mtu 1000").silence();
  s.at(12).in(". 1 ack 2921").app("write 1460").out("P. 2921:4381 ack 1");
  s.out_by(213, "P. 2921:4381 ack 1").claim(s.info().pmtu == 1500, "as before");
  s.counter("TcpExtTCPTimeouts", 1).counter("PathMtuLowered", 0);
}

TEST(ScenePmtu, AfterATimeoutAClaimNeedsNoOther) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in(". 1 ack 1461").app("write 1460").out("P. 1461:2921 ack 1");
  s.out_by(206, "P. 1461:2921 ack 1");
  s.at(210).in("icmp 3 4 quote 1461 mtu 1000").out("1461:2421 ack 1").out("P. 2421:2921 ack 1");
}

// --- What is known of a path serves new connections
// -----------------------------------------------

TEST(ScenePmtu, TheNextConnectionBeginsWithWhatIsKnown) {
  Scene s(established().nodelay());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").whatever();
  s.at(10).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1 <mss 1460>").in(". 1 ack 1").silence();
  s.app("write 1460").out("1:961 ack 1").out("P. 961:1461 ack 1").silence();
  s.claim(s.info().snd_cwnd <= 9600, "ten of the smaller segments");
}

TEST(ScenePmtu, SoDoesOneThatWeOpen) {
  Scene s(established_client());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").whatever();
  s.at(10).flow(5000, 0);
  const auto id = s.host().connect({IpAddress::v4(kPeerIp), 5000}, TcpOptions{});
  ASSERT_TRUE(id.ok());
  const uint16_t port = s.host().info(id.value())->key.local_port;
  s.flow(5000, port).out("S 0 <mss 1460>").in("S. 0 ack 1 <mss 1460>").whatever();
  s.claim(s.host().info(id.value())->snd_mss == 960, "as the first one");
}

TEST(ScenePmtu, WhatIsKnownIsForgottenAfterTenMinutes) {
  for (const int64_t minutes : {9, 10}) {
    Scene s(established());
    s.at(0).app("write 1460").out("1:1461 ack 1");
    s.at(5).in("icmp 3 4 quote 1 mtu 1000").whatever().in(". 1 ack 1461").silence();
    s.at(minutes * 60'000 + 5).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1");
    s.silence().claim(s.info().pmtu == (minutes == 10 ? 1500 : 1000), "for ten minutes");
  }
}

TEST(ScenePmtu, APeerThatTakesLessThanThePathIsNotSentMore) {
  Scene s(established());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1000").whatever();
  s.at(10).flow(5001).in("S 0 <mss 536>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.claim(s.info().snd_mss == 536, "as the peer said");
}

}  // namespace
}  // namespace millrace::test
