// SPDX-License-Identifier: BSD-3-Clause
#include "support/scene.h"
#include "support/tags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace millrace::test {
namespace {

constexpr Instant kEpoch{10'000'000'000};  // ten seconds on the host's clock

// A range of our initial sequence numbers that makes the first few hundred bytes wrap.
constexpr uint32_t kIsnWanted = 0xffffffff - 300;

std::string hex(const Bytes& bytes) {
  std::string out;
  char text[4];
  for (std::byte byte : bytes) {
    std::snprintf(text, sizeof text, "%02x ", static_cast<unsigned>(byte));
    out += text;
  }
  return out;
}

std::string describe(const TcpInfo& info) {
  const auto field = [](const char* name, auto value) {
    return std::string(name) + " " + std::to_string(value) + ", ";
  };
  return std::string(to_string(info.state)) + ": " +
         field("in flight", info.snd_nxt - info.snd_una) + field("unsent", info.unsent_bytes) +
         field("snd.wnd", info.snd_wnd) + field("cwnd", info.snd_cwnd) +
         field("ssthresh", info.snd_ssthresh) + field("mss", info.snd_mss) +
         field("rto ms", info.rto.milliseconds()) + field("backoff", info.retransmits) +
         field("probes", info.probes) + field("rcv.wnd", info.rcv_wnd) +
         field("unread", info.unread_bytes) + "out of order " +
         std::to_string(info.out_of_order_bytes) + "\n";
}

}  // namespace

// --- The stage -----------------------------------------------------------------------------------

Scene::Scene(const Stage& setup, Where where) : setup_(setup), where_(where) {
  // Our initial sequence number is a 4-microsecond clock plus a constant of the tuple (RFC 6528),
  // so starting the clock later moves it to where we want it. A first host tells the constant.
  static std::map<std::pair<uint64_t, uint32_t>, int64_t> shifts_ms;
  const uint32_t kind = static_cast<uint32_t>(setup_.family) << 1 | (setup_.active ? 1u : 0u);
  const auto key = std::pair(setup_.shard.seed, uint32_t{setup_.local_port} << 16 | kind);
  if (!shifts_ms.contains(key)) {
    const bool manual_arp = std::exchange(setup_.manual_arp, false);
    const SynCookies cookies = std::exchange(setup_.shard.syn_cookies, SynCookies::kNever);
    start(kEpoch);
    if (failed_) return;
    if (setup_.active) {
      app("connect");
    } else {
      in("S 0 <mss 1460>");
    }
    if (failed_) return;
    shifts_ms[key] = (kIsnWanted - local_isn()) / 250;
    setup_.manual_arp = manual_arp;
    setup_.shard.syn_cookies = cookies;
    queue_.clear();
    flows_.clear();
  }
  if (failed_) return;
  start(kEpoch + milliseconds(shifts_ms[key]));
  if (!failed_) set_the_stage();
  if (failed_ || host_ == nullptr) return;
  for (size_t i = 0; i < kCounterCount; ++i) {
    const auto c = static_cast<Counter>(i);
    counters_at_start_[c] = host_->shard().counters().get(c);
  }
}

void Scene::start(Instant epoch) {
  transcript_.clear();
  zero_ = epoch + milliseconds(setup_.rtt_ms);
  now_ms_ = -setup_.rtt_ms;
  auto host = TestHost::create(setup_.shard, epoch, setup_.family);
  if (!host.ok()) return fail(Where::current(), "Host::create: " + host.error().message);
  host_ = std::move(host.value());
  flow(setup_.peer_port, setup_.local_port);
  if (!setup_.active) {
    auto listener = host_->listen({IpAddress{}, setup_.local_port}, setup_.tcp);
    if (!listener.ok()) return fail(Where::current(), "listen: " + listener.error().message);
    listener_ = listener.value();
  }
  pull();
}

void Scene::hidden_in(const std::string& line) { in(line); }
void Scene::hidden_out(const std::string& line) {
  if (failed_) return;
  match_next(line, Where::current());
}

std::string Scene::hidden_timestamps() const {
  if (!setup_.tcp.timestamps) return "";
  const bool first = !current().ts_base;
  return " <ts " + std::to_string(1000 + now_ms_) + (first ? " =0>" : " *>");
}

void Scene::set_the_stage() {
  const std::string& want = setup_.state;
  if (want.empty()) return;
  std::string options = "mss " + std::to_string(setup_.peer_mss);
  if (setup_.peer_window_shift >= 0) options += ",ws " + std::to_string(setup_.peer_window_shift);
  if (setup_.tcp.timestamps) {
    options += ",ts " + std::to_string(1000 + now_ms_) + (setup_.active ? " *" : " =0");
  }
  if (setup_.peer_sack) options += ",sackOK";
  options = " <" + options + ">";
  // A window in a SYN is never scaled; 65535 says "plenty" either way.
  const std::string syn_window = setup_.peer_window_shift >= 0 ? " win 65535" : "";

  if (setup_.active) {
    app("connect");
    hidden_out("S 0");
    if (want == "SYN-SENT") return;
    if (want == "SYN-RECEIVED-SIMULTANEOUS") {
      hidden_in("S 0" + syn_window + options);
      hidden_out("S. 0 ack 1");
      return;
    }
    at(0);
    hidden_in("S. 0 ack 1" + syn_window + options);
    hidden_out(". 1 ack 1");
  } else {
    hidden_in("S 0" + syn_window + options);
    hidden_out("S. 0 ack 1");
    if (want == "SYN-RECEIVED") return;
    at(0);
    hidden_in(". 1 ack 1" + hidden_timestamps());
  }
  if (want == "ESTABLISHED") return;

  const std::string ts = hidden_timestamps();
  if (want == "CLOSE-WAIT" || want == "LAST-ACK") {
    hidden_in("F. 1 ack 1" + ts);
    hidden_out(". 1 ack 2");
    if (want == "CLOSE-WAIT") return;
    app("shutdown");
    hidden_out("F. 1 ack 2");
    return;
  }
  app("shutdown");
  hidden_out("F. 1 ack 1");
  if (want == "FIN-WAIT-1") return;
  if (want == "CLOSING") {
    hidden_in("F. 1 ack 1" + ts);
    hidden_out(". 2 ack 2");
    return;
  }
  hidden_in(". 1 ack 2" + ts);
  if (want == "FIN-WAIT-2") return;
  if (want == "TIME-WAIT") {
    hidden_in("F. 1 ack 2" + ts);
    hidden_out(". 2 ack 2");
    return;
  }
  fail(Where::current(), "no state '" + want + "'");
}

Scene::~Scene() {
  if (failed_ || host_ == nullptr) return;
  check_unclaimed(where_);
  for (auto& [ports, flow] : flows_) {
    if (!failed_ && flow.connection) read_all(flow, UINT64_MAX);
  }
  if (!failed_) tear_down();
}

// Whatever the scene left open is aborted and TIME-WAIT is waited out: then nothing may be in use.
void Scene::tear_down() {
  note(host_->now(), "---", "the scene is over: everything is aborted");
  host_->shard().drain(host_->now());
  pull();
  const Duration neighbor_fails = setup_.shard.arp_timeout * (setup_.shard.arp_retries + 1);
  advance_to(host_->now() + setup_.shard.msl * 4 + neighbor_fails);
  queue_.clear();
  drained(where_);
}

// --- Time ----------------------------------------------------------------------------------------

double Scene::ms(Instant time) const { return static_cast<double>((time - zero_).ns) * 1e-6; }

namespace {

bool moves_all_the_time() { return std::getenv("MILLRACE_MOVES") != nullptr; }

}  // namespace

Scene& Scene::at(int64_t ms, Where where) {
  if (failed_) return *this;
  check_unclaimed(where);
  if (failed_) return *this;
  if (ms < now_ms_) {
    fail(where, "the clock shows " + std::to_string(now_ms_) + " ms already");
    return *this;
  }
  now_ms_ = ms;
  if (moves_all_the_time()) move(where);
  advance_to(zero_ + milliseconds(ms));
  if (moves_all_the_time()) move(where);
  return *this;
}

Scene& Scene::move(Where where) {
  if (failed_) return *this;
  const auto count = [&](size_t i) {
    return host_->shard().counters().get(static_cast<Counter>(i));
  };
  std::array<uint64_t, kCounterCount> before{};
  for (size_t i = 0; i < kCounterCount; ++i) before[i] = count(i);
  const auto moved = host_->move();
  if (!moved) {
    fail(where, moved.error().message);
    return *this;
  }
  for (size_t i = 0; i < kCounterCount; ++i) {
    counters_at_start_[static_cast<Counter>(i)] += count(i) - before[i];
  }
  std::map<std::pair<uint32_t, uint32_t>, ConnectionId> now;
  for (const auto& [from, to] : *moved) now[{from.index, from.generation}] = to;
  for (auto& [ports, flow] : flows_) {
    if (!flow.connection) continue;
    const auto found = now.find({flow.connection->index, flow.connection->generation});
    if (found != now.end()) flow.connection = found->second;
  }
  pull();
  return *this;
}

// Stops at every deadline on the way, so that ARP requests are answered when they are sent.
void Scene::advance_to(Instant time) {
  int idle_steps = 0;
  while (host_->next_deadline() <= time) {
    Instant step = std::max(host_->next_deadline(), host_->now());
    if (step == host_->now() && ++idle_steps > 4) {
      step = std::min(time, step + milliseconds(1));
      if (step == host_->now()) break;
    }
    if (step > host_->now()) idle_steps = 0;
    host_->set_time(step);
    pull();
  }
  if (time > host_->now()) {
    host_->set_time(time);
    pull();
  }
}

// --- Frames from the host ------------------------------------------------------------------------

void Scene::pull() {
  while (!failed_ && host_ != nullptr) {
    auto sent = host_->collect_timed();
    if (sent.empty()) break;
    for (auto& one : sent) {
      std::string vlan = untag(one.bytes);
      take({one.time, std::move(one.bytes), {}, {}, std::move(vlan)});
    }
  }
  adopt_accepted();
}

// Neighbour discovery is answered for the peer, and neither it nor what is said of groups claimed,
// unless the test does that.
void Scene::take_icmp6(Sent sent) {
  const NaiveIcmp6& icmp = *sent.icmp6;
  note(sent.time, "out", on_vlan(sent.vlan) + icmp6_text(icmp));
  if (icmp.source_mac != kLocalMac) {
    return fail(Where::current(), "The source MAC is not the host's.");
  }
  if (!sent.frame.problem.empty()) {
    return fail(Where::current(), "The host sent a frame that is wrong: " + sent.frame.problem +
                                      "\n" + hex(sent.bytes));
  }
  const bool groups = icmp.type == 131 || icmp.type == 143;
  const bool discovery = groups || (icmp.type >= 133 && icmp.type <= 136);
  if (!discovery || setup_.manual_arp) {
    queue_.push_back(std::move(sent));
    return;
  }
  const std::string peer(kPeerIp6);
  if (icmp6_text(icmp).starts_with("nd who-has " + peer + " tell ")) {
    in("nd " + peer + " is-at " + kPeerMac.to_string() + " solicited override to " +
       icmp.source.to_string());
  }
}

void Scene::take(Sent sent) {
  if (failed_) return;
  std::string problem;
  sent.icmp6 = decode_icmp6(sent.bytes, problem);
  if (sent.icmp6) {
    sent.frame.problem = problem;
    take_icmp6(std::move(sent));
    return;
  }
  sent.frame = decode(sent.bytes);
  NaiveFrame& frame = sent.frame;
  if (frame.tcp) {
    Flow& flow = flow_of(*frame.tcp, true);
    if ((frame.tcp->flags & kSyn) != 0 && !flow.local_isn) flow.local_isn = frame.tcp->seq;
    if (frame.tcp->fast_open && !frame.tcp->fast_open->empty() && (frame.tcp->flags & kAck) != 0) {
      fast_open_cookie_ = *frame.tcp->fast_open;
    }
    if (frame.tcp->timestamps) {
      flow.ts_latest = frame.tcp->timestamps->value;
      if (!flow.ts_base) {
        flow.ts_base = flow.ts_latest - static_cast<uint32_t>((sent.time - zero_).milliseconds());
      }
    }
  }
  note(sent.time, "out", on_vlan(sent.vlan) + format(frame, true));
  if (!frame.problem.empty()) {
    return fail(Where::current(),
                "The host sent a frame that is wrong: " + frame.problem + "\n" + hex(sent.bytes));
  }
  const MacAddress source = frame.tcp   ? frame.tcp->source_mac
                            : frame.arp ? frame.arp->source_mac
                                        : frame.icmp->source_mac;
  if (source != kLocalMac) return fail(Where::current(), "The source MAC is not the host's.");
  if (frame.arp && !setup_.manual_arp) {
    if (frame.arp->operation == 1 && frame.arp->target_ip == peer_ip_) {
      const NaiveArp reply{kLocalMac, kPeerMac, 2, kPeerMac, kLocalMac, peer_ip_, local_ip_};
      const Bytes bytes = tagged(build(reply), sent.vlan);
      note(sent.time, "in ", format(bytes, false));
      host_->inject(bytes);
    }
    return;
  }
  if (!frame.arp) {
    const MacAddress to = frame.tcp ? frame.tcp->destination_mac : frame.icmp->destination_mac;
    if (to != kPeerMac) return fail(Where::current(), "The destination MAC is not the peer's.");
  }
  queue_.push_back(std::move(sent));
}

void Scene::adopt_accepted() {
  if (setup_.active || host_ == nullptr) return;
  while (auto id = host_->accept(listener_)) {
    const auto info = host_->info(*id);
    // A connection that ended before we looked belongs to the flow that is on stage.
    Flow& flow = info ? flows_[{info->key.peer_port, info->key.local_port}] : current();
    flow.connection = *id;
    flow.bytes_written = flow.bytes_read = 0;
  }
}

Scene::Flow& Scene::flow_of(const NaiveTcp& tcp, bool from_host) {
  const auto ports = from_host ? std::pair(tcp.destination_port, tcp.source_port)
                               : std::pair(tcp.source_port, tcp.destination_port);
  Flow& flow = flows_[ports];
  if (flow.local_port == 0) {
    flow.peer_port = ports.first;
    flow.local_port = ports.second;
    flow.peer_isn = setup_.peer_isn;
  }
  return flow;
}

// --- Flows ---------------------------------------------------------------------------------------

Scene& Scene::flow(uint16_t peer_port, uint16_t local_port) {
  if (failed_) return *this;
  current_ = {peer_port, local_port};
  Flow& flow = flows_[current_];
  if (flow.local_port == 0) {
    flow.local_port = local_port;
    flow.peer_port = peer_port;
    flow.peer_isn = setup_.peer_isn;
  }
  return *this;
}

Scene& Scene::reincarnate(int64_t isn_offset) {
  if (failed_) return *this;
  current().peer_isn += static_cast<uint32_t>(isn_offset);
  current().local_isn.reset();
  note(host_->now(), "---", "a new incarnation of these ports");
  return *this;
}

Scene& Scene::on(std::string_view vlan, uint32_t local_ip, uint32_t peer_ip) {
  vlan_ = vlan;
  local_ip_ = local_ip;
  peer_ip_ = peer_ip;
  return *this;
}

// --- Failure -------------------------------------------------------------------------------------

void Scene::fail(const Where& where, const std::string& message) {
  failed_ = true;
  std::string text = message + "\n\nTranscript (seed " + std::to_string(setup_.shard.seed) + "):\n";
  for (const std::string& line : transcript_) text += "  " + line + "\n";
  if (host_ != nullptr && flows_.contains(current_) && current().connection) {
    if (const auto info = host_->info(*current().connection)) text += "\n" + describe(*info);
  }
  ADD_FAILURE_AT(where.file, where.line) << text;
}

}  // namespace millrace::test
