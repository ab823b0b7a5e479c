// SPDX-License-Identifier: BSD-3-Clause
// The diagram language: protocol tests that read as tcpdump would print them. A scene is a host
// under test in virtual time, real frames in and real frames out, and the test plays the peer.
//
//     Scene s(established());
//     s.at(  0).in("1:1001 ack 1").silence();                // time in ms on the left
//     s.at( 40).out(". 1 ack 1001");                         // not earlier, not later
//     s.at(100).app("write 4000").out("1:1461 ack 1001")...  // one segment a line
//     s.state("ESTABLISHED").received(1000);
//
// Sequence numbers count from each side's initial one, so SYN is 0 and the first byte 1. Both
// initial numbers lie just below 2^32, so every scene wraps. The grammar of a line is in
// scene_line.h. PSH is compared only where a line asks for it; other flags, seq and length always;
// ack, window and options where the line names them. A line without a range is a segment without
// payload. Payload is checked against a pattern that knows its place in the stream.
//
// Must hold: every frame that the host sends is claimed by an out() before the next at() and
// before the end; silence is a claim. Every frame has good checksums, our addresses and DF. The
// first thing that is wrong ends the scene, with the whole transcript.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/naive_frame.h"
#include "support/naive_icmp6.h"
#include "support/scene_line.h"
#include "support/test_host.h"

namespace millrace::test {

inline constexpr uint32_t kLocalIp = 0x0a000001;              // 10.0.0.1, the host under test
inline constexpr uint32_t kPeerIp = 0x0a000002;               // 10.0.0.2, the test
inline constexpr std::string_view kLocalIp6 = "2001:db8::1";  // where there is any IPv6
inline constexpr std::string_view kPeerIp6 = "2001:db8::2";
inline constexpr MacAddress kLocalMac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};

// Where a scene begins. Scenes are plain by default: no window scaling, no timestamps, no SACK,
// NewReno, no quick acknowledgements, and a receive buffer that fits the window field and is
// offered whole.
struct Stage {
  TcpOptions tcp;
  ShardConfig shard;
  bool active = false;             // the host connects; otherwise it listens on port 80
  std::string state;               // reached before the scene starts, unseen; "": nothing happens
  int64_t rtt_ms = 0;              // of the unseen handshake
  uint32_t peer_isn = 0xfffffffe;  // so the peer's second byte has sequence number 0
  uint16_t local_port = 80;
  uint16_t peer_port = 5000;
  uint16_t peer_window = 65535;  // the window field where a line names none
  uint16_t peer_mss = 1460;
  int peer_window_shift = -1;  // -1: the option is not sent
  bool peer_sack = false;      // the unseen handshake offers SACK
  Family family = Family::kOfTheSuite;
  bool manual_arp = false;  // the test answers and claims ARP and neighbour discovery

  Stage();
  // Each returns the set-up, so that a scene begins with one line.
  Stage& timestamps();                  // both sides; the peer's clock shows 1000 at 0 ms
  Stage& window_scale(int peer_shift);  // both sides
  Stage& sack() { return peer_sack = true, *this; }
  Stage& rtt(int64_t ms) { return rtt_ms = ms, *this; }
  Stage& nodelay() { return tcp.nodelay = true, *this; }
  Stage& receive_buffer(uint32_t bytes) { return tcp.receive_buffer_bytes = bytes, *this; }
  Stage& autotuned(uint32_t bytes) {  // needs window scaling
    tcp.receive_autotuning = true;
    return receive_buffer(bytes);
  }
  Stage& send_buffer(uint32_t bytes) { return tcp.send_buffer_bytes = bytes, *this; }
  Stage& ecn(Ecn mode) { return tcp.ecn = mode, *this; }
  Stage& statistics() { return shard.statistics = true, *this; }
  Stage& mss(uint16_t bytes) { return peer_mss = bytes, *this; }
  Stage& window(uint16_t field) { return peer_window = field, *this; }
  Stage& keepalive(int64_t idle_ms, int64_t interval_ms, uint8_t probes);
  Stage& tune(const std::function<void(TcpOptions&)>& change) { return change(tcp), *this; }
  Stage& tune_shard(const std::function<void(ShardConfig&)>& change) {
    return change(shard), *this;
  }
  Stage& own_family() { return family = Family::kOwn, *this; }
  Stage& ipv6() { return family = Family::kIpv6, *this; }
  Stage& arp_by_hand() { return manual_arp = true, *this; }
};

