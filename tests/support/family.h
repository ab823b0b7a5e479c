// SPDX-License-Identifier: BSD-3-Clause
// The same test in the other family. Tests are written in IPv4; with this between them and the host
// under test, the host speaks IPv6 and the test never knows: frames are translated both ways, as by
// the stateless translator of RFC 7915, ARP and neighbour discovery into each other too. A frame
// that is wrong stays wrong: checksums keep their error.
//
//     test (IPv4, ARP, ICMP)  --to_v6()-->  host (IPv6, ND, ICMPv6)  --to_v4()-->  test
//
// 10.0.0.1 is 2001:db8::a00:1. IPv6 has 20 bytes less for TCP, so the host gets an MTU of 20 more.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "millrace/config.h"

namespace millrace::test {

// True when MILLRACE_FAMILY is 6: all that can be is played in IPv6.
bool plays_ipv6();

// Unspecified stays unspecified, broadcast becomes all nodes.
IpAddress to_v6(const IpAddress& address);
IpAddress to_v4(const IpAddress& address);
void to_v6(InterfaceConfig& interface);

// Nothing where IPv6, or IPv4, has nothing like the frame. What is no sound packet of the one
// family comes back as it is.
std::optional<std::vector<std::byte>> to_v6(std::span<const std::byte> frame);
std::optional<std::vector<std::byte>> to_v4(std::span<const std::byte> frame);

}  // namespace millrace::test
