// SPDX-License-Identifier: BSD-3-Clause
// The whole text is read before anything is played: a script that cannot be understood never
// fails half-way.
#include "script.h"

#include <algorithm>
#include <charconv>

#include "fields.h"
#include "millrace/shard.h"
#include "value.h"

namespace script {

using millrace::Duration;
using millrace::Error;
using millrace::Result;
using millrace::Shard;
using millrace::ShardConfig;
using millrace::TcpOptions;

namespace {

using Complaint = std::optional<std::string>;
using Words = std::vector<std::string>;

constexpr std::pair<std::string_view, Comparison::Op> kOps[] = {
    {"!=", Comparison::Op::kUnequal}, {"<=", Comparison::Op::kAtMost},
    {">=", Comparison::Op::kAtLeast}, {"=", Comparison::Op::kEqual},
    {"<", Comparison::Op::kLess},     {">", Comparison::Op::kGreater},
};

constexpr std::string_view kVerbs =
    "<, <<, >, icmp, config, option, listen, unlisten, accepting, connect, accept, send, receive, "
    "reading, "
    "shutdown, close, abort, set, info, use, counter, event, silence, flow, renew";

// --- Time ---------------------------------------------------------------------------------------

std::string trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin));
}

bool looks_like_time(const std::string& word) {
  return word == "*" || word[0] == '+' || (word[0] >= '0' && word[0] <= '9');
}

Complaint parse_when(std::string_view word, When& when) {
  if (word == "*") {
    when.kind = When::Kind::kAny;
    return std::nullopt;
  }
  when.kind = When::Kind::kAbsolute;
  if (word.starts_with('+')) {
    when.kind = When::Kind::kRelative;
    word.remove_prefix(1);
  }
  const size_t tilde = word.find('~');
  const std::optional<Duration> time = parse_time(word.substr(0, tilde));
  if (!time) return "'" + std::string(word) + "' is no time: 0.25, +0.25, +250ms, +1~50ms";
  when.at = *time;
  if (tilde == std::string_view::npos) return std::nullopt;
  const std::optional<Duration> tolerance = parse_time(word.substr(tilde + 1));
  if (!tolerance) return "'" + std::string(word) + "' has no tolerance: +1~50ms";
  when.tolerance = *tolerance;
  return std::nullopt;
}

// --- Arguments ----------------------------------------------------------------------------------

Complaint parse_assignment(const std::string& word, std::pair<std::string, std::string>& out) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return "'" + word + "' is not NAME=VALUE";
  out = {word.substr(0, equals), word.substr(equals + 1)};
  return std::nullopt;
}

Complaint parse_comparison(const std::string& word, Verb verb, Comparison& out) {
  const size_t at = word.find_first_of("=!<>");
  const std::string_view rest = at == std::string::npos ? "" : std::string_view(word).substr(at);
  const auto* op = std::find_if(std::begin(kOps), std::end(kOps),
                                [&](const auto& row) { return rest.starts_with(row.first); });
  if (op == std::end(kOps) || at == 0) {
    return "'" + word + "' is not NAME=VALUE, nor with one of != < <= > >=";
  }
  out.op = op->second;
  out.name = word.substr(0, at);
  Kind kind = Kind::kCount;
  if (verb == Verb::kInfo) {
    const InfoField* field = find_info_field(out.name);
    if (field == nullptr) return "there is no info '" + out.name + "'";
    kind = field->kind;
  } else if (verb == Verb::kUse ? find_use_field(out.name) == nullptr : !find_counter(out.name)) {
    return std::string("there is no ") + (verb == Verb::kUse ? "use" : "counter") + " '" +
           out.name + "'";
  }
  const std::string_view text = rest.substr(op->first.size());
  const std::optional<int64_t> value = parse(kind, text);
  if (!value) {
    return out.name + " wants " + std::string(describe(kind)) + ", not '" + std::string(text) + "'";
  }
  out.value = *value;
  return std::nullopt;
}

Complaint parse_event(const Words& words, Line& line) {
  const std::string name = words.size() > 1 ? words[1] : "";
  const bool plain = name == "established" || name == "peer-closed" || name == "writable";
  if (words.size() == 2 && plain) {
    line.word = name;
    return std::nullopt;
  }
  if (words.size() == 3 && name == "closed") {
    std::string known;
    for (size_t i = 0; i < millrace::kCloseReasonCount; ++i) {
      const std::string_view reason = to_string(static_cast<millrace::CloseReason>(i));
      known += (known.empty() ? "" : ", ") + std::string(reason);
      if (words[2] == reason) {
        line.word = "closed " + words[2];
        return std::nullopt;
      }
    }
    return "there is no reason '" + words[2] + "': " + known;
  }
  return "an event is one of established, peer-closed, writable, closed REASON";
}

// The verb takes from `least` to `most` numbers, each from 0 to `limit`.
Complaint parse_numbers(const Words& words, size_t least, size_t most, int64_t limit, Line& line) {
  for (size_t i = 1; i < words.size(); ++i) {
    if ((words[i] == "from" || words[i] == "takes") && i == 2 && i + 1 < words.size()) continue;
    const std::optional<int64_t> number = parse_count(words[i]);
    if (!number || *number < 0 || *number > limit) {
      return "'" + words[i] + "' is not a number from 0 to " + std::to_string(limit);
    }
    line.numbers.push_back(*number);
  }
  if (line.numbers.size() >= least && line.numbers.size() <= most) return std::nullopt;
  return words[0] + " wants " + std::to_string(least) +
         (most == least ? "" : " or " + std::to_string(most)) + " number(s)";
}

class Parser {
 public:
  Parser(std::string file, const ShardConfig& config) {
    script_.file = std::move(file);
    script_.config = config;
  }

  Complaint take(int number, std::string_view text) {
    Words words = split_words(text);
    if (words.empty()) return std::nullopt;
    Line line;
    line.number = number;
    size_t begin = 0;
    if (looks_like_time(words[0])) {
      if (Complaint wrong = parse_when(words[0], line.when)) return wrong;
      begin = text.find(words[0]) + words[0].size();
      words.erase(words.begin());
      if (words.empty()) return "a time without an event";
    }
    line.source = trimmed(text);
    line.text = trimmed(text.substr(begin));
    if (words[0] == "config") return configure(words);
    if (Complaint wrong = parse_verb(words, line)) return wrong;
    script_.lines.push_back(std::move(line));
    return std::nullopt;
  }

  Script finish() { return std::move(script_); }

 private:
  Complaint configure(const Words& words) {
    if (!script_.lines.empty()) return "config lines come before all others";
    for (size_t i = 1; i < words.size(); ++i) {
      std::pair<std::string, std::string> setting;
      if (Complaint wrong = parse_assignment(words[i], setting)) return wrong;
      if (Complaint wrong = set_field(script_.config, setting.first, setting.second)) return wrong;
    }
    const Result<void> valid = validate(script_.config);
    return valid ? std::nullopt : Complaint(valid.error().message);
  }

  Complaint parse_settings(const Words& words, TcpOptions& options, Line& line) {
    if (words.size() < 2) return words[0] + " wants NAME=VALUE";
    for (size_t i = 1; i < words.size(); ++i) {
      std::pair<std::string, std::string> setting;
      if (Complaint wrong = parse_assignment(words[i], setting)) return wrong;
      if (Complaint wrong = set_field(options, setting.first, setting.second)) return wrong;
      line.settings.push_back(std::move(setting));
    }
    const Result<void> valid = validate(options);
    return valid ? std::nullopt : Complaint(valid.error().message);
  }

  Complaint parse_verb(const Words& words, Line& line) {
    const std::string& verb = words[0];
    if (verb == "<" || verb == "<<" || verb == ">") {
      line.verb = verb == ">" ? Verb::kOut : verb == "<" ? Verb::kIn : Verb::kInBurst;
      return parse_frame(std::string_view(line.text).substr(verb.size()), line);
    }
    static constexpr std::pair<const char*, Verb> kPlain[] = {
        {"unlisten", Verb::kUnlisten}, {"accept", Verb::kAccept}, {"shutdown", Verb::kShutdown},
        {"close", Verb::kClose},       {"abort", Verb::kAbort},
    };
    for (const auto& [name, plain] : kPlain) {
      if (verb != name) continue;
      line.verb = plain;
      return words.size() == 1 ? std::nullopt : Complaint(verb + " takes no argument");
    }
    static constexpr struct {
      const char* name;
      Verb verb;
      size_t least, most;
      int64_t limit;
    } kNumbered[] = {
        {"listen", Verb::kListen, 1, 1, 65535},     {"connect", Verb::kConnect, 1, 2, 65535},
        {"flow", Verb::kFlow, 2, 2, 65535},         {"send", Verb::kSend, 1, 2, 1 << 24},
        {"receive", Verb::kReceive, 1, 1, 1 << 24}, {"renew", Verb::kRenew, 1, 1, 0xffffffff},
    };
    for (const auto& row : kNumbered) {
      if (verb != row.name) continue;
      line.verb = row.verb;
      return parse_numbers(words, row.least, row.most, row.limit, line);
    }
    static constexpr std::pair<const char*, Verb> kClaims[] = {
        {"info", Verb::kInfo}, {"use", Verb::kUse}, {"counter", Verb::kCounter}};
    for (const auto& [name, claim] : kClaims) {
      if (verb != name) continue;
      line.verb = claim;
      return parse_comparisons(words, line);
    }
    return parse_other(words, line);
  }

  Complaint parse_other(const Words& words, Line& line) {
    const std::string& verb = words[0];
    if (verb == "option") {
      line.verb = Verb::kOption;
      const Complaint wrong = parse_settings(words, options_, line);
      line.options = options_;
      return wrong;
    }
    if (verb == "set") {
      line.verb = Verb::kSet;
      TcpOptions scratch = options_;
      return parse_settings(words, scratch, line);
    }
    if (verb == "icmp") {
      line.verb = Verb::kIcmp;
      return parse_icmp(std::string_view(line.text).substr(verb.size()), line.icmp);
    }
    if (verb == "event") {
      line.verb = Verb::kEvent;
      return parse_event(words, line);
    }
    if (verb == "reading" || verb == "accepting") {
      line.verb = verb == "reading" ? Verb::kReading : Verb::kAccepting;
      if (words.size() != 2 || (words[1] != "on" && words[1] != "off")) return verb + " on or off";
      line.numbers.push_back(words[1] == "on" ? 1 : 0);
      return std::nullopt;
    }
    if (verb == "silence") {
      line.verb = Verb::kSilence;
      const std::optional<Duration> time = words.size() == 2 ? parse_time(words[1]) : std::nullopt;
      if (!time) return "silence wants a time";
      line.numbers.push_back(time->ns);
      return std::nullopt;
    }
    return "there is no verb '" + verb + "': " + std::string(kVerbs);
  }

  static Complaint parse_comparisons(const Words& words, Line& line) {
    if (words.size() < 2) return words[0] + " wants NAME=VALUE";
    for (size_t i = 1; i < words.size(); ++i) {
      if (Complaint wrong =
              parse_comparison(words[i], line.verb, line.comparisons.emplace_back())) {
        return wrong;
      }
    }
    return std::nullopt;
  }

  static Complaint parse_frame(std::string_view text, Line& line) {
    if (Complaint wrong = parse_segment(text, line.segment)) return wrong;
    const SegmentLine& s = line.segment;
    if (line.verb == Verb::kOut) {
      return s.bad_checksum ? Complaint("badsum is for < lines") : std::nullopt;
    }
    if (s.seq.kind == Number::Kind::kAny || (s.ack && s.ack->kind == Number::Kind::kAny)) {
      return "* is for > lines";
    }
    if (s.flags_optional != 0) return "flags in [] are for > lines";
    for (const OptionLine& option : s.options) {
      if (option.absent) return "!NAME is for > lines";
    }
    return s.other_options_too ? Complaint("... is for > lines") : std::nullopt;
  }

  Script script_;
  TcpOptions options_;
};

Complaint check_bursts(const Script& script) {
  size_t frames = 1;
  for (size_t i = 0; i < script.lines.size(); ++i) {
    const Line& line = script.lines[i];
    frames = line.verb == Verb::kInBurst ? frames + 1 : 1;
    if (frames == 1) continue;
    const std::string where = std::to_string(line.number) + ": ";
    if (frames > Shard::kBurstMax) {
      return where + "a burst has at most " + std::to_string(Shard::kBurstMax) + " frames";
    }
    const Verb next = i + 1 == script.lines.size() ? Verb::kOut : script.lines[i + 1].verb;
    if (next == Verb::kIn || next == Verb::kInBurst) continue;
    return where + "<< is followed by the rest of its burst, a < line";
  }
  return std::nullopt;
}

// What stands before a `#`.
std::string_view without_comment(std::string_view text) { return text.substr(0, text.find('#')); }

}  // namespace

std::string_view to_string(Comparison::Op op) {
  for (const auto& [text, known] : kOps) {
    if (known == op) return text;
  }
  return "";
}

bool holds(Comparison::Op op, int64_t actual, int64_t expected) {
  switch (op) {
    case Comparison::Op::kEqual:
      return actual == expected;
    case Comparison::Op::kUnequal:
      return actual != expected;
    case Comparison::Op::kLess:
      return actual < expected;
    case Comparison::Op::kAtMost:
      return actual <= expected;
    case Comparison::Op::kGreater:
      return actual > expected;
    case Comparison::Op::kAtLeast:
      return actual >= expected;
  }
  return false;
}

Result<Script> parse_script(std::string file, std::string_view text, const ShardConfig& config) {
  Parser parser(file, config);
  int number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    if (const Complaint wrong = parser.take(number, without_comment(text.substr(0, end)))) {
      return Error{file + ":" + std::to_string(number) + ": " + *wrong};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  Script script = parser.finish();
  if (script.lines.empty()) return Error{file + ": the script has no event"};
  if (const Complaint wrong = check_bursts(script)) return Error{file + ":" + *wrong};
  return script;
}

}  // namespace script
