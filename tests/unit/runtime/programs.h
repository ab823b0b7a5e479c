// SPDX-License-Identifier: BSD-3-Clause
// Two small programs for the engine's tests: one echoes, one sends and counts what comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/engine.h"

namespace millrace::runtime {

inline constexpr uint16_t kEchoPort = 7;

class EchoServer final : public App, public Program {
 public:
  Result<void> start(Shard& shard) override {
    const auto listener = shard.listen({{}, kEchoPort}, *this);
    if (!listener) return listener.error();
    return {};
  }
  void stopping(Shard& /*shard*/) override { ++stoppings; }
  // As an application and as a program: nothing is kept for a connection.
  [[nodiscard]] bool may_move() const override { return true; }

  void on_established(Shard& /*shard*/, ConnectionRef /*connection*/) override { ++opened; }
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override {
    return shard.send(connection.id, data);
  }
  void on_writable(Shard& shard, ConnectionRef connection) override { shard.resume(connection.id); }
  void on_closed(Shard& /*shard*/, ConnectionRef /*connection*/, CloseReason reason) override {
    closed_normally += reason == CloseReason::kNormal ? 1 : 0;
    ++closed;
  }

  uint64_t opened = 0;
  uint64_t closed = 0;
  uint64_t closed_normally = 0;
  int stoppings = 0;
};

// Opens `connections` at once; on each it sends `bytes` bytes and closes when all have come back,
// or keeps the connection open for ever.
class EchoClient final : public App, public Program {
 public:
  EchoClient(Endpoint peer, uint32_t connections, size_t bytes, bool keep_open = false)
      : peer_(peer), keep_open_(keep_open), message_(bytes), connections_(connections) {
    for (size_t i = 0; i < bytes; ++i) message_[i] = static_cast<std::byte>(i * 7 + i / 251);
  }

  Result<void> start(Shard& shard) override {
    for (uint32_t i = 0; i < connections_; ++i) {
      const auto id = shard.connect(peer_, *this, i);
      if (!id) return id.error();
      sent_.push_back(0);
      received_.push_back(0);
    }
    return {};
  }
  [[nodiscard]] bool finished() const override {
    return keep_open_ ? echoed == connections_ : closed == connections_;
  }

  void on_established(Shard& shard, ConnectionRef connection) override { send(shard, connection); }
  void on_writable(Shard& shard, ConnectionRef connection) override { send(shard, connection); }
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override {
    size_t& received = received_[connection.cookie];
    for (const std::byte byte : data) {
      intact = intact && received < message_.size() && message_[received] == byte;
      ++received;
    }
    if (received == message_.size()) {
      ++echoed;
      if (!keep_open_) shard.shutdown(connection.id);
    }
    return data.size();
  }
  void on_closed(Shard& /*shard*/, ConnectionRef /*connection*/, CloseReason reason) override {
    closed_normally += reason == CloseReason::kNormal ? 1 : 0;
    ++closed;
  }

  bool intact = true;
  uint64_t echoed = 0;
  uint64_t closed = 0;
  uint64_t closed_normally = 0;

 private:
  void send(Shard& shard, ConnectionRef connection) {
    size_t& sent = sent_[connection.cookie];
    sent += shard.send(connection.id, std::span(message_).subspan(sent));
  }

  Endpoint peer_;
  bool keep_open_;
  std::vector<std::byte> message_;
  uint32_t connections_;
  std::vector<size_t> sent_;
  std::vector<size_t> received_;
};

// A shard's configuration that is small enough to be made hundreds of times.
inline ShardConfig small_shard(const char* prefix) {
  ShardConfig config;
  config.interface.addresses = {Prefix::parse(prefix).value()};
  config.connections_max = 1024;
  config.half_open_max = 256;
  config.time_wait_max = 1024;
  config.small_blocks_max = 4096;
  config.large_blocks_max = 4096;
  return config;
}

}  // namespace millrace::runtime
