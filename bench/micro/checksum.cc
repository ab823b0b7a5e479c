// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum by length and alignment, and the copy that sums on its way against the
// copy that does not. Items are calls.
#include "wire/checksum.h"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace millrace::wire {
namespace {

void report(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// Arguments: length, offset from a multiple of 64 (payload mostly starts at 2 mod 4).
void sum(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0));
  const std::vector<std::byte> memory(bytes + 128, std::byte{0x5a});
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  const size_t to_line = (64 - address % 64) % 64;
  auto piece = std::span(memory).subspan(to_line + static_cast<size_t>(state.range(1)), bytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(piece);
    benchmark::DoNotOptimize(fold(sum_bytes(piece)));
  }
  report(state);
}

void copy_with_sum(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0));
  const std::vector<std::byte> from(bytes, std::byte{0x5a});
  std::vector<std::byte> to(bytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(fold(copy_and_sum(to.data(), from)));
    benchmark::ClobberMemory();
  }
  report(state);
}

void copy_alone(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0));
  const std::vector<std::byte> from(bytes, std::byte{0x5a});
  std::vector<std::byte> to(bytes);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), bytes);
    benchmark::ClobberMemory();
  }
  report(state);
}

void ipv4_header(benchmark::State& state) {
  const std::vector<std::byte> memory(20, std::byte{0x5a});
  const std::byte* ip = memory.data();
  for (auto _ : state) {
    benchmark::DoNotOptimize(ip);
    benchmark::DoNotOptimize(fold(sum_ipv4_header(ip)));
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(sum)->ArgsProduct({{20, 32, 64, 128, 512, 1448, 9000}, {0}})->Args({1448, 2});
BENCHMARK(copy_with_sum)->Arg(64)->Arg(512)->Arg(1448)->Arg(9000);
BENCHMARK(copy_alone)->Arg(64)->Arg(512)->Arg(1448)->Arg(9000);
BENCHMARK(ipv4_header);

}  // namespace
}  // namespace millrace::wire
