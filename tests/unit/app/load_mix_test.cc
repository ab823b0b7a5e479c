// SPDX-License-Identifier: BSD-3-Clause
// Parts of a mix: as they are written, weighed, and run beside each other.
#include "load/mix.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

using Parts = std::vector<std::unique_ptr<MixPart>>;

Parts parts_of(std::initializer_list<std::string> texts) {
  Parts parts;
  for (const std::string& text : texts) parts.push_back(std::move(parse_mix_part(text).value()));
  return parts;
}

TEST(MixPart, IsWrittenAsTheModeIsOnItsOwn) {
  const Parts parts = parts_of({"cps --weight 3 --close reset", "rps --pipeline 4 -r 100",
                                "cc --concurrency 50 --every 2s", "cps --path '/a b'"});
  EXPECT_EQ(parts[0]->weight, 3u);
  EXPECT_EQ(parts[0]->options.plan.close, CloseBy::kReset);
  EXPECT_EQ(parts[1]->options.plan.mode, Mode::kRps);
  EXPECT_EQ(parts[1]->options.plan.pipeline, 4u);
  EXPECT_EQ(parts[1]->options.plan.rate, 100u);
  EXPECT_EQ(parts[2]->options.plan.every, seconds(2));
  EXPECT_EQ(parts[3]->options.exchange.paths, std::vector<std::string>{"/a b"});
}

TEST(MixPart, SaysWhatIsWrong) {
  const auto error = [](const char* text) { return parse_mix_part(text).error().message; };
  EXPECT_EQ(error("syn --rate 5"),
            "begin with cps, rps or cc, then the options that it has on its own");
  EXPECT_NE(error("cps --pipeline 4").find("--pipeline"), std::string::npos);
  EXPECT_NE(error("rps --rate many").find("--rate"), std::string::npos);
}

TEST(Mix, DividesByWeightWhatPartsDoNotSay) {
  Parts parts =
      parts_of({"cps --weight 3", "rps", "rps --rate 7 --concurrency 9", "cc --concurrency 100"});
  ASSERT_TRUE(weigh({.concurrency = 101, .rate = 1001}, parts).ok());
  EXPECT_EQ(parts[0]->options.plan.rate, 750u);
  EXPECT_EQ(parts[1]->options.plan.rate, 251u);
  EXPECT_EQ(parts[2]->options.plan.rate, 7u);
  EXPECT_EQ(parts[3]->options.plan.rate, 0u);
  EXPECT_EQ(parts[0]->options.plan.concurrency, 75u);
  EXPECT_EQ(parts[1]->options.plan.concurrency, 26u);
  EXPECT_EQ(parts[2]->options.plan.concurrency, 9u);
  EXPECT_EQ(parts[3]->options.plan.concurrency, 100u);
}

TEST(Mix, EachPartNeedsSomethingToDo) {
  Parts connections = parts_of({"cps", "rps", "cc"});
  EXPECT_EQ(weigh({.concurrency = 2}, connections).error().message,
            "a part has no connections; raise --concurrency");
  Parts arrivals = parts_of({"cps", "rps"});
  EXPECT_EQ(weigh({.concurrency = 8, .rate = 1}, arrivals).error().message,
            "a part has no arrivals; raise --rate");
}

TEST(Mix, PartsRunBesideEachOtherAndAreReportedApart) {
  Parts parts =
      parts_of({"cps --weight 3", "rps --pipeline 2", "cc --concurrency 5 --every 100ms"});
  ASSERT_TRUE(weigh({.concurrency = 40, .rate = 400}, parts).ok());
  std::vector<Exchange> exchanges;
  for (const auto& part : parts) {
    part->options.plan.target = ProgramPair::kTarget;
    part->options.plan.duration = seconds(1);
    exchanges.push_back(complete(part->options).value());
  }
  std::vector<std::unique_ptr<Generator>> generators;
  std::vector<Generator*> all;
  for (size_t i = 0; i < parts.size(); ++i) {
    generators.push_back(std::make_unique<Generator>(parts[i]->options.plan, exchanges[i]));
    all.push_back(generators.back().get());
  }
  Mix mix(all);
  serve::ServeProgram server(http_service());
  ProgramPair pair(mix, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(all[0]->snapshot().get(Count::kCompleted), 300u);
  EXPECT_EQ(all[1]->snapshot().get(Count::kResponses), 100u);
  EXPECT_EQ(all[2]->snapshot().get(Count::kResponses), 5u * 9u);  // the first is after 100 ms
  EXPECT_EQ(all[2]->snapshot().get(Count::kCompleted), 5u);

  MixPlan plan;
  plan.target = ProgramPair::kTarget;
  plan.rate = 400;
  for (size_t i = 0; i < parts.size(); ++i) {
    plan.parts.push_back({&parts[i]->options.plan, Team<Generator>({all[i]})});
  }
  const Team<Generator> team(all);
  const MixOutcome outcome(plan, "loopback", team, pair.counters(), pair.report(), nullptr);
  EXPECT_TRUE(succeeded(outcome));
  const nlohmann::json json = to_json(outcome);
  EXPECT_EQ(json["mode"], "mix");
  EXPECT_EQ(json["connections"]["completed"], 300 + 10 + 5);
  EXPECT_EQ(json["requests"]["completed"], 300 + 100 + 45);
  EXPECT_EQ(json["parts"][0]["mode"], "cps");
  EXPECT_EQ(json["parts"][1]["requests"]["completed"], 100);
  EXPECT_EQ(json["parts"][2]["latency_us"]["response"]["count"], 45);
  EXPECT_EQ(json["unexplained"]["requests"], 0);
  // Each frame is counted once, though all parts share a stack.
  EXPECT_LT(json["connections"]["frames_each"]["out"].get<double>(), 8);
  EXPECT_NE(to_text(outcome).find("\nmix (http) to 10.0.0.1:80"), std::string::npos);
}

}  // namespace
}  // namespace millrace::load
