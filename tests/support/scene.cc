// SPDX-License-Identifier: BSD-3-Clause
#include "support/scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace millrace::test {
namespace {

constexpr Instant kEpoch{10'000'000'000};  // ten seconds on the host's clock
constexpr std::byte kPeerSalt{0x5a};

// A range of our initial sequence numbers that makes the first few hundred bytes wrap.
constexpr uint32_t kIsnWanted = 0xffffffff - 300;

Endpoint endpoint(uint32_t ip, uint16_t port) { return {IpAddress::v4(ip), port}; }

std::string hex(const Bytes& bytes) {
  std::string out;
  char text[4];
  for (std::byte byte : bytes) {
    std::snprintf(text, sizeof text, "%02x ", static_cast<unsigned>(byte));
    out += text;
  }
  return out;
}

std::string ip_text(uint32_t ip) { return IpAddress::v4(ip).to_string(); }

// "arp who-has A tell B" or "arp reply A is-at MAC".
std::string arp_text(const NaiveArp& arp) {
  if (arp.operation == 1) {
    return "arp who-has " + ip_text(arp.target_ip) + " tell " + ip_text(arp.sender_ip);
  }
  return "arp reply " + ip_text(arp.sender_ip) + " is-at " + arp.sender_mac.to_string();
}

std::string icmp_text(const NaiveIcmp& icmp) {
  if (icmp.type == 0 || icmp.type == 8) {
    return std::string("icmp ") + (icmp.type == 0 ? "echo-reply " : "echo ") +
           std::to_string(get16(icmp.body, 0)) + " " + std::to_string(get16(icmp.body, 2)) + " " +
           std::to_string(icmp.body.size() - 4);
  }
  return "icmp " + std::to_string(icmp.type) + " " + std::to_string(icmp.code);
}

}  // namespace

std::byte local_byte(uint64_t offset) {
  return static_cast<std::byte>((offset * 31 + (offset >> 8) * 7) & 0xff);
}
std::byte peer_byte(uint64_t offset) { return local_byte(offset) ^ kPeerSalt; }

std::optional<Counter> counter_named(std::string_view name) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (to_string(static_cast<Counter>(i)) == name) return static_cast<Counter>(i);
  }
  return std::nullopt;
}

// --- Setup ---------------------------------------------------------------------------------------

Setup::Setup() {
  tcp.timestamps = false;
  tcp.window_scale = false;
  tcp.receive_buffer_bytes = 65535;
  tcp.send_buffer_bytes = 65536;
  shard.interface.mac = kLocalMac;
  shard.interface.addresses = {Prefix{IpAddress::v4(kLocalIp), 24}};
  shard.connections_max = 64;
  shard.half_open_max = 64;
  shard.time_wait_max = 64;
  shard.listeners_max = 8;
  shard.neighbors_max = 16;
  shard.profiles_max = 8;
  shard.small_blocks_max = 1024;
  shard.large_blocks_max = 256;
  shard.control_frames_max = 64;
  const char* seed = std::getenv("MILLRACE_SEED");
  shard.seed = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
}

Setup& Setup::timestamps() { return tcp.timestamps = true, *this; }
Setup& Setup::window_scale(int peer_shift) {
  tcp.window_scale = true;
  peer_window_shift = peer_shift;
  return *this;
}
Setup& Setup::keepalive(int64_t idle_ms, int64_t interval_ms, uint8_t probes) {
  tcp.keepalive = true;
  tcp.keepalive_idle = milliseconds(idle_ms);
  tcp.keepalive_interval = milliseconds(interval_ms);
  tcp.keepalive_probes = probes;
  return *this;
}

Setup server() { return {}; }
Setup client() {
  Setup setup;
  setup.active = true;
  setup.local_port = 40000;
  setup.peer_port = 80;
  return setup;
}
Setup established() { return in_state("ESTABLISHED"); }
Setup established_client() {
  Setup setup = client();
  setup.state = "ESTABLISHED";
  return setup;
}
Setup in_state(std::string state) {
  Setup setup;
  if (state == "SYN-SENT" || state == "SYN-RECEIVED-SIMULTANEOUS") setup = client();
  setup.state = std::move(state);
  return setup;
}

// --- The stage -----------------------------------------------------------------------------------

