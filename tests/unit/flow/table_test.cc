// SPDX-License-Identifier: BSD-3-Clause
// The flow table beside a map that does the same slowly: over random operations at full capacity,
// with hashes that all fall into one bucket, with equal hashes, and through chains with holes.
#include "flow/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"

namespace millrace::flow {
namespace {

Table make_table(uint32_t capacity) {
  auto table = Table::create(0, capacity, false);
  MR_ASSERT(table);
  return std::move(*table);
}

// Each value knows its hash, as a connection knows its key.
class Twins {
 public:
  explicit Twins(uint32_t capacity) : table_(make_table(capacity)) {}

  void insert(uint64_t hash) {
    const uint32_t value = next_value_++;
    const bool fits = hashes_.size() < table_.capacity();
    ASSERT_EQ(table_.insert(hash, value), fits);
    if (!fits) return;
    hashes_.emplace(value, hash);
    order_.push_back(value);
  }

  void erase(uint32_t position) {
    const uint32_t value = order_[position];
    ASSERT_TRUE(table_.erase(hashes_.at(value), value));
    ASSERT_FALSE(table_.erase(hashes_.at(value), value)) << "a second time";
    hashes_.erase(value);
    order_[position] = order_.back();
    order_.pop_back();
  }

  void replace(uint32_t position) {
    const uint32_t old_value = order_[position];
    const uint32_t new_value = next_value_++;
    const uint64_t hash = hashes_.at(old_value);
    ASSERT_TRUE(table_.replace(hash, old_value, new_value));
    ASSERT_FALSE(table_.replace(hash, old_value, next_value_)) << "it has another value now";
    hashes_.erase(old_value);
    hashes_.emplace(new_value, hash);
    order_[position] = new_value;
  }

  void expect_found(uint32_t value) const {
    const uint64_t hash = hashes_.at(value);
    ASSERT_EQ(table_.find(hash, [&](uint32_t candidate) { return candidate == value; }), value);
    ASSERT_NE(table_.hint(hash).value(), kNil);
  }

  // Takes a hint, and asks with one that was taken some changes ago.
  void expect_hints_serve(uint64_t hash) {
    hints_.emplace_back(hash, table_.hint(hash));
    if (hints_.size() < 16) return;
    const auto [old_hash, hint] = hints_.front();
    hints_.erase(hints_.begin());
    const auto has_hash = [&, wanted = old_hash](uint32_t candidate) {
      return hashes_.at(candidate) == wanted;
    };
    const uint32_t found = table_.find(old_hash, has_hash);
    const uint32_t found_by_hint = table_.find(old_hash, hint, has_hash);
    ASSERT_EQ(found_by_hint == kNil, found == kNil);
    if (found_by_hint == kNil) return;
    ASSERT_EQ(hashes_.at(found_by_hint), old_hash);
  }

  // Every candidate shown for a hash is in the table, and those with that very hash are all shown
  // once.
  void expect_candidates(uint64_t hash) const {
    std::vector<uint32_t> shown;
    const auto none = table_.find(hash, [&](uint32_t candidate) {
      shown.push_back(candidate);
      return false;
    });
    ASSERT_EQ(none, kNil);
    std::sort(shown.begin(), shown.end());
    ASSERT_EQ(std::adjacent_find(shown.begin(), shown.end()), shown.end()) << "shown twice";
    for (const uint32_t candidate : shown) ASSERT_TRUE(hashes_.contains(candidate));
    for (const auto& [value, its_hash] : hashes_) {
      if (its_hash != hash) continue;
      ASSERT_TRUE(std::binary_search(shown.begin(), shown.end(), value));
    }
  }

  void expect_equal() const {
    ASSERT_EQ(table_.size(), hashes_.size());
    for (const uint32_t value : order_) ASSERT_NO_FATAL_FAILURE(expect_found(value));
  }

  [[nodiscard]] const Table& table() const { return table_; }
  [[nodiscard]] uint32_t size() const { return static_cast<uint32_t>(order_.size()); }
  [[nodiscard]] uint32_t value_at(uint32_t position) const { return order_[position]; }

