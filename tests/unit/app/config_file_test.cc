// SPDX-License-Identifier: BSD-3-Clause
#include "cli/config_file.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace millrace::cli {
namespace {

// Two commands that share options, each with one of its own.
struct Program {
  CLI::App root{"", "millrace"};
  CommonOptions common;
  CommonOptions other_common;
  uint16_t http = 0;
  bool nagle = false;
  uint32_t concurrency = 1;
  CLI::App* serve = root.add_subcommand("serve");
  CLI::App* load = root.add_subcommand("load");
  CLI::App* cps = load->add_subcommand("cps");

  Program() {
    add_port(*serve, "--http", http, "");
    add_flag(*serve, "--nagle", nagle, "");
    add_common_options(*serve, common);
    add_number(*cps, "--concurrency", concurrency, 1u, 1000u, "");
    add_common_options(*cps, other_common);
  }

  // Options of `serve` on the command line.
  void parse(std::vector<std::string> words) {
    words.insert(words.begin(), "serve");
    std::reverse(words.begin(), words.end());
    root.parse(words);
  }

  // Empty when all is well.
  std::string read(const std::string& text) {
    const Result<void> result = load_config_text(text, "f.toml", "serve", *serve);
    return result.ok() ? "" : result.error().message;
  }
};

TEST(ConfigFile, SetsOptionsByTheirNames) {
  Program p;
  EXPECT_EQ(p.read(R"(
    device = "memif:/tmp/m.sock,server"
    address = "10.0.0.1/24"
    mtu = 9000
    send_buffer = "1m"          # _ or -
    msl = 5                     # a number counts seconds
    duration = 1.5
    route = ["10.1.0.0/16=10.0.0.9", "10.2.0.0/16=10.0.0.9"]
    no-timestamps = true
    http = 8080
  )"),
            "");
  EXPECT_EQ(p.common.device, "memif:/tmp/m.sock,server");
  ASSERT_EQ(p.common.addresses.size(), 1u);
  EXPECT_EQ(p.common.addresses[0].to_string(), "10.0.0.1/24");
  EXPECT_EQ(p.common.mtu, 9000);
  EXPECT_EQ(p.common.send_buffer_bytes, 1u << 20);
  EXPECT_EQ(p.common.msl, seconds(5));
  EXPECT_EQ(p.common.duration, milliseconds(1500));
  EXPECT_EQ(p.common.routes.size(), 2u);
  EXPECT_TRUE(p.common.no_timestamps);
  EXPECT_EQ(p.http, 8080);
}

TEST(ConfigFile, AddressesAndGatewaysOfBothFamiliesAreLists) {
  Program p;
  EXPECT_EQ(p.read(R"(
    address = ["10.0.0.1/24", "2001:db8::1/64"]
    gateway = ["10.0.0.254", "fe80::1"]
    autoconfigure = "routers"
    address-check = "first"
    arp-probe = true
  )"),
            "");
  ASSERT_EQ(p.common.addresses.size(), 2u);
  EXPECT_EQ(p.common.addresses[1].to_string(), "2001:db8::1/64");
  ASSERT_EQ(p.common.gateways.size(), 2u);
  EXPECT_EQ(p.common.gateways[1].gateway.to_string(), "fe80::1");
  EXPECT_EQ(p.common.autoconfigure, Autoconfigure::kRouters);
  EXPECT_EQ(p.common.address_check, AddressCheck::kFirst);
  EXPECT_TRUE(p.common.arp_probe);
}

TEST(ConfigFile, NearerTablesWinAndTheCommandLineOverAll) {
  const std::string file = R"(
    mtu = 1000
    mss = 1000
    msl = "1s"
    nagle = true
    rto-min = "1s"
    [network]
    mtu = 2000
    [tcp]
    mss = 2000
    msl = "2s"
    [serve]
    msl = "3s"
    nagle = false
    rto-min = "3s"
  )";
  Program p;
  p.parse({"--rto-min", "4s"});
  EXPECT_EQ(p.read(file), "");
  EXPECT_EQ(p.common.mtu, 2000);
  EXPECT_EQ(p.common.mss, 2000);
  EXPECT_EQ(p.common.msl, seconds(3));
  EXPECT_FALSE(p.nagle);
  EXPECT_EQ(p.common.rto_min, seconds(4));
}

TEST(ConfigFile, KeepsAFlagOfTheCommandLine) {
  Program p;
  p.parse({"--nagle"});
  EXPECT_EQ(p.read("[serve]\nnagle = false\n"), "");
  EXPECT_TRUE(p.nagle);
}

TEST(ConfigFile, LeavesWhatIsForOthers) {
  Program p;
  EXPECT_EQ(
      p.read("concurrency = 5\n[load]\nconcurrency = 6\nwhatever = 1\n[network]\nmtu = 600\n"), "");
  EXPECT_EQ(p.common.mtu, 600);
  // And so the other way round, for a command that hangs one level deeper.
  const Result<void> result = load_config_text(
      "http = 80\n[serve]\nhttp = 80\n[load]\nconcurrency = 7\n", "f.toml", "load", *p.cps);
  EXPECT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(p.concurrency, 7u);
}

