// SPDX-License-Identifier: BSD-3-Clause
// What a person may get wrong on the command line: one sentence that names the value and says what
// to do, and status 2, before any device is touched.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/help.h"
#include "load/command.h"
#include "serve/command.h"

namespace millrace::cli {
namespace {

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome run(const std::vector<std::string>& words) {
  CLI::App root("", "millrace");
  root.require_subcommand(1);
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(serve::add_serve_command(root));
  for (auto& command : load::add_load_commands(root)) commands.push_back(std::move(command));
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = run_commands(root, commands, words);
  outcome.err = testing::internal::GetCapturedStderr();
  outcome.out = testing::internal::GetCapturedStdout();
  return outcome;
}

// With a device and an address that are right.
std::vector<std::string> serve_with(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"serve", "--device", "tap:t0", "--address", "10.0.0.1/24"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// The same, and a target unless one is among `more`.
std::vector<std::string> load_from(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"load",   "cps",       "--device",
                                    "tap:t0", "--address", "10.0.0.2/24"};
  if (std::find(more.begin(), more.end(), "--target") == more.end()) {
    words.insert(words.end(), {"--target", "10.0.0.1:80"});
  }
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(CommandLine, SaysWhatIsWrongInOneSentence) {
  struct Row {
    std::vector<std::string> words;
    std::string message;
  };
  const std::string see = "; see millrace serve --help";
  const std::vector<Row> table = {
      // Words.
      {{}, "millrace needs to be told what to do: serve or load; see millrace --help"},
      {{"load"},
       "millrace load needs to be told what to do: cps, rps, cc, teardown, mix, throughput, syn or "
       "half-open; see millrace load --help"},
      {{"load", "sync"}, "there is no command \"sync\"; did you mean syn?"},
      {{"load", "throughput", "--direction", "sideways"},
       "--direction \"sideways\": give up, down or both; see millrace load throughput --help"},
      {{"load", "throughput", "--request-size", "1"},
       "there is no option --request-size; see millrace load throughput --help"},
      {{"load", "syn", "--device", "tap:t0", "--address", "10.0.0.1/24"},
       "no target was given; add --target, such as --target 10.0.0.1:80"},
      {{"load", "syn", "--device", "tap:t0", "--address", "10.0.0.1/24", "--target", "11.0.0.1:80"},
       "--target 11.0.0.1:80 is on no network of ours; add --gateway or --route"},
      {{"load", "syn", "--device", "tap:t0", "--address", "10.0.0.1/24", "--target",
        "[2001:db8::1]:80"},
       "--target [2001:db8::1]:80 is on no network of ours; add --gateway or --route"},
      {{"load", "cps", "--device", "tap:t0", "--address", "2001:db8::2/64", "--target",
        "[2001:db8::1]:80", "--source", "10.0.0.0/24"},
       "--source 10.0.0.1-10.0.0.254 is of another family than --target [2001:db8::1]:80; give "
       "both of one"},
      {load_from({"--source", "10.0.0.0-10.0.0.300"}),
       "--source \"10.0.0.0-10.0.0.300\": '10.0.0.0-10.0.0.300' names no addresses; write one, as "
       "10.0.0.2, or some, as 10.0.0.2-10.0.3.254 or 10.0.0.0/22; see millrace load cps --help"},
      {load_from({"--source", "10.0.0.9-10.0.0.3"}),
       "--source \"10.0.0.9-10.0.0.3\": '10.0.0.9-10.0.0.3' ends before it begins; give the lower "
       "address first; see millrace load cps --help"},
      {load_from({"--source", "10.0.0.9-2001:db8::1"}),
       "--source \"10.0.0.9-2001:db8::1\": '10.0.0.9-2001:db8::1' begins in one family and ends in "
       "the other; give two addresses of one; see millrace load cps --help"},
      {load_from({"--source", "10.16.0.0/11"}),
       "--source \"10.16.0.0/11\": these are 2097150 addresses; give 1048576 at most; see millrace "
       "load cps --help"},
      {load_from({"--source", "2001:db8::/48"}),
       "--source \"2001:db8::/48\": these are more than 2^64 addresses; give 1048576 at most; see "
       "millrace load cps --help"},
      {load_from({"--source", "10.16.0.0-10.31.255.255", "--source", "11.0.0.1"}),
       "--source names 1048577 addresses in all; give 1048576 at most"},
      {load_from({"--source", "10.1.0.9", "--source", "10.0.0.3-10.0.0.9", "--source",
                  "10.0.0.8-10.0.1.0"}),
       "--source 10.0.0.3-10.0.0.9 and --source 10.0.0.8-10.0.1.0 have addresses in common; name "
       "each once"},
      {load_from({"--source", "10.0.0.1-10.0.0.99"}),
       "--source 10.0.0.1-10.0.0.99 includes the target 10.0.0.1; leave that out"},
      {load_from({"--source", "10.0.0.90-10.0.0.99", "--gateway", "10.0.0.95"}),
       "address range 10.0.0.90-10.0.0.99 includes the gateway 10.0.0.95, which is another host; "
       "leave that out"},
      {load_from({"--source", "10.0.0.90-10.0.1.7"}),
       "address range 10.0.0.90-10.0.1.7 includes 10.0.0.255, which is the network's own or its "
       "broadcast address; leave that out"},
      {load_from({"--source", "169.254.1.1-169.254.1.9", "--gateway", "10.0.0.9", "--target",
                  "11.0.0.1:80"}),
       "--source 169.254.1.1-169.254.1.9 is of this link only, and --target 11.0.0.1:80 behind a "
       "router, so no answer can come back; give addresses that are routed"},
      {serve_with({"--address", "10.0.0.2-10.0.1.7/24"}),
       "--address \"10.0.0.2-10.0.1.7/24\": 10.0.1.7 is not on the network of 10.0.0.2/24; give "
       "two "
       "of one network" +
           see},
      {serve_with({"--address", "10.0.0.9-10.0.0.2/24"}),
       "--address \"10.0.0.9-10.0.0.2/24\": '10.0.0.9-10.0.0.2' ends before it begins; give the "
       "lower address first" +
           see},
      {{"load", "cps", "--device", "loopback", "--autoconfigure", "addresses", "--target",
        "[2001:db8::1]:80"},
       "there are no routers on the loopback device; add --address"},
      {{"sevre"}, "there is no command \"sevre\"; did you mean serve?"},
      {{"sevre", "--device", "tap:t0"}, "there is no command \"sevre\"; did you mean serve?"},
      {{"pancake"}, "there is no command \"pancake\"; see millrace --help"},
      {{"load", "warp"}, "there is no command \"warp\"; see millrace load --help"},
      {{"--verbos"}, "there is no option --verbos; see millrace --help"},
      {serve_with({"--htpp", "80"}), "there is no option --htpp; did you mean --http?"},
      {serve_with({"--htpp=80"}), "there is no option --htpp; did you mean --http?"},
      {serve_with({"--tea-pot"}), "there is no option --tea-pot; see millrace serve --help"},
      {{"load", "cps", "--tarket", "x"}, "there is no option --tarket; did you mean --target?"},
      {serve_with({"now"}), "\"now\" is a word too many: options begin with --" + see},
      {serve_with({"--route", "10.1.0.0/16=10.0.0.254", "now"}),
       "\"now\" is a word too many: options begin with --" + see},
      {serve_with({"--http", "80", "81"}),
       "\"81\" is a word too many: options begin with --" + see},
      {serve_with({"--echo"}), "--echo lacks its value; give it a PORT" + see},
      {serve_with({"--echo="}), "--echo lacks its value; give it a PORT" + see},
      {serve_with({"--ready-file"}), "--ready-file lacks its value; give it a FILE" + see},
      {serve_with({"--json=1"}), "--json takes no value; leave away what follows it" + see},
      {serve_with({"--http", "80", "--http", "81"}),
       "--http was given more than once; give it once" + see},
      // Values.
      {serve_with({"--echo", "0"}), "--echo \"0\": give a port from 1 to 65535" + see},
      {serve_with({"--echo", "65536"}), "--echo \"65536\": give a port from 1 to 65535" + see},
      {serve_with({"--echo", "-7"}), "--echo \"-7\": give a port from 1 to 65535" + see},
      {serve_with({"--echo", "echo"}), "--echo \"echo\": give a port from 1 to 65535" + see},
      {serve_with({"--mtu", "575"}), "--mtu \"575\": give a whole number from 576 to 9000" + see},
      {serve_with({"--mtu", "9001"}), "--mtu \"9001\": give a whole number from 576 to 9000" + see},
      {serve_with({"--body-size", "4parsec"}),
       "--body-size \"4parsec\": give a size from 0 to 1t, such as 4096 or 4k" + see},
      {serve_with({"--msl", "5fortnights"}),
       "--msl \"5fortnights\": give a time from 1ms to 10m, such as 10s or 500ms" + see},
      {serve_with({"--syn-cookies", "sometimes"}),
       "--syn-cookies \"sometimes\": give auto, always or never" + see},
      {serve_with({"--congestion", "vegas"}),
       "--congestion \"vegas\": give newreno or cubic" + see},
      {serve_with({"--ecn", "sometimes"}),
       "--ecn \"sometimes\": give off, passive, classic or accurate" + see},
      {serve_with({"--duration", "-5s"}),
       "--duration \"-5s\": give a time from 0s to 168h, such as 10s or 500ms" + see},
      {serve_with({"--mac", "01:00:5e:00:00:01"}),
       "--mac \"01:00:5e:00:00:01\": give the address of a single device, such as "
       "02:00:00:00:00:01" +
           see},
      {serve_with({"--gateway", "router"}),
       "--gateway \"router\": give an IP address, such as 10.0.0.254, and where that does not "
       "tell, "
       "its VLAN: fe80::1@100" +
           see},
      {serve_with({"--route", "10.1.0.0/16"}),
       "--route \"10.1.0.0/16\": give a network and its gateway, such as 10.1.0.0/16=10.0.0.254, "
       "and where the gateway's address does not tell, its VLAN: 10.1.0.0/16=10.0.0.254@100" +
           see},
      {serve_with({"--cpu", "x"}), "--cpu \"x\": give the number of a CPU, from 0" + see},
      {{"serve", "--address", "10.0.0/24"},
       "--address \"10.0.0/24\": give an address with its prefix length, such as 10.0.0.1/24 or "
       "2001:db8::1/64, or several as 10.0.0.1-10.0.0.99/24, and their VLAN if they are on "
       "one: 10.0.0.1/24@100 or @100.200" +
           see},
      {serve_with({"--address", "2001:db8::1"}),
       "--address \"2001:db8::1\": give an address with its prefix length, such as 10.0.0.1/24 or "
       "2001:db8::1/64, or several as 10.0.0.1-10.0.0.99/24, and their VLAN if they are on "
       "one: 10.0.0.1/24@100 or @100.200" +
           see},
      {serve_with({"--autoconfigure", "on"}),
       "--autoconfigure \"on\": give off, routers or addresses" + see},
      {serve_with({"--address-check", "on"}),
       "--address-check \"on\": give off, optimistic or first" + see},
      // What no single option can tell.
      {{"serve", "--address", "10.0.0.1/24"},
       "no device was given; add --device, for example --device tap:mill0"},
      {{"serve", "--device", "tap:t0"},
       "no address was given; add --address, for example --address 10.0.0.1/24"},
      {serve_with({"--http", "80", "--chargen", "80"}),
       "--http and --chargen both name port 80; give each its own"},
      {serve_with({"--gateway", "10.0.1.1"}),
       "gateway 10.0.1.1 is on none of our networks; it must be another host of an address's "
       "prefix"},
      {serve_with({"--gateway", "2001:db8::fe"}),
       "gateway 2001:db8::fe is on none of our networks; it must be another host of an address's "
       "prefix"},
      {serve_with({"--address", "2001:db8::1/64", "--mtu", "1279"}),
       "interface.mtu is 1279; IPv6 needs at least 1280"},
      {serve_with({"--config", "/nowhere/x.toml"}),
       "the configuration '/nowhere/x.toml' cannot be read; check the path and its permissions"},
      {serve_with({"--ready-file", "/nowhere/ready"}),
       "--ready-file \"/nowhere/ready\" cannot be written: No such file or directory; name a file "
       "in a folder that you may write to"},
      {serve_with({"--ready-file", "/"}),
       "--ready-file \"/\" cannot be written: something else is there; name a file in a folder "
       "that you may write to"},
      {{"serve", "--device", "loopback", "--address", "10.0.0.1/24"},
       "serve on 'loopback' has nobody to talk to; loopback is for 'millrace load', which brings "
       "its own server"},
  };
  for (const Row& row : table) {
    const Outcome outcome = run(row.words);
    EXPECT_EQ(outcome.err, "millrace: " + row.message + "\n");
    EXPECT_EQ(outcome.status, kExitUsage) << row.message;
    EXPECT_EQ(outcome.out, "") << row.message;
  }
}

TEST(CommandLine, NamesTheDeviceThatIsNone) {
  for (const std::string uri : {"carrier-pigeon:x", "eth0", "memif:", "memif:/tmp/x.sock,sever",
                                "tap:averyverylongname", "pcap:in.pcap", "pci:3b", "af_packet:"}) {
    const Outcome outcome = run({"serve", "--device", uri, "--address", "10.0.0.1/24"});
    EXPECT_TRUE(outcome.err.starts_with("millrace: --device \"" + uri + "\": ")) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.status, kExitUsage);
  }
}

TEST(CommandLine, ShowsWhatIsInForceAsAConfigurationThatReadsBack) {
  const Outcome outcome =
      run(serve_with({"--echo", "7", "--msl", "500ms", "--nagle", "--syn-cookies", "never", "--ecn",
                      "classic", "--congestion", "newreno", "--no-sack", "--mtu-probing", "always",
                      "--fixed-window", "--hugepages", "off", "--print-config"}));
  EXPECT_EQ(outcome.status, kExitOk);
  for (const std::string line : {"[serve]\n",
                                 "device = \"tap:t0\"\n",
                                 "address = \"10.0.0.1/24\"\n",
                                 "echo = 7\n",
                                 "fast-open = false\n",
                                 "fast-open-queue = 256\n",
                                 "msl = \"500ms\"\n",
                                 "nagle = true\n",
                                 "syn-cookies = \"never\"\n",
                                 "ecn = \"classic\"\n",
                                 "backlog = 0\n",
                                 "congestion = \"newreno\"\n",
                                 "mtu-probing = \"always\"\n",
                                 "no-sack = true\n",
                                 "hugepages = \"off\"\n",
                                 "no-tso = false\n",
                                 "fixed-window = true\n",
                                 "receive-buffer = \"6m\"\n",
                                 "json = false\n",
                                 "mtu = 1500\n",
                                 "body-size = \"64\"\n"}) {
    EXPECT_NE(outcome.out.find(line), std::string::npos) << line << "is not in\n" << outcome.out;
  }
}

TEST(CommandLine, HelpFitsTheScreenAndTellsDefaults) {
  CLI::App root("", "millrace");
  root.formatter_fn([](const CLI::App* app, std::string name, CLI::AppFormatMode mode) {
    return HelpFormatter().make_help(app, std::move(name), mode);
  });
  const auto serve = serve::add_serve_command(root);
  const std::string help = serve->app().help();
  std::string longest;
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = std::min(help.find('\n', begin), help.size());
    if (end - begin > longest.size()) longest = help.substr(begin, end - begin);
    begin = end + 1;
  }
  EXPECT_LE(longest.size(), 100u) << longest;
  for (const std::string told : {"--http PORT", "(default 64)", "(default 1500)", "(default 30s)",
                                 "Examples:", "SIGTERM", "exit status"}) {
    EXPECT_NE(help.find(told), std::string::npos) << told;
  }
}

}  // namespace
}  // namespace millrace::cli
