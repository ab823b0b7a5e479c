// SPDX-License-Identifier: BSD-3-Clause
// Each kind of device in DPDK's words.
#include "nic/device_args.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::nic {
namespace {

DeviceUri uri(const std::string& text) { return DeviceUri::parse(text).value(); }

TEST(DeviceArgs, AreThoseOfTheDriver) {
  struct Row {
    std::string uri;
    std::string name;
    std::string args;
  };
  const std::vector<Row> table{
      {"pci:0000:3b:00.0", "0000:3b:00.0", ""},
      {"memif:/x.sock", "net_memif0",
       "role=client,socket=/x.sock,socket-abstract=no,rsize=10,bsize=2048"},
      {"memif:/x.sock,server", "net_memif0",
       "role=server,socket=/x.sock,socket-abstract=no,rsize=10,bsize=2048"},
      {"vhost:/x.sock", "net_vhost0", "iface=/x.sock,queues=1,client=0,tso=1"},
      {"virtio-user:/x.sock", "net_virtio_user0", "path=/x.sock,queues=1,queue_size=1024"},
      {"af_packet:eth0", "net_af_packet0",
       "iface=eth0,blocksz=8192,framesz=2048,framecnt=1024,qpairs=1"},
      {"af_xdp:eth0", "net_af_xdp0", "iface=eth0,start_queue=0,queue_count=1"},
      {"tap:mill0", "net_tap0", "iface=mill0"},
      {"pcap:in.pcap,out.pcap", "net_pcap0", "rx_pcap=in.pcap,tx_pcap=out.pcap"},
      {"loopback", "", ""},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.uri);
    EXPECT_EQ(device_name(uri(row.uri)), row.name);
    EXPECT_EQ(device_args(uri(row.uri), {}), row.args);
  }
}

TEST(DeviceArgs, AsManyQueuePairsAsAreAskedFor) {
  const auto of = [](const char* device) { return device_args(uri(device), {.queues = 4}); };
  EXPECT_NE(of("vhost:/x").find("queues=4,"), std::string::npos);
  EXPECT_NE(of("virtio-user:/x").find("queues=4,"), std::string::npos);
  EXPECT_NE(of("af_packet:eth0").find("qpairs=4"), std::string::npos);
  EXPECT_NE(of("af_xdp:eth0").find("queue_count=4"), std::string::npos);
}

TEST(DeviceArgs, RingSizesFollowTheLargerRingUpToTheDriversBound) {
  const RingSizes small{.rx_descriptors = 64, .tx_descriptors = 256};
  EXPECT_NE(device_args(uri("memif:/x"), small).find("rsize=8,"), std::string::npos);
  const RingSizes large{.rx_descriptors = 32768, .tx_descriptors = 64};
  EXPECT_NE(device_args(uri("memif:/x"), large).find("rsize=14,"), std::string::npos);
  EXPECT_NE(device_args(uri("virtio-user:/x"), large).find("queue_size=1024"), std::string::npos);
}

TEST(DeviceArgs, FourSlotsOfAPacketRingAreABlockOfWholePages) {
  const auto ring_of = [](uint16_t frame_bytes) {
    return device_args(uri("af_packet:eth0"), RingSizes{.frame_bytes = frame_bytes});
  };
  EXPECT_NE(ring_of(3072).find("blocksz=12288,framesz=3072,"), std::string::npos);
  EXPECT_NE(ring_of(9216).find("blocksz=36864,framesz=9216,"), std::string::npos);
}

}  // namespace
}  // namespace millrace::nic
