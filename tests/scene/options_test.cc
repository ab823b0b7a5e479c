// SPDX-License-Identifier: BSD-3-Clause
// Options: MSS (RFC 9293 section 3.7.1), window scale and timestamps (RFC 7323), and those that
// nobody knows or that are broken (RFC 9293 section 3.2, MUST-6 and MUST-7).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

void expect_first_segment(Scene& s, int64_t bytes) {
  s.app("write " + std::to_string(bytes)).out("1:" + std::to_string(1 + bytes) + " ack 1");
}

// --- MSS
// ------------------------------------------------------------------------------------------

TEST(SceneOptions, APeerThatNamesNoMssTakes536) {
  Scene s(server());
  s.at(0).in("S 0").out("S. 0 ack 1 <mss 1460>").in(". 1 ack 1").app("write 1000");
  s.out("1:537 ack 1").silence();
}

TEST(SceneOptions, ThePeersMssIsObeyed) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1000>").out("S. 0 ack 1").in(". 1 ack 1").app("write 1500");
  s.out("1:1001 ack 1").silence();
}

TEST(SceneOptions, ThePeersMssIsObeyedByAConnectionOfOurOwn) {
  Scene s(client());
  s.at(0).app("connect").out("S 0").in("S. 0 ack 1 <mss 900>").out(". 1 ack 1").app("write 1500");
  s.out("1:901 ack 1").silence();
}

TEST(SceneOptions, OurMtuBoundsTheSegmentAndWhatWeAnnounce) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.interface.mtu = 1000; }));
  s.at(0).in("S 0 <mss 9000>").out("S. 0 ack 1 <mss 960>").in(". 1 ack 1").app("write 1500");
  s.out("1:961 ack 1").silence();
}

TEST(SceneOptions, TheMssCanBeSetLower) {
  Scene s(client().tune([](TcpOptions& o) { o.mss_max = 700; }));
  s.at(0).app("connect").out("S 0 <mss 700>").in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1");
  s.app("write 1000").out("1:701 ack 1").silence();
}

TEST(SceneOptions, AnMssOfZeroIsAsGoodAsNone) {
  Scene s(server());
  s.at(0).in("S 0 <mss 0>").out("S. 0 ack 1").in(". 1 ack 1").app("write 1000").out("1:537 ack 1");
}

TEST(SceneOptions, ATinyMssDoesNotMakeSegmentsOfSingleBytes) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1>").out("S. 0 ack 1").in(". 1 ack 1");
  s.claim(s.info().snd_mss == 32, "32 bytes at least");
}

TEST(SceneOptions, AnMssAfterTheSynMeansNothing) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 <mss 100>").app("write 1460").out("1:1461 ack 1");
}

TEST(SceneOptions, TimestampsTakeTheirBytesFromTheSegment) {
  // RFC 6691.
  Scene s(established().timestamps());
  s.at(0);
  expect_first_segment(s, 1448);
}

// --- Window scale
// ---------------------------------------------------------------------------------

TEST(SceneOptions, TheWindowIsScaledOnlyWhenBothSidesSay) {
  Scene s(server().window_scale(-1).receive_buffer(1u << 20));
  s.at(0).in("S 0 win 1000 <mss 1460>").out("S. 0 ack 1 win 65535 <!ws>").in(". 1 ack 1 win 1000");
  s.claim(s.info().snd_wnd == 1000 && !s.info().window_scaling, "nothing is scaled");
  s.app("write 500").out("P. 1:501 ack 1 win 65535");
}

TEST(SceneOptions, AScaleThatWeDidNotOfferIsNotTaken) {
  Scene s(server());
  s.at(0).in("S 0 win 1000 <mss 1460,ws 7>").out("S. 0 ack 1 <!ws>").in(". 1 ack 1 win 1000");
  s.claim(s.info().snd_wnd == 1000, "as it was in the field");
}

TEST(SceneOptions, AScaleBeyond14Is14) {
  // RFC 7323 section 2.3.
  for (const char* syn :
       {"S 0 <mss 1460,ws 15>", "S 0 <mss 1460,ws 254>", "S 0 <mss 1460,ws 255>"}) {
    Scene s(server().window_scale(14));
    s.at(0).in(syn).out("S. 0 ack 1 <ws *>").in(". 1 ack 1 win 3");
    s.claim(s.info().snd_wnd == 3u << 14, "3 << 14");
  }
}

TEST(SceneOptions, OurScaleIsTheSmallestThatReachesTheBuffer) {
  Scene s(client().window_scale(0).receive_buffer(65536));
  s.at(0).app("connect").out("S 0 win 65535 <mss 1460,ws 1>");
  s.in("S. 0 ack 1 <mss 1460,ws 0>").out(". 1 ack 1 win 32768");
}

