// SPDX-License-Identifier: BSD-3-Clause
// Reports of several machines as one, and what files are made of a report.
#include "load/merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "load/csv.h"
#include "load/hdr_text.h"
#include "load/html_page.h"
#include "load/plot.h"
#include "serve/serve_program.h"
#include "unit/app/load_pair.h"

namespace millrace::load {
namespace {

// A second of connections at `rate`; intervals of 100 ms.
nlohmann::json report_of(uint64_t rate) {
  serve::ServeConfig config;
  config.echo_port = MadeUpServer::kPort;
  serve::ServeProgram server(config);
  LoadPair pair({.concurrency = 64, .rate = rate, .duration = seconds(1)},
                {.protocol = Protocol::kEcho, .request_bytes = 64}, server);
  IntervalLog log(milliseconds(100));
  EXPECT_TRUE(pair.probe());
  log.start(pair.generator().began());
  const auto reading = [&] { return pair.reading(); };
  for (int i = 0; i < 9; ++i) {
    pair.pass(milliseconds(100));
    log.take(pair.now(), reading());
  }
  EXPECT_TRUE(pair.run());
  log.take_rest(pair.generator().began() + seconds(1), reading());
  Outcome outcome = pair.outcome();
  outcome.intervals = &log.intervals();
  return to_json(outcome);
}

class Reports : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    slow_ = new nlohmann::json(report_of(500));
    fast_ = new nlohmann::json(report_of(2000));
  }
  static void TearDownTestSuite() {
    delete slow_;
    delete fast_;
  }
  static nlohmann::json merged() {
    return merge_reports({{"slow", *slow_}, {"fast", *fast_}}).value();
  }

  static nlohmann::json* slow_;
  static nlohmann::json* fast_;
};
nlohmann::json* Reports::slow_ = nullptr;
nlohmann::json* Reports::fast_ = nullptr;

TEST_F(Reports, CountsAndRatesAreAddedUp) {
  const nlohmann::json all = merged();
  EXPECT_EQ(all["connections"]["completed"], 2500);
  EXPECT_NEAR(all["connections"]["per_second"].get<double>(), 2500, 2);  // at the end, some go on
  EXPECT_EQ(all["rate"], 2500);
  EXPECT_EQ(all["arrivals"]["scheduled"], 2500);
  EXPECT_EQ(all["bytes"]["sent"], 2500 * 64);
  EXPECT_EQ(all["seconds"], 1.0);
  EXPECT_EQ(all["merged"], 2);
  EXPECT_EQ(all["machines"][1]["name"], "fast");
  EXPECT_EQ(all["succeeded"], true);
  EXPECT_NEAR(all["connections"]["frames_each"]["out"].get<double>(), 4, 0.05);
  EXPECT_EQ(all["stack"]["counters"]["TcpOutSegs"],
            (*slow_)["stack"]["counters"]["TcpOutSegs"].get<uint64_t>() +
                (*fast_)["stack"]["counters"]["TcpOutSegs"].get<uint64_t>());
}

TEST_F(Reports, HistogramsAreMergedBucketByBucket) {
  const nlohmann::json all = merged();
  for (const auto& [name, text] : all["histograms"].items()) {
    Histogram sum;
    for (const nlohmann::json* part : {slow_, fast_}) {
      sum.merge(decode_hdr((*part)["histograms"][name].get<std::string>()).value());
    }
    EXPECT_EQ(text, encode_hdr(sum)) << name;
    EXPECT_EQ(all["latency_us"][name]["count"], sum.count()) << name;
    EXPECT_EQ(all["latency_us"][name]["max"],
              std::max((*slow_)["latency_us"][name]["max"], (*fast_)["latency_us"][name]["max"]));
  }
  EXPECT_EQ(all["histograms"].size(), kLatencyCount);
}

TEST_F(Reports, IntervalsAreMergedOneByOne) {
  const nlohmann::json all = merged();
  ASSERT_EQ(all["intervals"].size(), 10u);
  uint64_t launched = 0;
  for (const nlohmann::json& interval : all["intervals"]) {
    launched += interval["connections"]["launched"].get<uint64_t>();
    EXPECT_NEAR(interval["seconds"].get<double>(), 0.1, 0.001);
  }
  EXPECT_EQ(launched, 2500u);
}

