// SPDX-License-Identifier: BSD-3-Clause
// TCP Fast Open (RFC 7413), the server's side: cookies given and taken, data on a SYN delivered
// before the handshake is through, and everything that makes a SYN one like any other.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage fast_server() {
  return server().tune([](TcpOptions& o) { o.fast_open = true; });
}

// The peer at 10.0.0.2 asks for a cookie, on a connection that ends at once.
void get_cookie(Scene& s) {
  s.flow(4999).in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <fo *>").in("R 1").silence().flow(5000);
}

// --- Cookies
// --------------------------------------------------------------------------------------

TEST(SceneFastOpen, ACookieIsGivenToWhoAsks) {
  Scene s(fast_server());
  s.at(0).in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <mss 1460,fo *>").half_open(1);
  s.at(1).in(". 1 ack 1").silence().state("ESTABLISHED");
  s.counter("TcpExtTCPFastOpenCookieReqd", 1).counter("TcpExtTCPFastOpenPassive", 0);
}

TEST(SceneFastOpen, ACookieIsGivenToNobodyElse) {
  Scene s(fast_server());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 <mss 1460,!fo>");
}

TEST(SceneFastOpen, IsOffByDefault) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <!fo>").in("R 1").silence();
  s.flow(5001).in("S 0:100 <mss 1460,fo 0011223344556677>").out("S. 0 ack 1 <!fo>");
  s.connections(0)
      .counter("TcpExtTCPFastOpenCookieReqd", 0)
      .counter("TcpExtTCPFastOpenPassiveFail", 0);
}

TEST(SceneFastOpen, ACookieIsSaidAgainWithARepeatedSynAck) {
  Scene s(fast_server());
  s.at(0).in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <fo *>");
  s.at(1000).out("S. 0 ack 1 <fo *>").in(". 1 ack 1").silence();
}

TEST(SceneFastOpen, AForgedCookieGetsAGoodOneAndItsDataIsNotTaken) {
  Scene s(fast_server());
  s.at(0).in("S 0:100 <mss 1460,fo 0011223344556677>").out("S. 0 ack 1 <fo *>").half_open(1);
  s.counter("TcpExtTCPFastOpenPassiveFail", 1).connections(0);
  s.at(5).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(45).out(". 1 ack 101");
}

TEST(SceneFastOpen, ACookieOfAnotherLengthIsForged) {
  Scene s(fast_server());
  s.flow(5001).in("S 0:100 <mss 1460,fo 00112233>").out("S. 0 ack 1 <fo *>");
  s.flow(5002).in("S 0:100 <mss 1460,fo 00112233445566778899aabbccddeeff>").out("S. 0 ack 1");
  s.counter("TcpExtTCPFastOpenPassiveFail", 2).connections(0);
}

TEST(SceneFastOpen, AnOptionOfAnOddLengthIsNone) {
  Scene s(fast_server());
  s.at(0).in("S 0 <mss 1460,raw 22 05 01 02 03 01 01 01>").out("S. 0 ack 1 <!fo>");
}

