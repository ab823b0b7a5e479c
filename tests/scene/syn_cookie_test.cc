// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies (RFC 4987 section 3.6): handshakes that need no memory until they are through, what
// they keep of the options, and what they refuse.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage always() {
  return server().tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; });
}

// With room for `half_open_max` entries, cookies only when all are taken.
Stage when_full(uint32_t half_open_max) {
  return server().tune_shard([=](ShardConfig& c) {
    c.half_open_max = half_open_max;
    c.syn_cookies_percent = 100;
  });
}

Stage with_all_options(Stage setup) {
  setup.timestamps().window_scale(7);
  setup.tcp.receive_buffer_bytes = 256 * 1024;
  return setup;
}

// Milliseconds from what the scene calls 0 to `seconds` into the next period of 64 s.
int64_t into_next_period(Scene& s, int64_t at_seconds) {
  constexpr int64_t kPeriodMs = 64'000;
  const int64_t now_ms = s.host().now().ns / 1'000'000;
  return kPeriodMs - now_ms % kPeriodMs + at_seconds * 1000;
}

TEST(SceneSynCookie, NothingIsStoredUntilTheAckComes) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 win 65535 <mss 1460,!ws,!ts>");
  s.half_open(0).connections(0).claim(s.host().shard().use().timers == 0, "no timer either");
  s.at(5).in(". 1 ack 1").silence().state("ESTABLISHED").connections(1);
  s.counter("TcpExtSyncookiesSent", 1).counter("TcpExtSyncookiesRecv", 1);
  s.counter("TcpPassiveOpens", 1).counter("TcpOutRsts", 0);
}

TEST(SceneSynCookie, AnUnansweredSynAckIsNotRepeated) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(60'000).silence().drained();
}

TEST(SceneSynCookie, TheConnectionWorksLikeAnyOther) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in(". 1 ack 1").silence();
  s.at(10).in("1:101 ack 1").app("write 200").out("P. 1:201 ack 101").received(100);
  s.at(20).in(". 101 ack 201").app("shutdown").out("F. 201 ack 101").state("FIN-WAIT-1");
  s.at(30).in("F. 101 ack 202").out(". 202 ack 102").state("TIME-WAIT");
}

// --- What the ACK may bring ---------------------------------------------------------------------

TEST(SceneSynCookie, TheAckMayCarryData) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(45).out(". 1 ack 101");
}

TEST(SceneSynCookie, TheAckMayCarryDataAndFin) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("F. 1:101 ack 1").out(". 1 ack 102").state("CLOSE-WAIT").received(100);
  s.app("read").peer_closed();
}

TEST(SceneSynCookie, ALostAckIsMadeGoodByTheFirstData) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(300).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(301).in("101:201 ack 1").received(200).whatever();
}

TEST(SceneSynCookie, ALaterSegmentWaitsForTheFirst) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("101:201 ack 1").silence().connections(0).counter("TcpExtTCPOFODrop", 1);
  s.at(6).in("F. 201 ack 1").silence().connections(0);
  s.at(205).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(206).in("101:201 ack 1").received(200).whatever();
}

TEST(SceneSynCookie, ALaterSegmentAfterTheEndIsReset) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.at(1).app("abort").out("R. 1 ack 1").connections(0);
  s.at(2).in("101:201 ack 1").out("R 1").connections(0);
}

TEST(SceneSynCookie, AResetInsteadOfTheAckMakesNoConnection) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("R 1").silence().drained();
  s.at(6).in("R. 1 ack 1").silence().drained().counter("TcpExtSyncookiesRecv", 0);
}

TEST(SceneSynCookie, AResetRightBehindTheAckEndsTheConnection) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in_burst({". 1 ack 1", "R 1"}).silence().closed("peer-reset").drained();
}

TEST(SceneSynCookie, ASynAckIsNoAnswer) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("S. 1 ack 1 <mss 1460>").out("R 1").drained().counter("TcpExtSyncookiesRecv", 0);
}

// --- Options ------------------------------------------------------------------------------------

