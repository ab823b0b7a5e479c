// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery of any bytes: read, believed, written. The input is a chain of messages: two
// bytes of length, one of choices, then the ICMPv6 message; headers around it, and its checksum,
// are made here. Must hold: nothing outside of the message is read; what is accepted keeps the
// promises of wire/nd.h; what a host says, written again and read once more, is the same; whatever
// routers announce, what an interface remembers stays within its bounds, and its own addresses stay
// ours.
#include "wire/nd.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fuzz/script.h"
#include "net/interface.h"
#include "net/neighbor.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"
#include "wire/mld.h"

namespace {

using namespace millrace;
using namespace millrace::wire;
using fuzz::require;
using fuzz::Script;

constexpr MacAddress kOurs{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kTheirs{{2, 0, 0, 0, 0, 2}};
constexpr size_t kHeaders = kEthernetHeaderBytes + kIpv6HeaderBytes;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

// Where a message is from, where to, and how far it came.
struct Around {
  IpAddress source;
  IpAddress destination;
  uint8_t hop_limit;
};

Around around(uint8_t choices) {
  static const std::array kSources = {ip("fe80::2"), ip("2001:db8::2"), IpAddress{}, ip("fe80::3")};
  static const std::array kDestinations = {ip("fe80::ff:fe00:1"), ip("ff02::1"),
                                           ip("ff02::1:ff00:1"), ip("2001:db8::1")};
  return {kSources[choices & 3], kDestinations[choices >> 2 & 3],
          static_cast<uint8_t>((choices & 16) != 0 ? 254 : 255)};
}

// Memory of just this size, so that one byte too far is noticed. The message may begin with
// hop-by-hop options, of which 8 bytes.
struct Frame {
  Frame(const Around& a, std::span<const std::byte> message, bool options)
      : size(kHeaders + message.size()), memory(std::make_unique<std::byte[]>(size)) {
    constexpr size_t kOptionsBytes = 8;
    options = options && message.size() >= kOptionsBytes;
    const EthernetHeader ethernet = make_ethernet(kOurs, kTheirs, kEthertypeIpv6);
    wire::write_ethernet(memory.get(), ethernet);
    std::byte* packet = memory.get() + kEthernetHeaderBytes;
    const auto bytes = static_cast<uint16_t>(message.size());
    write_ipv6_header(packet, {.ttl = a.hop_limit}, a.source, a.destination,
                      options ? 0 : kProtocolIcmpV6, bytes);
    std::copy(message.begin(), message.end(), memory.get() + kHeaders);
    if (options) {
      store8(memory.get() + kHeaders, kProtocolIcmpV6);
      store8(memory.get() + kHeaders + 1, 0);
    }
    const size_t icmp_bytes = message.size() - (options ? kOptionsBytes : 0);
    if (icmp_bytes < 4) return;
    std::byte* icmp = memory.get() + size - icmp_bytes;
    store16(icmp + 2, 0);
    const uint64_t pseudo =
        sum_pseudo_header_v6(packet + 8, kProtocolIcmpV6, static_cast<uint16_t>(icmp_bytes));
    store16(icmp + 2, static_cast<uint16_t>(~fold(sum_bytes({icmp, icmp_bytes}, pseudo))));
  }
  [[nodiscard]] RxFrame received() const {
    return {.data = memory.get(), .length = static_cast<uint32_t>(size)};
  }

  size_t size;
  std::unique_ptr<std::byte[]> memory;
};

std::optional<GroupQuery> read_query(const RxFrame& frame) {
  ParsedFrame parsed;
  if (parse_frame(frame, parsed) != FrameKind::kIcmpV6) return std::nullopt;
  Counter reason = Counter::kDropIcmpMalformed;
  const auto message = parse_icmp_v6(parsed, reason);
  if (!message || message->type != kIcmpV6GroupQuery) return std::nullopt;
  return parse_group_query(parsed, *message);
}

std::optional<NdMessage> read(const RxFrame& frame, ParsedFrame& parsed) {
  if (parse_frame(frame, parsed) != FrameKind::kIcmpV6) return std::nullopt;
  Counter reason = Counter::kDropIcmpMalformed;
  const auto message = parse_icmp_v6(parsed, reason);
  if (!message || !is_neighbor_discovery(message->type)) return std::nullopt;
  const auto said = parse_nd(parsed, *message, reason);
  if (!said) require(reason == Counter::kDropNdHopLimit || reason == Counter::kDropNdMalformed);
  return said;
}

void check_promises(const NdMessage& said, const Around& a) {
  require(a.hop_limit == kNdHopLimit && is_neighbor_discovery(said.type));
  if (said.mac) require(!said.mac->is_zero() && !said.mac->is_multicast());
  require(said.prefix_count <= NdMessage::kPrefixesMax);
  for (const PrefixInformation& p : std::span(said.prefixes).first(said.prefix_count)) {
    require(p.prefix.length <= 128 && p.prefix.network() == p.prefix.address);
    require(!p.prefix.address.is_v4());
  }
  if (said.type == kIcmpV6RouterAdvertisement) require(a.source.is_link_local());
  const bool neighbor =
      said.type == kIcmpV6NeighborSolicitation || said.type == kIcmpV6NeighborAdvertisement;
  if (said.type == kIcmpV6Redirect) {
    require(a.source.is_link_local() && !said.destination.is_multicast());
    require(said.target.is_link_local() || said.target == said.destination);
    IcmpMessage quote;
    read_quote_v6(said.redirected, quote);
  }
  if (neighbor) {
    require(!said.target.is_multicast() && !said.target.is_unspecified() && !said.target.is_v4());
  }
  if (a.source.is_unspecified()) {
    require(said.type != kIcmpV6NeighborAdvertisement);
    require(!said.mac || said.type == kIcmpV6NeighborAdvertisement);
  }
}

void check_again(const NdMessage& said, const Around& a) {
  // What hosts never send.
  if (said.type == kIcmpV6RouterAdvertisement || said.type == kIcmpV6Redirect) return;
  std::vector<std::byte> bytes(kNdFrameMaxBytes);
  bytes.resize(build_nd(bytes, make_ethernet(kOurs, kTheirs, kEthertypeIpv6), a.source,
                        a.destination, said));
  ParsedFrame parsed;
  const auto again =
      read({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())}, parsed);
  require(again && again->type == said.type && again->target == said.target);
  require(again->mac == said.mac && again->router == said.router);
  require(again->solicited == said.solicited && again->overrides == said.overrides);
}

// An interface and a neighbour table that believe what they are told.
class Host {
 public:
  Host() : interface_(config(), Instant{}), neighbors_(4, kOurs, {}) {}

