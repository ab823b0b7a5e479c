// SPDX-License-Identifier: BSD-3-Clause
// A shard driven from outside like a set of sockets: inject frames, set the time, collect frames,
// and listen, accept, connect, send, receive, shut down, close, abort. Nothing blocks and nothing
// happens by itself, so a packet-script tester, a simulator or a fuzzer can hold the strings.
//
//     auto host = Host::create(config).value();
//     auto listener = host->listen({IpAddress{}, 80}).value();
//     host->inject(syn_frame);                   // processed at once, at the current time
//     for (auto& frame : host->collect()) ...;   // what it answered
//     host->set_time(start + milliseconds(200)); // timers on the way fire in order
//     if (auto c = host->accept(listener)) host->send(*c, bytes);
//
// Memory: received bytes that receive() has not taken stay in the stack's receive buffer, and so
// close the window as they should.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "millrace/shard.h"

namespace millrace {

class Host final : private App {
 public:
  static Result<std::unique_ptr<Host>> create(const ShardConfig& config, Instant start = {});
  ~Host() override;

  // --- Frames and time ------------------------------------------------------------------------
  // One Ethernet frame arrives. Its checksums are verified in software.
  void inject(std::span<const std::byte> frame);
  // Every frame that the host wants to send now, complete with checksums.
  [[nodiscard]] std::vector<std::vector<std::byte>> collect();
  // Moves the clock forward to `now`, firing timers at their own times on the way. Frames that
  // they cause are kept for collect(), each with the time it was sent.
  void set_time(Instant now);
  [[nodiscard]] Instant now() const;
  [[nodiscard]] Instant next_deadline() const;

  struct SentFrame {
    Instant time;
    std::vector<std::byte> bytes;
  };
  // collect() with times.
  [[nodiscard]] std::vector<SentFrame> collect_timed();

  // --- Sockets --------------------------------------------------------------------------------
  // While `accept_max` connections wait for accept(), no handshake is completed.
  Result<ListenerId> listen(const Endpoint& local, const TcpOptions& options = {},
                            size_t accept_max = SIZE_MAX);
  void close_listener(ListenerId listener);
  // The oldest connection that `listener` completed and nobody took yet.
  [[nodiscard]] std::optional<ConnectionId> accept(ListenerId listener);
  // `data` is sent as soon as it may be: with the SYN where Fast Open allows it.
  Result<ConnectionId> connect(const Endpoint& peer, const TcpOptions& options = {},
                               const Endpoint& local = {}, std::span<const std::byte> data = {});
  size_t send(ConnectionId connection, std::span<const std::byte> data);
  // Up to `bytes_max` in-order bytes; empty when there are none (see peer_closed()).
  [[nodiscard]] std::vector<std::byte> receive(ConnectionId connection,
                                               size_t bytes_max = SIZE_MAX);
  void shutdown(ConnectionId connection);
  void close(ConnectionId connection);
  void abort(ConnectionId connection);
  Result<void> set_options(ConnectionId connection, const TcpOptions& options);
  [[nodiscard]] std::optional<TcpInfo> info(ConnectionId connection) const;

  // --- Workers that come and go -----------------------------------------------------------------
  // Everything goes on at another shard with the same configuration and listeners, as it does when
  // a worker goes. Connections have other ids from then on; counters begin at 0.
  struct Moved {
    ConnectionId from;
    ConnectionId to;
  };
  // Errors: no memory for another shard, or too little room for all at once; then it is as before
  // or, in the second case, what found no room is lost.
  Result<std::vector<Moved>> move();

  // --- What became of a connection -------------------------------------------------------------
  [[nodiscard]] bool established(ConnectionId connection) const;  // has it ever been
  [[nodiscard]] bool peer_closed(ConnectionId connection) const;
  [[nodiscard]] std::optional<CloseReason> closed(ConnectionId connection) const;

  [[nodiscard]] Shard& shard() { return *shard_; }

 private:
  static constexpr uint64_t kActive = 1;  // the cookie of our own opens

  struct Socket {
    bool established = false;
    bool peer_closed = false;
    bool writable = false;
    std::optional<CloseReason> closed;
    size_t wanted = 0;  // receive() is asking for this many bytes
    std::vector<std::byte> received;
  };

  struct Listening {
    Endpoint local;
    size_t accept_max = 0;
    TcpOptions options;
  };

  Host() = default;
  void pump();
  void rename_moved();
  Socket& socket(ConnectionId connection);
  const Socket* find(ConnectionId connection) const;

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_peer_closed(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;
  [[nodiscard]] bool may_move() const override { return true; }
  void on_leave(Shard& shard, ConnectionRef connection, Parcel& luggage) override;
  void on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) override;

  std::unique_ptr<Shard> shard_;
  std::vector<Moved> moved_;
  std::unordered_map<uint64_t, Socket> sockets_;
  std::unordered_map<uint32_t, std::deque<ConnectionId>> accepted_;
  std::unordered_map<uint32_t, Listening> listening_;
  std::vector<SentFrame> sent_;
};

}  // namespace millrace
