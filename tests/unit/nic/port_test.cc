// SPDX-License-Identifier: BSD-3-Clause
// A port without a peer: frames wait for a while, are given up, and every mbuf comes back. Then
// nothing is left of the device.
#include "nic/port.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nic/eal.h"
#include "unit/nic/own_process.h"
#include "unit/nic/temporary_folder.h"

namespace millrace::nic {
namespace {

namespace fs = std::filesystem;

PortWish wish_for(const std::string& uri) {
  PortWish wish;
  wish.device = DeviceUri::parse(uri).value();
  wish.spare_mac = MacAddress::parse("02:00:00:00:00:07").value();
  wish.pool = plan_pool({.kind = wish.device.kind}).value();
  return wish;
}

Result<Eal> set_up(const PortWish& wish) {
  return Eal::create({.kind = wish.device.kind,
                      .memory_mb = wish.pool.memory_mb,
                      .process_id = getpid(),
                      .cpus = allowed_cpus()});
}

TxFrame smallest_frame() {
  TxFrame frame{};
  frame.header_bytes = 60;
  frame.l2_bytes = 14;
  return frame;
}

constexpr Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(PortDeathTest, GivesUpFramesThatTheDeviceNeverTakes) {
  in_own_process([] {
    const TemporaryFolder folder;
    const std::string socket = folder.file("x.sock");
    const PortWish wanted = wish_for("memif:" + socket + ",server");
    auto eal = set_up(wanted);
    ASSERT_TRUE(eal) << eal.error().message;
    auto port = Port::open(wanted);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_TRUE(fs::exists(socket));
    EXPECT_FALSE((*port)->link_up());

    Wire& wire = (*port)->wire();
    ASSERT_EQ(wire.room(at(0)), Wire::kBurstMax);
    const std::vector<TxFrame> frames(3, smallest_frame());
    wire.send(frames);
    EXPECT_TRUE(wire.pending());
    EXPECT_EQ(wire.tallies().tx_full.get(), 1u);
    EXPECT_EQ(wire.room(at(1)), 0u) << "nothing new while old frames wait";
    EXPECT_EQ(wire.room(at(100)), 0u);
    EXPECT_TRUE(wire.pending());
    EXPECT_EQ(wire.room(at(101)), 0u);
    EXPECT_FALSE(wire.pending());
    EXPECT_EQ(wire.tallies().tx_dropped.get(), 3u);
    EXPECT_EQ(wire.tallies().frames_out.get(), 0u);

    ASSERT_EQ(wire.room(at(102)), Wire::kBurstMax - 3);
    wire.send(frames);
    wire.discard(2);
    EXPECT_FALSE(wire.pending());
    EXPECT_EQ(wire.tallies().tx_dropped.get(), 8u);

    (*port)->close();
    EXPECT_EQ((*port)->mbufs_missing(), 0u);
    EXPECT_FALSE(fs::exists(socket));
    (*port)->close();
  });
}

TEST(PortDeathTest, AMemifClientOpensBeforeItsServerIsThere) {
  in_own_process([] {
    const TemporaryFolder folder;
    const std::string socket = folder.file("x.sock");
    const PortWish wanted = wish_for("memif:" + socket);
    auto eal = set_up(wanted);
    ASSERT_TRUE(eal) << eal.error().message;
    auto port = Port::open(wanted);
    ASSERT_TRUE(port) << port.error().message;
    Wire& wire = (*port)->wire();
    EXPECT_FALSE(wire.poll_link());
    EXPECT_EQ(wire.room(at(0)), 0u);
    std::vector<RxFrame> burst(Wire::kBurstMax);
    bool full = true;
    EXPECT_EQ(wire.receive(burst, full), 0u);
    EXPECT_FALSE(full);
    (*port)->close();
    EXPECT_EQ((*port)->mbufs_missing(), 0u);
  });
}

TEST(PortDeathTest, ADriversRefusalIsQuoted) {
  in_own_process([] {
    const TemporaryFolder folder;
    const std::string socket = folder.file("x.sock");
    const PortWish wanted = wish_for("virtio-user:" + socket);
    auto eal = set_up(wanted);
    ASSERT_TRUE(eal) << eal.error().message;
    const auto port = Port::open(wanted);  // nobody listens
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().message.find("device virtio-user:" + socket + ": creating it failed: "),
              0u)
        << port.error().message;
    EXPECT_NE(port.error().message.find("(DPDK says: "), std::string::npos) << port.error().message;
  });
}

}  // namespace
}  // namespace millrace::nic
