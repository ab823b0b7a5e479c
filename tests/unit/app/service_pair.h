// SPDX-License-Identifier: BSD-3-Clause
// The services of `millrace serve` on one shard, a client on another, and a wire without delay
// between them, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/host.h"
#include "serve/serve_program.h"

namespace millrace::serve {

class ServicePair {
 public:
  // `blocks_max`: of either size, that the server has for what it sends and has not delivered.
  explicit ServicePair(const ServeConfig& serve, uint32_t connections_max = 1024,
                       uint32_t blocks_max = 4096)
      : program_(serve) {
    ShardConfig config = shard_config(connections_max, 1);
    config.small_blocks_max = blocks_max;
    config.large_blocks_max = blocks_max;
    server_ = std::move(Shard::create(config, Instant{}).value());
    EXPECT_TRUE(program_.start(*server_).ok());
    client_ = std::move(Host::create(shard_config(connections_max, 2), Instant{}).value());
    settle();
  }

  Host& client() { return *client_; }
  Shard& server() { return *server_; }
  [[nodiscard]] const ServiceCounts& counts() const { return program_.counts(); }

  // Carries frames to and fro until both sides are silent, at the present time.
  void settle() {
    for (;;) {
      auto frames = client_->collect();
      const bool server_spoke = server_turn(frames);
      if (frames.empty() && !server_spoke) return;
    }
  }

  // Lets timers fire, one after the other, for as long as `duration`.
  void pass(Duration duration) {
    const Instant end = client_->now() + duration;
    for (settle(); client_->now() < end; settle()) {
      set_time(std::min({end, client_->next_deadline(), server_->next_deadline(),
                         client_->now() + milliseconds(100)}));
    }
  }

  ConnectionId connect(uint16_t port) {
    const ConnectionId id = client_->connect({kServer, port}, {.nodelay = true}).value();
    settle();
    EXPECT_TRUE(client_->established(id));
    return id;
  }

  // As much as the client's stack takes. Returns how many bytes that was.
  size_t say(ConnectionId id, std::string_view text) {
    const size_t taken = client_->send(id, std::as_bytes(std::span(text)));
    settle();
    return taken;
  }

  // What has arrived by now.
  std::string hear(ConnectionId id, size_t bytes_max = SIZE_MAX) {
    const std::vector<std::byte> bytes = client_->receive(id, bytes_max);
    settle();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // Says all of `text`, however often that takes, and hears until there is silence for `patience`.
  std::string converse(ConnectionId id, std::string_view text, Duration patience = seconds(1)) {
    std::string heard;
    for (Duration silence; silence < patience;) {
      const size_t said = text.empty() ? 0 : say(id, text);
      text.remove_prefix(said);
      const std::string more = hear(id);
      heard += more;
      if (said != 0 || !more.empty()) {
        silence = {};
        continue;
      }
      pass(milliseconds(50));
      silence = silence + milliseconds(50);
    }
    return heard;
  }

  // As the engine does on a signal; turns must go on until drained() or the deadline.
  void begin_drain(Duration timeout) {
    program_.stopping(*server_);
    server_->drain(server_->now() + timeout);
    settle();
  }
  [[nodiscard]] bool drained() const { return server_->drained(); }

 private:
  static constexpr IpAddress kServer = IpAddress::v4(0x0a000001);

  static ShardConfig shard_config(uint32_t connections_max, uint8_t number) {
    ShardConfig config;
    config.interface.mac = {{2, 0, 0, 0, 0, number}};
    config.interface.addresses = {{IpAddress::v4(0x0a000000u + number), 24}};
    config.connections_max = connections_max;
    config.half_open_max = connections_max;
    config.time_wait_max = 1024;
    config.small_blocks_max = 1u << 16;
    config.large_blocks_max = 1u << 12;
    config.seed = number;
    return config;
  }

  void set_time(Instant now) {
    client_->set_time(now);
    now_ = std::max(now, now_);
    server_turn({});
  }

  bool server_turn(const std::vector<std::vector<std::byte>>& frames) {
    for (const std::vector<std::byte>& bytes : frames) {
      const RxFrame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
      server_->receive(now_, {&frame, 1});
    }
    server_->advance(now_);
    program_.turn(*server_);
    std::array<TxFrame, 64> described;
    bool spoke = false;
    while (const size_t n = server_->transmit(now_, described)) {
      for (const TxFrame& frame : std::span(described).first(n)) {
        std::vector<std::byte> bytes(frame.total_bytes());
        write_frame(frame, bytes);
        client_->inject(bytes);
      }
      spoke = true;
    }
    return spoke;
  }

  Instant now_;
  ServeProgram program_;
  std::unique_ptr<Shard> server_;
  std::unique_ptr<Host> client_;
};

}  // namespace millrace::serve
