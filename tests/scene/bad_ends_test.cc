// SPDX-License-Identifier: BSD-3-Clause
// A connection that ends badly leaves what happened to it.
#include "millrace/events.h"

#include <gtest/gtest.h>

#include "millrace/host.h"

namespace millrace {
namespace {

const Endpoint kServer{IpAddress::v4(0x0a000002), 80};

std::unique_ptr<Host> host_at(uint8_t number, uint32_t events_max = 64) {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, number}};
  config.interface.addresses = {{IpAddress::v4(0x0a000000u + number), 24}};
  config.connections_max = config.half_open_max = config.time_wait_max = 64;
  config.small_blocks_max = config.large_blocks_max = config.flight_runs_max = 1024;
  config.seed = number;
  config.events_max = events_max;
  return std::move(Host::create(config).value());
}

struct Two {
  std::unique_ptr<Host> client;
  std::unique_ptr<Host> server;

  void exchange() {
    for (bool more = true; more;) {
      const auto out = client->collect(), back = server->collect();
      for (const auto& frame : out) server->inject(frame);
      for (const auto& frame : back) client->inject(frame);
      more = !out.empty() || !back.empty();
    }
  }
  // The client's end of a new connection.
  ConnectionId open(const TcpOptions& options = {}) {
    const ConnectionId id = client->connect(kServer, options).value();
    exchange();
    return id;
  }
};

Two pair(uint32_t events_max = 64) {
  Two two{host_at(1, events_max), host_at(2, events_max)};
  EXPECT_TRUE(two.server->listen({IpAddress{}, 80}).ok());
  two.exchange();
  return two;
}

// "opened, ESTABLISHED, timeout 1": what happened, without when.
std::string story(const BadEnd& end) {
  std::string out(end.cut ? "..." : "");
  for (size_t i = 0; i < end.event_count; ++i) {
    const ConnectionEvent& e = end.events[i];
    out += (out.empty() ? "" : ", ") +
           std::string(e.kind == EventKind::kState ? to_string(e.state) : to_string(e.kind));
    if (e.detail != 0) out += ' ' + std::to_string(e.detail);
  }
  return out;
}

TEST(SceneBadEnds, AResetIsToldByTheEndThatHearsIt) {
  Two two = pair();
  const ConnectionId id = two.open();
  two.client->set_time(Instant{} + milliseconds(500));
  two.server->set_time(Instant{} + milliseconds(500));
  two.client->shutdown(id);
  two.exchange();
  two.client->abort(id);
  two.exchange();
  BadEnd end;
  ASSERT_TRUE(two.server->shard().take_bad_end(end));
  EXPECT_EQ(end.reason, CloseReason::kPeerReset);
  EXPECT_EQ(end.state, State::kCloseWait);
  EXPECT_EQ(story(end), "accepted, CLOSE-WAIT");
  EXPECT_EQ(to_string(end), "10.0.0.2:80 -> 10.0.0.1:" + std::to_string(end.key.peer_port) +
                                " ended in CLOSE-WAIT, peer-reset: -0.500 s accepted, "
                                "-0.000 s CLOSE-WAIT");
  EXPECT_FALSE(two.server->shard().take_bad_end(end));
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(end.reason, CloseReason::kLocalAbort);
  EXPECT_EQ(story(end), "opened, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2");
}

TEST(SceneBadEnds, TimeoutsAreToldOneByOne) {
  Two two = pair();
  TcpOptions options;
  options.data_retries = 3;
  const ConnectionId id = two.open(options);
  two.client->send(id, std::vector<std::byte>(10));
  two.client->set_time(Instant{} + seconds(100));  // and nobody carries the frames
  BadEnd end;
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(end.reason, CloseReason::kTimedOut);
  EXPECT_EQ(story(end), "opened, ESTABLISHED, timeout 1, timeout 2, timeout 3");
}

TEST(SceneBadEnds, KeepaliveProbesAreCounted) {
  Two two = pair();
  TcpOptions options;
  options.keepalive = true;
  options.keepalive_probes = 2;
  two.open(options);
  two.client->set_time(Instant{} + seconds(3 * 7200));
  BadEnd end;
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(end.reason, CloseReason::kKeepaliveTimeout);
  EXPECT_EQ(story(end), "opened, ESTABLISHED, keepalive 1, keepalive 2");
}

TEST(SceneBadEnds, NothingIsToldOfAGoodEnd) {
  Two two = pair();
  const ConnectionId id = two.open();
  two.client->close(id);
  two.exchange();
  BadEnd end;
  EXPECT_FALSE(two.client->shard().take_bad_end(end));
}

TEST(SceneBadEnds, AnIndexThatIsUsedAgainBeginsAnew) {
  Two two = pair();
  for (int i = 0; i < 2; ++i) {
    two.client->abort(two.open());
    two.exchange();
    BadEnd end;
    ASSERT_TRUE(two.client->shard().take_bad_end(end));
    EXPECT_EQ(end.id.index, 0u);
    EXPECT_EQ(story(end), "opened, ESTABLISHED") << i;
  }
}

TEST(SceneBadEnds, SayThatAConnectionCameFromAnotherShard) {
  Two two = pair();
  const ConnectionId id = two.open();
  const auto moved = two.client->move();
  ASSERT_TRUE(moved.ok()) << moved.error().message;
  ASSERT_EQ(moved->size(), 1u);
  EXPECT_EQ(moved->front().from, id);
  two.client->shutdown(moved->front().to);
  two.exchange();
  two.client->abort(moved->front().to);
  BadEnd end;
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(story(end), "moved, FIN-WAIT-1, FIN-WAIT-2");
}

TEST(SceneBadEnds, SayWhenWhatIsOlderIsForgotten) {
  Two two = pair(4);
  const ConnectionId first = two.open();
  const ConnectionId second = two.open();
  two.open();  // overwrites the first one's two events
  two.client->abort(second);
  two.client->abort(first);
  BadEnd end;
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(story(end), "opened, ESTABLISHED");
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(story(end), "...");
}

TEST(SceneBadEnds, AreLimitedInRateAndTheRestIsCounted) {
  Two two = pair();
  const auto abort_some = [&](uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) two.client->abort(two.open());
    two.exchange();
  };
  abort_some(kBadEndsPerSecond + 5);
  BadEnd end;
  for (uint32_t i = 0; i < kBadEndsPerSecond; ++i) {
    ASSERT_TRUE(two.client->shard().take_bad_end(end));
    EXPECT_EQ(end.untold, 0u);
  }
  EXPECT_FALSE(two.client->shard().take_bad_end(end));
  two.client->set_time(Instant{} + seconds(2));
  two.server->set_time(Instant{} + seconds(2));
  abort_some(1);
  ASSERT_TRUE(two.client->shard().take_bad_end(end));
  EXPECT_EQ(end.untold, 5u);
}

TEST(SceneBadEnds, AreNotToldWhereNothingIsKept) {
  Two two = pair(0);
  two.client->abort(two.open());
  two.exchange();
  BadEnd end;
  EXPECT_FALSE(two.client->shard().take_bad_end(end));
}

}  // namespace
}  // namespace millrace
