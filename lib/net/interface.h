// SPDX-License-Identifier: BSD-3-Clause
// Which addresses are ours, of both families, and where a packet goes next: routes, longest prefix
// first (RFC 1122 section 3.3.1, RFC 4861 section 5.2), and which address to speak from (RFC 6724).
// Begins with the configuration; what others on the link say changes it: that an address is theirs
// (RFC 4862 section 5.4, RFC 5227), which routers there are and what they announce (RFC 4861
// section 6.3, RFC 4862 section 5.5), which way they say is better (section 8). In: such news, and
// the time. Out: answers, and what is to be said.
//
// Where our link has VLANs, each address of ours is on one of them, and what is sent from it stays
// there: it goes by the routes of that VLAN (the strong model of RFC 1122 section 3.3.4.2).
//
//   kTentative or kOptimistic  --probes unanswered-->  kPreferred  --lifetime-->  kDeprecated  -->
//   gone
//            \--somebody has it-->  kDuplicate
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "millrace/address.h"
#include "millrace/config.h"
#include "millrace/time.h"
#include "net/groups.h"
#include "net/redirects.h"
#include "net/station.h"
#include "wire/mld.h"
#include "wire/nd.h"

namespace millrace::net {

enum class AddressState : uint8_t {
  kTentative,   // must not be used yet
  kOptimistic,  // used, but nobody's memory is changed by it (RFC 4429 section 3.3)
  kPreferred,
  kDeprecated,  // used by who has it already
  kDuplicate,   // another host's
};

struct OwnAddress {
  Prefix prefix;
  Vlan vlan;
  AddressState state = AddressState::kPreferred;
  bool formed = false;      // of a router's prefix
  uint8_t probes_left = 0;  // to be sent
  Instant next_step = Instant::never();
  Instant preferred_until = Instant::never();
  Instant valid_until = Instant::never();

  [[nodiscard]] bool usable() const {
    return state != AddressState::kTentative && state != AddressState::kDuplicate;
  }
  [[nodiscard]] bool checked() const {
    return state != AddressState::kTentative && state != AddressState::kOptimistic;
  }
};

class Interface {
 public:
  // What routers may make us remember; more is ignored.
  static constexpr size_t kRoutersMax = 8;
  static constexpr size_t kNetworksMax = 16;
  static constexpr size_t kFormedMax = 16;
  // Of ranges, so many addresses are announced, a few at a time.
  static constexpr uint32_t kAnnouncedMax = 1024;

  // `random` decides on delays.
  Interface(const InterfaceConfig& config, Instant now, uint64_t random = 0);

  // --- Asked for packets.

  // Whether a packet to `address` is for us: an address of ours that is in use.
  [[nodiscard]] bool is_local(const IpAddress& address) const {
    return address == first_ || address == first_v6_ || in_ranges(address);
  }
  // An address of ours, in use or on the way to it.
  [[nodiscard]] bool is_ours(const IpAddress& address) const;
  // Null when it is none of the single addresses.
  [[nodiscard]] const OwnAddress* own(const IpAddress& address) const;
  // Of a local network, or 255.255.255.255.
  [[nodiscard]] bool is_broadcast(const IpAddress& address) const {
    for (const IpAddress& broadcast : broadcasts_) {
      if (address == broadcast) return true;
    }
    return false;
  }
  // Whether a multicast MAC address is that of a group of ours: all nodes, or the solicited-node
  // group of one of our addresses. Requires: 6 bytes there.
  [[nodiscard]] bool has_joined(const std::byte* mac) const;
  // Whether any of our networks is tagged, so that who asks has to say or look which VLAN is meant.
  [[nodiscard]] bool tagged() const { return tagged_; }
  // The same as we write it, when we have a network there; else nothing.
  [[nodiscard]] std::optional<Vlan> find_vlan(Vlan vlan) const;
  // Where `address`, which is ours, is: of one in a range, where its network is.
  [[nodiscard]] Vlan vlan_of(const IpAddress& address) const;
  // Those on which we speak IPv6.
  [[nodiscard]] std::span<const Vlan> vlans_v6() const { return vlans_v6_; }
  // Whose link-layer address a packet to `destination` needs; nothing when there is no route. `on`:
  // the VLAN of the address that it comes from.
  [[nodiscard]] std::optional<Station> next_hop(const IpAddress& destination,
                                                Vlan on = Vlan::any()) const;
  // The address to speak from when the caller has no wish. IPv4: the one on the next hop's network.
  // IPv6: of the same scope, not deprecated, with the longest prefix in common (RFC 6724 section
  // 5). One that is not checked yet only if there is no other. Unspecified where there is none at
  // all, or none on the VLAN that leads there.
  [[nodiscard]] IpAddress source_for(const IpAddress& destination, Vlan on = Vlan::any()) const;
  // Largest packet of IPv6: the link's, as routers say, and ours.
  [[nodiscard]] uint16_t mtu_v6() const { return mtu_v6_; }

