// SPDX-License-Identifier: BSD-3-Clause
// A device's URI says what it means, or one sentence says what is wrong with it.
#include "millrace/device.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

struct Good {
  std::string text;
  DeviceKind kind;
  std::string target;
  std::string output = "";
  bool server = false;
  std::string canonical = "";  // empty: as written
};

TEST(DeviceUri, NamesADeviceOfEachKind) {
  const std::vector<Good> table{
      {"pci:0000:3b:00.0", DeviceKind::kPci, "0000:3b:00.0"},
      {"pci:3B:00.1", DeviceKind::kPci, "0000:3b:00.1", "", false, "pci:0000:3b:00.1"},
      {"memif:/run/x.sock", DeviceKind::kMemif, "/run/x.sock"},
      {"memif:/run/x.sock,server", DeviceKind::kMemif, "/run/x.sock", "", true},
      {"memif:here.sock", DeviceKind::kMemif, "here.sock"},
      {"vhost:/run/x.sock", DeviceKind::kVhost, "/run/x.sock"},
      {"virtio-user:/run/x.sock", DeviceKind::kVirtioUser, "/run/x.sock"},
      {"af_packet:eth0", DeviceKind::kAfPacket, "eth0"},
      {"af_packet:eth0.12", DeviceKind::kAfPacket, "eth0.12"},
      {"af_xdp:fifteen_letters", DeviceKind::kAfXdp, "fifteen_letters"},
      {"tap:mill0", DeviceKind::kTap, "mill0"},
      {"pcap:a b/in.pcap,out.pcap", DeviceKind::kPcap, "a b/in.pcap", "out.pcap"},
      {"loopback", DeviceKind::kLoopback, ""},
      {"loopback:", DeviceKind::kLoopback, "", "", false, "loopback"},
  };
  for (const Good& row : table) {
    SCOPED_TRACE(row.text);
    const auto uri = DeviceUri::parse(row.text);
    ASSERT_TRUE(uri) << uri.error().message;
    EXPECT_EQ(uri->kind, row.kind);
    EXPECT_EQ(uri->target, row.target);
    EXPECT_EQ(uri->output, row.output);
    EXPECT_EQ(uri->server, row.server);
    EXPECT_EQ(uri->to_string(), row.canonical.empty() ? row.text : row.canonical);
  }
}

TEST(DeviceUri, SaysInOneSentenceWhatIsWrong) {
  struct Bad {
    std::string text;
    std::string message;
  };
  const std::vector<Bad> table{
      {"",
       "device '': there is no kind of device ''; choose one of pci, memif, vhost, virtio-user, "
       "af_packet, af_xdp, tap, pcap, loopback"},
      {"eth0",
       "device 'eth0': there is no kind of device 'eth0'; choose one of pci, memif, vhost, "
       "virtio-user, af_packet, af_xdp, tap, pcap, loopback"},
      {"memif",
       "device 'memif': the path of the socket is missing; write memif:/path.sock or "
       "memif:/path.sock,server"},
      {"memif:/x,client",
       "device 'memif:/x,client': 'client' is not a word of memif; write "
       "memif:/path.sock or memif:/path.sock,server"},
      {"memif:/x,",
       "device 'memif:/x,': '' is not a word of memif; write memif:/path.sock or "
       "memif:/path.sock,server"},
      {"vhost:/a,b",
       "device 'vhost:/a,b': the path of the socket contains the character ,, which "
       "DPDK cannot take; write vhost:/path.sock"},
      {"vhost:/a\tb",
       "device 'vhost:/a\tb': the path of the socket contains the unprintable "
       "character 0x09, which DPDK cannot take; write vhost:/path.sock"},
      {"virtio-user:",
       "device 'virtio-user:': the path of the socket is missing; write "
       "virtio-user:/path.sock"},
      {"tap:", "device 'tap:': the interface's name is missing; write tap:millrace0"},
      {"tap:sixteen__letters",
       "device 'tap:sixteen__letters': the interface's name has 16 "
       "characters, at most 15 fit; write tap:millrace0"},
      {"tap:a/b",
       "device 'tap:a/b': 'a/b' cannot be the name of an interface; write "
       "tap:millrace0"},
      {"af_packet:..",
       "device 'af_packet:..': '..' cannot be the name of an interface; write "
       "af_packet:eth0"},
      {"af_xdp:a,b",
       "device 'af_xdp:a,b': 'a,b' cannot be the name of an interface; write "
       "af_xdp:eth0"},
      {"pcap:in.pcap",
       "device 'pcap:in.pcap': the file to write is missing; write "
       "pcap:in.pcap,out.pcap"},
      {"pcap:,out.pcap",
       "device 'pcap:,out.pcap': the file to read is missing; write "
       "pcap:in.pcap,out.pcap"},
      {"pcap:a,b,c",
       "device 'pcap:a,b,c': the file to write contains the character ,, which DPDK "
       "cannot take; write pcap:in.pcap,out.pcap"},
      {"pci:3b:00", "device 'pci:3b:00': '3b:00' is not a PCI address; write pci:0000:3b:00.0"},
      {"pci:0000:3b:00.8",
       "device 'pci:0000:3b:00.8': '0000:3b:00.8' is not a PCI address; write "
       "pci:0000:3b:00.0"},
      {"pci:0000:3g:00.0",
       "device 'pci:0000:3g:00.0': '0000:3g:00.0' is not a PCI address; write "
       "pci:0000:3b:00.0"},
      {"loopback:x", "device 'loopback:x': nothing may follow, but 'x' does; write loopback"},
  };
  for (const Bad& row : table) {
    SCOPED_TRACE(row.text);
    const auto uri = DeviceUri::parse(row.text);
    ASSERT_FALSE(uri);
    EXPECT_EQ(uri.error().message, row.message);
  }
}

TEST(DeviceUri, ASocketsPathMayHave107Characters) {
  const std::string longest(107, 'a');
  EXPECT_TRUE(DeviceUri::parse("memif:" + longest));
  const auto longer = DeviceUri::parse("memif:" + longest + "a");
  ASSERT_FALSE(longer);
  EXPECT_NE(longer.error().message.find("has 108 characters, at most 107 fit"), std::string::npos);
}

}  // namespace
}  // namespace millrace
