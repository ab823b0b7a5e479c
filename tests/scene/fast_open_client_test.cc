// SPDX-License-Identifier: BSD-3-Clause
// TCP Fast Open (RFC 7413), the client's side: cookies asked for and kept, data that goes with the
// SYN, and the way back to a plain handshake whenever that is not wanted.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage fast_client() {
  return client().tune([](TcpOptions& o) { o.fast_open = true; });
}

constexpr const char* kWithCookie = "S. 0 ack 1 <mss 1460,fo 0011223344556677>";

// The peer gives us a cookie, on a connection that ends at once.
void get_cookie(Scene& s, const char* syn_ack = kWithCookie) {
  s.flow(80, 40000).app("connect").out("S 0 <fo>").in(syn_ack).out(". 1 ack 1");
  s.app("abort").out("R. 1 ack 1").flow(80, 40001);
}

// --- Cookies ------------------------------------------------------------------------------------

TEST(SceneFastOpenClient, AsksForACookie) {
  Scene s(fast_client());
  s.at(0).app("connect").out("S 0 <mss 1460,fo>");
  s.at(5).in(kWithCookie).out(". 1 ack 1").state("ESTABLISHED");
}

TEST(SceneFastOpenClient, IsOffByDefault) {
  Scene s(client());
  s.at(0).app("connect 100").out("S 0 <!fo>").in(kWithCookie).out("P. 1:101 ack 1");
  s.app("abort").out("R. 101 ack 1");
  s.flow(80, 40001).app("connect 100").out("S 0 <!fo>");
}

TEST(SceneFastOpenClient, DataThatCameWithoutACookieFollowsTheHandshake) {
  Scene s(fast_client());
  s.at(0).app("connect 100").out("S 0 <fo>");
  s.at(5).in(kWithCookie).out("P. 1:101 ack 1").state("ESTABLISHED");
}

TEST(SceneFastOpenClient, APeerWithoutFastOpenIsNotAskedAgainForAnHour) {
  Scene s(fast_client());
  s.at(0);
  get_cookie(s, "S. 0 ack 1 <mss 1460>");
  s.app("connect 100").out("S 0 <!fo>").app("close").silence();
  s.at(3'599'000).flow(80, 40002).app("connect 100").out("S 0 <!fo>").app("close").silence();
  s.at(3'600'000).flow(80, 40003).app("connect 100").out("S 0 <fo>");
}

TEST(SceneFastOpenClient, ACookieThatNobodyAskedForIsIgnored) {
  Scene s(client());
  s.at(0).app("connect").out("S 0 <!fo>").in(kWithCookie).out(". 1 ack 1");
  TcpOptions options = fast_client().tcp;
  const auto id =
      s.host().connect({IpAddress::v4(kPeerIp), 80}, options, {IpAddress::v4(kLocalIp), 40001});
  s.claim(id.ok(), "the second").flow(80, 40001).out("S 0 <fo>");
}

TEST(SceneFastOpenClient, AFreshCookieReplacesTheOld) {
  Scene s(fast_client());
  get_cookie(s);
  s.app("connect 10").out("S 0:10 <fo 0011223344556677>");
  s.in("S. 0 ack 1 <mss 1460,fo aabbccdd>").out("P. 1:11 ack 1");
  s.flow(80, 40002).app("connect 10").out("S 0:10 <fo aabbccdd>");
}

TEST(SceneFastOpenClient, ALongCookieFitsBesideAllOtherOptions) {
  Stage setup = fast_client().timestamps().window_scale(7);
  Scene s(setup);
  s.app("connect").out("S 0 <fo>");
  s.in("S. 0 ack 1 <mss 1460,ws 7,ts 1000 *,fo 00112233445566778899aabbccddeeff>").out(". 1 ack 1");
  s.flow(80, 40001).app("connect 2000");
  s.out("S 0:1420 <mss 1460,ws *,sackOK,fo 00112233445566778899aabbccddeeff>");
}

// --- Data with the SYN --------------------------------------------------------------------------

TEST(SceneFastOpenClient, DataGoesWithTheSyn) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100 <mss 1460,fo 0011223344556677>").state("SYN-SENT");
  s.at(5).in("S. 0 ack 101 <mss 1460>").out(". 101 ack 1").state("ESTABLISHED");
  s.counter("TcpExtTCPFastOpenActive", 1).counter("TcpRetransSegs", 0);
  s.at(6).app("write 50").out("P. 101:151 ack 1");
}

TEST(SceneFastOpenClient, TheAnswerMayComeWithTheSynAck) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100");
  s.at(5).in("S. 0:200 ack 101 <mss 1460>").out(". 101 ack 201").received(200);
}

