// SPDX-License-Identifier: BSD-3-Clause
// A whole shard, its peers and its application at the mercy of the input. The bytes are a script:
// raw frames, segments with right checksums and numbers near those that matter, ARP and ICMP, steps
// of time, socket verbs (also from within events), turns that send only a part; and bursts of the
// segments that an open connection expects, which header prediction is for.
// Must hold: every frame sent is sound, and its payload the application's; what is delivered is
// what the peer sent at that place; each connection ends once and is then silent; nothing grows
// past its bound; when it is over, all is given back. And the same script does the same to a shard
// without prediction, frame by frame and event by event. The last byte says in which family.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/script.h"
#include "fuzz/shard_world.h"
#include "millrace/shard.h"
#include "support/family.h"
#include "support/naive_frame.h"

namespace millrace {
namespace {

using namespace fuzz;

class Fuzzed final : private App {
 public:
  // In IPv6, a translator stands between the script and the shard. With `model`, the run must do
  // what that one did.
  Fuzzed(Script script, bool v6, bool prediction, const Transcript* model = nullptr)
      : script_(script), v6_(v6), transcript_(model) {
    ShardConfig wanted = config(prediction);
    if (v6_) test::to_v6(wanted.interface);
    auto shard = Shard::create(wanted, now_);
    require(bool{shard});
    shard_ = std::move(*shard);
    listeners_[0] = listen(0);
    listeners_[1] = listen(1);
    introduce_peers();
  }

  void run() {
    while (!script_.over()) {
      step();
      check_bounds();
    }
    finish();
    transcript_.end(shard_->counters());
  }
  [[nodiscard]] const Transcript& transcript() const { return transcript_; }

 private:
  // What our shard and a peer have said on a tuple.
  struct Flow {
    uint32_t iss = 0;      // ours: of the connection, or of the SYN that was sent last
    uint32_t snd_nxt = 0;  // behind the last of ours
    uint32_t rcv_nxt = 0;  // what we acknowledged last
    uint32_t peer_iss = 0;
    uint32_t echo = 0;  // our last timestamp
    bool opened = false;
    bool connected = false;  // a connection is established: no SYN is its any more
  };
  using Tuple = std::array<uint32_t, 3>;  // the peer's address and port, our port
  struct Socket {
    ConnectionId id;
    Tuple tuple{};
    uint32_t sent = 0;      // bytes that the shard has accepted
    uint32_t expected = 0;  // the next byte's sequence number
    bool established = false;
    bool peer_closed = false;
  };

  // --- Steps ------------------------------------------------------------------------------------

  void step() {
    switch (script_.below(16)) {
      case 0:
        tampered_ = true;
        inject(script_.bytes(script_.byte()));
        break;
      case 1:
        packet();
        break;
      case 2:
        arp();
        break;
      case 3:
        icmp();
        break;
      case 4:
      case 5:
        pass_time();
        break;
      case 6:
        transmit(1 + script_.below(4));
        break;
      case 7:
        connect();
        break;
      case 8:
        listener();
        break;
      case 9:
      case 10:
        if (Socket* s = choose()) verb(*s);
        break;
      case 11:
      case 12:
        segment();
        break;
      default:
        expected_burst();
        break;
    }
    if (frames_at_once_ == 0) transmit(SIZE_MAX);
  }

  // An IPv4 packet of any bytes under a sound Ethernet header, its checksums put right.
  void packet() {
    tampered_ = true;
    test::Bytes frame = sound_segment().first;
    const test::Bytes patch = script_.bytes(1 + script_.below(24));
    const size_t at = 14 + script_.below(60);
    for (size_t i = 0; i < patch.size() && at + i < frame.size(); ++i) frame[at + i] = patch[i];
    if (script_.below(2) == 0) frame.resize(14 + script_.below(64));
    put_checksums_right(frame);
    inject(frame);
  }

  static void put_checksums_right(test::Bytes& frame) {
    if (frame.size() < 34) return;
    const size_t ip_header = size_t{std::to_integer<uint8_t>(frame[14]) & 15u} * 4;
    if (14 + ip_header > frame.size()) return;
    test::fix_ip_checksum(frame);
    const size_t total = test::get16(frame, 16);
    if (ip_header >= 20 && total >= ip_header + 20 && 14 + total <= frame.size()) {
      test::fix_tcp_checksum(frame);
    }
  }

  void segment() { inject(sound_segment().first); }

