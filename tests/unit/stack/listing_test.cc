// SPDX-License-Identifier: BSD-3-Clause
// What a walk over a shard shows, in virtual time.
#include "millrace/listing.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/host.h"

namespace millrace {
namespace {

constexpr IpAddress kServer = IpAddress::v4(0x0a000001);
constexpr IpAddress kClient = IpAddress::v4(0x0a000002);

class ListingTest : public testing::Test {
 protected:
  ListingTest() {
    server_ = std::move(Host::create(config_of(kServer, 1)).value());
    client_ = std::move(Host::create(config_of(kClient, 2)).value());
    listener_ = server_->listen({{}, 80}, {.backlog = 7}).value();
  }
  static ShardConfig config_of(const IpAddress& address, uint8_t number) {
    ShardConfig config;
    config.interface.mac = {{2, 0, 0, 0, 0, number}};
    config.interface.addresses = {{address, 24}};
    config.connections_max = config.half_open_max = config.time_wait_max = 256;
    config.small_blocks_max = config.large_blocks_max = config.flight_runs_max = 1024;
    config.seed = number;
    return config;
  }
  // Frames go to and fro until there are none.
  void exchange() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& frame : client_->collect()) server_->inject(frame), more = true;
      for (const auto& frame : server_->collect()) client_->inject(frame), more = true;
    }
  }
  void pass(Duration time) {
    now_ = now_ + time;
    server_->set_time(now_);
    client_->set_time(now_);
  }
  ConnectionId connect() {
    const ConnectionId id = client_->connect({kServer, 80}).value();
    exchange();
    return id;
  }
  static std::vector<Listed> list(Host& host, const ListRequest& request = {}) {
    std::vector<Listed> entries;
    std::array<Listed, ListCursor::kSlice> some;
    for (ListCursor cursor; !cursor.done();) {
      const size_t count = host.shard().list(request, cursor, some);
      entries.insert(entries.end(), some.begin(), some.begin() + count);
    }
    return entries;
  }
  static std::vector<Listed> in_state(Host& host, State state) {
    return list(host, {.filter = {.states = ListFilter::bit(state)}});
  }

  Instant now_;
  std::unique_ptr<Host> server_;
  std::unique_ptr<Host> client_;
  ListenerId listener_;
};

TEST_F(ListingTest, AListenerShowsHowFullItIs) {
  static_cast<void>(client_->connect({kServer, 80}).value());
  for (const auto& frame : client_->collect()) server_->inject(frame);  // ARP
  for (const auto& frame : server_->collect()) client_->inject(frame);
  for (const auto& frame : client_->collect()) server_->inject(frame);  // SYN
  const std::vector<Listed> listeners = in_state(*server_, State::kListen);
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].info.key.local_port, 80);
  EXPECT_EQ(listeners[0].receive_queue, 1u);
  EXPECT_EQ(listeners[0].send_queue, 7u);
}

TEST_F(ListingTest, BothEndsOfAHandshakeWaitForTheirTimers) {
  static_cast<void>(client_->connect({kServer, 80}).value());
  for (const auto& frame : client_->collect()) server_->inject(frame);
  for (const auto& frame : server_->collect()) client_->inject(frame);
  for (const auto& frame : client_->collect()) server_->inject(frame);
  static_cast<void>(server_->collect());  // the SYN-ACK is lost
  pass(milliseconds(400));
  const std::vector<Listed> half = in_state(*server_, State::kSynReceived);
  const std::vector<Listed> opening = in_state(*client_, State::kSynSent);
  ASSERT_EQ(half.size(), 1u);
  ASSERT_EQ(opening.size(), 1u);
  for (const Listed& entry : {half[0], opening[0]}) {
    EXPECT_EQ(entry.timer, TimerKind::kRetransmit);
    EXPECT_EQ(entry.timer_left, milliseconds(600));
    EXPECT_EQ(entry.timer_retries, 0);
  }
  EXPECT_EQ(half[0].info.key.peer, kClient);
  EXPECT_EQ(half[0].info.snd_mss, 1448 + 12) << "what the peer's option says";
  pass(milliseconds(700));  // both have sent again
  EXPECT_EQ(in_state(*server_, State::kSynReceived)[0].timer_retries, 1);
  EXPECT_EQ(in_state(*client_, State::kSynSent)[0].timer_left, milliseconds(1900));
}