TEST(SceneSynCookie, TheTimestampBringsTheOtherOptionsBack) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1400,ws 7,sackOK,ts 1000 =0>");
  s.out("S. 0 ack 1 win 65535 <mss 1460,ws 3,sackOK,ts * 1000>").half_open(0);
  s.at(5).in(". 1 ack 1 win 500 <ts 1005 *>").silence().state("ESTABLISHED");
  const TcpInfo info = s.info();
  s.claim(info.snd_wscale == 7 && info.rcv_wscale == 3, "both window shifts");
  s.claim(info.snd_wnd == 500 << 7, "the ACK's window is scaled");
  s.claim(info.timestamps, "timestamps");
  s.claim(info.snd_mss == 1360 - 12, "the MSS of the table that is next below 1400");
  // SACK: data ahead of a gap is reported by a block of 8 bytes, in an ACK of 12 + 12 bytes.
  s.at(10).in("101:201 ack 1 <ts 1010 *>").whatever();
  s.counter("TcpExtTCPOFOQueue", 1);
}

TEST(SceneSynCookie, OurTimestampsDoNotGoBackBehindTheCookies) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ws 14,sackOK,ts 1000 =0>").out("S. 0 ack 1 <ts 0 1000>");
  s.at(1).in("1:101 ack 1 <ts 1001 *>").silence();
  // Up to 64 ms ahead of the stamped value, by what its low bits took.
  s.at(41).out(". 1 ack 101 <ts * 1001>").at(42).app("write 10").out("P. 1:11 ack 101 <ts * 1001>");
}

TEST(SceneSynCookie, WithoutTimestampsThereIsNoScalingAndNoSack) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ws 7,sackOK>").out("S. 0 ack 1 <mss 1460,!ws,!ts>");
  s.at(5).in(". 1 ack 1 win 500").silence().state("ESTABLISHED");
  s.claim(s.info().snd_wnd == 500 && s.info().snd_wscale == 0, "the window as it is written");
  s.claim(s.info().rcv_wscale == 0 && !s.info().timestamps, "nothing was agreed on");
  s.claim(s.info().snd_mss == 1460, "but the MSS is in the cookie itself");
}

TEST(SceneSynCookie, APeerThatDoesNotScaleIsNotScaled) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ts 1000 =0>").out("S. 0 ack 1 <mss 1460,!ws,ts * 1000>");
  s.at(5).in(". 1 ack 1 win 500 <ts 1005 *>").silence();
  s.claim(s.info().snd_wnd == 500 && s.info().rcv_wscale == 0, "no scaling");
}

TEST(SceneSynCookie, AScalingByZeroIsKeptAsOne) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ws 0,ts 1000 =0>").out("S. 0 ack 1 <ws 3,ts * 1000>");
  s.at(5).in(". 1 ack 1 win 500 <ts 1005 *>").silence();
  s.claim(s.info().snd_wscale == 0 && s.info().rcv_wscale == 3, "ours is scaled all the same");
}

TEST(SceneSynCookie, AnMssIsRememberedRoundedDown) {
  Scene s(always());
  s.flow(5001).in("S 0").out("S. 0 ack 1").in(". 1 ack 1");
  s.claim(s.info().snd_mss == 536, "no option: RFC 9293's default");
  s.flow(5002).in("S 0 <mss 1452>").out("S. 0 ack 1").in(". 1 ack 1");
  s.claim(s.info().snd_mss == 1440, "PPPoE");
  s.flow(5003).in("S 0 <mss 9000>").out("S. 0 ack 1").in(". 1 ack 1");
  s.claim(s.info().snd_mss == 1460, "no more than our own MTU allows");
}

TEST(SceneSynCookie, TheAckMustHaveTimestampsIfTheSynHad) {
  // RFC 7323 section 3.2: one without is dropped.
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ws 7,ts 1000 =0>").out("S. 0 ack 1");
  s.at(5).in(". 1 ack 1").silence().connections(0);
  s.at(6).in(". 1 ack 1 <ts 1005 *>").silence().state("ESTABLISHED");
  s.at(6).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(7).in(". 1 ack 1 <ts 1005 =0>").silence().connections(1);
}

TEST(SceneSynCookie, OldTimestampsAreRefusedFromTheStart) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ws 7,ts 1000 =0>").out("S. 0 ack 1");
  s.at(5).in(". 1 ack 1 <ts 1005 *>").silence().state("ESTABLISHED");
  s.at(6).in("1:11 ack 1 <ts 1004 *>").out(". 1 ack 1").received(0).counter("TcpExtPAWSEstab", 1);
  s.at(7).in("1:11 ack 1 <ts 1005 *>").received(10).whatever();
}

// --- What is refused ----------------------------------------------------------------------------

