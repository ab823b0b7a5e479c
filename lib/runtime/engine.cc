// SPDX-License-Identifier: BSD-3-Clause
// Engines: a device opened and a shard made for each program, then workers that run them. In: an
// EngineConfig. Out: running programs, at the end a report. Must hold: whatever fails, everything
// that was opened before it is closed again, in the opposite order.
#include "millrace/engine.h"

#include <fmt/format.h>
#include <rte_config.h>
#include <unistd.h>

#include <algorithm>

#include "flow/rss.h"
#include "flow/steering.h"
#include "nic/loopback.h"
#include "nic/pool.h"
#include "nic/precheck.h"
#include "runtime/clock.h"
#include "runtime/engine_impl.h"
#include "runtime/entropy.h"

namespace millrace {
namespace {

// Frames that were handed to the device just before the end have to leave it: a peer may fetch them
// by itself, in its own time.
constexpr int64_t kLingerMs = 20;

void linger() {
  const timespec t{.tv_sec = 0, .tv_nsec = kLingerMs * 1'000'000};
  nanosleep(&t, nullptr);
}

Result<void> check_rss_key(const std::vector<uint8_t>& key) {
  if (key.empty() ||
      (key.size() >= Sharding::kKeyBytesMin && key.size() <= Sharding::kKeyBytesMax)) {
    return {};
  }
  return Error{fmt::format("rss_key has {} bytes; give {} to {}", key.size(),
                           Sharding::kKeyBytesMin, Sharding::kKeyBytesMax)};
}

Result<void> check_workers(const EngineConfig& config, size_t workers) {
  // DPDK knows that many threads, of which one is the main one.
  constexpr size_t kWorkersMax = RTE_MAX_LCORE - 1;
  if (workers == 0 || workers > kWorkersMax) {
    return Error{fmt::format("{} workers were asked for: choose 1 to {}", workers, kWorkersMax)};
  }
  if (!config.cpus.empty() && config.cpus.size() < workers) {
    return Error{fmt::format("{} CPUs were named for {} workers: name one for each, or none",
                             config.cpus.size(), workers)};
  }
  if (config.workers > workers) {
    return Error{
        fmt::format("{} workers are to begin, of {} that there may be", config.workers, workers)};
  }
  return {};
}

// mbufs that workers may hold of each other, or keep back for what moves to them.
uint32_t handed_over(uint32_t queues, uint32_t workers) {
  if (workers == 1) return 0;
  return queues * ((workers - 1) * runtime::Exchange::kLaneFrames +
                   static_cast<uint32_t>(runtime::Steerer::kKeptMax));
}

// How many queue pairs to ask a device for.
Result<uint16_t> choose_queues(const EngineConfig& config, uint16_t workers) {
  if (config.queues > workers) {
    return Error{fmt::format("queues is {}: {} worker{} can serve at most {}", config.queues,
                             workers, workers == 1 ? "" : "s", workers)};
  }
  if (config.queues > 1 && config.device.kind == DeviceKind::kPcap) {
    return Error{fmt::format("queues is {}: a file has one", config.queues)};
  }
  return config.queues != 0 ? config.queues : nic::usual_queues(config.device.kind, workers);
}

}  // namespace

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::open(const EngineConfig& config,
                                                         uint16_t workers) {
  // Before anything is opened; the device's MAC, that is not known yet, is none of the user's
  // doing.
  ShardConfig shard_config = config.shard;
  if (shard_config.interface.mac.is_zero()) shard_config.interface.mac = runtime::draw_mac();
  if (auto ok = validate(shard_config); !ok) return ok.error();
  if (auto ok = check_rss_key(config.rss_key); !ok) return ok.error();
  const Result<uint16_t> queues = choose_queues(config, workers);
  if (!queues) return queues.error();
  const uint16_t mtu = config.shard.interface.mtu;
  const auto plan = nic::plan_pool({.kind = config.device.kind,
                                    .mtu = mtu,
                                    .rx_descriptors = config.rx_descriptors,
                                    .tx_descriptors = config.tx_descriptors,
                                    .mbufs = config.mbufs,
                                    .memory_mb = config.memory_mb,
                                    .workers = workers,
                                    .queues = *queues,
                                    .handed_over = handed_over(*queues, workers)});
  if (!plan) return plan.error();
  if (auto ok = nic::check_device(config.device, nic::Privileges::of_this_process()); !ok) {
    return ok.error();
  }
  size_t tag_bytes = 0;
  for (const InterfaceAddress& own : config.shard.interface.addresses) {
    tag_bytes = std::max(tag_bytes, own.vlan.tag_bytes());
  }
  if (auto ok = nic::check_mtu(config.device, mtu, tag_bytes); !ok) return ok.error();
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
                               .predecessor = config.heir_of,
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
                               .tags = config.shard.interface.has_vlans(),
                               .verbose = config.verbose,
                               .workers = workers,
                               .queues = *queues,
                               .cpus = config.cpus,
                               .rss_key = config.rss_key,
                               .random = runtime::draw_seed()});
  if (!port) return port.error();
  impl->port = std::move(*port);
  impl->mac = impl->port->mac();
  impl->description = fmt::format("{}: {}, {} memory", config.device.to_string(),
                                  impl->port->describe(), hugepages ? "hugepage" : "ordinary");
  return impl;
}

