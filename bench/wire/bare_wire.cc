// SPDX-License-Identifier: BSD-3-Clause
// What a device carries when nobody looks into the frames: the limit that the same driver sets to
// anything built on it. Two processes, one at each end; on the loopback two threads of one.
//
//     bare_wire serve --device URI [--send]                    receives until SIGTERM
//     bare_wire run   --device URI [--send] --bytes N --seconds S
//
// `run` sends (and receives what comes) for S seconds; with --send, `serve` sends as well from the
// first frame on. Each prints one JSON line: frames sent and received, and in what time.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "nic/eal.h"
#include "nic/loopback.h"
#include "nic/pool.h"
#include "nic/port.h"
#include "nic/precheck.h"

namespace millrace::bench {
namespace {

constexpr uint16_t kBurst = 64;
constexpr uint32_t kIdlePollsBeforeYield = 64;
constexpr double kListenAtEnd = 0.1;  // seconds for frames that are still under way
constexpr uint16_t kMtu = 1500;
constexpr uint16_t kDescriptors = 1024;

volatile std::sig_atomic_t stop_asked = 0;
void on_signal(int /*number*/) { stop_asked = 1; }

double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

struct Options {
  std::string device;
  bool send = false;
  uint32_t bytes = 64;
  double seconds = 2;
};

struct Tally {
  uint64_t sent = 0;
  uint64_t received = 0;
};

// Of an experimental ethertype: for nobody who looks at it.
void write_header(std::byte* frame) {
  static constexpr std::array<uint8_t, 14> kHeader = {2, 0, 0, 0, 0, 2,    2,
                                                      0, 0, 0, 0, 1, 0x88, 0xb5};
  std::memcpy(frame, kHeader.data(), kHeader.size());
}

// --- The two kinds of wire ----------------------------------------------------------------------

class Device {
 public:
  Device(const Options& options, rte_mempool* pool) : bytes_(options.bytes), pool_(pool) {}

  uint16_t receive() {
    std::array<rte_mbuf*, kBurst> frames;
    const uint16_t n = rte_eth_rx_burst(0, 0, frames.data(), kBurst);
    if (n != 0) rte_pktmbuf_free_bulk(frames.data(), n);
    return n;
  }

  uint16_t send() {
    if (waiting_ == 0) {
      if (rte_pktmbuf_alloc_bulk(pool_, frames_.data(), kBurst) != 0) return 0;
      for (rte_mbuf* frame : frames_) {
        frame->data_len = static_cast<uint16_t>(bytes_);
        frame->pkt_len = bytes_;
        write_header(rte_pktmbuf_mtod(frame, std::byte*));
      }
      waiting_ = kBurst;
    }
    const uint16_t taken = rte_eth_tx_burst(0, 0, frames_.data() + (kBurst - waiting_), waiting_);
    waiting_ = static_cast<uint16_t>(waiting_ - taken);
    return taken;
  }

  void give_back() {
    if (waiting_ != 0) rte_pktmbuf_free_bulk(frames_.data() + (kBurst - waiting_), waiting_);
    waiting_ = 0;
  }

 private:
  uint32_t bytes_;
  rte_mempool* pool_;
  std::array<rte_mbuf*, kBurst> frames_{};
  uint16_t waiting_ = 0;
};

class LoopbackEnd {
 public:
  LoopbackEnd(const Options& options, nic::Wire& wire) : wire_(wire), payload_(options.bytes) {
    for (TxFrame& frame : described_) {
      write_header(frame.header.data());
      frame.header_bytes = 14;
      frame.payload[0] = std::span(payload_).first(options.bytes - 14);
      frame.payload_bytes = static_cast<uint16_t>(options.bytes - 14);
      frame.payload_spans = 1;
      frame.l4_checksum_needed = false;
    }
  }

  uint16_t receive() {
    bool full = false;
    const size_t n = wire_.receive(frames_, full);
    wire_.release();
    return static_cast<uint16_t>(n);
  }

  uint16_t send() {
    const size_t room = wire_.room(Instant{});
    if (room != 0) wire_.send(std::span(described_).first(room));
    return static_cast<uint16_t>(room);
  }

  void give_back() {}