  void hear(const NdMessage& said, const IpAddress& from, uint32_t seconds_later) {
    now_ = now_ + seconds(seconds_later);
    const auto tick = static_cast<uint32_t>(now_.ns / 1'000'000);
    interface_.advance(
        now_, [](const auto&) {}, [](const auto&) {}, [](Vlan) {});
    neighbors_.advance(
        tick, [](uint32_t) { return true; },
        [&](uint32_t index) { interface_.on_unreachable(neighbors_[index].address); });
    if (said.type == kIcmpV6RouterAdvertisement) interface_.on_router(from, said, now_);
    if (said.type == kIcmpV6Redirect &&
        interface_.on_redirect(from, said.destination, said.target, now_)) {
      require(interface_.next_hop(said.destination) == said.target);
    }
    if (said.type == kIcmpV6NeighborAdvertisement) {
      const auto learned = neighbors_.learn_advertised(
          said.target, {said.mac, said.solicited, said.overrides, said.router}, tick);
      if (learned.no_router) interface_.on_no_router(said.target);
    }
    if (said.type == kIcmpV6NeighborSolicitation && said.mac && !from.is_unspecified()) {
      neighbors_.learn_source(from, *said.mac, {}, tick);
    }
    neighbors_.acquire(said.target, tick);
    pass();
    check(said);
  }

  void hear(const GroupQuery& query) {
    interface_.on_group_query(query, now_);
    pass();
  }

 private:
  // All that is due now, until nothing is.
  void pass() {
    for (int i = 0; i < 4; ++i) {
      interface_.advance_groups(now_, [](GroupRecord, std::span<const uint32_t> groups, bool v1) {
        require(!groups.empty() && groups.size() <= (v1 ? 1 : kGroupRecordsMax));
      });
    }
    interface_.advance(
        now_, [](const auto&) {}, [](const auto&) {}, [](Vlan) {});
  }

  static InterfaceConfig config() {
    InterfaceConfig config;
    config.mac = kOurs;
    config.addresses = {Prefix::parse("2001:db8::1/64").value()};
    config.address_check = AddressCheck::kOff;
    config.autoconfigure = Autoconfigure::kAddresses;
    config.gratuitous_arp = false;
    return config;
  }

  void check(const NdMessage& said) const {
    require(interface_.addresses().size() <= 2 + net::Interface::kFormedMax);
    require(interface_.is_local(ip("2001:db8::1")) && interface_.is_local(ip("fe80::ff:fe00:1")));
    require(interface_.next_hop(ip("2001:db8::77")).has_value());
    require(interface_.mtu_v6() >= kIpv6MtuMin && interface_.mtu_v6() <= 1500);
    for (const PrefixInformation& p : std::span(said.prefixes).first(said.prefix_count)) {
      const IpAddress source = interface_.source_for(p.prefix.address);
      require(interface_.is_local(source));
    }
    require(neighbors_.used() <= neighbors_.capacity());
    if (interface_.next_deadline() != Instant::never()) {
      require(interface_.next_deadline() > now_);
    }
  }

  net::Interface interface_;
  net::Neighbors neighbors_;
  Instant now_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Script script(data, size);
  Host host;
  while (!script.over()) {
    const size_t bytes = script.word() % 512;
    const uint8_t choices = script.byte();
    const Around a = around(choices);
    const std::vector<std::byte> message = script.bytes(bytes);
    const bool query = a.hop_limit != kNdHopLimit && (choices & 128) != 0;
    const Frame frame(query ? Around{a.source, a.destination, 1} : a, message, query);
    if (const auto asked = read_query(frame.received())) host.hear(*asked);
    ParsedFrame parsed;
    const auto said = read(frame.received(), parsed);
    if (!said) continue;
    check_promises(*said, a);
    check_again(*said, a);
    host.hear(*said, a.source, choices >> 5);
  }
  return 0;
}
