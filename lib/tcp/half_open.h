// SPDX-License-Identifier: BSD-3-Clause
// Half-open and TIME-WAIT are not connections: what a passive open knows between SYN and ACK, and
// what must be remembered after the last FIN, each in one small record of its own.
#pragma once

#include <cstdint>

#include "millrace/address.h"
#include "tcp/connection.h"
#include "timer/wheel.h"
#include "wire/segment.h"

namespace millrace::tcp {

// SYN-RECEIVED of a passive open (RFC 9293 section 3.10.7.2). Its options belong to the listener,
// which is found again by the local port.
struct alignas(64) HalfOpen {
  static constexpr uint8_t kNoShift = 0xf;
  static constexpr uint8_t kTimestampsBit = 0x10;
  static constexpr uint8_t kSackBit = 0x20;

  FlowKey key;
  SeqNum irs;
  SeqNum iss;
  uint32_t ts_recent = 0;
  timer::Node timer;
  uint16_t mss = 0;  // what the peer can take; 536 when it did not say (RFC 9293 section 3.7.1)
  // Low 4 bits: the peer's window shift, or kNoShift; above them the bits named here; above those
  // two an Ecn.
  uint8_t shift_and_flags = 0;
  uint8_t retries : 5 = 0;
  uint8_t fast_open : 1 = 0;  // the SYN-ACK brings a Fast Open cookie
  uint8_t syn_ecn : 2 = 0;  // accurate: the ECN field of the last SYN; classic: 0 or kClassicNoEct
  static constexpr uint8_t kRetriesMax = 31;
  static constexpr uint8_t kClassicNoEct = 1;  // a SYN came that did not ask

  enum Ecn : uint8_t {
    kEcnNone,
    kEcnClassic,        // RFC 3168
    kEcnAccurate,       // RFC 9768
    kEcnAccurateNoEct,  // a SYN came that did not ask
  };

  [[nodiscard]] uint8_t window_shift() const { return shift_and_flags & 0xf; }
  [[nodiscard]] bool timestamps() const { return (shift_and_flags & kTimestampsBit) != 0; }
  [[nodiscard]] bool sack() const { return (shift_and_flags & kSackBit) != 0; }
  [[nodiscard]] Ecn ecn() const { return static_cast<Ecn>(shift_and_flags >> 6); }
  void set_ecn(Ecn ecn) {
    shift_and_flags = static_cast<uint8_t>((shift_and_flags & 0x3f) | (ecn << 6));
  }
};
static_assert(sizeof(HalfOpen) == 64);

// TIME-WAIT (RFC 9293 section 3.10.7.4): what answers need, beside the tuple.
struct TimeWait {
  SeqNum snd_nxt;
  SeqNum rcv_nxt;
  uint32_t ts_recent = 0;
};

// The same with the tuple, packed by family. A local port of 0 is no record's.
struct TimeWaitV4 {
  uint32_t local = 0;  // IPv4 addresses as numbers
  uint32_t peer = 0;
  uint16_t local_port = 0;
  uint16_t peer_port = 0;
  TimeWait state;

  TimeWaitV4() = default;
  TimeWaitV4(const FlowKey& key, const TimeWait& s)
      : local(key.local.v4_value()),
        peer(key.peer.v4_value()),
        local_port(key.local_port),
        peer_port(key.peer_port),
        state(s) {}
  [[nodiscard]] FlowKey key() const {
    return {IpAddress::v4(local), IpAddress::v4(peer), local_port, peer_port};
  }
};
static_assert(sizeof(TimeWaitV4) == 24);

struct TimeWaitV6 {
  IpAddress local;
  IpAddress peer;
  uint16_t local_port = 0;
  uint16_t peer_port = 0;
  TimeWait state;

  TimeWaitV6() = default;
  TimeWaitV6(const FlowKey& key, const TimeWait& s)
      : local(key.local),
        peer(key.peer),
        local_port(key.local_port),
        peer_port(key.peer_port),
        state(s) {}
  [[nodiscard]] FlowKey key() const { return {local, peer, local_port, peer_port}; }
};
static_assert(sizeof(TimeWaitV6) == 48);

}  // namespace millrace::tcp
