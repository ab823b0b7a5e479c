// SPDX-License-Identifier: BSD-3-Clause
#include "transcript.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "packet.h"

namespace millrace::sim {

void Transcript::mix(uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9fb21c651e98df25u;
  hash_ ^= hash_ >> 32;
}

void Transcript::mix(std::span<const std::byte> bytes) {
  mix(bytes.size());
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
    bytes = bytes.subspan(8);
  }
  for (const std::byte b : bytes) mix(static_cast<uint64_t>(b));
}

Transcript::Entry& Transcript::add(Instant now, size_t host, Kind kind) {
  Entry& entry = entries_[added_++ % kEntriesMax];
  entry.kind = kind;
  entry.time = now;
  entry.host = static_cast<uint8_t>(host);
  entry.fate = Fate::kDelivered;
  mix(static_cast<uint64_t>(now.ns));
  mix(static_cast<uint64_t>(kind) << 8 | host);
  return entry;
}

void Transcript::sent(Instant now, size_t host, std::span<const std::byte> frame, Fate fate,
                      uint32_t seq_base, uint32_t ack_base) {
  Entry& entry = add(now, host, Kind::kSent);
  entry.fate = fate;
  entry.seq_base = seq_base;
  entry.ack_base = ack_base;
  entry.bytes.assign(frame.begin(), frame.end());
  mix(static_cast<uint64_t>(fate));
  mix(frame);
  show(entry);
}

void Transcript::received(Instant now, size_t host, std::span<const std::byte> frame,
                          uint32_t seq_base, uint32_t ack_base) {
  Entry& entry = add(now, host, Kind::kReceived);
  entry.seq_base = seq_base;
  entry.ack_base = ack_base;
  entry.bytes.assign(frame.begin(), frame.end());
  mix(frame);
  show(entry);
}

void Transcript::event(Instant now, size_t host, uint32_t connection, const char* what,
                       uint64_t value) {
  Entry& entry = add(now, host, Kind::kEvent);
  entry.connection = connection;
  entry.what = what;
  entry.value = value;
  mix(connection);
  mix(value);
  show(entry);
}

void Transcript::show(const Entry& entry) const {
  if (live_) std::fprintf(stderr, "%s\n", line(entry).c_str());
}

std::string Transcript::line(const Entry& entry) {
  char head[64];
  const char host = static_cast<char>('A' + entry.host);
  const char* arrow = entry.kind == Kind::kSent       ? "->"
                      : entry.kind == Kind::kReceived ? "<-"
                                                      : "  ";
  std::snprintf(head, sizeof head, "%14.6f %c%s ", static_cast<double>(entry.time.ns) * 1e-9, host,
                arrow);
  if (entry.kind == Kind::kEvent) {
    char text[96];
    std::snprintf(text, sizeof text, "        #%u %s %llu", entry.connection, entry.what,
                  static_cast<unsigned long long>(entry.value));
    return std::string(head) + text;
  }
  std::string text =
      std::string(head) + format(decode(entry.bytes), entry.seq_base, entry.ack_base);
  if (entry.fate != Fate::kDelivered) text += std::string("  *** ") + to_string(entry.fate);
  return text;
}

std::string Transcript::last_lines() const {
  std::string text;
  const size_t count = std::min(added_, kEntriesMax);
  for (size_t i = added_ - count; i < added_; ++i) text += line(entries_[i % kEntriesMax]) + "\n";
  return text;
}

}  // namespace millrace::sim
