// SPDX-License-Identifier: BSD-3-Clause
// Figures by name, what may be required of them, and what two reports differ in.
#include "load/requirement.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "load/compare.h"
#include "load/report_options.h"

namespace millrace::load {
namespace {

const nlohmann::json kReport = nlohmann::json::parse(R"({
  "connections": {"completed": 1000, "failed": 3, "per_second": 250.5,
                  "frames_each": {"out": 4.0, "in": 3.0}},
  "arrivals": {"scheduled": 1010, "skipped_late": 4, "skipped_busy": 5, "skipped_end": 1},
  "unexplained": {"arrivals": -2, "connections": 0, "requests": 1},
  "latency_us": {"connect": {"count": 1000, "p99": 1500.0, "p99_9": 2500.0, "max": 2600.0},
                 "close": {"count": 0, "p99": 0.0}},
  "stack": {"drops": {"DropTcpChecksum": 2, "DropRunt": 1}}})");

std::vector<Checked> checked(std::initializer_list<const char*> texts) {
  std::vector<Requirement> requirements;
  for (const char* text : texts) requirements.push_back(Requirement::parse(text).value());
  return check(requirements, kReport);
}

bool met(const char* text) { return all_met(checked({text})); }

std::string error_of(const char* text) {
  const Result<Requirement> r = Requirement::parse(text);
  return r.ok() ? "" : r.error().message;
}

TEST(Requirement, ComparesAFigureOfTheReport) {
  EXPECT_TRUE(met("connect.p99<2ms"));
  EXPECT_TRUE(met("connect.p99<=1500us"));
  EXPECT_FALSE(met("connect.p99<1500us"));
  EXPECT_FALSE(met("connect.p99 > 1.5ms"));
  EXPECT_TRUE(met("connect.p99.9 >= 2.5ms"));
  EXPECT_TRUE(met("connections.completed=1000"));
  EXPECT_TRUE(met("connections.completed == 1k"));
  EXPECT_FALSE(met("connections.completed!=1000"));
  EXPECT_TRUE(met("connections.per_second>=0.25k"));
  EXPECT_TRUE(met("connections.frames_each.out<=4"));
}

TEST(Requirement, KnowsSums) {
  EXPECT_TRUE(met("failures=3"));
  EXPECT_TRUE(met("connections.failed<4"));
  EXPECT_TRUE(met("skipped=10"));
  EXPECT_TRUE(met("unexplained=3"));  // without their signs
  EXPECT_TRUE(met("drops=3"));
}

TEST(Requirement, IsNotMetByWhatWasNotMeasured) {
  EXPECT_FALSE(met("close.p99<1s"));  // not once
  EXPECT_FALSE(met("syns.sent>=0"));  // another mode's
  EXPECT_FALSE(met("response.max<1s"));
  EXPECT_EQ(to_text(checked({"close.p99<1s"})),
            "\nrequired\n  close.p99<1s                        not measured  NOT MET\n");
}

TEST(Requirement, SaysWhatIsWrongWithIt) {
  EXPECT_EQ(error_of("conect.p99<2ms"), "there is no figure conect.p99; did you mean connect.p99?");
  EXPECT_EQ(error_of("warp<2"), "there is no figure warp; --help-require lists all");
  EXPECT_EQ(error_of("connect.p99<2"), "give a time with its unit, such as 150us, 2ms or 1s");
  EXPECT_EQ(error_of("connect.p99<fast"), "give a time with its unit, such as 150us, 2ms or 1s");
  EXPECT_EQ(error_of("failures=none"), "give a number, such as 0, 1500 or 200k");
  EXPECT_EQ(error_of("failures=-1"), "give a number, such as 0, 1500 or 200k");
  EXPECT_EQ(error_of("failures=nan"), "give a number, such as 0, 1500 or 200k");
  EXPECT_EQ(error_of("failures!1"), "relations are < <= > >= = !=");
  EXPECT_EQ(error_of("failures"),
            "give a figure, a relation and a value, such as connect.p99<2ms or failures=0");
}

TEST(Requirement, OfFailuresTakesThePlaceOfNone) {
  EXPECT_FALSE(allow_failures({Requirement::parse("connect.p99<2ms").value()}));
  EXPECT_TRUE(allow_failures({Requirement::parse("failures<=5").value()}));
  EXPECT_TRUE(allow_failures({Requirement::parse("connections.failed<=5").value()}));
}

TEST(Requirement, DecidesWhetherARunSucceeded) {
  const auto succeeded = [](bool reported, bool sound, std::initializer_list<const char*> texts) {
    ReportOptions options;
    for (const char* text : texts) options.requirements.push_back(Requirement::parse(text).value());
    nlohmann::json report = kReport;
    report["succeeded"] = reported;
    ReportFiles::open(options).value().finish(report, sound);
    return report["succeeded"].get<bool>();
  };
  EXPECT_FALSE(succeeded(false, true, {}));
  EXPECT_FALSE(succeeded(false, true, {"connect.p99<2ms"}));  // failures are still failures
  EXPECT_TRUE(succeeded(false, true, {"failures<=3"}));
  EXPECT_FALSE(succeeded(false, true, {"failures<=2"}));
  EXPECT_FALSE(succeeded(false, false, {"failures<=3"}));  // something else was wrong
  EXPECT_FALSE(succeeded(true, true, {"connect.p99<1ms"}));
}

TEST(Metric, NamesAreUniqueAndExplained) {
  std::set<std::string> names;
  for (const Metric& metric : metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.meaning.empty()) << metric.name;
    EXPECT_EQ(find_metric(metric.name), &metric);
  }
  for (const char* name : {"failures", "connections.per_second", "from_schedule"}) {
    EXPECT_NE(metrics_help().find(name), std::string::npos) << name;
  }
}

