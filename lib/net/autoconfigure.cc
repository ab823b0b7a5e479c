// SPDX-License-Identifier: BSD-3-Clause
// Addresses from tentative to gone, and what routers announce: the part of Interface that time and
// the link's news change. RFC 4861 section 6.3, RFC 4862 sections 5.4 and 5.5, RFC 4429, RFC 5227.
#include <algorithm>

#include "net/interface.h"

namespace millrace::net {
namespace {

constexpr uint8_t kProbesV6 = 1;  // RFC 4862 section 5.1
constexpr uint8_t kProbesV4 = 3;  // RFC 5227 section 1.1
constexpr Duration kProbeInterval = seconds(1);
constexpr Duration kAnnounceWaitV4 = seconds(2);  // behind the last probe
constexpr Duration kTwoHours = seconds(7200);
constexpr uint8_t kInterfaceIdBits = 64;

Instant from_now(uint32_t lifetime_seconds, Instant now) {
  return lifetime_seconds == wire::kForever ? Instant::never() : now + seconds(lifetime_seconds);
}

}  // namespace

// --- Addresses ----------------------------------------------------------------------------------

void Interface::add(const Prefix& prefix, Vlan vlan, bool formed, Instant now) {
  OwnAddress own{.prefix = prefix, .vlan = vlan, .formed = formed};
  const bool v4 = prefix.address.is_v4();
  if (v4 ? config_.arp_probe : config_.address_check != AddressCheck::kOff) {
    const bool optimistic = !v4 && config_.address_check == AddressCheck::kOptimistic;
    own.state = optimistic ? AddressState::kOptimistic : AddressState::kTentative;
    own.probes_left = v4 ? kProbesV4 : kProbesV6;
    own.next_step = now;
  }
  own_.push_back(own);
}

void Interface::add_link_local(Vlan vlan, Instant now) {
  for (const OwnAddress& own : own_) {
    const IpAddress& address = own.prefix.address;
    if (own.vlan == vlan && !address.is_v4() && address.is_link_local()) return;
  }
  add({wire::link_local_address(config_.mac, vlan), kInterfaceIdBits}, vlan, false, now);
}

Interface::Due Interface::step(OwnAddress& own, Instant now) {
  if (own.probes_left == 0) {
    own.next_step = Instant::never();
    own.state = AddressState::kPreferred;
    return Due::kAnnounce;
  }
  --own.probes_left;
  const bool last_of_v4 = own.prefix.address.is_v4() && own.probes_left == 0;
  own.next_step = now + (last_of_v4 ? kAnnounceWaitV4 : kProbeInterval);
  return Due::kProbe;
}

bool Interface::on_conflict(const IpAddress& address) {
  const auto own = std::find_if(own_.begin(), own_.end(), [&](const OwnAddress& one) {
    return one.prefix.address == address;
  });
  if (own == own_.end() || own->checked()) return false;
  own->state = AddressState::kDuplicate;
  own->probes_left = 0;
  own->next_step = Instant::never();
  rebuild();
  reckon();
  return true;
}

// --- Routers ------------------------------------------------------------------------------------

void Interface::on_router(const Station& router, const wire::NdMessage& said, Instant now) {
  if (config_.autoconfigure == Autoconfigure::kOff) return;
  const auto known = std::find_if(routers_.begin(), routers_.end(),
                                  [&](const Router& r) { return r.station == router; });
  const Instant expires = now + seconds(said.router_lifetime_seconds);
  bool changed = false;
  if (known != routers_.end()) {
    known->expires = expires;
    changed = said.router_lifetime_seconds == 0;
    if (changed) routers_.erase(known);
  } else if (said.router_lifetime_seconds != 0 && routers_.size() < kRoutersMax) {
    routers_.push_back({{router.address, as_sent(router.vlan)}, expires});
    changed = true;
  }
  if (said.router_lifetime_seconds != 0) {
    std::erase(unanswered_, router.vlan);
    if (unanswered_.empty()) {
      solicitations_left_ = 0;
      next_solicitation_ = Instant::never();
    }
  }
  if (said.mtu >= wire::kIpv6MtuMin && said.mtu <= config_.mtu) {
    mtu_v6_ = static_cast<uint16_t>(said.mtu);
  }
  for (const wire::PrefixInformation& prefix : std::span(said.prefixes).first(said.prefix_count)) {
    changed = on_prefix(prefix, router.vlan, now) || changed;
  }
  // Routers repeat themselves: most of what they say is known.
  if (changed) rebuild(now);
  reckon();
}

bool Interface::on_prefix(const wire::PrefixInformation& said, Vlan vlan, Instant now) {
  if (said.prefix.address.is_link_local() || said.prefix.address.is_multicast()) return false;
  bool changed = false;
  const Instant valid_until = from_now(said.valid_seconds, now);
  if (said.on_link) {
    const auto known = std::find_if(networks_.begin(), networks_.end(), [&](const Network& n) {
      return n.prefix == said.prefix && n.vlan == vlan;
    });
    if (known != networks_.end()) {
      known->expires = valid_until;  // 0 seconds: expire() takes it away
    } else if (said.valid_seconds != 0 && networks_.size() < kNetworksMax) {
      networks_.push_back({said.prefix, as_sent(vlan), valid_until});
      changed = true;
    }
  }
  const bool forms = config_.autoconfigure == Autoconfigure::kAddresses && said.autonomous &&
                     said.prefix.length == kInterfaceIdBits;
  if (!forms || said.preferred_seconds > said.valid_seconds) return changed;
  const IpAddress address = wire::with_interface_id(said.prefix.address, config_.mac, vlan);
  auto own = std::find_if(own_.begin(), own_.end(),
                          [&](const OwnAddress& one) { return one.prefix.address == address; });
  if (own != own_.end() && !own->formed) return changed;
  if (own == own_.end()) {
    const auto formed =
        std::count_if(own_.begin(), own_.end(), [](const OwnAddress& one) { return one.formed; });
    if (said.valid_seconds == 0 || formed >= static_cast<ptrdiff_t>(kFormedMax)) return changed;
    changed = true;
    add({address, said.prefix.length}, as_sent(vlan), true, now);
    own = std::prev(own_.end());
    own->valid_until = valid_until;
  } else if (valid_until >= own->valid_until || valid_until - now > kTwoHours) {
    own->valid_until = valid_until;
  } else if (own->valid_until - now > kTwoHours) {
    // Whoever may send anything on the link cannot end an address at once (RFC 4862 section 5.5.3).
    own->valid_until = now + kTwoHours;
  }
  own->preferred_until = from_now(said.preferred_seconds, now);
  if (own->state == AddressState::kDeprecated && own->preferred_until > now) {
    own->state = AddressState::kPreferred;
    changed = true;
  }
  return changed;
}

void Interface::on_no_router(const Station& router) {
  if (std::erase_if(routers_, [&](const Router& r) { return r.station == router; }) == 0) return;
  rebuild();
  reckon();
}

// --- Time ---------------------------------------------------------------------------------------

void Interface::expire(Instant now) {
  size_t gone = std::erase_if(routers_, [&](const Router& r) { return now >= r.expires; });
  gone += std::erase_if(networks_, [&](const Network& n) { return now >= n.expires; });
  gone += std::erase_if(own_, [&](const OwnAddress& own) { return now >= own.valid_until; });
  for (OwnAddress& own : own_) {
    if (own.state != AddressState::kPreferred || now < own.preferred_until) continue;
    own.state = AddressState::kDeprecated;
    ++gone;
  }
  if (redirects_.expire(now)) ++gone;
  if (gone != 0) rebuild(now);
}

void Interface::reckon() {
  next_ = std::min({next_solicitation_, next_announcement_, groups_.next_deadline(),
                    redirects_.next_deadline()});
  for (const OwnAddress& own : own_) {
    next_ = std::min({next_, own.next_step, own.valid_until});
    if (own.state == AddressState::kPreferred) next_ = std::min(next_, own.preferred_until);
  }
  for (const Router& router : routers_) next_ = std::min(next_, router.expires);
  for (const Network& network : networks_) next_ = std::min(next_, network.expires);
}

}  // namespace millrace::net