TEST(SceneFastOpen, ACookieIsGoodForThisPeriodAndTheNext) {
  Scene s(fast_server().tune_shard([](ShardConfig& c) { c.fast_open_key_period = seconds(100); }));
  const int64_t began_ms = s.host().now().ns / 1'000'000;
  const int64_t begin = 100'000 - began_ms % 100'000 + 1001;
  s.at(begin);
  get_cookie(s);
  s.flow(5001).in("S 0:10 <mss 1460,fo *>").out("S. 0 ack 11").in("R 11").silence();
  s.at(begin + 150'000).flow(5002).in("S 0:10 <mss 1460,fo *>").out("S. 0 ack 11");
  s.counter("TcpExtTCPFastOpenPassive", 2).in(". 11 ack 1").silence();
}

TEST(SceneFastOpen, ACookieOfThePeriodBeforeTheLastIsForged) {
  Scene s(fast_server().tune_shard([](ShardConfig& c) { c.fast_open_key_period = seconds(100); }));
  get_cookie(s);
  s.at(202'000).in("S 0:10 <mss 1460,fo *>").out("S. 0 ack 1 <fo *>").in("R 1").silence();
  s.at(202'001).flow(5001).in("S 0:10 <mss 1460,fo *>").out("S. 0 ack 11");
}

TEST(SceneFastOpen, ShardsWithOneKeyTakeEachOthersCookies) {
  const auto keyed = [](uint64_t seed) {
    return fast_server().tune_shard([seed](ShardConfig& c) {
      c.seed = seed;
      c.fast_open_key = {17, 18};
      c.fast_open_key_period = seconds(86'400);  // the hosts' clocks are far apart
    });
  };
  Scene one(keyed(11));
  Scene other(keyed(12));
  one.in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <fo *>");
  other.in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <fo *>");
  one.claim(one.fast_open_cookie() == other.fast_open_cookie(), "the same");
}

// --- Data on the SYN ----------------------------------------------------------------------------

TEST(SceneFastOpen, DataOnTheSynIsDeliveredAndAcknowledgedAtOnce) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101 win 65435 <mss 1460>");
  s.state("SYN-RECEIVED").half_open(0).connections(1).received(100);
  s.counter("TcpExtTCPFastOpenPassive", 1);
  s.at(5).in(". 101 ack 1").silence().state("ESTABLISHED");
  s.at(6).in("101:201 ack 1").received(200).at(46).out(". 1 ack 201");
}

TEST(SceneFastOpen, TheAnswerDoesNotWaitForTheHandshake) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.app("write 3000").out("1:1461 ack 101").out("1461:2921 ack 101").state("SYN-RECEIVED");
  s.at(10).in(". 101 ack 1").silence().state("ESTABLISHED");
  s.at(11).in(". 101 ack 2921").out("P. 2921:3001 ack 101");
}

TEST(SceneFastOpen, AnAcknowledgementOfTheAnswerCompletesTheHandshake) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.app("write 200").out("P. 1:201 ack 101");
  s.at(10).in("101:151 ack 201").silence().state("ESTABLISHED").received(150);
  s.at(50).out(". 201 ack 151");
}

TEST(SceneFastOpen, TheAnswerStaysWithinTheInitialWindow) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").app("write 20000");
  for (int i = 0; i < 10; ++i) {
    const int first = 1 + 1460 * i;
    s.out(std::to_string(first) + ":" + std::to_string(first + 1460) + " ack 101");
  }
  s.silence().state("SYN-RECEIVED");
  s.at(10).in(". 101 ack 14601").out("14601:16061 ack 101").whatever().state("ESTABLISHED");
}

TEST(SceneFastOpen, TheWindowOfTheSynBoundsTheAnswer) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 win 500 <mss 1460,fo *>").out("S. 0 ack 101").app("write 2000");
  s.out("1:501 ack 101").silence();
  s.at(10).in(". 101 ack 501 win 5000").out("501:1961 ack 101").whatever();
}

TEST(SceneFastOpen, FinWaitsForTheHandshake) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").app("read");
  s.app("write 200").out("P. 1:201 ack 101").app("shutdown").silence().state("SYN-RECEIVED");
  s.at(10).in(". 101 ack 1").out("F. 201 ack 101").state("FIN-WAIT-1");
  s.at(20).in("F. 101 ack 202").out(". 202 ack 102").state("TIME-WAIT");
}

TEST(SceneFastOpen, CloseWithDataUnreadIsAnAbort) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.app("close").out("R. 1 ack 101").closed("local-abort").connections(0);
}

TEST(SceneFastOpen, WhatIsUnreadClosesTheWindow) {
  Scene s(fast_server().receive_buffer(1000));
  get_cookie(s);
  s.at(0).in("S 0:800 <mss 1460,fo *>").out("S. 0 ack 801 win 200").received(800);
  s.at(5).in(". 801 ack 1").silence().app("read").out(". 1 ack 801 win 1000");
}

TEST(SceneFastOpen, DataPastTheWindowComesAgain) {
  Scene s(fast_server().receive_buffer(1000));
  get_cookie(s);
  s.at(0).in("S 0:1200 <mss 1460,fo *>").out("S. 0 ack 1001 win 0").received(1000);
  s.app("read").out(". 1 ack 1001 win 1000");
  s.at(5).in("1001:1201 ack 1").whatever().state("ESTABLISHED").received(1200);
}

