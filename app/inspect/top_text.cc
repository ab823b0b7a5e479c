// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/top_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "cli/format.h"

namespace millrace::inspect {
namespace {

using nlohmann::json;

constexpr double kBurst = 64;

uint64_t at(const json& shard, const char* part, const std::string& name) {
  const auto found = shard[part].find(name);
  return found == shard[part].end() ? 0 : found->get<uint64_t>();
}

class Interval {
 public:
  Interval(const json& before, const json& now)
      : before_(before),
        now_(now),
        shards_(std::min(before["shards"].size(), now["shards"].size())),
        seconds_(
            static_cast<double>(now["time_us"].get<int64_t>() - before["time_us"].get<int64_t>()) *
            1e-6) {}

  [[nodiscard]] size_t shards() const { return shards_; }
  [[nodiscard]] double seconds() const { return seconds_; }
  [[nodiscard]] uint64_t value(size_t shard, const char* part, const std::string& name) const {
    return at(now_["shards"][shard], part, name);
  }
  // How much more it became.
  [[nodiscard]] uint64_t gain(size_t shard, const char* part, const std::string& name) const {
    return value(shard, part, name) - at(before_["shards"][shard], part, name);
  }
  [[nodiscard]] double rate(double gain) const { return seconds_ > 0 ? gain / seconds_ : 0; }
  // Of the program or the device.
  [[nodiscard]] bool has(const char* part, const char* name) const {
    return now_[part].contains(name) && before_[part].contains(name);
  }
  [[nodiscard]] double whole_rate(const char* part, const char* name) const {
    return rate(static_cast<double>(at(now_, part, name) - at(before_, part, name)));
  }
  [[nodiscard]] uint64_t whole(const char* part, const char* name) const {
    return at(now_, part, name);
  }
  [[nodiscard]] std::vector<std::string> drop_reasons() const {
    std::vector<std::string> names;
    if (shards_ == 0) return names;
    for (const auto& [name, value] : now_["shards"][0]["counters"].items()) {
      if (name.starts_with("Drop")) names.push_back(name);
    }
    return names;
  }

 private:
  const json& before_;
  const json& now_;
  size_t shards_;
  double seconds_;
};

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

// A row is made of what each shard has, and of their sum.
class Table {
 public:
  explicit Table(const Interval& interval) : interval_(interval) {}

  void head(const std::string& title) {
    out_ += title + "\n" + fmt::format("{:<24}{:>13}", "", "total");
    for (size_t i = 0; several() && i < interval_.shards(); ++i) {
      out_ += fmt::format("{:>13}", fmt::format("shard {}", i));
    }
    out_ += '\n';
  }
  // `of`: a figure of a shard; `write`: how figures and sums of them are written.
  template <class Of, class Write>
  void row(std::string_view name, Of of, Write write) {
    double sum = 0;
    std::string cells;
    for (size_t i = 0; i < interval_.shards(); ++i) {
      const double value = of(i);
      sum += value;
      if (several()) cells += fmt::format("{:>13}", write(value));
    }
    out_ += fmt::format("{:<24}{:>13}{}\n", name, write(sum), cells);
  }
  // `of`: the share of a shard; `all`: that of all of them.
  template <class Of>
  void shares(std::string_view name, Of of, double all) {
    out_ += fmt::format("{:<24}{:>13}", name, percent(all));
    for (size_t i = 0; several() && i < interval_.shards(); ++i) {
      out_ += fmt::format("{:>13}", percent(of(i)));
    }
    out_ += '\n';
  }
  void whole(std::string_view name, const std::string& value) {
    out_ += fmt::format("{:<24}{:>13}\n", name, value);
  }
  [[nodiscard]] const std::string& text() const { return out_; }

 private:
  [[nodiscard]] bool several() const { return interval_.shards() > 1; }

