// SPDX-License-Identifier: BSD-3-Clause
// A host: a real shard or several, turned and steered to as runtime/ does it, and on top of it the
// applications that play their plans. Everything an application is told is checked here against
// what it may be told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "flow/steering.h"
#include "millrace/shard.h"
#include "mover.h"
#include "observer.h"
#include "random.h"
#include "scenario.h"

namespace millrace::sim {

class World;

// How far an end has come.
struct Course {
  uint64_t taken = 0;  // bytes read

  ConnectionId id;
  uint16_t shard = 0;   // of the host's
  bool away = false;    // between two of them
  bool opened = false;  // has an id: connect() was called, or it was accepted
  bool established = false;
  bool peer_closed = false;
  bool closed = false;
  CloseReason reason = CloseReason::kNormal;
  Instant closed_at;

  bool blocked = false;    // send() took less: on_writable is due
  bool waiting = false;    // for the next write of its plan
  bool paused = false;     // on_data took less: resume() is due
  bool stalled = false;    // has stalled once
  bool abort_due = false;  // abort() was called
  bool broke_off = false;  // close() while the peer was still sending
  bool gave_up = false;    // the peer is gone and cannot say so
  bool unheard = false;    // closed while the peer still waited for an answer to its SYN
};

// One end of a connection: its plan, and how far it has come.
struct End : Course {
  uint32_t connection = 0;
  uint8_t side = 0;  // 0: client, 1: server
  uint8_t host = 0;
  const EndPlan* plan = nullptr;
  TcpOptions options;
  Random random{0};
  std::vector<std::byte> stream;  // what it sends
  SendState sending;
  uint64_t expected = 0;            // bytes the peer is going to send
  std::array<uint64_t, 2> round{};  // bytes of one request and one response; 0: streams

  [[nodiscard]] bool alive() const { return opened && !closed; }
  // Only Fast Open lets a server have a connection of which its client does not know. When such a
  // one is over, the client's next SYN begins it once more (RFC 7413 section 2.1).
  [[nodiscard]] bool may_be_accepted() const { return !opened || (options.fast_open && unheard); }
  void begin_anew() {
    static_cast<Course&>(*this) = {};
    sending.accepted_bytes = 0;
    sending.finished = false;
  }
};

struct Connection {
  const ConnectionPlan* plan = nullptr;
  std::array<End, 2> ends;
  std::unique_ptr<Observer> observer;
  bool known = false;    // its packets are recognized
  bool aborted = false;  // an end has broken off, so the other one need not end well
};

class SimHost final : private App {
 public:
  // What an end does later in its own time.
  enum class Action : uint8_t { kOpen, kWrite, kResume, kAbort };

  SimHost(World& world, size_t index, const HostPlan& plan, Random random);

  // A frame has arrived; the next turn takes it.
  void arrive(Instant now, std::vector<std::byte> frame, bool noise);
  // When the host next wants a turn; Instant::never() when it waits for frames only.
  [[nodiscard]] Instant next() const;
  void turn(Instant now);
  void schedule(Instant when, End& end, Action action);
  // Ends a connection whose peer is gone.
  void give_up(End& end);
  // Empty when everything is returned; else what is not.
  [[nodiscard]] std::string left_over() const;
  void check_at_end();

  [[nodiscard]] Shard& shard_of(const End& end) { return *shards_[end.shard]; }

 private:
  struct Arrival {
    std::vector<std::byte> bytes;
    bool noise = false;
  };
  struct Timer {
    Instant time;
    uint64_t order = 0;
    End* end = nullptr;
    Action action = Action::kOpen;
  };

  void receive(Instant now);
  void act(Instant now);
  void transmit(Instant now);
  void transmit(Shard& shard, Instant now);
  [[nodiscard]] std::vector<RxFrame> frames_of(size_t shard, const std::vector<RxFrame>& burst);
  void spread_news();
  void move_entries(Instant now);
  std::optional<uint16_t> shard_to_open_at(const ConnectionPlan& plan, const Endpoint& local,
                                           const Endpoint& peer);
  [[nodiscard]] bool has_output() const;
  [[nodiscard]] static std::string left_over(const Shard& shard);
  void check_ends();
  void check_end(End& end);
  void perform(End& end, Action action);
  void open(End& end);
  void write(End& end);
  void maybe_close(End& end);
  void close(End& end);
  void break_off(End& end);
  void use_stale_id(End& end);
  void do_or_defer(End& end);
  [[nodiscard]] uint64_t allowed(const End& end) const;
  [[nodiscard]] size_t choose_taken(End& end, size_t offered);
  End* end_of(ConnectionRef connection, const char* event);
  End* accept(Shard& shard, ConnectionRef connection);
  [[nodiscard]] FlowKey key_of(const TcpInfo& info) const;

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_peer_closed(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;
  [[nodiscard]] bool may_move() const override { return true; }
  void on_leave(Shard& shard, ConnectionRef connection, Parcel& luggage) override;
  void on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) override;

  World& world_;
  const size_t index_;
  const HostPlan& plan_;
  const bool v6_;  // the shard speaks IPv6, behind a translator (support/family.h)
  Random random_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::optional<flow::Steering> steering_;  // with more than one
  std::optional<Mover> mover_;              // the same
  std::vector<Arrival> inbox_;
  Instant turn_at_ = Instant::never();
  std::vector<Timer> timers_;  // heap, earliest first
  uint64_t timers_made_ = 0;
  std::vector<End*> live_;
  size_t checked_ = 0;
  uint64_t frames_in_ = 0;
  uint64_t frames_out_ = 0;
  uint64_t bytes_out_ = 0;
};

}  // namespace millrace::sim