  // What a connection expects next, several times, and perhaps among it what it does not.
  void expected_burst() {
    const Socket* s = choose();
    if (s == nullptr || !s->established) return segment();
    const auto info = shard_->info(s->id);
    const uint8_t how = script_.byte();
    uint32_t seq = info->rcv_nxt;
    uint32_t ack = info->snd_una;
    std::vector<Received> burst(1 + (how & 3));
    for (Received& received : burst) {
      received.verdict = kVerdicts[how >> 2 & 3];
      const uint8_t which = script_.byte();
      if ((which & 0xe0) == 0xe0) {
        received.frame = sound_segment().first;
        continue;
      }
      test::NaiveTcp t = segment_of(s->tuple);
      t.flags = test::kAck | ((which & 1) != 0 ? test::kPsh : 0);
      if ((which & 0x1e) == 0x1e) t.flags |= test::kFin;
      t.seq = seq;
      if ((how & 0x10) == 0) ack = info->snd_nxt;
      if ((how & 0x60) == 0x60) ack += std::min<uint32_t>(script_.byte(), info->snd_nxt - ack);
      t.ack = ack;
      t.window = (how & 0x80) != 0 ? script_.word() : uint16_t{0xffff};
      if (info->timestamps) {
        if ((which & 0x40) != 0) timestamp_ += script_.below(4);
        t.timestamps = test::NaiveTcp::Timestamps{timestamp_, flows_[s->tuple].echo};
      }
      if ((which & 0x20) != 0) t.payload.resize(size_t{script_.byte()} * (1 + (which >> 1 & 3)));
      fill_payload(t);
      seq += static_cast<uint32_t>(t.payload.size()) + ((t.flags & test::kFin) != 0 ? 1 : 0);
      received.frame = test::build(t);
    }
    receive(burst);
  }

  static test::NaiveTcp segment_of(const Tuple& tuple) {
    test::NaiveTcp t;
    t.destination_mac = kOurMac;
    t.source_mac = kPeerMac;
    t.source_ip = tuple[0];
    t.destination_ip = kOurIp;
    t.source_port = static_cast<uint16_t>(tuple[1]);
    t.destination_port = static_cast<uint16_t>(tuple[2]);
    return t;
  }

  static void fill_payload(test::NaiveTcp& t) {
    const uint32_t begin = t.seq + ((t.flags & test::kSyn) != 0 ? 1 : 0);
    for (uint32_t i = 0; i < t.payload.size(); ++i) t.payload[i] = theirs_at(begin + i);
  }

  // A segment on one of the tuples, its numbers at or near those that the peer should use.
  std::pair<test::Bytes, Flow*> sound_segment() {
    static constexpr std::array<uint8_t, 8> kFlags = {test::kAck,
                                                      test::kAck,
                                                      test::kAck | test::kPsh,
                                                      test::kSyn,
                                                      test::kSyn | test::kAck,
                                                      test::kFin | test::kAck,
                                                      test::kRst,
                                                      test::kRst | test::kAck};
    static constexpr std::array<int32_t, 8> kNear = {0, 0, 0, 1, -1, 100, -100, 1 << 30};
    const uint32_t peer = script_.below(kPeers);
    const uint8_t how = script_.byte();
    const Tuple tuple = {kPeerIp + peer, 1000 + (how & 3) % kPorts,
                         kFirstPort + (how >> 2 & 3) % kLocalPorts};
    test::NaiveTcp t = segment_of(tuple);
    Flow& flow = flows_[tuple];
    const uint8_t what = script_.byte();
    t.flags = what < 0xf0 ? kFlags[what & 7] : script_.byte();
    const uint8_t where = script_.byte();
    const bool first = (t.flags & test::kSyn) != 0;
    if (first && (where & 0x40) == 0) {
      flow.peer_iss =
          (where & 0x80) != 0 ? flow.peer_iss + 100'000 : uint32_t{script_.word()} << 16;
    }
    const uint32_t seq = first || !flow.opened ? flow.peer_iss : flow.rcv_nxt;
    t.seq = seq + static_cast<uint32_t>(kNear[where & 7]);
    t.ack = flow.snd_nxt + static_cast<uint32_t>(kNear[where >> 3 & 7]);
    if ((how & 0x10) != 0) t.ack = flow.snd_nxt - script_.word();
    t.window = (how & 0x20) != 0 ? script_.word() : uint16_t{0xffff};
    if ((how & 0x40) != 0) t.payload.resize(script_.byte() * (1 + script_.below(4)));
    fill_payload(t);
    if ((how & 0x80) != 0) options(t, first, flow);
    return {test::build(t), &flow};
  }

