// SPDX-License-Identifier: BSD-3-Clause
// Lines over an axis as SVG, which a browser draws without a script. Points come in, text goes out.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace millrace::load {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // by x
};

struct Tick {
  double at = 0;
  std::string label;
};

struct Plot {
  std::string title;
  std::string x_label;
  std::vector<Series> series;  // six at most have a colour of their own
  std::vector<Tick> x_ticks;   // empty: round numbers
  bool y_log = false;
  std::string (*y_text)(double value) = nullptr;  // of a tick
};

// Text that HTML and SVG take as it is.
[[nodiscard]] std::string escaped(std::string_view text);

// An <svg> element. Nothing is drawn of a series without points.
[[nodiscard]] std::string to_svg(const Plot& plot);

}  // namespace millrace::load
