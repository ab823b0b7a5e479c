// SPDX-License-Identifier: BSD-3-Clause
#include "load/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace millrace::load {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 300;
constexpr double kLeft = 90;
constexpr double kRight = 16;
constexpr double kTop = 34;
constexpr double kBottom = 46;
constexpr std::array<const char*, 6> kColours = {"#2563eb", "#d97706", "#059669",
                                                 "#dc2626", "#7c3aed", "#64748b"};

struct Range {
  double low = std::numeric_limits<double>::max();
  double high = std::numeric_limits<double>::lowest();

  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return low > high; }
};

// 1, 2 or 5 times a power of ten, so that about `count` of them make the range.
double round_step(double range, double count) {
  const double rough = range / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    for (const Series& series : plot.series) {
      for (const auto& [x, y] : series.points) {
        x_.take(x);
        if (!plot.y_log || y > 0) y_.take(y);
      }
    }
    for (const Tick& tick : plot.x_ticks) x_.take(tick.at);
    if (x_.empty() || y_.empty()) return;
    if (x_.low == x_.high) x_.high = x_.low + 1;
    if (plot.y_log) {
      y_.low = std::pow(10, std::floor(std::log10(y_.low)));
      y_.high = std::pow(10, std::ceil(std::log10(y_.high * 1.0001)));
    } else {
      y_.low = 0;
      y_.high = std::max(y_.high * 1.05, 1e-9);
    }
  }

  std::string svg() const {
    std::string out = fmt::format(
        "<svg viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\">\n"
        "<text class=\"title\" x=\"{3}\" y=\"20\">{2}</text>\n",
        kWidth, kHeight, escaped(plot_.title), kLeft);
    if (y_.empty()) {
      return out + fmt::format("<text x=\"{}\" y=\"{}\">nothing was measured</text>\n</svg>\n",
                               kLeft, kHeight / 2);
    }
    out += x_axis() + y_axis();
    size_t index = 0;
    for (const Series& series : plot_.series) out += line(series, index++);
    return out + "</svg>\n";
  }

 private:
  [[nodiscard]] double x_of(double x) const {
    return kLeft + (x - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double y_of(double y) const {
    const double share = plot_.y_log ? (std::log10(std::max(y, y_.low)) - std::log10(y_.low)) /
                                           (std::log10(y_.high) - std::log10(y_.low))
                                     : (y - y_.low) / (y_.high - y_.low);
    return kHeight - kBottom - share * (kHeight - kBottom - kTop);
  }

  std::string x_axis() const {
    std::vector<Tick> ticks = plot_.x_ticks;
    if (ticks.empty()) {
      const double step = round_step(x_.high - x_.low, 10);
      for (double at = std::ceil(x_.low / step) * step; at <= x_.high; at += step) {
        ticks.push_back({at, fmt::format("{:g}", std::round(at * 1e6) / 1e6)});
      }
    }
    std::string out;
    for (const Tick& tick : ticks) {
      out += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
          "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
          x_of(tick.at), kTop, kHeight - kBottom, kHeight - kBottom + 16, escaped(tick.label));
    }
    return out + fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                             (kLeft + kWidth - kRight) / 2, kHeight - 8, escaped(plot_.x_label));
  }

  std::string y_axis() const {
    std::vector<double> values;
    if (plot_.y_log) {
      for (double at = y_.low; at <= y_.high * 1.0001; at *= 10) values.push_back(at);
    } else {
      const double step = round_step(y_.high, 5);
      for (double at = 0; at <= y_.high; at += step) values.push_back(at);
    }
    std::string out;
    for (const double at : values) {
      out += fmt::format(
          "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
          "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
          kLeft, kWidth - kRight, y_of(at), y_of(at), kLeft - 8, y_of(at) + 4,
          escaped(plot_.y_text != nullptr ? plot_.y_text(at) : fmt::format("{:g}", at)));
    }
    return out;
  }

  std::string line(const Series& series, size_t index) const {
    const char* const colour = kColours[index % kColours.size()];
    std::string points;
    for (const auto& [x, y] : series.points) {
      if (plot_.y_log && y <= 0) continue;
      points += fmt::format("{:.1f},{:.1f} ", x_of(x), y_of(y));
    }
    if (points.empty()) return "";
    const double legend =
        kWidth - kRight - 130.0 * static_cast<double>(plot_.series.size() - index);
    std::string out = fmt::format("<polyline points=\"{}\" stroke=\"{}\"/>\n", points, colour);
    if (series.points.size() == 1) {
      const auto& [x, y] = series.points.front();
      out = fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x_of(x),
                        y_of(y), colour);
    }
    return out + fmt::format(
                     "<line class=\"key\" x1=\"{0:.0f}\" x2=\"{1:.0f}\" y1=\"16\" y2=\"16\" "
                     "stroke=\"{2}\"/><text x=\"{3:.0f}\" y=\"20\">{4}</text>\n",
                     legend, legend + 18, colour, legend + 24, escaped(series.name));
  }

  const Plot& plot_;
  Range x_;
  Range y_;
};

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string to_svg(const Plot& plot) { return Drawing(plot).svg(); }

}  // namespace millrace::load
