// SPDX-License-Identifier: BSD-3-Clause
// An engine on a device of DPDK's that needs no rights: frames come out of one capture file and go
// into another.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "unit/nic/own_process.h"
#include "unit/nic/temporary_folder.h"
#include "unit/runtime/programs.h"

namespace millrace::runtime {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr std::array<uint8_t, 6> kPeerMac{2, 0, 0, 0, 0, 9};

// Who has 10.0.0.1? Tell 10.0.0.9.
Bytes arp_request() {
  Bytes frame(6, 0xff);
  const auto append = [&](const auto& bytes) {
    frame.insert(frame.end(), std::begin(bytes), std::end(bytes));
  };
  append(kPeerMac);
  append(std::array<uint8_t, 10>{0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1});
  append(kPeerMac);
  append(std::array<uint8_t, 4>{10, 0, 0, 9});
  append(std::array<uint8_t, 6>{});
  append(std::array<uint8_t, 4>{10, 0, 0, 1});
  frame.resize(60);
  return frame;
}

void append32(std::string& file, uint32_t value) {
  file.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void write_capture(const std::string& path, const std::vector<Bytes>& frames) {
  std::string file;
  for (const uint32_t word : {0xa1b2c3d4u, 2u | 4u << 16, 0u, 0u, 65535u, 1u}) {
    append32(file, word);
  }
  for (const Bytes& frame : frames) {
    const auto length = static_cast<uint32_t>(frame.size());
    for (const uint32_t word : {0u, 0u, length, length}) append32(file, word);
    file.append(frame.begin(), frame.end());
  }
  std::ofstream(path, std::ios::binary) << file;
}

std::vector<Bytes> read_capture(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const Bytes file{std::istreambuf_iterator<char>(stream), {}};
  constexpr size_t kFileHeader = 24;
  constexpr size_t kFrameHeader = 16;
  std::vector<Bytes> frames;
  for (size_t at = kFileHeader; at + kFrameHeader <= file.size();) {
    uint32_t length = 0;
    std::memcpy(&length, file.data() + at + 8, sizeof(length));
    at += kFrameHeader;
    if (at + length > file.size()) break;
    frames.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at),
                        file.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  }
  return frames;
}

// Ends when the shard has answered an ARP request.
class UntilAnswered final : public Program {
 public:
  Result<void> start(Shard& shard) override {
    shard_ = &shard;
    return {};
  }
  [[nodiscard]] bool finished() const override {
    return shard_->counters().get(Counter::kArpRepliesOut) > 0;
  }

 private:
  Shard* shard_ = nullptr;
};

void answer_a_captured_frame() {
  const nic::TemporaryFolder folder;
  const std::string in = folder.file("in.pcap");
  const std::string out = folder.file("out.pcap");
  write_capture(in, {arp_request()});

  EngineConfig config;
  config.device = DeviceUri::parse("pcap:" + in + "," + out).value();
  config.shard = small_shard("10.0.0.1/24");
  config.shard.interface.mac = MacAddress::parse("02:00:00:00:00:01").value();
  config.shard.interface.gratuitous_arp = false;
  config.rx_descriptors = config.tx_descriptors = 64;
  UntilAnswered program;
  Program* const programs[] = {&program};
  auto engine = Engine::create(config, programs);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ((*engine)->mac(), config.shard.interface.mac);
  EXPECT_NE((*engine)->describe().find("net_pcap, 1 queue"), std::string::npos)
      << (*engine)->describe();
  ASSERT_TRUE((*engine)->start());
  const EngineReport report = (*engine)->finish();

  EXPECT_TRUE(report.drained);
  EXPECT_EQ(report.mbufs_missing, 0u);
  EXPECT_EQ(report.device.frames_in, 1u);
  EXPECT_EQ(report.device.frames_out, 1u);
  const std::vector<Bytes> answers = read_capture(out);
  ASSERT_EQ(answers.size(), 1u);
  const Bytes& answer = answers.front();
  ASSERT_GE(answer.size(), 42u);
  EXPECT_TRUE(std::equal(kPeerMac.begin(), kPeerMac.end(), answer.begin()));
  EXPECT_EQ(answer[21], 2) << "an ARP reply";
  const auto& ours = config.shard.interface.mac.bytes;
  EXPECT_TRUE(std::equal(ours.begin(), ours.end(), answer.begin() + 22));

  engine->reset();
  const auto again = Engine::create(config, programs);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message,
            "this process has opened a device before: DPDK can be set up only once, so start "
            "another process");
}

TEST(EngineDeviceDeathTest, AnswersACapturedFrameAndReturnsEveryMbuf) {
  nic::in_own_process(answer_a_captured_frame);
}

}  // namespace
}  // namespace millrace::runtime
