// SPDX-License-Identifier: BSD-3-Clause
// A histogram as text that other programs read, and that histograms of several machines are merged
// from: HdrHistogram's V2 encoding in base64, as its log files have it ("HISTFAAA...").
//
//     base64( cookie | length | zlib( 40 bytes of header | counts as ZigZag LEB128,
//                                     a run of n empty buckets as -n ) )
//
// Unit is the nanosecond, the lowest discernible value 64 ns, the highest 60 s, three digits. The
// zlib stream is of stored blocks, so encoding takes no compressor; decoding takes no other blocks.
#pragma once

#include <string>
#include <string_view>

#include "millrace/histogram.h"
#include "millrace/result.h"

namespace millrace::load {

[[nodiscard]] std::string encode_hdr(const Histogram& times);
// What encode_hdr() made. Errors: anything else, in one sentence.
[[nodiscard]] Result<Histogram> decode_hdr(std::string_view text);

}  // namespace millrace::load