TEST(SceneOptions, AScaleOfZeroIsStillAnAgreement) {
  Scene s(server().window_scale(0));
  s.at(0).in("S 0 <mss 1460,ws 5>").out("S. 0 ack 1 <ws 0>").in(". 1 ack 1 win 100");
  s.claim(s.info().snd_wnd == 3200, "100 << 5");
}

// --- Timestamps
// -----------------------------------------------------------------------------------

TEST(SceneOptions, TimestampsAreUsedOnlyWhenBothSidesSay) {
  Scene s(server().timestamps());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 <!ts>").in(". 1 ack 1").app("write 10");
  s.out("P. 1:11 ack 1 <!ts>");
}

TEST(SceneOptions, TimestampsThatWeDidNotOfferAreNotUsed) {
  Scene s(client());
  s.at(0).app("connect").out("S 0 <!ts>").in("S. 0 ack 1 <mss 1460,ts 9 =0>");
  s.out(". 1 ack 1 <!ts>");
}

TEST(SceneOptions, EverySegmentCarriesTheTimeAndEchoesThePeers) {
  Scene s(established().timestamps());
  s.at(10).app("write 10").out("P. 1:11 ack 1 <ts 10 1000>");
  s.at(20).in("1:11 ack 11 <ts 1020 *>").silence();
  s.at(60).out(". 11 ack 11 <ts 60 1020>");
}

TEST(SceneOptions, TheSynOfAnActiveOpenEchoesNothing) {
  Scene s(client().timestamps());
  s.at(0).app("connect").out("S 0 <ts 0 0>");
  s.at(10).in("S. 0 ack 1 <mss 1460,ts 5000 *>").out(". 1 ack 1 <ts 10 5000>");
}

TEST(SceneOptions, WithADelayedAckTheEarliestTimestampIsEchoed) {
  // RFC 7323 section 4.3: so that the measurement contains the delay.
  Scene s(established().timestamps());
  s.at(10).in("1:101 ack 1 <ts 1010 *>").silence();
  s.at(20).in("101:201 ack 1 <ts 1020 *>").silence();
  s.at(50).out(". 1 ack 201 <ts 50 1010>");
}

TEST(SceneOptions, ATimestampBehindAGapIsNotEchoed) {
  Scene s(established().timestamps());
  s.at(10).in("101:201 ack 1 <ts 1010 *>").out(". 1 ack 1 <ts 10 1000>");
  s.at(20).in("1:101 ack 1 <ts 1020 *>").out(". 1 ack 201 <ts 20 1020>");
}

TEST(SceneOptions, AnOldTimestampIsAnOldSegment) {
  // PAWS, RFC 7323 section 5.
  Scene s(established().timestamps());
  s.at(10).in("1:101 ack 1 <ts 999 *>").out(". 1 ack 1 <ts 10 1000>").received(0);
  s.counter("TcpExtPAWSEstab", 1).counter("DropTcpPaws", 1);
  s.at(11).in("1:101 ack 1 <ts 1000 *>").silence().received(100);
}

TEST(SceneOptions, AnOldTimestampOnAnAcknowledgementIsNotUsedEither) {
  Scene s(established().timestamps());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1).in(". 1 ack 101 <ts 999 *>").out(". 101 ack 1");
  s.claim(s.info().unacked_bytes == 100, "nothing was acknowledged");
}

TEST(SceneOptions, TimestampsWrapAround) {
  Scene s(server().timestamps());
  s.at(0).in("S 0 <mss 1460,ts 4294967290 =0>").out("S. 0 ack 1 <ts 0 4294967290>");
  s.at(1).in("1:11 ack 1 <ts 4294967295 *>").silence();
  s.at(41).out(". 1 ack 11 <ts 41 4294967295>").in("11:21 ack 1 <ts 5 *>").silence();
  s.at(81).out(". 1 ack 21 <ts 81 5>");
  s.in("21:31 ack 1 <ts 4294967295 *>").out(". 1 ack 21").received(20);
}

TEST(SceneOptions, ASegmentWithoutTheAgreedTimestampIsDropped) {
  // RFC 7323 section 3.2.
  Scene s(established().timestamps());
  s.at(0).in("1:101 ack 1").silence().received(0).counter("DropTcpPaws", 1);
}

TEST(SceneOptions, AfterTwentyFourDaysTheOldTimestampIsForgotten) {
  // RFC 7323 section 5.5.
  Scene s(established().timestamps());
  const int64_t day = 24 * 3'600'000;
  s.at(23 * day).in("1:101 ack 1 <ts 500 *>").out(". 1 ack 1").received(0);
  s.at(25 * day).in("1:101 ack 1 <ts 500 *>").silence().received(100);
  s.at(25 * day + 40).out(". 1 ack 101 <ts * 500>");
}

