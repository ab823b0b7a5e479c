// SPDX-License-Identifier: BSD-3-Clause
// parse_frame() over bursts of 64 frames that lie in the cache, by kind of segment, with the
// device's verdict on checksums and without. Items are frames.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/headers.h"
#include "wire/build.h"
#include "wire/frame.h"

namespace millrace::wire {
namespace {

constexpr size_t kBurst = 64;
constexpr MacAddress kOurs{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kTheirs{{2, 0, 0, 0, 0, 2}};

// One flow each, so that the frames differ where frames of a busy server do.
class Burst {
 public:
  Burst(SegmentHeader header, uint16_t payload_bytes, ChecksumVerdict verdict) {
    const std::vector<std::byte> payload(payload_bytes, std::byte{0x5a});
    const EthernetHeader ethernet = make_ethernet(kOurs, kTheirs, kEthertypeIpv4);
    for (uint16_t i = 0; i < kBurst; ++i) {
      const FlowKey key{IpAddress::v4(0x0a000100u + i), IpAddress::v4(0x0a000001u),
                        static_cast<uint16_t>(40'000 + i), 80};
      header.seq += 1000;
      TxFrame frame;
      frame.payload[0] = payload;
      frame.payload_spans = payload_bytes != 0 ? 1 : 0;
      frame.payload_bytes = payload_bytes;
      build_tcp(frame, ethernet, {}, key, header);
      bytes_.emplace_back(frame.total_bytes());
      write_frame(frame, bytes_.back());
      frames_.push_back({.data = bytes_.back().data(),
                         .length = static_cast<uint32_t>(bytes_.back().size()),
                         .ip_checksum = verdict,
                         .l4_checksum = verdict});
    }
  }

  [[nodiscard]] const std::vector<RxFrame>& frames() const { return frames_; }

 private:
  std::vector<std::vector<std::byte>> bytes_;  // each at its own place, moved but never copied
  std::vector<RxFrame> frames_;
};

void parse(benchmark::State& state, const SegmentHeader& header, uint16_t payload_bytes,
           ChecksumVerdict verdict) {
  const Burst burst(header, payload_bytes, verdict);
  std::vector<ParsedFrame> parsed(kBurst);
  for (auto _ : state) {
    for (size_t i = 0; i < kBurst; ++i) parse_frame(burst.frames()[i], parsed[i]);
    benchmark::DoNotOptimize(parsed.data());
    benchmark::ClobberMemory();
  }
  for (const ParsedFrame& p : parsed) {
    if (p.kind != FrameKind::kTcp) state.SkipWithError("a frame was dropped");
  }
  state.SetItemsProcessed(state.iterations() * int64_t{kBurst});
}

SegmentHeader sack() {
  SegmentHeader header = stamped();
  header.sack_count = 3;
  return header;
}

constexpr auto kDevice = ChecksumVerdict::kGood;
constexpr auto kSoftware = ChecksumVerdict::kUnknown;

BENCHMARK_CAPTURE(parse, ack, plain(), 0, kDevice);
BENCHMARK_CAPTURE(parse, ack_timestamps, stamped(), 0, kDevice);
BENCHMARK_CAPTURE(parse, ack_timestamps_sack, sack(), 0, kDevice);
BENCHMARK_CAPTURE(parse, syn, syn(), 0, kDevice);
BENCHMARK_CAPTURE(parse, data_1448, stamped(), 1448, kDevice);
BENCHMARK_CAPTURE(parse, ack_timestamps_software_sums, stamped(), 0, kSoftware);
BENCHMARK_CAPTURE(parse, data_64_software_sums, stamped(), 64, kSoftware);
BENCHMARK_CAPTURE(parse, data_1448_software_sums, stamped(), 1448, kSoftware);

}  // namespace
}  // namespace millrace::wire