 private:
  Table table_;
  std::unordered_map<uint32_t, uint64_t> hashes_;
  std::vector<uint32_t> order_;
  std::vector<std::pair<uint64_t, Table::Hint>> hints_;
  uint32_t next_value_ = 1;
};

using DrawHash = std::function<uint64_t(base::Random&)>;

// Fills to the brim and then keeps inserting and erasing around it.
void run_twins(uint64_t seed, uint32_t capacity, int operations, const DrawHash& draw_hash) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", capacity " + std::to_string(capacity));
  base::Random random(seed);
  Twins twins(capacity);
  while (twins.size() < capacity) ASSERT_NO_FATAL_FAILURE(twins.insert(draw_hash(random)));
  for (int i = 0; i < operations; ++i) {
    SCOPED_TRACE("operation " + std::to_string(i));
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        ASSERT_NO_FATAL_FAILURE(twins.insert(draw_hash(random)));
        break;
      case 3:
      case 4:
        if (twins.size() == 0) break;
        ASSERT_NO_FATAL_FAILURE(twins.erase(random.below(twins.size())));
        break;
      case 5:
        if (twins.size() == 0) break;
        ASSERT_NO_FATAL_FAILURE(twins.replace(random.below(twins.size())));
        break;
      case 6:
        if (twins.size() == 0) break;
        ASSERT_NO_FATAL_FAILURE(twins.expect_found(twins.value_at(random.below(twins.size()))));
        break;
      default:
        ASSERT_NO_FATAL_FAILURE(twins.expect_candidates(draw_hash(random)));
    }
    ASSERT_NO_FATAL_FAILURE(twins.expect_hints_serve(draw_hash(random)));
    if (i % 512 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(twins.expect_equal());
  }
  ASSERT_NO_FATAL_FAILURE(twins.expect_equal());
  // Empty it in random order; what is left stays reachable all the way down.
  while (twins.size() != 0) {
    ASSERT_NO_FATAL_FAILURE(twins.erase(random.below(twins.size())));
    if (twins.size() % 64 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(twins.expect_equal());
  }
  EXPECT_EQ(twins.table().size(), 0u);
}

constexpr uint64_t kSeeds[] = {1, 2, 3};

TEST(FlowTable, AgreesWithAMapAtFullCapacity) {
  for (const uint64_t seed : kSeeds) {
    for (const uint32_t capacity : {1u, 8u, 9u, 17u, 1000u}) {
      run_twins(seed, capacity, 10'000, [](base::Random& random) { return random.next(); });
    }
  }
}

TEST(FlowTable, AgreesWithAMapWhenAllHashesShareABucket) {
  for (const uint64_t seed : kSeeds) {
    // The last bucket, so the chain goes round to the first ones.
    run_twins(seed, 300, 5'000,
              [](base::Random& random) { return random.next() | 0xffff'ffff'0000'0000u; });
  }
}

TEST(FlowTable, AgreesWithAMapWhenTagsAreFew) {
  for (const uint64_t seed : kSeeds) {
    run_twins(seed, 200, 5'000, [](base::Random& random) {
      return (random.next() & 0xffff'ffff'0000'0000u) | random.below(3);
    });
  }
}

TEST(FlowTable, AgreesWithAMapWhenHashesAreEqual) {
  for (const uint64_t seed : kSeeds) {
    run_twins(seed, 120, 4'000,
              [](base::Random& random) { return 0x0123'4567'89ab'cdefu * (1 + random.below(2)); });
  }
}

TEST(FlowTable, HoldsItsCapacityAndNotOneMore) {
  Table table = make_table(100);
  EXPECT_EQ(table.capacity(), 100u);
  base::Random random(1);
  const uint64_t first_hash = random.next();
  ASSERT_TRUE(table.insert(first_hash, 0));
  for (uint32_t value = 1; value < 100; ++value) ASSERT_TRUE(table.insert(random.next(), value));
  EXPECT_FALSE(table.insert(random.next(), 100));
  EXPECT_EQ(table.size(), 100u);
  EXPECT_TRUE(table.erase(first_hash, 0));
  EXPECT_TRUE(table.insert(random.next(), 100));
}

TEST(FlowTable, WithoutCapacityFindsNothingAndTakesNothing) {
  Table table = make_table(0);
  EXPECT_FALSE(table.insert(1, 1));
  EXPECT_FALSE(table.erase(1, 1));
  EXPECT_EQ(table.hint(1).value(), kNil);
}

TEST(FlowTable, AHashWhoseTagIsZeroIsAsGoodAsAnother) {
  Table table = make_table(16);
  const uint64_t hash = 0xabcd'0000'0000'0000u;  // tag 0 would mean an empty slot
  EXPECT_EQ(table.hint(hash).value(), kNil);
  ASSERT_TRUE(table.insert(hash, 7));
  EXPECT_EQ(table.hint(hash).value(), 7u);
  EXPECT_TRUE(table.erase(hash, 7));
  EXPECT_EQ(table.hint(hash).value(), kNil);
}

TEST(FlowTable, AHintOutlivesWhatItWasTakenFor) {
  Table table = make_table(16);
  const auto found = [&](uint64_t hash, Table::Hint hint, uint32_t wanted) {
    return table.find(hash, hint, [&](uint32_t candidate) { return candidate == wanted; });
  };
  const uint64_t hash = 0x7;
  const Table::Hint none = table.hint(hash);
  EXPECT_EQ(found(hash, none, 1), kNil);
  ASSERT_TRUE(table.insert(hash, 1));
  EXPECT_EQ(found(hash, none, 1), 1u) << "inserted since";
  const Table::Hint one = table.hint(hash);
  ASSERT_TRUE(table.replace(hash, 1, 2));
  EXPECT_EQ(found(hash, one, 2), 2u) << "replaced since";
  EXPECT_EQ(found(hash, one, 1), kNil);
  ASSERT_TRUE(table.erase(hash, 2));
  EXPECT_EQ(found(hash, one, 2), kNil) << "erased since";
  ASSERT_TRUE(table.insert(hash + 0x100, 3));
  EXPECT_EQ(found(hash, one, 2), kNil) << "its place is another's";
}

TEST(FlowTable, AMissGoesOnOnlyWhereItsKindOfTagLies) {
  // 40 entries want bucket 0 and fill four; then one wants bucket 1 and lies behind all of them.
  Table table = make_table(100);
  for (uint32_t value = 1; value <= 40; ++value) {
    ASSERT_TRUE(table.insert(0x3001 + 2 * value, value));
  }
  ASSERT_TRUE(table.insert(0x2000'0000'0000'f123, 41));
  int asked = 0;
  const auto refuse = [&](uint32_t) {
    ++asked;
    return false;
  };
  EXPECT_EQ(table.find(0x0000'0000'0000'f123, refuse), kNil);
  EXPECT_EQ(asked, 0) << "what passed over bucket 0 had other tags";
  EXPECT_EQ(table.find(0x1fff'0000'0000'f123, refuse), kNil);
  EXPECT_EQ(asked, 1) << "bucket 1 has seen this one pass";
}

TEST(FlowTable, ErasingInTheMiddleOfAChainKeepsWhatLiesBehind) {
  // 35 entries want bucket 0 of 12, so they fill three and a half buckets.
  Table table = make_table(100);
  const auto hash_of = [](uint32_t value) { return uint64_t{value}; };  // tags 1, 2, 3 ...
  const auto found = [&](uint32_t value) {
    return table.find(hash_of(value), [&](uint32_t candidate) { return candidate == value; });
  };
  for (uint32_t value = 1; value <= 35; ++value) ASSERT_TRUE(table.insert(hash_of(value), value));
  for (uint32_t value = 1; value <= 20; ++value) ASSERT_TRUE(table.erase(hash_of(value), value));
  for (uint32_t value = 1; value <= 20; ++value) EXPECT_EQ(found(value), kNil);
  for (uint32_t value = 21; value <= 35; ++value) EXPECT_EQ(found(value), value);
  // The holes are used again, nearest first, and the far ones are still found behind them.
  for (uint32_t value = 101; value <= 110; ++value)
    ASSERT_TRUE(table.insert(hash_of(value), value));
  for (uint32_t value = 21; value <= 35; ++value) EXPECT_EQ(found(value), value);
  for (uint32_t value = 101; value <= 110; ++value) EXPECT_EQ(found(value), value);
}

TEST(FlowTable, AnErasedChainCostsLaterMissesNothing) {
  // A miss asks match() only about equal tags: after the chain is gone, about none at all.
  Table table = make_table(100);
  for (uint32_t value = 0; value < 50; ++value) ASSERT_TRUE(table.insert(5, value));
  int asked = 0;
  const auto refuse = [&](uint32_t) {
    ++asked;
    return false;
  };
  EXPECT_EQ(table.find(5, refuse), kNil);
  EXPECT_EQ(asked, 50);
  for (uint32_t value = 0; value < 50; ++value) ASSERT_TRUE(table.erase(5, value));
  asked = 0;
  EXPECT_EQ(table.find(5, refuse), kNil);
  EXPECT_EQ(asked, 0);
}

TEST(FlowTable, ErasingOrReplacingWhatIsNotThereChangesNothing) {
  Table table = make_table(10);
  ASSERT_TRUE(table.insert(1, 1));
  EXPECT_FALSE(table.erase(1, 2)) << "right hash, other value";
  EXPECT_FALSE(table.erase(2, 1)) << "right value, other hash";
  EXPECT_FALSE(table.replace(1, 2, 3));
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.hint(1).value(), 1u);
}

#if !defined(MILLRACE_DCHECK)  // with checks it takes many seconds
// More than 65535 entries pass over the home bucket, so its count stays at its maximum. When they
// go again the count no longer says how many are left, and every one must still be found.
TEST(FlowTable, AnOverflowCountThatSaturatesKeepsLookupsRight) {
  constexpr uint32_t kCount = 65'700;
  Table table = make_table(kCount);
  const auto hash_of = [](uint32_t value) { return uint64_t{value & 0xffff}; };
  const auto found = [&](uint32_t value) {
    return table.find(hash_of(value), [&](uint32_t candidate) { return candidate == value; });
  };
  for (uint32_t value = 0; value < kCount; ++value) {
    ASSERT_TRUE(table.insert(hash_of(value), value));
  }
  for (uint32_t value = 0; value < 2'000; ++value) {
    ASSERT_TRUE(table.erase(hash_of(value), value));
  }
  for (uint32_t value = 0; value < kCount; value += 97) {
    ASSERT_EQ(found(value), value < 2'000 ? kNil : value);
  }
}
#endif

TEST(FlowTable, MovingKeepsTheEntries) {
  Table table = make_table(10);
  ASSERT_TRUE(table.insert(1, 1));
  Table moved = std::move(table);
  EXPECT_EQ(moved.hint(1).value(), 1u);
  EXPECT_EQ(moved.size(), 1u);
}

}  // namespace
}  // namespace millrace::flow
