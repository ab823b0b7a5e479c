// SPDX-License-Identifier: BSD-3-Clause
// Connections that only ask whether the target answers. Load does not begin before it has, once:
// wires and peers take a moment to come up, and that moment belongs to no measurement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "load/sources.h"
#include "millrace/shard.h"

namespace millrace::load {

class Probe final : private App {
 public:
  enum class State : uint8_t { kTrying, kAnswered, kGivenUp };

  // Gives up after `timeout`, or as soon as the target answers with RST.
  Probe(const Endpoint& target, Duration timeout, const TcpOptions& tcp)
      : target_(target), timeout_(timeout), tcp_(tcp) {}

  // Once in each turn until it is no longer kTrying. `sources` is what connections come from;
  // nullptr: the interface's own address.
  State turn(Shard& shard, Sources* sources);
  [[nodiscard]] uint64_t tries() const { return tries_; }
  // Why it was given up, and what a person can do about it.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;

  Endpoint target_;
  Duration timeout_;
  TcpOptions tcp_;
  std::optional<ConnectionId> connection_;
  std::optional<Instant> since_;
  Instant next_;
  CloseReason ended_ = CloseReason::kConnectTimeout;
  bool established_ = false;
  uint64_t tries_ = 0;
  std::string connect_error_;
  std::string error_;
};

}  // namespace millrace::load