  [[nodiscard]] const InterfaceConfig& config() const { return config_; }
  [[nodiscard]] std::span<const OwnAddress> addresses() const { return own_; }
  // No address of ours is kTentative.
  [[nodiscard]] bool settled() const { return tentative_ == 0; }
  // Counts changes after which an answer of before may be wrong.
  [[nodiscard]] uint32_t changes() const { return changes_; }

  // --- News.

  // Somebody else uses `address`. True when it was not checked yet and is given up; whoever has
  // checked it keeps it.
  bool on_conflict(const IpAddress& address);
  // What a router at `router` announces. What does not concern us is ignored.
  void on_router(const Station& router, const wire::NdMessage& said, Instant now);
  // A neighbour that was a router says that it is none any more.
  void on_no_router(const Station& router);
  // `station` does not answer, or answers again. True when it is a gateway of ours and was thought
  // to be otherwise.
  bool on_gateway(const Station& station, bool lost);
  [[nodiscard]] std::span<const Station> lost_gateways() const { return lost_; }
  // `gateway` says that packets to `destination` better go to `target`, on the same VLAN. True when
  // they do, from now on or already. To be believed it has to be the next hop now, and the target
  // on the link (RFC 4861 section 8.1, RFC 1122 section 3.2.2.2).
  bool on_redirect(const Station& gateway, const IpAddress& destination, const IpAddress& target,
                   Instant now);
  // Nobody answers at `station`: what was redirected to it goes its old way.
  void on_unreachable(const Station& station);
  // A router asks who listens to groups. One that we are not in is no question to us.
  void on_group_query(const wire::GroupQuery& query, Instant now);

  // --- Time.

  // What is due. `probe(own)`: ask whether somebody has it; `announce(own)`: tell all that we have;
  // `solicit(vlan)`: ask for routers there.
  template <class Probe, class Announce, class Solicit>
  void advance(Instant now, Probe&& probe, Announce&& announce, Solicit&& solicit);
  // What routers are to be told of groups, and is due: Groups::advance(). Before the other, as who
  // asks whether an address is taken has joined its group (RFC 4862 section 5.4.2).
  template <class Report>
  void advance_groups(Instant now, Report&& report) {
    if (now < groups_.next_deadline()) return;
    groups_.advance(now, report);
    reckon();
  }
  [[nodiscard]] Instant next_deadline() const { return next_; }

 private:
  // An address as a number that compares as it should.
  using Number = std::pair<uint64_t, uint64_t>;
  struct Range {
    Number first;
    Number last;
  };
  struct Router {
    Station station;
    Instant expires;
  };
  struct Network {
    Prefix prefix;
    Vlan vlan;
    Instant expires;
  };
  // A route, and the VLAN that it leads to; on the link where there is no gateway.
  struct Hop {
    Prefix destination;
    IpAddress gateway;
    Vlan vlan;
  };
  enum class Due : uint8_t { kNothing, kProbe, kAnnounce };

