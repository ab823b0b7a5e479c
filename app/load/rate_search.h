// SPDX-License-Identifier: BSD-3-Clause
// Looks for the greatest load that meets its criteria, in the manner of MLRsearch (RFC 2544 section
// 26.1 with confidence): short trials first, which only say where to look, and longer ones then.
// Pure: it names a load and a duration, is told whether the trial met the criteria, and goes on.
//
//     phase 1   duration / 4, width * 4, one trial each:   x4 from `first`, then halved
//     phase 2   duration / 2, width * 2, one trial each:   from the bounds of phase 1
//     phase 3   duration,     width,     best of `votes`:  from the bounds of phase 2
//
//       lower bound: met           upper bound: not met          until upper <= lower * (1 + width)
//          |------------- a trial between, by ratio -------------|
//
// A later phase tries the bounds that it was left again: one that does not hold becomes the bound
// of the other side, and the search goes on beyond it in strides that double.
#pragma once

#include <cstdint>
#include <optional>

#include "millrace/time.h"

namespace millrace::load {

struct SearchPlan {
  uint64_t first = 1000;      // where to begin
  uint64_t min = 1;           // never below
  uint64_t max = UINT64_MAX;  // never above
  double width = 0.05;        // how far apart the bounds may be in the end
  Duration duration = seconds(2);
  uint32_t votes = 3;  // trials of a load, of which most decide; odd
};

struct Trial {
  uint64_t load = 0;
  Duration duration;
  uint32_t phase = 0;
};

class RateSearch {
 public:
  static constexpr uint32_t kPhases = 3;

  // Requires: 1 <= min <= first <= max, width > 0, votes odd.
  explicit RateSearch(const SearchPlan& plan);

  // The trial to make; nothing: the search is over.
  [[nodiscard]] std::optional<Trial> next() const;
  // What came of it. Requires: next() has named one.
  void report(bool met);

  // The greatest load that met the criteria, and the least that did not, as far as the last phase
  // has found them. Without the first, not even `min` met them; without the second, `max` did.
  [[nodiscard]] std::optional<uint64_t> lower() const { return lower_; }
  [[nodiscard]] std::optional<uint64_t> upper() const { return upper_; }

 private:
  void settle(bool met);
  void choose();
  void begin_phase();
  [[nodiscard]] double width() const;

  SearchPlan plan_;
  uint32_t phase_ = 0;
  std::optional<uint64_t> load_;  // that is tried; nothing: the search is over
  uint32_t met_ = 0;              // trials of it
  uint32_t not_met_ = 0;
  std::optional<uint64_t> lower_;
  std::optional<uint64_t> upper_;
  // What the phase before has left, to be tried first.
  std::optional<uint64_t> old_lower_;
  std::optional<uint64_t> old_upper_;
  double stride_ = 4;
};

}  // namespace millrace::load
