// SPDX-License-Identifier: BSD-3-Clause
// A host with open connections and an attempt to connect, fed ICMP messages that anybody may have
// sent: true ones, lies with numbers near those that matter, rubbish. The peer is honest, and its
// path takes packets up to a size that the input moves.
// Must hold: no message ends a connection that is open; segments stay within the floor and what the
// handshake allows; frames are sound and their payload the application's; and once the path is
// well again, everything arrives.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/script.h"
#include "millrace/host.h"
#include "support/naive_frame.h"

namespace millrace {
namespace {

using fuzz::require;
using fuzz::Script;

constexpr uint32_t kOurIp = 0x0a000001;
constexpr uint32_t kPeerIp = 0x0a000002;
constexpr uint32_t kRouterIp = 0x0a000003;
constexpr MacAddress kOurMac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};
constexpr uint16_t kPeerPort = 1000;  // and the next ones
constexpr uint32_t kPeerIss = 0xfffffff0;
constexpr size_t kFlows = 3;
constexpr uint16_t kMss = 1460;
constexpr uint16_t kMinPmtu = 552;

std::byte ours_at(uint32_t offset) { return static_cast<std::byte>(offset * 37 + (offset >> 8)); }

class Fuzzed {
 public:
  explicit Fuzzed(Script script) : script_(script) {
    ShardConfig config;
    config.interface.mac = kOurMac;
    config.interface.addresses = {{IpAddress::v4(kOurIp), 24}};
    config.connections_max = config.half_open_max = config.time_wait_max = 8;
    config.neighbors_max = 4;
    config.profiles_max = config.listeners_max = 8;
    config.small_blocks_max = 512;
    config.large_blocks_max = 256;
    config.flight_runs_max = 16;
    config.paths_max = 4;
    config.control_frames_max = 16;
    config.seed = 7;
    auto host = Host::create(config);
    require(bool{host});
    host_ = std::move(*host);
    for (size_t i = 0; i < kFlows; ++i) open(i);
  }

  void run() {
    while (!script_.over()) {
      step();
      exchange();
      check();
    }
    path_bytes_ = UINT16_MAX;
    for (int i = 0; i < 400 && !all_arrived(); ++i) {
      host_->set_time(std::max(host_->next_deadline(), host_->now() + milliseconds(1)));
      for (Flow& flow : flows_) acknowledge(flow);
      exchange();
      check();
    }
    require(all_arrived());
  }

 private:
  struct Flow {
    ConnectionId id;
    TcpOptions options;
    uint16_t port = 0;  // ours
    uint16_t peer_port = 0;
    uint32_t iss = 0;
    uint32_t snd_nxt = 0;
    uint32_t ts_latest = 0;
    uint32_t written = 0;
    std::vector<bool> arrived;  // of the stream
    uint32_t acked = 0;
    bool open = false;
  };

  void open(size_t index) {
    Flow& flow = flows_[index];
    flow.options.timestamps = index == 1;
    flow.options.sack = index != 2;
    flow.options.mtu_probing = index == 0   ? MtuProbing::kBlackHole
                               : index == 1 ? MtuProbing::kAlways
                                            : MtuProbing::kOff;
    flow.peer_port = static_cast<uint16_t>(kPeerPort + index);
    auto id = host_->connect({IpAddress::v4(kPeerIp), flow.peer_port}, flow.options);
    require(bool{id});
    flow.id = *id;
    flow.port = host_->info(flow.id)->key.local_port;
    exchange();
  }

  Flow* flow_of(const test::NaiveTcp& tcp) {
    for (Flow& flow : flows_) {
      if (flow.port == tcp.source_port && flow.peer_port == tcp.destination_port) return &flow;
    }
    return nullptr;
  }

  // Frames from the host, and what the peer answers at once.
  void exchange() {
    for (int i = 0; i < 1000; ++i) {
      const auto frames = host_->collect();
      if (frames.empty()) return;
      for (const test::Bytes& frame : frames) on_frame(frame);
    }
    require(false);
  }