  void options(test::NaiveTcp& t, bool first, const Flow& flow) {
    const uint8_t which = script_.byte();
    if ((which & 1) != 0) {
      timestamp_ += script_.byte();
      t.timestamps = test::NaiveTcp::Timestamps{timestamp_, flow.echo};
    }
    if (first && (which & 2) != 0) t.mss = script_.word();
    if (first && (which & 4) != 0) t.window_shift = script_.byte() & 15;
    if (first && (which & 8) != 0) t.sack_permitted = true;
    if (first && (which & 32) != 0) {  // Fast Open: a cookie that was given, another, or none
      t.fast_open =
          (which & 64) != 0 ? cookies_[t.source_ip] : script_.bytes((which & 128) != 0 ? 8 : 0);
    }
    if ((which & 16) != 0 && t.option_bytes.empty() && !t.fast_open) {
      t.option_bytes = script_.bytes(4 * (1 + script_.below(3)));
    }
  }

  void arp() {
    test::NaiveArp a;
    const uint8_t how = script_.byte();
    a.destination_mac = (how & 1) != 0 ? kOurMac : MacAddress::broadcast();
    a.source_mac = kPeerMac;
    a.operation = (how & 2) != 0 ? 2 : 1;
    a.sender_mac = (how & 4) != 0 ? MacAddress{{2, 0, 0, 0, 0, script_.byte()}} : kPeerMac;
    a.sender_ip = (how & 8) != 0 ? kOurIp + script_.byte() : kPeerIp;
    a.target_mac = kOurMac;
    a.target_ip = (how & 16) != 0 ? kOurIp + script_.byte() : kOurIp;
    inject(test::build(a));
  }

  // Echo requests, and errors that quote what we have sent last.
  void icmp() {
    test::NaiveIcmp m;
    const uint8_t how = script_.byte();
    m.destination_mac = kOurMac;
    m.source_mac = kPeerMac;
    m.source_ip = kPeerIp + (how & 1);
    m.destination_ip = kOurIp;
    if ((how & 2) != 0) {
      m.type = 8;
      m.body = script_.bytes(script_.byte() * (1 + script_.below(4)));
    } else {
      m.type = (how & 4) != 0 ? 3 : script_.byte();
      m.code = script_.byte() & 15;
      m.body = test::Bytes(4);
      const size_t quoted = std::min<size_t>(last_sent_.size(), 14 + script_.below(60));
      if (quoted > 14) {
        m.body.insert(m.body.end(), last_sent_.begin() + 14,
                      last_sent_.begin() + static_cast<std::ptrdiff_t>(quoted));
      }
    }
    inject(test::build(m));
  }

