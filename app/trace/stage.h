// SPDX-License-Identifier: BSD-3-Clause
// Two hosts of the library and a wire of 10 ms between them, in virtual time. Whatever is shown
// comes from them: frames as they leave, states as the shards report them before and after.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/shard.h"
#include "trace/ladder.h"

namespace millrace::trace {

struct Scenery {
  std::array<TcpOptions, 2> options;  // of what the left and the right one opens
  SynCookies syn_cookies = SynCookies::kNever;
};

class Stage {
 public:
  static constexpr Duration kOneWay = milliseconds(10);

  explicit Stage(const Scenery& scenery);

  // --- What the applications do. The right one is the server.
  void listen();
  void connect(Side side);
  void send(Side side, size_t bytes);
  void shutdown(Side side);
  void abort(Side side);

  // --- What the wire does, and time.
  void lose_next(Side from) { losing_[index(from)] = 1; }
  void cut() { losing_ = {kAlways, kAlways}; }
  // Until nothing is under way.
  void settle();
  // Until something changes, or is sent, by itself, and what follows from it.
  void wait();

  // Forgets what has been seen: a play need not begin with the handshake.
  void curtain() { happened_.clear(); }
  [[nodiscard]] Ladder ladder(const std::array<std::string, 2>& names) const;

 private:
  static constexpr uint32_t kAlways = UINT32_MAX;

  // A host with an application that reads whatever comes, and does nothing by itself.
  class Actor final : public App {
   public:
    Actor(Side side, const Scenery& scenery);
    // Every frame that is to be sent now.
    [[nodiscard]] std::vector<std::vector<std::byte>> collect(Instant now);
    void hear(Instant now, std::span<const std::byte> frame);
    // As the shard reports it.
    [[nodiscard]] State look() const;

    std::unique_ptr<Shard> shard;
    ConnectionId connection;
    bool listening = false;       // and has not had a connection
    State seen = State::kClosed;  // look(), at the last event

   private:
    void on_established(Shard&, ConnectionRef established) override;
    size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
      return data.size();
    }
    void on_peer_closed(Shard&, ConnectionRef) override {}
    void on_closed(Shard&, ConnectionRef, CloseReason) override {}
  };
  struct Flying {
    Instant arrives;
    Side from;
    size_t departure;  // in happened_
    std::vector<std::byte> frame;
  };
  // A row before it is known what crosses what.
  struct Event {
    Row row;
    std::optional<size_t> departure;  // of an arrival
  };

  static size_t index(Side side) { return static_cast<size_t>(side); }
  Actor& actor(Side side) { return side == Side::kLeft ? left_ : right_; }
  [[nodiscard]] bool crossed(size_t departure, size_t arrival) const;
  void note(Event event);
  void collect(Side side);
  void deliver(const Flying& flying);
  bool step();

  Scenery scenery_;
  Instant now_{};
  Actor left_;
  Actor right_;
  std::array<uint32_t, 2> losing_{};
  std::deque<Flying> flying_;
  std::vector<Event> happened_;
  Sequence sequence_;
};

}  // namespace millrace::trace
