// SPDX-License-Identifier: BSD-3-Clause
// Engines: a device opened and a shard made for each program, then workers that run them. In: an
// EngineConfig. Out: running programs, at the end a report. Must hold: whatever fails, everything
// that was opened before it is closed again, in the opposite order.
#include "millrace/engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include "nic/eal.h"
#include "nic/loopback.h"
#include "nic/pool.h"
#include "nic/port.h"
#include "nic/precheck.h"
#include "runtime/clock.h"
#include "runtime/entropy.h"
#include "runtime/worker.h"

namespace millrace {
namespace {

// Frames that were handed to the device just before the end have to leave it: a peer may fetch them
// by itself, in its own time.
constexpr int64_t kLingerMs = 20;

void linger() {
  const timespec t{.tv_sec = 0, .tv_nsec = kLingerMs * 1'000'000};
  nanosleep(&t, nullptr);
}

}  // namespace

class Engine::Impl {
 public:
  // Members are destroyed from the last to the first.
  nic::Eal eal;
  std::unique_ptr<nic::Port> port;  // none on a loopback
  std::unique_ptr<nic::Wire> loopback_end;
  MacAddress mac;
  std::string description;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<runtime::Worker> worker;
  bool started = false;

  static Result<std::unique_ptr<Impl>> open(const EngineConfig& config);
  static Result<std::unique_ptr<Impl>> attach(const EngineConfig& config,
                                              std::unique_ptr<nic::Wire> end);
  Result<void> add_shard(const EngineConfig& config, Program& program);
  nic::Wire& wire() { return port ? port->wire() : *loopback_end; }
  const nic::Wire& wire() const { return port ? port->wire() : *loopback_end; }
};

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::open(const EngineConfig& config) {
  // Before anything is opened; the device's MAC, that is not known yet, is none of the user's
  // doing.
  ShardConfig shard_config = config.shard;
  if (shard_config.interface.mac.is_zero()) shard_config.interface.mac = runtime::draw_mac();
  if (auto ok = validate(shard_config); !ok) return ok.error();
  const uint16_t mtu = config.shard.interface.mtu;
  const auto plan = nic::plan_pool({.kind = config.device.kind,
                                    .mtu = mtu,
                                    .rx_descriptors = config.rx_descriptors,
                                    .tx_descriptors = config.tx_descriptors,
                                    .mbufs = config.mbufs,
                                    .memory_mb = config.memory_mb});
  if (!plan) return plan.error();
  if (auto ok = nic::check_device(config.device, nic::Privileges::of_this_process()); !ok) {
    return ok.error();
  }
  if (auto ok = nic::check_mtu(config.device, mtu); !ok) return ok.error();
  bool hugepages = false;
  if (!nic::chooses_memory(config.eal_args)) {
    const auto choice = nic::choose_hugepages(config.device.kind, config.hugepages, plan->memory_mb,
                                              nic::look_at_memory());
    if (!choice) return choice.error();
    hugepages = *choice;
  }

  auto impl = std::make_unique<Impl>();
  auto eal = nic::Eal::create({.kind = config.device.kind,
                               .pci_address = config.device.target,
                               .memory_mb = plan->memory_mb,
                               .hugepages = hugepages,
                               .verbose = config.verbose,
                               .process_id = getpid(),
                               .cpus = nic::allowed_cpus(),
                               .extra = config.eal_args});
  if (!eal) return eal.error();
  impl->eal = std::move(*eal);
  auto port = nic::Port::open({.device = config.device,
                               .mtu = mtu,
                               .rx_descriptors = config.rx_descriptors,
                               .tx_descriptors = config.tx_descriptors,
                               .mac = config.shard.interface.mac,
                               .spare_mac = runtime::draw_mac(),
                               .groups = config.shard.interface.speaks_ipv6(),
                               .pool = *plan,
                               .interrupts = config.idling == Idling::kSleep,
                               .segmentation = config.segmentation_offload,
                               .verbose = config.verbose});
  if (!port) return port.error();
  impl->port = std::move(*port);
  impl->mac = impl->port->mac();
  impl->description = fmt::format("{}: {}, {} memory", config.device.to_string(),
                                  impl->port->describe(), hugepages ? "hugepage" : "ordinary");
  return impl;
}

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::attach(const EngineConfig& config,
                                                           std::unique_ptr<nic::Wire> end) {
  auto impl = std::make_unique<Impl>();
  impl->loopback_end = std::move(end);
  const MacAddress& mac = config.shard.interface.mac;
  impl->mac = mac.is_zero() ? runtime::draw_mac() : mac;
  impl->description = "loopback: rings of this process, checksums in software";
  return impl;
}

Result<void> Engine::Impl::add_shard(const EngineConfig& config, Program& program) {
  ShardConfig shard_config = config.shard;
  shard_config.interface.mac = mac;
  // What does not fit the pages that are left lies in ordinary ones.
  shard_config.hugepages = config.hugepages != Hugepages::kOff;
  shard_config.tso_bytes_max = port ? port->tso_bytes_max() : 0;
  if (shard_config.seed == 0) shard_config.seed = runtime::draw_seed();
  auto created = Shard::create(shard_config, runtime::Clock::system().now());
  if (!created) return created.error();
  shard = std::move(*created);
  const runtime::WorkerConfig worker_config{.index = 0,
                                            .cpu = config.cpu,
                                            .dpdk = port != nullptr,
                                            .idling = config.idling,
                                            .drain_timeout = config.drain_timeout};
  worker = std::make_unique<runtime::Worker>(worker_config, *shard, program, wire());
  return {};
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Engine>> Engine::create(const EngineConfig& config,
                                               std::span<Program* const> programs) {
  if (programs.size() != 1) {
    return Error{fmt::format("{} workers were asked for: device {} has one queue pair, so choose 1",
                             programs.size(), config.device.to_string())};
  }
  auto impl = Impl::open(config);
  if (!impl) return impl.error();
  if (auto ok = (*impl)->add_shard(config, *programs.front()); !ok) return ok.error();
  return std::unique_ptr<Engine>(new Engine(std::move(*impl)));
}

Result<std::pair<std::unique_ptr<Engine>, std::unique_ptr<Engine>>> Engine::create_loopback(
    const EngineConfig& left_config, Program& left, const EngineConfig& right_config,
    Program& right) {
  const uint32_t mtu = std::max(left_config.shard.interface.mtu, right_config.shard.interface.mtu);
  auto ends = nic::make_loopback(
      {.slots = std::max(left_config.tx_descriptors, right_config.tx_descriptors),
       .frame_bytes = mtu + nic::kLinkBytes});
  auto left_impl = Impl::attach(left_config, std::move(ends.first));
  if (!left_impl) return left_impl.error();
  if (auto ok = (*left_impl)->add_shard(left_config, left); !ok) return ok.error();
  auto right_impl = Impl::attach(right_config, std::move(ends.second));
  if (!right_impl) return right_impl.error();
  if (auto ok = (*right_impl)->add_shard(right_config, right); !ok) return ok.error();
  return std::pair(std::unique_ptr<Engine>(new Engine(std::move(*left_impl))),
                   std::unique_ptr<Engine>(new Engine(std::move(*right_impl))));
}

Engine::~Engine() {
  if (impl_ && impl_->started) {
    stop();
    finish();
  }
}

Result<void> Engine::start() {
  auto outcome = impl_->worker->start();
  impl_->started = outcome.ok();
  return outcome;
}

bool Engine::running() const { return impl_->worker->running(); }

void Engine::stop() { impl_->worker->stop(); }

EngineReport Engine::finish() {
  impl_->worker->join();
  impl_->started = false;
  EngineReport report;
  report.drained = impl_->worker->drained();
  report.workers = {worker_stats(0)};
  report.left = {impl_->shard->use()};
  if (impl_->port) {
    linger();
    impl_->port->close();
    report.mbufs_missing = impl_->port->mbufs_missing();
  }
  report.device = device_stats();
  return report;
}

size_t Engine::shard_count() const { return 1; }

const Counters& Engine::counters(size_t /*shard_index*/) const { return impl_->shard->counters(); }

DeviceStats Engine::device_stats() const {
  const nic::WireTallies& tallies = impl_->wire().tallies();
  DeviceStats stats{.frames_in = tallies.frames_in.get(),
                    .frames_out = tallies.frames_out.get(),
                    .missed = tallies.rx_refused.get(),
                    .tx_full = tallies.tx_full.get(),
                    .tx_dropped = tallies.tx_dropped.get(),
                    .no_buffers = tallies.no_buffers.get()};
  if (impl_->port) {
    const nic::Port::Losses losses = impl_->port->losses();
    stats.missed += losses.missed;
    stats.no_buffers += losses.no_buffers;
  }
  return stats;
}

WorkerStats Engine::worker_stats(size_t /*shard_index*/) const { return impl_->worker->stats(); }

MacAddress Engine::mac() const { return impl_->mac; }

bool Engine::link_up() const {
  // The worker looks at the link once it runs.
  if (!impl_->started) return impl_->wire().poll_link();
  return impl_->port ? impl_->port->link_up() : impl_->loopback_end->poll_link();
}

std::string Engine::describe() const { return impl_->description; }

}  // namespace millrace
