// SPDX-License-Identifier: BSD-3-Clause
#include "wire/vlan.h"

#include <cstring>

namespace millrace::wire {

Tags read_tags(const std::byte* l2, size_t length, Vlan taken_off) {
  const std::byte* at = l2 + kMacsBytes;
  const std::byte* const end = l2 + length;
  uint16_t type = load_be16(at);
  uint16_t ids[2] = {};
  size_t count = 0;
  const auto take = [&] {
    if (static_cast<size_t>(end - at) < kTagBytes + 2) return false;
    ids[count++] = vlan_id(load_be16(at + 2));
    at += kTagBytes;
    type = load_be16(at);
    return true;
  };
  const bool outer_taken = taken_off.tagged();
  if (taken_off.inner() != 0) return {.vlan = taken_off};
  Tags tags{.vlan = taken_off};
  if (type == kEthertypeServiceVlan && !outer_taken) {
    // Alone it would be a provider's, whose VLANs are not those of the same id with 8100.
    if (!take() || type != kEthertypeVlan) return {.sound = false};
    if (!take()) return {.sound = false};
  } else if (type == kEthertypeVlan) {
    if (!take()) return {.sound = false};
    if (type == kEthertypeVlan && !outer_taken && !take()) return {.sound = false};
  }
  tags.bytes = static_cast<uint8_t>(at - (l2 + kMacsBytes));
  if (count != 0) {
    tags.vlan = outer_taken ? Vlan(taken_off.outer(), ids[0]) : Vlan(ids[0], ids[1]);
  }
  return tags;
}

void take_off_tags(std::byte* bytes, RxFrame& frame) {
  if (frame.length < kMacsBytes + 2) return;
  const Tags tags = read_tags(bytes, frame.length, frame.vlan);
  if (!tags.sound || tags.bytes == 0) return;
  std::memmove(bytes + tags.bytes, bytes, kMacsBytes);
  frame.data = bytes + tags.bytes;
  frame.length -= tags.bytes;
  frame.vlan = tags.vlan;
}

size_t write_tags(std::byte* to, Vlan vlan) {
  if (!vlan.tagged()) return 0;
  if (vlan.inner() == 0) {
    store_be16(to, kEthertypeVlan);
    store_be16(to + 2, vlan.outer());
    return kTagBytes;
  }
  store_be16(to, vlan.outer_is_8021q() ? kEthertypeVlan : kEthertypeServiceVlan);
  store_be16(to + 2, vlan.outer());
  store_be16(to + 4, kEthertypeVlan);
  store_be16(to + 6, vlan.inner());
  return kTagsBytesMax;
}

size_t write_tagged_header(std::byte* to, const TxFrame& frame) {
  std::memcpy(to, frame.header.data(), kMacsBytes);
  const size_t tags = write_tags(to + kMacsBytes, frame.vlan);
  std::memcpy(to + kMacsBytes + tags, frame.header.data() + kMacsBytes,
              frame.header_bytes - kMacsBytes);
  return frame.header_bytes + tags;
}

}  // namespace millrace::wire