Stage server();              // listens; nothing has happened
Stage client();              // app("connect") starts it
Stage established();         // the peer connected to us
Stage established_client();  // we connected to the peer
// "SYN-SENT", "SYN-RECEIVED" (from LISTEN: a half-open entry), "SYN-RECEIVED-SIMULTANEOUS",
// "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT".
// We closed by shutdown(), so the application still reads.
Stage in_state(std::string state);

class Scene {
 public:
  // The line of the test that makes a claim; std::source_location, which clang 14 lacks.
  struct Where {
    const char* file;
    int line;
    static constexpr Where current(const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) {
      return {file, line};
    }
  };

  explicit Scene(const Stage& setup, Where where = Where::current());
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // The clock shows `ms` now. Nothing that was sent before may be unclaimed.
  Scene& at(int64_t ms, Where where = Where::current());

  // All that the host has goes on at another shard. With MILLRACE_MOVES=1 each at() does that, too:
  // so whole suites show that nothing is different afterwards.
  Scene& move(Where where = Where::current());

  // --- Frames.
  Scene& in(std::string_view line, Where where = Where::current());
  Scene& in(const Bytes& frame, Where where = Where::current());
  // Several at once: one turn of the host's loop.
  Scene& in_burst(std::initializer_list<std::string_view> lines, Where where = Where::current());
  // The next frame the host sent, at the time the clock shows (up to one tick later).
  Scene& out(std::string_view line, Where where = Where::current());
  // The same, at any time up to `ms`; the clock then shows when it was.
  Scene& out_by(int64_t ms, std::string_view line, Where where = Where::current());
  // Claims the next frame if it is there and matches: for what RFCs leave open.
  Scene& maybe(std::string_view line, Where where = Where::current());
  // Claims all that was sent so far: for what a scene is not about.
  Scene& whatever();
  // Nothing (more) was sent.
  Scene& silence(Where where = Where::current());

  // --- The application: "connect", "connect N" (bytes to go with the SYN), "write N", "write N
  // takes M", "read", "read N", "shutdown", "close", "abort", "unlisten".
  Scene& app(std::string_view verb, Where where = Where::current());

  // --- Claims about the host. TIME-WAIT, LISTEN and CLOSED, which have no connection object, are
  // told from what is in use.
  Scene& state(std::string_view name, Where where = Where::current());
  Scene& closed(std::string_view reason, Where where = Where::current());
  Scene& open(Where where = Where::current());  // no on_closed so far
  Scene& peer_closed(Where where = Where::current());
  // Bytes delivered in order so far, read or not, all as the peer wrote them.
  Scene& received(uint64_t bytes, Where where = Where::current());
  // How much a counter has grown since the scene began.
  Scene& counter(std::string_view name, uint64_t n, Where where = Where::current());
  Scene& half_open(uint32_t n, Where where = Where::current());
  Scene& time_wait(uint32_t n, Where where = Where::current());
  Scene& connections(uint32_t n, Where where = Where::current());
  // Nothing is left in use but neighbours and listeners.
  Scene& drained(Where where = Where::current());
  // Any other claim, with words for when it fails.
  Scene& claim(bool holds, std::string_view what, Where where = Where::current());

  // --- Other flows, other incarnations.
  // Lines and verbs are about the flow between these ports from here on.
  Scene& flow(uint16_t peer_port, uint16_t local_port = 80);
  // Lines are about frames on that VLAN from here on ("" is untagged), between these addresses.
  // What the host sends elsewhere is told from what is expected.
  Scene& on(std::string_view vlan, uint32_t local_ip = kLocalIp, uint32_t peer_ip = kPeerIp);
  // The same ports again: the peer's new initial sequence number lies `isn_offset` beyond the old
  // one, ours is learned anew.
  Scene& reincarnate(int64_t isn_offset);