  void on_frame(const test::Bytes& bytes) {
    const test::NaiveFrame frame = test::decode(bytes);
    require(frame.problem.empty());
    require(bytes.size() <= 14 + 1500);
    if (frame.arp) {
      if (frame.arp->operation != 1 || frame.arp->target_ip == kOurIp) return;
      host_->inject(test::build(
          test::NaiveArp{kOurMac, kPeerMac, 2, kPeerMac, kOurMac, frame.arp->target_ip, kOurIp}));
      return;
    }
    if (!frame.tcp) return;
    const test::NaiveTcp& tcp = *frame.tcp;
    Flow* flow = flow_of(tcp);
    require(flow != nullptr);
    if (tcp.timestamps) flow->ts_latest = tcp.timestamps->value;
    if ((tcp.flags & test::kSyn) != 0) {
      flow->iss = tcp.seq;
      flow->snd_nxt = tcp.seq + 1;
      if (script_.byte() % 8 != 7) answer_syn(*flow);
      return;
    }
    const auto end = tcp.seq + static_cast<uint32_t>(tcp.payload.size());
    if (static_cast<int32_t>(end - flow->snd_nxt) > 0) flow->snd_nxt = end;
    const uint32_t offset = tcp.seq - flow->iss - 1;
    for (uint32_t i = 0; i < tcp.payload.size(); ++i) {
      require(tcp.payload[i] == ours_at(offset + i));
    }
    if (bytes.size() - 14 > path_bytes_) return;
    require(offset + tcp.payload.size() <= flow->arrived.size() || tcp.payload.empty());
    for (uint32_t i = 0; i < tcp.payload.size(); ++i) flow->arrived[offset + i] = true;
  }

  void send(const Flow& flow, uint8_t flags, uint32_t seq) {
    test::NaiveTcp tcp;
    tcp.destination_mac = kOurMac;
    tcp.source_mac = kPeerMac;
    tcp.source_ip = kPeerIp;
    tcp.destination_ip = kOurIp;
    tcp.source_port = flow.peer_port;
    tcp.destination_port = flow.port;
    tcp.flags = static_cast<uint8_t>(flags | test::kAck);
    tcp.seq = seq;
    tcp.ack = flow.iss + 1 + flow.acked;
    tcp.window = 65535;
    if ((flags & test::kSyn) != 0) {
      tcp.mss = kMss;
      tcp.sack_permitted = flow.options.sack;
    } else if (flow.options.sack) {
      add_gaps(flow, tcp);
    }
    if (flow.options.timestamps) {
      const auto clock = static_cast<uint32_t>(host_->now().ns / 1'000'000);
      tcp.timestamps = {1000 + clock, flow.ts_latest};
    }
    host_->inject(test::build(tcp));
  }

  void answer_syn(Flow& flow) {
    send(flow, test::kSyn, kPeerIss);
    flow.open = host_->established(flow.id);
  }

  // What lies behind the first gap, as two blocks at most.
  static void add_gaps(const Flow& flow, test::NaiveTcp& tcp) {
    const auto size = static_cast<uint32_t>(flow.arrived.size());
    for (uint32_t at = flow.acked; at < size && tcp.sack.size() < 2;) {
      if (!flow.arrived[at]) {
        ++at;
        continue;
      }
      const uint32_t begin = at;
      while (at < size && flow.arrived[at]) ++at;
      tcp.sack.emplace_back(flow.iss + 1 + begin, flow.iss + 1 + at);
    }
  }

  void acknowledge(Flow& flow) {
    if (!flow.open) return;
    while (flow.acked < flow.arrived.size() && flow.arrived[flow.acked]) ++flow.acked;
    send(flow, 0, kPeerIss + 1);
  }

  void write(Flow& flow, uint32_t bytes) {
    bytes = std::min(bytes, uint32_t{200'000} - std::min<uint32_t>(flow.written, 200'000));
    test::Bytes text(bytes);
    for (uint32_t i = 0; i < bytes; ++i) text[i] = ours_at(flow.written + i);
    flow.written += static_cast<uint32_t>(host_->send(flow.id, text));
    flow.arrived.resize(flow.written);
  }

