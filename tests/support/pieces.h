// SPDX-License-Identifier: BSD-3-Clause
// IP packets cut into fragments, and put together again, as naively as can be. Frames are untagged.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "support/naive_frame.h"

namespace millrace::test {

inline bool frame_is_v4(const Bytes& frame) { return get16(frame, 12) == 0x0800; }
// Where the IP payload of a frame without options or extension headers begins.
inline size_t ip_payload_at(const Bytes& frame) { return frame_is_v4(frame) ? 14 + 20 : 14 + 40; }

// The bytes [from, to) of the IP payload, at most what there is, as a fragment; `more` unless it
// has the last one.
inline Bytes piece_of(const Bytes& whole, uint32_t id, size_t from, size_t to) {
  const size_t at = ip_payload_at(whole);
  const size_t total =
      frame_is_v4(whole) ? get16(whole, 14 + 2) - size_t{20} : get16(whole, 14 + 4);
  to = std::min(to, total);
  const bool more = to < total;
  const auto byte = [&](size_t i) { return whole.begin() + static_cast<ptrdiff_t>(i); };
  Bytes piece(byte(0), byte(at));
  if (frame_is_v4(whole)) {
    put16(piece, 14 + 2, static_cast<uint16_t>(20 + to - from));
    put16(piece, 14 + 4, static_cast<uint16_t>(id));
    put16(piece, 14 + 6, static_cast<uint16_t>(from / 8 | (more ? 0x2000u : 0u)));
    fix_ip_checksum(piece);
  } else {
    const uint8_t protocol = static_cast<uint8_t>(piece[14 + 6]);
    put16(piece, 14 + 4, static_cast<uint16_t>(8 + to - from));
    put8(piece, 14 + 6, 44);
    piece.resize(at + 8);
    put8(piece, at, protocol);
    put16(piece, at + 2, static_cast<uint16_t>(from | (more ? 1u : 0u)));
    put32(piece, at + 4, id);
  }
  piece.insert(piece.end(), byte(at + from), byte(at + to));
  return piece;
}

// One frame of all its fragments; nothing where some are missing, of two datagrams, or too long for
// `mtu`.
inline std::optional<Bytes> joined(const std::vector<Bytes>& pieces, size_t mtu) {
  std::map<size_t, Bytes> by_offset;
  std::optional<uint32_t> id;
  std::optional<size_t> total;
  Bytes whole;
  for (const Bytes& piece : pieces) {
    const bool v4 = frame_is_v4(piece);
    if (piece.size() > 14 + mtu || (!v4 && get16(piece, 14 + 6) >> 8 != 44)) return std::nullopt;
    const size_t at = v4 ? 14 + 20 : 14 + 48;
    const uint16_t bits = get16(piece, v4 ? 14 + 6 : 14 + 42);
    const uint32_t own_id = v4 ? get16(piece, 14 + 4) : get32(piece, 14 + 44);
    if (id.value_or(own_id) != own_id) return std::nullopt;
    id = own_id;
    const size_t offset = v4 ? (bits & 0x1fff) * size_t{8} : bits & 0xfff8;
    const size_t end = v4 ? 14 + size_t{get16(piece, 16)} : 14 + 40 + size_t{get16(piece, 18)};
    Bytes payload(piece.begin() + static_cast<ptrdiff_t>(at),
                  piece.begin() + static_cast<ptrdiff_t>(end));
    if (((v4 ? bits >> 13 : bits) & 1) == 0) total = offset + payload.size();
    if (offset == 0) {
      whole.assign(piece.begin(), piece.begin() + static_cast<ptrdiff_t>(v4 ? at : at - 8));
      if (!v4) put8(whole, 14 + 6, static_cast<uint8_t>(piece[14 + 40]));
    }
    by_offset[offset] = std::move(payload);
  }
  size_t bytes = 0;
  for (const auto& [offset, payload] : by_offset) {
    if (offset != bytes || whole.empty()) return std::nullopt;
    whole.insert(whole.end(), payload.begin(), payload.end());
    bytes += payload.size();
  }
  if (total != bytes) return std::nullopt;
  if (frame_is_v4(whole)) {
    put16(whole, 14 + 2, static_cast<uint16_t>(20 + bytes));
    put16(whole, 14 + 6, 0x4000);
    fix_ip_checksum(whole);
  } else {
    put16(whole, 14 + 4, static_cast<uint16_t>(bytes));
  }
  return whole;
}

}  // namespace millrace::test
