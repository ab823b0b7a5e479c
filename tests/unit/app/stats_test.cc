// SPDX-License-Identifier: BSD-3-Clause
// `millrace stats` and `millrace top`: figures as text.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "inspect/stats_text.h"
#include "inspect/top_text.h"

namespace millrace::inspect {
namespace {

using nlohmann::json;

json shard(uint64_t opens, uint64_t runts, uint64_t busy_us, uint64_t connections) {
  return {{"counters", {{"TcpPassiveOpens", opens}, {"TcpRetransSegs", 0}, {"DropRunt", runts}}},
          {"worker", {{"busy_us", busy_us}, {"frames_received", opens * 32}, {"bursts", opens}}},
          {"use", {{"connections", connections}, {"half_open", 1}}}};
}

json snapshot(int64_t time_us, uint64_t requests, const json& shards) {
  return {{"time_us", time_us},
          {"device", {{"missed", 0}, {"mbufs", 4096}, {"mbufs_in_use", 1040}}},
          {"program", {{"open", 7}, {"requests", requests}, {"bytes_in", requests * 125}}},
          {"shards", shards}};
}

const json kOne = snapshot(5'000'000, 3, json::array({shard(17, 0, 0, 5)}));
const json kTwoBefore = snapshot(1'000'000, 0, {shard(0, 0, 0, 0), shard(0, 1, 0, 0)});
const json kTwo =
    snapshot(3'000'000, 2000, {shard(1000, 0, 500'000, 5), shard(3000, 5, 1'500'000, 6)});

TEST(Stats, OfOneShardTheSumSaysAll) {
  EXPECT_EQ(stats_text(kOne, false),
            "TcpPassiveOpens                                17\n"
            "connections                                     5\n"
            "half_open                                       1\n"
            "bursts                                         17\n"
            "frames_received                               544\n"
            "device mbufs                                 4096\n"
            "device mbufs_in_use                          1040\n"
            "program bytes_in                              375\n"
            "program open                                    7\n"
            "program requests                                3\n");
  EXPECT_NE(stats_text(kOne, true).find("TcpRetransSegs                                  0\n"),
            std::string::npos);
}

TEST(Stats, OfSeveralEachHasAColumn) {
  EXPECT_EQ(stats_text(kTwo, false).substr(0, 78 * 2),
            "DropRunt                                        5             0             5\n"
            "TcpPassiveOpens                              4000          1000          3000\n");
}

TEST(Stats, NamesOfMetricsAreWordsWithUnderscores) {
  EXPECT_EQ(snake_case("TcpActiveOpens"), "tcp_active_opens");
  EXPECT_EQ(snake_case("TcpExtTCPTimeouts"), "tcp_ext_tcp_timeouts");
  EXPECT_EQ(snake_case("TcpExtTCPDSACKRecv"), "tcp_ext_tcpdsack_recv");
  EXPECT_EQ(snake_case("IpExtInECT0Pkts"), "ip_ext_in_ect0_pkts");
}

TEST(Stats, OpenMetricsHasATypeForEachFamilyAndDropsByReason) {
  EXPECT_EQ(open_metrics(kTwo),
            "# TYPE millrace_tcp_passive_opens counter\n"
            "# HELP millrace_tcp_passive_opens connections begun by peers\n"
            "millrace_tcp_passive_opens_total{shard=\"0\"} 1000\n"
            "millrace_tcp_passive_opens_total{shard=\"1\"} 3000\n"
            "# TYPE millrace_tcp_retrans_segs counter\n"
            "# HELP millrace_tcp_retrans_segs segments sent again, SYNs too\n"
            "millrace_tcp_retrans_segs_total{shard=\"0\"} 0\n"
            "millrace_tcp_retrans_segs_total{shard=\"1\"} 0\n"
            "# TYPE millrace_drops counter\n"
            "# HELP millrace_drops frames that were not used, by reason\n"
            "millrace_drops_total{shard=\"0\",reason=\"Runt\"} 0\n"
            "millrace_drops_total{shard=\"1\",reason=\"Runt\"} 5\n"
            "# TYPE millrace_use_connections gauge\n"
            "millrace_use_connections{shard=\"0\"} 5\n"
            "millrace_use_connections{shard=\"1\"} 6\n"
            "# TYPE millrace_use_half_open gauge\n"
            "millrace_use_half_open{shard=\"0\"} 1\n"
            "millrace_use_half_open{shard=\"1\"} 1\n"
            "# TYPE millrace_worker_bursts counter\n"
            "millrace_worker_bursts_total{shard=\"0\"} 1000\n"
            "millrace_worker_bursts_total{shard=\"1\"} 3000\n"
            "# TYPE millrace_worker_busy_us counter\n"
            "millrace_worker_busy_us_total{shard=\"0\"} 500000\n"
            "millrace_worker_busy_us_total{shard=\"1\"} 1500000\n"
            "# TYPE millrace_worker_frames_received counter\n"
            "millrace_worker_frames_received_total{shard=\"0\"} 32000\n"
            "millrace_worker_frames_received_total{shard=\"1\"} 96000\n"
            "# TYPE millrace_device_mbufs gauge\n"
            "millrace_device_mbufs 4096\n"
            "# TYPE millrace_device_mbufs_in_use gauge\n"
            "millrace_device_mbufs_in_use 1040\n"
            "# TYPE millrace_device_missed counter\n"
            "millrace_device_missed_total 0\n"
            "# TYPE millrace_program_bytes_in counter\n"
            "millrace_program_bytes_in_total 250000\n"
            "# TYPE millrace_program_open gauge\n"
            "millrace_program_open 7\n"
            "# TYPE millrace_program_requests counter\n"
            "millrace_program_requests_total 2000\n"
            "# EOF\n");
}

TEST(Top, DrawsRatesOfTheIntervalAndWhatIsThere) {
  EXPECT_EQ(top_table("millrace serve wire, process 1", kTwoBefore, kTwo),
            "millrace serve wire, process 1\n"
            "                                total      shard 0      shard 1\n"
            "connections                        11            5            6\n"
            "half-open                           2            1            1\n"
            "TIME-WAIT                           0            0            0\n"
            "listeners                           0            0            0\n"
            "opens                            0 /s         0 /s         0 /s\n"
            "accepts                      2.00 k/s       500 /s     1.50 k/s\n"
            "resets                           0 /s         0 /s         0 /s\n"
            "segments in                      0 /s         0 /s         0 /s\n"
            "segments out                     0 /s         0 /s         0 /s\n"
            "retransmissions                  0 /s         0 /s         0 /s\n"
            "requests                     1.00 k/s\n"
            "received                  1.00 Mbit/s\n"
            "busy                             50 %         25 %         75 %\n"
            "burst fullness                   50 %         50 %         50 %\n"
            "mbufs in use            1,040 of 4,096\n"
            "missed by the device             0 /s\n"
            "drops                            2 /s\n"
            "  Runt                           2 /s         0 /s         2 /s\n");
}

TEST(Top, SaysTheSameInALine) {
  EXPECT_EQ(top_line(kTwoBefore, kTwo),
            "connections 11  half-open 2  TIME-WAIT 0  opens 0 /s  accepts 2.00 k/s  "
            "requests 1.00 k/s  retransmissions 0 /s  drops 2 /s  busy 50 %\n");
}

}  // namespace
}  // namespace millrace::inspect