TEST_F(Reports, OneThatFailedFailsThemAll) {
  nlohmann::json bad = *fast_;
  bad["succeeded"] = false;
  bad["error"] = "no answer";
  bad["verdict"]["limit"] = "wire";
  const nlohmann::json all = merge_reports({{"a", *slow_}, {"b", bad}, {"c", *fast_}}).value();
  EXPECT_EQ(all["succeeded"], false);
  EXPECT_EQ(all["error"], "no answer");
  EXPECT_EQ(all["verdict"]["limit"], "wire");
}

TEST_F(Reports, WhatDoesNotBelongTogetherIsRefused) {
  nlohmann::json other = *fast_;
  other["mode"] = "rps";
  EXPECT_EQ(merge_reports({{"a", *slow_}, {"b", other}}).error().message,
            "a and b are not of one mode");
  nlohmann::json damaged = *fast_;
  damaged["histograms"]["connect"] = "HISTFAAA";
  EXPECT_EQ(merge_reports({{"a", *slow_}, {"b", damaged}}).error().message,
            "b: the histogram is cut short or damaged");
  nlohmann::json cut = *fast_;
  cut.erase("intervals");
  EXPECT_FALSE(merge_reports({{"a", *slow_}, {"b", cut}}).ok());
}

TEST_F(Reports, AreReadFromFilesOfEitherForm) {
  const std::string path = testing::TempDir() + "millrace_report.json";
  std::ofstream(path) << fast_->dump(2) << "\n";
  EXPECT_EQ(read_report(path).value(), *fast_);
  std::ofstream(path) << "{\"type\":\"interval\"}\n" << fast_->dump() << "\n";
  EXPECT_EQ(read_report(path).value(), *fast_);
  std::ofstream(path) << "{\"type\":\"interval\"}\n";
  EXPECT_FALSE(read_report(path).ok());
  std::remove(path.c_str());
  EXPECT_FALSE(read_report(path).ok());
}

TEST_F(Reports, AsCsvHaveALineForEachInterval) {
  const std::string csv = to_csv(*slow_);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 11);
  const std::string head = csv.substr(0, csv.find('\n'));
  EXPECT_TRUE(head.starts_with("from,seconds,connections.launched,")) << head;
  const auto commas = std::count(head.begin(), head.end(), ',');
  for (size_t at = 0; at < csv.size(); at = csv.find('\n', at) + 1) {
    const std::string line = csv.substr(at, csv.find('\n', at) - at);
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), commas) << line;
  }
}

TEST_F(Reports, AsAPageNeedNothingElse) {
  nlohmann::json report = *slow_;
  report["device_uri"] = "memif:/tmp/</script><b>&";
  const std::string page = to_html(report);
  for (const char* part : {"<!DOCTYPE html>", "Per second", "Over time: connect", "Percentiles",
                           "memif:/tmp/&lt;/script&gt;&lt;b&gt;&amp;", "<polyline"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  for (const char* absent : {"http://", "https://", "src=", "@import", "nan", "inf,"}) {
    EXPECT_EQ(page.find(absent), std::string::npos) << absent;
  }
  // The data is in it, whole.
  const std::string open = "id=\"report\">";
  const size_t begin = page.find(open) + open.size();
  const size_t end = page.find("</script>", begin);
  EXPECT_EQ(nlohmann::json::parse(page.substr(begin, end - begin)), report);
}

TEST(Plot, OfNothingSaysSo) {
  EXPECT_NE(to_svg({.title = "empty", .x_label = "", .series = {{"none", {}}}, .x_ticks = {}})
                .find("nothing was measured"),
            std::string::npos);
}

TEST(Plot, PutsPointsWhereTheyBelong) {
  const std::string svg =
      to_svg({.title = "t", .x_label = "x", .series = {{"s", {{0, 0}, {10, 100}}}}, .x_ticks = {}});
  // From the lower left corner to the right, and up to a twentieth below the top.
  EXPECT_NE(svg.find("<polyline points=\"90.0,254.0 844.0,44.5 \""), std::string::npos) << svg;
}

}  // namespace
}  // namespace millrace::load
