// SPDX-License-Identifier: BSD-3-Clause
// From values to frames: build_tcp() alone, as a device that gathers and sums needs it, and with
// write_frame() behind it, as one that does neither. Items are frames.
#include "wire/build.h"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/headers.h"

namespace millrace::wire {
namespace {

constexpr FlowKey kKey{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 40'000};

EthernetHeader ethernet() {
  return make_ethernet({{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 1}}, kEthertypeIpv4);
}

SegmentHeader sack() {
  SegmentHeader header = stamped();
  header.sack_count = 3;
  return header;
}

// A payload of `bytes` in `spans` pieces of about the same length, as from a ring that wraps.
struct Payload {
  Payload(uint16_t bytes, uint8_t spans) : memory(bytes, std::byte{0x5a}), count(spans) {
    for (size_t i = 0, at = 0; i < spans; ++i) {
      const size_t end = bytes * (i + 1) / spans;
      pieces[i] = std::span(memory).subspan(at, end - at);
      at = end;
    }
  }
  void attach(TxFrame& frame) const {
    frame.payload = pieces;
    frame.payload_spans = count;
    frame.payload_bytes = static_cast<uint16_t>(memory.size());
  }

  std::vector<std::byte> memory;
  std::array<std::span<const std::byte>, TxFrame::kMaxPayloadSpans> pieces{};
  uint8_t count;
};

void build(benchmark::State& state, SegmentHeader header) {
  const EthernetHeader l2 = ethernet();
  TxFrame frame;
  frame.payload_spans = 0;
  frame.payload_bytes = 0;
  for (auto _ : state) {
    header.seq += 1448;
    build_tcp(frame, l2, {}, kKey, header);
    benchmark::DoNotOptimize(frame);
  }
  state.SetItemsProcessed(state.iterations());
}

void build_and_write(benchmark::State& state, SegmentHeader header, uint16_t payload_bytes,
                     uint8_t spans) {
  const EthernetHeader l2 = ethernet();
  const Payload payload(payload_bytes, spans);
  std::vector<std::byte> out(2048);
  TxFrame frame;
  payload.attach(frame);
  for (auto _ : state) {
    header.seq += 1448;
    build_tcp(frame, l2, {}, kKey, header);
    benchmark::DoNotOptimize(write_frame(frame, out));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(frame.total_bytes()));
}

void build_arp_reply(benchmark::State& state) {
  const ArpPacket arp{.request = false,
                      .sender_mac = {{2, 0, 0, 0, 0, 1}},
                      .sender_ip = kKey.local,
                      .target_mac = {{2, 0, 0, 0, 0, 2}},
                      .target_ip = kKey.peer};
  const EthernetHeader l2 = make_ethernet(arp.target_mac, arp.sender_mac, kEthertypeArp);
  std::array<std::byte, 60> out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(build_arp(out, l2, arp));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(build, ack, plain());
BENCHMARK_CAPTURE(build, ack_timestamps, stamped());
BENCHMARK_CAPTURE(build, ack_timestamps_sack, sack());
BENCHMARK_CAPTURE(build, syn_ack, syn_ack());
BENCHMARK_CAPTURE(build_and_write, ack_timestamps, stamped(), 0, 0);
BENCHMARK_CAPTURE(build_and_write, data_64, stamped(), 64, 1);
BENCHMARK_CAPTURE(build_and_write, data_1448, stamped(), 1448, 1);
BENCHMARK_CAPTURE(build_and_write, data_1447_in_2_pieces, stamped(), 1447, 2);
BENCHMARK(build_arp_reply);

}  // namespace
}  // namespace millrace::wire
