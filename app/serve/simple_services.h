// SPDX-License-Identifier: BSD-3-Clause
// The classic services: echo (RFC 862), discard (RFC 863), chargen (RFC 864). None of them holds a
// byte of its own: echo takes what it could send, the rest stays in the stack and closes the
// window.
#pragma once

#include <cstddef>
#include <vector>

#include "millrace/app.h"
#include "millrace/shard.h"
#include "serve/reset_list.h"
#include "serve/service_counts.h"

namespace millrace::serve {

// Who ends a connection that has had its answer, and how.
enum class Closing : uint8_t { kPeer, kFin, kReset };

// What all of them count. A half-close by the peer is answered by ours when everything is read, the
// default of App.
class SimpleService : public App {
 public:
  explicit SimpleService(ServiceCounts& counts) : counts_(counts) {}

  void on_established(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;
  // All that is known of a connection is its cookie, which goes along.
  [[nodiscard]] bool may_move() const override { return true; }
  void on_leave(Shard& shard, ConnectionRef connection, Parcel& luggage) override;
  void on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) override;

 protected:
  ServiceCounts& counts_;
};

class EchoServer final : public SimpleService {
 public:
  using SimpleService::SimpleService;
  // The shard is about to be drained: what cannot be sent back any more is thrown away, so that it
  // keeps no connection open.
  void stop() { stopping_ = true; }
  // What becomes of a connection behind its first answer.
  void close_by(Closing closing) { closing_ = closing; }
  // Once a turn.
  void turn(Shard& shard) { resets_.turn(shard); }
  [[nodiscard]] bool waits() const { return !resets_.empty(); }
  // Keep the CPU for so long before each answer, as an application that computes it.
  void work_for(Duration time) { work_ = time; }

  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) override;

 private:
  static constexpr uint64_t kResetDue = 1;  // the cookie of one in resets_

  void reset_later(Shard& shard, ConnectionId id) {
    shard.set_cookie(id, kResetDue);
    resets_.add(shard, id);
  }

  bool stopping_ = false;
  Closing closing_ = Closing::kPeer;
  ResetList resets_;
  Duration work_;
};

class DiscardServer final : public SimpleService {
 public:
  using SimpleService::SimpleService;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
};

// Sends lines of 72 printable characters until the peer closes; the connection's cookie is how far
// into the pattern it has got.
class ChargenServer final : public SimpleService {
 public:
  explicit ChargenServer(ServiceCounts& counts);
  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;

 private:
  std::vector<std::byte> pattern_;  // whole periods
};

}  // namespace millrace::serve
