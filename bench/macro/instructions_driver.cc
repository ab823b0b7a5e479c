// SPDX-License-Identifier: BSD-3-Clause
// What the script `instructions` runs under callgrind. Plays each kind of round, each end of it by
// itself, with one connection per turn and with many. Says by which compiler and options it was
// built, and then of each on a line of its own:
//     ROUND END BURST UNITS
// After every such line millrace_bench_row_done() is called, at which callgrind writes down what it
// has counted in millrace_bench_measured() since the last one: one dump per line, in this order.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "support/shard_pair.h"

namespace millrace::bench {
namespace {

struct Row {
  const char* name;
  Pair::Round round;
};

constexpr Row kRows[] = {
    {"server-closes", Pair::Round::kServerCloses},
    {"client-closes", Pair::Round::kClientCloses},
    {"request", Pair::Round::kRequest},
    {"ack", Pair::Round::kAcknowledge},
    {"syn", Pair::Round::kSyn},
    {"syn-cookie", Pair::Round::kSynCookie},
    {"bulk", Pair::Round::kBulk},
    {"bulk-static", Pair::Round::kStaticBulk},
};

}  // namespace

extern "C" [[gnu::noipa]] void millrace_bench_row_done() { asm volatile(""); }

int run() {
  std::printf("%s\n", MILLRACE_BUILT_BY);
  for (const Row& row : kRows) {
    for (const End end : {End::kClient, End::kServer}) {
      // The end of an acknowledgement that is measured is the one that gets it.
      if (row.round == Pair::Round::kAcknowledge && end == End::kServer) continue;
      // The bytes that come are the same.
      if (row.round == Pair::Round::kStaticBulk && end == End::kServer) continue;
      // To the client one SYN-ACK is like the other.
      if (row.round == Pair::Round::kSynCookie && end == End::kClient) continue;
      for (const uint32_t burst : {1u, 32u}) {
        Pair pair(row.round, burst);
        const uint32_t plays = 6400 / burst / (burst == 1 ? 4 : 1);
        for (uint32_t i = 0; i < plays; ++i) pair.play(end);
        if (!pair.consistent()) {
          std::fprintf(stderr, "the round %s did not do what it says\n", row.name);
          return 1;
        }
        std::printf("%s %s %u %u\n", row.name, end == End::kClient ? "client" : "server", burst,
                    plays * burst);
        millrace_bench_row_done();
      }
    }
  }
  return 0;
}

}  // namespace millrace::bench

int main() { return millrace::bench::run(); }
