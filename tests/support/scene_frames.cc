// SPDX-License-Identifier: BSD-3-Clause
// Frames as lines and lines as frames: what the peer sends is built here, and what the host sent is
// compared with what the test expected.
#include <algorithm>
#include <cstdio>

#include "support/scene.h"
#include "support/tags.h"

namespace millrace::test {
namespace {

constexpr std::byte kPeerSalt{0x5a};

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

Bytes bytes_of_hex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string hex_of_bytes(const Bytes& bytes) {
  std::string hex;
  char text[4];
  for (std::byte byte : bytes) {
    std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(byte));
    hex += text;
  }
  return hex;
}

}  // namespace

std::byte local_byte(uint64_t offset) {
  return static_cast<std::byte>((offset * 31 + (offset >> 8) * 7) & 0xff);
}
std::byte peer_byte(uint64_t offset) { return local_byte(offset) ^ kPeerSalt; }

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
  if (!s.ack && (s.flags & kAck) != 0) {
    fail(where, "in(\"" + std::string(line) + "\"): a segment with ACK must name its ack");
    return false;
  }
  if (s.ack && s.ack->kind == LineNumber::Kind::kRelative && !flow.local_isn) {
    fail(where, "in(\"" + std::string(line) + "\"): the host's ISN is not known yet; use ack =N");
    return false;
  }
  tcp.destination_mac = kLocalMac;
  tcp.source_mac = kPeerMac;
  tcp.source_ip = peer_ip_;
  tcp.destination_ip = local_ip_;
  tcp.source_port = flow.peer_port;
  tcp.destination_port = flow.local_port;
  tcp.flags = s.flags;
  tcp.ecn = s.ecn.value_or(0);
  tcp.seq = number(s.seq, flow.peer_isn);
  if (s.ack) tcp.ack = number(*s.ack, flow.local_isn.value_or(0));
  tcp.window = s.window.value_or(setup_.peer_window);
  tcp.mss = s.mss;
  tcp.window_shift = s.window_shift;
  tcp.sack_permitted = s.sack_permitted;
  tcp.user_timeout = s.user_timeout;
  if (s.fast_open) {
    tcp.fast_open = s.fast_open == "*" ? fast_open_cookie_ : bytes_of_hex(*s.fast_open);
  }
  if (s.ts_value) {
    uint32_t echo = flow.ts_latest;
    if (s.ts_echo->kind != LineNumber::Kind::kAny) echo = number(*s.ts_echo, *flow.ts_base);
    tcp.timestamps = {number(*s.ts_value, 0), echo};
  }
  if (!s.sack.empty() && !flow.local_isn) {
    fail(where, "in(\"" + std::string(line) + "\"): the host's ISN is not known yet; no sack");
    return false;
  }
  for (const auto& [begin, end] : s.sack) {
    const uint32_t base = *flow.local_isn;
    tcp.sack.emplace_back(base + static_cast<uint32_t>(begin), base + static_cast<uint32_t>(end));
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
  if (!words.empty() && (words[0] == "nd" || words[0] == "icmp6" || words[0] == "mld")) {
    const LineEnds ends{kPeerMac, kLocalMac, test::ip(kPeerIp6), test::ip(kLocalIp6)};
    if (const auto icmp = icmp6_of_line(line, ends)) return build(*icmp);
    fail(where, "in(\"" + std::string(line) + "\") is no ICMPv6 message");
    return std::nullopt;
  }
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
      arp.target_ip = local_ip_;
      return build(arp);
    }
    fail(where, "in(\"" + std::string(line) + "\") is no ARP packet");
    return std::nullopt;
  }
  if (words.size() >= 5 && words[0] == "icmp") {
    NaiveIcmp icmp{kLocalMac, kPeerMac, peer_ip_, local_ip_, 8, 0, {}};
    if (words[1] == "echo") {  // icmp echo ID SEQ BYTES
      icmp.body.resize(4 + static_cast<size_t>(std::stoul(words[4])));
      put16(icmp.body, 0, static_cast<uint16_t>(std::stoul(words[2])));
      put16(icmp.body, 2, static_cast<uint16_t>(std::stoul(words[3])));
      for (size_t i = 4; i < icmp.body.size(); ++i) icmp.body[i] = peer_byte(i);
      return build(icmp);
    }
    // icmp TYPE CODE quote SEQ [mtu N] [size N]: of a segment of ours, `size` bytes with IP header
    if (words[3] == "quote") {
      icmp.type = static_cast<uint8_t>(std::stoul(words[1]));
      icmp.code = static_cast<uint8_t>(std::stoul(words[2]));
      const Flow& flow = current();
      NaiveTcp ours;
      ours.source_ip = local_ip_;
      ours.destination_ip = peer_ip_;
      ours.source_port = flow.local_port;
      ours.destination_port = flow.peer_port;
      ours.seq = flow.local_isn.value_or(0) + static_cast<uint32_t>(std::stoll(words[4]));
      ours.flags = kAck;
      Bytes quoted = build(ours);
      icmp.body.resize(4);
      put16(quoted, 14 + 2, icmp.type == 3 && icmp.code == 4 ? 1500 : 40);
      for (size_t i = 5; i + 1 < words.size(); i += 2) {
        const auto value = static_cast<uint16_t>(std::stoul(words[i + 1]));
        if (words[i] == "mtu") put16(icmp.body, 2, value);
        if (words[i] == "size") put16(quoted, 14 + 2, value);
      }
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
  note(host_->now(), "in ", on_vlan(vlan_) + format(bytes, false));
  host_->inject(tagged(bytes, vlan_));
  pull();
  return *this;
}

Scene& Scene::in_burst(std::initializer_list<std::string_view> lines, Where where) {
  std::vector<Bytes> frames;
  std::vector<RxFrame> burst;
  for (std::string_view line : lines) {
    if (failed_) return *this;
    if (auto frame = make_frame(line, where)) frames.push_back(std::move(*frame));
  }
  if (failed_) return *this;
  for (const Bytes& frame : frames) {
    note(host_->now(), "in ", format(frame, false));
    burst.push_back({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())});
  }
  host_->receive(burst);
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
  const uint16_t free = static_cast<uint16_t>(want.flags_optional | kPsh);
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
  if (want.dscp.value_or(0) != tcp.dscp) return "dscp";
  if (want.ecn && *want.ecn != tcp.ecn) return "the ECN field of the IP header";
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
  if (want.user_timeout && want.user_timeout != tcp.user_timeout) return "uto";
  if (want.no_user_timeout && tcp.user_timeout) return "uto where none was expected";
  if (want.no_sack && !tcp.sack.empty()) return "sack where none was expected";
  if (want.any_sack && tcp.sack.empty()) return "sack is missing";
  if (!want.sack.empty()) {
    if (tcp.sack.empty()) return "sack is missing";
    const auto same = [&](const auto& a, const auto& b) {
      return flow.peer_isn + static_cast<uint32_t>(a.first) == b.first &&
             flow.peer_isn + static_cast<uint32_t>(a.second) == b.second;
    };
    if (!std::equal(want.sack.begin(), want.sack.end(), tcp.sack.begin(), tcp.sack.end(), same)) {
      return "sack";
    }
  }
  if (want.no_fast_open && tcp.fast_open) return "fo where none was expected";
  if (want.fast_open) {
    if (!tcp.fast_open) return "fo is missing";
    const bool any = want.fast_open == "*" && !tcp.fast_open->empty();
    if (!any && hex_of_bytes(*tcp.fast_open) != *want.fast_open) return "fo";
  }
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
  if (sent.icmp6 || line.starts_with("nd") || line.starts_with("icmp6") ||
      line.starts_with("mld")) {
    if (!sent.icmp6 || icmp6_text(*sent.icmp6) != line) return "another frame";
    return std::nullopt;
  }
  if (line.starts_with("arp") || line.starts_with("icmp")) {
    if (sent.frame.tcp || format(sent.bytes, true) != line) return "another frame";
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
  if (!wrong && sent.vlan != vlan_) wrong = "VLAN";
  const double sent_ms = ms(sent.time);
  const double shown = static_cast<double>(now_ms_);
  if (!wrong && (sent_ms < shown || sent_ms > shown + 1)) wrong = "time";
  if (!wrong) return true;
  char times[96];
  std::snprintf(times, sizeof times, "\n    time  %.3f ms, sent at %.3f ms", shown, sent_ms);
  fail(where, "expected  " + std::string(line) + "\n  actual  " + on_vlan(sent.vlan) +
                  format(sent.bytes, true) + times + "\n differs  " + *wrong);
  return false;
}

Scene& Scene::out(std::string_view line, Where where) {
  pull();
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

Scene& Scene::whatever() {
  pull();
  queue_.clear();
  return *this;
}

Scene& Scene::silence(Where where) {
  pull();
  if (!failed_) check_unclaimed(where);
  return *this;
}

void Scene::check_unclaimed(const Where& where) {
  if (queue_.empty()) return;
  std::string text;
  for (const Sent& sent : queue_) {
    char time[32];
    std::snprintf(time, sizeof time, "%10.3f  ", ms(sent.time));
    text += "\n  " + (time + on_vlan(sent.vlan) + format(sent.bytes, true));
  }
  fail(where, "expected  silence\n  actual  " + std::to_string(queue_.size()) +
                  " unclaimed frame(s):" + text);
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
  if (tcp.user_timeout) options += ",uto " + std::to_string(*tcp.user_timeout);
  for (size_t i = 0; i < tcp.sack.size(); ++i) {
    options += i == 0 ? ",sack " : " ";
    options += number(tcp.sack[i].first, ack_base) + "-" + number(tcp.sack[i].second, ack_base);
  }
  if (tcp.fast_open) {
    options += tcp.fast_open->empty() ? ",fo" : ",fo " + hex_of_bytes(*tcp.fast_open);
  }
  if (!options.empty()) text += " <" + options.substr(1) + ">";
  constexpr const char* kEcn[] = {"", " ect1", " ect0", " ce"};
  text += kEcn[tcp.ecn];
  if (tcp.dscp != 0) text += " dscp " + std::to_string(tcp.dscp);
  return text;
}

std::string Scene::format(const Bytes& bytes, bool from_host) {
  std::string problem;
  const auto icmp6 = decode_icmp6(bytes, problem);
  return icmp6 ? icmp6_text(*icmp6) : format(decode(bytes), from_host);
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

}  // namespace millrace::test
