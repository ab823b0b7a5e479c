// SPDX-License-Identifier: BSD-3-Clause
// An HTTP/1.1 server of synthetic bodies. GET and HEAD of
//
//     /           a body of the configured size
//     /bytes/N    a body of N bytes
//
// Byte i of every body is i modulo 256, so that a client can check what it got. Bodies are sent
// without a copy, from one pattern in memory. Requests of a connection are answered one after the
// other: while a response does not fit the send buffer, the next request stays unread, the window
// closes, and nobody else waits.
//
// Must hold: memory is bounded by the number of connections and of heads that have arrived in part;
// nothing is allocated for a connection or a request once heads of that size have been seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/app.h"
#include "millrace/http.h"
#include "millrace/result.h"
#include "millrace/shard.h"
#include "serve/service_counts.h"
#include "serve/simple_services.h"

namespace millrace::serve {

class HttpServer final : public App {
 public:
  // Server and counts must outlive the shard that is served.
  HttpServer(uint64_t body_bytes, ServiceCounts& counts);

  // Before the first connection. Errors: no memory for as many as the shard may have.
  Result<void> prepare(const Shard& shard);
  // Ends refused connections whose peer does not close; once a turn.
  void turn(Shard& shard);
  // What becomes of a connection behind its first response.
  void close_by(Closing closing) { closing_ = closing; }
  // When turn() has something to do.
  [[nodiscard]] Instant next_turn() const {
    if (!resets_.empty()) return {};
    return lingering_count_ == 0 ? Instant::never() : lingering_[lingering_first_].until;
  }
  // The shard is about to be drained: nothing is answered from now on, and nobody waits for it.
  void stop() { stopping_ = true; }

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_peer_closed(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;
  // What goes along is the session, and of a head that has arrived in part its bytes. Who lingers
  // begins to do so anew.
  [[nodiscard]] bool may_move() const override { return true; }
  void on_leave(Shard& shard, ConnectionRef connection, Parcel& luggage) override;
  void on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) override;

  // Partly arrived heads held at a time; for one more, the oldest is refused with 408.
  static constexpr size_t kHeadsMax = 16384;
  // How long what a refused client still sends is read and thrown away before it gets an RST.
  static constexpr Duration kLinger = seconds(2);
  // Clients that linger at a time; one more, and the first of them gets its RST early.
  static constexpr size_t kLingeringMax = 16384;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // How a response tells what becomes of the connection.
  enum class Ending : uint8_t { kKeep, kKeepAndSaySo, kClose };
  static constexpr size_t kEndingCount = 3;

  // One for each slot of the shard's connections. No initializers: pages of slots that were never
  // used are never touched.
  struct Session {
    uint64_t body_left;    // of the response that is being sent
    uint64_t upload_left;  // of a request's body, which nobody wants
    uint32_t head;         // index of a head that has arrived in part, or kNone
    uint8_t body_phase;    // where in the pattern the rest of the body begins
    bool last_response;    // FIN follows it
    bool refusing;         // whatever still comes is ignored
    bool peer_closed;
  };
  // A head that has arrived in part, in a list by age.
  struct Head {
    std::string bytes;
    http::RequestReader reader;
    ConnectionId id;
    uint32_t older = kNone;
    uint32_t newer = kNone;
  };
  struct Lingering {
    ConnectionId id;
    Instant until;
  };
  struct Root {
    std::string bytes;  // the head, and the body behind it when that is small
    size_t head_bytes = 0;
  };

  size_t take_request(Shard& shard, ConnectionId id, Session& s, std::string_view bytes);
  void answer(Shard& shard, ConnectionId id, Session& s, const http::Request& request);
  bool answer_root(Shard& shard, ConnectionId id, Session& s, Ending ending, bool head_only);
  void refuse(Shard& shard, ConnectionId id, Session& s, uint16_t status, Ending ending,
              bool with_body);
  void send_all(Shard& shard, ConnectionId id, std::string_view text);
  void continue_body(Shard& shard, ConnectionId id, Session& s);
  void finish(Shard& shard, ConnectionId id, Session& s);
  void linger(Shard& shard, ConnectionId id);
  void end_first_lingering(Shard& shard);
  void hold_head(Shard& shard, ConnectionId id, std::string_view bytes,
                 const http::RequestReader& reader);
  void release_head(Session& s);

  ServiceCounts& counts_;
  uint64_t body_bytes_;
  Closing closing_ = Closing::kPeer;
  ResetList resets_;
  bool stopping_ = false;
  std::array<Root, kEndingCount> roots_;
  std::vector<std::byte> pattern_;
  std::unique_ptr<Session[]> sessions_;
  // The last request whose head came in one piece: most are byte for byte the same.
  std::string known_head_;
  http::RequestReader known_reader_;
  std::vector<Head> heads_;
  std::vector<uint32_t> free_heads_;
  uint32_t oldest_head_ = kNone;
  uint32_t newest_head_ = kNone;
  std::vector<Lingering> lingering_;  // a ring
  size_t lingering_first_ = 0;
  size_t lingering_count_ = 0;
};

}  // namespace millrace::serve
