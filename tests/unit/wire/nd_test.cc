// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery as anybody may send it, and as we send it.
#include "wire/nd.h"

#include <gtest/gtest.h>

#include "support/naive_icmp6.h"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::ip;
using test::NaiveIcmp6;

constexpr MacAddress kHost{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeer{{2, 0, 0, 0, 0, 2}};
const test::LineEnds kEnds{kPeer, kHost, ip("fe80::2"), ip("fe80::1")};

NaiveIcmp6 said(std::string_view line) { return test::icmp6_of_line(line, kEnds).value(); }

std::optional<NdMessage> read(const NaiveIcmp6& icmp, Counter* reason = nullptr) {
  const Bytes frame = build(icmp);
  ParsedFrame parsed;
  EXPECT_EQ(
      parse_frame({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())}, parsed),
      FrameKind::kIcmpV6);
  Counter drop{};
  const auto message = parse_icmp_v6(parsed, drop);
  EXPECT_TRUE(message);
  auto nd = message ? parse_nd(parsed, *message, drop) : std::nullopt;
  if (reason != nullptr) *reason = drop;
  return nd;
}

bool malformed(const NaiveIcmp6& icmp) {
  Counter reason{};
  return !read(icmp, &reason) && reason == Counter::kDropNdMalformed;
}

TEST(WireNd, ASolicitationNamesItsTargetAndWhoAsks) {
  const auto message = read(said("nd who-has fe80::1 tell fe80::2"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, kIcmpV6NeighborSolicitation);
  EXPECT_EQ(message->target, ip("fe80::1"));
  EXPECT_EQ(message->mac, kPeer);
  EXPECT_FALSE(read(said("nd who-has fe80::1 tell fe80::2 no-mac"))->mac);
}

TEST(WireNd, AnAdvertisementHasThreeFlags) {
  const auto plain = read(said("nd fe80::2 is-at 02:00:00:00:00:02"));
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->router || plain->solicited || plain->overrides);
  const auto all = read(said("nd fe80::2 is-at 02:00:00:00:00:09 router solicited override"));
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->router && all->solicited && all->overrides);
  EXPECT_EQ(all->mac, (MacAddress{{2, 0, 0, 0, 0, 9}}));
  EXPECT_TRUE(read(said("nd fe80::2 is-at 02:00:00:00:00:02 override"))->overrides);
}

