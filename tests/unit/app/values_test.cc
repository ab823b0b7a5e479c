// SPDX-License-Identifier: BSD-3-Clause
#include "cli/values.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/format.h"

namespace millrace::cli {
namespace {

TEST(Values, DurationsAreReadWithTheirUnits) {
  struct Row {
    std::string text;
    std::optional<Duration> value;
  };
  const std::vector<Row> table = {
      {"0", Duration{}},
      {"10", seconds(10)},
      {"10s", seconds(10)},
      {"1.5s", milliseconds(1500)},
      {".5s", milliseconds(500)},
      {"500ms", milliseconds(500)},
      {"250us", microseconds(250)},
      {"7ns", nanoseconds(7)},
      {"2m", seconds(120)},
      {"1h", seconds(3600)},
      {"0.1ms", microseconds(100)},
      {"", std::nullopt},
      {"s", std::nullopt},
      {".", std::nullopt},
      {"1.2.3s", std::nullopt},
      {"-1s", std::nullopt},
      {"+1s", std::nullopt},
      {"1 s", std::nullopt},
      {"1S", std::nullopt},
      {"1d", std::nullopt},
      {"1e3s", std::nullopt},
      {"99999999999999999999h", std::nullopt},
  };
  for (const Row& row : table) EXPECT_EQ(parse_duration(row.text), row.value) << row.text;
}

TEST(Values, DurationsAreWrittenAsTheyAreRead) {
  EXPECT_EQ(to_text(seconds(0)), "0s");
  EXPECT_EQ(to_text(seconds(90)), "90s");
  EXPECT_EQ(to_text(seconds(7200)), "2h");
  EXPECT_EQ(to_text(milliseconds(1500)), "1500ms");
  for (const int64_t ns : {1LL, 999LL, 1'000LL, 60'000'000'000LL, 123'456'789LL}) {
    EXPECT_EQ(parse_duration(to_text(nanoseconds(ns))), nanoseconds(ns));
  }
}

TEST(Values, SizesAreReadInPowersOf1024) {
  struct Row {
    std::string text;
    std::optional<uint64_t> value;
  };
  const std::vector<Row> table = {
      {"0", 0},
      {"64", 64},
      {"64B", 64},
      {"4k", 4096},
      {"4K", 4096},
      {"4kB", 4096},
      {"4KiB", 4096},
      {"2m", 2u << 20},
      {"1g", 1u << 30},
      {"1t", uint64_t{1} << 40},
      {"18446744073709551615", UINT64_MAX},
      {"18446744073709551616", std::nullopt},
      {"16777216t", std::nullopt},  // 2^64
      {"", std::nullopt},
      {"k", std::nullopt},
      {"4iB", std::nullopt},
      {"4x", std::nullopt},
      {"4kk", std::nullopt},
      {"1.5k", std::nullopt},
      {"-1", std::nullopt},
      {" 1", std::nullopt},
  };
  for (const Row& row : table) EXPECT_EQ(parse_size(row.text), row.value) << row.text;
}

TEST(Values, SizesAreWrittenAsTheyAreRead) {
  EXPECT_EQ(size_to_text(0), "0");
  EXPECT_EQ(size_to_text(64), "64");
  EXPECT_EQ(size_to_text(4096), "4k");
  EXPECT_EQ(size_to_text(uint64_t{1} << 40), "1t");
  for (const uint64_t size : {uint64_t{1}, uint64_t{1023}, uint64_t{1025}, uint64_t{3} << 30}) {
    EXPECT_EQ(parse_size(size_to_text(size)), size);
  }
}

TEST(Values, NumbersAreDecimalAndNothingElse) {
  EXPECT_EQ(parse_number("0"), 0u);
  EXPECT_EQ(parse_number("007"), 7u);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  for (const std::string text :
       {"", "-1", "+1", "1.0", "0x10", " 1", "1 ", "18446744073709551616"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Format, RatesHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(format_rate(0), "0 /s");
  EXPECT_EQ(format_rate(950), "950 /s");
  EXPECT_EQ(format_rate(1200), "1.20 k/s");
  EXPECT_EQ(format_rate(999'999), "1.00 M/s");
  EXPECT_EQ(format_rate(12'345'678), "12.3 M/s");
  EXPECT_EQ(format_bit_rate(1.25e9), "10.0 Gbit/s");
}

TEST(Format, CountsAreGroupedByThree) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1'234'567), "1,234,567");
  EXPECT_EQ(format_count(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Format, BytesAndDurationsChooseTheirUnit) {
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1536), "1.50 KiB");
  EXPECT_EQ(format_bytes(uint64_t{3} << 30), "3.00 GiB");
  EXPECT_EQ(format_duration(nanoseconds(850)), "850 ns");
  EXPECT_EQ(format_duration(microseconds(12)), "12.0 us");
  EXPECT_EQ(format_duration(microseconds(1250)), "1.25 ms");
  EXPECT_EQ(format_duration(seconds(2)), "2.00 s");
}

TEST(Format, SharesAreNeverAllOrNothingWhenTheyAreNot) {
  EXPECT_EQ(format_share(0, 0), "-");
  EXPECT_EQ(format_share(0, 10), "0 %");
  EXPECT_EQ(format_share(1, 1000), "<1 %");
  EXPECT_EQ(format_share(45, 100), "45 %");
  EXPECT_EQ(format_share(9999, 10'000), "99 %");
  EXPECT_EQ(format_share(10, 10), "100 %");
}

}  // namespace
}  // namespace millrace::cli