TEST(ConfigFile, NamesFileLineAndColumnOfWhatIsWrong) {
  struct Row {
    std::string text;
    std::string message;
  };
  const std::vector<Row> table = {
      {"\n\nhtpp = 80\n", "f.toml:3:1: unknown key 'htpp'; did you mean 'http'?"},
      {"[serve]\nhtpp = 80\n", "f.toml:2:1: unknown key 'htpp'; did you mean 'http'?"},
      {"frobnicate = 1\n", "f.toml:1:1: unknown key 'frobnicate'; millrace serve --help lists all"},
      {"[serve]\nconcurrency = 1\n",
       "f.toml:2:1: unknown key 'concurrency'; millrace serve --help lists all"},
      {"[srve]\nhttp = 80\n",
       "f.toml:1:2: there is no table [srve]; tables are [serve], [load], [network], [tcp], [run]"},
      {"[tcp]\nhttp = 80\n",
       "f.toml:2:1: 'http' does not belong in this table; move it to [serve]"},
      {"[network]\nmsl = 1\n", "f.toml:2:1: 'msl' does not belong in this table; move it to [tcp]"},
      {"config = \"g.toml\"\n", "f.toml:1:1: 'config' can only be given on the command line"},
      {"zebra = 1\nbody = 2\naardvark = 3\n",
       "f.toml:1:1: unknown key 'zebra'; millrace serve --help lists all"},
      {"http = \"many\"\n", "f.toml:1:8: --http \"many\": give a port from 1 to 65535"},
      {"http = 700000\n", "f.toml:1:8: --http \"700000\": give a port from 1 to 65535"},
      {"http = 80.5\n", "f.toml:1:8: --http \"80.5\": give a port from 1 to 65535"},
      {"http = [80, 81]\n", "f.toml:1:8: 'http' takes one value, not a list"},
      {"http = true\n", "f.toml:1:8: 'http' takes a number or a string"},
      {"route = [\"10.1.0.0/16=10.0.0.9\",\n  1979-05-27]\n",
       "f.toml:2:3: 'route' takes numbers or strings"},
      {"nagle = 1\n", "f.toml:1:9: 'nagle' is true or false"},
      {"[serve.inner]\nx = 1\n",
       "f.toml:1:8: unknown key 'inner'; millrace serve --help lists all"},
      {"address = \"10.77.0.300/24\"\n",
       "f.toml:1:11: --address \"10.77.0.300/24\": give an address with its prefix length, such as "
       "10.0.0.1/24 or 2001:db8::1/64, or several as 10.0.0.1-10.0.0.99/24, and their VLAN if they "
       "are on one: 10.0.0.1/24@100 or @100.200"},
  };
  for (const Row& row : table) {
    Program p;
    EXPECT_EQ(p.read(row.text), row.message) << row.text;
  }
}

TEST(ConfigFile, SaysWhereItIsNoToml) {
  Program p;
  const std::string message = p.read("mtu = 1500\naddress \"10.0.0.1/24\"\n");
  EXPECT_TRUE(message.starts_with("f.toml:2:")) << message;
  EXPECT_NE(message.find("not valid TOML"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(ConfigFile, PrintsWhatItReads) {
  Program first;
  ASSERT_EQ(first.read("device = \"tap:t0\"\nhttp = 81\nmsl = \"7s\"\nnagle = true\n"
                       "route = [\"10.1.0.0/16=10.0.0.9\", \"10.2.0.0/16=10.0.0.9\"]\n"),
            "");
  const std::string printed = config_to_toml(*first.serve, "serve");
  Program second;
  ASSERT_EQ(second.read(printed), "") << printed;
  EXPECT_EQ(second.common.device, "tap:t0");
  EXPECT_EQ(second.http, 81);
  EXPECT_EQ(second.common.msl, seconds(7));
  EXPECT_TRUE(second.nagle);
  EXPECT_EQ(second.common.routes, first.common.routes);
  EXPECT_EQ(config_to_toml(*second.serve, "serve"), printed);
}

TEST(NearestName, IsOneThatIsNotFar) {
  const std::vector<std::string> names = {"http", "echo", "keepalive", "keepalive-probes"};
  EXPECT_EQ(nearest_name("htpp", names), "http");
  EXPECT_EQ(nearest_name("http", names), "http");
  EXPECT_EQ(nearest_name("keep-alive", names), "keepalive");
  EXPECT_EQ(nearest_name("keepaliveprobes", names), "keepalive-probes");
  EXPECT_EQ(nearest_name("frobnicate", names), "");
  EXPECT_EQ(nearest_name("x", {}), "");
}

}  // namespace
}  // namespace millrace::cli
