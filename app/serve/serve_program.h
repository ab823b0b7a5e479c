// SPDX-License-Identifier: BSD-3-Clause
// All services of one shard: what `millrace serve` runs on its worker.
#pragma once

#include <cstdint>

#include "millrace/engine.h"
#include "serve/http_server.h"
#include "serve/service_counts.h"
#include "serve/simple_services.h"

namespace millrace::serve {

struct ServeConfig {
  uint16_t http_port = 0;  // 0: that service is not offered
  uint16_t echo_port = 0;
  uint16_t discard_port = 0;
  uint16_t chargen_port = 0;
  uint64_t body_bytes = 64;          // of GET /
  bool echo_closes = false;          // behind its first answer, whatever `closing` says
  Closing closing = Closing::kPeer;  // of echo, and of HTTP
  Duration echo_work;                // before each of its answers
  TcpOptions tcp;
};

class ServeProgram final : public Program {
 public:
  explicit ServeProgram(const ServeConfig& config);

  Result<void> start(Shard& shard) override;
  void turn(Shard& shard) override {
    http_.turn(shard);
    echo_.turn(shard);
  }
  [[nodiscard]] Instant next_turn() const override {
    return echo_.waits() ? Instant{} : http_.next_turn();
  }
  [[nodiscard]] bool may_move() const override { return true; }
  void stopping(Shard& shard) override;

  // May be read from any thread.
  [[nodiscard]] const ServiceCounts& counts() const { return counts_; }

 private:
  ServeConfig config_;
  ServiceCounts counts_;
  HttpServer http_;
  EchoServer echo_;
  DiscardServer discard_;
  ChargenServer chargen_;
};

}  // namespace millrace::serve
