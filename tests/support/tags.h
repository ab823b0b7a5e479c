// SPDX-License-Identifier: BSD-3-Clause
// VLAN tags put into frames and taken out of them, as naively as can be. With MILLRACE_VLAN, such
// as 100 or 100.200, tests that know nothing of VLANs are played on that one: the host's addresses
// are there, what it is sent gets the tags, and what it sends must have them (test_host.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/naive_frame.h"

namespace millrace::test {

// "", or what MILLRACE_VLAN says.
std::string vlan_of_the_suite();

// `vlan` is "", "100" or "100.200"; of two tags the outer one says `outer_type`, of one 8100.
Bytes tagged(Bytes frame, std::string_view vlan, uint16_t outer_type = 0x88a8);
// Takes all tags out, and returns the VLAN that they named; one tag has to say 8100, and of two the
// outer one `outer_type`, or what comes back is no VLAN.
std::string untag(Bytes& frame, uint16_t outer_type = 0x88a8);

// "vlan 100 ", or nothing: what stands before a frame's line.
inline std::string on_vlan(const std::string& vlan) {
  return vlan.empty() ? "" : "vlan " + vlan + " ";
}

}  // namespace millrace::test
