// SPDX-License-Identifier: BSD-3-Clause
// Runs shards on a device: EAL and port set-up, one worker thread for each shard, frames steered to
// the shard that owns them, a clean stop. The only public header behind which DPDK stands.
//
// Threading: create(), start(), stop(), finish() from the thread that owns the engine; stop() may
// also be called from a signal handler. Programs run on their worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/device.h"
#include "millrace/engine_listing.h"
#include "millrace/impairment.h"
#include "millrace/shard.h"
#include "millrace/tap.h"

namespace millrace {

// What runs on one shard: the server, the load generator.
class Program {
 public:
  virtual ~Program() = default;
  // Before the first turn, on the worker's thread: listen, prepare.
  virtual Result<void> start(Shard& shard) = 0;
  // Once a turn, after received frames and timers, before frames are sent. shard.now() is the time.
  virtual void turn(Shard& /*shard*/) {}
  // When turn() next has something to do that no frame or timer brings about; a worker that sleeps
  // until a frame comes does not sleep longer. In the past: no one knows, so naps stay short.
  [[nodiscard]] virtual Instant next_turn() const { return {}; }
  // Whether its connections may go on at another worker, so that Engine::set_workers() is possible:
  // then all of its applications say so, too (App::may_move()).
  [[nodiscard]] virtual bool may_move() const { return false; }
  // The engine is stopping: no new connections. Open ones are shut down by the shard's drain().
  virtual void stopping(Shard& /*shard*/) {}
  // Polled once a turn; true ends this worker (after a drain), as stop() would.
  [[nodiscard]] virtual bool finished() const { return false; }
};

// What a worker without work does with its CPU.
enum class Idling : uint8_t {
  kPoll,   // keeps it: least latency, for a CPU that is ours alone
  kYield,  // polls, but lets others have it first; naps for 50 us after 100 ms of silence
  kSleep,  // polls for 50 us, then sleeps until a frame comes, where the device can say so; else a
           // quarter as long as it has been silent, 1 ms at most
};

// Whether reserved 2 MiB pages serve for mbufs and for the tables of shards.
enum class Hugepages : uint8_t {
  kAuto,  // where the system has enough of them free
  kOn,    // it is an error if it has not enough for the mbufs
  kOff,
};

struct EngineConfig {
  DeviceUri device;
  ShardConfig shard;     // mac all zero: the device's own; seed 0: one is drawn from the system
  bool verbose = false;  // let EAL and drivers talk
  Impairment impairment;  // of what is sent; none: it costs nothing
  std::vector<std::string> eal_args;       // passed through, after ours
  Hugepages hugepages = Hugepages::kAuto;  // decides about shard.hugepages, too
  uint32_t memory_mb = 0;                  // for mbufs; 0: what the pool needs
  uint32_t mbufs = 0;                      // 0: from the ring sizes
  bool segmentation_offload = true;        // let the device cut TCP segments where it can
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  Idling idling = Idling::kYield;
  // Workers at work from the start: the first so many of those that have a program; 0: all.
  uint16_t workers = 0;
  // Where the workers are pinned, the first one first; empty: the system's choice. Buffers lie on
  // the NUMA nodes of these.
  std::vector<int32_t> cpus;
  // Queue pairs of the device; 0: one for each worker where the device alone decides that, else 1
  // (memif, vhost, virtio-user: the other end would have to have as many). Workers without a queue
  // get their frames from those that have one.
  uint16_t queues = 0;
  std::vector<uint8_t> rss_key;         // 40 to 52 bytes; empty: drawn from the system
  std::vector<int> connections_files;   // ShardConfig::connections_file of each worker; or empty
  int heir_of = 0;                      // a dead process of ours whose files are to be removed
  std::optional<TapConfig> tap;         // of every worker, for take_tapped()
  Duration drain_timeout = seconds(2);  // from stop() until what is left is aborted
};

struct DeviceStats {
  uint64_t frames_in = 0;
  uint64_t frames_out = 0;    // one that the device cuts into segments counts once
  uint64_t missed = 0;        // lost by the device because nobody fetched them in time
  uint64_t tx_full = 0;       // bursts that the device did not take whole; the rest was kept
  uint64_t tx_dropped = 0;    // frames given up: the device stayed full
  uint64_t no_buffers = 0;    // frames that found no mbuf
  uint32_t mbufs = 0;         // that the device and we have; 0 on a loopback
  uint32_t mbufs_in_use = 0;  // in rings, on their way or kept
};

// How busy a worker was, by turns of its loop.
struct WorkerStats {
  uint64_t turns = 0;
  uint64_t busy_turns = 0;  // turns with a frame received or sent
  Duration busy_time;       // what those took, but for ones that were late
  uint64_t frames_received = 0;
  uint64_t bursts = 0;      // that those came in, of 64 at most
  uint64_t late_turns = 0;  // turns that began over 1 ms after the one before
  Duration longest_gap;
  Duration longest_slice;  // of a listing: what a turn was longer by, at most
  // Steering in software.
  uint64_t handed_in = 0;       // frames that other workers' queues brought for this shard
  uint64_t handed_out = 0;      // frames for other shards; those for all once for each
  uint64_t handing_failed = 0;  // frames dropped: another worker did not fetch them in time
  uint64_t kept_back = 0;       // frames that waited until what they belong to had moved here
  uint64_t hashes_checked = 0;  // of the device, against ours
  uint64_t hashes_wrong = 0;    // not 0: the device hashes otherwise, and is not believed any more
};

struct EngineReport {
  DeviceStats device;
  std::vector<WorkerStats> workers;
  std::vector<ShardUse> left;  // per shard, after the drain; all 0 when nothing leaked
  uint64_t mbufs_missing = 0;  // not returned to the pool after the device was closed
  bool drained = true;         // false: connections had to be aborted at the deadline
};

class Engine {
 public:
  // Opens the device and creates a shard for each program. Programs must outlive the engine.
  // Errors: one sentence that names the value and says what to do (no permission, no interface,
  // socket busy, too little memory, ...). Nothing is left behind after an error.
  static Result<std::unique_ptr<Engine>> create(const EngineConfig& config,
                                                std::span<Program* const> programs);
  // Two engines in this process, joined by wires of lock-free rings, one from each worker to its
  // like; config.device is ignored. Requires: as many programs on either side.
  static Result<std::pair<std::unique_ptr<Engine>, std::unique_ptr<Engine>>> create_loopback(
      const EngineConfig& left_config, std::span<Program* const> left,
      const EngineConfig& right_config, std::span<Program* const> right);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Starts the workers; returns when every program's start() has. Errors: a program's own.
  Result<void> start();
  // True until every worker has drained and ended.
  [[nodiscard]] bool running() const;
  // Asks for a drain and an end; returns at once. Async-signal-safe, may be called repeatedly.
  void stop();
  // Requires: started. Waits for the workers, closes the device, counts what is left.
  EngineReport finish();

