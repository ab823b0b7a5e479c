// SPDX-License-Identifier: BSD-3-Clause
// The naive twin of net::Fragments: the fragments of each datagram in a list, byte by byte in a
// map. play_fragments() plays a script to both and fails where they differ; the property test draws
// scripts at random, the fuzzer writes them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/fragments.h"

namespace millrace::test {

struct FragmentsTwin {
  using Verdict = net::Fragments::Verdict;
  struct Piece {
    uint32_t begin, end;
  };
  struct Datagram {
    IpAddress source, destination;
    uint32_t id = 0;
    uint8_t protocol = 0;
    uint32_t deadline = 0;
    std::vector<Piece> pieces;
    std::map<uint32_t, std::byte> bytes;
    std::optional<uint32_t> total;
    bool not_ect = false, ce = false;
    bool refused = false;
  };

  explicit FragmentsTwin(const net::FragmentLimits& of) : limits(of) {}

  static bool sound(const wire::Fragment& f) {
    const size_t bytes = f.payload.size();
    if (bytes == 0 || (f.more && bytes % 8 != 0)) return false;
    if (f.headers.size() + f.offset + bytes > 65535) return false;
    return f.offset != 0 || bytes >= (f.protocol == 6 ? 20u : 8u);
  }

  Datagram* find(const wire::Fragment& f) {
    for (Datagram& d : datagrams) {
      const bool same = d.source == f.source && d.destination == f.destination && d.id == f.id;
      if (same && (!f.source.is_v4() || d.protocol == f.protocol)) return &d;
    }
    return nullptr;
  }

  // The payload, when it is whole.
  Verdict take(const wire::Fragment& f, uint32_t tick, std::vector<std::byte>& whole) {
    if (!sound(f)) return Verdict::kRefused;
    Datagram* d = find(f);
    if (d == nullptr) {
      const auto of_source = std::count_if(datagrams.begin(), datagrams.end(),
                                           [&](const auto& one) { return one.source == f.source; });
      if (of_source >= static_cast<ptrdiff_t>(limits.per_source_max)) return Verdict::kRefused;
      if (datagrams.size() == limits.datagrams_max) {
        auto victim = std::find_if(datagrams.begin(), datagrams.end(),
                                   [](const auto& one) { return one.refused; });
        datagrams.erase(victim == datagrams.end() ? datagrams.begin() : victim);
      }
      const uint32_t lifetime = f.source.is_v4() ? limits.v4_ticks : limits.v6_ticks;
      datagrams.push_back({f.source, f.destination, f.id, f.protocol, tick + lifetime});
      d = &datagrams.back();
    }
    if (d->refused) return Verdict::kRefused;
    const Verdict verdict = add(*d, f);
    if (verdict == Verdict::kFailed) d->refused = true;
    if (verdict == Verdict::kWhole) {
      for (const auto& [at, byte] : d->bytes) whole.push_back(byte);
      datagrams.remove_if([&](const Datagram& one) { return &one == d; });
    }
    return verdict;
  }

  static Verdict add(Datagram& d, const wire::Fragment& f) {
    const auto end = static_cast<uint32_t>(f.offset + f.payload.size());
    uint32_t furthest = 0;
    for (const Piece& piece : d.pieces) furthest = std::max(furthest, piece.end);
    if (d.total && (f.more ? end > *d.total : end != *d.total)) return Verdict::kFailed;
    if (!d.total && !f.more && end < furthest) return Verdict::kFailed;
    for (const Piece& piece : d.pieces) {
      if (piece.begin == f.offset && piece.end == end) return Verdict::kDuplicate;
    }
    for (const Piece& piece : d.pieces) {
      if (f.offset < piece.end && piece.begin < end) return Verdict::kFailed;
    }
    if (d.pieces.size() == net::Fragments::kFragmentsMax) return Verdict::kFailed;
    d.not_ect = d.not_ect || f.ecn == 0;
    d.ce = d.ce || f.ecn == 3;
    if (d.not_ect && d.ce) return Verdict::kFailed;
    d.pieces.push_back({f.offset, end});
    for (size_t i = 0; i < f.payload.size(); ++i) {
      d.bytes[f.offset + static_cast<uint32_t>(i)] = f.payload[i];
    }
    if (!f.more) d.total = end;
    return d.total && d.bytes.size() == *d.total ? Verdict::kWhole : Verdict::kKept;
  }

