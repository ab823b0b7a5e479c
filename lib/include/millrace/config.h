// SPDX-License-Identifier: BSD-3-Clause
// Every limit and constant of a shard, in one place, with its RFC. A shard checks them once, when
// it is created; nothing in the stack grows past them afterwards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "millrace/address.h"
#include "millrace/result.h"
#include "millrace/time.h"

namespace millrace {

enum class CongestionControl : uint8_t {
  kNewReno,  // RFC 5681, 6582
  kCubic,    // RFC 9438 with HyStart++ (RFC 9406)
};

// Whether a connection looks for itself how large a segment the path takes (RFC 4821, RFC 8899),
// beside what ICMP says. As Linux's tcp_mtu_probing 0, 1 and 2.
enum class MtuProbing : uint8_t {
  kOff,
  kBlackHole,  // once full segments time out in a row: smaller ones, and up again by probes
  kAlways,     // begins with 1024 bytes and probes upwards
};

// Explicit congestion notification: what is asked for by connect(), and what a listener agrees to.
enum class Ecn : uint8_t {
  kOff,
  kPassive,   // connect() does not ask; a listener agrees to RFC 3168 when the peer asks
  kClassic,   // RFC 3168: connect() asks, a listener agrees
  kAccurate,  // RFC 9768, asked for and agreed to; RFC 3168 where the peer knows no better
};

// How one listener's or one connect()'s connections behave.
struct TcpOptions {
  // Unacknowledged and unsent bytes held, at most; above 256 KiB only up to twice the congestion
  // window, which is what a connection needs to fill its path.
  uint32_t send_buffer_bytes = 6u << 20;
  uint32_t receive_buffer_bytes = 6u << 20;  // the largest window that is offered
  // The window begins with 64 KiB, or less where receive_buffer_bytes is, and grows with what the
  // application takes in a round trip. False: all of receive_buffer_bytes from the start.
  bool receive_autotuning = true;
  uint16_t mss_max = 0;      // at most; 0: what the MTU allows
  bool window_scale = true;  // RFC 7323 section 2
  bool timestamps = true;    // RFC 7323 section 3
  bool sack = true;          // RFC 2018
  Ecn ecn = Ecn::kPassive;   // RFC 3168, RFC 9768: marks instead of losses
  // Whether a connection that we closed first leaves a TIME-WAIT record. Without one, and with
  // timestamps on both sides, its ports can be used again at once: ISNs and timestamps only grow,
  // so old segments are never taken for new ones; but a FIN that the peer repeats is answered by
  // RST. Where timestamps were not agreed on there is always a record.
  bool time_wait = true;
  bool nodelay = false;     // true turns Nagle's algorithm off (RFC 9293 3.7.4)
  bool delayed_ack = true;  // RFC 1122 section 4.2.3.2
  uint8_t quick_acks = 16;  // so many segments are acknowledged at once first, for slow start
  bool cork = false;        // only full segments are sent, until this is false again or FIN follows
  Duration delayed_ack_timeout = milliseconds(40);  // below 500 ms (RFC 9293 section 3.8.6.3)

  MtuProbing mtu_probing = MtuProbing::kBlackHole;
  CongestionControl congestion = CongestionControl::kCubic;
  uint32_t initial_window_segments = 10;  // RFC 6928
  uint8_t dscp = 0;  // differentiated services code point of what is sent (RFC 2474), 0..63
  uint64_t pacing_rate_max = 0;          // payload bytes per second, repeated ones too; 0: no limit
  Duration rto_initial = seconds(1);     // RFC 6298 section 2.1
  Duration rto_min = milliseconds(200);  // RFC 6298 says 1 s; 200 ms is what hosts deploy
  Duration rto_max = seconds(60);        // RFC 6298 section 2.5
  uint8_t syn_retries = 7;               // SYNs after the first: 3 minutes (RFC 9293 MUST-23)
  uint8_t synack_retries = 5;            // SYN-ACKs after the first (at most 31)
  uint8_t data_retries = 15;             // R2 as a count (RFC 9293 section 3.8.3)
  Duration user_timeout = {};            // 0: data_retries decides (RFC 9293 section 3.8.3)
  bool user_timeout_option = false;      // announce user_timeout; when it is 0, take the peer's,
                                         // from 100 s to a day (RFC 5482)

  bool keepalive = false;  // RFC 9293 section 3.8.4: off by default
  Duration keepalive_idle = seconds(7200);
  Duration keepalive_interval = seconds(75);
  uint8_t keepalive_probes = 10;

  Duration fin_wait2_timeout = seconds(60);  // after close(); a half-closed reader waits for ever

  // Of a listener: SYN-RECEIVED entries at a time; past it SYN cookies, or SYNs are dropped.
  uint32_t backlog = 0;  // 0: as many as the shard has

