// SPDX-License-Identifier: BSD-3-Clause
#include "trace/ladder_json.h"

#include "trace/happening.h"

namespace millrace::trace {
namespace {

using Json = nlohmann::ordered_json;

Json options_json(const Row& row) {
  const SegmentOptions& o = row.segment.options;
  Json out = Json::object();
  if (o.mss) out["mss"] = *o.mss;
  if (o.sack_permitted) out["sack_permitted"] = true;
  if (o.has_timestamps) out["timestamps"] = {{"value", o.ts_value}, {"echo", o.ts_echo}};
  if (o.window_scale) out["window_scale"] = *o.window_scale;
  for (size_t i = 0; i < o.sack_count; ++i) {
    out["sack"].push_back({row.sack[i].begin, row.sack[i].end});
  }
  if (o.user_timeout) out["user_timeout"] = *o.user_timeout;
  if (o.fast_open_bytes) out["fast_open_cookie_bytes"] = *o.fast_open_bytes;
  if (o.others != 0) out["unknown"] = o.others;
  if (o.broken) out["broken"] = true;
  return out;
}

constexpr std::string_view name_of(Way way) {
  switch (way) {
    case Way::kWhole:
      return "whole";
    case Way::kSent:
      return "sent";
    case Way::kArrived:
      return "arrived";
    case Way::kLost:
      return "lost";
    case Way::kNothing:
      return "nothing";
  }
  return "";
}

Json row_json(const Row& row, const Row* before) {
  Json out;
  out["seconds"] = row.time.seconds();
  out["way"] = name_of(row.way);
  out["from"] = row.from == Side::kLeft ? "left" : "right";
  if (row.way != Way::kNothing) {
    const std::string flags = flags_text(row.segment.flags);
    out["flags"] = flags.substr(1, flags.size() - 2);
    out["seq"] = row.place.seq;
    if (row.segment.has(kAck)) out["ack"] = row.place.ack;
    out["payload_bytes"] = row.segment.payload_bytes;
    out["window"] = row.segment.window;
    out["options"] = options_json(row);
    out["repeated"] = row.place.repeated;
  }
  for (const Side side : {Side::kLeft, Side::kRight}) {
    const Change& change = row.ends[static_cast<size_t>(side)];
    out[side == Side::kLeft ? "left" : "right"] = {{"before", to_string(change.before)},
                                                   {"after", to_string(change.after)}};
  }
  out["meaning"] = to_string(happening_of(row, before));
  return out;
}

}  // namespace

Json ladder_json(const Ladder& ladder) {
  Json out;
  for (size_t i = 0; i < 2; ++i) {
    out["ends"].push_back({{"name", ladder.names[i]},
                           {"address", ladder.ends[i].address.to_string()},
                           {"port", ladder.ends[i].port}});
  }
  out["rows"] = Json::array();
  const Row* before = nullptr;
  for (const Row& row : ladder.rows) {
    out["rows"].push_back(row_json(row, before));
    before = &row;
  }
  out["rows_left_out"] = ladder.rows_left_out;
  return out;
}

}  // namespace millrace::trace