  static Number number(const IpAddress& address);
  static bool is_v4(const Range& range);
  void add(const Prefix& prefix, Vlan vlan, bool formed, Instant now);
  void add_link_local(Vlan vlan, Instant now);
  [[nodiscard]] Vlan as_sent(Vlan vlan) const;
  [[nodiscard]] Vlan vlan_of_network(const IpAddress& address) const;
  [[nodiscard]] Vlan vlan_of_route(const Route& route) const;
  void find_vlans_v6();
  // After every change; with the time where an address may have come by it.
  void rebuild(Instant now = {});
  void rebuild_vlans();
  void rebuild_groups(Instant now);
  [[nodiscard]] bool in_group(uint32_t low_bits) const;
  void rebuild_ranges();
  void rebuild_routes();
  [[nodiscard]] bool in_ranges(const IpAddress& address) const;
  // By routes alone.
  [[nodiscard]] std::optional<Station> routed_hop(const IpAddress& destination, Vlan on) const;
  [[nodiscard]] bool is_on_link(const Station& station) const;
  [[nodiscard]] IpAddress source_v4(const IpAddress& destination, Vlan on) const;
  [[nodiscard]] IpAddress source_v6(const IpAddress& destination, Vlan on) const;
  // The next address of a range that is to be announced; nothing when all are that are.
  std::optional<IpAddress> next_announced();
  // The step of `own` that is due; changes its state.
  Due step(OwnAddress& own, Instant now);
  // Whether addresses or routes are others by it; of on_router(), too.
  bool on_prefix(const wire::PrefixInformation& prefix, Vlan vlan, Instant now);
  void expire(Instant now);
  void reckon();

  InterfaceConfig config_;
  bool v6_;  // there is any
  std::vector<OwnAddress> own_;
  IpAddress first_;  // in use, or nobody: most packets are for one of these
  IpAddress first_v6_;
  std::vector<IpAddress> broadcasts_;
  std::vector<Range> ranges_;  // all that is in use, in order, apart from each other
  std::vector<Hop> routes_;    // on-link networks and routes, the one to use first
  std::vector<Router> routers_;
  std::vector<Network> networks_;
  std::vector<Station> lost_;
  RedirectTable redirects_;
  Groups groups_;
  size_t announced_range_ = 0;  // which of config_.ranges is being announced
  uint32_t announced_offset_ = 0;
  uint32_t announced_left_ = 0;
  Instant next_announcement_ = Instant::never();
  bool tagged_ = false;
  std::vector<Vlan> vlans_;  // in the order of their names
  std::vector<Vlan> vlans_v6_;
  std::vector<std::pair<Number, Vlan>> places_;  // of our addresses, in their order
  uint32_t tentative_ = 0;
  uint32_t changes_ = 0;
  uint16_t mtu_v6_;
  uint8_t solicitations_left_ = 0;
  std::vector<Vlan> unanswered_;  // no router has said anything there
  Instant next_solicitation_ = Instant::never();
  Instant next_ = Instant::never();  // nothing is due before
};

template <class Probe, class Announce, class Solicit>
void Interface::advance(Instant now, Probe&& probe, Announce&& announce, Solicit&& solicit) {
  if (now < next_) return;
  constexpr uint32_t kAnnouncedAtOnce = 32;
  constexpr Duration kAnnouncementPause = milliseconds(10);
  constexpr Duration kSolicitationInterval = seconds(4);  // RFC 4861 section 10
  expire(now);
  for (OwnAddress& own : own_) {
    if (now < own.next_step) continue;
    switch (step(own, now)) {
      case Due::kNothing:
        break;
      case Due::kProbe:
        probe(std::as_const(own));
        break;
      case Due::kAnnounce:
        rebuild(now);
        announce(std::as_const(own));
        break;
    }
  }
  if (now >= next_announcement_) {
    for (uint32_t i = 0; i < kAnnouncedAtOnce; ++i) {
      const std::optional<IpAddress> address = next_announced();
      if (!address) break;
      announce(OwnAddress{.prefix = {*address, 0}, .vlan = vlan_of(*address)});
    }
    next_announcement_ = announced_left_ == 0 ? Instant::never() : now + kAnnouncementPause;
  }
  if (now >= next_solicitation_) {
    --solicitations_left_;
    next_solicitation_ = solicitations_left_ == 0 ? Instant::never() : now + kSolicitationInterval;
    for (const Vlan vlan : unanswered_) solicit(vlan);
  }
  reckon();
}

}  // namespace millrace::net
