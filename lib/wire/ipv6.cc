// SPDX-License-Identifier: BSD-3-Clause
// Extension headers (RFC 8200 section 4). In: bytes that anybody may have sent. Out: where the
// payload begins, or why there is none. Each header is looked at once, their number and each one's
// end are bounded, so the walk is.
#include "wire/ipv6.h"

namespace millrace::wire {
namespace {

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragment = 44;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kPad1 = 0;
constexpr size_t kUnit = 8;  // header lengths count these, without the first

Ipv6Payload dropped(Counter reason) { return {.dropped = true, .reason = reason}; }

// Whether all options may be passed over: the two highest bits of an unknown one say so (section
// 4.2). None is known here that would have to be acted on.
bool options_are_harmless(const std::byte* at, const std::byte* end) {
  while (at != end) {
    const uint8_t type = load8(at);
    if (type == kPad1) {
      ++at;
      continue;
    }
    if ((type & 0xc0) != 0 || end - at < 2) return false;
    const ptrdiff_t bytes = 2 + load8(at + 1);
    if (bytes > end - at) return false;
    at += bytes;
  }
  return true;
}

}  // namespace

Ipv6Payload walk_extensions(const std::byte* ip, size_t ip_bytes) {
  uint8_t next = load8(ip + 6);
  size_t at = kIpv6HeaderBytes;
  for (int count = 0;; ++count) {
    if (next != kHopByHop && next != kRouting && next != kFragment && next != kDestinationOptions) {
      return {.protocol = next, .header_bytes = static_cast<uint16_t>(at)};
    }
    if (count == kExtensionsMax || (next == kHopByHop && count != 0) || ip_bytes - at < kUnit) {
      return dropped(Counter::kDropIpExtension);
    }
    const std::byte* header = ip + at;
    size_t bytes = kUnit;
    if (next == kFragment) {
      constexpr uint16_t kOffsetAndMore = 0xfff9;
      if ((load_be16(header + 2) & kOffsetAndMore) != 0) {
        return {.protocol = load8(header),
                .header_bytes = static_cast<uint16_t>(at + kUnit),
                .dropped = true,
                .reason = Counter::kDropIpFragment};
      }
    } else {
      bytes += load8(header + 1) * kUnit;
      if (bytes > ip_bytes - at) return dropped(Counter::kDropIpExtension);
      const bool sound = next == kRouting ? load8(header + 3) == 0
                                          : options_are_harmless(header + 2, header + bytes);
      if (!sound) return dropped(Counter::kDropIpExtension);
    }
    next = load8(header);
    at += bytes;
  }
}

}  // namespace millrace::wire
