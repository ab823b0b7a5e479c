// SPDX-License-Identifier: BSD-3-Clause
// Frames in several mbufs, both ways: a pcap device reads and writes frames of any length, whatever
// an mbuf holds.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "nic/eal.h"
#include "nic/pool.h"
#include "nic/port.h"
#include "nic/rx.h"
#include "nic/tx.h"
#include "unit/nic/own_process.h"
#include "unit/nic/temporary_folder.h"

namespace millrace::nic {
namespace {

using Bytes = std::vector<std::byte>;

// The classic format: a header of 24 bytes, and one of 16 before each packet.
constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;

Bytes numbered(size_t bytes, uint32_t seed) {
  Bytes out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>((i * 31 + seed * 7) >> 2);
  return out;
}

void write_pcap(const std::string& path, const std::vector<Bytes>& frames) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](std::initializer_list<uint32_t> words) {
    for (const uint32_t word : words) file.write(reinterpret_cast<const char*>(&word), 4);
  };
  put({0xa1b2c3d4, 0x00040002, 0, 0, 262'144, 1});
  for (const Bytes& frame : frames) {
    const auto bytes = static_cast<uint32_t>(frame.size());
    put({0, 0, bytes, bytes});
    file.write(reinterpret_cast<const char*>(frame.data()), bytes);
  }
}

Bytes first_of_pcap(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all(std::istreambuf_iterator<char>(file), {});
  if (all.size() < kFileHeaderBytes + kRecordHeaderBytes) return {};
  uint32_t bytes = 0;
  std::memcpy(&bytes, all.data() + kFileHeaderBytes + 8, sizeof(bytes));
  const auto* begin =
      reinterpret_cast<const std::byte*>(all.data() + kFileHeaderBytes + kRecordHeaderBytes);
  return {begin, begin + bytes};
}

// A pcap port in a process of its own, with mbufs of 2 KiB.
struct Bench {
  explicit Bench(const std::vector<Bytes>& frames) {
    write_pcap(folder.file("in.pcap"), frames);
    PortWish wish;
    wish.device =
        DeviceUri::parse("pcap:" + folder.file("in.pcap") + "," + folder.file("out.pcap")).value();
    wish.spare_mac = MacAddress::parse("02:00:00:00:00:07").value();
    wish.pool = plan_pool({.kind = wish.device.kind}).value();
    auto created = Eal::create({.kind = wish.device.kind,
                                .memory_mb = wish.pool.memory_mb,
                                .process_id = getpid(),
                                .cpus = allowed_cpus()});
    eal = std::move(created.value());
    port = std::move(Port::open(wish).value());
    rte_eth_dev_get_port_by_name("net_pcap0", &id);
  }
  ~Bench() {
    port->close();
    EXPECT_EQ(port->mbufs_missing(), 0u);
  }

  TemporaryFolder folder;
  Eal eal;
  std::unique_ptr<Port> port;
  uint16_t id = 0;
};

TEST(ChainDeathTest, AFrameInSeveralMbufsArrivesInOnePiece) {
  in_own_process([] {
    const std::vector<Bytes> sent{numbered(60, 1), numbered(5000, 2), numbered(9014, 3),
                                  numbered(1514, 4)};
    Bench bench(sent);
    Wire& wire = bench.port->wire();
    std::array<RxFrame, Wire::kBurstMax> burst;
    bool full = true;
    ASSERT_EQ(wire.receive(burst, full), sent.size());
    EXPECT_FALSE(full);
    for (size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(Bytes(burst[i].data, burst[i].data + burst[i].length), sent[i]) << i;
    }
    wire.release();
    EXPECT_EQ(wire.tallies().rx_refused.get(), 0u);
  });
}

TEST(ChainDeathTest, WhatDoesNotFitTheMemoryForPiecesWaitsForTheNextBurst) {
  in_own_process([] {
    constexpr size_t kFrames = 64;
    constexpr size_t kBytes = 9000;
    constexpr size_t kAtOnce = Receiver::kJoinBytes / kBytes;
    std::vector<Bytes> sent;
    for (uint32_t i = 0; i < kFrames; ++i) sent.push_back(numbered(kBytes, i));
    Bench bench(sent);
    Wire& wire = bench.port->wire();
    std::array<RxFrame, Wire::kBurstMax> burst;
    size_t seen = 0;
    for (bool full = true; full;) {
      const size_t n = wire.receive(burst, full);
      EXPECT_LE(n, kAtOnce);
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(Bytes(burst[i].data, burst[i].data + burst[i].length), sent[seen++]);
      }
      wire.release();
    }
    EXPECT_EQ(seen, kFrames);
    EXPECT_EQ(wire.tallies().frames_in.get(), kFrames);
  });
}

TEST(ChainDeathTest, WhatWaitsAtTheEndIsGivenBack) {
  in_own_process([] {
    Bench bench(std::vector<Bytes>(64, numbered(9000, 1)));
    std::array<RxFrame, Wire::kBurstMax> burst;
    bool full = false;
    EXPECT_GT(bench.port->wire().receive(burst, full), 0u);
    EXPECT_TRUE(full);
  });  // counts what is missing
}

TEST(ChainDeathTest, SegmentsForTheDeviceToCutLeaveAsOneChain) {
  in_own_process([] {
    Bench bench({numbered(60, 1)});
    const Bytes payload = numbered(10'000, 5);
    TxFrame frame{};
    const Bytes header = numbered(66, 6);
    std::copy(header.begin(), header.end(), frame.header.begin());
    frame.header_bytes = 66;
    frame.l2_bytes = 14;
    frame.l3_bytes = 20;
    frame.l4_bytes = 32;
    frame.l4_checksum_needed = true;
    frame.payload = {std::span(payload).first(3001), std::span(payload).subspan(3001)};
    frame.payload_spans = 2;
    frame.payload_bytes = 10'000;
    frame.segment_bytes = 1448;

    WireTallies tallies;
    {
      Sender sender(bench.id, 0, {.tx_tcp_checksum = true, .tso = true},
                    rte_mempool_lookup(pool_name(0).c_str()), tallies);
      ASSERT_EQ(sender.room(Instant{}), Wire::kBurstMax);
      sender.send({&frame, 1});
      EXPECT_FALSE(sender.pending());
      EXPECT_EQ(sender.room(Instant{}), Wire::kBurstMax - 5) << "10,066 bytes in mbufs of 2,048";
    }
    EXPECT_EQ(tallies.frames_out.get(), 1u);
    bench.port->close();
    Bytes whole = header;
    whole.insert(whole.end(), payload.begin(), payload.end());
    EXPECT_EQ(first_of_pcap(bench.folder.file("out.pcap")), whole);
  });
}

}  // namespace
}  // namespace millrace::nic
