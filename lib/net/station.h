// SPDX-License-Identifier: BSD-3-Clause
// Whoever answers to an address on one of the VLANs of our link. The same address on another VLAN
// is somebody else's: fe80::1 is the router's on many of them.
#pragma once

#include "millrace/address.h"

namespace millrace::net {

struct Station {
  IpAddress address;
  Vlan vlan;

  Station() = default;
  Station(const IpAddress& at, Vlan on = {}) : address(at), vlan(on) {}
  friend bool operator==(const Station&, const Station&) = default;
};

}  // namespace millrace::net