Scene::Scene(const Setup& setup) : setup_(setup) {
  // Our initial sequence number is a 4-microsecond clock plus a constant of the tuple (RFC 6528),
  // so starting the clock later moves it to where we want it. A first host tells the constant.
  static std::map<std::pair<uint64_t, uint32_t>, int64_t> shifts_ms;
  const auto key = std::pair(setup_.shard.seed, (uint32_t{setup_.local_port} << 16) |
                                                    (setup_.active ? 1u : 0u));
  if (!shifts_ms.contains(key)) {
    start(kEpoch);
    if (failed_) return;
    if (setup_.active) {
      app("connect");
    } else {
      in("S 0 <mss 1460>");
    }
    const uint32_t isn = local_isn();
    if (!failed_) shifts_ms[key] = isn == 0 ? 0 : (kIsnWanted - isn) / 250;
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
  auto host = Host::create(setup_.shard, epoch);
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
  check_unclaimed(Where::current());
  for (auto& [ports, flow] : flows_) {
    if (!failed_ && flow.connection) read_all(flow, UINT64_MAX);
  }
}

// --- Time ----------------------------------------------------------------------------------------

double Scene::ms(Instant time) const { return static_cast<double>((time - zero_).ns) * 1e-6; }

Scene& Scene::at(int64_t ms, Where where) {
  if (failed_) return *this;
  check_unclaimed(where);
  if (failed_) return *this;
  if (ms < now_ms_) {
    fail(where, "the clock shows " + std::to_string(now_ms_) + " ms already");
    return *this;
  }
  now_ms_ = ms;
  advance_to(zero_ + milliseconds(ms));
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
  while (!failed_) {
    auto sent = host_->collect_timed();
    if (sent.empty()) break;
    for (auto& one : sent) take({one.time, std::move(one.bytes), {}});
  }
  adopt_accepted();
}

void Scene::take(Sent sent) {
  if (failed_) return;
  sent.frame = decode(sent.bytes);
  NaiveFrame& frame = sent.frame;
  if (frame.tcp) {
    Flow& flow = flow_of(*frame.tcp, true);
    if ((frame.tcp->flags & kSyn) != 0 && !flow.local_isn) flow.local_isn = frame.tcp->seq;
    if (frame.tcp->timestamps) {
      flow.ts_latest = frame.tcp->timestamps->value;
      if (!flow.ts_base) {
        flow.ts_base = flow.ts_latest - static_cast<uint32_t>((sent.time - zero_).milliseconds());
      }
    }
  }
  note(sent.time, "out", format(frame, true));
  if (!frame.problem.empty()) {
    return fail(Where::current(), "The host sent a frame that is wrong: " + frame.problem + "\n" +
                                      hex(sent.bytes));
  }
  const MacAddress source = frame.tcp ? frame.tcp->source_mac
                            : frame.arp ? frame.arp->source_mac
                                        : frame.icmp->source_mac;
  if (source != kLocalMac) return fail(Where::current(), "The source MAC is not the host's.");
  if (frame.arp && !setup_.manual_arp) {
    if (frame.arp->operation == 1 && frame.arp->target_ip == kPeerIp) {
      const NaiveArp reply{kLocalMac, kPeerMac, 2, kPeerMac, kLocalMac, kPeerIp, kLocalIp};
      note(sent.time, "in ", arp_text(reply));
      host_->inject(build(reply));
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

// --- Lines ---------------------------------------------------------------------------------------

bool Scene::fill_tcp(std::string_view line, NaiveTcp& tcp, const Where& where) {
  SegmentLine s;
  if (auto wrong = parse_segment_line(line, s)) {
    fail(where, "in(\"" + std::string(line) + "\"): " + *wrong);
    return false;
  }
  Flow& flow = current();
  const auto number = [](const LineNumber& n, uint32_t base) {
    return static_cast<uint32_t>(n.value) + (n.kind == LineNumber::Kind::kRelative ? base : 0);
  };
  if (s.ack && s.ack->kind == LineNumber::Kind::kRelative && !flow.local_isn) {
    fail(where, "in(\"" + std::string(line) + "\"): the host's ISN is not known yet; use ack =N");
    return false;
  }
  tcp.destination_mac = kLocalMac;
  tcp.source_mac = kPeerMac;
  tcp.source_ip = kPeerIp;
  tcp.destination_ip = kLocalIp;
  tcp.source_port = flow.peer_port;
  tcp.destination_port = flow.local_port;
  tcp.flags = s.flags;
  tcp.seq = number(s.seq, flow.peer_isn);
  if (s.ack) tcp.ack = number(*s.ack, flow.local_isn.value_or(0));
  tcp.window = s.window.value_or(setup_.peer_window);
  tcp.mss = s.mss;
  tcp.window_shift = s.window_shift;
  tcp.sack_permitted = s.sack_permitted;
  if (s.ts_value) {
    uint32_t echo = flow.ts_latest;
    if (s.ts_echo->kind != LineNumber::Kind::kAny) echo = number(*s.ts_echo, *flow.ts_base);
    tcp.timestamps = {number(*s.ts_value, 0), echo};
  }
  for (uint8_t byte : s.raw_options) tcp.option_bytes.push_back(static_cast<std::byte>(byte));
  // Bytes are numbered by their place in the stream; the first has sequence number 1.
  const int64_t first = s.seq.value + ((s.flags & kSyn) != 0 ? 1 : 0) - 1;
  for (int64_t i = 0; i < s.payload_bytes; ++i) {
    tcp.payload.push_back(peer_byte(static_cast<uint64_t>(first + i)));
  }
  return true;
}

std::optional<Bytes> Scene::make_frame(std::string_view line, const Where& where) {
  const auto words = split_words(line);
  const auto ip = [](const std::string& text) { return IpAddress::parse(text).value().v4_value(); };
  if (!words.empty() && words[0] == "arp") {
    NaiveArp arp{MacAddress::broadcast(), kPeerMac, 1, kPeerMac, MacAddress{}, 0, 0};
    if (words.size() == 5 && words[1] == "who-has" && words[3] == "tell") {
      arp.target_ip = ip(words[2]);
      arp.sender_ip = ip(words[4]);
      return build(arp);
    }
    if (words.size() == 5 && words[1] == "reply" && words[3] == "is-at") {
      arp.operation = 2;
      arp.destination_mac = arp.target_mac = kLocalMac;
      arp.sender_mac = MacAddress::parse(words[4]).value();
      arp.sender_ip = ip(words[2]);
      arp.target_ip = kLocalIp;
      return build(arp);
    }
    fail(where, "in(\"" + std::string(line) + "\") is no ARP packet");
    return std::nullopt;
  }
  if (!words.empty() && words[0] == "icmp" && words.size() == 5) {
    NaiveIcmp icmp{kLocalMac, kPeerMac, kPeerIp, kLocalIp, 8, 0, {}};
    if (words[1] == "echo") {  // icmp echo ID SEQ BYTES
      icmp.body.resize(4 + static_cast<size_t>(std::stoul(words[4])));
      put16(icmp.body, 0, static_cast<uint16_t>(std::stoul(words[2])));
      put16(icmp.body, 2, static_cast<uint16_t>(std::stoul(words[3])));
      for (size_t i = 4; i < icmp.body.size(); ++i) icmp.body[i] = peer_byte(i);
      return build(icmp);
    }
    if (words[3] == "quote") {  // icmp TYPE CODE quote SEQ: of a segment of ours
      icmp.type = static_cast<uint8_t>(std::stoul(words[1]));
      icmp.code = static_cast<uint8_t>(std::stoul(words[2]));
      const Flow& flow = current();
      NaiveTcp ours;
      ours.source_ip = kLocalIp;
      ours.destination_ip = kPeerIp;
      ours.source_port = flow.local_port;
      ours.destination_port = flow.peer_port;
      ours.seq = flow.local_isn.value_or(0) + static_cast<uint32_t>(std::stoll(words[4]));
      ours.flags = kAck;
      const Bytes quoted = build(ours);
      icmp.body.resize(4);
      icmp.body.insert(icmp.body.end(), quoted.begin() + 14, quoted.begin() + 14 + 28);
      return build(icmp);
    }
  }
  NaiveTcp tcp;
  if (!fill_tcp(line, tcp, where)) return std::nullopt;
  return build(tcp);
}

Bytes Scene::frame(std::string_view line) {
  if (failed_) return Bytes(60);
  return make_frame(line, Where::current()).value_or(Bytes(60));
}

Scene& Scene::in(std::string_view line, Where where) {
  if (failed_) return *this;
  if (auto frame = make_frame(line, where)) in(*frame, where);
  return *this;
}

Scene& Scene::in(const Bytes& bytes, Where /*where*/) {
  if (failed_) return *this;
  NaiveFrame frame = decode(bytes);
  // The peer's new initial number is where its SYN is.
  note(host_->now(), "in ", format(frame, false));
  host_->inject(bytes);
  pull();
  return *this;
}

std::optional<std::string> Scene::mismatch(const SegmentLine& want, const Sent& sent) {
  if (!sent.frame.tcp) return "not a TCP segment";
  const NaiveTcp& tcp = *sent.frame.tcp;
  Flow& flow = flow_of(tcp, true);
  if (&flow != &current()) return "of another flow";
  const auto differs = [](const LineNumber& n, uint32_t base, uint32_t actual) {
    if (n.kind == LineNumber::Kind::kAny) return false;
    const uint32_t wanted = static_cast<uint32_t>(n.value);
    return actual != (n.kind == LineNumber::Kind::kRelative ? wanted + base : wanted);
  };
  const uint8_t free = static_cast<uint8_t>(want.flags_optional | kPsh);
  if (((tcp.flags ^ want.flags) & ~free) != 0) return "flags";
  if ((want.flags & kPsh) != 0 && (tcp.flags & kPsh) == 0) return "PSH";
  if (want.seq.kind == LineNumber::Kind::kRelative && !flow.local_isn) {
    return "seq: the host's ISN is not known";
  }
  if (differs(want.seq, flow.local_isn.value_or(0), tcp.seq)) return "seq";
  if (static_cast<int64_t>(tcp.payload.size()) != want.payload_bytes) return "payload length";
  if (!want.ack && (want.flags & kAck) != 0) return "ack: the line must name it, or say 'ack *'";
  if (want.ack && differs(*want.ack, flow.peer_isn, tcp.ack) && (tcp.flags & kAck) != 0) {
    return "ack";
  }
  if (want.window && *want.window != tcp.window) return "win";
  if (want.mss && want.mss != tcp.mss) return "mss";
  if (want.no_mss && tcp.mss) return "mss where none was expected";
  if (want.window_shift && !tcp.window_shift) return "ws is missing";
  if (want.window_shift && *want.window_shift != 0xff && want.window_shift != tcp.window_shift) {
    return "ws";
  }
  if (want.no_window_shift && tcp.window_shift) return "ws where none was expected";
  if (want.no_timestamps && tcp.timestamps) return "ts where none was expected";
  if (want.sack_permitted && !tcp.sack_permitted) return "sackOK is missing";
  if (want.ts_value) {
    if (!tcp.timestamps) return "ts is missing";
    // The clock that timestamps show may be in the middle of a tick.
    if (differs(*want.ts_value, *flow.ts_base, tcp.timestamps->value) &&
        differs(*want.ts_value, *flow.ts_base, tcp.timestamps->value - 1)) {
      return "ts value";
    }
    if (differs(*want.ts_echo, 0, tcp.timestamps->echo)) return "ts echo";
  }
  // Payload: every byte at its place in the stream.
  const uint32_t first = tcp.seq - flow.local_isn.value_or(0) + ((tcp.flags & kSyn) != 0 ? 1 : 0);
  for (size_t i = 0; i < tcp.payload.size(); ++i) {
    if (tcp.payload[i] != local_byte(first - 1 + i)) {
      return "payload byte " + std::to_string(i) + " is not what the application wrote";
    }
  }
  return std::nullopt;
}

std::optional<std::string> Scene::mismatch(std::string_view line, const Sent& sent) {
  if (line.starts_with("arp") || line.starts_with("icmp")) {
    if (sent.frame.tcp || format(sent.frame, true) != line) return "another frame";
    return std::nullopt;
  }
  SegmentLine want;
  if (auto wrong = parse_segment_line(line, want)) return "the line makes no sense: " + *wrong;
  return mismatch(want, sent);
}

// Takes the next frame off the queue, or fails.
bool Scene::match_next(std::string_view line, const Where& where) {
  if (queue_.empty()) {
    fail(where, "expected  " + std::string(line) + "\n  actual  silence");
    return false;
  }
  const Sent sent = std::move(queue_.front());
  queue_.pop_front();
  std::optional<std::string> wrong = mismatch(line, sent);
  const double sent_ms = ms(sent.time);
  const double shown = static_cast<double>(now_ms_);
  if (!wrong && (sent_ms < shown || sent_ms > shown + 1)) wrong = "time";
  if (!wrong) return true;
  char times[96];
  std::snprintf(times, sizeof times, "\n    time  %.3f ms, sent at %.3f ms", shown, sent_ms);
  fail(where, "expected  " + std::string(line) + "\n  actual  " + format(sent.frame, true) +
                  times + "\n differs  " + *wrong);
  return false;
}

Scene& Scene::out(std::string_view line, Where where) {
  if (failed_) return *this;
  if (queue_.empty()) {
    // A deadline in whole ticks may be due up to one tick later.
    const Instant last = zero_ + milliseconds(now_ms_ + 1);
    if (host_->next_deadline() <= last) advance_to(host_->next_deadline());
    if (queue_.empty() && host_->next_deadline() <= last) advance_to(last);
  }
  if (!failed_) match_next(line, where);
  return *this;
}

Scene& Scene::out_by(int64_t limit_ms, std::string_view line, Where where) {
  if (failed_) return *this;
  const Instant limit = zero_ + milliseconds(limit_ms);
  while (queue_.empty() && !failed_ && host_->now() < limit) {
    const Instant next = std::max(host_->next_deadline(), host_->now() + microseconds(1));
    advance_to(std::min(limit, next));
  }
  if (!queue_.empty()) {
    now_ms_ = std::max(now_ms_, (queue_.front().time - zero_).milliseconds());
  }
  if (!failed_) match_next(line, where);
  return *this;
}

Scene& Scene::maybe(std::string_view line, Where /*where*/) {
  if (failed_ || queue_.empty() || mismatch(line, queue_.front())) return *this;
  queue_.pop_front();
  return *this;
}

Scene& Scene::silence(Where where) {
  if (!failed_) check_unclaimed(where);
  return *this;
}

void Scene::check_unclaimed(const Where& where) {
  if (queue_.empty()) return;
  std::string text;
  for (const Sent& sent : queue_) {
    char time[32];
    std::snprintf(time, sizeof time, "%10.3f  ", ms(sent.time));
    text += "\n  " + (time + format(sent.frame, true));
  }
  fail(where, "expected  silence\n  actual  " + std::to_string(queue_.size()) +
                  " unclaimed frame(s):" + text);
}

// --- The application -----------------------------------------------------------------------------

bool Scene::write(Flow& flow, uint64_t bytes, uint64_t expected, const Where& where) {
  Bytes data(bytes);
  for (uint64_t i = 0; i < bytes; ++i) data[i] = local_byte(flow.bytes_written + i);
  const size_t taken = host_->send(*flow.connection, data);
  flow.bytes_written += taken;
  if (taken == expected) return true;
  fail(where, "write of " + std::to_string(bytes) + " bytes took " + std::to_string(taken));
  return false;
}

void Scene::read_all(Flow& flow, uint64_t bytes_max) {
  const auto data = host_->receive(*flow.connection, bytes_max);
  for (std::byte byte : data) {
    if (byte == peer_byte(flow.bytes_read++)) continue;
    return fail(Where::current(), "byte " + std::to_string(flow.bytes_read - 1) +
                                      " was delivered wrong");
  }
}

Scene& Scene::app(std::string_view verb, Where where) {
  if (failed_) return *this;
  note(host_->now(), "app", std::string(verb));
  const auto words = split_words(verb);
  Flow& flow = current();
  if (words[0] == "connect") {
    const auto id = host_->connect(endpoint(kPeerIp, flow.peer_port), setup_.tcp,
                                   endpoint(kLocalIp, flow.local_port));
    if (!id.ok()) {
      fail(where, "connect: " + id.error().message);
      return *this;
    }
    flow.connection = id.value();
    flow.bytes_written = flow.bytes_read = 0;
    pull();
    return *this;
  }
  if (words[0] == "unlisten") {
    host_->close_listener(listener_);
    pull();
    return *this;
  }
  if (!flow.connection) {
    fail(where, "there is no connection to " + words[0] + " yet");
    return *this;
  }
  const uint64_t n = words.size() > 1 ? std::stoull(words[1]) : UINT64_MAX;
  if (words[0] == "write") {
    write(flow, n, words.size() == 4 ? std::stoull(words[3]) : n, where);
  } else if (words[0] == "read") {
    read_all(flow, n);
  } else if (words[0] == "shutdown") {
    host_->shutdown(*flow.connection);
  } else if (words[0] == "close") {
    host_->close(*flow.connection);
  } else if (words[0] == "abort") {
    host_->abort(*flow.connection);
  } else {
    fail(where, "no verb '" + words[0] + "'");
  }
  if (!failed_) pull();
  return *this;
}

// --- Claims --------------------------------------------------------------------------------------

TcpInfo Scene::info() const {
  if (failed_ || !current().connection) return {};
  return host_->info(*current().connection).value_or(TcpInfo{});
}

uint32_t Scene::local_isn() const {
  return failed_ ? 0 : current().local_isn.value_or(0);
}

ConnectionId Scene::connection() const {
  return failed_ ? ConnectionId{} : current().connection.value_or(ConnectionId{});
}

Scene& Scene::claim(bool holds, std::string_view what, Where where) {
  if (!failed_ && !holds) fail(where, "does not hold: " + std::string(what));
  return *this;
}

Scene& Scene::state(std::string_view name, Where where) {
  if (failed_) return *this;
  std::string actual = setup_.active ? "CLOSED" : "LISTEN";
  const ShardUse use = host_->shard().use();
  if (use.half_open != 0) actual = "SYN-RECEIVED";
  if (use.time_wait != 0) actual = "TIME-WAIT";
  if (current().connection) {
    if (auto info = host_->info(*current().connection)) {
      actual = to_string(info->state);
    } else if (use.half_open == 0 && use.time_wait == 0) {
      actual = "CLOSED";
    }
  }
  return claim(actual == name, std::string(name) + "; the state is " + actual, where);
}

Scene& Scene::closed(std::string_view reason, Where where) {
  if (failed_) return *this;
  const auto actual = host_->closed(connection());
  const std::string text = actual ? std::string(to_string(*actual)) : "still open";
  return claim(text == reason, "closed(" + std::string(reason) + "); it is " + text, where);
}

Scene& Scene::open(Where where) {
  if (failed_) return *this;
  const auto actual = host_->closed(connection());
  const bool is_open = current().connection && !actual;
  return claim(is_open, "open; it is closed: " +
                            (actual ? std::string(to_string(*actual)) : "there is none"), where);
}

Scene& Scene::peer_closed(Where where) {
  if (failed_) return *this;
  return claim(host_->peer_closed(connection()), "the application knows of the peer's FIN", where);
}

Scene& Scene::received(uint64_t bytes, Where where) {
  if (failed_) return *this;
  const uint64_t actual = current().bytes_read + info().unread_bytes;
  return claim(actual == bytes, "received " + std::to_string(bytes) + " bytes; it is " +
                                    std::to_string(actual), where);
}

Scene& Scene::counter(std::string_view name, uint64_t n, Where where) {
  if (failed_) return *this;
  const auto counter = counter_named(name);
  if (!counter) return claim(false, "there is a counter " + std::string(name), where);
  const uint64_t actual = host_->shard().counters().get(*counter) - counters_at_start_[*counter];
  if (actual == n) return *this;
  std::string others;
  for (const auto& [other, before] : counters_at_start_) {
    const uint64_t grown = host_->shard().counters().get(other) - before;
    if (grown != 0) others += "\n  " + std::string(to_string(other)) + " " + std::to_string(grown);
  }
  return claim(false, std::string(name) + " " + std::to_string(n) + "; it is " +
                          std::to_string(actual) + ". What has grown:" + others, where);
}

Scene& Scene::half_open(uint32_t n, Where where) {
  if (failed_) return *this;
  const uint32_t actual = host_->shard().use().half_open;
  return claim(actual == n, "half_open " + std::to_string(n) + "; it is " + std::to_string(actual),
               where);
}
Scene& Scene::time_wait(uint32_t n, Where where) {
  if (failed_) return *this;
  const uint32_t actual = host_->shard().use().time_wait;
  return claim(actual == n, "time_wait " + std::to_string(n) + "; it is " + std::to_string(actual),
               where);
}
Scene& Scene::connections(uint32_t n, Where where) {
  if (failed_) return *this;
  const uint32_t actual = host_->shard().use().connections;
  return claim(actual == n, "connections " + std::to_string(n) + "; it is " +
                                std::to_string(actual), where);
}

Scene& Scene::drained(Where where) {
  if (failed_) return *this;
  const ShardUse use = host_->shard().use();
  const std::pair<const char*, uint32_t> parts[] = {
      {"connections", use.connections},   {"half_open", use.half_open},
      {"time_wait", use.time_wait},       {"small_blocks", use.small_blocks},
      {"large_blocks", use.large_blocks}, {"loss_records", use.loss_records},
      {"timers", use.timers},             {"control_frames", use.control_frames},
      {"flow_entries", use.flow_entries}};
  for (const auto& [name, n] : parts) {
    claim(n == 0, std::string("drained; in use are ") + name + " " + std::to_string(n), where);
  }
  return *this;
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

// --- Words ---------------------------------------------------------------------------------------

std::string Scene::format(const NaiveTcp& tcp, bool from_host) {
  Flow& flow = flow_of(tcp, from_host);
  const std::optional<uint32_t> seq_base = from_host ? flow.local_isn : flow.peer_isn;
  const std::optional<uint32_t> ack_base = from_host ? flow.peer_isn : flow.local_isn;
  const auto number = [](uint32_t n, std::optional<uint32_t> base) {
    // Relative numbers are printed as small signed ones.
    return base ? std::to_string(static_cast<int32_t>(n - *base)) : "=" + std::to_string(n);
  };
  std::string text;
  const std::pair<uint16_t, uint16_t> ports = {flow.peer_port, flow.local_port};
  if (ports != current_) {
    text += "[" + std::to_string(flow.peer_port) + "-" + std::to_string(flow.local_port) + "] ";
  }
  text += flag_letters(tcp.flags) + " " + number(tcp.seq, seq_base);
  if (!tcp.payload.empty()) {
    text += ":" + number(tcp.seq + static_cast<uint32_t>(tcp.payload.size()), seq_base);
  }
  if ((tcp.flags & kAck) != 0) text += " ack " + number(tcp.ack, ack_base);
  text += " win " + std::to_string(tcp.window);
  std::string options;
  if (tcp.mss) options += ",mss " + std::to_string(*tcp.mss);
  if (tcp.window_shift) options += ",ws " + std::to_string(*tcp.window_shift);
  if (tcp.sack_permitted) options += ",sackOK";
  if (tcp.timestamps) {
    const uint32_t base = flow.ts_base.value_or(0);
    options += ",ts " + std::to_string(tcp.timestamps->value - (from_host ? base : 0)) + " " +
               (from_host || tcp.timestamps->echo == 0
                    ? std::to_string(tcp.timestamps->echo)
                    : std::to_string(static_cast<int32_t>(tcp.timestamps->echo - base)));
  }
  if (!options.empty()) text += " <" + options.substr(1) + ">";
  return text;
}

std::string Scene::format(const NaiveFrame& frame, bool from_host) {
  if (frame.tcp) return format(*frame.tcp, from_host);
  if (frame.arp) return arp_text(*frame.arp);
  if (frame.icmp) return icmp_text(*frame.icmp);
  return "(" + frame.problem + ")";
}

void Scene::note(Instant time, std::string_view what, const std::string& text) {
  char front[48];
  std::snprintf(front, sizeof front, "%12.3f  %.*s  ", ms(time), static_cast<int>(what.size()),
                what.data());
  transcript_.push_back(front + text);
}

void Scene::fail(const Where& where, const std::string& message) {
  failed_ = true;
  std::string text = message + "\n\nTranscript (seed " + std::to_string(setup_.shard.seed) + "):\n";
  for (const std::string& line : transcript_) text += "  " + line + "\n";
  ADD_FAILURE_AT(where.file, where.line) << text;
}

}  // namespace millrace::test
