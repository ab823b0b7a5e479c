// SPDX-License-Identifier: BSD-3-Clause
// A tap copies what passes its filter, with the connection's state, and never waits.
#include "runtime/tap.h"

#include <gtest/gtest.h>

#include "millrace/host.h"
#include "millrace/raw.h"

namespace millrace::runtime {
namespace {

std::unique_ptr<Host> host() {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, 1}};
  config.interface.addresses = {{IpAddress::v4(0x0a000001), 24}};
  config.connections_max = config.half_open_max = config.time_wait_max = 16;
  config.seed = 1;
  auto made = std::move(Host::create(config).value());
  EXPECT_TRUE(made->listen({IpAddress{}, 80}).ok());
  return made;
}

// A SYN from 10.0.0.2, as the host would receive it.
TxFrame syn_from(uint16_t port, uint16_t to = 80) {
  RawPath path;
  path.ethernet = {};
  path.ethernet[0] = path.ethernet[6] = std::byte{2};
  path.ethernet[5] = std::byte{1};
  path.ethernet[11] = std::byte{2};
  path.ethernet[12] = std::byte{8};
  TxFrame frame;
  build_raw(frame, path,
            {.key = {.local = IpAddress::v4(0x0a000002),
                     .peer = IpAddress::v4(0x0a000001),
                     .local_port = port,
                     .peer_port = to},
             .flags = kRawSyn});
  return frame;
}

struct Bytes {
  std::vector<std::byte> bytes;
  [[nodiscard]] RxFrame view() const {
    return {.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  }
};
Bytes written(const TxFrame& frame) {
  Bytes out{std::vector<std::byte>(frame.total_bytes())};
  write_frame(frame, out.bytes);
  return out;
}

void show(Tap& tap, Host& host, const Bytes& bytes) {
  const RxFrame view = bytes.view();
  tap.received(host.now(), host.shard(), {&view, 1});
}

TEST(RuntimeTap, CopiesFramesWithTheStateBehindThem) {
  auto h = host();
  Tap tap({.snap_bytes = 40});
  const Bytes syn = written(syn_from(4000));
  show(tap, *h, syn);
  h->inject(syn.bytes);
  show(tap, *h, syn);
  const TxFrame back = syn_from(81, 4000);  // as if we had sent it, of no flow
  tap.sent(h->now(), h->shard(), {&back, 1});
  TappedFrame frame;
  ASSERT_TRUE(tap.take(frame));
  EXPECT_EQ(frame.state, State::kListen);
  EXPECT_EQ(frame.length, syn.bytes.size());
  EXPECT_EQ(frame.captured, 40);
  EXPECT_TRUE(std::equal(frame.data().begin(), frame.data().end(), syn.bytes.begin()));
  EXPECT_FALSE(frame.sent);
  ASSERT_TRUE(tap.take(frame));
  EXPECT_EQ(frame.state, State::kSynReceived);
  ASSERT_TRUE(tap.take(frame));
  EXPECT_TRUE(frame.sent);
  EXPECT_EQ(frame.state, State::kClosed);
  EXPECT_FALSE(tap.take(frame));
}

TEST(RuntimeTap, LosesAndCountsWhatNobodyFetches) {
  auto h = host();
  Tap tap({.frames_max = 4});
  for (int i = 0; i < 6; ++i) show(tap, *h, written(syn_from(4000)));
  EXPECT_EQ(tap.lost(), 2u);
  TappedFrame frame;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(tap.take(frame));
  EXPECT_FALSE(tap.take(frame));
  show(tap, *h, written(syn_from(4000)));
  EXPECT_TRUE(tap.take(frame));
  EXPECT_EQ(tap.lost(), 2u);
}

TEST(RuntimeTap, FiltersByAddressAndPortOfEitherEnd) {
  auto h = host();
  Bytes arp = written(syn_from(4000));
  arp.bytes[12] = std::byte{8};
  arp.bytes[13] = std::byte{6};
  const auto passes = [&](const TapConfig& config, const Bytes& bytes) {
    Tap tap(config);
    show(tap, *h, bytes);
    TappedFrame frame;
    return tap.take(frame);
  };
  const Bytes syn = written(syn_from(4000));
  EXPECT_TRUE(passes({}, arp));
  EXPECT_FALSE(passes({.port = 80}, arp));
  EXPECT_TRUE(passes({.port = 80}, syn));
  EXPECT_TRUE(passes({.port = 4000}, syn));
  EXPECT_FALSE(passes({.port = 81}, syn));
  EXPECT_TRUE(passes({.address = IpAddress::v4(0x0a000002)}, syn));
  EXPECT_FALSE(passes({.address = IpAddress::v4(0x0a000003)}, syn));
}

TEST(RuntimeTap, SamplesWholeConnections) {
  auto h = host();
  Tap tap({.sample = 4, .frames_max = 8192});
  for (uint16_t port = 1000; port < 2000; ++port) {
    show(tap, *h, written(syn_from(port)));
    show(tap, *h, written(syn_from(port)));
  }
  TappedFrame first, second;
  int connections = 0;
  for (; tap.take(first); ++connections) {
    ASSERT_TRUE(tap.take(second));
    EXPECT_TRUE(std::equal(first.data().begin(), first.data().end(), second.data().begin()));
  }
  EXPECT_GT(connections, 150);
  EXPECT_LT(connections, 350);
}

}  // namespace
}  // namespace millrace::runtime