  // While running: lets the first `count` of the workers do the work, of those that have a program.
  // Connections, open, opening or in TIME-WAIT, go to the worker that is to have them; none ends
  // and nothing of what they carry is lost. A worker that is not wanted any more ends, unless it
  // has a queue of the device to empty. Returns when all is in place, which takes milliseconds, and
  // seconds with a million connections. Errors, and nothing has changed: more than there are, a
  // program that does not agree, addresses by autoconfiguration. Or what moves found no room for a
  // while: it goes on as soon as there is some, and so must the caller, by the same call.
  // Threading: as start().
  Result<void> set_workers(size_t count);
  [[nodiscard]] size_t workers() const;

  [[nodiscard]] size_t shard_count() const;
  // Safe while running.
  [[nodiscard]] const Counters& counters(size_t shard_index) const;
  [[nodiscard]] DeviceStats device_stats() const;
  [[nodiscard]] WorkerStats worker_stats(size_t shard_index) const;
  // Connections of that shard that ended badly, the oldest first; false: nothing more. Safe while
  // running, from one thread. What nobody fetches is dropped, and counted in BadEnd::untold.
  bool take_bad_end(size_t shard_index, BadEnd& end);
  // Requires: EngineConfig::tap. Frames that the shard received and sent, the oldest first; false:
  // none is left. Safe while running and until this object goes, from one thread.
  bool take_tapped(size_t shard_index, TappedFrame& frame);
  // How many were not fetched in time.
  [[nodiscard]] uint64_t tap_lost(size_t shard_index) const;
  // As it was within the last 200 ms of the worker's; without addresses.
  [[nodiscard]] ShardUse shard_use(size_t shard_index) const;
  // Lists what all shards know of while they work, from any thread but a worker's, between create()
  // and finish(); up to four listings at a time, 90 KiB for each shard, kept for the next. A worker
  // that is busy gives it one part in a hundred of its time, an idle one all. Errors: four are
  // under way.
  Result<std::unique_ptr<EngineListing>> list(const ListRequest& request);
  [[nodiscard]] MacAddress mac() const;
  // Whether somebody is at the other end. Frames stay in the shard until then. Before start() each
  // call looks anew, so that a client can wait for its server.
  [[nodiscard]] bool link_up() const;
  // One line on what was negotiated with the device: driver, queues, offloads, memory.
  [[nodiscard]] std::string describe() const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