  void step() {
    Flow& flow = flows_[script_.byte() % kFlows];
    switch (script_.byte() % 8) {
      case 0:
      case 1:
        return send_icmp(flow, 3, 4);
      case 2: {
        const uint8_t type = script_.byte() % 20;
        return send_icmp(flow, type, script_.byte() % 17);
      }
      case 3:
        return send_rubbish();
      case 4:
        return write(flow, script_.word() % 20'000);
      case 5:
        return acknowledge(flow);
      case 6:
        host_->set_time(host_->now() + milliseconds(script_.word() % 2000));
        return;
      default:
        path_bytes_ = static_cast<uint16_t>(kMinPmtu + script_.word() % 1000);
        return;
    }
  }

  // About a segment of `flow`, whose number may be in flight, at an edge, or anywhere.
  void send_icmp(const Flow& flow, uint8_t type, uint8_t code) {
    test::NaiveIcmp icmp{kOurMac, kPeerMac, kRouterIp, kOurIp, type, code, {}};
    test::NaiveTcp quoted;
    quoted.source_ip = kOurIp;
    quoted.destination_ip = kPeerIp;
    quoted.source_port = flow.port;
    quoted.destination_port = flow.peer_port;
    const uint32_t una = flow.iss + 1 + flow.acked;
    const std::array<uint32_t, 4> bases = {una, flow.snd_nxt, una + kMss, script_.word() * 65537u};
    quoted.seq = bases[script_.byte() % 4] + static_cast<uint32_t>(script_.byte()) - 128;
    if (script_.byte() % 4 != 0) quoted.seq = una;
    test::Bytes packet = test::build(quoted);
    packet.erase(packet.begin(), packet.begin() + 14);
    test::put16(packet, 2, script_.byte() % 4 != 0 ? uint16_t{1500} : script_.word());
    packet.resize(20 + 8 + script_.byte() % 13);
    if (script_.byte() % 16 == 15) test::put8(packet, script_.byte() % 28, script_.byte());
    icmp.body.resize(4);
    const uint8_t kind = script_.byte();
    test::put16(icmp.body, 2,
                kind % 4 == 0   ? script_.word()
                : kind % 4 == 1 ? path_bytes_
                                : static_cast<uint16_t>(500 + script_.word() % 1100));
    icmp.body.insert(icmp.body.end(), packet.begin(), packet.end());
    const test::Bytes frame = test::build(icmp);
    const bool was_open = flow.open;
    host_->inject(frame);
    if (was_open) require(!host_->closed(flow.id));
  }

  void send_rubbish() {
    test::NaiveIcmp icmp{kOurMac, kPeerMac, kRouterIp, kOurIp, script_.byte(), script_.byte(), {}};
    icmp.body.resize(4 + script_.byte() % 64);
    for (std::byte& b : icmp.body) b = std::byte{script_.byte()};
    host_->inject(test::build(icmp));
  }

  void check() {
    for (Flow& flow : flows_) {
      const auto info = host_->info(flow.id);
      if (!flow.open || !info) {
        // An attempt may be refused by ICMP; a silent path may time a connection out.
        const auto closed = host_->closed(flow.id);
        require(!closed || *closed == CloseReason::kTimedOut || !flow.open);
        flow.open = false;
        continue;
      }
      const uint32_t options = flow.options.timestamps ? 12 : 0;
      require(info->snd_mss <= kMss - options);
      require(info->snd_mss >= kMinPmtu - 40 - options);
      require(info->pmtu >= kMinPmtu && info->pmtu <= 1500);
      require(info->snd_cwnd >= 1);
    }
    require(host_->shard().use().loss_records <= kFlows);
  }

  bool all_arrived() {
    return std::all_of(flows_.begin(), flows_.end(),
                       [&](const Flow& flow) { return !flow.open || flow.acked == flow.written; });
  }

  Script script_;
  std::unique_ptr<Host> host_;
  std::array<Flow, kFlows> flows_;
  uint16_t path_bytes_ = 1500;
};

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  millrace::Fuzzed(millrace::Script(data, size)).run();
  return 0;
}