  // --- For what has no word above.
  TestHost& host() { return *host_; }
  [[nodiscard]] TcpInfo info() const;        // of the current flow; empty when it has none
  [[nodiscard]] uint32_t local_isn() const;  // 0 until learned
  [[nodiscard]] ConnectionId connection() const;
  [[nodiscard]] ListenerId listener() const { return listener_; }
  [[nodiscard]] const Bytes& fast_open_cookie() const { return fast_open_cookie_; }
  [[nodiscard]] Bytes frame(std::string_view line);  // what in() would inject
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  struct Flow {
    uint16_t local_port = 0, peer_port = 0;
    uint32_t peer_isn = 0;
    std::optional<uint32_t> local_isn;
    std::optional<uint32_t> ts_base;  // our timestamp value at 0 ms
    uint32_t ts_latest = 0;           // the last that the host sent
    std::optional<ConnectionId> connection;
    uint64_t bytes_written = 0;
    uint64_t bytes_read = 0;
  };
  struct Sent {
    Instant time;
    Bytes bytes;
    NaiveFrame frame;
    std::optional<NaiveIcmp6> icmp6;
    std::string vlan;
  };

  void start(Instant epoch);
  void set_the_stage();
  void tear_down();
  void hidden_in(const std::string& line);
  void hidden_out(const std::string& line);
  std::string hidden_timestamps() const;

  Flow& current() { return flows_.at(current_); }
  const Flow& current() const { return flows_.at(current_); }
  Flow& flow_of(const NaiveTcp& tcp, bool from_host);

  void advance_to(Instant time);
  void pull();
  void take(Sent sent);
  void take_icmp6(Sent sent);
  std::string format(const Bytes& bytes, bool from_host);
  void adopt_accepted();
  void read_all(Flow& flow, uint64_t bytes_max);
  bool write(Flow& flow, uint64_t bytes, uint64_t expected, const Where& where);

  bool fill_tcp(std::string_view line, NaiveTcp& tcp, const Where& where);
  std::optional<Bytes> make_frame(std::string_view line, const Where& where);
  std::optional<std::string> mismatch(const SegmentLine& want, const Sent& sent);
  std::optional<std::string> mismatch(std::string_view line, const Sent& sent);
  bool match_next(std::string_view line, const Where& where);

  std::string format(const NaiveFrame& frame, bool from_host);
  std::string format(const NaiveTcp& tcp, bool from_host);
  [[nodiscard]] double ms(Instant time) const;
  void note(Instant time, std::string_view what, const std::string& text);
  void check_unclaimed(const Where& where);
  void fail(const Where& where, const std::string& message);

  Stage setup_;
  Where where_;  // the scene begins there
  std::unique_ptr<TestHost> host_;
  ListenerId listener_;
  std::map<std::pair<uint16_t, uint16_t>, Flow> flows_;  // by peer and local port
  std::pair<uint16_t, uint16_t> current_;
  Instant zero_;        // what the test calls 0 ms
  int64_t now_ms_ = 0;  // what the test's clock shows
  std::deque<Sent> queue_;
  std::string vlan_;
  uint32_t local_ip_ = kLocalIp;
  uint32_t peer_ip_ = kPeerIp;
  Bytes fast_open_cookie_;  // the host's last
  std::map<Counter, uint64_t> counters_at_start_;
  std::vector<std::string> transcript_;
  bool failed_ = false;
};

// The byte at `offset` of what the peer, or the host's application, writes.
std::byte peer_byte(uint64_t offset);
std::byte local_byte(uint64_t offset);

// The enumerator by its name ("TcpInSegs"); nothing when there is none.
std::optional<Counter> counter_named(std::string_view name);

}  // namespace millrace::test
