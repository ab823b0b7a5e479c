// SPDX-License-Identifier: BSD-3-Clause
#include "support/tags.h"

#include <cstdlib>
#include <vector>

namespace millrace::test {
namespace {

constexpr size_t kTagAt = 12;
constexpr uint16_t kTag = 0x8100;
constexpr uint16_t kProvidersTag = 0x88a8;

void put_tag(Bytes& frame, uint16_t type, unsigned id) {
  frame.insert(frame.begin() + kTagAt, 4, std::byte{0});
  put16(frame, kTagAt, type);
  put16(frame, kTagAt + 2, static_cast<uint16_t>(id));
}

}  // namespace

std::string vlan_of_the_suite() {
  const char* vlan = std::getenv("MILLRACE_VLAN");
  return vlan == nullptr ? "" : vlan;
}

Bytes tagged(Bytes frame, std::string_view vlan, uint16_t outer_type) {
  if (vlan.empty() || frame.size() < kTagAt) return frame;
  const std::string text(vlan);
  const size_t dot = text.find('.');
  if (dot != std::string::npos) put_tag(frame, kTag, std::stoul(text.substr(dot + 1)));
  put_tag(frame, dot == std::string::npos ? kTag : outer_type, std::stoul(text));
  return frame;
}

std::string untag(Bytes& frame, uint16_t outer_type) {
  std::vector<uint16_t> types;
  std::string vlan;
  while (frame.size() >= kTagAt + 4) {
    const uint16_t type = get16(frame, kTagAt);
    if (type != kTag && type != kProvidersTag) break;
    types.push_back(type);
    vlan += (vlan.empty() ? "" : ".") + std::to_string(get16(frame, kTagAt + 2));
    frame.erase(frame.begin() + kTagAt, frame.begin() + kTagAt + 4);
  }
  const bool one = types == std::vector<uint16_t>{kTag};
  const bool two = types == std::vector<uint16_t>{outer_type, kTag};
  return types.empty() || one || two ? vlan : "tags that should not be: " + vlan;
}

}  // namespace millrace::test
