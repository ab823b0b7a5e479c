// SPDX-License-Identifier: BSD-3-Clause
// Two shards, a client and a server, and between them a wire that only copies: rounds of exchanges
// that a benchmark repeats. Copying frames is the driver's part, and checksums are taken to be the
// device's, so what is left is the stack: table, timers, TCP, and a small application.
//
// A round does the same for `burst` connections at a time: what they send in one turn of one shard
// arrives as one burst at the other. Time is virtual and moves a little in every turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "millrace/shard.h"

namespace millrace::bench {

// Frames under way: copies, in memory that is used again.
class Frames {
 public:
  void add(const TxFrame& frame);
  void clear() { views_.clear(); }
  [[nodiscard]] std::span<const RxFrame> views() const { return views_; }

 private:
  static constexpr size_t kFrameBytesMax = 2048;
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  std::vector<RxFrame> views_;
};

// Calls to a shard that is being measured go through this one function, which callgrind knows by
// its name; all other calls go straight to the shard.
extern "C" void millrace_bench_measured(void (*call)(void*), void* argument);

// What the applications do with their connections.
struct Habits {
  uint32_t request_bytes = 0;   // the client sends so many when a connection is established ...
  uint32_t response_bytes = 0;  // ... and the server so many for every request
  bool server_closes = false;   // after its response
  bool client_closes = false;   // after the response
  bool acknowledge_at_once = false;
};

// One end: a shard with its application.
class Station final : private App {
 public:
  Station(const ShardConfig& config, const Habits& habits, bool server);

  // One turn: frames in, timers, frames out.
  void turn(Instant now, const Frames& in, Frames& out);
  void connect(const Endpoint& peer, const Endpoint& local = {});
  // One more connection on which nothing will ever be said; the listener must have been told.
  void connect_idle(const Endpoint& peer, const Endpoint& local);
  void listen_idle(uint16_t port);
  void send(std::span<const std::byte> data);  // on every connection that is established
  void send_static(std::span<const std::byte> data);
  void abort_all();
  void measure(bool on) { measured_ = on; }
  // What measured calls have taken since the last time it was asked for.
  double take_seconds() { return std::exchange(seconds_, 0); }

  [[nodiscard]] const Shard& shard() const { return *shard_; }
  [[nodiscard]] uint64_t bytes_taken() const { return bytes_taken_; }

 private:
  template <class Call>
  void act(Call&& call);

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;

  // Has nothing to say.
  class Silent final : public App {
    void on_established(Shard& /*shard*/, ConnectionRef /*connection*/) override {}
    size_t on_data(Shard& /*shard*/, ConnectionRef /*connection*/,
                   std::span<const std::byte> data) override {
      return data.size();
    }
    void on_closed(Shard& /*shard*/, ConnectionRef /*connection*/,
                   CloseReason /*reason*/) override {}
  };

  Silent silent_;
  Habits habits_;
  bool server_;
  bool measured_ = false;
  double seconds_ = 0;
  TcpOptions options_;
  std::unique_ptr<Shard> shard_;
  std::vector<ConnectionId> established_;
  uint64_t bytes_taken_ = 0;
};

enum class End : uint8_t { kNone, kClient, kServer };

// What there is beside the connections of the rounds.
struct Crowd {
  uint32_t idle_max = 0;       // room for so many idle connections at each end
  uint32_t time_wait_max = 0;  // records of the server's that do not expire, as they soon do else
  bool hugepages = false;      // tables in reserved large pages, as far as there are any
};

// A pair that plays one kind of round. Everything up to the first round is set-up.
class Pair {
 public:
  enum class Round : uint8_t {
    kServerCloses,  // connect, request, response, close: 6 frames, TIME-WAIT at the server
    kClientCloses,  // the same with 7 frames, TIME-WAIT at the client
    kRequest,       // request and response of 64 bytes on a connection that is open
    kAcknowledge,   // 64 bytes and a pure ACK for them; only the ACK's receipt is measured
    kSyn,           // SYN and SYN-ACK are measured, the end of the connection is not
    kSynCookie,     // the same, answered by a SYN cookie instead of being remembered
    kBulk,          // `burst` segments of full size on one connection, and what acknowledges them
    kStaticBulk,    // the same of bytes that are not copied
  };

  Pair(Round round, uint32_t burst, const Crowd& crowd = {});
  // Opens idle connections until there are so many, and lets a while pass, so that the timers of
  // their beginning are over. Requires: count <= Crowd::idle_max.
  void open_idle(uint32_t count);
  void play(End measured = End::kNone);
  // What the measured end's calls took in the last play().
  [[nodiscard]] double seconds_measured() const { return seconds_; }

  [[nodiscard]] const Shard& client() const { return client_->shard(); }
  [[nodiscard]] const Shard& server() const { return server_->shard(); }

  // Rounds, or segments of the last two, that one play() is.
  [[nodiscard]] uint32_t burst() const { return burst_; }
  [[nodiscard]] uint32_t segment_bytes() const { return kSegmentBytes; }
  // Whether the rounds did what they say: asked once, at the end.
  [[nodiscard]] bool consistent() const;

 private:
  static constexpr uint32_t kSegmentBytes = 1448;  // MTU 1500 with timestamps

  void client_turn();
  void server_turn();
  void settle();  // turns until nobody has anything to say
  void connect();

  Round round_;
  uint32_t burst_;
  bool records_stay_;
  uint32_t connects_ = 0;
  uint32_t idle_ = 0;
  uint64_t rounds_ = 0;
  double seconds_ = 0;
  Instant now_;
  std::vector<std::byte> payload_;
  std::unique_ptr<Station> client_;
  std::unique_ptr<Station> server_;
  Frames to_client_;
  Frames to_server_;
};

}  // namespace millrace::bench