Result<std::unique_ptr<Engine::Impl>> Engine::Impl::attach(
    const EngineConfig& config, std::vector<std::unique_ptr<nic::Wire>> ends) {
  if (auto ok = check_rss_key(config.rss_key); !ok) return ok.error();
  auto impl = std::make_unique<Impl>();
  impl->loopback_ends = std::move(ends);
  const MacAddress& mac = config.shard.interface.mac;
  impl->mac = mac.is_zero() ? runtime::draw_mac() : mac;
  const size_t workers = impl->loopback_ends.size();
  impl->description =
      fmt::format("loopback: rings of this process{}, checksums in software",
                  workers == 1 ? "" : fmt::format(", {} pairs, steering in software", workers));
  return impl;
}

// Which tuples are whose.
Sharding Engine::Impl::sharding(const EngineConfig& config) const {
  if (port) {
    Sharding sharding = port->sharding();
    sharding.rss_table = flow::even_table(sharding.rss_table.size(), active);
    if (active != sharding.count) port->set_table(sharding.rss_table);
    return sharding;
  }
  const auto count = static_cast<uint16_t>(loopback_ends.size());
  return {
      .index = 0,
      .count = count,
      .rss_key = config.rss_key.empty() ? flow::random_key(runtime::draw_seed()) : config.rss_key,
      .rss_table = flow::even_table(Sharding::kTableMax, active)};
}

void Engine::Impl::make_steering(const Sharding& sharding, size_t givers) {
  if (sharding.count == 1) return;
  const flow::Steering steering(sharding);
  exchange = std::make_unique<runtime::Exchange>(sharding.count, givers);
  moving = std::make_unique<runtime::Moving>(
      sharding.count, runtime::MovePlan{.table = sharding.rss_table, .active = active});
  for (uint16_t i = 0; i < sharding.count; ++i) {
    steerers.push_back(
        std::make_unique<runtime::Steerer>(steering, *exchange, i, wire(i), moving.get()));
    steerers[i]->set_table(sharding.rss_table, active);
  }
}