TEST_F(ListingTest, QueuesAreWhatTheApplicationsHaveNotGot) {
  const ConnectionId id = connect();
  client_->send(id, std::vector<std::byte>(3000));
  EXPECT_EQ(in_state(*client_, State::kEstablished)[0].send_queue, 3000u);
  exchange();
  pass(milliseconds(100));  // the last acknowledgement was delayed
  exchange();
  const Listed sent = in_state(*client_, State::kEstablished)[0];
  EXPECT_EQ(sent.send_queue, 0u);
  EXPECT_EQ(sent.timer, TimerKind::kNone);
  const Listed received = in_state(*server_, State::kEstablished)[0];
  EXPECT_EQ(received.receive_queue, 3000u);
  EXPECT_EQ(received.info.key.local, kServer);
  EXPECT_EQ(received.info.key.local_port, 80);
  EXPECT_GT(received.side_bytes, 0u) << "unread bytes need an inbox";
}

TEST_F(ListingTest, TimeWaitAndFinWait2CountDown) {
  const ConnectionId half_closed = connect();
  client_->shutdown(half_closed);
  exchange();
  EXPECT_EQ(in_state(*client_, State::kFinWait2).size(), 1u);
  EXPECT_EQ(in_state(*server_, State::kCloseWait).size(), 1u);
  server_->shutdown(*server_->accept(listener_));
  exchange();
  pass(seconds(20));
  const std::vector<Listed> records = in_state(*client_, State::kTimeWait);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].timer, TimerKind::kTimeWait);
  EXPECT_EQ(records[0].timer_left, seconds(40)) << "of 2 MSL";
  EXPECT_EQ(records[0].info.key.peer, kServer);
  EXPECT_EQ(in_state(*server_, State::kTimeWait).size(), 0u);
}

TEST_F(ListingTest, AFilterLooksAtStatesAddressesAndPorts) {
  for (int i = 0; i < 5; ++i) connect();
  const auto count = [this](const ListFilter& filter) {
    return list(*server_, {.filter = filter}).size();
  };
  EXPECT_EQ(count({}), 6u) << "five connections, a listener";
  EXPECT_EQ(count({.states = ListFilter::bit(State::kEstablished)}), 5u);
  EXPECT_EQ(count({.peer = Prefix{kClient, 32}}), 5u);
  EXPECT_EQ(count({.peer = Prefix{kServer, 32}}), 0u);
  EXPECT_EQ(count({.local = Prefix{kServer, 24}}), 5u);
  EXPECT_EQ(count({.local_ports = {80, 80}}), 6u);
  EXPECT_EQ(count({.local_ports = {81, 65535}}), 0u);
  const uint16_t port = in_state(*server_, State::kEstablished)[0].info.key.peer_port;
  EXPECT_EQ(count({.peer_ports = {port, port}}), 1u);
}

TEST_F(ListingTest, ASliceIsBoundedAndEachConnectionIsListedOnce) {
  for (int i = 0; i < 100; ++i) connect();
  std::array<Listed, ListCursor::kSlice> some;
  std::map<uint16_t, int> seen;
  size_t slices = 0;
  ListCursor cursor;
  for (; !cursor.done(); ++slices) {
    const size_t count = server_->shard().list({}, cursor, some);
    for (const Listed& entry : std::span(some).first(count)) ++seen[entry.info.key.peer_port];
  }
  EXPECT_EQ(seen.size(), 101u) << "the listener's port is 0";
  for (const auto& [port, times] : seen) EXPECT_EQ(times, 1) << port;
  EXPECT_GE(slices, 4u);
  EXPECT_EQ(cursor.counts()[static_cast<size_t>(State::kEstablished)], 100u);
}

TEST_F(ListingTest, CountsAloneNeedNoRoom) {
  for (int i = 0; i < 40; ++i) connect();
  ListCursor cursor;
  while (!cursor.done()) {
    EXPECT_EQ(server_->shard().list({.counts_only = true}, cursor, {}), 0u);
  }
  EXPECT_EQ(cursor.counts()[static_cast<size_t>(State::kEstablished)], 40u);
  EXPECT_EQ(cursor.counts()[static_cast<size_t>(State::kListen)], 1u);
}

TEST_F(ListingTest, WhatEndsDuringTheWalkIsStillAheadOfIt) {
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(connect());
  std::array<Listed, ListCursor::kSlice> some;
  std::map<uint16_t, int> seen;
  ListCursor cursor;
  for (size_t step = 0; !cursor.done(); ++step) {
    const size_t count = client_->shard().list({}, cursor, some);
    for (const Listed& entry : std::span(some).first(count)) ++seen[entry.info.key.local_port];
    if (step != 2) continue;
    for (const ConnectionId id : ids) client_->shutdown(id);
    exchange();
    while (const auto accepted = server_->accept(listener_)) server_->shutdown(*accepted);
    exchange();
  }
  EXPECT_EQ(seen.size(), 60u) << "as connection, in TIME-WAIT, or both";
}

}  // namespace
}  // namespace millrace