 private:
  nic::Wire& wire_;
  std::vector<std::byte> payload_;
  std::array<TxFrame, kBurst> described_{};
  std::array<RxFrame, kBurst> frames_{};
};

// --- Both ends ----------------------------------------------------------------------------------

// Sends, if it `sends`, and receives until it has ended; then receives a little longer.
template <class Wire, class Ended>
Tally carry(Wire& wire, bool sends, bool when_spoken_to, Ended&& ended) {
  Tally tally;
  uint32_t idle = 0;
  uint32_t turns = 0;
  bool listening = false;
  double quiet_at = 0;
  for (;;) {
    if (++turns % 64 == 0 || idle > kIdlePollsBeforeYield) {
      if (!listening && ended()) {
        listening = true;
        quiet_at = seconds_now() + kListenAtEnd;
      }
      if (listening && seconds_now() >= quiet_at) break;
    }
    uint16_t moved = 0;
    if (sends && !listening && (!when_spoken_to || tally.received != 0)) {
      moved = wire.send();
      tally.sent += moved;
    }
    const uint16_t n = wire.receive();
    tally.received += n;
    moved = static_cast<uint16_t>(moved + n);
    idle = moved != 0 ? 0 : idle + 1;
    if (idle > kIdlePollsBeforeYield) sched_yield();
  }
  wire.give_back();
  return tally;
}

void say(const Tally& tally, double seconds) {
  fmt::print("{{\"sent\": {}, \"received\": {}, \"seconds\": {:.6f}, \"tsc_hz\": {}}}\n",
             tally.sent, tally.received, seconds, rte_get_tsc_hz());
  std::fflush(stdout);
}

int fail(const std::string& why) {
  fmt::print(stderr, "bare_wire: {}\n", why);
  return 1;
}

int run_loopback(const Options& options) {
  const nic::LoopbackSizes sizes{.slots = kDescriptors, .frame_bytes = 2048};
  auto ends = nic::make_loopback(sizes);
  const double begin = seconds_now();
  const double end = begin + options.seconds;
  const auto over = [&] { return seconds_now() >= end; };
  Tally served;
  std::thread server([&] {
    LoopbackEnd wire(options, *ends.first);
    served = carry(wire, options.send, true, over);
  });
  LoopbackEnd wire(options, *ends.second);
  Tally own = carry(wire, true, false, over);
  server.join();
  own.received += served.received;  // what arrived at either end
  own.sent += served.sent;
  say(own, options.seconds);
  return 0;
}

int run_device(const DeviceUri& uri, const Options& options, bool serves) {
  const auto plan = nic::plan_pool({.kind = uri.kind,
                                    .mtu = kMtu,
                                    .rx_descriptors = kDescriptors,
                                    .tx_descriptors = kDescriptors});
  if (!plan) return fail(plan.error().message);
  if (auto ok = nic::check_device(uri, nic::Privileges::of_this_process()); !ok) {
    return fail(ok.error().message);
  }
  auto eal = nic::Eal::create({.kind = uri.kind,
                               .memory_mb = plan->memory_mb,
                               .process_id = getpid(),
                               .cpus = nic::allowed_cpus()});
  if (!eal) return fail(eal.error().message);
  auto port = nic::Port::open({.device = uri,
                               .mtu = kMtu,
                               .rx_descriptors = kDescriptors,
                               .tx_descriptors = kDescriptors,
                               .spare_mac = {{2, 0, 0, 0, 0, 9}},
                               .pool = *plan});
  if (!port) return fail(port.error().message);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  while (stop_asked == 0 && !(*port)->wire().poll_link()) usleep(1000);

  const double begin = seconds_now();
  const double end = begin + options.seconds;
  const int node = std::max(0, rte_eth_dev_socket_id(0));
  Device wire(options, rte_mempool_lookup(nic::pool_name(node).c_str()));
  Tally tally;
  if (serves) {
    tally = carry(wire, options.send, true, [] { return stop_asked != 0; });
  } else {
    tally = carry(wire, true, false, [&] { return stop_asked != 0 || seconds_now() >= end; });
  }
  say(tally, options.seconds);
  (*port)->close();
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using namespace millrace::bench;
  CLI::App app("frames over a device that nobody looks into", "bare_wire");
  Options options;
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "receives until SIGTERM");
  CLI::App* run = app.add_subcommand("run", "sends for a while");
  for (CLI::App* command : {serve, run}) {
    command->add_option("--device", options.device, "as for millrace")->required();
    command->add_flag("--send", options.send, "serve sends as well");
    command->add_option("--bytes", options.bytes, "of a frame")->check(CLI::Range(60, 1514));
    command->add_option("--seconds", options.seconds)->check(CLI::Range(0.1, 60.0));
  }
  CLI11_PARSE(app, argc, argv);
  const auto uri = millrace::DeviceUri::parse(options.device);
  if (!uri) return fail(uri.error().message);
  if (uri->kind == millrace::DeviceKind::kLoopback) return run_loopback(options);
  return run_device(*uri, options, serve->parsed());
}
