// SPDX-License-Identifier: BSD-3-Clause
// ICMP redirects: a gateway says that another next hop is better for one destination (RFC 4861
// section 8.3, RFC 1122 section 3.2.2.2). What anybody can forge: of IPv6 nothing from beyond the
// link, and who is on it can answer for the gateway's address as well; of IPv4 everything, so a
// redirect has to quote what is in flight, as an error has (RFC 5927 section 4.1), and even then is
// followed only where it was asked for.
//
// The connection that is quoted takes the new way at once. Others to the same destination do when
// they are quoted: the gateway says it again for whatever it still has to forward.
#include "stack/impl.h"
#include "wire/nd.h"

namespace millrace {

using stack::flow_index;
using stack::flow_kind;

void Shard::Impl::on_redirect_v6(const wire::ParsedFrame& p, const wire::NdMessage& said) {
  if (config_.interface.redirects == Redirects::kOff ||
      !interface_.on_redirect({p.key.peer, p.vlan}, said.destination, said.target, now_)) {
    counters_.add(Counter::kIcmpIgnored);
    return;
  }
  counters_.add(Counter::kRedirectsFollowed);
  if (said.mac) {
    const bool router = said.target != said.destination;
    const net::Station target(said.target, p.vlan);
    note_learned(target,
                 neighbors_.learn_source(target, *said.mac,
                                         router ? std::optional(true) : std::nullopt, ctx_.tick));
  }
  wire::IcmpMessage message;
  if (wire::read_quote_v6(said.redirected, message)) reroute(message, said.destination);
}

void Shard::Impl::on_redirect_v4(const wire::ParsedFrame& p, const wire::IcmpMessage& message) {
  const IpAddress target = IpAddress::v4(wire::load_be32(message.body.data()));
  const bool for_it = message.quoted.local == p.key.local;
  if (config_.interface.redirects != Redirects::kAll || !for_it || !quotes_in_flight(message) ||
      !interface_.on_redirect({p.key.peer, p.vlan}, message.quoted.peer, target, now_)) {
    counters_.add(Counter::kIcmpIgnored);
    return;
  }
  counters_.add(Counter::kRedirectsFollowed);
  reroute(message, message.quoted.peer);
}

// Whether the quoted segment may be one that a connection of ours has just sent.
bool Shard::Impl::quotes_in_flight(const wire::IcmpMessage& message) const {
  if (!message.quotes_tcp) return false;
  const uint32_t value = find_flow(message.quoted, flow_hash(message.quoted));
  if (value == kNil || flow_kind(value) == FlowKind::kTimeWait) return false;
  if (flow_kind(value) == FlowKind::kHalfOpen) {
    return message.quoted_seq == half_open_[flow_index(value)].iss;
  }
  const Connection& c = connections_[flow_index(value)];
  return message.quoted_seq >= c.snd_una && message.quoted_seq < c.snd_nxt;
}

void Shard::Impl::reroute(const wire::IcmpMessage& message, const IpAddress& destination) {
  if (!message.quotes_tcp || message.quoted.peer != destination) return;
  const uint32_t value = find_flow(message.quoted, flow_hash(message.quoted));
  if (value == kNil || flow_kind(value) != FlowKind::kConnection) return;
  find_other_way(connections_[flow_index(value)]);
}

}  // namespace millrace
