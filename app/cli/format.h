// SPDX-License-Identifier: BSD-3-Clause
// Figures for people: "1.20 M/s", "3.4 GiB", "1.25 ms".
#pragma once

#include <cstdint>
#include <string>

#include "millrace/time.h"

namespace millrace::cli {

// "950 /s", "1.20 k/s", "1.20 M/s": three significant digits, powers of 1000.
[[nodiscard]] std::string format_rate(double per_second);
// Bits: "9.41 Gbit/s".
[[nodiscard]] std::string format_bit_rate(double bytes_per_second);
// "12", "1,234,567".
[[nodiscard]] std::string format_count(uint64_t count);
// "512 B", "1.50 KiB", "3.40 GiB".
[[nodiscard]] std::string format_bytes(uint64_t bytes);
// "45 %", "<1 %": never 0 or 100 for what is not; "-" of nothing.
[[nodiscard]] std::string format_share(uint64_t part, uint64_t whole);
// "850 ns", "12.3 us", "1.25 ms", "2.00 s".
[[nodiscard]] std::string format_duration(Duration duration);

}  // namespace millrace::cli