TEST(SceneFastOpen, OptionsAreAgreedOnAsEver) {
  Stage setup = fast_server().timestamps().window_scale(7).receive_buffer(256 * 1024);
  Scene s(setup);
  s.flow(4999).in("S 0 <mss 1460,ts 1000 =0,fo>").out("S. 0 ack 1 <fo *>").in("R 1");
  s.flow(5000).at(0).in("S 0:100 win 1000 <mss 1400,ws 7,sackOK,ts 1000 =0,fo *>");
  s.out("S. 0 ack 101 win 65535 <mss 1460,ws 3,sackOK,ts 0 1000>");
  s.claim(s.info().snd_wnd == 1000, "the window of a SYN is not scaled");
  s.at(5).in(". 101 ack 1 win 1000 <ts 1005 *>").silence().state("ESTABLISHED");
  s.claim(s.info().snd_wnd == 1000 << 7 && s.info().rcv_wscale == 3, "but all others are");
  s.claim(s.info().timestamps && s.info().sack && s.info().snd_mss == 1400 - 12, "the rest");
  s.claim(s.info().rtt == milliseconds(5), "and the round trip is measured");
}

// --- When it stays an ordinary SYN
// ----------------------------------------------------------------

TEST(SceneFastOpen, WithoutDataACookieBeginsNothing) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0 <mss 1460,fo *>").out("S. 0 ack 1").half_open(1).connections(0);
}

TEST(SceneFastOpen, PastItsQueueASynIsOneLikeAnyOther) {
  Scene s(fast_server().tune([](TcpOptions& o) { o.fast_open_queue = 2; }));
  get_cookie(s);
  s.flow(5001).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.flow(5002).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.flow(5003).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1").connections(2).half_open(1);
  s.counter("TcpExtTCPFastOpenListenOverflow", 1).in("1:101 ack 1").silence().received(100);
  s.flow(5001).in(". 101 ack 1").silence().state("ESTABLISHED");
  s.flow(5004).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.at(40).flow(5003).out(". 1 ack 101");
}

