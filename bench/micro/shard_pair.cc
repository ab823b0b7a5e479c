// SPDX-License-Identifier: BSD-3-Clause
// Two shards in one process: whole exchanges, both ends together, with a wire that only copies.
// The argument is how many connections, or segments, one turn deals with. The figures
// are bounds for one core that serves both ends; what a NIC costs comes on top.
#include "support/shard_pair.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>

namespace millrace::bench {
namespace {

void play(benchmark::State& state, Pair::Round round) {
  Pair pair(round, static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) pair.play();
  state.SetItemsProcessed(state.iterations() * pair.burst());
  if (round == Pair::Round::kBulk) {
    state.SetBytesProcessed(state.iterations() * pair.burst() * pair.segment_bytes());
  }
  if (!pair.consistent()) state.SkipWithError("the round did not do what it says");
}

// Of rounds that need other turns to be repeatable, only the calls on one shard are timed.
void play_one_end(benchmark::State& state, Pair::Round round, End end) {
  Pair pair(round, static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) {
    pair.play(end);
    state.SetIterationTime(pair.seconds_measured());
  }
  state.SetItemsProcessed(state.iterations() * pair.burst());
  if (!pair.consistent()) state.SkipWithError("the round did not do what it says");
}

void connect_request_response_close(benchmark::State& state) {
  play(state, Pair::Round::kServerCloses);
}
void request_response(benchmark::State& state) { play(state, Pair::Round::kRequest); }
void bulk(benchmark::State& state) { play(state, Pair::Round::kBulk); }
void syn_to_syn_ack(benchmark::State& state) {
  play_one_end(state, Pair::Round::kSyn, End::kServer);
}
void pure_ack_in(benchmark::State& state) {
  play_one_end(state, Pair::Round::kAcknowledge, End::kClient);
}

void bursts(benchmark::internal::Benchmark* benchmark) { benchmark->Arg(1)->Arg(32); }

BENCHMARK(connect_request_response_close)->Apply(bursts);
BENCHMARK(request_response)->Apply(bursts);
BENCHMARK(bulk)->Apply(bursts);
BENCHMARK(syn_to_syn_ack)->Apply(bursts)->UseManualTime();
BENCHMARK(pure_ack_in)->Apply(bursts)->UseManualTime();

}  // namespace
}  // namespace millrace::bench
