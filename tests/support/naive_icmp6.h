// SPDX-License-Identifier: BSD-3-Clause
// ICMPv6 and neighbour discovery built and read the slow and obvious way, sharing nothing with
// lib/wire; and the lines of packet diagrams that name such frames. RFC 8200, RFC 4443, RFC 4861.
//
//   nd who-has TARGET tell SOURCE             solicitation, to the target's group
//   nd probe TARGET                           of duplicate address detection: from ::
//   nd TARGET is-at MAC                       advertisement
//   nd router-solicit
//   nd router-advert lifetime N
//   nd redirect DESTINATION by TARGET         quoting nothing; the MAC is the target's
//   mld query, mld query GROUP                version 2, unless `v1` stands behind it
//   mld joins GROUPS, mld has GROUPS          reports: of a change, of what is; `v1` the older one
//   icmp6 echo ID SEQ BYTES, icmp6 echo-reply ID SEQ BYTES, icmp6 TYPE CODE
//
// with any of these behind it: `solicited`, `override`, `router` (of an advertisement), `mtu N`,
// `on-link PREFIX` and `prefix PREFIX` (this one also to form addresses of) `for N` seconds, `limit
// N` (hop limit, if not 255, 64 or of MLD 1), `max N` (milliseconds to answer in), `no-alert` (MLD
// without its router alert), `no-mac`, `mac M`, `from A`, `to A`. Routers speak from fe80::2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "support/naive_frame.h"

namespace millrace::test {

struct NaiveIcmp6 {
  MacAddress destination_mac, source_mac;
  IpAddress source, destination;
  uint8_t hop_limit = 64;
  Bytes hop_by_hop;  // that header, next header 58; empty: none
  uint8_t type = 0, code = 0;
  Bytes body;  // behind type, code and checksum
};
Bytes build(const NaiveIcmp6& icmp);

// Nothing where the frame is something else; `problem` names what is wrong with one that is.
std::optional<NaiveIcmp6> decode_icmp6(const Bytes& frame, std::string& problem);

// Makes the message's checksum right again after a test changed it.
void fix_icmp6_checksum(Bytes& frame);

struct NaivePrefix {
  Prefix prefix;
  bool on_link = true, autonomous = false;
  uint32_t valid_seconds = 0, preferred_seconds = 0;
};
Bytes link_address_option(uint8_t kind, const MacAddress& mac);
Bytes mtu_option(uint32_t mtu);
Bytes prefix_option(const NaivePrefix& prefix);

// What a line says, as the peer would send it: `own_mac` and `own` are the peer's, frames go to
// `host` and its `host_mac` unless the line or the protocol says otherwise. Nothing where the line
// makes no sense.
struct LineEnds {
  MacAddress own_mac, host_mac;
  IpAddress own, host;
};
std::optional<NaiveIcmp6> icmp6_of_line(std::string_view line, const LineEnds& ends);
// The line that says what a frame of the host's is, in the words above. `from` and `to` only where
// the protocol leaves a choice: a solicitation that is sent to its target alone has `to`, and each
// advertisement has.
std::string icmp6_text(const NaiveIcmp6& icmp);

IpAddress ip(std::string_view text);  // Requires: it is one.
// ff02::1:ffXX:XXXX.
IpAddress group_of(const IpAddress& address);
MacAddress mac_of_group(const IpAddress& group);

}  // namespace millrace::test