TEST(SceneSynCookie, AForgedAckIsReset) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(1).in(". 1 ack 2").out("R 2");
  s.at(4).in(". 1 ack 17").out("R 17");  // the lowest bit of the hash
  s.at(5).in(". 1 ack -15").out("R -15");
  s.at(6).flow(5001).in(". 1 ack =305419896").out("R =305419896");
  s.drained().counter("TcpExtSyncookiesFailed", 4).counter("TcpOutRsts", 4);
}

TEST(SceneSynCookie, TheAckMustStandRightBehindTheSyn) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(2).in(". 2 ack 1").silence().in(". 0 ack 1").silence().connections(0);
  s.at(3).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneSynCookie, AnotherPeersCookieIsNoGood) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  const uint32_t stolen = s.local_isn() + 1;
  const std::string line = ". 1 ack =" + std::to_string(stolen);
  s.at(1).flow(5001).in(line).out("R =" + std::to_string(stolen)).connections(0);
  s.at(2).flow(5000).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneSynCookie, IsGoodForAPeriodBesidesItsOwn) {
  Scene s(always());
  const int64_t begin = into_next_period(s, 0);
  s.at(begin).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(begin + 127'999).flow(5001).in(". 1 ack 1").silence().state("ESTABLISHED");
  // Something keeps cookies in use, so that the old one is looked at.
  s.flow(5003).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(begin + 128'000).flow(5002).in(". 1 ack 1").out("R 1").counter("TcpExtSyncookiesFailed", 1);
}

TEST(SceneSynCookie, ARepeatedSynGetsTheSameAnswerWithinAPeriod) {
  Scene s(with_all_options(always()));
  const int64_t begin = into_next_period(s, 0);
  s.at(begin).in("S 0 <mss 1460,ws 7,ts 1000 =0>").out("S. 0 ack 1");
  s.at(begin + 1000).in("S 0 <mss 1460,ws 7,ts 2000 =0>").out("S. 0 ack 1 <ts * 2000>");
  s.at(begin + 63'999).in("S 0 <mss 1460,ws 7,ts 3000 =0>").out("S. 0 ack 1 <ts * 3000>");
  s.in(". 1 ack 1 <ts 3000 *>").silence().state("ESTABLISHED");
  s.counter("TcpExtSyncookiesSent", 3).half_open(0);
}

TEST(SceneSynCookie, AnAckThatComesAgainAfterTheEndBeginsNothing) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(1).in(". 1 ack 1").silence();
  s.at(2).in("F. 1 ack 1").out(". 1 ack 2").app("read").app("shutdown").out("F. 1 ack 2");
  s.at(3).in(". 2 ack 2").silence().closed("normal").connections(0).time_wait(0);
  s.at(4).in(". 1 ack 1").out("R 1").connections(0);
  s.counter("TcpExtSyncookiesFailed", 1).counter("TcpExtSyncookiesRecv", 1);
}

TEST(SceneSynCookie, AnEchoThatIsTooOldIsRefusedThoughTheCookieIsGood) {
  Scene s(with_all_options(always()));
  s.at(0).in("S 0 <mss 1460,ws 7,ts 1000 =0>").out("S. 0 ack 1 <ts 0 1000>");
  s.at(1).in(". 1 ack 1 <ts 1005 -200000>").out("R 1");
  s.at(2).in(". 1 ack 1 <ts 1005 100000>").out("R 1").counter("TcpExtSyncookiesFailed", 2);
  s.at(3).in(". 1 ack 1 <ts 1005 0>").silence().state("ESTABLISHED");
}

TEST(SceneSynCookie, AClosedListenerTakesNoneBack) {
  Scene s(always());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1").app("unlisten");
  s.at(1).in(". 1 ack 1").out("R 1").drained();
}

// --- When they are used -------------------------------------------------------------------------

TEST(SceneSynCookie, ByDefaultOnlyWhenEntriesRunShort) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.half_open_max = 4; }));
  for (uint16_t port = 5001; port <= 5003; ++port) {
    s.flow(port).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(port - 5000u);
  }
  s.counter("TcpExtSyncookiesSent", 0);
  s.flow(5004).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(3);
  s.counter("TcpExtSyncookiesSent", 1).in(". 1 ack 1").silence().state("ESTABLISHED");
  // With fewer in use the next SYN is stored again.
  s.flow(5001).in("R 1").silence();
  s.flow(5005).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(3);
  s.counter("TcpExtSyncookiesSent", 1).counter("TcpExtListenOverflows", 0);
}

