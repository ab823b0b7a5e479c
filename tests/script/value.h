// SPDX-License-Identifier: BSD-3-Clause
// What stands to the right of `=` in a script, as a number: counts, lengths of time (200ms, 1.5s, a
// bare number is seconds), on/off, names. In: text and what kind of value it should be. Out: the
// number, and back again for messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/time.h"

namespace script {

enum class Kind : uint8_t {
  kCount,       // 65535, 64K, 1M
  kTime,        // held in nanoseconds
  kSwitch,      // on, off
  kState,       // ESTABLISHED, FIN-WAIT-1, ...
  kCongestion,  // newreno, cubic
  kCookies,     // auto, always, never
  kProbing,     // off, black-hole, always
  kEcn,         // off, passive, classic, accurate: what is wanted
  kEcnMode,     // none, classic, accurate: what was agreed on
  kLocalSeq,    // counted from the host's initial sequence number
  kPeerSeq,     // counted from the tester's
};

std::optional<int64_t> parse(Kind kind, std::string_view text);
std::string format(Kind kind, int64_t value);
// For messages: "a count", "a time such as 200ms", "on or off", ...
std::string_view describe(Kind kind);

std::optional<int64_t> parse_count(std::string_view text);
std::optional<millrace::Duration> parse_time(std::string_view text);
std::string format_time(millrace::Duration time);  // "0.200", seconds

// Words between blanks.
std::vector<std::string> split_words(std::string_view text);
// Pieces between commas, blanks around them removed.
std::vector<std::string> split_commas(std::string_view text);

}  // namespace script
