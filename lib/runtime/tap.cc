// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/tap.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::runtime {
namespace {

constexpr size_t kFrameMax = 16384;

// The same for both directions of a connection.
uint32_t number_of(const FlowKey& key) {
  const auto mix = [](const IpAddress& address, uint16_t port) {
    const IpAddress::Words words = address.words();
    uint64_t h = (words[0] ^ (words[1] * 0x9e3779b97f4a7c15u) ^ port) * 0xd6e8feb86659fd93u;
    return static_cast<uint32_t>(h >> 32);
  };
  return mix(key.local, key.local_port) + mix(key.peer, key.peer_port);
}

}  // namespace

Tap::Tap(const TapConfig& config)
    : config_(config),
      slots_(config.frames_max),
      free_(config.frames_max),
      full_(config.frames_max),
      written_(kFrameMax) {
  config_.snap_bytes = std::min(config.snap_bytes, TapConfig::kSnapMax);
  for (uint32_t i = 0; i < config.frames_max; ++i) free_.push(i);
}

bool Tap::wanted(const wire::ParsedFrame& parsed, bool is_tcp) const {
  if (!is_tcp) return !config_.address && config_.port == 0;
  const FlowKey& key = parsed.key;
  if (config_.address && key.local != *config_.address && key.peer != *config_.address) {
    return false;
  }
  if (config_.port != 0 && key.local_port != config_.port && key.peer_port != config_.port) {
    return false;
  }
  return config_.sample <= 1 || number_of(key) % config_.sample == 0;
}

void Tap::see(Instant now, const Shard& shard, const RxFrame& frame, bool sent) {
  RxFrame trusted = frame;  // whatever its checksums are, it is shown
  trusted.ip_checksum = trusted.l4_checksum = ChecksumVerdict::kGood;
  wire::ParsedFrame parsed;
  const bool is_tcp = wire::parse_frame(trusted, parsed) == wire::FrameKind::kTcp;
  if (!wanted(parsed, is_tcp)) return;
  uint32_t slot = 0;
  if (!free_.pop(slot)) {
    lost_.add(1);
    return;
  }
  TappedFrame& out = slots_[slot];
  out.time = now;
  out.length = frame.length;
  out.captured = static_cast<uint16_t>(std::min<uint32_t>(frame.length, config_.snap_bytes));
  out.sent = sent;
  out.state.reset();
  if (is_tcp) {
    FlowKey key = parsed.key;
    if (sent) {
      std::swap(key.local, key.peer);
      std::swap(key.local_port, key.peer_port);
    }
    out.state = shard.state_of(key);
  }
  std::memcpy(out.bytes.data(), frame.data, out.captured);
  full_.push(slot);
}

void Tap::received(Instant now, const Shard& shard, std::span<const RxFrame> frames) {
  for (const RxFrame& frame : frames) see(now, shard, frame, false);
}

void Tap::sent(Instant now, const Shard& shard, std::span<const TxFrame> frames) {
  for (const TxFrame& described : frames) {
    for (size_t i = 0; i < described.segments(); ++i) {
      const TxFrame frame = cut_segment(described, i);
      if (frame.total_bytes() > written_.size()) continue;
      RxFrame view;
      view.length = static_cast<uint32_t>(write_frame(frame, written_));
      view.data = written_.data();
      see(now, shard, view, true);
    }
  }
}

bool Tap::take(TappedFrame& out) {
  uint32_t slot = 0;
  if (!full_.pop(slot)) return false;
  const TappedFrame& from = slots_[slot];
  out.time = from.time;
  out.length = from.length;
  out.captured = from.captured;
  out.sent = from.sent;
  out.state = from.state;
  std::memcpy(out.bytes.data(), from.bytes.data(), from.captured);
  free_.push(slot);
  return true;
}

}  // namespace millrace::runtime
