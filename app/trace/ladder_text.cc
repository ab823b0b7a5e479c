// SPDX-License-Identifier: BSD-3-Clause
#include "trace/ladder_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "trace/happening.h"

namespace millrace::trace {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kTime = 11;
constexpr size_t kState = 12;  // SYN-RECEIVED
constexpr size_t kArrow = kColumns - kTime - 2 * kState - 4;
constexpr size_t kLeft = kTime + 2;             // where the left states begin
constexpr size_t kMiddle = kLeft + kState + 1;  // and the arrows
constexpr size_t kIndent = kMiddle + 4;         // and what stands below them

State state_of(const Row& row, Side side) { return row.ends[static_cast<size_t>(side)].after; }

std::string end_name(const Ladder& ladder, Side side) {
  const auto i = static_cast<size_t>(side);
  return fmt::format("{} ({})", ladder.ends[i].to_string(), ladder.names[i]);
}

// "--- TEXT ------>" or "<-- TEXT -------", with "..." for an end that is not on this row.
std::string arrow(const Row& row, const std::string& text) {
  const bool to_right = row.from == Side::kLeft;
  const std::string_view tail = row.way == Way::kArrived ? "..." : "---";
  std::string_view head = to_right ? "-->" : "<--";
  if (row.way == Way::kSent) head = "...";
  if (row.way == Way::kLost) head = to_right ? "--X" : "X--";
  const size_t used = text.size() + tail.size() + head.size() + 2;
  const std::string line(used < kArrow ? kArrow - used : 0, '-');
  return fmt::format("{} {} {}{}", to_right ? tail : head, text, line, to_right ? head : tail);
}

// In lines of at most `columns`, broken behind commas or blanks.
std::string wrapped(std::string_view text, size_t columns, size_t indent) {
  std::string out;
  while (!text.empty()) {
    size_t cut = text.size();
    if (cut > columns) {
      const size_t at = text.find_last_of(", ", columns - 1);
      cut = at == std::string_view::npos || at == 0 ? columns : at + 1;
    }
    std::string_view line = text.substr(0, cut);
    while (line.ends_with(' ')) line.remove_suffix(1);
    out += std::string(indent, ' ').append(line) + '\n';
    text.remove_prefix(cut);
  }
  return out;
}

std::string states_line(const std::string& time, std::string_view left, std::string_view middle,
                        std::string_view right) {
  std::string line =
      fmt::format("{:>{}}  {:<{}} {:<{}} {}", time, kTime, left, kState, middle, kArrow, right);
  while (line.ends_with(' ')) line.pop_back();
  return line + '\n';
}

}  // namespace

std::string segment_text(const Row& row) {
  const Segment& s = row.segment;
  const Place& p = row.place;
  std::string text = flags_text(s.flags);
  if (s.payload_bytes != 0) {
    text += fmt::format(" seq {}:{}", p.seq, p.seq + s.payload_bytes);
  } else if (s.has(kSyn | kFin | kRst) || p.probe) {
    text += fmt::format(" seq {}", p.seq);
  }
  if (s.has(kAck)) text += fmt::format(" ack {}", p.ack);
  return text + fmt::format(" win {}", s.window);
}

std::string options_text(const Row& row) {
  const SegmentOptions& o = row.segment.options;
  std::string text;
  const auto add = [&](const std::string& option) { text += (text.empty() ? "" : ",") + option; };
  if (o.mss) add(fmt::format("mss {}", *o.mss));
  if (o.sack_permitted) add("sackOK");
  if (o.has_timestamps) add(fmt::format("TS val {} ecr {}", o.ts_value, o.ts_echo));
  if (o.window_scale) add(fmt::format("wscale {}", *o.window_scale));
  if (o.sack_count != 0) {
    std::string blocks;
    for (size_t i = 0; i < o.sack_count; ++i) {
      blocks += fmt::format(" {}:{}", row.sack[i].begin, row.sack[i].end);
    }
    add("sack" + blocks);
  }
  if (o.user_timeout) {
    const unsigned value = *o.user_timeout & 0x7fff;
    add(fmt::format("uto {}{}", value, (*o.user_timeout & 0x8000) != 0 ? " min" : " s"));
  }
  if (o.fast_open_bytes) {
    add(*o.fast_open_bytes == 0 ? "tfo cookiereq"
                                : fmt::format("tfo {} bytes", *o.fast_open_bytes));
  }
  if (o.others != 0) add(fmt::format("{} unknown", o.others));
  if (o.broken) add("broken");
  return text;
}

std::string heading_text(const Ladder& ladder) {
  const std::string left = end_name(ladder, Side::kLeft);
  const std::string right = end_name(ladder, Side::kRight);
  std::string out;
  if (kLeft + left.size() + 2 + right.size() <= kColumns) {
    out = fmt::format("{:>{}}  {}{:>{}}\n", "time", kTime, left, right,
                      kColumns - kLeft - left.size());
  } else {
    out = fmt::format("{:>{}}  {}\n{:>{}}\n", "time", kTime, left, right, kColumns);
  }
  if (ladder.rows.empty()) return out;
  const Row& first = ladder.rows.front();
  return out +
         states_line("", to_string(first.ends[0].before), "", to_string(first.ends[1].before));
}

std::string row_text(const Ladder& ladder, const Row& row, const Row* before, Detail detail) {
  const bool segment = row.way != Way::kNothing;
  std::string out = states_line(
      fmt::format("{:.6f}", row.time.seconds()), to_string(state_of(row, Side::kLeft)),
      segment ? arrow(row, segment_text(row)) : "", to_string(state_of(row, Side::kRight)));
  if (row.departed()) {
    const std::string options = options_text(row);
    if (!options.empty()) {
      out += wrapped('<' + options + '>', kColumns - kIndent, kIndent);
    }
  }
  if (detail == Detail::kExplained) {
    out += wrapped("# " + sentence(row, happening_of(row, before), ladder.names), kColumns - kLeft,
                   kLeft);
  }
  return out;
}

std::string ladder_text(const Ladder& ladder, Detail detail) {
  std::string out = heading_text(ladder);
  const Row* before = nullptr;
  for (const Row& row : ladder.rows) {
    out += row_text(ladder, row, before, detail);
    before = &row;
  }
  if (ladder.rows_left_out != 0) {
    out +=
        fmt::format("{:>{}}  {} more segments are not shown\n", "...", kTime, ladder.rows_left_out);
  }
  return out;
}

}  // namespace millrace::trace
