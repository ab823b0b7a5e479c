// SPDX-License-Identifier: BSD-3-Clause
// The payload of each fragment is copied to its place at once, so that nothing is left to do when
// the last one comes but the header: 64 KiB of room for each datagram, touched as far as it goes,
// and two maps of a bit for each 8 bytes, which tell what is there and where fragments begin.
//
//     room   [ ... headers of the first, IPv6's fragment header | 0 .. payload .. total ]
//                                                               ^ kPayloadAt
#include "net/fragments.h"

#include <bit>
#include <cstring>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/segment.h"

namespace millrace::net {

using base::kNil;
using wire::Fragment;
using wire::kEthernetHeaderBytes;
using wire::kFragmentUnit;

namespace {

constexpr uint32_t kLongest = 65535;

// What a first fragment has to hold, so that nobody hides ports or flags in the second (RFC 1858
// section 3.1, RFC 7112).
uint32_t first_bytes_min(uint8_t protocol) {
  return protocol == wire::kProtocolTcp ? wire::kTcpHeaderBytes : kFragmentUnit;
}

// It lies behind the other headers, in the datagram's first fragment and where that is kept.
size_t fragment_header_bytes(const IpAddress& source) {
  return source.is_v4() ? 0 : wire::kFragmentHeaderBytes;
}

bool has_bit(const auto& map, size_t at) { return (map[at / 64] >> at % 64 & 1) != 0; }
void set_bit(auto& map, size_t at) { map[at / 64] |= uint64_t{1} << at % 64; }

// visit(word, mask) for each word of a map in which some of the `units` bits from `first` on lie.
template <class Visit>
void for_words(size_t first, size_t units, Visit&& visit) {
  for (size_t at = first, left = units; left != 0;) {
    const size_t here = std::min(left, 64 - at % 64);
    const uint64_t ones = here == 64 ? UINT64_MAX : (uint64_t{1} << here) - 1;
    visit(at / 64, ones << at % 64);
    at += here;
    left -= here;
  }
}

}  // namespace

std::optional<Fragments> Fragments::create(const FragmentLimits& limits) {
  auto memory = base::Region::allocate(size_t{limits.datagrams_max} * kRoomBytes, false);
  if (!memory) return std::nullopt;
  return Fragments(limits, std::move(*memory));
}

Fragments::Fragments(const FragmentLimits& limits, base::Region memory)
    : limits_(limits), memory_(std::move(memory)), datagrams_(limits.datagrams_max) {
  in_use_.reserve(limits.datagrams_max);
  free_.reserve(limits.datagrams_max);
  for (uint32_t i = limits.datagrams_max; i > 0; --i) free_.push_back(i - 1);
}

// --- Which datagram -----------------------------------------------------------------------------

bool Fragments::is_sound(const Fragment& f) const {
  const size_t bytes = f.payload.size();
  if (bytes == 0 || (f.more && bytes % kFragmentUnit != 0)) return false;
  if (f.headers.size() > kHeadersMax || f.headers.size() + f.offset + bytes > kLongest)
    return false;
  return f.offset != 0 || bytes >= first_bytes_min(f.protocol);
}

// Datagrams that are refused already go before the oldest.
uint32_t Fragments::make_room() {
  uint32_t victim = kNil;
  for (const uint32_t index : in_use_) {
    if (datagrams_[index].whole) continue;
    if (victim == kNil) victim = index;
    if (!datagrams_[index].refused) continue;
    victim = index;
    break;
  }
  return victim;
}

uint32_t Fragments::find_or_make(const Fragment& f, uint32_t tick, Taken& taken) {
  const bool v4 = f.source.is_v4();
  const uint8_t protocol = v4 ? f.protocol : uint8_t{0};
  uint32_t of_source = 0;
  for (const uint32_t index : in_use_) {
    const Datagram& d = datagrams_[index];
    if (d.source != f.source || d.whole) continue;
    ++of_source;
    if (d.id == f.id && d.destination == f.destination && d.protocol == protocol) return index;
  }
  if (of_source >= limits_.per_source_max) return kNil;
  if (free_.empty()) {
    const uint32_t victim = make_room();
    if (victim == kNil) return kNil;
    taken.given_up = datagrams_[victim].refused ? 0 : 1;
    free(victim);
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  in_use_.push_back(index);
  Datagram& d = datagrams_[index];
  d = Datagram{};
  d.source = f.source;
  d.destination = f.destination;
  d.id = f.id;
  d.protocol = protocol;
  d.deadline = tick + (v4 ? limits_.v4_ticks : limits_.v6_ticks);
  if (!next_ || static_cast<int32_t>(d.deadline - *next_) < 0) next_ = d.deadline;
  return index;
}

void Fragments::free(uint32_t index) {
  in_use_.erase(std::find(in_use_.begin(), in_use_.end(), index));
  free_.push_back(index);
}

void Fragments::release(uint32_t index) {
  free(index);
  reckon();
}

void Fragments::reckon() {
  next_.reset();
  for (const uint32_t index : in_use_) {
    const Datagram& d = datagrams_[index];
    if (d.whole) continue;
    if (!next_ || static_cast<int32_t>(d.deadline - *next_) < 0) next_ = d.deadline;
  }
}

// --- What is there ------------------------------------------------------------------------------

Fragments::Taken Fragments::take(const Fragment& f, const std::byte* ethernet, uint32_t tick) {
  Taken taken{.verdict = Verdict::kRefused};
  if (!is_sound(f)) return taken;
  const uint32_t index = find_or_make(f, tick, taken);
  if (index == kNil) return taken;
  Datagram& d = datagrams_[index];
  if (d.refused) return taken;
  taken.verdict = add(d, room_of(index), f, ethernet);
  if (taken.verdict == Verdict::kFailed) d.refused = true;
  if (taken.verdict == Verdict::kWhole) {
    d.whole = true;
    complete(d, room_of(index));
    taken.index = index;
    reckon();
  }
  return taken;
}

Fragments::Verdict Fragments::add(Datagram& d, std::byte* room, const Fragment& f,
                                  const std::byte* ethernet) {
  const auto bytes = static_cast<uint32_t>(f.payload.size());
  const uint32_t end = f.offset + bytes;
  const size_t first = f.offset / kFragmentUnit;
  const size_t units = (bytes + kFragmentUnit - 1) / kFragmentUnit;
  bool taken = false;
  for_words(first, units,
            [&](size_t word, uint64_t mask) { taken = taken || (d.received[word] & mask) != 0; });
  const bool says_other_end = f.more         ? d.total != 0 && end > d.total
                              : d.total != 0 ? end != d.total
                                             : end < d.end;
  if (says_other_end) return Verdict::kFailed;
  if (taken) return is_duplicate(d, first, units) ? Verdict::kDuplicate : Verdict::kFailed;
  if (++d.fragments > kFragmentsMax) return Verdict::kFailed;
  d.marks = static_cast<uint8_t>(d.marks | 1u << f.ecn);
  if (!marks_agree(d)) return Verdict::kFailed;

  for_words(first, units, [&](size_t word, uint64_t mask) { d.received[word] |= mask; });
  set_bit(d.starts, first);
  std::memcpy(room + kPayloadAt + f.offset, f.payload.data(), bytes);
  d.bytes += bytes;
  d.end = std::max(d.end, end);
  if (!f.more) d.total = end;
  if (f.offset == 0) {
    d.header_bytes = static_cast<uint16_t>(kEthernetHeaderBytes + f.headers.size());
    d.first_bytes = static_cast<uint16_t>(bytes);
    d.named_at = f.named_at;
    d.next_header = f.protocol;
    const size_t between = fragment_header_bytes(d.source);
    std::byte* const to = room + kPayloadAt - between - d.header_bytes;
    std::memcpy(to, ethernet, kEthernetHeaderBytes);
    std::memcpy(to + kEthernetHeaderBytes, f.headers.data(), f.headers.size() + between);
  }
  // No byte came twice, so as many as there are to be are all of them. What is too long with the
  // first fragment's headers was not, perhaps, with the last one's.
  if (d.total == 0 || d.bytes != d.total) return Verdict::kKept;
  return d.header_bytes - kEthernetHeaderBytes + d.total > kLongest ? Verdict::kFailed
                                                                    : Verdict::kWhole;
}

// RFC 8200 section 4.5: one that has come before, from first byte to last, is no overlap.
bool Fragments::is_duplicate(const Datagram& d, size_t first, size_t units) {
  if (!has_bit(d.received, first) || !has_bit(d.starts, first)) return false;
  size_t at = first + 1;
  while (at < kUnits && has_bit(d.received, at) && !has_bit(d.starts, at)) ++at;
  return at - first == units;
}

// RFC 3168 section 5.3: "congestion experienced" beside a sender that does not know of it is a lie.
bool Fragments::marks_agree(const Datagram& d) {
  constexpr uint8_t kLie = 1 << wire::kNotEct | 1 << wire::kCe;
  return (d.marks & kLie) != kLie;
}

// --- The whole ----------------------------------------------------------------------------------

void Fragments::complete(Datagram& d, std::byte* room) {
  std::byte* const header = room + kPayloadAt - d.header_bytes;
  std::byte* const ip = header + kEthernetHeaderBytes;
  std::memmove(header, header - fragment_header_bytes(d.source), d.header_bytes);
  const size_t ip_header_bytes = d.header_bytes - kEthernetHeaderBytes;
  const bool marked = (d.marks & 1 << wire::kCe) != 0;
  if (d.source.is_v4()) {
    if (marked) wire::store8(ip + 1, wire::load8(ip + 1) | wire::kCe);
    wire::store_be16(ip + 2, static_cast<uint16_t>(ip_header_bytes + d.total));
    wire::store16(ip + 6, 0);
    wire::store16(ip + 10, 0);
    const uint64_t sum = wire::sum_bytes({ip, ip_header_bytes}, 0);
    wire::store16(ip + 10, static_cast<uint16_t>(~wire::fold(sum)));
    return;
  }
  if (marked) wire::store8(ip + 1, static_cast<uint8_t>(wire::load8(ip + 1) | wire::kCe << 4));
  wire::store_be16(ip + 4,
                   static_cast<uint16_t>(ip_header_bytes - wire::kIpv6HeaderBytes + d.total));
  wire::store8(ip + d.named_at, d.next_header);
}

std::span<const std::byte> Fragments::frame(uint32_t index) const {
  const Datagram& d = datagrams_[index];
  return {room_of(index) + kPayloadAt - d.header_bytes, size_t{d.header_bytes} + d.total};
}

Fragments::Expired Fragments::expired(uint32_t index) const {
  const Datagram& d = datagrams_[index];
  Expired expired{d.source, d.destination, {}};
  if (d.header_bytes != 0) {
    const size_t before = d.header_bytes - kEthernetHeaderBytes + fragment_header_bytes(d.source);
    expired.quote = {room_of(index) + kPayloadAt - before, before + d.first_bytes};
  }
  return expired;
}

}  // namespace millrace::net
