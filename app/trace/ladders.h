// SPDX-License-Identifier: BSD-3-Clause
// Segments of many connections, sorted into ladders, within bounds of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "millrace/time.h"
#include "trace/ladder.h"
#include "trace/observer.h"

namespace millrace::trace {

// What is looked at; what is not set lets everything pass.
struct Filter {
  std::optional<IpAddress> address;  // of either end
  std::optional<uint16_t> port;      // the same
  std::optional<uint32_t> nth;       // counted from 1, among those that pass the others

  [[nodiscard]] bool passes(const Segment& segment) const;
};

class Ladders {
 public:
  struct Bounds {
    size_t connections = 1000;     // that are drawn
    size_t tuples = 100'000;       // that are told apart
    size_t rows = 1000;            // of one connection
    size_t rows_in_all = 100'000;  // 25 MB
  };
  struct Entry {
    uint32_t number = 0;  // of the connection, from 1
    Ladder ladder;
  };

  Ladders(const Filter& filter, const Bounds& bounds) : filter_(filter), bounds_(bounds) {}

  void add(Instant time, const Segment& segment);

  // In the order in which they began.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  // Segments that passed the filter, but for Filter::nth; and connections, of which those beyond
  // the bounds are not drawn.
  [[nodiscard]] uint64_t segments() const { return segments_; }
  [[nodiscard]] uint32_t connections() const { return connections_; }

 private:
  struct Tuple {
    Endpoint left;
    Endpoint right;
    [[nodiscard]] auto key() const {
      return std::tuple(left.address, left.port, right.address, right.port);
    }
    friend bool operator<(const Tuple& a, const Tuple& b) { return a.key() < b.key(); }
  };
  static constexpr size_t kNotDrawn = SIZE_MAX;
  struct Current {
    size_t entry;  // or kNotDrawn
    Observer observer;
    Instant began;
  };

  [[nodiscard]] std::map<Tuple, Current>::iterator find(const Segment& segment, Side& from);
  std::map<Tuple, Current>::iterator begin(Instant time, const Segment& segment, Side& from);

  Filter filter_;
  Bounds bounds_;
  std::map<Tuple, Current> current_;
  std::vector<Entry> entries_;
  uint32_t connections_ = 0;
  size_t rows_ = 0;
  uint64_t segments_ = 0;
};

}  // namespace millrace::trace
