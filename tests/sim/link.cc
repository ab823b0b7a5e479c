// SPDX-License-Identifier: BSD-3-Clause
#include "link.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr size_t kIp = 14;  // without options
constexpr size_t kTcp = 34;
constexpr size_t kWireOverheadBytes = 24;  // preamble, check sequence, gap

bool is_arp(std::span<const std::byte> frame) {
  return frame.size() >= kEthernetBytes && frame[12] == std::byte{0x08} &&
         frame[13] == std::byte{0x06};
}

size_t packet_bytes(std::span<const std::byte> frame) {
  if (frame.size() < kEthernetBytes + 20 || is_arp(frame)) return 0;
  return std::to_integer<size_t>(frame[16]) << 8 | std::to_integer<size_t>(frame[17]);
}

bool later(const Delivery& a, const Delivery& b) {
  return a.time != b.time ? a.time > b.time : a.order > b.order;
}

bool is_tcp(std::span<const std::byte> frame) {
  return frame.size() >= kTcp + 20 && frame[12] == std::byte{0x08} && frame[13] == std::byte{0} &&
         frame[kIp] == std::byte{0x45} && frame[kIp + 9] == std::byte{6};
}

uint32_t get16(std::span<const std::byte> frame, size_t at) {
  return std::to_integer<uint32_t>(frame[at]) << 8 | std::to_integer<uint32_t>(frame[at + 1]);
}

void put16(std::span<std::byte> frame, size_t at, uint32_t value) {
  frame[at] = static_cast<std::byte>(value >> 8);
  frame[at + 1] = static_cast<std::byte>(value);
}

// With the checksum over it set right (RFC 1624).
void replace16(std::span<std::byte> frame, size_t at, uint32_t value, size_t checksum_at) {
  uint32_t sum = (get16(frame, checksum_at) ^ 0xffff) + (get16(frame, at) ^ 0xffff) + value;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(frame, at, value);
  put16(frame, checksum_at, sum ^ 0xffff);
}

}  // namespace

const char* to_string(Fate fate) {
  switch (fate) {
    case Fate::kDelivered:
      return "";
    case Fate::kLost:
      return "LOST";
    case Fate::kQueueFull:
      return "LOST: queue full";
    case Fate::kOutage:
      return "LOST: outage";
    case Fate::kCorrupted:
      return "corrupted";
    case Fate::kTruncated:
      return "truncated";
    case Fate::kDuplicated:
      return "duplicated";
    case Fate::kReordered:
      return "held back";
    case Fate::kTooLarge:
      return "LOST: too large";
    case Fate::kMarked:
      return "marked";
    case Fate::kEcnCleared:
      return "ECN cleared";
  }
  return "?";
}

Link::Link(const LinkConfig& config, Instant faults_end, Random random)
    : config_(config), faults_end_(faults_end), random_(random) {}

