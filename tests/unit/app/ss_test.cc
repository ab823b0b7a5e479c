// SPDX-License-Identifier: BSD-3-Clause
// The words of `millrace ss`: what a filter means, and how entries are written.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "inspect/ss_filter.h"
#include "inspect/ss_text.h"

namespace millrace::inspect {
namespace {

constexpr FlowKey kKey{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 40001};

Listed established() {
  Listed entry;
  TcpInfo& info = entry.info;
  info.state = State::kEstablished;
  info.key = kKey;
  info.snd_una = 1000;
  info.snd_nxt = 3896;
  info.rcv_nxt = 77;
  info.snd_wnd = 65536;
  info.rcv_wnd = 131072;
  info.snd_cwnd = 14480;
  info.snd_ssthresh = 28960;
  info.snd_mss = 1448;
  info.rcv_mss = 536;
  info.pmtu = 1500;
  info.snd_wscale = 7;
  info.rcv_wscale = 8;
  info.timestamps = info.window_scaling = info.sack = true;
  info.retransmits = 1;
  info.total_retrans = 5;
  info.rtt = microseconds(250);
  info.rttvar = microseconds(125);
  info.rto = milliseconds(204);
  info.unsent_bytes = 100;
  info.unacked_bytes = 2896;
  info.unread_bytes = 6;
  entry.receive_queue = 6;
  entry.send_queue = 2996;
  entry.timer = TimerKind::kRetransmit;
  entry.timer_left = milliseconds(150);
  entry.timer_retries = 1;
  entry.receive_buffer_bytes = 131072;
  entry.send_buffer_bytes = 87040;
  entry.side_bytes = 256;
  return entry;
}

std::string text_of(const Listed& entry, const SsColumns& columns) {
  std::string out;
  append_ss_text(out, entry, 3, columns);
  return out;
}

TEST(Ss, AConnectionAsSsWritesIt) {
  EXPECT_EQ(ss_header(),
            "State       Recv-Q  Send-Q       Local Address:Port        Peer Address:Port\n");
  EXPECT_EQ(text_of(established(), {}),
            "ESTAB            6    2996              10.0.0.1:80           10.0.0.2:40001\n");
  EXPECT_EQ(text_of(established(), {.info = true, .memory = true, .timers = true}),
            "ESTAB            6    2996              10.0.0.1:80           10.0.0.2:40001"
            " timer:(on,150ms,1)\n"
            "\t skmem:(r6,rb131072,t2996,tb87040,o256) ts sack cubic wscale:7,8 rto:204"
            " rtt:0.25/0.125 mss:1448 pmtu:1500 rcvmss:536 cwnd:10 ssthresh:20 unacked:2"
            " retrans:1/5 notsent:100 snd_wnd:65536 rcv_wnd:131072 shard:3\n");
}

TEST(Ss, AListenerAndARecordSayLess) {
  Listed listener;
  listener.info.state = State::kListen;
  listener.info.key.local_port = 80;
  listener.receive_queue = 3;
  listener.send_queue = 128;
  EXPECT_EQ(text_of(listener, {.info = true, .memory = true, .timers = true}),
            "LISTEN           3     128                     *:80                      *:*\n");
  Listed record;
  record.info.state = State::kTimeWait;
  record.info.key = {IpAddress::parse("2001:db8::1").value(),
                     IpAddress::parse("2001:db8::2").value(), 80, 40001};
  record.timer = TimerKind::kTimeWait;
  record.timer_left = seconds(59);
  EXPECT_EQ(text_of(record, {.timers = true}),
            "TIME-WAIT        0       0         [2001:db8::1]:80      [2001:db8::2]:40001"
            " timer:(timewait,59sec,0)\n");
}

TEST(Ss, TheSameAsJson) {
  std::string out;
  append_ss_json(out, established(), 3);
  EXPECT_EQ(out, R"({"state":"ESTAB","recv_q":6,"send_q":2996,"local":"10.0.0.1","local_port":80,)"
                 R"("peer":"10.0.0.2","peer_port":40001,"shard":3,)"
                 R"("timer":{"kind":"on","left_ms":150,"retries":1},"timestamps":true,"sack":true,)"
                 R"("snd_wscale":7,"rcv_wscale":8,"snd_una":1000,"snd_nxt":3896,"rcv_nxt":77,)"
                 R"("snd_mss":1448,"congestion":"cubic","snd_wnd":65536,"rcv_wnd":131072,)"
                 R"("snd_cwnd":14480,"snd_ssthresh":28960,)"
                 R"("memory":{"receive_buffer":131072,"send_buffer":87040,"side":256},)"
                 R"("rto_us":204000,"rtt_us":250,"rttvar_us":125,"pmtu":1500,"rcv_mss":536,)"
                 R"("retransmits":1,"total_retrans":5,"unsent_bytes":100,"unacked_bytes":2896,)"
                 R"("unread_bytes":6})"
                 "\n");
}

TEST(Ss, TimesAreShort) {
  EXPECT_EQ(ss_time(milliseconds(0)), "0ms");
  EXPECT_EQ(ss_time(milliseconds(200)), "200ms");
  EXPECT_EQ(ss_time(milliseconds(1500)), "1.5sec");
  EXPECT_EQ(ss_time(milliseconds(29'900)), "29sec");
  EXPECT_EQ(ss_time(seconds(65)), "1min5sec");
  EXPECT_EQ(ss_time(seconds(120)), "2min");
  EXPECT_EQ(ss_time(seconds(7190)), "119min");
}

TEST(Ss, ASummaryHasEachState) {
  StateCounts counts{};
  counts[static_cast<size_t>(State::kListen)] = 1;
  counts[static_cast<size_t>(State::kEstablished)] = 1'000'000;
  EXPECT_EQ(ss_summary_text(counts),
            "LISTEN                 1\n"
            "SYN-SENT               0\n"
            "SYN-RECV               0\n"
            "ESTAB          1,000,000\n"
            "FIN-WAIT-1             0\n"
            "FIN-WAIT-2             0\n"
            "CLOSE-WAIT             0\n"
            "CLOSING                0\n"
            "LAST-ACK               0\n"
            "TIME-WAIT              0\n"
            "total          1,000,001\n");
  EXPECT_EQ(ss_summary_json(counts),
            R"({"LISTEN":1,"SYN-SENT":0,"SYN-RECV":0,"ESTAB":1000000,"FIN-WAIT-1":0,)"
            R"("FIN-WAIT-2":0,"CLOSE-WAIT":0,"CLOSING":0,"LAST-ACK":0,"TIME-WAIT":0,)"
            R"("total":1000001})"
            "\n");
}

Result<ListFilter> parse(const std::vector<std::string>& words) {
  return parse_ss_filter(words, kUsualStates);
}

TEST(Ss, StatesAreNamedOrExcluded) {
  EXPECT_EQ(parse({})->states, kUsualStates);
  EXPECT_EQ(parse({"state", "established", "state", "time-wait"})->states,
            ListFilter::bit(State::kEstablished) | ListFilter::bit(State::kTimeWait));
  EXPECT_EQ(parse({"exclude", "time-wait"})->states,
            ListFilter::kAllStates & ~ListFilter::bit(State::kTimeWait));
  EXPECT_EQ(parse({"state", "bucket", "exclude", "syn-recv"})->states,
            ListFilter::bit(State::kTimeWait));
}

TEST(Ss, ConditionsNarrow) {
  const auto matches = [](const std::vector<std::string>& words) {
    const Result<ListFilter> filter = parse(words);
    EXPECT_TRUE(filter.ok()) << filter.error().message;
    return filter.ok() && filter->matches(State::kEstablished, kKey);
  };
  EXPECT_TRUE(matches({"dst", "10.0.0.0/8", "sport", "=", ":80"}));
  EXPECT_TRUE(matches({"( dst 10.0.0.2 and sport = 80 )"})) << "one word of the shell's";
  EXPECT_TRUE(matches({"src", "10.0.0.1:80"}));
  EXPECT_FALSE(matches({"src", "10.0.0.1:81"}));
  EXPECT_TRUE(matches({"src", ":80"}));
  EXPECT_FALSE(matches({"dst", "10.0.0.1"}));
  EXPECT_FALSE(matches({"dst", "[2001:db8::1]:40001"}));
  EXPECT_FALSE(matches({"dst", "2001:db8::/32"}));
  EXPECT_TRUE(matches({"dport", ">=", "40001", "dport", "<=", "40001"}));
  EXPECT_FALSE(matches({"dport", ">", "40001"}));
  EXPECT_FALSE(matches({"dport", "<", "40001"}));
}

TEST(Ss, WhatIsNoFilterIsSaid) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"established"},
                                             {"state"},
                                             {"state", "asleep"},
                                             {"dst"},
                                             {"dst", "nowhere"},
                                             {"dst", "10.0.0.0/33"},
                                             {"dst", "10.0.0.1:x"},
                                             {"sport", "80"},
                                             {"sport", "=", "65536"},
                                             {"sport", "<", "0"},
                                             {"sport", ">", "65535"},
                                             {"dst", "10.0.0.1", "or", "dst", "10.0.0.2"}}) {
    EXPECT_FALSE(parse(wrong).ok()) << wrong.front();
  }
}

}  // namespace
}  // namespace millrace::inspect