  // Fast Open (RFC 7413). connect(): the SYN carries what send() was given before it left, once the
  // peer's cookie is known. A listener: a SYN with a good cookie and data begins a connection at
  // once; on_established and on_data follow, and may be for a peer that repeats or forges: only for
  // applications to which a request that comes twice does no harm. Never under SYN cookies.
  bool fast_open = false;
  uint32_t fast_open_queue =
      256;  // of a listener: such connections before the handshake is through

  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

// How the outer of two VLAN tags is written; either is read.
enum class Qinq : uint8_t {
  k8021ad,  // 0x88a8
  k8021q,   // 0x8100, as the inner one
};

// A network that is reached through a gateway, or directly when `gateway` is unspecified.
struct Route {
  Prefix destination;
  IpAddress gateway;
  // Where the gateway is; nothing: on the VLAN of the address whose network it is in. Packets from
  // addresses on other VLANs do not go this way.
  std::optional<Vlan> vlan = {};

  friend bool operator==(const Route&, const Route&) = default;
};

// What the routers of an IPv6 link may tell us (RFC 4861 section 6.3, RFC 4862 section 5.5).
enum class Autoconfigure : uint8_t {
  kOff,
  kRouters,    // default routers, networks on the link, its MTU; for where no gateway is given
  kAddresses,  // and addresses of ours, of prefixes that they announce
};

// When an IPv6 address is ours to use, as another host may have it (RFC 4862 section 5.4).
enum class AddressCheck : uint8_t {
  kOff,         // at once, and nobody is asked
  kOptimistic,  // at once, and given up when somebody objects within a second (RFC 4429)
  kFirst,       // when nobody has objected for a second; until then nothing is sent from it
};

// Whose ICMP redirects are followed, each for one destination (RFC 4861 section 8, RFC 1122 section
// 3.2.2.2). None but those of the gateway that is in use for it.
enum class Redirects : uint8_t {
  kOff,
  kIpv6,  // these come from the link: what a router has forwarded is told by its hop limit
  kAll,   // and those of IPv4 that quote what is in flight; from where they come nobody can tell
};

struct InterfaceConfig {
  MacAddress mac;
  uint16_t mtu = 1500;  // IP packet bytes, 576..9000; at least 1280 where there is any IPv6
  // Ours, of both families, each with its on-link network. Where there is an IPv6 one, or
  // `autoconfigure`, there is a link-local one too, on each VLAN: formed of `mac` unless it is
  // given (RFC 4291). An address is on one VLAN only.
  std::vector<InterfaceAddress> addresses;
  // Further addresses of ours, on no network of their own: answered for and connected from like
  // `addresses`, at no cost for each, on the VLAN of the network that each is in. They may touch or
  // overlap; 65,536 at most.
  std::vector<AddressRange> ranges;
  Qinq qinq = Qinq::k8021ad;
  // Static. A default gateway is 0.0.0.0/0 or ::/0. Where several have the same destination, the
  // first that answers is used.
  std::vector<Route> routes;
  uint8_t ttl = 64;  // or hop limit
  // Announce our addresses at start (RFC 5227 section 3, RFC 4861 section 7.2.6), and join their
  // solicited-node groups (MLDv2, RFC 3810). Of `ranges` the first 1,024 addresses and groups,
  // which is about what peers and switches remember.
  bool gratuitous_arp = true;
  // IPv4 addresses are used when nobody has answered three probes, after four seconds (RFC 5227
  // section 2.1). `ranges` are not checked, of neither family.
  bool arp_probe = false;
  AddressCheck address_check = AddressCheck::kOptimistic;
  Autoconfigure autoconfigure = Autoconfigure::kOff;
  Redirects redirects = Redirects::kIpv6;

  // Whether any network of ours is tagged.
  [[nodiscard]] bool has_vlans() const {
    for (const InterfaceAddress& own : addresses) {
      if (own.vlan.tagged()) return true;
    }
    return false;
  }
  // Whether there is any IPv6 on it.
  [[nodiscard]] bool speaks_ipv6() const {
    if (autoconfigure != Autoconfigure::kOff) return true;
    for (const Prefix& own : addresses) {
      if (!own.address.is_v4()) return true;
    }
    for (const AddressRange& range : ranges) {
      if (!range.first.is_v4()) return true;
    }
    return false;
  }
};

// What becomes of IP fragments.
enum class FragmentHandling : uint8_t {
  kReassemble,
  kDrop,
};

// When a SYN is answered without storing anything (RFC 4987 section 3.6).
enum class SynCookies : uint8_t {
  kAuto,    // when half-open entries run short
  kAlways,  // but for a SYN that reuses a tuple in TIME-WAIT
  kNever,   // a SYN for which there is no entry is dropped
};

// Which of several shards with the same addresses this is, and which tuples are whose: the entry of
// `rss_table` at Toeplitz's hash of the tuple, modulo the table's size, is the index of its shard.
// connect() chooses ports by it; who hands frames to shards has to keep to it.
struct Sharding {
  static constexpr size_t kKeyBytesMin = 40;  // what the hash of an IPv6 tuple takes
  static constexpr size_t kKeyBytesMax = 52;
  static constexpr size_t kTableMax = 512;

  uint16_t index = 0;
  uint16_t count = 1;  // 1: every tuple is ours; key and table are not looked at
  std::vector<uint8_t> rss_key;
  std::vector<uint16_t> rss_table;

