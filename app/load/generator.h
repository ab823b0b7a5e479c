// SPDX-License-Identifier: BSD-3-Clause
// The load generator of one shard: opens connections, says requests, checks what comes back,
// closes, and counts every step. In: a plan. Out: a Tally and histograms that other threads may
// read.
//
// cps: a connection for each request. Closed loop: `concurrency` of them at a time, a new one for
// each that ends. Open loop: connections arrive by a Schedule, at most `concurrency` at a time.
// rps: `concurrency` connections are kept open. Closed loop: each asks again when it is answered.
// Open loop: requests arrive by a Schedule, and each takes the next connection that has room for
// it. There is room for `pipeline` requests on a connection whose responses have not come.
// cc: `concurrency` connections are opened, held, and each asks once in `every`, if at all; `churn`
// of them are closed and replaced every second. teardown: `concurrency` connections are opened, and
// closed when all are, `rate` per second. An arrival that finds none waits; when it has waited too
// long it is skipped, and counted.
//
// Must hold: nothing is allocated per connection; every launched connection is counted once as
// completed, failed (by reason) or drained.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/deadline_list.h"
#include "load/due_heap.h"
#include "load/exchange.h"
#include "load/paced_program.h"
#include "load/schedule.h"
#include "load/slot_queue.h"
#include "millrace/engine.h"

namespace millrace::load {

enum class Mode : uint8_t { kCps, kRps, kCc, kTeardown };
// How a connection ends.
enum class CloseBy : uint8_t {
  kClient,       // our FIN behind the response
  kServer,       // its FIN
  kReset,        // our RST
  kHalf,         // our FIN behind the request, its FIN behind the response
  kServerReset,  // its RST
  kNone,         // not before the end of the run, and then by our RST
};

struct Plan {
  Mode mode = Mode::kCps;
  Endpoint target;
  std::vector<Endpoint> round = {};  // of targets, in turn; empty: the one above
  uint32_t concurrency = 64;
  uint32_t pipeline = 1;            // rps: requests of a connection at a time
  uint32_t requests = 1;            // cps: requests of a connection, one after the other
  uint64_t rate = 0;                // arrivals per second; 0: closed loop
  Duration duration = seconds(10);  // 0: until the count is reached or stop()
  uint64_t count = 0;               // connections; 0: no limit
  Duration timeout = seconds(5);    // of each step: connect, response, close
  CloseBy close = CloseBy::kClient;
  std::vector<AddressRange> sources;  // addresses to connect from; empty: the interface's own
  Pattern pattern;                    // of arrivals at `rate`
  Duration think_min;                 // rps, closed loop: from a response to the next request
  Duration think_max;                 // any length up to this is as likely
  uint64_t open_rate = 0;  // cc, teardown: connections opened per second; 0: as fast as it goes
  Duration every;          // cc: from a request of a connection to its next; 0: none
  uint64_t churn = 0;      // cc: connections closed, and replaced, per second
  TcpOptions tcp;
  Instant start_at;  // no load before; of the shard's clock
};

// One plan for each of `workers`, or of fewer where there is not that much to do.
std::vector<Plan> divide(const Plan& plan, size_t workers);

class Generator final : public PacedProgram, private App {
 public:
  // `exchange` must outlive the shard: requests are sent from its memory.
  Generator(const Plan& plan, const Exchange& exchange);

  [[nodiscard]] Protocol protocol() const { return exchange_.protocol(); }

  // When the worker has ended: what was done while load was offered; rates come from this.
  [[nodiscard]] const TallySnapshot& when_time_was_up() const { return when_time_was_up_; }
  // The same for each whole second of it, at most kSecondsMax.
  static constexpr size_t kSecondsMax = 3600;
  struct Second {
    uint64_t connections = 0;
    uint64_t requests = 0;
    uint64_t failed = 0;

    Second& operator+=(const Second& other) {
      connections += other.connections;
      requests += other.requests;
      failed += other.failed;
      return *this;
    }
  };
  [[nodiscard]] const std::vector<Second>& each_second() const { return each_second_; }
  // cc and teardown: when all connections were open, and what there was at that time.
  struct Built {
    Duration after;  // since load was first offered; 0: that never came
    uint64_t open = 0;
    uint64_t completed = 0;
  };
  [[nodiscard]] const Built& built() const { return built_; }