TEST(SceneOptions, OtherConnectionsHaveOtherTimestampOffsets) {
  // RFC 7323 section 5.4 and RFC 6528's reason: nothing is learned about others.
  uint32_t shown[2];
  for (int i = 0; i < 2; ++i) {
    Stage setup = server().timestamps();
    setup.peer_port = static_cast<uint16_t>(5000 + i);
    Scene s(setup);
    TestHost& host = s.host();
    host.inject(s.frame("S 0 <mss 1460,ts 1 =0>"));
    shown[i] = 0;
    for (const Bytes& bytes : host.collect()) {
      const NaiveFrame frame = decode(bytes);
      if (frame.arp && frame.arp->target_ip == kPeerIp) {
        host.inject(
            build(NaiveArp{kLocalMac, kPeerMac, 2, kPeerMac, kLocalMac, kPeerIp, kLocalIp}));
      }
    }
    for (const Bytes& bytes : host.collect()) shown[i] = decode(bytes).tcp->timestamps->value;
  }
  EXPECT_GT(std::max(shown[0], shown[1]) - std::min(shown[0], shown[1]), 1000u);
}

TEST(SceneOptions, ASynWithoutTheAgreedTimestampIsChallenged) {
  // A peer that has restarted: its reset clears the way (RFC 5961 section 4.2).
  Scene s(established().timestamps());
  s.at(5).in("S 5000 <mss 1460>").out(". 1 ack 1 <ts 5 1000>").in("R 1").silence();
  s.closed("peer-reset");
}

TEST(SceneOptions, ASynWithAnOlderTimestampIsChallengedToo) {
  Scene s(established().timestamps());
  s.at(5).in("S 5000 <mss 1460,ts 3 =0>").out(". 1 ack 1 <ts 5 1000>").in("R 1").silence();
  s.closed("peer-reset");
}

// --- Strange ones
// ---------------------------------------------------------------------------------

TEST(SceneOptions, UnknownOptionsAreSkipped) {
  Scene s(server());
  s.at(0).in("S 0 <raw fd 6 1 2 3 4,nop,raw 2 4 3 e8>").out("S. 0 ack 1").in(". 1 ack 1");
  s.claim(s.info().snd_mss == 1000, "the MSS behind the unknown option was found");
  s.in("1:11 ack 1 <raw 1e c 0 81 1 2 3 4 5 6 7 8>").silence().received(10);
}

TEST(SceneOptions, SackPermittedIsNotAnswered) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460,sackOK>").out("S. 0 ack 1 <mss 1460>").in(". 1 ack 1").silence();
}

TEST(SceneOptions, KnownOptionsOfTheWrongLengthAreSkipped) {
  for (const char* options : {
           "raw 2 3 5 1",                  // not the length of an MSS
           "raw 3 2 1 1",                  // not the length of a window scale
           "raw 5 9 1 2 3 4 5 6 7 1 1 1",  // not the length of SACK blocks
           "eol,raw ff ff ff",             // behind the end of the list
       }) {
    SCOPED_TRACE(options);
    Scene s(server());
    const std::string text = std::string(" <") + options + ">";
    s.at(0).in("S 0" + text).out("S. 0 ack 1").in(". 1 ack 1" + text).silence();
    s.claim(s.info().snd_mss == 536, "no MSS was understood");
    s.in("1:11 ack 1" + text).silence().received(10);
  }
}

TEST(SceneOptions, LengthsThatMakeNoSenseRefuseTheSegment) {
  // RFC 9293 MUST-7: be prepared for them.
  for (const char* options : {
           "nop,nop,nop,raw 2",  // no length, at the very end
           "raw 2 0 5 b4",       // length 0
           "raw 2 1 5 b4",       // length 1
           "raw 2 ff 5 b4",      // beyond the header
           "raw 8 a 1 2",        // a timestamp cut off
       }) {
    SCOPED_TRACE(options);
    Scene s(server());
    const std::string text = std::string(" <") + options + ">";
    s.at(0).in("S 0" + text).silence().half_open(0).counter("DropTcpOptions", 1);
    s.at(1).in("S 0").out("S. 0 ack 1").in(". 1 ack 1").silence();
    s.in("1:11 ack 1" + text).silence().received(0).counter("DropTcpOptions", 2);
  }
}

TEST(SceneOptions, OfTheSameOptionTwiceTheLastCounts) {
  Scene s(server());
  s.at(0).in("S 0 <raw 2 4 3 e8,raw 2 4 2 58>").out("S. 0 ack 1").in(". 1 ack 1");
  s.claim(s.info().snd_mss == 600, "the second");
}

TEST(SceneOptions, SackBlocksFromAPeerThatWasNotAskedAreIgnored) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1).in(". 1 ack 1 <nop,nop,raw 5 a 0 0 0 1 0 0 0 2>").silence();
  s.in(". 1 ack 101").silence();
}

}  // namespace
}  // namespace millrace::test