  const Interval& interval_;
  std::string out_;
};

double gain_sum(const Interval& i, const char* part, const std::string& name) {
  double sum = 0;
  for (size_t s = 0; s < i.shards(); ++s) sum += static_cast<double>(i.gain(s, part, name));
  return sum;
}

double value_sum(const Interval& i, const char* part, const std::string& name) {
  double sum = 0;
  for (size_t s = 0; s < i.shards(); ++s) sum += static_cast<double>(i.value(s, part, name));
  return sum;
}

double drops_of(const Interval& i) {
  double sum = 0;
  for (const std::string& reason : i.drop_reasons()) sum += gain_sum(i, "counters", reason);
  return sum;
}

constexpr const char* kPopulation[][2] = {{"connections", "connections"},
                                          {"half-open", "half_open"},
                                          {"TIME-WAIT", "time_wait"},
                                          {"listeners", "listeners"}};
constexpr const char* kRates[][2] = {
    {"opens", "TcpActiveOpens"},    {"accepts", "TcpPassiveOpens"},
    {"resets", "TcpEstabResets"},   {"segments in", "TcpInSegs"},
    {"segments out", "TcpOutSegs"}, {"retransmissions", "TcpRetransSegs"}};

}  // namespace

std::string top_table(const std::string& title, const json& before, const json& now) {
  const Interval i(before, now);
  Table table(i);
  table.head(title);
  const auto rate = [](double per_second) { return cli::format_rate(per_second); };
  const auto count = [](double n) { return cli::format_count(static_cast<uint64_t>(n)); };
  for (const auto& [label, name] : kPopulation) {
    table.row(
        label, [&, key = name](size_t s) { return static_cast<double>(i.value(s, "use", key)); },
        count);
  }
  for (const auto& [label, name] : kRates) {
    table.row(
        label,
        [&, key = name](size_t s) {
          return i.rate(static_cast<double>(i.gain(s, "counters", key)));
        },
        rate);
  }
  for (const char* name : {"requests", "closed"}) {
    if (i.has("program", name)) table.whole(name, rate(i.whole_rate("program", name)));
  }
  for (const char* name : {"bytes_in", "bytes_out"}) {
    if (!i.has("program", name)) continue;
    table.whole(name == std::string_view("bytes_in") ? "received" : "sent",
                cli::format_bit_rate(i.whole_rate("program", name)));
  }
  const double all = static_cast<double>(std::max<size_t>(i.shards(), 1));
  table.shares(
      "busy",
      [&](size_t s) { return i.rate(static_cast<double>(i.gain(s, "worker", "busy_us"))) * 1e-6; },
      i.rate(gain_sum(i, "worker", "busy_us")) * 1e-6 / all);
  const auto fullness = [](double frames, double bursts) {
    return bursts == 0 ? 0 : frames / bursts / kBurst;
  };
  table.shares(
      "burst fullness",
      [&](size_t s) {
        return fullness(static_cast<double>(i.gain(s, "worker", "frames_received")),
                        static_cast<double>(i.gain(s, "worker", "bursts")));
      },
      fullness(gain_sum(i, "worker", "frames_received"), gain_sum(i, "worker", "bursts")));
  if (i.whole("device", "mbufs") != 0) {
    table.whole("mbufs in use",
                fmt::format("{} of {}", cli::format_count(i.whole("device", "mbufs_in_use")),
                            cli::format_count(i.whole("device", "mbufs"))));
  }
  table.whole("missed by the device", rate(i.whole_rate("device", "missed")));
  table.whole("drops", rate(i.rate(drops_of(i))));
  for (const std::string& reason : i.drop_reasons()) {
    if (value_sum(i, "counters", reason) == 0) continue;
    table.row(
        "  " + reason.substr(4),
        [&](size_t s) { return i.rate(static_cast<double>(i.gain(s, "counters", reason))); }, rate);
  }
  return table.text();
}

std::string top_line(const json& before, const json& now) {
  const Interval i(before, now);
  std::string out =
      fmt::format("connections {}  half-open {}  TIME-WAIT {}  opens {}  accepts {}  ",
                  cli::format_count(static_cast<uint64_t>(value_sum(i, "use", "connections"))),
                  cli::format_count(static_cast<uint64_t>(value_sum(i, "use", "half_open"))),
                  cli::format_count(static_cast<uint64_t>(value_sum(i, "use", "time_wait"))),
                  cli::format_rate(i.rate(gain_sum(i, "counters", "TcpActiveOpens"))),
                  cli::format_rate(i.rate(gain_sum(i, "counters", "TcpPassiveOpens"))));
  if (i.has("program", "requests")) {
    out += fmt::format("requests {}  ", cli::format_rate(i.whole_rate("program", "requests")));
  }
  return out + fmt::format("retransmissions {}  drops {}  busy {}\n",
                           cli::format_rate(i.rate(gain_sum(i, "counters", "TcpRetransSegs"))),
                           cli::format_rate(i.rate(drops_of(i))),
                           percent(i.rate(gain_sum(i, "worker", "busy_us")) * 1e-6 /
                                   static_cast<double>(std::max<size_t>(i.shards(), 1))));
}

}  // namespace millrace::inspect
