// SPDX-License-Identifier: BSD-3-Clause
// What happened on the wire and in the applications: a hash over all of it, so that two runs can be
// compared, and the last entries in full, for the reader of a failure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "link.h"
#include "millrace/time.h"

namespace millrace::sim {

class Transcript {
 public:
  explicit Transcript(bool live) : live_(live) {}

  // Host `host` put a frame on the wire, and what becomes of it.
  void sent(Instant now, size_t host, std::span<const std::byte> frame, Fate fate,
            uint32_t seq_base, uint32_t ack_base);
  // A frame arrived in a turn of host `host`.
  void received(Instant now, size_t host, std::span<const std::byte> frame, uint32_t seq_base,
                uint32_t ack_base);
  // Something at an end of a connection: "established", "send", "closed", with a number.
  // `what` must be a literal.
  void event(Instant now, size_t host, uint32_t connection, const char* what, uint64_t value);

  [[nodiscard]] uint64_t hash() const { return hash_; }
  [[nodiscard]] std::string last_lines() const;

 private:
  enum class Kind : uint8_t { kNone, kSent, kReceived, kEvent };
  struct Entry {
    Kind kind = Kind::kNone;
    Fate fate = Fate::kDelivered;
    uint8_t host = 0;
    uint32_t seq_base = 0;
    uint32_t ack_base = 0;
    Instant time;
    const char* what = nullptr;
    uint64_t value = 0;
    uint32_t connection = 0;
    std::vector<std::byte> bytes;
  };
  static constexpr size_t kEntriesMax = 240;

  Entry& add(Instant now, size_t host, Kind kind);
  void mix(uint64_t value);
  void mix(std::span<const std::byte> bytes);
  void show(const Entry& entry) const;
  static std::string line(const Entry& entry);

  bool live_;
  uint64_t hash_ = 0xcbf29ce484222325u;
  size_t added_ = 0;
  std::array<Entry, kEntriesMax> entries_;
};

}  // namespace millrace::sim
