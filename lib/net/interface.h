// SPDX-License-Identifier: BSD-3-Clause
// Which addresses are ours, and where a packet goes next: static routes, longest prefix first
// (RFC 1122 section 3.3.1). Set once from the configuration; asked for every packet.
#pragma once

#include <optional>
#include <vector>

#include "millrace/address.h"
#include "millrace/config.h"

namespace millrace::net {

class Interface {
 public:
  explicit Interface(const InterfaceConfig& config);

  // Whether a packet to `address` is for us.
  [[nodiscard]] bool is_local(const IpAddress& address) const {
    if (address == first_) return true;
    for (const Prefix& range : local_) {
      if (range.contains(address)) return true;
    }
    return false;
  }
  // Of a local network, or 255.255.255.255.
  [[nodiscard]] bool is_broadcast(const IpAddress& address) const {
    for (const IpAddress& broadcast : broadcasts_) {
      if (address == broadcast) return true;
    }
    return false;
  }
  // Whose link-layer address a packet to `destination` needs; nothing when there is no route.
  [[nodiscard]] std::optional<IpAddress> next_hop(const IpAddress& destination) const;
  // The address to speak from when the caller has no wish: the one on the next hop's network.
  [[nodiscard]] IpAddress source_for(const IpAddress& destination) const;

  [[nodiscard]] const InterfaceConfig& config() const { return config_; }

 private:
  InterfaceConfig config_;
  IpAddress first_;
  std::vector<IpAddress> broadcasts_;
  std::vector<Prefix> local_;  // every address and range but the first, as prefixes
  std::vector<Route> routes_;  // on-link networks and static routes, longest prefix first
};

}  // namespace millrace::net
