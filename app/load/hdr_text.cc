// SPDX-License-Identifier: BSD-3-Clause
#include "load/hdr_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

namespace millrace::load {
namespace {

constexpr uint32_t kCookie = 0x1c849313;            // V2, counts of variable length
constexpr uint32_t kCompressedCookie = 0x1c849314;  // the same, in zlib
constexpr uint32_t kDigits = 3;
constexpr uint64_t kLowestNs = uint64_t{1} << Histogram::kUnitShift;
constexpr size_t kHeaderBytes = 40;
constexpr size_t kBlockMax = 65535;  // of a stored block (RFC 1951 section 3.2.4)
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

// Seven bits a byte, the least significant first; a ninth byte has eight.
void put_count(std::string& out, int64_t value) {
  uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (int i = 0; i < 8; ++i) {
    if (zigzag < 0x80) {
      out += static_cast<char>(zigzag);
      return;
    }
    out += static_cast<char>(zigzag | 0x80);
    zigzag >>= 7;
  }
  out += static_cast<char>(zigzag);
}

std::string counts_of(const Histogram& times) {
  size_t end = Histogram::kBucketCount;
  while (end != 0 && times.bucket_count(end - 1) == 0) --end;
  std::string out;
  for (size_t i = 0; i < end;) {
    int64_t empty = 0;
    while (times.bucket_count(i) == 0) {
      ++i;
      ++empty;
    }
    if (empty != 0) put_count(out, empty == 1 ? 0 : -empty);
    put_count(out, static_cast<int64_t>(times.bucket_count(i++)));
  }
  return out;
}

uint32_t adler32(std::string_view bytes) {
  uint32_t low = 1;
  uint32_t high = 0;
  for (const char c : bytes) {
    low = (low + static_cast<uint8_t>(c)) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16 | low;
}

std::string zlib_stored(std::string_view bytes) {
  std::string out = "\x78\x01";
  for (size_t at = 0; at == 0 || at < bytes.size();) {
    const size_t n = std::min(bytes.size() - at, kBlockMax);
    const bool last = at + n == bytes.size();
    out += static_cast<char>(last ? 1 : 0);
    for (const size_t word : {n, ~n}) {
      out += static_cast<char>(word);
      out += static_cast<char>(word >> 8);
    }
    out += bytes.substr(at, n);
    at += n;
    if (last) break;
  }
  put(out, adler32(bytes), 4);
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) {
      word = word << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kAlphabet[word >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  size_t padding = 0;
  uint32_t word = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t value = kAlphabet.find(text[i]);
    if (text[i] == '=' && i + 2 >= text.size()) {
      ++padding;
    } else if (value == std::string_view::npos || padding != 0) {
      return std::nullopt;
    }
    word = word << 6 | static_cast<uint32_t>(text[i] == '=' ? 0 : value);
    if (i % 4 == 3) put(out, word & 0xffffff, 3);
  }
  out.resize(out.size() - padding);
  return out;
}

// Takes bytes from the front; once there are too few, everything is 0 and bad() says so.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    for (const char c : take(bytes)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  uint64_t word_little() {
    const std::string_view two = take(2);
    return two.empty() ? 0
                       : static_cast<uint8_t>(two[0]) | uint64_t{static_cast<uint8_t>(two[1])} << 8;
  }
  int64_t count() {
    uint64_t zigzag = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::string_view one = take(1);
      if (one.empty()) return 0;
      const auto byte = static_cast<uint8_t>(one.front());
      if (shift == 56) {
        zigzag |= uint64_t{byte} << 56;
        break;
      }
      zigzag |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
  }
  std::string_view take(size_t n) {
    if (n > rest_.size()) bad_ = true;
    if (bad_) return {};
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  [[nodiscard]] bool bad() const { return bad_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool bad_ = false;
};

Error broken() { return Error{"the histogram is cut short or damaged"}; }

Result<std::string> unstored(std::string_view stream) {
  Bytes bytes(stream);
  bytes.take(2);
  std::string out;
  for (bool last = false; !last;) {
    const uint64_t head = bytes.number(1);
    if (bytes.bad()) return broken();
    if ((head & 6) != 0) {
      return Error{"the histogram is compressed; only those that millrace wrote are read"};
    }
    last = (head & 1) != 0;
    const uint64_t length = bytes.word_little();
    if (bytes.word_little() != (~length & 0xffff)) return broken();
    out += bytes.take(static_cast<size_t>(length));
  }
  if (bytes.number(4) != adler32(out) || bytes.bad()) return broken();
  return out;
}

Result<Histogram> from_counts(std::string_view encoded) {
  Histogram times;
  Bytes bytes(encoded);
  for (size_t bucket = 0; !bytes.empty();) {
    const int64_t count = bytes.count();
    const uint64_t wide = count < 0 ? uint64_t{0} - static_cast<uint64_t>(count) : 1;
    if (bytes.bad() || wide > Histogram::kBucketCount - bucket) return broken();
    if (count > 0) times.add(bucket, static_cast<uint64_t>(count));
    bucket += static_cast<size_t>(wide);
  }
  return times;
}

}  // namespace

std::string encode_hdr(const Histogram& times) {
  const std::string counts = counts_of(times);
  std::string inner;
  put(inner, kCookie, 4);
  put(inner, counts.size(), 4);
  put(inner, 0, 4);  // how far the counts are shifted
  put(inner, kDigits, 4);
  put(inner, kLowestNs, 8);
  put(inner, static_cast<uint64_t>(Histogram::kMax.ns), 8);
  put(inner, std::bit_cast<uint64_t>(1.0), 8);
  inner += counts;
  const std::string stream = zlib_stored(inner);
  std::string outer;
  put(outer, kCompressedCookie, 4);
  put(outer, stream.size(), 4);
  return to_base64(outer + stream);
}

Result<Histogram> decode_hdr(std::string_view text) {
  const std::optional<std::string> outer = from_base64(text);
  if (!outer) return Error{"the histogram is not base64"};
  Bytes bytes(*outer);
  if (bytes.number(4) != kCompressedCookie) {
    return Error{"the histogram is not in HdrHistogram's V2 form"};
  }
  const std::string_view stream = bytes.take(static_cast<size_t>(bytes.number(4)));
  if (bytes.bad()) return broken();
  const Result<std::string> inner = unstored(stream);
  if (!inner) return inner.error();
  Bytes header(*inner);
  const bool ours = header.number(4) == kCookie &&
                    header.number(4) == inner->size() - std::min(inner->size(), kHeaderBytes) &&
                    header.number(4) == 0 && header.number(4) == kDigits &&
                    header.number(8) == kLowestNs &&
                    header.number(8) == static_cast<uint64_t>(Histogram::kMax.ns) &&
                    header.number(8) == std::bit_cast<uint64_t>(1.0);
  if (!ours) return Error{"the histogram has other bounds or digits than ours"};
  return from_counts(std::string_view(*inner).substr(kHeaderBytes));
}

}  // namespace millrace::load
