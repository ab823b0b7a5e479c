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
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "millrace/app.h"
#include "millrace/http.h"
#include "millrace/shard.h"
#include "serve/service_counts.h"

namespace millrace::serve {

class HttpServer final : public App {
 public:
  // Both must outlive the shard that it serves.
  HttpServer(uint64_t body_bytes, ServiceCounts& counts);

  // Ends refused connections whose peer does not close; once a turn.
  void turn(Shard& shard);

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_peer_closed(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // One for each slot of the shard's connections.
  struct Session {
    uint64_t body_left = 0;  // of the response that is being sent
    uint64_t body_offset = 0;
    uint64_t upload_left = 0;    // of a request's body, which nobody wants
    uint32_t head = kNone;       // index of a header that has arrived in part
    bool last_response = false;  // FIN follows it
    bool refusing = false;       // whatever still comes is ignored
    bool peer_closed = false;
  };
  struct Lingering {
    ConnectionId id;
    Instant until;
  };

  size_t take_request(Shard& shard, ConnectionId id, Session& s, std::string_view bytes);
  void answer(Shard& shard, ConnectionId id, Session& s, const http::Request& request);
  void refuse(Shard& shard, ConnectionId id, Session& s, uint16_t status, bool keep_alive,
              bool with_body);
  void send_all(Shard& shard, ConnectionId id, std::string_view text);
  void continue_body(Shard& shard, ConnectionId id, Session& s);
  void finish(Shard& shard, ConnectionId id, Session& s);
  std::string& head_of(Session& s);
  void release_head(Session& s);

  ServiceCounts& counts_;
  uint64_t body_bytes_;
  std::string root_response_;  // to GET /, header and body, when that is small
  std::vector<std::byte> pattern_;
  std::vector<Session> sessions_;
  std::vector<std::string> heads_;  // reused: no allocation per connection once warm
  std::vector<uint32_t> free_heads_;
  std::deque<Lingering> lingering_;
};

}  // namespace millrace::serve