TEST(SceneFastOpen, AResetDoesNotMakeRoomForAMinute) {
  // RFC 7413 section 5.1: the queue bounds what a forger with a cookie of his own can do.
  Scene s(fast_server().tune([](TcpOptions& o) { o.fast_open_queue = 1; }));
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.at(1).in("R 101").silence().closed("peer-reset").connections(0);
  s.at(59'000).flow(5001).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1").in("R 1").silence();
  s.at(125'000).flow(5002).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
}

TEST(SceneFastOpen, UnderSynCookiesThereIsNone) {
  Scene s(fast_server().tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  s.at(0).in("S 0 <mss 1460,fo>").out("S. 0 ack 1 <!fo>").half_open(0);
  s.at(1).in("S 0:100 <mss 1460,fo 0011223344556677>").out("S. 0 ack 1 <!fo>").connections(0);
  s.at(5).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(45).out(". 1 ack 101");
}

TEST(SceneFastOpen, UnderPressureThereIsNone) {
  Scene s(fast_server().tune_shard([](ShardConfig& c) {
    c.half_open_max = 1;
    c.syn_cookies_percent = 100;
  }));
  get_cookie(s);
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.flow(5002).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1 <!fo>").connections(0);
  s.counter("TcpExtSyncookiesSent", 1);
}

TEST(SceneFastOpen, WithNoConnectionLeftASynIsOneLikeAnyOther) {
  Scene s(fast_server().tune_shard([](ShardConfig& c) { c.connections_max = 1; }));
  get_cookie(s);
  s.flow(5001).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.flow(5002).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1").half_open(1).connections(1);
}

TEST(SceneFastOpen, ATupleInTimeWaitIsOneLikeAnyOther) {
  Stage setup = fast_server();
  setup.state = "TIME-WAIT";
  Scene s(setup);
  get_cookie(s);
  s.at(100).reincarnate(100'000).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1").time_wait(0);
  s.in("1:101 ack 1").silence().received(100).at(140).out(". 1 ack 101");
}

// --- Repeats and ends ---------------------------------------------------------------------------

TEST(SceneFastOpen, ARepeatedSynIsAnsweredByTheSameSynAckAndDeliversNothing) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").received(100);
  s.at(300).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").received(100).connections(1);
  s.at(600).in("S 0 <mss 1460>").out("S. 0 ack 101").received(100);
  s.at(601).in(". 101 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneFastOpen, ARepeatedSynAfterTheHandshakeIsChallenged) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").in(". 101 ack 1").silence();
  s.at(1).in("S 0:100 <mss 1460,fo *>").out(". 1 ack 101").received(100).connections(1);
}

TEST(SceneFastOpen, ADuplicateOfASynThatBeganOneWithoutItBeginsNothingEither) {
  // There was no room for it then, and there is when the duplicate comes.
  Scene s(fast_server().tune([](TcpOptions& o) { o.fast_open_queue = 1; }));
  get_cookie(s);
  s.at(0).flow(5001).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.flow(5002).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1");
  s.at(1).in("F. 1:101 ack 1").out(". 1 ack 102").app("read").app("shutdown").out("F. 1 ack 102");
  s.at(2).in(". 102 ack 2").silence().closed("normal");
  s.flow(5001).in(". 101 ack 1").silence().state("ESTABLISHED").flow(5002);
  s.at(3).reincarnate(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1").half_open(1);
  s.counter("TcpExtTCPFastOpenPassive", 1).in("R 1").silence();
}

TEST(SceneFastOpen, ADuplicateAfterTheEndBeginsNothing) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").app("read");
  s.at(1).in("F. 101 ack 1").out(". 1 ack 102").app("shutdown").out("F. 1 ack 102");
  s.at(2).in(". 102 ack 2").silence().closed("normal").connections(0).time_wait(0);
  s.at(3).reincarnate(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1").connections(0);
  s.in("R 1").silence().half_open(0);
}

TEST(SceneFastOpen, TheSynAckIsRepeatedAndTheAnswerIsNot) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.app("write 200").out("P. 1:201 ack 101");
  s.at(1000).out("S. 0 ack 101");
  s.at(3000).out("S. 0 ack 101");
  // The answer came too early for the peer: it is lost, and comes again by its own timeout.
  s.at(3010).in(". 101 ack 1").silence().state("ESTABLISHED");
  s.at(6010).out("P. 1:201 ack 101");
  s.in(". 101 ack 201").silence();
}

TEST(SceneFastOpen, AHandshakeThatIsNeverThroughEndsTheConnection) {
  Scene s(fast_server().tune([](TcpOptions& o) { o.synack_retries = 2; }));
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").app("read");
  s.at(1000).out("S. 0 ack 101");
  s.at(3000).out("S. 0 ack 101");
  s.at(6999).open();
  s.at(7001).silence().closed("timed-out").drained().counter("TcpAttemptFails", 2);
}

TEST(SceneFastOpen, AResetEndsTheConnection) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.at(1).in("R 50").silence().in("R 102").out(". 1 ack 101").open();
  s.at(2).in("R 101").silence().closed("peer-reset").connections(0);
}

TEST(SceneFastOpen, AnAckOfSomethingElseIsReset) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  s.at(1).in(". 101 ack 0").out("R 0").in(". 101 ack 2").out("R 2").state("SYN-RECEIVED");
  s.at(2).in(". 101 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneFastOpen, AListenerThatClosesLeavesTheConnection) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101").app("unlisten").silence();
  s.at(1).in(". 101 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneFastOpen, AListenerOfOneAddressCountsWhatIsUnderWayThere) {
  Scene s(fast_server());
  get_cookie(s);
  s.at(0).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
  TcpOptions options = fast_server().tcp;
  options.fast_open_queue = 1;
  s.claim(s.host().listen({IpAddress::v4(kLocalIp), 80}, options).ok(), "the very address");
  s.flow(5001).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 1");
  s.flow(5000).in(". 101 ack 1").silence();
  s.flow(5002).in("S 0:100 <mss 1460,fo *>").out("S. 0 ack 101");
}

}  // namespace
}  // namespace millrace::test
