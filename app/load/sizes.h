// SPDX-License-Identifier: BSD-3-Clause
// Sizes as a person writes them: one, a stretch of which all are as likely, or several with
// weights. A text comes in; the size below which a given share of all lies comes out.
//
//     "1k"  "64-1500"  "64:7,576:4,1400-1500:1"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/result.h"

namespace millrace::load {

class Sizes {
 public:
  Sizes(uint64_t one = 0) : pieces_{{one, one, 1}} {}  // NOLINT(google-explicit-constructor)
  // Errors: anything but the above; one sentence, without the text itself.
  static Result<Sizes> parse(std::string_view text);

  // Requires: 0 <= share < 1. Never falls where `share` grows.
  [[nodiscard]] uint64_t at(double share) const;
  [[nodiscard]] bool one() const { return min() == max(); }
  [[nodiscard]] uint64_t min() const;
  [[nodiscard]] uint64_t max() const;

  friend bool operator==(const Sizes&, const Sizes&) = default;

 private:
  struct Piece {
    uint64_t first = 0;
    uint64_t last = 0;
    uint32_t weight = 1;

    friend bool operator==(const Piece&, const Piece&) = default;
  };
  std::vector<Piece> pieces_;  // by size
};

}  // namespace millrace::load
