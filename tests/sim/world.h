// SPDX-License-Identifier: BSD-3-Clause
// The simulated world: a virtual clock, two hosts, two wires, and the judge. Steps from event to
// event; nothing waits, nothing is random but by the seed. The first thing that is wrong ends the
// run with a report that a reader can start from: seed, how to replay, the last packets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "host.h"
#include "link.h"
#include "packet.h"
#include "scenario.h"
#include "transcript.h"

namespace millrace::sim {

// What a run has seen, summed over runs to show that the simulator goes where it is meant to.
struct Coverage {
  uint64_t runs = 0;
  uint64_t connections = 0;
  uint64_t bytes = 0;
  uint64_t events = 0;
  Duration virtual_time;
  std::array<uint64_t, kFateCount> fates{};
  std::array<uint64_t, kCounterCount> counters{};
  std::array<uint64_t, kStateCount> states{};  // samples of connections in each state
  std::array<uint64_t, kCloseReasonCount> reasons{};
  uint64_t window_closed = 0;  // segments that advertised window 0
  uint64_t tuples_reused = 0;
  uint64_t begun_anew = 0;  // connections that a server accepted again
  uint64_t moved = 0;       // connections, from one shard to another
  uint64_t joined = 0;      // segments that a shard left to the device to make

  void add(const Coverage& other);
  [[nodiscard]] std::string to_string() const;
};

struct Outcome {
  std::string failure;  // empty: all is well
  uint64_t transcript_hash = 0;
  Instant finished;  // when the last connection was over
  Coverage coverage;

  [[nodiscard]] bool ok() const { return failure.empty(); }
};

class World {
 public:
  explicit World(const Scenario& scenario, bool live_transcript = false);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome run();

  // --- For hosts ------------------------------------------------------------------------------
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] const Scenario& scenario() const { return scenario_; }
  [[nodiscard]] Coverage& coverage() { return coverage_; }
  // The first failure ends the run.
  void fail(const std::string& what);
  void fail(const End& end, const std::string& what);
  [[nodiscard]] bool failed() const { return !failure_.empty(); }
  void log(const End& end, const char* what, uint64_t value = 0);
  // A frame leaves, or is about to be handed to a shard.
  void send(size_t host, std::vector<std::byte> frame);
  void receiving(size_t host, std::span<const std::byte> frame, bool noise);
  // The end behind a cookie; the accepting end of the connection that `peer` opened.
  [[nodiscard]] End* end_by_cookie(uint64_t cookie);
  [[nodiscard]] static uint64_t cookie_of(const End& end);
  [[nodiscard]] Connection& connection_of(const End& end) { return connections_[end.connection]; }
  [[nodiscard]] End& peer_of(const End& end);
  [[nodiscard]] Shard& shard_of(const End& end) const { return hosts_[end.host]->shard_of(end); }
  // The ports of the connection that `end` opened are known from now on.
  void opened(const End& end, const FlowKey& key);
  [[nodiscard]] End* accepting_end(const FlowKey& key, uint32_t first_seq);
  // An end is over: is the reason one that it may have?
  void judge(const End& end);

 private:
  struct FlowRef {
    Connection* connection = nullptr;
    size_t side = 0;  // of the packet's sender
  };

  void prepare();
  void check_limits();
  [[nodiscard]] bool finished() const;
  void look_after_orphans();
  void check_streams();
  [[nodiscard]] FlowRef flow_of(const Packet& packet) const;
  [[nodiscard]] std::string report(const std::string& what) const;
  void maybe_noise(size_t host, const Packet& like);
  void say_too_large(size_t host, std::span<const std::byte> frame);
  void stop_with_report();
  static void on_crash(int signal);
  static void on_sanitizer_death();

  Scenario scenario_;
  Random random_;
  Instant now_;
  Transcript transcript_;
  std::vector<Link> links_;
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::vector<Connection> connections_;
  // By the client's host, its port and the server's; the newest connection last.
  std::unordered_map<uint64_t, std::vector<Connection*>> flows_;
  std::string failure_;
  Coverage coverage_;
  Instant next_round_;  // of look_after_orphans()
};

}  // namespace millrace::sim
