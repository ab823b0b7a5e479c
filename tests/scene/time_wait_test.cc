// SPDX-License-Identifier: BSD-3-Clause
// TIME-WAIT: RFC 9293 sections 3.4.2, 3.6.1 and 3.10.7.4, RFC 1337 (resets), RFC 6191 (reuse).
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

// Brings the flow of `peer_port` into TIME-WAIT.
void wear_out(Scene& s, uint16_t peer_port) {
  s.flow(peer_port).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").app("shutdown");
  s.out("F. 1 ack 1").in("F. 1 ack 2").out(". 2 ack 2");
}

TEST(SceneTimeWait, ItLastsTwoMaximumSegmentLifetimes) {
  Scene s(in_state("TIME-WAIT"));
  s.at(59999).silence().state("TIME-WAIT").time_wait(1);
  s.at(60001).silence().state("CLOSED").drained();
}

TEST(SceneTimeWait, TheLifetimeCanBeSet) {
  Scene s(in_state("TIME-WAIT").tune_shard([](ShardConfig& c) { c.msl = seconds(5); }));
  s.at(9999).state("TIME-WAIT");
  s.at(10001).state("CLOSED").drained();
}

TEST(SceneTimeWait, ALateFinIsAcknowledgedAgainAndStartsTheTimeAnew) {
  Scene s(in_state("TIME-WAIT"));
  s.at(50000).in("F. 1 ack 2").out(". 2 ack 2");
  s.at(60001).silence().state("TIME-WAIT");
  s.at(109999).silence().state("TIME-WAIT");
  s.at(110001).silence().state("CLOSED").drained();
}

TEST(SceneTimeWait, OldTextIsAnsweredAndDoesNotStartTheTimeAnew) {
  Scene s(in_state("TIME-WAIT"));
  s.at(50000).in("2:12 ack 2").out(". 2 ack 2").counter("TcpExtTCPTimeWaitAck", 1);
  s.at(60001).silence().state("CLOSED");
}

TEST(SceneTimeWait, ABareAckIsNotAnswered) {
  Scene s(in_state("TIME-WAIT"));
  s.at(1).in(". 2 ack 2").silence().in(". 1 ack 1").silence().in(". 9999 ack 2").silence();
}

TEST(SceneTimeWait, NoResetCutsItShort) {
  // RFC 1337 section 3: time-wait assassination.
  Scene s(in_state("TIME-WAIT"));
  s.at(1).in("R 2").silence().in("R. 2 ack 2").silence().in("R 3").silence().state("TIME-WAIT");
  s.at(59999).state("TIME-WAIT");
}

TEST(SceneTimeWait, NoResetCutsItShortWhileBytesAreUnread) {
  Scene s(in_state("FIN-WAIT-2"));
  s.at(0).in("F. 1:101 ack 2").out(". 2 ack 102").in("R 102").silence().open();
  s.app("read").closed("normal").state("TIME-WAIT");
}

// --- The peer begins anew
// -------------------------------------------------------------------------

TEST(SceneTimeWait, ANewerSynBeginsAnew) {
  Scene s(in_state("TIME-WAIT"));
  s.at(100).reincarnate(100000).in("S 0 <mss 1460>").out("S. 0 ack 1").state("SYN-RECEIVED");
  s.time_wait(0).counter("TcpExtTCPTimeWaitRecycled", 1);
  s.in("1:11 ack 1").silence().state("ESTABLISHED").received(10);
}

TEST(SceneTimeWait, TheNewIncarnationsNumbersLieBeyondTheOldOnes) {
  Scene s(established().send_buffer(262144));
  s.at(0).app("write 146000");
  for (int64_t una = 1; una < 146000;) {
    const int64_t end = static_cast<int32_t>(s.info().snd_nxt - s.local_isn());
    while (una < end) {
      s.out(std::to_string(una) + ":" + std::to_string(una + 1460) + " ack 1");
      una += 1460;
    }
    s.in(". 1 ack " + std::to_string(end));
    if (s.failed()) return;
  }
  s.app("shutdown").out("F. 146001 ack 1").in("F. 1 ack 146002").out(". 146002 ack 2");
  const uint32_t used = s.local_isn() + 146002;
  // The clock of initial numbers went on by 25000 only.
  s.at(100).reincarnate(100000).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.claim(static_cast<int32_t>(s.local_isn() - used) > 0, "the new numbers lie beyond the old");
}

TEST(SceneTimeWait, AnOlderSynIsAnsweredByAnAck) {
  Scene s(in_state("TIME-WAIT"));
  s.at(1).in("S 0 <mss 1460>").out(". 2 ack 2").in("S -5000 <mss 1460>").out(". 2 ack 2");
  s.state("TIME-WAIT").time_wait(1);
}

TEST(SceneTimeWait, ANewerTimestampBeginsAnewWhateverTheNumber) {
  Scene s(in_state("TIME-WAIT").timestamps());
  s.at(100).reincarnate(-100000).in("S 0 <mss 1460,ts 2000 =0>").out("S. 0 ack 1 <ts 100 2000>");
  s.state("SYN-RECEIVED").time_wait(0);
}

TEST(SceneTimeWait, AnOlderTimestampDoesNotWhateverTheNumber) {
  Scene s(in_state("TIME-WAIT").timestamps());
  s.at(100).in("S 100000 <mss 1460,ts 500 =0>").out(". 2 ack 2 <ts 100 1000>").time_wait(1);
}

TEST(SceneTimeWait, WithEqualTimestampsTheNumberDecides) {
  Scene s(in_state("TIME-WAIT").timestamps());
  s.at(100).in("S 1 <mss 1460,ts 1000 =0>").out(". 2 ack 2").time_wait(1);
  s.at(101).in("S 100000 <mss 1460,ts 1000 =0>").out("S. * ack 100001").time_wait(0);
}

