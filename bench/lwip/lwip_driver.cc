// SPDX-License-Identifier: BSD-3-Clause
// The rounds of bench/macro/instructions_driver.cc that stand for a whole exchange, played by two
// copies of lwIP. Run by the same script, and says the same: its build, and for each round
//     ROUND END BURST UNITS
#include <cstdint>
#include <cstdio>

#include "lwip/stack.h"

namespace millrace::bench {
namespace {

constexpr uint32_t kBytes = 64;

struct Round {
  const char* name;
  LwipHabits habits;
};
constexpr Round kRounds[] = {
    {"server-closes", {.request_bytes = kBytes, .response_bytes = kBytes, .server_closes = true}},
    {"request", {.response_bytes = kBytes}},
};

class LwipPair {
 public:
  LwipPair(const Round& round, uint32_t burst)
      : round_(round),
        burst_(burst),
        client_(1, round.habits, false),
        server_(2, round.habits, true) {
    connect(1);  // waits for ARP
    if (keeps()) connect(burst - 1);
    server_.forget();
    for (int warm_up = 0; warm_up < 20; ++warm_up) play(false, false);
  }

  void play(bool measure_client, bool measure_server) {
    client_.measure(measure_client);
    server_.measure(measure_server);
    if (keeps()) {
      client_.send(kBytes);
      settle();
    } else {
      connect(burst_);
    }
    client_.measure(false);
    server_.measure(false);
    server_.forget();
    ++plays_;
  }

  // Whether the rounds did what they say: the first connection of those that close was one, too.
  [[nodiscard]] bool consistent() const {
    const uint64_t rounds = plays_ * burst_ + (keeps() ? 0 : 1);
    return client_.bytes_taken() == rounds * kBytes && server_.bytes_taken() == rounds * kBytes &&
           client_.open() == (keeps() ? burst_ : 0) && server_.open() == client_.open();
  }

 private:
  [[nodiscard]] bool keeps() const { return !round_.habits.server_closes; }

  void connect(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) client_.connect();
    settle();
  }

  void settle() {
    for (;;) {
      const auto requests = client_.take();
      server_.receive(requests);
      const auto responses = server_.take();
      client_.receive(responses);
      if (requests.empty() && responses.empty()) return;
    }
  }

  Round round_;
  uint32_t burst_;
  uint64_t plays_ = 0;
  LwipStation client_;
  LwipStation server_;
};

}  // namespace

extern "C" [[gnu::noipa]] void millrace_bench_row_done() { asm volatile(""); }

int run() {
  std::printf("lwIP %s, as Debian builds it\n", LWIP_VERSION_STRING);
  for (const Round& round : kRounds) {
    for (const bool server : {false, true}) {
      for (const uint32_t burst : {1u, 32u}) {
        LwipPair pair(round, burst);
        const uint32_t plays = 640 / burst;
        for (uint32_t i = 0; i < plays; ++i) pair.play(!server, server);
        if (!pair.consistent()) {
          std::fprintf(stderr, "the round %s did not do what it says\n", round.name);
          return 1;
        }
        std::printf("%s %s %u %u\n", round.name, server ? "server" : "client", burst,
                    plays * burst);
        millrace_bench_row_done();
      }
    }
  }
  return 0;
}

}  // namespace millrace::bench

int main() { return millrace::bench::run(); }
