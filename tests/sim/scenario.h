// SPDX-License-Identifier: BSD-3-Clause
// What a simulated world consists of, as data: hosts, wires, and for every connection what each
// end is going to do. Written by hand for a named test, or drawn from a seed (swarm.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "link.h"
#include "millrace/config.h"
#include "millrace/time.h"

namespace millrace::sim {

// When an end sends its FIN.
enum class CloseWhen : uint8_t {
  kSent,      // as soon as all its bytes are in the send buffer: half-close, reading goes on
  kReceived,  // when it has also read all that the peer is going to send
  kPeer,      // after the peer's FIN
};

// How an end breaks off, if it does.
enum class AbortHow : uint8_t {
  kNever,
  kAbort,  // abort()
  kClose,  // close() at that moment: an abort when bytes are unread, else RST to what still comes
};

struct EndPlan {
  uint32_t bytes = 0;      // to send in all
  uint32_t write_min = 1;  // sizes of send() calls
  uint32_t write_max = 65536;
  Duration write_gap;            // from one send() to the next
  bool write_early = false;      // client: send() before the handshake is complete
  bool send_static = false;      // send_static() instead of send()
  bool inside_callbacks = true;  // act at once, or later in the turn
  CloseWhen close_when = CloseWhen::kReceived;
  bool use_close = false;  // close() where shutdown() would do, once nothing more can come

  double take_less = 0;                   // chance that on_data takes only a part ...
  Duration pause_max = milliseconds(20);  // ... and goes on after at most this
  uint32_t stall_at = 0;                  // stop reading once, at this many bytes, ...
  Duration stall;                         // ... for so long; 0: never

  AbortHow abort_how = AbortHow::kNever;
  Duration abort_after;  // counted from the connection's start
};

struct ConnectionPlan {
  Instant start;
  uint8_t client_host = 0;
  uint8_t server_host = 1;
  uint8_t listener = 0;       // index into the server host's listeners
  bool refused = false;       // to a port where nobody listens
  bool unreachable = false;   // to an address that nobody has
  bool simultaneous = false;  // both ends open actively, at the same time
  // 0: streams. Else so many rounds of request and response, `bytes` of each end divided evenly.
  uint32_t rounds = 0;
  TcpOptions options;           // the client's; of both, when simultaneous
  std::array<EndPlan, 2> ends;  // client, server
};

struct HostPlan {
  ShardConfig shard;
  std::vector<TcpOptions> listeners;  // on ports 80, 81, ...
  bool checksum_verdicts = false;     // the device says good or bad, instead of nothing
  size_t burst_max = 64;              // frames per receive()
  size_t transmit_max = 32;           // frames per transmit()
  Duration turn_delay;                // a frame waits up to this long for the next turn
  double transmit_stall = 0;          // chance that the device takes nothing this turn
  double move = 0;                    // chance, per turn, that entries begin to change shards
};

struct Scenario {
  std::string name;
  uint64_t seed = 0;
  std::array<HostPlan, 2> hosts;
  std::array<LinkConfig, 2> links;  // from host 0 to host 1, and back
  std::vector<ConnectionPlan> connections;
  Instant faults_end;                     // no faults from here on ...
  Duration finish_within = seconds(900);  // ... and everything is over within this
  double noise = 0;           // chance, per frame, that a stranger's frame comes with it
  bool tight_memory = false;  // so few blocks that sends and segments are turned away
  bool tight_tables = false;  // so few records of one kind or the other that peers must try again
  bool ports_scarce = false;  // connect() may find no port, and is tried again

  [[nodiscard]] bool tight() const { return tight_memory || tight_tables; }
  [[nodiscard]] bool cookies() const {
    return hosts[0].shard.syn_cookies != SynCookies::kNever ||
           hosts[1].shard.syn_cookies != SynCookies::kNever;
  }
};

inline constexpr uint16_t kFirstListenPort = 80;
inline constexpr uint16_t kRefusedPort = 7;
inline constexpr uint16_t kSimultaneousPort = 20000;  // + index of the connection, at both ends

// The address of a host, and of nobody.
inline constexpr uint32_t host_ip(size_t host) { return 0x0a000001u + static_cast<uint32_t>(host); }
inline constexpr uint32_t kNobodyIp = 0x0a0000fau;
inline constexpr uint32_t kRouterIp = 0x0a0000fbu;  // on the way between them, where it is narrow
inline MacAddress host_mac(size_t host) {
  return {{2, 0, 0, 0, 0, static_cast<uint8_t>(host + 1)}};
}

// A host with its address, secrets from the seed, and bounds that fit a simulation.
ShardConfig shard_config(size_t host, uint64_t seed);
// A world without faults: 1 ms each way, no connections yet.
Scenario quiet_scenario(std::string name, uint64_t seed);
// No link of IPv6 carries less than 1280 bytes, and none of ours more than 9000: 20 less of each
// before the translation.
void fit_for_ipv6(Scenario& scenario);
// Raises what validate() refuses (buffers below its bounds) until it does not.
TcpOptions made_valid(TcpOptions options);

}  // namespace millrace::sim
