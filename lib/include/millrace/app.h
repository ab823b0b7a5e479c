// SPDX-License-Identifier: BSD-3-Clause
// What a program on top of the stack implements: one handler object for any number of
// connections. Calls are made on the shard's own thread, during its turn; verbs of the shard
// (send, shutdown, connect, ...) may be called from within. One virtual call per event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace {

class Parcel;
class Shard;

// Names a connection for as long as it lives. A stale id is detected (generation), never followed:
// verbs on it do nothing and say so.
struct ConnectionId {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;

  friend constexpr bool operator==(ConnectionId, ConnectionId) = default;
};

struct ListenerId {
  uint32_t index = UINT32_MAX;

  friend constexpr bool operator==(ListenerId, ListenerId) = default;
};

// A connection as events name it: the id and the 64 bits that the application stored with it.
struct ConnectionRef {
  ConnectionId id;
  uint64_t cookie = 0;
};

// Why a connection ended. Exactly one is reported for every connection that was opened or accepted.
enum class CloseReason : uint8_t {
  kNormal,               // both sides sent FIN and both were acknowledged (or TIME-WAIT is left)
  kPeerReset,            // RST on an established connection
  kRefused,              // RST in answer to our SYN
  kConnectTimeout,       // no answer to our SYN
  kTimedOut,             // data or FIN not acknowledged in time (RFC 9293 section 3.8.3, R2)
  kKeepaliveTimeout,     // keep-alive probes unanswered (RFC 9293 section 3.8.4)
  kUnreachable,          // ICMP said so while connecting
  kNeighborUnreachable,  // nobody answered ARP for the next hop
  kLocalAbort,           // abort(), or close() with unread data or before the handshake
  kFinWait2Timeout,      // we closed, the peer acknowledged but never sent its FIN
  kNoResources,          // a bound was hit (connections, ports, memory)
};
inline constexpr size_t kCloseReasonCount = 11;

// "normal", "peer-reset", "refused", ...
std::string_view to_string(CloseReason reason);

class App {
 public:
  virtual ~App() = default;

  // The handshake is complete: of a listener's connection, or of one from connect(). With Fast Open
  // a listener's connection is told when its SYN comes.
  // The application may set_cookie(), send(), ... The connection is its own from here on; one that
  // it does not want it aborts, and Shard::set_accepting() holds further ones off.
  virtual void on_established(Shard& shard, ConnectionRef connection) = 0;

  // In-order bytes, valid during the call only. Returns how many were taken; the rest is kept by
  // the stack within the receive buffer, and offered again after Shard::resume().
  virtual size_t on_data(Shard& shard, ConnectionRef connection,
                         std::span<const std::byte> data) = 0;

  // There is room in the send queue again after a send() that took less than it was offered.
  virtual void on_writable(Shard& /*shard*/, ConnectionRef /*connection*/) {}

  // The peer sent FIN and all its bytes have been delivered. Sending is still possible; the
  // default answers with our own FIN.
  virtual void on_peer_closed(Shard& shard, ConnectionRef connection);

  // --- Connections that go on at another shard, when workers come or go (Engine::set_workers()).
  // Whether those of this application may: then the two events below are its.
  [[nodiscard]] virtual bool may_move() const { return false; }
  // The connection leaves this shard. Its id is dead afterwards, and no on_closed() follows here.
  // What the application there has to know, beside the cookie, goes into `luggage`. No verbs.
  virtual void on_leave(Shard& /*shard*/, ConnectionRef /*connection*/, Parcel& /*luggage*/) {}
  // It goes on at this one, with another id and the same cookie; `luggage` is as on_leave() left
  // it. Which events have been and which have not stays as it was. Verbs may be called.
  virtual void on_arrive(Shard& /*shard*/, ConnectionRef /*connection*/, Parcel& /*luggage*/) {}

  // The last event of a connection; its id is dead afterwards.
  virtual void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) = 0;
};

}  // namespace millrace
