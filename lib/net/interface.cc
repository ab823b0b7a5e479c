// SPDX-License-Identifier: BSD-3-Clause
// Answers about addresses and routes, from tables that are made anew whenever something changes,
// which is seldom. RFC 1122 section 3.3.1, RFC 4861 section 5.2, RFC 6724 section 5.
#include "net/interface.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

#include "wire/bytes.h"

namespace millrace::net {
namespace {

// No packet's address, and unlike the unspecified one nobody asks whose it is.
const IpAddress kNobody =
    IpAddress::v6({255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255});

constexpr uint32_t kGroupBits = 0xffffff;  // of an address, those that its solicited-node group has
constexpr uint8_t kLinkLocalScope = 2;     // RFC 4291 section 2.7
constexpr uint8_t kGlobalScope = 14;

uint8_t scope_of(const IpAddress& address) {
  if (address.is_multicast()) return address.bytes()[1] & 0xf;
  return address.is_link_local() || address.is_loopback() ? kLinkLocalScope : kGlobalScope;
}

// How many bits `own` and `other` have in common, its network's at most (RFC 6724 section 2.2).
int common_bits(const Prefix& own, const IpAddress& other) {
  const IpAddress::Words a = own.address.words();
  const IpAddress::Words b = other.words();
  int bits = 0;
  for (size_t i = 0; i < 2; ++i) {
    const int same = std::countl_zero(__builtin_bswap64(a[i] ^ b[i]));
    bits += same;
    if (same != 64) break;
  }
  return std::min<int>(bits, own.length);
}

int wear(AddressState state) {
  switch (state) {
    case AddressState::kPreferred:
      return 0;
    case AddressState::kOptimistic:
      return 1;
    case AddressState::kDeprecated:
      return 2;
    case AddressState::kTentative:
    case AddressState::kDuplicate:
      return 3;
  }
  return 3;
}

}  // namespace

Interface::Interface(const InterfaceConfig& config, Instant now, uint64_t random)
    : config_(config),
      v6_(config.speaks_ipv6()),
      groups_(random, config.gratuitous_arp),
      mtu_v6_(config.mtu) {
  constexpr uint8_t kSolicitationsMax = 3;  // RFC 4861 section 10
  for (const InterfaceAddress& own : config.addresses) add(own, as_sent(own.vlan), false, now);
  find_vlans_v6();
  for (const Vlan vlan : vlans_v6_) add_link_local(vlan, now);
  if (config.autoconfigure != Autoconfigure::kOff) {
    unanswered_ = vlans_v6_;
    solicitations_left_ = kSolicitationsMax;
    next_solicitation_ = now;
  }
  if (config.gratuitous_arp && !config.ranges.empty()) {
    announced_left_ = kAnnouncedMax;
    next_announcement_ = now;
  }
  rebuild(now);
  reckon();
}

// --- Which VLAN ---------------------------------------------------------------------------------

Vlan Interface::as_sent(Vlan vlan) const {
  if (config_.qinq == Qinq::k8021q) vlan.set_outer_8021q();
  return vlan;
}

// Where an IPv6 address is, or might come from a router.
void Interface::find_vlans_v6() {
  if (!v6_) return;
  const auto add = [&](Vlan vlan) {
    if (std::find(vlans_v6_.begin(), vlans_v6_.end(), vlan) == vlans_v6_.end()) {
      vlans_v6_.push_back(vlan);
    }
  };
  const bool may_come = config_.autoconfigure != Autoconfigure::kOff;
  for (const OwnAddress& own : own_) {
    if (may_come || !own.prefix.address.is_v4()) add(own.vlan);
  }
  for (const AddressRange& range : config_.ranges) {
    if (!range.first.is_v4()) add(vlan_of_network(range.first));
  }
  if (own_.empty()) add({});
}

std::optional<Vlan> Interface::find_vlan(Vlan vlan) const {
  const auto found = std::lower_bound(vlans_.begin(), vlans_.end(), vlan,
                                      [](Vlan a, Vlan b) { return a.name() < b.name(); });
  if (found == vlans_.end() || *found != vlan) return std::nullopt;
  return *found;
}

Vlan Interface::vlan_of(const IpAddress& address) const {
  if (!tagged_) return {};
  const Number n = number(address);
  const auto place = std::lower_bound(places_.begin(), places_.end(), n,
                                      [](const auto& a, const Number& b) { return a.first < b; });
  return place != places_.end() && place->first == n ? place->second : vlan_of_network(address);
}

// That of the smallest network of ours with the address in it; of none, that of our first address.
Vlan Interface::vlan_of_network(const IpAddress& address) const {
  const OwnAddress* best = own_.empty() ? nullptr : &own_.front();
  int length = -1;
  for (const OwnAddress& own : own_) {
    if (own.prefix.length <= length || !own.prefix.contains(address)) continue;
    best = &own;
    length = own.prefix.length;
  }
  return best == nullptr ? Vlan{} : best->vlan;
}

Vlan Interface::vlan_of_route(const Route& route) const {
  if (route.vlan) return as_sent(*route.vlan);
  const IpAddress& known =
      route.gateway.is_unspecified() ? route.destination.address : route.gateway;
  return vlan_of_network(known);
}

void Interface::rebuild_vlans() {
  const auto by_name = [](Vlan a, Vlan b) { return a.name() < b.name(); };
  vlans_.clear();
  places_.clear();
  for (const OwnAddress& own : own_) {
    vlans_.push_back(own.vlan);
    places_.emplace_back(number(own.prefix.address), own.vlan);
  }
  if (own_.empty()) vlans_.push_back({});
  std::sort(vlans_.begin(), vlans_.end(), by_name);
  vlans_.erase(std::unique(vlans_.begin(), vlans_.end()), vlans_.end());
  std::sort(places_.begin(), places_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  tagged_ = vlans_.back().tagged();
}

// --- Whose address ------------------------------------------------------------------------------

Interface::Number Interface::number(const IpAddress& address) {
  const IpAddress::Words words = address.words();
  return {__builtin_bswap64(words[0]), __builtin_bswap64(words[1])};
}

bool Interface::is_v4(const Range& range) {
  return range.first.first == 0 && range.first.second >> 32 == 0xffff;
}

bool Interface::in_ranges(const IpAddress& address) const {
  const Number n = number(address);
  const auto behind =
      std::upper_bound(ranges_.begin(), ranges_.end(), n,
                       [](const Number& value, const Range& range) { return value < range.first; });
  return behind != ranges_.begin() && n <= std::prev(behind)->last;
}

const OwnAddress* Interface::own(const IpAddress& address) const {
  for (const OwnAddress& own : own_) {
    if (own.prefix.address == address) return &own;
  }
  return nullptr;
}

bool Interface::is_ours(const IpAddress& address) const {
  if (is_local(address)) return true;
  const OwnAddress* known = own(address);
  return known != nullptr && known->state != AddressState::kDuplicate;
}

bool Interface::has_joined(const std::byte* mac) const {
  if (wire::load16(mac) != 0x3333 || !v6_) return false;
  const uint32_t group = wire::load_be32(mac + 2);
  if (group == 1) return true;  // ff02::1
  return group >> 24 == 0xff && in_group(group & kGroupBits);
}

bool Interface::in_group(uint32_t low_bits) const {
  for (const OwnAddress& own : own_) {
    if (own.prefix.address.is_v4() || own.state == AddressState::kDuplicate) continue;
    if ((own.prefix.address.last_32_bits() & kGroupBits) == low_bits) return true;
  }
  for (const Range& range : ranges_) {
    if (range.first.first != range.last.first) return true;  // they end in anything
    const uint64_t span = range.last.second - range.first.second;
    if (((low_bits - range.first.second) & kGroupBits) <= span && !is_v4(range)) return true;
  }
  return false;
}

void Interface::rebuild_groups(Instant now) {
  std::vector<uint32_t> groups;
  for (const OwnAddress& own : own_) {
    if (own.prefix.address.is_v4() || own.state == AddressState::kDuplicate) continue;
    if (groups.size() < Groups::kMax) {
      groups.push_back(own.prefix.address.last_32_bits() & kGroupBits);
    }
  }
  for (const AddressRange& range : config_.ranges) {
    if (range.first.is_v4()) continue;
    const uint64_t count = std::min<uint64_t>(range.count(), Groups::kMax - groups.size());
    for (uint32_t i = 0; i < count; ++i) {
      groups.push_back((range.first.last_32_bits() + i) & kGroupBits);
    }
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  groups_.set(std::move(groups), now);
}

void Interface::on_group_query(const wire::GroupQuery& query, Instant now) {
  const Duration most = milliseconds(query.response_ms_max);
  if (query.group.is_unspecified()) {
    groups_.on_query(most, query.version_1, now);
  } else if (const auto low_bits = wire::low_bits_of(query.group);
             low_bits && v6_ && in_group(*low_bits)) {
    groups_.on_query(*low_bits, most, query.version_1, now);
  }
  reckon();
}

std::optional<IpAddress> Interface::next_announced() {
  if (announced_left_ == 0) return std::nullopt;
  const AddressRange& range = config_.ranges[announced_range_];
  const IpAddress address = range.first.plus(announced_offset_++);
  --announced_left_;
  if (address != range.last) return address;
  announced_offset_ = 0;
  if (++announced_range_ == config_.ranges.size()) announced_left_ = 0;
  return address;
}

void Interface::rebuild(Instant now) {
  ++changes_;
  first_ = first_v6_ = kNobody;
  broadcasts_ = {IpAddress::v4(0xffffffff)};
  tentative_ = 0;
  for (const OwnAddress& own : own_) {
    const IpAddress& address = own.prefix.address;
    tentative_ += own.state == AddressState::kTentative ? 1 : 0;
    if (!own.usable()) continue;
    IpAddress& first = address.is_v4() ? first_ : first_v6_;
    if (first == kNobody || (first.is_link_local() && !address.is_v4())) first = address;
    if (address.is_v4() && own.prefix.length < 31) broadcasts_.push_back(own.prefix.broadcast());
  }
  rebuild_vlans();
  rebuild_ranges();
  rebuild_routes();
  if (v6_) rebuild_groups(now);
}

void Interface::rebuild_ranges() {
  std::vector<Range> all;
  for (const OwnAddress& own : own_) {
    if (own.usable()) all.push_back({number(own.prefix.address), number(own.prefix.address)});
  }
  for (const AddressRange& range : config_.ranges) {
    all.push_back({number(range.first), number(range.last)});
  }
  std::sort(all.begin(), all.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  ranges_.clear();
  for (const Range& range : all) {
    if (!ranges_.empty() && range.first <= ranges_.back().last) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

// --- Where to -----------------------------------------------------------------------------------

void Interface::rebuild_routes() {
  routes_.clear();
  for (const OwnAddress& own : own_) {
    // Whether an address that a router announced is on the link is another of its words.
    if (own.formed) continue;
    routes_.push_back({{own.prefix.network(), own.prefix.length}, IpAddress{}, own.vlan});
  }
  for (const Network& network : networks_) {
    routes_.push_back({network.prefix, IpAddress{}, network.vlan});
  }
  for (const Route& route : config_.routes) {
    routes_.push_back({route.destination, route.gateway, vlan_of_route(route)});
  }
  for (const Router& router : routers_) {
    routes_.push_back({Prefix{}, router.station.address, router.station.vlan});
  }
  const auto rank = [this](const Hop& hop) {
    const Station gateway(hop.gateway, hop.vlan);
    const bool lost = std::find(lost_.begin(), lost_.end(), gateway) != lost_.end();
    return std::pair(-int{hop.destination.length}, lost);
  };
  std::stable_sort(routes_.begin(), routes_.end(),
                   [&](const Hop& a, const Hop& b) { return rank(a) < rank(b); });
}

std::optional<Station> Interface::next_hop(const IpAddress& destination, Vlan on) const {
  if (const Station* better = redirects_.find(destination, on)) return *better;
  return routed_hop(destination, on);
}

std::optional<Station> Interface::routed_hop(const IpAddress& destination, Vlan on) const {
  for (const Hop& hop : routes_) {
    if (!hop.destination.contains(destination)) continue;
    if (on != Vlan::any() && hop.vlan != on) continue;
    return Station(hop.gateway.is_unspecified() ? destination : hop.gateway, hop.vlan);
  }
  return std::nullopt;
}

bool Interface::on_gateway(const Station& station, bool lost) {
  const auto known = std::find(lost_.begin(), lost_.end(), station);
  if ((known != lost_.end()) == lost) return false;
  if (lost) {
    const bool gateway = std::any_of(routes_.begin(), routes_.end(), [&](const Hop& hop) {
      return Station(hop.gateway, hop.vlan) == station && !station.address.is_unspecified();
    });
    if (!gateway) return false;
    lost_.push_back(station);
  } else {
    lost_.erase(known);
  }
  rebuild();
  return true;
}

bool Interface::on_redirect(const Station& gateway, const IpAddress& destination,
                            const IpAddress& target, Instant now) {
  const auto host = [this](const IpAddress& address) {
    return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() &&
           !is_broadcast(address) && !is_ours(address);
  };
  const bool v4 = destination.is_v4();
  if (target.is_v4() != v4 || gateway.address.is_v4() != v4 || !host(destination) ||
      !host(target)) {
    return false;
  }
  // Another router, or the destination itself as a neighbour.
  const Station better(target, gateway.vlan);
  const bool on_link = v4 ? is_on_link(better) : target.is_link_local() || target == destination;
  const std::optional<Station> before = next_hop(destination, gateway.vlan);
  const bool in_use = before == gateway || routed_hop(destination, gateway.vlan) == gateway;
  if (!in_use || gateway.address == destination || gateway == better || !on_link) return false;
  if (before != better) ++changes_;
  redirects_.learn(destination, better, now);
  reckon();
  return true;
}

void Interface::on_unreachable(const Station& station) {
  if (redirects_.forget(station)) ++changes_;
}

bool Interface::is_on_link(const Station& station) const {
  return std::any_of(routes_.begin(), routes_.end(), [&](const Hop& hop) {
    return hop.gateway.is_unspecified() && hop.vlan == station.vlan &&
           hop.destination.contains(station.address);
  });
}

// --- From where ---------------------------------------------------------------------------------

IpAddress Interface::source_for(const IpAddress& destination, Vlan on) const {
  return destination.is_v4() ? source_v4(destination, on) : source_v6(destination, on);
}

IpAddress Interface::source_v4(const IpAddress& destination, Vlan on) const {
  const std::optional<Station> hop = next_hop(destination, on);
  if (hop) on = hop->vlan;
  const OwnAddress* best = nullptr;
  const auto rank = [&](const OwnAddress& own) {
    return std::pair(!own.usable(), !hop || !own.prefix.contains(hop->address));
  };
  for (const OwnAddress& own : own_) {
    if (!own.prefix.address.is_v4() || own.state == AddressState::kDuplicate) continue;
    if (on != Vlan::any() && own.vlan != on) continue;
    if (best == nullptr || rank(own) < rank(*best)) best = &own;
  }
  return best == nullptr ? IpAddress{} : best->prefix.address;
}

IpAddress Interface::source_v6(const IpAddress& destination, Vlan on) const {
  const std::optional<Station> hop = next_hop(destination, on);
  if (hop) on = hop->vlan;
  const uint8_t wanted = scope_of(destination);
  const OwnAddress* best = nullptr;
  // Rules 2, 3, 5.5 and 8, the least comes first. A scope that is too small is worse than any that
  // is too large.
  const auto rank = [&](const OwnAddress& own) {
    const int scope = scope_of(own.prefix.address);
    const int misfit = scope >= wanted ? scope - wanted : 256 - scope;
    return std::tuple(!own.usable(), misfit, wear(own.state),
                      !hop || !own.prefix.contains(hop->address),
                      -common_bits(own.prefix, destination));
  };
  for (const OwnAddress& own : own_) {
    if (own.prefix.address.is_v4() || own.state == AddressState::kDuplicate) continue;
    if (on != Vlan::any() && own.vlan != on) continue;
    if (best == nullptr || rank(own) < rank(*best)) best = &own;
  }
  return best == nullptr ? IpAddress{} : best->prefix.address;
}

}  // namespace millrace::net
