// SPDX-License-Identifier: BSD-3-Clause
// Captures are read whoever wrote them; what is wrong with one is said in a sentence.
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "trace/capture_file.h"
#include "unit/app/trace_frames.h"

namespace millrace::trace {
namespace {

const RawSegment kSyn4{.key = {.local = IpAddress::v4(0x0a000001),
                               .peer = IpAddress::v4(0x0a000002),
                               .local_port = 40000,
                               .peer_port = 80},
                       .seq = 1000,
                       .flags = kRawSyn,
                       .window_shift = 7,
                       .mss = 1460,
                       .sack_permitted = true,
                       .has_timestamps = true,
                       .ts_value = 5};

Result<CaptureFile> read(const std::string& bytes) {
  return CaptureFile::read(std::make_unique<std::istringstream>(bytes), "it");
}

// Every packet's length, and what was wrong in the end.
struct Contents {
  std::vector<size_t> lengths;
  std::string problem;
};
Contents contents_of(const std::string& bytes) {
  Contents out;
  Result<CaptureFile> file = read(bytes);
  if (!file) return {{}, file.error().message};
  CapturedPacket packet;
  Result<bool> more = file->next(packet);
  for (; more && *more; more = file->next(packet)) out.lengths.push_back(packet.bytes.size());
  if (!more) out.problem = more.error().message;
  return out;
}

TEST(TraceFile, ReadsBothFormatsInBothByteOrders) {
  const auto frame = frame_of(kSyn4);
  const std::string captures[] = {pcap_of({frame, frame}),
                                  pcap_of({frame, frame}, true),
                                  pcap_of({frame, frame}, false, true),
                                  pcap_of({frame, frame}, true, true),
                                  pcapng_of({frame, frame}),
                                  pcapng_of({frame, frame}, true)};
  for (const std::string& capture : captures) {
    Result<CaptureFile> file = read(capture);
    ASSERT_TRUE(file.ok()) << file.error().message;
    CapturedPacket packet;
    for (int i = 0; i < 2; ++i) {
      Result<bool> more = file->next(packet);
      ASSERT_TRUE(more.ok()) << more.error().message;
      ASSERT_TRUE(*more);
      EXPECT_EQ(packet.time.ns, 7'000'005'000);
      ASSERT_EQ(packet.bytes.size(), frame.size());
      EXPECT_TRUE(std::equal(frame.begin(), frame.end(), packet.bytes.begin()));
    }
    EXPECT_FALSE(*file->next(packet));
    if (&capture >= &captures[4]) {
      EXPECT_EQ(packet.comment, "hello");
    }
  }
}

TEST(TraceFile, SaysWhatIsWrong) {
  const auto frame = frame_of(kSyn4);
  const std::string pcap = pcap_of({frame}), ng = pcapng_of({frame});
  const auto with = [](std::string text, size_t at, uint32_t value) {
    std::memcpy(text.data() + at, &value, sizeof(value));
    return text;
  };
  struct Row {
    std::string file;
    const char* problem;
    size_t packets;
  };
  const Row rows[] = {
      {"", "it: at byte 0: too short for a capture", 0},
      {"hello, world", "this is neither pcap nor pcapng", 0},
      {pcap.substr(0, 20), "ends within its header", 0},
      {pcap.substr(0, 30), "it: at byte 24: the file ends within the header of a packet", 0},
      {pcap.substr(0, pcap.size() - 1), "it: at byte 40: the file ends within a packet", 0},
      {with(pcap, 32, 1u << 31), "a packet of 2147483648 bytes", 0},
      {pcap + "x", "ends within the header of a packet", 1},
      {ng.substr(0, 11), "ends within a section header", 0},
      {with(ng, 8, 0x11111111), "a section of no known byte order", 0},
      {with(ng, 12, 0x00000002), "pcapng of version 2, which is not known", 0},
      {with(ng, 4, 5), "a section header of 5 bytes", 0},
      {with(ng, 24, 5), "a block with two lengths", 0},
      {with(ng, 32, 0xfffffff0), "a block of 4294967280 bytes", 0},
      {with(ng, 44, 0x00ff0009), "an option that is longer than its block", 0},
      {with(ng, 48, 99), "times finer than we can count in", 0},
      {with(ng, 68, 1), "a packet of interface 1, which is not described", 0},
      {with(ng, 80, 4000), "a packet that is longer than its block", 0},
      {ng.substr(0, ng.size() - 1), "ends within a block", 0},
      {ng + ng.substr(0, 4), "ends within a section header", 1},
  };
  for (const Row& row : rows) {
    const Contents contents = contents_of(row.file);
    EXPECT_NE(contents.problem.find(row.problem), std::string::npos)
        << row.problem << ", but: " << contents.problem;
    EXPECT_EQ(contents.lengths.size(), row.packets) << row.problem;
  }
}

TEST(TraceFile, SurvivesWhateverIsInAFile) {
  std::mt19937 random(7);
  const auto frame = frame_of(kSyn4);
  const std::string good[] = {pcap_of({frame, frame}), pcapng_of({frame, frame})};
  size_t packets = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good[i % 2];
    for (uint32_t n = random() % 8 + 1; n != 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
    const Contents contents = contents_of(bytes);
    packets += contents.lengths.size();
    for (const size_t length : contents.lengths) EXPECT_LE(length, bytes.size());
    if (!contents.problem.empty()) {
      EXPECT_TRUE(contents.problem.starts_with("it: at byte "));
    }
  }
  EXPECT_GT(packets, 1000u);
}

TEST(TraceFile, PassesOverLinksThatItDoesNotKnow) {
  std::string pcap = pcap_of({frame_of(kSyn4)});
  pcap[20] = 105;  // IEEE 802.11
  Result<CaptureFile> file = read(pcap);
  CapturedPacket packet;
  EXPECT_FALSE(*file->next(packet));
  EXPECT_EQ(file->unknown_links(), 1u);
}

TEST(TraceSegment, IsReadBehindEveryLinkHeader) {
  const auto frame = frame_of(kSyn4);
  const std::vector<std::byte> packet(frame.begin() + 14, frame.end());
  const auto behind = [&](std::vector<uint8_t> header) {
    std::vector<std::byte> out;
    for (const uint8_t byte : header) out.push_back(std::byte{byte});
    out.insert(out.end(), packet.begin(), packet.end());
    return out;
  };
  std::vector<uint8_t> cooked(16), cooked2(20), tagged(22);
  cooked[14] = cooked2[0] = tagged[20] = 8;
  tagged[12] = 0x88, tagged[13] = 0xa8, tagged[16] = 0x81;
  const std::pair<std::vector<std::byte>, Link> captured[] = {
      {frame, Link::kEthernet},
      {behind(tagged), Link::kEthernet},
      {packet, Link::kRaw},
      {packet, Link::kIpv4},
      {behind({2, 0, 0, 0}), Link::kLoopback},
      {behind(cooked), Link::kLinuxCooked},
      {behind(cooked2), Link::kLinuxCooked2}};
  for (const auto& [bytes, link] : captured) {
    const auto segment = read_segment(bytes, link);
    ASSERT_TRUE(segment.has_value()) << static_cast<int>(link);
    EXPECT_EQ(segment->source.to_string(), "10.0.0.1:40000");
    EXPECT_EQ(segment->destination.to_string(), "10.0.0.2:80");
    EXPECT_EQ(segment->seq, 1000u);
    EXPECT_EQ(flags_text(segment->flags), "[S]");
    EXPECT_EQ(segment->options.mss, 1460);
    EXPECT_EQ(segment->options.window_scale, 7);
    EXPECT_TRUE(segment->options.sack_permitted);
    EXPECT_EQ(segment->options.ts_value, 5u);
    EXPECT_FALSE(segment->options.broken);
  }
}

TEST(TraceSegment, MayBeCutAnywhere) {
  RawSegment v6 = kSyn4;
  v6.key.local = *IpAddress::parse("2001:db8::1");
  v6.key.peer = *IpAddress::parse("2001:db8::2");
  for (const RawSegment& whole : {kSyn4, v6}) {
    const auto frame = frame_of(whole);
    const size_t fixed_part = frame.size() - 20;  // but for the options of a SYN
    for (size_t n = 0; n <= frame.size(); ++n) {
      const std::vector<std::byte> cut(frame.begin(), frame.begin() + static_cast<long>(n));
      const auto segment = read_segment(cut, Link::kEthernet);
      ASSERT_EQ(segment.has_value(), n >= fixed_part) << n;
      if (segment) {
        EXPECT_EQ(segment->options.broken, n < frame.size());
      }
    }
  }
}

}  // namespace
}  // namespace millrace::trace