TEST(SceneTimeWait, ASynWithoutTimestampsIsJudgedByItsNumber) {
  Scene s(in_state("TIME-WAIT").timestamps());
  s.at(100).in("S 100000 <mss 1460>").out("S. * ack 100001 <!ts>").time_wait(0);
}

TEST(SceneTimeWait, WithoutAListenerNothingBeginsAnew) {
  Scene s(in_state("TIME-WAIT"));
  s.at(1).app("unlisten").in("S 100000 <mss 1460>").out(". 2 ack 2").state("TIME-WAIT");
}

TEST(SceneTimeWait, AnOldDuplicateWithAnOlderTimestampDoesNotStartTheTimeAnew) {
  Scene s(in_state("TIME-WAIT").timestamps());
  s.at(50000).in("F. 1 ack 2 <ts 10 =0>").out(". 2 ack 2");
  s.at(60001).silence().state("CLOSED");
}

// --- We begin anew
// --------------------------------------------------------------------------------

Stage closed_client() {
  Stage setup = established_client();
  setup.shard.time_wait_max = 4;
  return setup;
}

void close_client(Scene& s, const std::string& ts) {
  s.at(0).app("shutdown").out("F. 1 ack 1").in("F. 1 ack 2" + ts).out(". 2 ack 2").time_wait(1);
}

TEST(SceneTimeWait, OurOwnConnectMayReuseATupleWithTimestamps) {
  Scene s(closed_client().timestamps());
  close_client(s, " <ts 1000 *>");
  s.at(1000).reincarnate(100000).app("connect").out("S 0 <ts 1000 0>").time_wait(0);
  s.in("S. 0 ack 1 <mss 1460,ts 2000 *>").out(". 1 ack 1").state("ESTABLISHED");
}

TEST(SceneTimeWait, ThePeerInItsOwnTimeWaitIsToldToForget) {
  // It answers our SYN with an ACK of the old connection; the reset frees it, and the SYN that
  // follows finds no one (RFC 9293 figure 9).
  Scene s(closed_client().timestamps());
  close_client(s, " <ts 1000 *>");
  s.at(1000).reincarnate(0).app("connect").out("S 0");
  s.in(". 2 ack -5000 <ts 2000 *>").out("R -5000");
  s.at(2000).out("S 0").reincarnate(100000).in("S. 0 ack =" + std::to_string(s.info().snd_nxt) +
                                               " <mss 1460,ts 3000 *>");
  s.out(". * ack 1").state("ESTABLISHED");
}

TEST(SceneTimeWait, WithoutTimestampsOurOwnConnectMustWait) {
  Scene s(closed_client());
  close_client(s, "");
  const Endpoint peer{IpAddress::v4(kPeerIp), 80}, local{IpAddress::v4(kLocalIp), 40000};
  s.at(59000).claim(!s.host().connect(peer, {}, local).ok(), "the tuple is in use");
  s.at(60001).reincarnate(100000).app("connect").out("S 0");
}

TEST(SceneTimeWait, ReuseCanBeTurnedOff) {
  Scene s(
      closed_client().timestamps().tune_shard([](ShardConfig& c) { c.time_wait_reuse = false; }));
  close_client(s, " <ts 1000 *>");
  const Endpoint peer{IpAddress::v4(kPeerIp), 80}, local{IpAddress::v4(kLocalIp), 40000};
  s.at(1000).claim(!s.host().connect(peer, {}, local).ok(), "the tuple is in use");
}

// --- Many
// -----------------------------------------------------------------------------------------

TEST(SceneTimeWait, PastTheBoundTheOldestGivesWay) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.time_wait_max = 2; }));
  wear_out(s, 5001);
  wear_out(s.at(10), 5002);
  s.time_wait(2).counter("TcpExtTCPTimeWaitOverflow", 0);
  wear_out(s.at(20), 5003);
  s.time_wait(2).counter("TcpExtTCPTimeWaitOverflow", 1);
  s.flow(5001).in("F. 1 ack 2").out("R 2");  // forgotten
  s.flow(5002).in("F. 1 ack 2").out(". 2 ack 2");
  s.flow(5003).in("F. 1 ack 2").out(". 2 ack 2");
}

TEST(SceneTimeWait, EachEndsAtItsOwnTime) {
  Scene s(server());
  wear_out(s.at(0), 5001);
  wear_out(s.at(10000), 5002);
  wear_out(s.at(20000), 5003);
  s.at(60001).time_wait(2).at(70001).time_wait(1).at(80001).time_wait(0);
}

TEST(SceneTimeWait, OneThatWasRestartedDoesNotHoldTheOthersUp) {
  Scene s(server());
  wear_out(s.at(0), 5001);
  wear_out(s.at(10000), 5002);
  s.at(20000).flow(5001).in("F. 1 ack 2").out(". 2 ack 2");
  s.at(70001).time_wait(1).flow(5002).in("F. 1 ack 2").out("R 2");
  s.at(80001).time_wait(0);
}

TEST(SceneTimeWait, OneThatBeganAnewFreesItsRecordInTurn) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.time_wait_max = 2; }));
  wear_out(s.at(0), 5001);
  s.at(10).flow(5001).reincarnate(100000).in("S 0 <mss 1460>").out("S. 0 ack 1").time_wait(0);
  s.in("R 1").silence();
  wear_out(s.at(20), 5002);
  wear_out(s.at(30), 5003);
  s.time_wait(2).counter("TcpExtTCPTimeWaitOverflow", 0);
}

}  // namespace
}  // namespace millrace::test