  void pass_time() {
    static constexpr std::array<int64_t, 8> kSteps = {1,    10,   50,     210,
                                                      1100, 5000, 70'000, 8'000'000};
    const uint8_t how = script_.byte();
    if ((how & 8) != 0) {  // to the next deadline, as a loop that sleeps would
      const Instant next = shard_->next_deadline();
      if (next != Instant::never()) now_ = std::max(now_, next);
    } else {
      now_ = now_ + milliseconds(kSteps[how & 7]);
    }
    shard_->advance(now_);
    frames_at_once_ = (how & 0x30) == 0x30 ? 1 + (how >> 6) : 0;
  }

  void listener() {
    const uint32_t which = script_.below(2);
    if (listeners_[which]) {
      shard_->close_listener(*listeners_[which]);
      listeners_[which].reset();
    } else {
      listeners_[which] = listen(which);
    }
  }

  std::optional<ListenerId> listen(uint32_t which) {
    const uint16_t port = static_cast<uint16_t>(kFirstPort + which);
    auto listener = shard_->listen({IpAddress{}, port}, *this, habits());
    return listener ? std::optional(*listener) : std::nullopt;
  }

  void connect() {
    const uint8_t how = script_.byte();
    // Sometimes to an address that nobody has.
    const uint32_t ip = (how & 0x70) == 0x70 ? 0x0a0000c8 : kPeerIp + (how & 1);
    const uint16_t port = static_cast<uint16_t>(1000 + (how >> 1 & 3) % kPorts);
    const uint64_t cookie = next_cookie_++;
    const IpAddress peer = IpAddress::v4(ip);
    auto id = shard_->connect({v6_ ? test::to_v6(peer) : peer, port}, *this, cookie, habits());
    if (!id) return;
    require(sockets_.emplace(cookie, Socket{.id = *id}).second);
  }

  TcpOptions habits() {
    const uint8_t how = script_.byte();
    TcpOptions o;
    o.send_buffer_bytes = (how & 1) != 0 ? 300 : 20'000;
    o.receive_buffer_bytes = (how & 2) != 0 ? 200 : 20'000;
    o.timestamps = (how & 4) == 0;
    o.window_scale = (how & 8) == 0;
    o.nodelay = (how & 16) != 0;
    o.delayed_ack = (how & 32) == 0;
    o.keepalive = (how & 64) != 0;
    o.keepalive_idle = seconds(3);
    o.keepalive_interval = seconds(1);
    o.keepalive_probes = 2;
    o.mss_max = (how & 128) != 0 ? 100 : 0;
    o.syn_retries = 2;
    o.data_retries = 4;
    o.fin_wait2_timeout = seconds(4);
    o.fast_open = true;
    o.fast_open_queue = 2;
    return o;
  }

  Socket* choose() {
    const uint8_t which = script_.byte();
    if (sockets_.empty()) return nullptr;
    auto at = sockets_.begin();
    std::advance(at, which % sockets_.size());
    return &at->second;
  }

  void verb(Socket& s) {
    const uint8_t what = script_.byte();
    const ConnectionId id = s.id;
    require(shard_->alive(id) && shard_->options(id) && shard_->info(id));
    switch (what & 15) {
      case 0:
        shard_->shutdown(id);
        break;
      case 1:
        shard_->close(id);
        break;
      case 2:
        shard_->abort(id);
        break;
      case 3:
        if (shard_->info(id)->unacked_bytes != 0) shard_->want_writable(id);
        break;
      case 4:
        (void)shard_->set_options(id, habits());
        break;
      case 5:
      case 6:
      case 7:
        appetite_ = what >> 4;
        shard_->resume(id);
        break;
      default: {
        const size_t wanted = size_t{script_.byte()} << (what >> 4 & 7);
        const auto data = std::span(stream()).subspan(s.sent & 0xffff, wanted);
        const size_t space = shard_->send_space(id);
        const size_t taken =
            (what & 1) != 0 ? shard_->send(id, data) : shard_->send_static(id, data);
        require(taken <= wanted && taken <= space);
        s.sent += static_cast<uint32_t>(taken);
        break;
      }
    }
  }

  // --- The wire ---------------------------------------------------------------------------------

  struct Received {
    test::Bytes frame;
    ChecksumVerdict verdict = ChecksumVerdict::kUnknown;
  };
  static constexpr std::array<ChecksumVerdict, 4> kVerdicts = {
      ChecksumVerdict::kUnknown, ChecksumVerdict::kGood, ChecksumVerdict::kGood,
      ChecksumVerdict::kBad};

  // Each in memory of its own, given back at once: a view that is kept, or one byte too far, is
  // noticed.
  void receive(const std::vector<Received>& burst) {
    std::vector<std::unique_ptr<std::byte[]>> memory;
    std::vector<RxFrame> frames;
    for (const Received& r : burst) {
      const auto translated = v6_ ? test::to_v6(r.frame) : r.frame;
      if (!translated) continue;
      memory.push_back(std::make_unique<std::byte[]>(translated->size()));
      std::copy(translated->begin(), translated->end(), memory.back().get());
      frames.push_back({.data = memory.back().get(),
                        .length = static_cast<uint32_t>(translated->size()),
                        .ip_checksum = r.verdict,
                        .l4_checksum = r.verdict});
    }
    shard_->receive(now_, frames);
  }

  void inject(const test::Bytes& frame) { receive({{frame}}); }

  void transmit(size_t frames_max) {
    std::array<TxFrame, 4> frames;
    // All buffers in segments of one byte, and all control frames: more than that is a storm.
    size_t bound = 10'000;
    while (frames_max != 0) {
      const size_t wanted = std::min(frames_max, frames.size());
      const bool promised = shard_->has_output();
      const size_t count = shard_->transmit(now_, std::span(frames).first(wanted));
      require(count <= wanted && (count == 0 || promised));
      if (count == 0) return;
      frames_max -= count;
      require(bound >= count);
      bound -= count;
      std::vector<test::Bytes> written;
      for (const TxFrame& frame : std::span(frames).first(count)) {
        written.emplace_back(frame.total_bytes());
        require(write_frame(frame, written.back()) == written.back().size());
      }
      for (test::Bytes& bytes : written) sent(std::move(bytes));
    }
  }

  void sent(test::Bytes frame) {
    transcript_.note(frame);
    const auto translated = v6_ ? test::to_v4(frame) : frame;
    if (!translated) return;
    const test::NaiveFrame seen = test::decode(*translated);
    require(seen.problem.empty());
    last_sent_ = *translated;
    if (!seen.tcp) return;
    const test::NaiveTcp& t = *seen.tcp;
    const bool reset = (t.flags & test::kRst) != 0;
    require(t.source_ip == kOurIp && t.source_mac == kOurMac);
    Flow& flow = flows_[{t.destination_ip, t.destination_port, t.source_port}];
    if (t.timestamps) flow.echo = t.timestamps->value;
    if (reset) return;
    const bool syn = (t.flags & test::kSyn) != 0;
    require((t.flags & test::kAck) != 0 || syn);
    if (syn) {
      // It may answer with a cookie, and leave after another cookie's connection was made.
      if (!flow.connected) flow.iss = t.seq;
      flow.opened = true;
      const bool answers = (t.flags & test::kAck) != 0;
      if (t.fast_open && answers && !t.fast_open->empty())
        cookies_[t.destination_ip] = *t.fast_open;
      require(t.payload.empty() || (t.fast_open && !answers));
    }
    require(t.payload.empty() || syn || flow.connected);
    const uint32_t begin = t.seq - flow.iss - (syn ? 0 : 1);
    for (uint32_t i = 0; i < t.payload.size(); ++i) {
      require(t.payload[i] == stream()[(begin + i) & 0xffff]);
    }
    const uint32_t length = static_cast<uint32_t>(t.payload.size()) + (syn ? 1 : 0) +
                            ((t.flags & test::kFin) != 0 ? 1 : 0);
    flow.snd_nxt = t.seq + length;
    if ((t.flags & test::kAck) != 0) flow.rcv_nxt = t.ack;
  }

  void introduce_peers() {
    for (uint32_t i = 0; i < kPeers; ++i) {
      test::NaiveArp a;
      a.destination_mac = kOurMac;
      a.source_mac = a.sender_mac = kPeerMac;
      a.sender_ip = kPeerIp + i;
      a.target_ip = kOurIp;
      inject(test::build(a));
    }
    transmit(SIZE_MAX);
  }

  // --- Events -----------------------------------------------------------------------------------

  Socket& socket(ConnectionRef ref) {
    const auto found = sockets_.find(ref.cookie);
    require(found != sockets_.end() && found->second.id == ref.id);
    return found->second;
  }

  // Now and then the application acts from within an event.
  void meddle() {
    if (meddling_ || script_.below(4) != 3) return;
    meddling_ = true;
    if (Socket* s = choose()) verb(*s);
    meddling_ = false;
  }

  void on_established(Shard& shard, ConnectionRef ref) override {
    const bool accepted = ref.cookie == 0;
    if (accepted) {
      const uint64_t cookie = next_cookie_++;
      require(shard.set_cookie(ref.id, cookie) && shard.cookie(ref.id) == cookie);
      ref.cookie = cookie;
      require(sockets_.emplace(cookie, Socket{.id = ref.id}).second);
    }
    Socket& s = socket(ref);
    require(!std::exchange(s.established, true));
    const auto info = shard.info(ref.id);
    s.expected = info->rcv_nxt;
    const IpAddress& peer = info->key.peer;
    s.tuple = {(v6_ ? test::to_v4(peer) : peer).v4_value(), info->key.peer_port,
               info->key.local_port};
    Flow& flow = flows_[s.tuple];
    require(!std::exchange(flow.connected, true));
    if (accepted) flow.iss = info->snd_nxt - 1;
    transcript_.note(Event::kEstablished, ref.cookie);
    meddle();
  }

  size_t on_data(Shard& /*shard*/, ConnectionRef ref, std::span<const std::byte> data) override {
    Socket& s = socket(ref);
    require(s.established && !s.peer_closed && !data.empty());
    for (uint32_t i = 0; i < data.size(); ++i) {
      require(tampered_ || data[i] == theirs_at(s.expected + i));
    }
    const size_t taken = appetite_ == 0 ? data.size() : data.size() * (appetite_ - 1u) / 15;
    s.expected += static_cast<uint32_t>(taken);
    transcript_.note(Event::kData, ref.cookie, data.size());
    meddle();
    return taken;
  }

  void on_writable(Shard& /*shard*/, ConnectionRef ref) override {
    require(socket(ref).established);
    transcript_.note(Event::kWritable, ref.cookie);
    meddle();
  }

  void on_peer_closed(Shard& shard, ConnectionRef ref) override {
    Socket& s = socket(ref);
    require(s.established && !std::exchange(s.peer_closed, true));
    require(shard.unread(ref.id) == 0);
    transcript_.note(Event::kPeerClosed, ref.cookie);
    if (script_.below(2) == 0) shard.shutdown(ref.id);
    meddle();
  }

  void on_closed(Shard& shard, ConnectionRef ref, CloseReason reason) override {
    const Socket& s = socket(ref);
    const ConnectionId id = s.id;
    require(!shard.alive(id));
    if (s.established) flows_[s.tuple].connected = false;
    transcript_.note(Event::kClosed, ref.cookie, static_cast<uint64_t>(reason));
    require(shard.send(id, std::span(stream()).first(1)) == 0 && !shard.info(id));
    shard.resume(id);
    shard.abort(id);
    sockets_.erase(ref.cookie);
    meddle();
  }

  // --- Bounds and the end -----------------------------------------------------------------------

  void check_bounds() {
    const ShardUse use = shard_->use();
    const ShardConfig& c = shard_->config();
    require(use.connections <= c.connections_max && use.half_open <= c.half_open_max);
    require(use.time_wait <= c.time_wait_max && use.listeners <= c.listeners_max);
    require(use.neighbors <= c.neighbors_max && use.control_frames <= c.control_frames_max);
    require(use.small_blocks <= c.small_blocks_max && use.large_blocks <= c.large_blocks_max);
    require(use.loss_records <= 2 * use.connections);  // of each direction
    require(use.timers <= use.connections + use.half_open);
    // Less while one that has ended is still on a list of the flush.
    require(use.flow_entries <= use.connections + use.half_open + use.time_wait);
    require(sockets_.size() <= use.connections);
  }

  // The peers fall silent, the shard is drained, and all is given back.
  void finish() {
    appetite_ = 0;
    frames_at_once_ = 0;
    shard_->drain(now_ + seconds(30));
    for (int turns = 0; !shard_->drained(); ++turns) {
      require(turns < 5000);
      transmit(SIZE_MAX);
      if (shard_->drained()) break;
      const Instant next = shard_->next_deadline();
      require(next != Instant::never());
      now_ = std::max(now_, next);
      shard_->advance(now_);
    }
    now_ = now_ + seconds(10);
    for (int turns = 0; turns < 10; ++turns) {
      shard_->advance(now_);
      transmit(SIZE_MAX);
    }
    require(sockets_.empty());
    const ShardUse use = shard_->use();
    require(use.connections == 0 && use.half_open == 0 && use.time_wait == 0);
    require(use.small_blocks == 0 && use.large_blocks == 0 && use.loss_records == 0);
    require(use.timers == 0 && use.control_frames == 0 && use.flow_entries == 0);
    require(use.listeners == 0);
  }

  Script script_;
  const bool v6_;
  Instant now_ = Instant{} + seconds(1);
  std::unique_ptr<Shard> shard_;
  std::array<std::optional<ListenerId>, 2> listeners_;
  std::map<Tuple, Flow> flows_;
  std::map<uint64_t, Socket> sockets_;  // by cookie
  uint64_t next_cookie_ = 1;
  uint32_t timestamp_ = 1000;
  uint32_t appetite_ = 0;        // 0: all; else so many less one of 15 parts
  uint32_t frames_at_once_ = 0;  // 0: all that there are
  bool tampered_ = false;        // a peer's bytes may be any
  bool meddling_ = false;
  std::map<uint32_t, test::Bytes> cookies_;  // Fast Open: the last that each peer was given
  test::Bytes last_sent_;
  Transcript transcript_;
};

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const millrace::Script script(data, size);
  const bool v6 = size != 0 && (data[size - 1] & 1) != 0;
  millrace::Fuzzed predicting(script, v6, true);
  predicting.run();
  millrace::Fuzzed(script, v6, false, &predicting.transcript()).run();
  return 0;
}
