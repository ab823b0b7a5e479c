// SPDX-License-Identifier: BSD-3-Clause
// Multicast listener discovery as a host has it: queries in, reports out. In: a query that anybody
// on the link may have sent. Out: a value that has passed the checks of RFC 3810 section 6.2; and
// reports of version 2, or 1 for a link whose router knows no other (RFC 2710).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "millrace/address.h"
#include "wire/build.h"
#include "wire/frame.h"

namespace millrace::wire {

inline constexpr uint8_t kIcmpV6GroupQuery = 130;
inline constexpr uint8_t kIcmpV6GroupReportV1 = 131;
inline constexpr uint8_t kIcmpV6GroupReportV2 = 143;

// ff02::1:ffXX:XXXX with these last 24 bits, the group of all addresses that end in them; and back,
// nothing for any other group.
IpAddress solicited_node_group(uint32_t low_bits);
std::optional<uint32_t> low_bits_of(const IpAddress& group);

struct GroupQuery {
  IpAddress group;  // unspecified: all groups
  uint32_t response_ms_max = 0;
  bool version_1 = false;
};

// Nothing when it is not from this link (hop limit 1, a link-local source, router alert), or has no
// length that a version has. Sources that are asked for are not read: we listen to all of them.
// Requires: parse_icmp_v6() gave `icmp` for `parsed`, and its type is kIcmpV6GroupQuery.
std::optional<GroupQuery> parse_group_query(const ParsedFrame& parsed, const IcmpMessage& icmp);

// How a record of version 2 says that we listen to all sources of a group (RFC 3810 section
// 5.2.12).
enum class GroupRecord : uint8_t { kIsExclude = 2, kToExclude = 4 };

// Records of one report: a packet that every link carries.
inline constexpr size_t kGroupRecordsMax = 60;
inline constexpr size_t kGroupReportHeaderBytes = kEthernetHeaderBytes + kIpv6HeaderBytes + 8 + 8;
inline constexpr size_t kGroupRecordBytes = 20;

// Writes a report of version 2 about groups, by their low bits, with its router alert; returns the
// bytes written. Requires: at most kGroupRecordsMax groups; room for the header and as many
// records; source is link-local or unspecified.
size_t build_group_report(std::span<std::byte> out, const MacAddress& own, const IpAddress& source,
                          GroupRecord record, std::span<const uint32_t> groups);
// The same of version 1, about one group, and to it. Requires: room for the header and
// kGroupReportV1ExtraBytes.
inline constexpr size_t kGroupReportV1ExtraBytes = 16;
size_t build_group_report_v1(std::span<std::byte> out, const MacAddress& own,
                             const IpAddress& source, uint32_t group);

}  // namespace millrace::wire