TEST(WireNd, ARouterSaysHowLongItIsOneAndWhatTheLinkIsLike) {
  NaiveIcmp6 icmp = said("nd router-advert lifetime 1800 mtu 1400 prefix 2001:db8::77/64 for 600");
  test::put32(icmp.body, 4, 30'000);
  test::put32(icmp.body, 8, 1'500);
  const auto message = read(icmp);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->router_lifetime_seconds, 1800);
  EXPECT_EQ(message->hop_limit, 64);
  EXPECT_EQ(message->reachable_ms, 30'000u);
  EXPECT_EQ(message->retransmit_ms, 1'500u);
  EXPECT_EQ(message->mtu, 1400u);
  EXPECT_EQ(message->mac, kPeer);
  ASSERT_EQ(message->prefix_count, 1);
  const PrefixInformation& prefix = message->prefixes[0];
  EXPECT_EQ(prefix.prefix.to_string(), "2001:db8::/64") << "host bits are cleared";
  EXPECT_TRUE(prefix.on_link && prefix.autonomous);
  EXPECT_EQ(prefix.valid_seconds, 600u);
  EXPECT_FALSE(read(said("nd router-advert lifetime 0 on-link 2001:db8::/64 for 9"))
                   ->prefixes[0]
                   .autonomous);
}

TEST(WireNd, PrefixesBeyondThoseThatFitAreSkipped) {
  NaiveIcmp6 icmp = said("nd router-advert lifetime 1800");
  const Bytes option = test::prefix_option({Prefix::parse("2001:db8::/64").value()});
  for (size_t i = 0; i < NdMessage::kPrefixesMax + 1; ++i) {
    icmp.body.insert(icmp.body.end(), option.begin(), option.end());
  }
  EXPECT_EQ(read(icmp).value().prefix_count, NdMessage::kPrefixesMax);
}

TEST(WireNd, WhatARouterForwardedIsNotBelieved) {
  // RFC 4861 section 11.2.
  for (const char* line : {"nd who-has fe80::1 tell fe80::2 limit 254", "nd probe fe80::1 limit 0",
                           "nd fe80::2 is-at 02:00:00:00:00:02 limit 254",
                           "nd router-solicit limit 254", "nd router-advert lifetime 1 limit 64"}) {
    Counter reason{};
    EXPECT_FALSE(read(said(line), &reason)) << line;
    EXPECT_EQ(reason, Counter::kDropNdHopLimit) << line;
  }
}

TEST(WireNd, ACodeOrTooFewBytesAreMalformed) {
  for (const char* line :
       {"nd who-has fe80::1 tell fe80::2 no-mac", "nd router-solicit no-mac",
        "nd fe80::2 is-at 02:00:00:00:00:02 no-mac", "nd router-advert lifetime 1 no-mac"}) {
    NaiveIcmp6 icmp = said(line);
    EXPECT_TRUE(read(icmp)) << line;
    icmp.code = 1;
    EXPECT_TRUE(malformed(icmp)) << line;
    icmp.code = 0;
    icmp.body.pop_back();
    EXPECT_TRUE(malformed(icmp)) << line;
  }
}

TEST(WireNd, OptionsEndWithinTheMessageAndAreNotEmpty) {
  const NaiveIcmp6 good = said("nd who-has fe80::1 tell fe80::2");
  constexpr size_t kOptionAt = 20;
  for (const uint8_t length : {0, 2, 255}) {
    NaiveIcmp6 icmp = good;
    test::put8(icmp.body, kOptionAt + 1, length);
    EXPECT_TRUE(malformed(icmp)) << int{length};
  }
  NaiveIcmp6 cut = good;
  cut.body.pop_back();
  EXPECT_TRUE(malformed(cut));
  NaiveIcmp6 unknown = good;
  test::put8(unknown.body, kOptionAt, 200);
  ASSERT_TRUE(read(unknown)) << "unknown options are skipped";
  EXPECT_FALSE(read(unknown)->mac);
}

TEST(WireNd, OptionsAreBoundedInNumber) {
  NaiveIcmp6 icmp = said("nd router-solicit no-mac");
  const Bytes unknown = {std::byte{200}, std::byte{1}, {}, {}, {}, {}, {}, {}};
  for (int i = 0; i < 64; ++i) icmp.body.insert(icmp.body.end(), unknown.begin(), unknown.end());
  EXPECT_TRUE(read(icmp));
  icmp.body.insert(icmp.body.end(), unknown.begin(), unknown.end());
  EXPECT_TRUE(malformed(icmp));
}

TEST(WireNd, ALinkLayerAddressIsOneDevices) {
  for (const MacAddress& mac : {MacAddress{}, MacAddress::broadcast(), MacAddress{{1}}}) {
    NaiveIcmp6 icmp = said("nd router-solicit no-mac");
    const Bytes option = test::link_address_option(1, mac);
    icmp.body.insert(icmp.body.end(), option.begin(), option.end());
    EXPECT_TRUE(malformed(icmp)) << mac.to_string();
  }
  NaiveIcmp6 longer = said("nd router-solicit");
  test::put8(longer.body, 5, 2);
  longer.body.resize(longer.body.size() + 8);
  EXPECT_TRUE(malformed(longer));
}

TEST(WireNd, APrefixHasAtMost128Bits) {
  NaiveIcmp6 icmp = said("nd router-advert lifetime 1 no-mac prefix 2001:db8::/128 for 1");
  EXPECT_TRUE(read(icmp));
  test::put8(icmp.body, 12 + 2, 129);
  EXPECT_TRUE(malformed(icmp));
  NaiveIcmp6 shorter = said("nd router-advert lifetime 1 no-mac prefix 2001:db8::/64 for 1");
  test::put8(shorter.body, 12 + 1, 3);
  shorter.body.resize(shorter.body.size() - 8);
  EXPECT_TRUE(malformed(shorter));
}

TEST(WireNd, WhoHasNoAddressYetSaysLess) {
  // RFC 4861 sections 6.1.1 and 7.1.1: the unspecified address, and a link-layer address with it.
  EXPECT_TRUE(read(said("nd router-solicit no-mac from ::")));
  EXPECT_TRUE(malformed(said("nd router-solicit from ::")));
  EXPECT_TRUE(read(said("nd probe fe80::1")));
  EXPECT_TRUE(malformed(said("nd who-has fe80::1 tell ::")));
  EXPECT_TRUE(malformed(said("nd probe fe80::1 to fe80::1"))) << "not to the target's group";
  EXPECT_TRUE(malformed(said("nd probe fe80::1 to ff02::1")));
}

TEST(WireNd, ATargetIsOneHosts) {
  EXPECT_TRUE(malformed(said("nd who-has ff02::1 tell fe80::2")));
  EXPECT_TRUE(malformed(said("nd ff02::1 is-at 02:00:00:00:00:02 from fe80::2")));
  EXPECT_TRUE(malformed(said("nd who-has :: tell fe80::2")));
}

TEST(WireNd, NothingIsSaidOfIpv4) {
  // ::ffff:10.0.0.2 is how an IPv4 address is held, so it would change that one's entry.
  NaiveIcmp6 advertisement = said("nd fe80::9 is-at 02:00:00:00:00:66 override from fe80::2");
  NaiveIcmp6 solicitation = said("nd who-has fe80::9 tell fe80::2 to fe80::1");
  for (NaiveIcmp6* icmp : {&advertisement, &solicitation}) {
    EXPECT_TRUE(read(*icmp));
    for (size_t i = 0; i < 10; ++i) test::put8(icmp->body, 4 + i, 0);
    test::put16(icmp->body, 4 + 10, 0xffff);
    test::put32(icmp->body, 4 + 12, 0x0a000002);
    EXPECT_TRUE(malformed(*icmp));
  }
  NaiveIcmp6 router = said("nd router-advert lifetime 1 no-mac prefix 2001:db8::/96 for 1");
  EXPECT_EQ(read(router)->prefix_count, 1);
  for (size_t i = 0; i < 10; ++i) test::put8(router.body, 12 + 16 + i, 0);
  test::put16(router.body, 12 + 16 + 10, 0xffff);
  EXPECT_EQ(read(router)->prefix_count, 0) << "skipped";
}

TEST(WireNd, NobodySolicitsWhatAllAreTold) {
  EXPECT_TRUE(read(said("nd fe80::2 is-at 02:00:00:00:00:02 override to ff02::1")));
  EXPECT_TRUE(malformed(said("nd fe80::2 is-at 02:00:00:00:00:02 solicited to ff02::1")));
}

TEST(WireNd, ARouterSpeaksFromItsLinkLocalAddress) {
  EXPECT_TRUE(malformed(said("nd router-advert lifetime 1800 from 2001:db8::2")));
}

TEST(WireNd, WhatWeSendIsReadByOthers) {
  const auto sent = [](const IpAddress& source, const IpAddress& destination, NdMessage message) {
    Bytes frame(kNdFrameMaxBytes);
    const MacAddress to = destination.is_multicast() ? multicast_mac(destination) : kPeer;
    frame.resize(build_nd(frame, make_ethernet(to, kHost, 0x86dd), source, destination, message));
    std::string problem;
    const auto icmp = test::decode_icmp6(frame, problem);
    EXPECT_EQ(problem, "");
    return icmp ? test::icmp6_text(*icmp) : "nothing";
  };
  const IpAddress own = ip("2001:db8::1:2345");
  const IpAddress peer = ip("2001:db8::aa:bbcc");
  EXPECT_EQ(sent(own, solicited_node(peer),
                 {.type = kIcmpV6NeighborSolicitation, .target = peer, .mac = kHost}),
            "nd who-has 2001:db8::aa:bbcc tell 2001:db8::1:2345");
  EXPECT_EQ(sent(own, peer, {.type = kIcmpV6NeighborSolicitation, .target = peer}),
            "nd who-has 2001:db8::aa:bbcc tell 2001:db8::1:2345 to 2001:db8::aa:bbcc no-mac");
  EXPECT_EQ(sent(IpAddress::v6({}), solicited_node(own),
                 {.type = kIcmpV6NeighborSolicitation, .target = own}),
            "nd probe 2001:db8::1:2345");
  EXPECT_EQ(sent(own, peer,
                 {.type = kIcmpV6NeighborAdvertisement,
                  .target = own,
                  .solicited = true,
                  .overrides = true,
                  .mac = kHost}),
            "nd 2001:db8::1:2345 is-at 02:00:00:00:00:01 solicited override to 2001:db8::aa:bbcc");
  EXPECT_EQ(sent(ip("fe80::1"), all_routers(), {.type = kIcmpV6RouterSolicitation, .mac = kHost}),
            "nd router-solicit from fe80::1");
}

TEST(WireNd, AnEchoReplyCarriesWhatItWasAsked) {
  Bytes body(300);
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::byte>(i);
  Bytes frame(14 + 40 + 4 + body.size());
  const size_t bytes =
      build_icmp_v6(frame, make_ethernet(kPeer, kHost, 0x86dd), {.ttl = 33, .tos = 0x28},
                    ip("fe80::1"), ip("fe80::2"), kIcmpV6EchoReply, 0, body);
  ASSERT_EQ(bytes, frame.size());
  std::string problem;
  const auto icmp = test::decode_icmp6(frame, problem);
  ASSERT_TRUE(icmp);
  EXPECT_EQ(problem, "");
  EXPECT_EQ(icmp->type, 129);
  EXPECT_EQ(icmp->hop_limit, 33);
  EXPECT_EQ(icmp->body, body);
  EXPECT_EQ(test::get16(frame, 14), 0x6280) << "version and traffic class";
}

TEST(WireNd, GroupsAndInterfaceIdentifiers) {
  EXPECT_EQ(solicited_node(ip("2001:db8::1234:5678")), ip("ff02::1:ff34:5678"));
  EXPECT_EQ(multicast_mac(ip("ff02::1:ff34:5678")).to_string(), "33:33:ff:34:56:78");
  EXPECT_EQ(multicast_mac(all_nodes()).to_string(), "33:33:00:00:00:01");
  // RFC 4291 appendix A: the universal bit turned round, ff:fe in the middle.
  const MacAddress mac{{0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde}};
  EXPECT_EQ(link_local_address(mac), ip("fe80::3656:78ff:fe9a:bcde"));
  EXPECT_EQ(link_local_address(kHost), ip("fe80::ff:fe00:1"));
  EXPECT_EQ(with_interface_id(ip("2001:db8:1:2::"), mac), ip("2001:db8:1:2:3656:78ff:fe9a:bcde"));
}

}  // namespace
}  // namespace millrace::wire