Fate Link::accept(Instant now, std::vector<std::byte> frame) {
  // The wire: frames leave one after the other, and arrive `delay` later.
  while (!departures_.empty() && departures_.front() <= now) departures_.pop_front();
  Instant departure = now;
  if (config_.bits_per_second != 0) {
    if (departures_.size() >= config_.queue_frames) return Fate::kQueueFull;
    const uint64_t bits = (std::max<size_t>(frame.size(), 60) + kWireOverheadBytes) * 8;
    departure = std::max(now, busy_until_) +
                nanoseconds(static_cast<int64_t>(bits * 1'000'000'000 / config_.bits_per_second));
    busy_until_ = departure;
    departures_.push_back(departure);
  }
  if (config_.path_mtu != 0 && packet_bytes(frame) > config_.path_mtu &&
      config_.narrow_from <= now && now < config_.narrow_until) {
    return Fate::kTooLarge;
  }
  const Instant arrival = departure + config_.delay;
  if (now >= faults_end_) {
    schedule(arrival, false, std::move(frame));
    return Fate::kDelivered;
  }

  // The faults. ARP has no checksum of its own, so it is lost but never damaged: on a real wire
  // the frame check sequence would have caught it.
  for (const auto& outage : config_.outages) {
    if (outage.begin <= now && now < outage.end) return Fate::kOutage;
  }
  const bool arp = is_arp(frame);
  if (loses(arp)) return Fate::kLost;
  const Fate touched = touch_ecn(frame);
  if (!arp && random_.chance(config_.truncate)) {
    frame.resize(random_.below(frame.size()));
    schedule(arrival, true, std::move(frame));
    return Fate::kTruncated;
  }
  if (!arp && random_.chance(config_.corrupt)) {
    flip_bits(frame);
    schedule(arrival, true, std::move(frame));
    return Fate::kCorrupted;
  }
  if (config_.overtaken_by != 0 && random_.chance(config_.overtaken)) {
    overtaken_.push_back(
        {config_.overtaken_by, arrival + config_.overtaken_wait, std::move(frame)});
    return Fate::kReordered;
  }
  if (random_.chance(config_.duplicate)) {
    schedule(arrival, false, frame);
    schedule(arrival + random_.duration({}, config_.reorder_extra), false, std::move(frame));
    return Fate::kDuplicated;
  }
  if (random_.chance(config_.reorder)) {
    schedule(arrival + random_.duration({}, config_.reorder_extra), false, std::move(frame));
    return Fate::kReordered;
  }
  schedule(arrival, false, std::move(frame));
  let_overtaken_go(arrival, 1);
  return touched;
}

// What routers do (RFC 3168 section 5), and what some do that should not.
Fate Link::touch_ecn(std::span<std::byte> frame) {
  if (config_.mark == 0 && !config_.clear_ect && !config_.clear_ace) return Fate::kDelivered;
  if (!is_tcp(frame)) return Fate::kDelivered;
  constexpr uint32_t kSyn = 2;
  constexpr uint32_t kAce = 0x1c0;
  constexpr uint32_t kCe = 3;
  Fate fate = Fate::kDelivered;
  const uint32_t flags = get16(frame, kTcp + 12);
  if (config_.clear_ace && (flags & kSyn) == 0 && (flags & kAce) != 0) {
    replace16(frame, kTcp + 12, flags & ~kAce, kTcp + 16);
    fate = Fate::kEcnCleared;
  }
  const uint32_t tos = get16(frame, kIp);
  if ((tos & kCe) == 0) return fate;
  if (config_.clear_ect) {
    replace16(frame, kIp, tos & ~kCe, kIp + 10);
    return Fate::kEcnCleared;
  }
  if (!random_.chance(config_.mark)) return fate;
  replace16(frame, kIp, tos | kCe, kIp + 10);
  return Fate::kMarked;
}

// `passed_by` frames arrive in order, and so pass all that let themselves be overtaken.
void Link::let_overtaken_go(Instant arrival, uint32_t passed_by) {
  std::erase_if(overtaken_, [&](Overtaken& o) {
    o.left -= std::min(o.left, passed_by);
    if (arrival < o.latest && o.left != 0) return false;
    schedule(std::min(arrival, o.latest), false, std::move(o.frame));
    return true;
  });
}

Instant Link::next_overtaken() const {
  Instant earliest = Instant::never();
  for (const Overtaken& o : overtaken_) earliest = std::min(earliest, o.latest);
  return earliest;
}

bool Link::loses(bool arp) {
  if (arp) {
    if (arp_seen_++ < config_.arp_lost_first) return true;
    if (random_.chance(config_.arp_loss)) return true;
  }
  if (burst_) {
    if (random_.chance(config_.burst_end)) burst_ = false;
  } else {
    burst_ = random_.chance(config_.burst_begin);
  }
  return random_.chance(burst_ ? config_.burst_loss : config_.loss);
}

// A burst of errors no longer than 15 bits behind the Ethernet header: the Internet checksum sees
// every one of those, so a receiver that takes the frame is wrong and not unlucky.
void Link::flip_bits(std::span<std::byte> frame) {
  const auto body = frame.subspan(std::min(frame.size(), kEthernetBytes));
  if (body.empty()) return;
  const size_t bits = body.size() * 8;
  const size_t first = random_.below(bits);
  const size_t length = random_.coin() ? 1 : random_.between(1, 15);
  for (size_t i = 0; i < length && first + i < bits; ++i) {
    // The first and the last bit of a burst are wrong by definition.
    if (i != 0 && i != length - 1 && random_.coin()) continue;
    body[(first + i) / 8] ^= static_cast<std::byte>(0x80u >> ((first + i) % 8));
  }
}

void Link::schedule(Instant time, bool damaged, std::vector<std::byte> frame) {
  heap_.push_back({time, order_++, damaged, std::move(frame)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

Instant Link::next() const {
  const Instant waited = next_overtaken();
  return heap_.empty() ? waited : std::min(heap_.front().time, waited);
}

Delivery Link::take() {
  const Instant waited = next_overtaken();
  if (waited != Instant::never() && (heap_.empty() || waited < heap_.front().time)) {
    let_overtaken_go(waited, 0);
  }
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Delivery first = std::move(heap_.back());
  heap_.pop_back();
  return first;
}

}  // namespace millrace::sim