  friend bool operator==(const Sharding&, const Sharding&) = default;
};

struct ShardConfig {
  InterfaceConfig interface;
  // Shards of one group have the same seed and Fast Open key, so that each knows the others'
  // cookies. The first alone answers what all of them hear, such as ARP requests.
  Sharding sharding;

  // Bounds. Memory for all of them is reserved when the shard is created, and touched on use.
  uint32_t connections_max = 1u << 20;
  uint32_t half_open_max = 1u << 16;  // SYN-RECEIVED entries of passive opens
  SynCookies syn_cookies = SynCookies::kAuto;
  uint8_t syn_cookies_percent = 75;       // kAuto: of half_open_max in use
  uint32_t time_wait_max = 1u << 20;      // past it the oldest record is reused
  uint32_t fast_open_cookies_max = 1024;  // of peers, for connect(); past it old ones give way
  uint32_t listeners_max = 64;
  uint32_t neighbors_max = 1024;
  uint32_t profiles_max = 256;           // different TcpOptions in use
  uint32_t paths_max = 1024;             // destinations whose path MTU is remembered
  uint32_t small_blocks_max = 1u << 20;  // 256-byte buffers
  uint32_t large_blocks_max = 1u << 16;  // 4096-byte buffers
  uint32_t flight_runs_max = 1u << 20;   // 16-byte records of what is in flight, beyond one each
  uint32_t control_frames_max = 1024;    // RST, ARP, ICMP and SYN-ACK frames waiting to be sent

  // Datagrams of which fragments are kept, each in 64 KiB of room; past it the oldest is given up.
  FragmentHandling fragments = FragmentHandling::kReassemble;
  uint32_t fragmented_max = 64;
  uint32_t fragmented_per_source_max = 16;       // past it fragments of others are dropped
  Duration reassembly_timeout = seconds(30);     // RFC 791 section 3.2, RFC 1122 section 3.3.2
  Duration reassembly_timeout_v6 = seconds(60);  // RFC 8200 section 4.5

  // Budgets per turn (design, decision 11).
  uint32_t timers_per_turn = 1024;
  uint32_t frames_per_connection_per_turn = 64;

  // Payload bytes of a frame that the device cuts into segments by itself (TxFrame::segment_bytes),
  // at most kTsoBytesMax; 0: it cannot. What is on the wire is the same.
  uint32_t tso_bytes_max = 0;
  static constexpr uint32_t kTsoBytesMax = 65'000;  // a length in the IP header has 16 bits

  // Rates, per second of the clock that is passed in.
  uint32_t rst_per_second = 100'000;
  uint32_t challenge_ack_per_second = 1000;  // on average (RFC 5961 section 7); 10 for one flow
  uint32_t icmp_per_second = 1000;

  Duration msl = seconds(30);   // TIME-WAIT lasts 2 MSL (RFC 9293 section 3.4.2)
  bool time_wait_reuse = true;  // own active opens may reuse a TIME-WAIT tuple (RFC 6191)
  uint16_t port_first = 1024;   // ephemeral ports for active opens
  uint16_t port_last = 65535;
  uint16_t min_pmtu = 552;  // an ICMP claim of less is taken for this, as Linux does
  Duration path_mtu_lifetime = seconds(600);  // RFC 1191 section 6.3
  Duration arp_timeout = seconds(1);          // between ARP requests, or neighbour solicitations
  uint8_t arp_retries = 3;
  Duration arp_lifetime = seconds(60);  // an entry that is in use is asked again after this
  // IPv6: how long an answer is good for, unless routers say otherwise (RFC 4861 section 6.3.2);
  // after that the neighbour is asked again when something is sent to it and TCP does not go on.
  Duration nd_reachable_time = seconds(30);

  // Fast Open cookies that we give: good for one to two periods. Shards that share addresses share
  // the key; all zero: it comes from the seed.
  std::array<uint64_t, 2> fast_open_key{};
  Duration fast_open_key_period = seconds(3600);

  // Events of all connections that are remembered, 12 bytes each (millrace/events.h): a power of
  // two, or 0 for none.
  uint32_t events_max = 1u << 14;

  uint64_t seed = 0;        // secrets (ISN, hash keys) come from it; 0 is refused by the runtime
  bool statistics = false;  // TcpInfo's sums: 64 bytes more for each connection, and some time
  // Takes the short way for segments that come in order (header prediction). What a shard does is
  // the same without; for tests of that.
  bool prediction = true;
  // Back the tables by reserved 2 MiB pages where there are any (an Engine decides by its own).
  bool hugepages = false;
  // A file, such as memfd_create() makes, in which the connections lie: whoever has it, too, can
  // tell what they were when this process is gone (millrace/survivors.h). -1: memory of our own.
  int connections_file = -1;
};

// Checks every field against its bounds; the message names the field and says what to change.
Result<void> validate(const ShardConfig& config);
Result<void> validate(const TcpOptions& options);
Result<void> validate(const Sharding& sharding);

}  // namespace millrace
