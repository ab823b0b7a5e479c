// SPDX-License-Identifier: BSD-3-Clause
// TCP options of any bytes, against a reader that first makes a list of them and then looks for
// each kind by itself. The first byte of the input says whether the segment is a SYN.
#include "wire/tcp_options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "fuzz/script.h"

namespace {

using namespace millrace::wire;
using millrace::fuzz::require;

struct Option {
  uint8_t kind;
  std::vector<uint8_t> value;
};

// Nothing when a length makes no sense.
std::optional<std::vector<Option>> list(std::span<const uint8_t> bytes) {
  std::vector<Option> options;
  while (!bytes.empty() && bytes[0] != 0) {
    if (bytes[0] == 1) {
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < 2 || bytes[1] < 2 || bytes[1] > bytes.size()) return std::nullopt;
    const auto value = bytes.subspan(2, bytes[1] - 2u);
    options.push_back({bytes[0], {value.begin(), value.end()}});
    bytes = bytes.subspan(bytes[1]);
  }
  return options;
}

// The last option of this kind whose value has one of the lengths that the kind may have.
template <class MayBe>
std::optional<std::vector<uint8_t>> last(const std::vector<Option>& options, uint8_t kind,
                                         MayBe may_be) {
  const auto found = std::find_if(options.rbegin(), options.rend(), [&](const Option& option) {
    return option.kind == kind && may_be(option.value.size());
  });
  if (found == options.rend()) return std::nullopt;
  return found->value;
}

uint32_t number(std::span<const uint8_t> bytes) {
  uint32_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

void compare(const Segment& s, const std::vector<Option>& options) {
  const auto of_length = [](size_t length) { return [=](size_t n) { return n == length; }; };
  const bool syn = s.has(kSyn);

  const auto mss = last(options, 2, of_length(2));
  require(s.mss == (syn && mss ? number(*mss) : 0));
  const auto shift = last(options, 3, of_length(1));
  require(s.window_shift == (syn && shift ? std::min<uint32_t>(number(*shift), 254) : 255));
  require(s.sack_permitted == (syn && last(options, 4, of_length(0))));

  const auto stamps = last(options, 8, of_length(8));
  require(s.has_timestamps == stamps.has_value());
  if (stamps) {
    require(s.ts_value == number(std::span(*stamps).first(4)));
    require(s.ts_echo == number(std::span(*stamps).last(4)));
  }

  const auto fast_open =
      last(options, 34, [](size_t n) { return n == 0 || (n >= 4 && n <= 16 && n % 2 == 0); });
  require(s.fast_open_length == (syn && fast_open ? fast_open->size() + 2 : 0));
  if (s.fast_open_length != 0) {
    const auto cookie = s.fast_open_cookie();
    require(std::equal(cookie.begin(), cookie.end(), fast_open->begin(), fast_open->end(),
                       [](std::byte a, uint8_t b) { return a == std::byte{b}; }));
  }

  const auto sack = last(options, 5, [](size_t n) { return n != 0 && n % 8 == 0; });
  require(s.sack_count == (!syn && sack ? sack->size() / 8 : 0));
  for (uint8_t i = 0; i < s.sack_count; ++i) {
    const auto block = std::span(*sack).subspan(size_t{8} * i, 8);
    require(s.sack_block(i).begin.raw() == number(block.first(4)));
    require(s.sack_block(i).end.raw() == number(block.last(4)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size - 1 > kTcpOptionsMaxBytes) return 0;
  const std::span bytes(data + 1, size - 1);
  // Memory of just this size, so that one byte too far is noticed.
  const auto memory = std::make_unique<std::byte[]>(bytes.size());
  std::memcpy(memory.get(), bytes.data(), bytes.size());

  Segment segment;
  segment.flags = (data[0] & 1) != 0 ? kSyn : kAck;
  const bool sound = parse_tcp_options(memory.get(), bytes.size(), segment);
  const auto options = list(bytes);
  require(sound == options.has_value());
  if (sound) compare(segment, *options);
  return 0;
}
