// SPDX-License-Identifier: BSD-3-Clause
// What a connection costs while many others are open and silent: two shards in one process, a wire
// that only copies, COUNT connections that idle. For each COUNT one line:
//     {"connections": N, "ns": nanoseconds, "idle_bytes": bytes}
// ns: connect, 64 B request, 64 B response and close, both ends together, 32 at a time; the best of
// many batches, since whoever else uses the machine only makes it slower. idle_bytes: resident
// memory that an idle connection added at one end.
//
//     growth COUNT...       each in a process of its own, so that memory is counted afresh
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "millrace/shard.h"
#include "support/shard_pair.h"

namespace millrace::bench {
namespace {

constexpr Endpoint kServer{IpAddress::v4(0x0a000001), 80};
constexpr IpAddress kClient = IpAddress::v4(0x0a000002);
constexpr uint32_t kFirstSource = 0x0a010001;
constexpr uint32_t kPerSource = 60'000;  // connections from one address, with ports to spare
constexpr uint32_t kBurst = 32;
constexpr uint32_t kRoundsPerBatch = 50;
constexpr uint32_t kBatches = 40;
constexpr size_t kMessageBytes = 64;
constexpr Duration kTurn = microseconds(2);

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "growth: %s\n", why.c_str());
  std::exit(1);
}

ShardConfig config_of(bool server, uint32_t connections) {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(server ? 1 : 2)}};
  config.interface.addresses = {{server ? kServer.address : kClient, 8}};
  if (!server) config.interface.source_ranges = {{IpAddress::v4(kFirstSource), 16}};
  config.connections_max = connections + 1024;
  config.half_open_max = 1 << 14;
  config.time_wait_max = 1 << 16;
  config.small_blocks_max = 1 << 14;
  config.large_blocks_max = 1 << 12;
  config.rst_per_second = 100'000'000;
  config.msl = milliseconds(1);
  config.hugepages = true;
  config.seed = 1;
  return config;
}

// A cookie of 1 says that a connection is to be used: the others are left alone.
class End final : public App {
 public:
  End(bool server, uint32_t connections)
      : server_(server), shard_(std::move(make(server, connections))) {
    if (server && !shard_->listen(kServer, *this)) give_up("the server cannot listen");
  }

  Shard& shard() { return *shard_; }
  [[nodiscard]] uint64_t answered() const { return answered_; }
  double take_seconds() { return std::exchange(seconds_, 0); }

  void connect(uint64_t cookie, const IpAddress& local) {
    timed([&] {
      const auto id = shard_->connect(kServer, *this, cookie, {}, {local, 0});
      if (!id) give_up(id.error().message);
    });
  }

  void turn(Instant now, const Frames& in, Frames& out) {
    timed([&] {
      shard_->receive(now, in.views());
      shard_->advance(now);
    });
    std::array<TxFrame, Shard::kBurstMax> frames;
    for (;;) {
      size_t count = 0;
      timed([&] { count = shard_->transmit(now, frames); });
      if (count == 0) return;
      for (const TxFrame& frame : std::span(frames).first(count)) out.add(frame);
    }
  }

 private:
  static std::unique_ptr<Shard> make(bool server, uint32_t connections) {
    auto shard = Shard::create(config_of(server, connections), Instant{});
    if (!shard) give_up(shard.error().message);
    return std::move(*shard);
  }

  template <class Call>
  void timed(Call&& call) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    call();
    seconds_ += std::chrono::duration<double>(Clock::now() - begin).count();
  }

  void on_established(Shard& shard, ConnectionRef connection) override {
    static constexpr std::array<std::byte, kMessageBytes> kRequest{};
    if (!server_ && connection.cookie == 1) shard.send(connection.id, kRequest);
  }
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override {
    static constexpr std::array<std::byte, kMessageBytes> kResponse{};
    if (server_) {
      shard.send(connection.id, kResponse);
      shard.shutdown(connection.id);
    } else {
      ++answered_;
    }
    return data.size();
  }
  void on_closed(Shard& /*shard*/, ConnectionRef /*connection*/, CloseReason /*reason*/) override {}

  bool server_;
  std::unique_ptr<Shard> shard_;
  uint64_t answered_ = 0;
  double seconds_ = 0;
};

class Ends {
 public:
  explicit Ends(uint32_t connections) : client_(false, connections), server_(true, connections) {}

  // `count` connections that stay.
  void idle(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      client_.connect(0, IpAddress::v4(kFirstSource + i / kPerSource));
      if (i % kBurst == kBurst - 1) settle();
    }
    settle();
    if (server_.shard().use().connections != count) give_up("some connections did not stay");
  }

  // Nanoseconds of one connection from its SYN to its end, both ends together.
  double round_ns() {
    double best = 1e9;
    for (uint32_t batch = 0; batch < kBatches; ++batch) {
      client_.take_seconds();
      server_.take_seconds();
      for (uint32_t round = 0; round < kRoundsPerBatch; ++round) {
        for (uint32_t i = 0; i < kBurst; ++i) client_.connect(1, kClient);
        settle();
      }
      const double seconds = client_.take_seconds() + server_.take_seconds();
      best = std::min(best, seconds / (kRoundsPerBatch * kBurst) * 1e9);
    }
    if (client_.answered() != uint64_t{kBatches} * kRoundsPerBatch * kBurst) {
      give_up("some connections were not answered");
    }
    return best;
  }

 private:
  void settle() {
    do {
      now_ = now_ + kTurn;
      to_server_.clear();
      client_.turn(now_, to_client_, to_server_);
      to_client_.clear();
      server_.turn(now_, to_server_, to_client_);
    } while (!to_client_.views().empty());
  }

  End client_;
  End server_;
  Frames to_client_;
  Frames to_server_;
  Instant now_;
};

double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long pages = 0;
  if (file == nullptr || std::fscanf(file, "%*s %ld", &pages) != 1) give_up("no /proc/self/statm");
  std::fclose(file);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void measure(uint32_t count) {
  Ends ends(count);
  ends.idle(0);
  const double before = resident_bytes();
  ends.idle(count);
  const double idle = count == 0 ? 0 : (resident_bytes() - before) / 2 / count;
  std::printf("{\"connections\": %u, \"ns\": %.1f, \"idle_bytes\": %.0f}\n", count, ends.round_ns(),
              idle);
  std::fflush(stdout);
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      millrace::bench::measure(static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)));
      std::_Exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  return 0;
}
