// SPDX-License-Identifier: BSD-3-Clause
// Datagrams that come in fragments, of both families, put together again. In: fragments that
// anybody may have sent. Out: whole frames, as if they had come so. RFC 791 section 3.2, RFC 1122
// section 3.3.2, RFC 8200 section 4.5, RFC 5722 (overlaps), RFC 3168 section 5.3 (marks).
//
//     kept ---all there---> whole --release()--> free
//       \--overlap, two ends, too many--> refused: what else comes of it is dropped, until its time
//       \--time, or the oldest makes room--> free
//
// Must hold: no more memory than create() reserved, no more datagrams of one source than it may
// have, a bounded number of fragments in each; no byte of one fragment replaces another's.
//
// DPDK's ip_frag does the same with mbufs, whose time and memory are the driver's; this one takes
// bytes, so that a whole shard with fragments plays in the simulator (docs/decisions).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/slab.h"
#include "millrace/address.h"
#include "wire/fragment.h"

namespace millrace::net {

struct FragmentLimits {
  uint32_t datagrams_max = 64;  // each may need 64 KiB
  uint32_t per_source_max = 16;
  uint32_t v4_ticks = 30'000;  // from the first fragment that came to the last
  uint32_t v6_ticks = 60'000;
};

class Fragments {
 public:
  // More of them carry 64 KiB only over links below the least MTU of IPv6.
  static constexpr uint16_t kFragmentsMax = 128;
  // Headers before the fragmented part: Ethernet's, IP's, and those that IPv6 has in each fragment.
  static constexpr size_t kHeadersMax = 256;

  // Nothing when there is no memory.
  static std::optional<Fragments> create(const FragmentLimits& limits);

  enum class Verdict : uint8_t {
    kKept,       // others are missing
    kDuplicate,  // had that one; nothing has changed
    kWhole,      // see frame()
    kRefused,    // not sound, or of a datagram that is refused
    kFailed,     // the same, and with it a datagram of which fragments were kept
  };
  struct Taken {
    Verdict verdict;
    uint32_t index = base::kNil;  // of kWhole
    uint32_t given_up = 0;        // datagrams that made room
  };
  // `ethernet`: the 14 bytes that the fragment's frame began with, but for tags.
  Taken take(const wire::Fragment& fragment, const std::byte* ethernet, uint32_t tick);
  // The whole frame, valid until release(). Requires: take() said kWhole, of that index.
  [[nodiscard]] std::span<const std::byte> frame(uint32_t index) const;
  void release(uint32_t index);

  // What is due. `expired(fragment)`: of a datagram that was not refused, all of the first fragment
  // that an error has to quote, IP header first; empty when it never came. The family is that of
  // `source`.
  struct Expired {
    IpAddress source;
    IpAddress destination;
    std::span<const std::byte> quote;
  };
  template <class Report>
  void advance(uint32_t tick, Report&& report);
  [[nodiscard]] std::optional<uint32_t> next_deadline() const { return next_; }

  [[nodiscard]] uint32_t used() const { return static_cast<uint32_t>(in_use_.size()); }

 private:
  static constexpr size_t kUnits = 65536 / wire::kFragmentUnit;
  static constexpr size_t kPayloadAt =
      kHeadersMax + wire::kEthernetHeaderBytes + wire::kFragmentHeaderBytes;
  static constexpr size_t kRoomBytes = kPayloadAt + 65536;
  using Map = std::array<uint64_t, kUnits / 64>;

  struct Datagram {
    IpAddress source;
    IpAddress destination;
    uint32_t id = 0;
    uint8_t protocol = 0;  // 0 for IPv6, where it is no part of the name
    uint32_t deadline = 0;
    uint32_t bytes = 0;  // received
    uint32_t total = 0;  // 0: the last has not come
    uint32_t end = 0;    // the furthest byte
    uint16_t fragments = 0;
    uint16_t header_bytes = 0;  // of the first fragment, with Ethernet; 0: it has not come
    uint16_t first_bytes = 0;   // its payload
    uint16_t named_at = 0;
    uint8_t next_header = 0;
    uint8_t marks = 0;  // bit n: a fragment with ECN field n came
    bool refused = false;
    bool whole = false;
    Map received{};
    Map starts{};  // where a fragment begins
  };

  explicit Fragments(const FragmentLimits& limits, base::Region memory);

  [[nodiscard]] bool is_sound(const wire::Fragment& fragment) const;
  uint32_t find_or_make(const wire::Fragment& fragment, uint32_t tick, Taken& taken);
  uint32_t make_room();
  void free(uint32_t index);
  // Whether it fits to what is there; adds it.
  Verdict add(Datagram& d, std::byte* room, const wire::Fragment& f, const std::byte* ethernet);
  static bool is_duplicate(const Datagram& d, size_t first, size_t units);
  static bool marks_agree(const Datagram& d);
  void complete(Datagram& d, std::byte* room);
  [[nodiscard]] std::byte* room_of(uint32_t index) const {
    return memory_.data() + index * kRoomBytes;
  }
  [[nodiscard]] Expired expired(uint32_t index) const;
  void reckon();

  FragmentLimits limits_;
  base::Region memory_;
  std::vector<Datagram> datagrams_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> in_use_;  // the oldest first
  std::optional<uint32_t> next_;
};

template <class Report>
void Fragments::advance(uint32_t tick, Report&& report) {
  if (!next_ || static_cast<int32_t>(tick - *next_) < 0) return;
  for (size_t i = 0; i < in_use_.size();) {
    const uint32_t index = in_use_[i];
    const Datagram& d = datagrams_[index];
    if (d.whole || static_cast<int32_t>(tick - d.deadline) < 0) {
      ++i;
      continue;
    }
    if (!d.refused) report(expired(index));
    free(index);
  }
  reckon();
}

}  // namespace millrace::net
