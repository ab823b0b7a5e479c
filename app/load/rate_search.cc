// SPDX-License-Identifier: BSD-3-Clause
#include "load/rate_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace::load {
namespace {

constexpr double kFirstStride = 4;

uint64_t scaled(uint64_t load, double factor) {
  const double product = static_cast<double>(load) * factor;
  return product >= 1.8e19 ? UINT64_MAX : static_cast<uint64_t>(std::llround(product));
}

}  // namespace

RateSearch::RateSearch(const SearchPlan& plan)
    : plan_(plan), load_(plan.first), stride_(kFirstStride) {}

double RateSearch::width() const { return plan_.width * (1u << (kPhases - 1 - phase_)); }

std::optional<Trial> RateSearch::next() const {
  if (!load_) return std::nullopt;
  return Trial{*load_, plan_.duration / (1 << (kPhases - 1 - phase_)), phase_};
}

void RateSearch::report(bool met) {
  ++(met ? met_ : not_met_);
  const uint32_t votes = phase_ == kPhases - 1 ? plan_.votes : 1;
  if (std::max(met_, not_met_) <= votes / 2) return;  // the same once more
  settle(met_ > not_met_);
  met_ = not_met_ = 0;
  choose();
}

void RateSearch::settle(bool met) {
  (met ? lower_ : upper_) = *load_;
  // Of noise: a load below one that met them did not, or the other way round.
  if (lower_ && upper_ && *lower_ >= *upper_) (met ? upper_ : lower_).reset();
}

void RateSearch::begin_phase() {
  ++phase_;
  old_lower_ = std::exchange(lower_, std::nullopt);
  old_upper_ = std::exchange(upper_, std::nullopt);
  stride_ = 1 + width();
}

void RateSearch::choose() {
  for (;;) {
    const bool all_fail = upper_ && *upper_ <= plan_.min;
    const bool all_met = lower_ && *lower_ >= plan_.max;
    const bool near =
        lower_ && upper_ &&
        (static_cast<double>(*upper_) <= static_cast<double>(*lower_) * (1 + width()) ||
         *upper_ - *lower_ <= 1);
    if (all_fail || all_met || near) {
      if (phase_ == kPhases - 1) {
        load_.reset();
        return;
      }
      begin_phase();
    }
    // What the phase before has left, unless it is known by now.
    if (const auto old = std::exchange(old_lower_, std::nullopt); old && !lower_) {
      load_ = *old;
      return;
    }
    if (const auto old = std::exchange(old_upper_, std::nullopt);
        old && !upper_ && (!lower_ || *old > *lower_)) {
      load_ = *old;
      return;
    }
    if (lower_ && upper_) {
      const double middle = std::sqrt(static_cast<double>(*lower_) * static_cast<double>(*upper_));
      load_ = std::clamp(static_cast<uint64_t>(middle), *lower_ + 1, *upper_ - 1);
      return;
    }
    const double stride = stride_;
    stride_ *= stride_;
    if (lower_) {
      load_ = std::clamp(scaled(*lower_, stride), *lower_ + 1, plan_.max);
    } else {
      load_ = std::clamp(scaled(*upper_, 1 / stride), plan_.min, *upper_ - 1);
    }
    return;
  }
}

}  // namespace millrace::load
