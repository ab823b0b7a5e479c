// SPDX-License-Identifier: BSD-3-Clause
// Whom connections go to: targets with weights come in, the order of a round goes out, in which
// each comes as often as it weighs and as evenly as can be.
//
//     a=3, b=1:  a a b a  a a b a ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/address.h"
#include "millrace/result.h"

namespace millrace::load {

struct Target {
  Endpoint endpoint;
  uint32_t weight = 1;

  // "10.0.0.1:80", "10.0.0.1:80=3". Errors: one sentence, without the text itself.
  static Result<Target> parse(const std::string& text);
};

// Requires: weights of 1 at least, and 2^20 in all at most.
std::vector<Endpoint> one_round(const std::vector<Target>& targets);

}  // namespace millrace::load
