// SPDX-License-Identifier: BSD-3-Clause
// Plays a script against a Shard in virtual time. In: a Script. Out: a Verdict with the first line
// that did not hold, what was seen instead, and everything that happened until then.
#pragma once

#include <string>

#include "millrace/config.h"
#include "script.h"

namespace script {

struct Verdict {
  bool passed = false;
  int line = 0;            // where it failed
  std::string message;     // what is wrong; empty when it passed
  std::string transcript;  // lines of time, direction and text

  // "FILE:LINE: what is wrong", the line itself, the transcript. Requires: !passed.
  [[nodiscard]] std::string report(const Script& script) const;
};

// What config lines start from: 10.0.0.1/24, small bounds, a fixed seed.
millrace::ShardConfig default_config();

Verdict play(const Script& script);

}  // namespace script