Result<void> Engine::Impl::add_shards(const EngineConfig& config,
                                      std::span<Program* const> of_workers) {
  ShardConfig shard_config = config.shard;
  shard_config.interface.mac = mac;
  // What does not fit the pages that are left lies in ordinary ones.
  shard_config.hugepages = config.hugepages != Hugepages::kOff;
  shard_config.tso_bytes_max = port ? port->tso_bytes_max() : 0;
  // One for all: each shard has to know the cookies that another has given.
  if (shard_config.seed == 0) shard_config.seed = runtime::draw_seed();
  programs.assign(of_workers.begin(), of_workers.end());
  active = static_cast<uint16_t>(config.workers != 0 ? config.workers : programs.size());
  shard_config.sharding = sharding(config);
  make_steering(shard_config.sharding, port ? port->queues() : programs.size());
  autoconfigures = config.shard.interface.autoconfigure != Autoconfigure::kOff;
  size_t running = 0;
  for (size_t i = 0; i < programs.size(); ++i) running += runs_always(i) ? 1 : 0;
  company = std::make_unique<runtime::Company>(running);
  for (size_t i = 0; i < programs.size(); ++i) {
    shard_config.sharding.index = static_cast<uint16_t>(i);
    if (i < config.connections_files.size()) {
      shard_config.connections_file = config.connections_files[i];
    }
    auto created = Shard::create(shard_config, runtime::Clock::system().now());
    if (!created) return created.error();
    shards.push_back(std::move(*created));
    if (exchange) {
      movers.push_back(std::make_unique<runtime::Mover>(*moving, *steerers[i], *shards[i],
                                                        static_cast<uint16_t>(i)));
    }
    const runtime::WorkerConfig worker_config{.index = i,
                                              .cpu = i < config.cpus.size() ? config.cpus[i] : -1,
                                              .dpdk = port != nullptr,
                                              .idling = config.idling,
                                              .drain_timeout = config.drain_timeout,
                                               .tap = config.tap};
    nic::Wire* used = &wire(i);
    if (!config.impairment.none()) {
      impaired.push_back(std::make_unique<nic::ImpairedWire>(*used, config.impairment, i));
      used = impaired.back().get();
    }
    workers.push_back(std::make_unique<runtime::Worker>(
        worker_config, *shards[i], *programs[i], *used, *company,
        exchange ? steerers[i].get() : nullptr, exchange ? movers[i].get() : nullptr));
  }
  return {};
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Engine>> Engine::create(const EngineConfig& config,
                                               std::span<Program* const> programs) {
  if (auto ok = check_workers(config, programs.size()); !ok) return ok.error();
  auto impl = Impl::open(config, static_cast<uint16_t>(programs.size()));
  if (!impl) return impl.error();
  if (auto ok = (*impl)->add_shards(config, programs); !ok) return ok.error();
  return std::unique_ptr<Engine>(new Engine(std::move(*impl)));
}

Result<std::pair<std::unique_ptr<Engine>, std::unique_ptr<Engine>>> Engine::create_loopback(
    const EngineConfig& left_config, std::span<Program* const> left,
    const EngineConfig& right_config, std::span<Program* const> right) {
  if (auto ok = check_workers(left_config, left.size()); !ok) return ok.error();
  if (auto ok = check_workers(right_config, right.size()); !ok) return ok.error();
  if (left.size() != right.size()) {
    return Error{fmt::format("a loopback has as many workers on either side, not {} and {}",
                             left.size(), right.size())};
  }
  const uint32_t mtu = std::max(left_config.shard.interface.mtu, right_config.shard.interface.mtu);
  const nic::LoopbackSizes sizes{
      .slots = std::max(left_config.tx_descriptors, right_config.tx_descriptors),
      .frame_bytes = mtu + nic::kLinkBytes,
      .tags = left_config.shard.interface.has_vlans() || right_config.shard.interface.has_vlans()};
  std::vector<std::unique_ptr<nic::Wire>> left_ends;
  std::vector<std::unique_ptr<nic::Wire>> right_ends;
  for (size_t i = 0; i < left.size(); ++i) {
    auto ends = nic::make_loopback(sizes);
    left_ends.push_back(std::move(ends.first));
    right_ends.push_back(std::move(ends.second));
  }
  auto left_impl = Impl::attach(left_config, std::move(left_ends));
  if (!left_impl) return left_impl.error();
  if (auto ok = (*left_impl)->add_shards(left_config, left); !ok) return ok.error();
  auto right_impl = Impl::attach(right_config, std::move(right_ends));
  if (!right_impl) return right_impl.error();
  if (auto ok = (*right_impl)->add_shards(right_config, right); !ok) return ok.error();
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
  for (size_t i = 0; i < impl_->workers.size(); ++i) {
    if (!impl_->runs_always(i)) continue;
    const Result<void> outcome = impl_->workers[i]->start();
    if (outcome) continue;
    for (auto& other : impl_->workers) other->quit();
    for (auto& other : impl_->workers) other->join();
    for (auto& steerer : impl_->steerers) steerer->reclaim();
    return outcome;
  }
  impl_->started = true;
  return {};
}

bool Engine::running() const {
  return std::any_of(impl_->workers.begin(), impl_->workers.end(),
                     [](const auto& worker) { return worker->running(); });
}

void Engine::stop() {
  for (auto& worker : impl_->workers) worker->stop();
}

EngineReport Engine::finish() {
  EngineReport report;
  for (auto& worker : impl_->workers) worker->join();
  impl_->started = false;
  for (auto& steerer : impl_->steerers) steerer->reclaim();
  for (size_t i = 0; i < impl_->workers.size(); ++i) {
    report.drained = report.drained && impl_->workers[i]->drained();
    report.workers.push_back(worker_stats(i));
    report.left.push_back(impl_->shards[i]->use());
  }
  if (impl_->port) {
    linger();
    impl_->port->close();
    report.mbufs_missing = impl_->port->mbufs_missing();
  }
  report.device = device_stats();
  return report;
}

size_t Engine::shard_count() const { return impl_->shards.size(); }

const Counters& Engine::counters(size_t shard_index) const {
  return impl_->shards[shard_index]->counters();
}

DeviceStats Engine::device_stats() const {
  DeviceStats stats;
  for (size_t i = 0; i < impl_->workers.size(); ++i) {
    const nic::WireTallies& tallies = impl_->wire(i).tallies();
    stats.frames_in += tallies.frames_in.get();
    stats.frames_out += tallies.frames_out.get();
    stats.missed += tallies.rx_refused.get();
    stats.tx_full += tallies.tx_full.get();
    stats.tx_dropped += tallies.tx_dropped.get();
    stats.no_buffers += tallies.no_buffers.get();
  }
  if (impl_->port) {
    const nic::Port::Losses losses = impl_->port->losses();
    stats.missed += losses.missed;
    stats.no_buffers += losses.no_buffers;
    stats.mbufs = impl_->port->mbufs();
    stats.mbufs_in_use = impl_->port->mbufs_in_use();
  }
  return stats;
}

WorkerStats Engine::worker_stats(size_t shard_index) const {
  return impl_->workers[shard_index]->stats();
}

bool Engine::take_bad_end(size_t shard_index, BadEnd& end) {
  return impl_->workers[shard_index]->take_bad_end(end);
}

bool Engine::take_tapped(size_t shard_index, TappedFrame& frame) {
  return impl_->workers[shard_index]->tap()->take(frame);
}

uint64_t Engine::tap_lost(size_t shard_index) const {
  return impl_->workers[shard_index]->tap()->lost();
}

ShardUse Engine::shard_use(size_t shard_index) const { return impl_->workers[shard_index]->use(); }

Result<std::unique_ptr<EngineListing>> Engine::list(const ListRequest& request) {
  auto begun = impl_->listings.begin(request, impl_->workers);
  if (!begun) return begun.error();
  return std::unique_ptr<EngineListing>(new EngineListing(std::move(*begun)));
}

MacAddress Engine::mac() const { return impl_->mac; }

bool Engine::link_up() const {
  // The first worker looks at the link once it runs.
  if (impl_->started && impl_->port) return impl_->port->link_up();
  return impl_->wire(0).poll_link();
}

std::string Engine::describe() const { return impl_->description; }

}  // namespace millrace