TEST(Compare, SaysWhatChangedAndWhetherForTheBetter) {
  nlohmann::json after = kReport;
  after["connections"]["per_second"] = 501.0;
  after["latency_us"]["connect"]["p99"] = 3000.0;
  after["connections"]["failed"] = 0;
  const std::vector<Difference> differences = compare(kReport, after);
  const auto of = [&](const char* name) {
    for (const Difference& d : differences) {
      if (d.metric->name == name) return d;
    }
    ADD_FAILURE() << name;
    return Difference{};
  };
  EXPECT_DOUBLE_EQ(of("connections.per_second").share(), 1.0);
  EXPECT_TRUE(of("connections.per_second").better());
  EXPECT_DOUBLE_EQ(of("connect.p99").share(), 1.0);
  EXPECT_FALSE(of("connect.p99").better());
  EXPECT_DOUBLE_EQ(of("failures").share(), -1.0);
  EXPECT_TRUE(of("failures").better());
  EXPECT_EQ(of("connect.max").share(), 0.0);
  const std::string text = to_text(differences, 0.05);
  EXPECT_NE(text.find("connect.p99                            1.50 ms         3.00 ms  +100.0 %  "
                      "worse\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("connect.max                            2.60 ms         2.60 ms    +0.0 %  "),
            std::string::npos)
      << text;
}

TEST(StartAt, TakesTheTimeInSeveralForms) {
  constexpr double kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z
  EXPECT_DOUBLE_EQ(parse_start("+5s", kNow).value(), kNow + 5);
  EXPECT_DOUBLE_EQ(parse_start("1700000001.5", kNow).value(), kNow + 1.5);
  EXPECT_DOUBLE_EQ(parse_start("2023-11-14T22:14:00Z", kNow).value(), kNow + 40);
  const double time = parse_start("12:00:00", kNow).value();  // wherever that is
  EXPECT_GE(time, kNow);
  EXPECT_LE(time, kNow + 86'400);
  EXPECT_EQ(parse_start("1699999999", kNow).error().message, "that is over; give a time to come");
  EXPECT_FALSE(parse_start("soon", kNow).ok());
  EXPECT_FALSE(parse_start("+soon", kNow).ok());
  EXPECT_FALSE(parse_start("1900000000", kNow).ok());
}

}  // namespace
}  // namespace millrace::load
