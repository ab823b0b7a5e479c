// SPDX-License-Identifier: BSD-3-Clause
// What we say on the link about addresses: who has that one, we have this one, is there a router,
// we are in these groups (RFC 826, RFC 5227, RFC 4861, RFC 4862, RFC 3810); and what follows when
// an address of ours turns out to be another's, or a gateway answers no more.
#include <algorithm>

#include "stack/impl.h"
#include "wire/mld.h"
#include "wire/nd.h"

namespace millrace {
namespace {

constexpr uint32_t kGatewayRetryTicks = 30'000;

}  // namespace

// --- Time ---------------------------------------------------------------------------------------

void Shard::Impl::advance_link() {
  interface_.advance_groups(
      now_, [this](wire::GroupRecord record, std::span<const uint32_t> groups, bool version_1) {
        report_groups(record, groups, version_1);
      });
  const uint32_t changes = interface_.changes();
  interface_.advance(
      now_, [this](const net::OwnAddress& own) { probe_address(own); },
      [this](const net::OwnAddress& own) { announce(own); },
      [this](Vlan vlan) { solicit_routers(vlan); });
  if (interface_.changes() != changes) on_interface_changed();
  if (gateways_lost_) retry_gateways();
}

// Lost gateways are asked once in a while, so that one that is back is noticed though others have
// taken its place.
void Shard::Impl::retry_gateways() {
  if (static_cast<int32_t>(ctx_.tick - gateway_retry_tick_) < 0) return;
  gateway_retry_tick_ = ctx_.tick + kGatewayRetryTicks;
  for (const net::Station& gateway : interface_.lost_gateways()) {
    neighbors_.acquire(gateway, ctx_.tick);
  }
}

// An address may be used now, or not any more; a router is there, or gone.
void Shard::Impl::on_interface_changed() {
  recheck_blocked_ = true;
  ctx_.local_mss_v6 =
      static_cast<uint16_t>(interface_.mtu_v6() - wire::kIpv6HeaderBytes - wire::kTcpHeaderBytes);
}

// --- Neighbours ---------------------------------------------------------------------------------

// False when the address to ask from is not ours to use yet. Without any there is nothing to ask.
bool Shard::Impl::ask_neighbor(uint32_t index) {
  const net::Neighbor& n = neighbors_[index];
  const IpAddress source = interface_.source_for(n.address, n.vlan());
  if (source.is_unspecified()) return true;
  if (!interface_.is_local(source)) return false;
  if (n.address.is_v4()) {
    send_arp(true, MacAddress{}, n.station(), source);
    return true;
  }
  const bool probes = n.state == net::NeighborState::kProbe;
  wire::NdMessage asks{.type = wire::kIcmpV6NeighborSolicitation, .target = n.address};
  // Nobody shall remember an address with our MAC that may be another's (RFC 4429 section 3.2).
  const net::OwnAddress* own = interface_.own(source);
  if (own == nullptr || own->checked()) asks.mac = config_.interface.mac;
  const IpAddress to = probes ? n.address : wire::solicited_node(n.address);
  send_nd(source, {to, n.vlan()}, n.mac(), asks);
  return true;
}

// Frames that waited for the address can go; connections that waited are looked at by the next
// flush.
void Shard::Impl::on_neighbor_known(uint32_t index) {
  net::Neighbor& n = neighbors_[index];
  uint32_t control = n.take_pending();
  while (control != kNil) {
    const uint32_t next = control_[control].next;
    address_control(control, n.ethernet);
    control_.push(control);
    control = next;
  }
  if (!gateways_lost_ || !interface_.on_gateway(n.station(), false)) return;
  counters_.add(Counter::kGatewaysBack);
  gateways_lost_ = !interface_.lost_gateways().empty();
}

// Frames that wait are lost; connections that wait are looked at by the next flush.
void Shard::Impl::on_neighbor_failed(uint32_t index) {
  net::Neighbor& n = neighbors_[index];
  uint32_t control = n.take_pending();
  while (control != kNil) {
    const uint32_t next = control_[control].next;
    control_.free(control, blocks_);
    drop(Counter::kDropNeighborFailed);
    control = next;
  }
  interface_.on_unreachable(n.station());
  if (!interface_.on_gateway(n.station(), true)) return;
  counters_.add(Counter::kGatewaysLost);
  gateways_lost_ = true;
  gateway_retry_tick_ = ctx_.tick + kGatewayRetryTicks;
}

// The next hop of `c` does not answer. True when there is another one that may.
bool Shard::Impl::find_other_way(Connection& c) {
  const stack::Way* way = find_way(c.key.peer, vlan_asked(c.key.local));
  if (way == nullptr || way->neighbor == kNil || way->neighbor == c.neighbor) return false;
  if (neighbors_[way->neighbor].state == net::NeighborState::kFailed) return false;
  --neighbors_[c.neighbor].references;
  c.neighbor = way->neighbor;
  ++neighbors_[c.neighbor].references;
  return true;
}

// --- Addresses of ours --------------------------------------------------------------------------

// Somebody else uses `address`, which is ours, or was to be. IPv6: an address that is checked is
// kept, and that somebody claims it counted. IPv4: it is claimed again at the rate of all answers
// of this kind (RFC 5227 section 2.4, case b).
void Shard::Impl::on_conflict(const IpAddress& address) {
  if (interface_.on_conflict(address)) {
    counters_.add(Counter::kAddressDuplicates);
    end_connections_of(address);
    on_interface_changed();
    return;
  }
  if (!address.is_v4()) {
    counters_.add(Counter::kNdConflicts);
    return;
  }
  counters_.add(Counter::kArpConflicts);
  if (!answers_for_all() || !icmp_.take()) return;
  send_arp(true, MacAddress{}, {address, interface_.vlan_of(address)}, address);
}

// Without a word: that would be one from an address that is not ours.
void Shard::Impl::end_connections_of(const IpAddress& address) {
  for (uint32_t i = 0; i < connections_.high_water(); ++i) {
    const Connection& c = connections_[i];
    if (c.state != State::kClosed && c.key.local == address) {
      destroy(i, CloseReason::kUnreachable);
    }
  }
}

// RFC 4862 section 5.4.2; RFC 5227 section 2.1.1.
void Shard::Impl::probe_address(const net::OwnAddress& own) {
  if (!answers_for_all()) return;  // what the first hears of it, all hear
  const IpAddress& address = own.prefix.address;
  if (address.is_v4()) {
    send_arp(true, MacAddress{}, {address, own.vlan}, IpAddress::v4(0));
    return;
  }
  send_nd(IpAddress{}, {wire::solicited_node(address), own.vlan}, {},
          {.type = wire::kIcmpV6NeighborSolicitation, .target = address});
}

void Shard::Impl::announce(const net::OwnAddress& own) {
  const IpAddress& address = own.prefix.address;
  if (!config_.interface.gratuitous_arp || !own.checked() || !answers_for_all()) return;
  if (address.is_v4()) {
    send_arp(true, MacAddress{}, {address, own.vlan}, address);
  } else {
    send_advertisement(address, wire::all_nodes(), {}, false);
  }
}

// RFC 4861 section 6.3.7. Without an address that is checked, from nobody.
void Shard::Impl::solicit_routers(Vlan vlan) {
  if (!answers_for_all()) return;
  const IpAddress source = interface_.source_for(wire::all_routers(), vlan);
  const net::OwnAddress* own = interface_.own(source);
  const bool known = own != nullptr && own->checked() && own->usable();
  wire::NdMessage asks{.type = wire::kIcmpV6RouterSolicitation};
  if (known) asks.mac = config_.interface.mac;
  send_nd(known ? source : IpAddress{}, {wire::all_routers(), vlan}, {}, asks);
}

// Which groups of ours there are, to those who forward multicast (RFC 3810 section 5.2). While the
// link-local address is not ours to use yet, from nobody (RFC 3590).
void Shard::Impl::report_groups(wire::GroupRecord record, std::span<const uint32_t> groups,
                                bool version_1) {
  if (!answers_for_all()) return;
  for (const Vlan vlan : interface_.vlans_v6()) report_groups_on(vlan, record, groups, version_1);
}

void Shard::Impl::report_groups_on(Vlan vlan, wire::GroupRecord record,
                                   std::span<const uint32_t> groups, bool version_1) {
  const IpAddress own = interface_.source_for(wire::all_routers(), vlan);
  const IpAddress source = own.is_link_local() && interface_.is_local(own) ? own : IpAddress{};
  const size_t bytes =
      wire::kGroupReportHeaderBytes +
      (version_1 ? wire::kGroupReportV1ExtraBytes : groups.size() * wire::kGroupRecordBytes);
  const uint32_t control = control_.allocate();
  if (control == kNil) {
    drop(Counter::kDropControlQueueFull);
    return;
  }
  const std::span<std::byte> room = room_for_control(control, bytes);
  if (room.empty()) return;
  if (version_1) {
    wire::build_group_report_v1(room, config_.interface.mac, source, groups.front());
  } else {
    wire::build_group_report(room, config_.interface.mac, source, record, groups);
  }
  note_control_written(control, wire::kGroupReportHeaderBytes, bytes);
  control_[control].frame.vlan = vlan;
  counters_.add(Counter::kIcmp6OutMsgs);
  counters_.add(version_1 ? Counter::kIcmp6OutGroupMembResponses : Counter::kIcmp6OutMLDv2Reports);
  control_.push(control);
}

// --- Frames -------------------------------------------------------------------------------------

void Shard::Impl::send_advertisement(const IpAddress& target, const IpAddress& to,
                                     const MacAddress& to_mac, bool solicited) {
  const net::OwnAddress* own = interface_.own(target);
  send_nd(target, {to, interface_.vlan_of(target)}, to_mac,
          {.type = wire::kIcmpV6NeighborAdvertisement,
           .target = target,
           .solicited = solicited,
           .overrides = own == nullptr || own->checked(),
           .mac = config_.interface.mac});
}

// To `to_mac`, or to a group's own address.
void Shard::Impl::send_nd(const IpAddress& source, const net::Station& to, const MacAddress& to_mac,
                          const wire::NdMessage& message) {
  const uint32_t control = control_.allocate();
  if (control == kNil) {
    drop(Counter::kDropControlQueueFull);
    return;
  }
  const bool group = to.address.is_multicast();
  const MacAddress destination = group ? wire::multicast_mac(to.address) : to_mac;
  TxFrame& frame = control_[control].frame;
  frame = TxFrame{};
  frame.vlan = to.vlan;
  frame.l2_bytes = wire::kEthernetHeaderBytes;
  frame.header_bytes = static_cast<uint16_t>(wire::build_nd(
      frame.header, wire::make_ethernet(destination, config_.interface.mac, wire::kEthertypeIpv6),
      source, to.address, message));
  counters_.add(Counter::kIcmp6OutMsgs);
  if (message.type == wire::kIcmpV6NeighborSolicitation) {
    counters_.add(Counter::kIcmp6OutNeighborSolicits);
  } else if (message.type == wire::kIcmpV6NeighborAdvertisement) {
    counters_.add(Counter::kIcmp6OutNeighborAdvertisements);
  } else {
    counters_.add(Counter::kIcmp6OutRouterSolicits);
  }
  control_.push(control);
}

}  // namespace millrace
