// SPDX-License-Identifier: BSD-3-Clause
// One lcore's whole world: a complete TCP/IP endpoint without I/O. Frames, the time and socket
// verbs go in; frames, events and the next deadline come out.
//
// A turn of the loop, with one clock reading for all of it:
//
//     shard.receive(now, burst);                       // events to the applications
//     shard.advance(now);                              // timers that are due
//     while (size_t n = shard.transmit(now, frames))   // what the turn decided to send
//       device.send(frames, n);
//
// Threading: none. Every call on a shard comes from one thread; counters() may be read by others.
// Memory: all of it is reserved by create(); nothing is allocated from the system afterwards, but
// for what a Parcel takes.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "millrace/app.h"
#include "millrace/config.h"
#include "millrace/counters.h"
#include "millrace/events.h"
#include "millrace/frame.h"
#include "millrace/listing.h"
#include "millrace/parcel.h"
#include "millrace/raw.h"
#include "millrace/tcp_info.h"
#include "millrace/time.h"

namespace millrace {

// The largest packet that gets to a destination whole (RFC 1191), as one shard tells others.
struct PathNews {
  IpAddress peer;
  uint16_t mtu = 0;  // not 0
};

class Shard {
 public:
  // Errors: a field out of its bounds, or no memory; the message names it.
  // `now` starts the shard's clock, which only moves forward.
  static Result<std::unique_ptr<Shard>> create(const ShardConfig& config, Instant now);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // --- The turn -------------------------------------------------------------------------------

  // Takes up to kBurstMax frames; they may be freed when it returns.
  static constexpr size_t kBurstMax = 64;
  void receive(Instant now, std::span<const RxFrame> burst);

  // Of several shards: a datagram that this one has put together of fragments and another owns, to
  // be handed there; false: none. Valid until the next call of this function or receive(). Ask
  // behind each receive().
  [[nodiscard]] bool take_whole(RxFrame& frame);

  // Once per turn, behind its last receive(): whether the device had no more frames. When it has
  // more for turns on end, and not of SYNs alone, SYNs that would begin a connection are dropped
  // (DropTcpOverload) until it has not. Who never calls this is never overloaded.
  void end_of_input(Instant now, bool emptied);

  // Fires timers that are due, a bounded number at a time.
  void advance(Instant now);

  // Describes frames to send, at most out.size() of them; 0 when there is nothing (more) to send.
  // What the descriptions point to is valid until the next call on this shard.
  [[nodiscard]] size_t transmit(Instant now, std::span<TxFrame> out);

  // When advance() next has something to do; Instant::never() when no timer is armed. Where many
  // timers lie close together that may be to sort them, some time before the first fires.
  [[nodiscard]] Instant next_deadline() const;
  // Whether transmit() would have something to say.
  [[nodiscard]] bool has_output() const;
  // The latest time that was passed in.
  [[nodiscard]] Instant now() const;

  // --- Verbs: the socket calls of RFC 9293 section 3.9.1, without blocking -----------------------

  // OPEN, passive. An unspecified address listens on all of ours. `app` must outlive the shard.
  // Errors: the port is taken, the address is not ours, too many listeners, bad options.
  Result<ListenerId> listen(const Endpoint& local, App& app, const TcpOptions& options = {});
  // No new connections; established ones live on, half-open ones are forgotten.
  void close_listener(ListenerId listener);
  // Whether a listener takes connections; it does from the start. While it does not, its SYNs and
  // the acknowledgements that would complete its handshakes are dropped, and peers try again. There
  // is no queue of connections that wait to be accepted: on_established hands each over, so what an
  // application cannot take yet is bounded by this, by connections_max, and before the handshake is
  // through by half_open_max and TcpOptions::backlog.
  void set_accepting(ListenerId listener, bool accepting);

  // OPEN, active. The SYN leaves with the next transmit(); on_established or on_closed follows.
  // With TcpOptions::fast_open, what send() is given before that may leave with the SYN.
  // An unspecified local address means the first of ours, local port 0 an ephemeral one.
  // Errors: no route, not our address, tuple in use, no port left, connections_max reached; of
  // several shards: a local port by which the answer reaches another.
  Result<ConnectionId> connect(const Endpoint& peer, App& app, uint64_t cookie = 0,
                               const TcpOptions& options = {}, const Endpoint& local = {});

  // SEND. Copies what fits into the send buffer and returns how much that was; when it was less
  // than offered, on_writable follows. 0 on a stale id or after shutdown().
  size_t send(ConnectionId connection, std::span<const std::byte> data);
  // The same without a copy: `data` must stay as it is for as long as the shard lives, and those to
  // which its connections may move.
  size_t send_static(ConnectionId connection, std::span<const std::byte> data);
  [[nodiscard]] size_t send_space(ConnectionId connection) const;
  // Asks for on_writable as if a send() had taken less than it was offered: for an application
  // that would rather wait than have its message cut. Requires: the send buffer is not empty.
  void want_writable(ConnectionId connection);

  // RECEIVE. Offers bytes again that on_data did not take.
  void resume(ConnectionId connection);
  // Bytes received in order that the application has not taken yet.
  [[nodiscard]] size_t unread(ConnectionId connection) const;