TEST(SceneFastOpenClient, WithoutDataThereIsNothingToOpenFast) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect").out("S 0 <!fo>").in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1");
  s.flow(80, 40002).app("connect 10").out("S 0:10 <fo 0011223344556677>");
}

TEST(SceneFastOpenClient, NoMoreThanTheMssThatThePeerLastAnnounced) {
  Scene s(fast_client().nodelay());
  get_cookie(s, "S. 0 ack 1 <mss 1000,fo 0011223344556677>");
  // And room for 40 bytes of options.
  s.at(0).app("connect 3000").out("S 0:960 <fo *>");
  s.at(5).in("S. 0 ack 961 <mss 1460>").out("961:2421 ack 1").out("P. 2421:3001 ack 1");
}

TEST(SceneFastOpenClient, ShutdownSendsTheFinBehindTheHandshake) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100").app("shutdown").silence();
  s.at(5).in("S. 0 ack 101 <mss 1460>").out("F. 101 ack 1").state("FIN-WAIT-1");
}

// --- The way back -------------------------------------------------------------------------------

TEST(SceneFastOpenClient, DataThatIsNotAcknowledgedFollowsTheHandshake) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100");
  s.at(5).in("S. 0 ack 1 <mss 1460>").out("P. 1:101 ack 1").state("ESTABLISHED");
  s.at(10).in(". 1 ack 101").silence();
  s.counter("TcpExtTCPFastOpenActiveFail", 1).counter("TcpRetransSegs", 0);
}

TEST(SceneFastOpenClient, DataThatIsAcknowledgedInPartIsSentFromThere) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 1000").out("S 0:1000");
  s.at(5).in("S. 0 ack 401 <mss 1460>").out("P. 401:1001 ack 1").state("ESTABLISHED");
  s.at(10).in(". 1 ack 1001").silence();
}

TEST(SceneFastOpenClient, ASynThatIsNotAnsweredIsRepeatedPlain) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100 <fo *>");
  s.at(1000).out("S 0 <mss 1460,!fo>");
  s.at(1005).in("S. 0 ack 1 <mss 1460>").out("P. 1:101 ack 1").state("ESTABLISHED");
  s.counter("TcpExtTCPFastOpenActiveFail", 1);
  // And the peer is not tried again for a while.
  s.at(1010).in(". 1 ack 101").silence();
  s.flow(80, 40002).app("connect 100").out("S 0 <!fo>");
}

TEST(SceneFastOpenClient, ALateAnswerToTheFirstSynCounts) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100 <fo *>");
  s.at(1000).out("S 0 <!fo>");
  s.at(1001).in("S. 0 ack 101 <mss 1460>").out(". 101 ack 1").state("ESTABLISHED").silence();
}

TEST(SceneFastOpenClient, ARequestThatIsNotAnsweredIsRepeatedPlain) {
  Scene s(fast_client());
  s.at(0).app("connect").out("S 0 <fo>");
  s.at(1000).out("S 0 <!fo>");
  s.at(1001).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1");
}

TEST(SceneFastOpenClient, AnAckBeyondTheDataIsReset) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100");
  s.at(1).in("S. 0 ack 102 <mss 1460>").out("R 102").state("SYN-SENT");
  s.at(2).in("S. 0 ack 101 <mss 1460>").out(". 101 ack 1");
}

TEST(SceneFastOpenClient, ARefusalEndsTheConnection) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100").in("R. 0 ack 101").silence().closed("refused");
}

TEST(SceneFastOpenClient, ASimultaneousOpenIsNotFast) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100");
  s.at(1).in("S 0 <mss 1460>").out("S. 0 ack 1 <!fo>").state("SYN-RECEIVED");
  s.at(2).in(". 1 ack 1").out("P. 1:101 ack 1").state("ESTABLISHED");
}

TEST(SceneFastOpenClient, ASimultaneousOpenIsCompletedByTheSynAckOfThePlainSyn) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100");
  s.at(1).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(2).in("S. 0 ack 1 <mss 1460>").out("P. 1:101 ack 1").state("ESTABLISHED");
}

TEST(SceneFastOpenClient, ASimultaneousOpenMayAcknowledgeTheData) {
  Scene s(fast_client());
  get_cookie(s);
  s.at(0).app("connect 100").out("S 0:100");
  s.at(1).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(2).in(". 1 ack 101").silence().state("ESTABLISHED");
  s.app("write 10").out("P. 101:111 ack 1");
}

TEST(SceneFastOpenClient, CookiesAreKeptForSoManyPeersAndNoMore) {
  Scene s(fast_client().tune_shard([](ShardConfig& c) { c.fast_open_cookies_max = 1; }));
  get_cookie(s);
  s.app("connect 10").out("S 0:10 <fo *>");
}

}  // namespace
}  // namespace millrace::test