TEST(SceneSynCookie, AFloodTouchesNothingElse) {
  Scene s(when_full(2));
  s.flow(4000).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.flow(4001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(4002).in("S 0 <mss 1460>").out("S. 0 ack 1");
  for (uint16_t port = 6000; port < 6200; ++port) {
    s.flow(port).in("S 0 <mss 1460>").out("S. 0 ack 1").silence();
  }
  s.half_open(2).connections(1).counter("TcpExtSyncookiesSent", 200);
  s.flow(4000).in("1:11 ack 1").app("write 10").out("P. 1:11 ack 11").received(10);
  s.flow(4001).in(". 1 ack 1").silence().state("ESTABLISHED");
  s.flow(6100).in(". 1 ack 1").silence().state("ESTABLISHED").connections(3);
}

TEST(SceneSynCookie, NeverMeansNever) {
  Scene s(server().tune_shard([](ShardConfig& c) {
    c.half_open_max = 1;
    c.syn_cookies = SynCookies::kNever;
  }));
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").silence();
  s.in(". 1 ack =1").out("R =1").counter("TcpExtSyncookiesFailed", 0);
  s.counter("TcpExtListenOverflows", 1);
}

TEST(SceneSynCookie, StrayAcksAreNotLookedAtWhenNoneWasSent) {
  Scene s(server());
  s.at(0).in(". 1 ack =1").out("R =1").counter("TcpExtSyncookiesFailed", 0);
  s.counter("DropTcpNoListener", 1);
}

TEST(SceneSynCookie, ACookieStaysGoodWhenThePressureIsOver) {
  Scene s(when_full(1));
  s.at(0).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.flow(5001).in("R 1").silence().half_open(0);
  s.at(500).flow(5002).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneSynCookie, ACookieOutlivesTheEntryOfARepeatedSyn) {
  // The first SYN got a cookie; when it came again there was room. The answer to the first counts.
  Scene s(when_full(1));
  s.at(0).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.flow(5001).in("R 1").silence().half_open(0);
  s.at(200).flow(5002).in("S 0 <mss 1460>").out("S. * ack 1").half_open(1);
  s.at(201).in("1:11 ack 1").silence().state("ESTABLISHED").half_open(0).connections(1);
  s.received(10).at(5000).whatever().counter("TcpExtTCPSynRetrans", 0);
}

TEST(SceneSynCookie, WithNoConnectionLeftTheAckIsDroppedAndComesAgain) {
  Scene s(always().tune_shard([](ShardConfig& c) { c.connections_max = 1; }));
  s.at(0).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.at(1).flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.connections(1).counter("TcpExtListenOverflows", 1).counter("TcpExtSyncookiesFailed", 0);
  s.at(2).flow(5001).app("abort").out("R. 1 ack 1").connections(0);
  s.at(300).flow(5002).in("1:11 ack 1").silence().state("ESTABLISHED").received(10);
}

// --- TIME-WAIT ----------------------------------------------------------------------------------

Stage in_time_wait(SynCookies cookies) {
  Stage setup = in_state("TIME-WAIT");
  setup.shard.syn_cookies = cookies;
  setup.shard.half_open_max = 1;
  return setup;
}

TEST(SceneSynCookie, ATupleInTimeWaitIsStoredSoThatItBeginsAboveTheOldNumbers) {
  Scene s(in_time_wait(SynCookies::kAlways));
  const uint32_t old = s.local_isn();
  s.at(100).reincarnate(100'000).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1).time_wait(0);
  s.claim(static_cast<int32_t>(s.local_isn() - old) > 0, "above the old incarnation");
  s.counter("TcpExtSyncookiesSent", 0).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneSynCookie, ATupleInTimeWaitWaitsForAnEntry) {
  Scene s(in_time_wait(SynCookies::kAuto));
  s.flow(5001).at(100).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1).time_wait(1);
  s.flow(5000).reincarnate(100'000).in("S 0 <mss 1460>").silence().time_wait(1);
  s.counter("TcpExtListenOverflows", 1).counter("TcpExtSyncookiesSent", 0);
  s.flow(5001).in(". 1 ack 1").silence().half_open(0);
  s.at(1100).flow(5000).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1).time_wait(0);
}

}  // namespace
}  // namespace millrace::test
