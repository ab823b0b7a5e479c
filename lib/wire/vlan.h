// SPDX-License-Identifier: BSD-3-Clause
// VLAN tags, between the MAC addresses and the ethertype: two bytes that say that it is one, and
// two with priority (3 bits), drop eligibility (1) and the id of the VLAN (12). IEEE 802.1Q section
// 9; two of them, the outer one of a provider: IEEE 802.1ad.
//
//     6 to | 6 from | 88a8 outer | 8100 inner | ethertype | ...
//
// Read: one tag 8100; or two, the outer 88a8 or 8100. Written: priority 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/address.h"
#include "millrace/frame.h"
#include "wire/bytes.h"

namespace millrace::wire {

inline constexpr uint16_t kEthertypeVlan = 0x8100;
inline constexpr uint16_t kEthertypeServiceVlan = 0x88a8;
inline constexpr size_t kMacsBytes = 12;
inline constexpr size_t kTagBytes = 4;
inline constexpr size_t kTagsBytesMax = 2 * kTagBytes;

constexpr uint16_t vlan_id(uint16_t tag_control) { return tag_control & 0xfff; }

struct Tags {
  bool sound = true;  // false: cut short, or two tags with the inner one 88a8
  uint8_t bytes = 0;  // that lie there
  Vlan vlan;          // theirs, and what was taken off before
};

// The tags of a frame that begins at `l2`, of which the first may have been taken off already.
// Requires: 14 bytes there. Ensures: when sound, an ethertype lies behind the tags.
Tags read_tags(const std::byte* l2, size_t length, Vlan taken_off);

// Takes the tags off: `frame` begins later then. `bytes` is frame.data, which may be written. A
// frame whose tags are not sound stays as it is.
void take_off_tags(std::byte* bytes, RxFrame& frame);

// What tags a frame of `vlan` has; returns their bytes. Requires: room for 8 at `to`.
size_t write_tags(std::byte* to, Vlan vlan);

// The headers of `frame` with its tags; returns their bytes. Requires: room for them at `to`.
size_t write_tagged_header(std::byte* to, const TxFrame& frame);

}  // namespace millrace::wire
