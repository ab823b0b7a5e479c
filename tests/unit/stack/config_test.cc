// SPDX-License-Identifier: BSD-3-Clause
// Every bound of a configuration, at the bound and one past it; messages name field and value.
#include "millrace/config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

ShardConfig good() {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, 1}};
  config.interface.addresses = {Prefix::parse("10.0.0.1/24").value()};
  return config;
}

std::string complaint(const ShardConfig& config) {
  const Result<void> valid = validate(config);
  return valid ? "" : valid.error().message;
}
std::string complaint(const TcpOptions& options) {
  const Result<void> valid = validate(options);
  return valid ? "" : valid.error().message;
}

TEST(StackConfig, TheDefaultsAreValid) {
  EXPECT_EQ(complaint(good()), "");
  EXPECT_EQ(complaint(TcpOptions{}), "");
}

TEST(StackConfig, NumbersAreCheckedAtBothEnds) {
  struct Case {
    const char* field;
    void (*set)(ShardConfig&, uint32_t);
    uint32_t low;
    uint32_t high;
  };
  const Case cases[] = {
      {"interface.mtu", [](ShardConfig& c, uint32_t v) { c.interface.mtu = uint16_t(v); }, 576,
       9000},
      {"connections_max", [](ShardConfig& c, uint32_t v) { c.connections_max = v; }, 1, 1u << 28},
      {"half_open_max", [](ShardConfig& c, uint32_t v) { c.half_open_max = v; }, 1, 1u << 28},
      {"syn_cookies_percent",
       [](ShardConfig& c, uint32_t v) { c.syn_cookies_percent = static_cast<uint8_t>(v); }, 1, 100},
      {"fast_open_cookies_max", [](ShardConfig& c, uint32_t v) { c.fast_open_cookies_max = v; }, 1,
       1u << 20},
      {"time_wait_max", [](ShardConfig& c, uint32_t v) { c.time_wait_max = v; }, 1, 1u << 28},
      {"listeners_max", [](ShardConfig& c, uint32_t v) { c.listeners_max = v; }, 1, 4096},
      {"neighbors_max", [](ShardConfig& c, uint32_t v) { c.neighbors_max = v; }, 1, 1u << 20},
      {"profiles_max", [](ShardConfig& c, uint32_t v) { c.profiles_max = v; }, 1, 65535},
      {"small_blocks_max", [](ShardConfig& c, uint32_t v) { c.small_blocks_max = v; }, 1, 1u << 28},
      {"large_blocks_max", [](ShardConfig& c, uint32_t v) { c.large_blocks_max = v; }, 1, 1u << 28},
      {"control_frames_max", [](ShardConfig& c, uint32_t v) { c.control_frames_max = v; }, 1,
       1u << 20},
      {"timers_per_turn", [](ShardConfig& c, uint32_t v) { c.timers_per_turn = v; }, 1, 1u << 20},
      {"frames_per_connection_per_turn",
       [](ShardConfig& c, uint32_t v) { c.frames_per_connection_per_turn = v; }, 1, 1u << 20},
      {"tso_bytes_max", [](ShardConfig& c, uint32_t v) { c.tso_bytes_max = v; }, 0, 65'000},
  };
  for (const Case& c : cases) {
    const auto said_of = [&](uint32_t value) {
      ShardConfig config = good();
      c.set(config, value);
      return complaint(config);
    };
    EXPECT_EQ(said_of(c.low), "") << c.field;
    EXPECT_EQ(said_of(c.high), "") << c.field;
    for (const uint32_t wrong : {c.low - 1, c.high + 1}) {
      const std::string said = said_of(wrong);
      EXPECT_NE(said.find(c.field), std::string::npos) << said;
      EXPECT_NE(said.find(std::to_string(wrong)), std::string::npos) << said;
    }
  }
}

TEST(StackConfig, EventsAreAPowerOfTwoOrNone) {
  const auto said_of = [](uint32_t events_max) {
    ShardConfig config = good();
    config.events_max = events_max;
    return complaint(config);
  };
  for (const uint32_t right : {0u, 1u, 2u, 1u << 24}) EXPECT_EQ(said_of(right), "");
  for (const uint32_t wrong : {3u, 1u << 25, UINT32_MAX}) {
    EXPECT_EQ(said_of(wrong), "events_max is " + std::to_string(wrong) +
                                  "; it must be 0 or a power of two up to 16777216");
  }
}

TEST(StackConfig, AddressesMustBeAHosts) {
  const auto said_of = [](const char* address) {
    ShardConfig config = good();
    config.interface.addresses = {Prefix::parse(address).value()};
    return complaint(config);
  };
  EXPECT_EQ(said_of("10.0.0.1/32"), "");
  EXPECT_EQ(said_of("10.0.0.0/31"), "");
  EXPECT_EQ(said_of("fe80::1/64"), "");
  EXPECT_EQ(said_of("2001:db8::/128"), "");
  for (const char* wrong : {"10.0.0.0/24", "10.0.0.255/24", "224.0.0.1/4", "127.0.0.1/8",
                            "0.0.0.0/0", "ff02::1/64", "::1/128", "::/64"}) {
    EXPECT_NE(said_of(wrong).find(wrong), std::string::npos) << said_of(wrong);
  }
}

TEST(StackConfig, RangesAreOfHostsAndOfNoGateway) {
  const auto said_of = [](const char* first, const char* last) {
    ShardConfig config = good();
    config.interface.routes = {
        {Prefix::parse("0.0.0.0/0").value(), IpAddress::parse("10.0.0.254").value()}};
    config.interface.ranges = {{IpAddress::parse(first).value(), IpAddress::parse(last).value()}};
    return complaint(config);
  };
  EXPECT_EQ(said_of("10.0.0.1", "10.0.0.253"), "");
  EXPECT_EQ(said_of("1.0.0.0", "9.255.255.255"), "");
  EXPECT_EQ(said_of("128.0.0.0", "223.255.255.255"), "");
  EXPECT_EQ(said_of("240.0.0.0", "255.255.255.254"), "");
  EXPECT_EQ(said_of("::2", "::fffe:ffff:ffff"), "");
  EXPECT_EQ(said_of("::1:0:0:0", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "");
  struct Row {
    const char* first;
    const char* last;
    const char* what;
  };
  for (const Row& row :
       std::vector<Row>{{"10.0.0.9", "10.0.0.8", "ends before it begins"},
                        {"10.0.0.9", "2001:db8::1", "begins in one family"},
                        {"10.0.0.250", "10.0.0.254", "includes the gateway 10.0.0.254"},
                        {"10.0.0.255", "10.0.1.9", "includes 10.0.0.255"},
                        {"9.0.0.0", "10.0.0.0", "includes 10.0.0.0"},
                        {"0.0.0.1", "1.0.0.0", "reaches into 0.0.0.0-0.255.255.255"},
                        {"126.0.0.0", "127.0.0.0", "reaches into 127.0.0.0-127.255.255.255"},
                        {"223.0.0.0", "224.0.0.0", "reaches into 224.0.0.0-239.255.255.255"},
                        {"255.0.0.0", "255.255.255.255", "reaches into 255.255.255.255"},
                        {"::2", "1::", "reaches into ::ffff:0:0/96"},
                        {"::1", "::5", "reaches into ::-::1"},
                        {"fe80::1", "ff02::1", "reaches into ff00::"}}) {
    const std::string said = said_of(row.first, row.last);
    EXPECT_NE(said.find(row.what), std::string::npos) << row.first << ": " << said;
  }
}

TEST(StackConfig, Ipv6NeedsAnMtuOf1280) {
  ShardConfig config = good();
  config.interface.mtu = 1279;
  EXPECT_EQ(complaint(config), "");
  config.interface.addresses.push_back(Prefix::parse("fe80::1/64").value());
  EXPECT_NE(complaint(config).find("1279"), std::string::npos) << complaint(config);
  config.interface.mtu = 1280;
  EXPECT_EQ(complaint(config), "");
}

TEST(StackConfig, RoutersMayProvideWhatTheConfigurationDoesNot) {
  ShardConfig config = good();
  config.interface.addresses.clear();
  config.interface.autoconfigure = Autoconfigure::kRouters;
  EXPECT_NE(complaint(config).find("addresses"), std::string::npos);
  config.interface.autoconfigure = Autoconfigure::kAddresses;
  EXPECT_EQ(complaint(config), "");
}

TEST(StackConfig, AGatewayForwardsItsOwnFamily) {
  const auto said_of = [](const char* network, const char* gateway) {
    ShardConfig config = good();
    config.interface.addresses.push_back(Prefix::parse("2001:db8::1/64").value());
    config.interface.routes = {{Prefix::parse(network).value(), IpAddress::parse(gateway).value()}};
    return complaint(config);
  };
  EXPECT_EQ(said_of("::/0", "2001:db8::9"), "");
  EXPECT_EQ(said_of("::/0", "fe80::9"), "");
  EXPECT_NE(said_of("::/0", "10.0.0.254").find("10.0.0.254"), std::string::npos);
  EXPECT_NE(said_of("::/0", "2001:db8:1::9").find("2001:db8:1::9"), std::string::npos);
}

TEST(StackConfig, AGatewayMustBeOnOneOfOurNetworks) {
  const auto said_of = [](const char* gateway) {
    ShardConfig config = good();
    config.interface.routes = {
        {Prefix::parse("0.0.0.0/0").value(), IpAddress::parse(gateway).value()}};
    return complaint(config);
  };
  EXPECT_EQ(said_of("10.0.0.254"), "");
  EXPECT_NE(said_of("10.0.1.254").find("10.0.1.254"), std::string::npos);
  EXPECT_NE(said_of("10.0.0.1").find("another host"), std::string::npos);  // ourselves
}

TEST(StackConfig, AnAddressIsOnOneVlan) {
  ShardConfig config = good();
  config.interface.addresses = {InterfaceAddress::parse("10.1.0.1/24@100").value(),
                                InterfaceAddress::parse("10.2.0.1/24@100.200").value()};
  EXPECT_EQ(complaint(config), "");
  config.interface.addresses.push_back(InterfaceAddress::parse("10.1.0.1/24@200").value());
  EXPECT_EQ(complaint(config), "address 10.1.0.1 is on two VLANs; give it to one of them");
  config.interface.addresses.back() = {IpAddress::v4(0x0a030001), 24, Vlan(4095)};
  EXPECT_NE(complaint(config).find("a VLAN's id is from 1 to 4094"), std::string::npos);
}

TEST(StackConfig, AGatewayIsOnAVlanWhereWeHaveItsNetwork) {
  ShardConfig config = good();
  config.interface.addresses = {InterfaceAddress::parse("10.1.0.1/24@100").value(),
                                InterfaceAddress::parse("2001:db8::1/64@200").value()};
  const auto said_of = [&](const char* gateway, std::optional<Vlan> vlan) {
    const IpAddress address = IpAddress::parse(gateway).value();
    const IpAddress all = address.is_v4() ? IpAddress::v4(0) : IpAddress{};
    config.interface.routes = {{{all, 0}, address, vlan}};
    return complaint(config);
  };
  EXPECT_EQ(said_of("10.1.0.254", {}), "");
  EXPECT_EQ(said_of("10.1.0.254", Vlan(100)), "");
  EXPECT_NE(said_of("10.1.0.254", Vlan(200)).find("on VLAN 200"), std::string::npos);
  EXPECT_EQ(said_of("fe80::1", Vlan(200)), "");
  EXPECT_NE(said_of("fe80::1", Vlan(100)), "") << "no IPv6 there";
}

TEST(StackConfig, TheDeviceAddressMustBeOneOfASingleDevice) {
  ShardConfig config = good();
  config.interface.mac = {};
  EXPECT_NE(complaint(config).find("all zero"), std::string::npos);
  config.interface.mac = {{1, 0, 0, 0, 0, 1}};
  EXPECT_NE(complaint(config).find("01:00:00:00:00:01"), std::string::npos);
}

TEST(StackConfig, PortsMustBeARange) {
  ShardConfig config = good();
  config.port_first = 0;
  EXPECT_NE(complaint(config).find("port_first"), std::string::npos);
  config.port_first = 2000;
  config.port_last = 1999;
  EXPECT_NE(complaint(config).find("port_last is 1999"), std::string::npos);
  config.port_last = 2000;
  EXPECT_EQ(complaint(config), "");
}

TEST(StackConfig, TcpOptionsHaveBoundsToo) {
  const auto said_of = [](auto change) {
    TcpOptions options;
    change(options);
    return complaint(options);
  };
  EXPECT_NE(said_of([](TcpOptions& o) { o.send_buffer_bytes = 0; }).find("send_buffer_bytes is 0"),
            std::string::npos);
  EXPECT_NE(said_of([](TcpOptions& o) { o.mss_max = 63; }).find("mss_max is 63"),
            std::string::npos);
  EXPECT_EQ(said_of([](TcpOptions& o) { o.mss_max = 8960; }), "");
  EXPECT_NE(said_of([](TcpOptions& o) { o.mss_max = 8961; }).find("mss_max is 8961"),
            std::string::npos);
  EXPECT_NE(said_of([](TcpOptions& o) {
              o.delayed_ack_timeout = milliseconds(500);
            }).find("delayed_ack_timeout is 500 ms"),
            std::string::npos);
  EXPECT_NE(said_of([](TcpOptions& o) { o.rto_min = seconds(61); }).find("rto_min"),
            std::string::npos);
  EXPECT_NE(said_of([](TcpOptions& o) { o.dscp = 64; }).find("dscp is 64"), std::string::npos);
  EXPECT_NE(said_of([](TcpOptions& o) { o.pacing_rate_max = 999; }).find("pacing_rate_max is 999"),
            std::string::npos);
  EXPECT_EQ(said_of([](TcpOptions& o) { o.pacing_rate_max = 1000; }), "");
  EXPECT_EQ(said_of([](TcpOptions& o) { o.synack_retries = 31; }), "");
  EXPECT_NE(said_of([](TcpOptions& o) { o.synack_retries = 32; }).find("synack_retries is 32"),
            std::string::npos);
  EXPECT_NE(said_of([](TcpOptions& o) { o.data_retries = 0; }).find("data_retries"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace
