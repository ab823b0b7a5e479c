// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/ss_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "cli/values.h"

namespace millrace::inspect {
namespace {

constexpr uint32_t bit(State state) { return ListFilter::bit(state); }

struct StateWord {
  std::string_view word;
  uint32_t states;
};
constexpr uint32_t kConnected =
    ListFilter::kAllStates & ~(bit(State::kListen) | bit(State::kClosed));
constexpr uint32_t kBucket = bit(State::kSynReceived) | bit(State::kTimeWait);
constexpr StateWord kStateWords[] = {
    {"all", ListFilter::kAllStates},
    {"connected", kConnected},
    {"synchronized", kConnected & ~bit(State::kSynSent)},
    {"bucket", kBucket},
    {"big", ListFilter::kAllStates & ~kBucket},
    {"listening", bit(State::kListen)},
    {"listen", bit(State::kListen)},
    {"syn-sent", bit(State::kSynSent)},
    {"syn-recv", bit(State::kSynReceived)},
    {"established", bit(State::kEstablished)},
    {"estab", bit(State::kEstablished)},
    {"fin-wait-1", bit(State::kFinWait1)},
    {"fin-wait-2", bit(State::kFinWait2)},
    {"close-wait", bit(State::kCloseWait)},
    {"closing", bit(State::kClosing)},
    {"last-ack", bit(State::kLastAck)},
    {"time-wait", bit(State::kTimeWait)},
};

// The words of a filter, one after the other.
class Reader {
 public:
  explicit Reader(std::span<const std::string> words) {
    for (const std::string& several : words) {
      std::istringstream in(several);
      for (std::string word; in >> word;) {
        // Where all conditions are to hold, brackets change nothing.
        if (word != "(" && word != ")") words_.push_back(word);
      }
    }
  }
  [[nodiscard]] bool ended() const { return next_ == words_.size(); }
  // Empty at the end.
  std::string take() { return ended() ? std::string() : words_[next_++]; }
  bool take_if(std::initializer_list<std::string_view> wanted) {
    if (ended()) return false;
    const bool is = std::find(wanted.begin(), wanted.end(), words_[next_]) != wanted.end();
    next_ += is ? 1 : 0;
    return is;
  }

 private:
  std::vector<std::string> words_;
  size_t next_ = 0;
};

Result<uint32_t> parse_state(const std::string& word) {
  for (const StateWord& known : kStateWords) {
    if (known.word == word) return known.states;
  }
  std::vector<std::string> names;
  for (const StateWord& known : kStateWords) names.emplace_back(known.word);
  return Error{fmt::format("there is no state \"{}\"; give {}", word, cli::one_of(names))};
}

Result<uint16_t> parse_port(std::string_view text) {
  if (text.starts_with(':')) text.remove_prefix(1);
  const auto port = cli::parse_number(text);
  if (!port || *port > UINT16_MAX) {
    return Error{
        fmt::format("\"{}\" is no port; give a number up to 65535, such as 80 or :80", text)};
  }
  return static_cast<uint16_t>(*port);
}

Result<void> narrow(PortRange& range, Reader& words, const std::string& what) {
  const std::string op = words.take();
  const Result<uint16_t> port = parse_port(words.take());
  if (!port) return port.error();
  const auto at_least = [&](int first) {
    range.first = static_cast<uint16_t>(std::max<int>(range.first, first));
  };
  const auto at_most = [&](int last) {
    range.last = static_cast<uint16_t>(std::min<int>(range.last, last));
  };
  if (op == "=" || op == "==" || op == "eq") {
    at_least(*port);
    at_most(*port);
  } else if (op == ">=" || op == "ge" || op == "geq") {
    at_least(*port);
  } else if (op == "<=" || op == "le" || op == "leq") {
    at_most(*port);
  } else if ((op == ">" || op == "gt") && *port < UINT16_MAX) {
    at_least(*port + 1);
  } else if ((op == "<" || op == "lt") && *port > 0) {
    at_most(*port - 1);
  } else {
    return Error{fmt::format("{} \"{}\" {}: give {} = 80, or >=, <=, >, < that some port can be",
                             what, op, *port, what)};
  }
  return {};
}

// "10.0.0.0/8", "10.0.0.1:80", "[fe80::1]:80", "fe80::/10", ":80".
Result<void> narrow(std::optional<Prefix>& prefix, PortRange& ports, const std::string& text) {
  const auto wrong = [&] {
    return Error{
        fmt::format("\"{}\" is no address; give one such as 10.0.0.1, 10.0.0.0/8, "
                    "10.0.0.1:80, fe80::/10 or [fe80::1]:80",
                    text)};
  };
  std::string host = text;
  const size_t colon = text.rfind(':');
  const bool several = colon != text.find(':');
  if (colon != std::string::npos && (!several || (colon > 0 && text[colon - 1] == ']'))) {
    const Result<uint16_t> port = parse_port(std::string_view(text).substr(colon));
    if (!port) return port.error();
    ports = {*port, *port};
    host.resize(colon);
    if (host.empty() || host == "*") return {};
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.find('/') != std::string::npos) {
    const Result<Prefix> network = Prefix::parse(host);
    if (!network) return wrong();
    prefix = *network;
    return {};
  }
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address) return wrong();
  prefix = Prefix{*address, static_cast<uint8_t>(address->is_v4() ? 32 : 128)};
  return {};
}

}  // namespace

std::string_view ss_name(State state) {
  switch (state) {
    case State::kSynReceived:
      return "SYN-RECV";
    case State::kEstablished:
      return "ESTAB";
    case State::kClosed:
    case State::kListen:
    case State::kSynSent:
    case State::kFinWait1:
    case State::kFinWait2:
    case State::kCloseWait:
    case State::kClosing:
    case State::kLastAck:
    case State::kTimeWait:
      break;
  }
  return to_string(state);
}

Result<ListFilter> parse_ss_filter(std::span<const std::string> words, uint32_t states) {
  ListFilter filter;
  filter.states = 0;
  uint32_t excluded = 0;
  Reader reader(words);
  while (!reader.ended()) {
    if (reader.take_if({"and", "&", "&&"})) continue;
    const std::string word = reader.take();
    Result<void> read;
    if (word == "state" || word == "exclude") {
      const Result<uint32_t> named = parse_state(reader.take());
      if (!named) return named.error();
      (word == "state" ? filter.states : excluded) |= *named;
    } else if (word == "dst" || word == "src") {
      reader.take_if({"=", "==", "eq"});
      read = word == "dst" ? narrow(filter.peer, filter.peer_ports, reader.take())
                           : narrow(filter.local, filter.local_ports, reader.take());
    } else if (word == "dport" || word == "sport") {
      read = narrow(word == "dport" ? filter.peer_ports : filter.local_ports, reader, word);
    } else {
      return Error{fmt::format(
          "\"{}\" was not expected; give state, exclude, dst, src, dport or sport, such as "
          "state established dst 10.0.0.0/8 sport = 80",
          word)};
    }
    if (!read) return read.error();
  }
  if (filter.states == 0) filter.states = excluded == 0 ? states : ListFilter::kAllStates;
  filter.states &= ~excluded;
  return filter;
}

}  // namespace millrace::inspect
