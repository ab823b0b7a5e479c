// SPDX-License-Identifier: BSD-3-Clause
// ICMPv6 in: echo, errors (those about our segments go on to path.cc), and neighbour discovery
// (RFC 4443, RFC 4861 sections 6.3 and 7.2, RFC 4862 section 5.4; redirects go on to redirect.cc),
// and queries for the groups that we are in (RFC 3810).
#include <algorithm>
#include <cstring>

#include "stack/impl.h"
#include "wire/bytes.h"
#include "wire/nd.h"

namespace millrace {

// An address of ours, or a group that we are in. Those that must not be used yet hear neighbour
// discovery, so that a conflict is noticed.
bool Shard::Impl::for_us_by_ip6(const wire::ParsedFrame& p) {
  const IpAddress& to = p.key.local;
  const bool ours = p.l2_group ? to.is_multicast() && for_group(p) : interface_.is_ours(to);
  if (!ours) drop(Counter::kDropIpNotForUs);
  return ours;
}

// Requires: sent to a group's MAC address that we have joined.
bool Shard::Impl::for_group(const wire::ParsedFrame& p) const {
  constexpr uint16_t kLinkScope = 0xff02;
  return wire::load_be16(p.ip + 24) == kLinkScope &&
         wire::multicast_mac(p.key.local) == p.destination_mac();
}

void Shard::Impl::on_icmp_v6(const wire::ParsedFrame& p) {
  counters_.add(Counter::kIcmp6InMsgs);
  if (p.source_mac() == config_.interface.mac) return;  // our own, reflected
  if (!for_us_by_ip6(p)) return;
  Counter reason = Counter::kDropIcmpMalformed;
  const std::optional<wire::IcmpMessage> message = wire::parse_icmp_v6(p, reason);
  if (!message) {
    counters_.add(Counter::kIcmp6InErrors);
    drop(reason);
    return;
  }
  if (wire::is_neighbor_discovery(message->type)) {
    on_neighbor_discovery(p, *message);
    return;
  }
  switch (message->type) {
    case wire::kIcmpV6EchoRequest:
      counters_.add(Counter::kIcmp6InEchos);
      on_echo_v6(p, *message);
      return;
    case wire::kIcmpV6DestinationUnreachable:
      counters_.add(Counter::kIcmp6InDestUnreachs);
      break;
    case wire::kIcmpV6PacketTooBig:
      counters_.add(Counter::kIcmp6InPktTooBigs);
      break;
    case wire::kIcmpV6TimeExceeded:
      counters_.add(Counter::kIcmp6InTimeExcds);
      break;
    case wire::kIcmpV6ParameterProblem:
      counters_.add(Counter::kIcmp6InParmProblems);
      break;
    case wire::kIcmpV6GroupQuery:
      on_group_query(p, *message);
      return;
    default:
      break;
  }
  if (message->error == wire::IcmpError::kNone) {
    counters_.add(Counter::kIcmpIgnored);
    return;
  }
  on_icmp_error(*message);
}

// RFC 4443 section 4.2: from the address that was asked, or one of ours where it was a group.
void Shard::Impl::on_echo_v6(const wire::ParsedFrame& p, const wire::IcmpMessage& message) {
  if (p.key.peer.is_unspecified() || !icmp_.take()) return;
  const bool group = p.key.local.is_multicast();
  const IpAddress source = group ? interface_.source_for(p.key.peer, p.vlan) : p.key.local;
  if (!interface_.is_local(source)) return;
  counters_.add(Counter::kIcmp6OutEchoReplies);
  send_icmp(source, p.key.peer, wire::kIcmpV6EchoReply, 0, message.body);
}

// RFC 4443 sections 3.1 and 3.4, within the bounds of section 2.4(e): `p` is no ICMP, and was sent
// to us alone.
void Shard::Impl::refuse_protocol_v6(const wire::ParsedFrame& p) {
  if (p.key.peer.is_unspecified() || p.l2_group || !icmp_.take()) return;
  constexpr size_t kRoom =
      wire::kIpv6MtuMin - wire::kIpv6HeaderBytes - wire::kIcmpV6ErrorHeaderBytes;
  std::array<std::byte, 4 + kRoom> body{};
  const size_t quoted = std::min<size_t>(p.ip_bytes, kRoom);
  std::copy_n(p.ip, quoted, body.begin() + 4);
  const std::span said = std::span<const std::byte>(body).first(4 + quoted);
  if (p.protocol == wire::kProtocolUdp) {
    counters_.add(Counter::kIcmp6OutDestUnreachs);
    send_icmp(p.key.local, p.key.peer, wire::kIcmpV6DestinationUnreachable,
              wire::kIcmpV6UnreachablePort, said);
    return;
  }
  wire::store_be32(body.data(), wire::next_header_at(p.ip, p.ip_header_bytes));
  counters_.add(Counter::kIcmp6OutParmProblems);
  send_icmp(p.key.local, p.key.peer, wire::kIcmpV6ParameterProblem, wire::kIcmpV6UnknownNextHeader,
            said);
}

// --- Neighbour discovery ------------------------------------------------------------------------

void Shard::Impl::on_neighbor_discovery(const wire::ParsedFrame& p,
                                        const wire::IcmpMessage& message) {
  Counter reason = Counter::kDropNdMalformed;
  const std::optional<wire::NdMessage> said = wire::parse_nd(p, message, reason);
  if (!said) {
    counters_.add(Counter::kIcmp6InErrors);
    drop(reason);
    return;
  }
  switch (message.type) {
    case wire::kIcmpV6NeighborSolicitation:
      counters_.add(Counter::kIcmp6InNeighborSolicits);
      on_solicitation(p, *said);
      break;
    case wire::kIcmpV6NeighborAdvertisement:
      counters_.add(Counter::kIcmp6InNeighborAdvertisements);
      on_advertisement(p, *said);
      break;
    case wire::kIcmpV6RouterAdvertisement:
      counters_.add(Counter::kIcmp6InRouterAdvertisements);
      on_router_advertisement(p, *said);
      break;
    case wire::kIcmpV6Redirect:
      counters_.add(Counter::kIcmp6InRedirects);
      on_redirect_v6(p, *said);
      break;
    default:
      counters_.add(Counter::kIcmpIgnored);  // we are no router
      break;
  }
}

// RFC 4861 section 7.2.3; RFC 4862 section 5.4.3.
void Shard::Impl::on_solicitation(const wire::ParsedFrame& p, const wire::NdMessage& said) {
  if (interface_.is_ours(said.target) && interface_.vlan_of(said.target) != p.vlan) {
    drop(Counter::kDropVlanMismatch);
    return;
  }
  const bool nobody = p.key.peer.is_unspecified();
  const net::OwnAddress* own = interface_.own(said.target);
  if (nobody && own != nullptr && !own->checked()) {
    on_conflict(said.target);  // two that want the same address: neither gets it
    return;
  }
  if (!interface_.is_local(said.target)) return;
  if (interface_.is_ours(p.key.peer)) {
    on_conflict(p.key.peer);
    return;
  }
  if (!nobody && said.mac) {
    const net::Station sender(p.key.peer, p.vlan);
    note_learned(sender, neighbors_.learn_source(sender, *said.mac, {}, ctx_.tick));
  }
  if (!answers_for_all()) return;
  send_advertisement(said.target, nobody ? wire::all_nodes() : p.key.peer,
                     said.mac.value_or(p.source_mac()), !nobody);
}

// RFC 4861 section 7.2.5; RFC 4862 section 5.4.4.
void Shard::Impl::on_advertisement(const wire::ParsedFrame& p, const wire::NdMessage& said) {
  if (interface_.is_ours(said.target) && interface_.vlan_of(said.target) == p.vlan) {
    on_conflict(said.target);
    return;
  }
  const net::Station target(said.target, p.vlan);
  note_learned(target,
               neighbors_.learn_advertised(
                   target, {said.mac, said.solicited, said.overrides, said.router}, ctx_.tick));
}

// RFC 4861 section 6.3.4.
void Shard::Impl::on_router_advertisement(const wire::ParsedFrame& p, const wire::NdMessage& said) {
  if (config_.interface.autoconfigure == Autoconfigure::kOff) {
    counters_.add(Counter::kIcmpIgnored);
    return;
  }
  const net::Station router(p.key.peer, p.vlan);
  if (said.mac) {
    note_learned(router, neighbors_.learn_source(router, *said.mac, true, ctx_.tick));
  }
  interface_.on_router(router, said, now_);
  on_interface_changed();
  constexpr uint32_t kHourMs = 3'600'000;
  constexpr uint32_t kShortestMs = 100;
  neighbors_.set_timing(
      said.reachable_ms == 0 ? 0 : std::clamp(said.reachable_ms, kShortestMs, kHourMs),
      said.retransmit_ms == 0 ? 0 : std::clamp(said.retransmit_ms, kShortestMs, kHourMs));
}

// RFC 3810 section 6.2.
void Shard::Impl::on_group_query(const wire::ParsedFrame& p, const wire::IcmpMessage& message) {
  counters_.add(Counter::kIcmp6InGroupMembQueries);
  const std::optional<wire::GroupQuery> query = wire::parse_group_query(p, message);
  if (query) {
    interface_.on_group_query(*query, now_);
  } else {
    counters_.add(Counter::kIcmp6InErrors);
    drop(Counter::kDropIcmpMalformed);
  }
}

void Shard::Impl::note_learned(const net::Station& station,
                               const net::Neighbors::Learned& learned) {
  if (learned.no_router) interface_.on_no_router(station);
  if (learned.index != kNil) on_neighbor_known(learned.index);
}

}  // namespace millrace