  // CLOSE: FIN follows what was sent; receiving goes on (half-close). Idempotent.
  void shutdown(ConnectionId connection);
  // CLOSE by an application that will not read any more: shutdown(), and bytes that still arrive
  // are answered by RST (RFC 9293 section 3.6.1); unread bytes make it an abort().
  void close(ConnectionId connection);
  // ABORT: RST, at the next transmit(). on_closed(kLocalAbort) follows then.
  void abort(ConnectionId connection);

  // --- Per connection -------------------------------------------------------------------------

  [[nodiscard]] bool alive(ConnectionId connection) const;
  bool set_cookie(ConnectionId connection, uint64_t cookie);
  // The 64 bits stored with the connection; 0 for a stale id.
  [[nodiscard]] uint64_t cookie(ConnectionId connection) const;
  // Replaces the connection's options; what was negotiated on SYN stays as it is.
  // Errors: stale id, bad options, profiles_max reached.
  Result<void> set_options(ConnectionId connection, const TcpOptions& options);
  [[nodiscard]] std::optional<TcpOptions> options(ConnectionId connection) const;
  // What a flow is here: a connection's state, SYN-RECEIVED of a half-open entry, TIME-WAIT of a
  // record, LISTEN where somebody would take its SYN, else CLOSED.
  [[nodiscard]] State state_of(const FlowKey& key) const;
  // STATUS.
  [[nodiscard]] std::optional<TcpInfo> info(ConnectionId connection) const;

  // --- Segments without connections (millrace/raw.h) --------------------------------------------

  // How frames reach `peer`, from `local` where its VLAN decides; nothing as long as its next hop
  // has not answered ARP: ask again. How long to do that is for the caller to say. Errors: no
  // route, no room for another neighbour.
  Result<std::optional<RawPath>> raw_path(const IpAddress& peer, const IpAddress& local = {});
  // Who gets and sends such segments; nullptr: nobody. It must outlive the shard.
  void set_raw_handler(RawHandler* handler);

  // Whether what a peer sends on this tuple reaches this shard: always, where there is one only.
  [[nodiscard]] bool owns(const FlowKey& key) const;
  // Of several shards: what this one has been told about paths since it was last asked, and has
  // believed; returns how many. For the others, whose new connections begin with it.
  size_t take_news(std::span<PathNews> out);
  void learn(const PathNews& news);

  // --- Moving to another shard ------------------------------------------------------------------
  //
  // Of several shards: entries of the redirection table change hands while connections are open.
  // What belongs to them goes from one shard to another by parcel, and on from there as if nothing
  // had happened (docs/decisions/0005-workers-come-and-go.md):
  //
  //     there: begin_leaving(entries)      here: keep back frames of these entries that it does not
  //            pack(), until all is packed       know(), and unpack(), until all is taken
  //                                              set_table(), and the frames that were kept back
  //
  // Both shards have the same ShardConfig but for Sharding::index, the same listeners, and the same
  // process around them.

  using Entries = std::bitset<Sharding::kTableMax>;  // of the table; of a single shard the first
  // The table that is in force from now on; connect() chooses ports by it.
  // Requires: of several shards, a table of the same size.
  void set_table(std::span<const uint16_t> table);
  // Whether every application of this shard's agrees to it (App::may_move()).
  [[nodiscard]] bool may_move() const;
  // Who gets connections that come from elsewhere and were made by connect(). It must outlive the
  // shard.
  void set_arrivals(App& app);
  // Requires: may_move(); the table gives these entries to others; no frame of theirs comes any
  // more; what left before is packed.
  void begin_leaving(const Entries& entries);
  // Puts up to `budget` connections and records of what leaves into the parcel, or looks at some
  // times as many; false: that was all. Between two turns.
  bool pack(Instant now, Parcel& parcel, uint32_t budget);
  // Takes them out; false: there is no room yet for what comes next in the parcel.
  // Requires: listeners for what the other shard's listeners accepted, open or not any more.
  [[nodiscard]] bool unpack(Instant now, Parcel& parcel);
  // Whether the tuple is that of a connection, half-open, or in TIME-WAIT here.
  [[nodiscard]] bool knows(const FlowKey& key) const;

  // What has ended badly, the oldest first; false: nothing more. Kept for a short while only, so
  // ask often; what comes faster than a person could read is counted in BadEnd::untold.
  bool take_bad_end(BadEnd& end);

  // --- The whole ------------------------------------------------------------------------------

  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] ShardUse use() const;
  // A slice of a walk over all that is here (millrace/listing.h): looks at ListCursor::kSlice
  // entries at most, writes those that match, unless only counts are wanted, and returns how many.
  // Requires: out.size() >= kSlice, unless only counts are wanted; !cursor.done().
  size_t list(const ListRequest& request, ListCursor& cursor, std::span<Listed> out) const;
  [[nodiscard]] const ShardConfig& config() const;

  // Stops in order: listeners closed, every connection shut down; at `deadline` the rest is
  // aborted. Turns must go on until drained().
  void drain(Instant deadline);
  // No connection and no half-open entry is left, and nothing waits to be sent.
  [[nodiscard]] bool drained() const;

 private:
  class Impl;
  explicit Shard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
