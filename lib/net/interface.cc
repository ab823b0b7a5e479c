// SPDX-License-Identifier: BSD-3-Clause
#include "net/interface.h"

#include <algorithm>

namespace millrace::net {

Interface::Interface(const InterfaceConfig& config) : config_(config) {
  if (!config.addresses.empty()) first_ = config.addresses.front().address;
  broadcasts_.push_back(IpAddress::v4(0xffffffff));
  for (size_t i = 0; i < config.addresses.size(); ++i) {
    const Prefix& prefix = config.addresses[i];
    const uint8_t full = prefix.address.is_v4() ? 32 : 128;
    if (prefix.address.is_v4() && prefix.length < 31) broadcasts_.push_back(prefix.broadcast());
    if (i != 0) local_.push_back({prefix.address, full});
    routes_.push_back({{prefix.network(), prefix.length}, IpAddress{}});
  }
  for (const Prefix& range : config.source_ranges) local_.push_back(range);
  for (const Route& route : config.routes) routes_.push_back(route);
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return a.destination.length > b.destination.length;
  });
}

std::optional<IpAddress> Interface::next_hop(const IpAddress& destination) const {
  for (const Route& route : routes_) {
    if (!route.destination.contains(destination)) continue;
    return route.gateway.is_unspecified() ? destination : route.gateway;
  }
  return std::nullopt;
}

IpAddress Interface::source_for(const IpAddress& destination) const {
  const std::optional<IpAddress> hop = next_hop(destination);
  for (const Prefix& prefix : config_.addresses) {
    if (hop && prefix.contains(*hop)) return prefix.address;
  }
  return first_;
}

}  // namespace millrace::net
