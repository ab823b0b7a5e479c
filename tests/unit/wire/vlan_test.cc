// SPDX-License-Identifier: BSD-3-Clause
#include "wire/vlan.h"

#include <gtest/gtest.h>

#include "support/naive_frame.h"
#include "support/tags.h"
#include "wire/build.h"

namespace millrace::wire {
namespace {

using test::Bytes;

Bytes plain_frame() {
  test::NaiveTcp tcp;
  tcp.source_ip = 0x0a000002;
  tcp.destination_ip = 0x0a000001;
  tcp.source_mac = {{2, 0, 0, 0, 0, 2}};
  tcp.destination_mac = {{2, 0, 0, 0, 0, 1}};
  tcp.source_port = 5000;
  tcp.destination_port = 80;
  tcp.flags = test::kAck;
  tcp.payload = Bytes(37, std::byte{0x5a});
  return test::build(tcp);
}

Tags tags_of(const Bytes& frame, Vlan taken_off = {}) {
  return read_tags(frame.data(), frame.size(), taken_off);
}

TEST(Vlan, IsReadAndWrittenAsText) {
  EXPECT_EQ(Vlan::parse("100").value(), Vlan(100));
  EXPECT_EQ(Vlan::parse("100.200").value(), Vlan(100, 200));
  EXPECT_EQ(Vlan::parse("4094").value().to_string(), "4094");
  EXPECT_EQ(Vlan(100, 200).to_string(), "100.200");
  EXPECT_EQ(Vlan().to_string(), "");
  for (const char* wrong : {"", "0", "4095", "100.", ".100", "100.0", "1.2.3", "x", "-1"}) {
    EXPECT_FALSE(Vlan::parse(wrong).ok()) << wrong;
  }
}

TEST(Vlan, OfAnAddress) {
  const auto one = InterfaceAddress::parse("10.1.0.1/24@100.200").value();
  EXPECT_EQ(one.vlan, Vlan(100, 200));
  EXPECT_EQ(one.to_string(), "10.1.0.1/24@100.200");
  EXPECT_EQ(InterfaceAddress::parse("2001:db8::1/64").value().vlan, Vlan());
  EXPECT_FALSE(InterfaceAddress::parse("10.1.0.1/24@").ok());
  EXPECT_FALSE(InterfaceAddress::parse("10.1.0.1@100").ok());
}

TEST(Vlan, HowTheOuterTagIsWrittenIsNoPartOfItsName) {
  Vlan same(100, 200);
  same.set_outer_8021q();
  EXPECT_EQ(same, Vlan(100, 200));
  EXPECT_NE(Vlan(100), Vlan(100, 200));
  EXPECT_NE(Vlan(100, 200), Vlan(200, 100));
}

TEST(Tags, AreReadFromTheFrame) {
  const Bytes frame = plain_frame();
  EXPECT_EQ(tags_of(frame).bytes, 0);
  EXPECT_EQ(tags_of(test::tagged(frame, "7")).vlan, Vlan(7));
  EXPECT_EQ(tags_of(test::tagged(frame, "7")).bytes, 4);
  EXPECT_EQ(tags_of(test::tagged(frame, "7.9")).vlan, Vlan(7, 9));
  EXPECT_EQ(tags_of(test::tagged(frame, "7.9", 0x8100)).vlan, Vlan(7, 9));
  EXPECT_EQ(tags_of(test::tagged(frame, "7.9")).bytes, 8);
}

TEST(Tags, OfIdZeroNameNothing) {
  const Bytes frame = plain_frame();
  EXPECT_EQ(tags_of(test::tagged(frame, "0")).vlan, Vlan());
  EXPECT_EQ(tags_of(test::tagged(frame, "0.9")).vlan, Vlan(9));
  EXPECT_EQ(tags_of(test::tagged(frame, "7.0")).vlan, Vlan(7));
}

TEST(Tags, PriorityAndDropEligibilityAreNoPartOfTheId) {
  Bytes frame = test::tagged(plain_frame(), "7");
  test::put16(frame, 14, 0xf007);
  EXPECT_EQ(tags_of(frame).vlan, Vlan(7));
}

TEST(Tags, ThatWereTakenOffCountFirst) {
  const Bytes frame = plain_frame();
  EXPECT_EQ(tags_of(frame, Vlan(7)).vlan, Vlan(7));
  EXPECT_EQ(tags_of(test::tagged(frame, "9"), Vlan(7)).vlan, Vlan(7, 9));
  EXPECT_EQ(tags_of(test::tagged(frame, "9"), Vlan(7, 8)).bytes, 0) << "a third is no tag of ours";
}

TEST(Tags, CutShortAreNotSound) {
  const Bytes frame = test::tagged(plain_frame(), "7.9");
  for (size_t bytes = 14; bytes < 22; ++bytes) {
    EXPECT_FALSE(read_tags(frame.data(), bytes, {}).sound) << bytes;
  }
  EXPECT_TRUE(read_tags(frame.data(), 22, {}).sound);
}

TEST(Tags, TakenOffLeaveTheFrameAsItWas) {
  const Bytes frame = plain_frame();
  for (const char* vlan : {"7", "7.9"}) {
    Bytes bytes = test::tagged(frame, vlan);
    RxFrame view{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
    take_off_tags(bytes.data(), view);
    EXPECT_EQ(Bytes(view.data, view.data + view.length), frame);
    EXPECT_EQ(view.vlan, Vlan::parse(vlan).value());
  }
}

TEST(Tags, ArePutIntoWhatIsSent) {
  TxFrame sent;
  const Bytes payload(37, std::byte{0x5a});
  sent.payload[0] = payload;
  sent.payload_spans = 1;
  sent.payload_bytes = 37;
  for (const char* vlan : {"7", "7.9"}) {
    const auto write = [&](Vlan on) {
      build_tcp(sent, make_ethernet({{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}, 0x0800, on), {},
                {IpAddress::v4(1), IpAddress::v4(2), 3, 4}, {});
      Bytes out(sent.total_bytes());
      EXPECT_EQ(write_frame(sent, out), out.size());
      return out;
    };
    EXPECT_EQ(write(Vlan::parse(vlan).value()), test::tagged(write({}), vlan));
  }
}

}  // namespace
}  // namespace millrace::wire
