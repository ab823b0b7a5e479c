// SPDX-License-Identifier: BSD-3-Clause
// What arrives beside TCP over IPv4: ARP (RFC 826, RFC 5227), ICMP (RFC 792, RFC 1122
// section 3.2.2; errors about our segments go on to path.cc, redirects to redirect.cc); and, of
// both families, protocols that we do not speak.
#include <algorithm>

#include "stack/impl.h"

namespace millrace {

void Shard::Impl::on_arp(const wire::ParsedFrame& p) {
  counters_.add(Counter::kArpIn);
  const std::optional<wire::ArpPacket> arp = wire::parse_arp({p.ip, p.ip_bytes});
  if (!arp) {
    drop(Counter::kDropArpMalformed);
    return;
  }
  if (arp->sender_mac == config_.interface.mac) return;  // our own, reflected
  const auto ours_here = [&](const IpAddress& address) {
    return interface_.is_ours(address) && interface_.vlan_of(address) == p.vlan;
  };
  if (ours_here(arp->sender_ip)) {
    on_conflict(arp->sender_ip);
    return;
  }
  // Who probes for an address that is still probed for by us wants it, too (RFC 5227
  // section 2.1.1).
  const net::OwnAddress* own = interface_.own(arp->target_ip);
  if (own != nullptr && own->vlan != p.vlan) {
    drop(Counter::kDropVlanMismatch);
    return;
  }
  if (arp->sender_ip.is_unspecified() && own != nullptr && !own->checked()) {
    on_conflict(arp->target_ip);
    return;
  }
  // RFC 826: update what is known; remember a sender only if it wants something from us.
  const net::Station sender(arp->sender_ip, p.vlan);
  const bool to_us = interface_.is_local(arp->target_ip) && ours_here(arp->target_ip);
  if (!arp->sender_ip.is_unspecified()) {
    const uint32_t neighbor =
        neighbors_.learn(sender, arp->sender_mac, ctx_.tick, to_us && arp->request);
    if (neighbor != kNil) on_neighbor_known(neighbor);
  }
  if (arp->request && to_us && answers_for_all()) {
    send_arp(false, arp->sender_mac, sender, arp->target_ip);
    counters_.add(Counter::kArpRepliesOut);
  }
}

void Shard::Impl::on_icmp(const wire::ParsedFrame& p) {
  counters_.add(Counter::kIcmpInMsgs);
  Counter reason = Counter::kDropIcmpMalformed;
  const std::optional<wire::IcmpMessage> message = wire::parse_icmp(p, reason);
  if (!message) {
    drop(reason);
    return;
  }
  switch (message->type) {
    case wire::kIcmpEchoRequest:
      counters_.add(Counter::kIcmpInEchos);
      if (!icmp_.take()) return;
      send_icmp(p.key.local, p.key.peer, wire::kIcmpEchoReply, 0, message->body);
      counters_.add(Counter::kIcmpOutEchoReps);
      return;
    case wire::kIcmpDestinationUnreachable:
      counters_.add(Counter::kIcmpInDestUnreachs);
      on_icmp_error(*message);
      return;
    case wire::kIcmpTimeExceeded:
      counters_.add(Counter::kIcmpInTimeExcds);
      break;
    case wire::kIcmpParameterProblem:
      counters_.add(Counter::kIcmpInParmProbs);
      break;
    case wire::kIcmpSourceQuench:  // RFC 6633: must not change anything
      counters_.add(Counter::kIcmpInSrcQuenchs);
      break;
    case wire::kIcmpRedirect:
      counters_.add(Counter::kIcmpInRedirects);
      on_redirect_v4(p, *message);
      return;
    default:
      break;
  }
  counters_.add(Counter::kIcmpIgnored);
}

// RFC 1122 section 3.2.2.1: protocol or port unreachable, never about a multicast, at a bounded
// rate.
void Shard::Impl::on_other_ip(const wire::ParsedFrame& p) {
  drop(Counter::kDropIpProtocol);
  if (!p.key.peer.is_v4()) {
    refuse_protocol_v6(p);
    return;
  }
  if (!icmp_.take()) return;
  const size_t quoted = std::min<size_t>(p.ip_bytes, p.ip_header_bytes + size_t{8});
  std::array<std::byte, 4 + 68> body{};
  std::copy_n(p.ip, quoted, body.begin() + 4);
  send_icmp(p.key.local, p.key.peer, wire::kIcmpDestinationUnreachable,
            p.protocol == wire::kProtocolUdp ? wire::kUnreachablePort : wire::kUnreachableProtocol,
            std::span(body).first(4 + quoted));
  counters_.add(Counter::kIcmpOutDestUnreachs);
}

}  // namespace millrace
