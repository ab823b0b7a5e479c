// SPDX-License-Identifier: BSD-3-Clause
// How a rate grows from 0 to all of it, beginning at time 0: the time of an arrival comes in as it
// would be at the full rate, and goes out as it is on the ramp; and back.
//
//     rate |        ____       ____       ___
//          |      /        __|          /      The area below is how many have arrived: what falls
//          |    /        __|           (       on the ramp takes as long as `length`, and would
//          |__/_____   _|_______   ___/_____   have taken about half of it at the full rate.
//             linear      step        sine
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "millrace/time.h"

namespace millrace::load {

enum class RampShape : uint8_t {
  kLinear,
  kStep,  // of equal height and length; the first is at time 0
  kSine,  // half a wave of a cosine: neither its beginning nor its end is sudden
};

struct Ramp {
  Duration length;  // 0: none
  RampShape shape = RampShape::kLinear;
  uint32_t steps = 10;

  // Time as it would pass without the ramp, and back.
  [[nodiscard]] Duration flattened(Duration elapsed) const {
    if (length.ns == 0 || elapsed.ns < 0) return elapsed;
    if (elapsed >= length) return elapsed - length + times(area(1));
    return times(area(share(elapsed)));
  }
  [[nodiscard]] Duration stretched(Duration flat) const {
    if (length.ns == 0) return flat;
    if (flat >= times(area(1))) return flat + (length - times(area(1)));
    return times(reach(share(flat)));
  }

  friend bool operator==(const Ramp&, const Ramp&) = default;

 private:
  [[nodiscard]] double share(Duration part) const {
    return static_cast<double>(part.ns) / static_cast<double>(length.ns);
  }
  [[nodiscard]] Duration times(double share) const {
    return {static_cast<int64_t>(share * static_cast<double>(length.ns))};
  }
  // Below the ramp, from 0 to x, where the whole has length and height 1.
  [[nodiscard]] double area(double x) const {
    const double k = steps;
    switch (shape) {
      case RampShape::kLinear:
        return x * x / 2;
      case RampShape::kStep: {
        const double i = std::min(std::floor(x * k), k - 1);
        return (i * (i + 1) / 2 + (i + 1) * (x * k - i)) / (k * k);
      }
      case RampShape::kSine:
        return x / 2 - std::sin(std::numbers::pi * x) / (2 * std::numbers::pi);
    }
    return x;
  }
  // The x below which that area is.
  [[nodiscard]] double reach(double a) const {
    const double k = steps;
    switch (shape) {
      case RampShape::kLinear:
        return std::sqrt(2 * a);
      case RampShape::kStep: {
        const double blocks = a * k * k;
        const double i = std::min(std::floor((std::sqrt(1 + 8 * blocks) - 1) / 2), k - 1);
        return (i + (blocks - i * (i + 1) / 2) / (i + 1)) / k;
      }
      case RampShape::kSine: {
        // Newton's, from below: the area is convex, and near 0 a cube.
        double x = std::cbrt(12 * a / (std::numbers::pi * std::numbers::pi));
        for (int i = 0; i < 8 && x > 0; ++i) {
          x -= (area(x) - a) / ((1 - std::cos(std::numbers::pi * x)) / 2);
        }
        return std::clamp(x, 0.0, 1.0);
      }
    }
    return a;
  }
};

}  // namespace millrace::load