 private:
  // One that is out, and whose response is not complete.
  struct Request {
    Instant due;  // open loop
    Instant asked_at;
    uint32_t salt = 0;
  };
  struct Client {
    ConnectionId id;
    Exchange::State response;
    Instant due;                       // open loop of connections
    uint32_t oldest = 0;               // of its requests, in their ring
    uint32_t asking = 0;               // requests that are out
    uint32_t whole = 0;                // of them, those that the stack has taken whole
    uint32_t request_sent = 0;         // bytes of the next one that it has taken
    uint32_t asked = 0;                // requests so far
    Failure failure = Failure::kNone;  // ours; on_closed brings the stack's
    bool in_time = false;              // established while load was offered
    bool hearing = false;              // the oldest request's response has begun
    bool opened = false;               // the handshake is through
    bool told = false;                 // that the server closes: its FIN has come
    bool done = false;                 // did what it was meant to; closing
  };

  void expire(Shard& shard) override;
  void begin(Shard& shard) override;
  void run(Shard& shard) override;
  void end(Shard& shard) override;
  void abort_all(Shard& shard) override;
  [[nodiscard]] uint32_t open() const override {
    return plan_.concurrency - static_cast<uint32_t>(free_.size());
  }
  void note_seconds(Instant now);
  // cc and teardown (generator_hold.cc).
  [[nodiscard]] bool holds() const {
    return plan_.mode == Mode::kCc || plan_.mode == Mode::kTeardown;
  }
  void begin_holding();
  void hold(Shard& shard);
  void open_held(Shard& shard);
  void ask_held(Shard& shard);
  void churn(Shard& shard);
  void tear_down(Shard& shard);
  uint32_t next_idle();
  void keep(Shard& shard, uint32_t slot);
  void take_arrivals(Shard& shard);
  void fill_up(Shard& shard);
  void launch(Shard& shard, Instant due);
  void ask(Shard& shard, uint32_t slot, Instant due);
  // The request of a client behind `index` older ones.
  Request& request(const Client& client, uint32_t index) {
    const auto slot = static_cast<size_t>(&client - clients_.data());
    const uint32_t at = client.oldest + index;
    return requests_[slot * plan_.pipeline + (at < plan_.pipeline ? at : at - plan_.pipeline)];
  }
  // Open, and nothing is under way.
  [[nodiscard]] static bool idle(const Client& client) {
    return client.opened && !client.done && client.asking == 0 && client.failure == Failure::kNone;
  }
  [[nodiscard]] bool has_room(const Client& client) const {
    return client.opened && !client.done && client.asking < plan_.pipeline &&
           client.failure == Failure::kNone;
  }
  void offer(uint32_t slot);
  void think(uint32_t slot, Instant now);
  void ask_thought(Shard& shard);
  void ask_first(Shard& shard, uint32_t slot, Instant due);
  uint32_t take_ready();
  void send_rest(Shard& shard, Client& client);
  void on_response(Shard& shard, uint32_t slot, bool server_closes);
  void finish(Shard& shard, Client& client);
  [[nodiscard]] bool ends_otherwise(const Shard& shard, const Client& client) const;
  [[nodiscard]] bool as_meant(CloseReason reason) const;
  void fail(Shard& shard, Client& client, Failure failure);
  [[nodiscard]] bool launched_all() const {
    const uint64_t all = plan_.mode == Mode::kTeardown ? plan_.concurrency : plan_.count;
    return all != 0 && tally_.get(Count::kLaunched) >= all;
  }

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_peer_closed(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;

  Plan plan_;
  const Exchange& exchange_;
  KnownHead known_head_;
  std::vector<Client> clients_;
  std::vector<Request> requests_;  // a ring of `pipeline` for each client
  std::vector<uint32_t> free_;
  SlotQueue ready_;  // open loop of requests; may name clients without room, see take_ready()
  DeadlineList deadlines_;
  std::optional<Schedule> schedule_;
  std::optional<DueHeap> thinking_;
  // cc and teardown.
  std::optional<DeadlineList> waiting_;  // connections that will ask
  std::optional<Schedule> opening_;
  std::optional<Schedule> churning_;
  uint32_t connecting_ = 0;
  uint32_t cursor_ = 0;  // where next_idle() goes on
  Built built_;

  Instant launch_again_;  // after connect() itself failed
  uint32_t next_salt_ = 0;
  TallySnapshot when_time_was_up_;
  std::vector<Second> each_second_;
  TallySnapshot when_second_began_;
};

}  // namespace millrace::load