  size_t advance(uint32_t tick) {
    size_t reported = 0;
    datagrams.remove_if([&](const Datagram& d) {
      if (tick < d.deadline) return false;
      reported += d.refused ? 0 : 1;
      return true;
    });
    return reported;
  }

  net::FragmentLimits limits;
  std::list<Datagram> datagrams;  // the oldest first
};

// A fragment with the memory that it lies in: headers, IPv6's fragment header, payload.
struct HeldFragment {
  std::vector<std::byte> memory;
  wire::Fragment fragment;
};

inline HeldFragment make_fragment(bool v4, uint8_t host, uint32_t id, uint8_t protocol, uint8_t ecn,
                                  uint32_t offset, size_t bytes, bool more, uint8_t salt) {
  HeldFragment held;
  const size_t headers = v4 ? 20 : 40;
  const size_t between = v4 ? 0 : 8;
  held.memory.resize(headers + between + bytes);
  held.memory[0] = std::byte(v4 ? 0x45 : 0x60);
  for (size_t i = 0; i < bytes; ++i) {
    held.memory[headers + between + i] = std::byte((offset + i) * 7 + (offset + i) / 256 + salt);
  }
  const std::span<const std::byte> all(held.memory);
  std::array<uint8_t, 16> v6{0x20, 1, 0xd, 0xb8};
  v6[15] = host;
  held.fragment = {.source = v4 ? IpAddress::v4(0x0a000000u + host) : IpAddress::v6(v6),
                   .destination = v4 ? IpAddress::v4(0x0a0000fe) : IpAddress::v6({0x20, 1}),
                   .id = id,
                   .protocol = protocol,
                   .ecn = ecn,
                   .more = more,
                   .offset = offset,
                   .headers = all.first(headers),
                   .named_at = 6,
                   .payload = all.subspan(headers + between)};
  return held;
}

// What differs first; nothing when all is as it should be. Each step of the script is 6 bytes.
inline std::optional<std::string> play_fragments(std::span<const uint8_t> script) {
  using Verdict = net::Fragments::Verdict;
  const net::FragmentLimits limits{
      .datagrams_max = 4, .per_source_max = 3, .v4_ticks = 30, .v6_ticks = 60};
  auto fragments = net::Fragments::create(limits);
  FragmentsTwin twin(limits);
  uint32_t tick = 0xffffff00;  // wraps
  uint32_t twin_tick = 0;
  const std::array<std::byte, 14> ethernet{};
  for (; script.size() >= 6; script = script.subspan(6)) {
    const auto at = [&](size_t i) { return script[i]; };
    if (at(0) >= 0xf0) {
      tick += at(1);
      twin_tick += at(1);
      size_t reported = 0;
      fragments->advance(tick, [&](const auto&) { ++reported; });
      if (reported != twin.advance(twin_tick)) return "other datagrams have expired";
      continue;
    }
    const bool far = at(5) >= 0xf8;  // near the end of the longest
    const uint32_t offset = (far ? 65535u / 8 - at(3) % 16 : at(3) % 32u) * 8;
    const size_t bytes = at(4) < 0xf0 ? (at(4) % 32u) * 8 : at(4) % 16u;
    const uint8_t ecn = at(5) % 16 == 0 ? 3 : at(5) % 16 == 1 ? 0 : 2;
    const HeldFragment held =
        make_fragment((at(0) & 1) != 0, at(0) >> 1 & 3, at(1) % 3, (at(1) & 0x80) != 0 ? 6 : 17,
                      ecn, offset, bytes, (at(2) & 3) != 0, at(2));
    std::vector<std::byte> expected;
    const auto taken = fragments->take(held.fragment, ethernet.data(), tick);
    const Verdict verdict = twin.take(held.fragment, twin_tick, expected);
    if (taken.verdict != verdict) {
      return "verdict " + std::to_string(static_cast<int>(taken.verdict)) + ", not " +
             std::to_string(static_cast<int>(verdict));
    }
    if (verdict == Verdict::kWhole) {
      const auto frame = fragments->frame(taken.index);
      const size_t headers = 14 + held.fragment.headers.size();
      if (!std::ranges::equal(frame.subspan(headers), expected)) return "another payload";
      fragments->release(taken.index);
    }
    if (fragments->used() != twin.datagrams.size()) return "other datagrams in use";
  }
  return std::nullopt;
}

}  // namespace millrace::test
