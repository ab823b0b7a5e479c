// SPDX-License-Identifier: BSD-3-Clause
// The search for the greatest load, against targets that are made up.
#include "load/rate_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace millrace::load {
namespace {

using Target = std::function<bool(const Trial&)>;

struct Found {
  std::optional<uint64_t> lower;
  std::optional<uint64_t> upper;
  std::vector<Trial> trials;
};

Found search(const SearchPlan& plan, const Target& target) {
  RateSearch search(plan);
  Found found;
  while (const std::optional<Trial> trial = search.next()) {
    found.trials.push_back(*trial);
    EXPECT_GE(trial->load, plan.min);
    EXPECT_LE(trial->load, plan.max);
    search.report(target(*trial));
    if (found.trials.size() > 500) {
      ADD_FAILURE() << "no end";
      break;
    }
  }
  found.lower = search.lower();
  found.upper = search.upper();
  return found;
}

Target up_to(uint64_t knee) {
  return [knee](const Trial& trial) { return trial.load <= knee; };
}

TEST(RateSearch, BoundsAKneeAsNearlyAsItIsAsked) {
  for (const uint64_t knee : {1u, 2u, 7u, 999u, 1000u, 1001u, 123'456u, 80'000'000u}) {
    for (const double width : {0.5, 0.05, 0.01}) {
      const Found found = search({.width = width}, up_to(knee));
      ASSERT_TRUE(found.lower && found.upper) << knee;
      EXPECT_LE(*found.lower, knee);
      EXPECT_GT(*found.upper, knee);
      EXPECT_TRUE(static_cast<double>(*found.upper) <=
                      static_cast<double>(*found.lower) * (1 + width) ||
                  *found.upper - *found.lower == 1)
          << knee << " " << width;
      EXPECT_LT(found.trials.size(), 60u);
    }
  }
}

TEST(RateSearch, LooksInShortTrialsFirst) {
  const Found found = search({.duration = seconds(4), .votes = 3}, up_to(50'000));
  uint32_t phase = 0;
  double seconds_in_all = 0;
  for (const Trial& trial : found.trials) {
    EXPECT_GE(trial.phase, phase);
    phase = trial.phase;
    EXPECT_EQ(trial.duration, seconds(4) / (trial.phase == 0 ? 4 : trial.phase == 1 ? 2 : 1));
    seconds_in_all += trial.duration.seconds();
  }
  EXPECT_EQ(phase, 2u);
  EXPECT_LT(seconds_in_all, 60);
}

TEST(RateSearch, SaysThatNothingOrAllMeetsTheCriteria) {
  const Found none = search({.first = 1000, .min = 10}, [](const Trial&) { return false; });
  EXPECT_FALSE(none.lower);
  EXPECT_EQ(none.upper, 10u);
  const Found all = search({.max = 1'000'000}, [](const Trial&) { return true; });
  EXPECT_EQ(all.lower, 1'000'000u);
  EXPECT_FALSE(all.upper);
  const Found one = search({.first = 5, .min = 5, .max = 5}, up_to(5));
  EXPECT_EQ(one.lower, 5u);
  EXPECT_FALSE(one.upper);
}

TEST(RateSearch, LongTrialsCorrectWhatShortOnesSaid) {
  // A queue hides an overload from a short trial: the knee is lower the longer it lasts.
  const Found queue = search({.width = 0.05, .duration = seconds(4)}, [](const Trial& trial) {
    return static_cast<double>(trial.load) <= 100'000 * (1 + 0.8 / trial.duration.seconds());
  });
  EXPECT_NEAR(static_cast<double>(queue.lower.value()), 120'000, 6'000);
  // A slow start spoils a short one: the knee is higher the longer it lasts.
  const Found start = search({.width = 0.05, .duration = seconds(4)}, [](const Trial& trial) {
    return static_cast<double>(trial.load) <= 100'000 * (1 - 0.5 / trial.duration.seconds());
  });
  EXPECT_NEAR(static_cast<double>(start.lower.value()), 87'500, 4'400);
}

TEST(RateSearch, MostOfSeveralTrialsDecideWhereTheTargetIsNoisy) {
  // Around the knee chance decides, over a tenth of the load.
  double worst = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(0, 1);
    const Found found = search({.width = 0.02, .votes = 5}, [&](const Trial& trial) {
      const double over = (static_cast<double>(trial.load) - 200'000) / 10'000;
      return uniform(random) > 1 / (1 + std::exp(-over));
    });
    ASSERT_TRUE(found.lower && found.upper);
    worst = std::max(worst, std::abs(static_cast<double>(*found.lower) / 200'000 - 1));
    EXPECT_LT(*found.lower, *found.upper);
  }
  EXPECT_LT(worst, 0.12);
}

TEST(RateSearch, IsTheSameForTheSameAnswers) {
  const auto loads = [] {
    std::string out;
    for (const Trial& trial : search({}, up_to(31'337)).trials) {
      out += std::to_string(trial.load) + " ";
    }
    return out;
  };
  EXPECT_EQ(loads(), loads());
  EXPECT_EQ(loads().substr(0, 28), "1000 4000 64000 16000 32000 ");
}

}  // namespace
}  // namespace millrace::load
