// SPDX-License-Identifier: BSD-3-Clause
#include "serve/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <optional>
#include <string_view>

#include "serve/starved.h"

namespace millrace::serve {
namespace {

constexpr size_t kPatternBytes = 256 * 1024;
constexpr size_t kPatternPeriod = 256;
constexpr size_t kShortResponseBytesMax = 384;  // a head, or a refusal whole
constexpr size_t kKnownHeadBytesMax = 512;
constexpr uint64_t kRootWithBodyBytesMax = 16384;  // larger bodies are not kept behind their head

std::string_view reason_phrase(uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    default:
      return "HTTP Version Not Supported";
  }
}

// Text without the heap.
class ShortText {
 public:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    size_ += fmt::format_to_n(chars_.data() + size_, chars_.size() - size_, format,
                              std::forward<Args>(args)...)
                 .size;
  }
  [[nodiscard]] std::string_view view() const {
    return {chars_.data(), std::min(size_, chars_.size())};
  }

 private:
  std::array<char, kShortResponseBytesMax> chars_;
  size_t size_ = 0;
};

// How many bytes a path asks for; nothing when there is no such path.
std::optional<uint64_t> bytes_asked_for(std::string_view target, uint64_t root_bytes) {
  constexpr std::string_view kBytes = "/bytes/";
  if (target == "/") return root_bytes;
  target = target.substr(0, target.find('?'));
  if (target == "/") return root_bytes;
  if (!target.starts_with(kBytes)) return std::nullopt;
  const std::string_view digits = target.substr(kBytes.size());
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return bytes;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// `connection` is a whole line, or nothing.
void add_head(ShortText& text, uint16_t status, uint64_t body_bytes, std::string_view connection) {
  text.add(
      "HTTP/1.1 {} {}\r\nServer: millrace\r\nContent-Length: {}\r\nContent-Type: {}\r\n{}{}\r\n",
      status, reason_phrase(status), body_bytes,
      status == 200 ? "application/octet-stream" : "text/plain",
      status == 405 ? "Allow: GET, HEAD\r\n" : "", connection);
}

// By HttpServer::Ending. Keeping the connection goes without saying in HTTP/1.1.
constexpr std::array<std::string_view, 3> kConnectionLines = {"", "Connection: keep-alive\r\n",
                                                              "Connection: close\r\n"};

}  // namespace

HttpServer::HttpServer(uint64_t body_bytes, ServiceCounts& counts)
    : counts_(counts), body_bytes_(body_bytes), pattern_(kPatternBytes), lingering_(kLingeringMax) {
  for (size_t i = 0; i < kPatternBytes; ++i) pattern_[i] = static_cast<std::byte>(i);
  for (size_t ending = 0; ending < kEndingCount; ++ending) {
    ShortText head;
    add_head(head, 200, body_bytes, kConnectionLines[ending]);
    Root& root = roots_[ending];
    root.bytes = head.view();
    root.head_bytes = root.bytes.size();
    if (body_bytes <= kRootWithBodyBytesMax) {
      root.bytes.append(reinterpret_cast<const char*>(pattern_.data()), body_bytes);
    }
  }
  known_head_.reserve(kKnownHeadBytesMax);
  heads_.reserve(kHeadsMax);
  free_heads_.reserve(kHeadsMax);
}

Result<void> HttpServer::prepare(const Shard& shard) {
  const uint32_t slots = shard.config().connections_max;
  sessions_.reset(new (std::nothrow) Session[slots]);
  if (sessions_ != nullptr) return {};
  return Error{
      fmt::format("no memory for the HTTP state of {} connections; lower "
                  "--connections-max",
                  slots)};
}

// --- Events -----------------------------------------------------------------------------------

void HttpServer::on_established(Shard&, ConnectionRef connection) {
  sessions_[connection.id.index] = Session{.body_left = 0,
                                           .upload_left = 0,
                                           .head = kNone,
                                           .body_phase = 0,
                                           .last_response = false,
                                           .refusing = false,
                                           .peer_closed = false};
  counts_.on_established();
}

size_t HttpServer::on_data(Shard& shard, ConnectionRef connection,
                           std::span<const std::byte> data) {
  Session& s = sessions_[connection.id.index];
  const std::string_view bytes(reinterpret_cast<const char*>(data.data()), data.size());
  size_t taken = 0;
  while (taken < bytes.size()) {
    if (s.refusing || stopping_) {
      taken = bytes.size();
    } else if (s.upload_left != 0) {
      const size_t n = std::min<uint64_t>(s.upload_left, bytes.size() - taken);
      s.upload_left -= n;
      taken += n;
    } else if (s.body_left != 0) {
      break;  // the response before is not through
    } else if (shard.send_space(connection.id) < kShortResponseBytesMax) {
      shard.want_writable(connection.id);
      break;
    } else {
      taken += take_request(shard, connection.id, s, bytes.substr(taken));
    }
  }
  counts_.bytes_in.add(taken);
  return taken;
}

void HttpServer::on_writable(Shard& shard, ConnectionRef connection) {
  Session& s = sessions_[connection.id.index];
  if (s.body_left != 0) continue_body(shard, connection.id, s);
  if (s.body_left == 0 || stopping_) shard.resume(connection.id);
}

void HttpServer::on_peer_closed(Shard& shard, ConnectionRef connection) {
  Session& s = sessions_[connection.id.index];
  s.peer_closed = true;
  if (s.body_left == 0) shard.shutdown(connection.id);
}

void HttpServer::on_closed(Shard&, ConnectionRef connection, CloseReason reason) {
  release_head(sessions_[connection.id.index]);
  counts_.on_closed(reason);
}

void HttpServer::on_leave(Shard&, ConnectionRef connection, Parcel& luggage) {
  Session& s = sessions_[connection.id.index];
  luggage.put(s);
  if (s.head != kNone) {
    const Head& head = heads_[s.head];
    luggage.put(static_cast<uint32_t>(head.bytes.size()));
    luggage.put_bytes(as_bytes(head.bytes));
  }
  release_head(s);
  counts_.on_leave();
}

void HttpServer::on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) {
  Session& s = sessions_[connection.id.index];
  s = luggage.take<Session>();
  if (s.head != kNone) {
    s.head = kNone;
    const std::span<const std::byte> held = luggage.take_bytes(luggage.take<uint32_t>());
    const std::string_view bytes(reinterpret_cast<const char*>(held.data()), held.size());
    http::RequestReader reader;
    reader.read(bytes);  // as far as before: there is more to come
    hold_head(shard, connection.id, bytes, reader);
  }
  if (s.refusing && closing_ == Closing::kReset) {
    resets_.add(shard, connection.id);
  } else if (s.refusing) {
    linger(shard, connection.id);
  }
  counts_.on_arrive();
}

void HttpServer::turn(Shard& shard) {
  resets_.turn(shard);
  while (lingering_count_ != 0 && lingering_[lingering_first_].until <= shard.now()) {
    end_first_lingering(shard);
  }
}

// --- Requests ---------------------------------------------------------------------------------

// Takes a request's head, or what there is of it. Returns how many of `bytes` that was.
size_t HttpServer::take_request(Shard& shard, ConnectionId id, Session& s, std::string_view bytes) {
  using Outcome = http::RequestReader::Outcome;
  if (s.head == kNone && !known_head_.empty() && bytes.starts_with(known_head_)) {
    answer(shard, id, s, known_reader_.request(bytes));
    return known_head_.size();
  }
  http::RequestReader fresh;
  http::RequestReader* reader = &fresh;
  std::string_view whole = bytes;
  size_t held = 0;
  if (s.head != kNone) {
    Head& head = heads_[s.head];
    held = head.bytes.size();
    head.bytes.append(bytes.substr(0, http::kHeadBytesMax - held));
    whole = head.bytes;
    reader = &head.reader;
  }
  switch (reader->read(whole)) {
    case Outcome::kMore:
      if (s.head == kNone) hold_head(shard, id, bytes, fresh);
      return bytes.size();
    case Outcome::kRefused: {
      const uint16_t status = reader->status();
      release_head(s);
      s.refusing = true;
      refuse(shard, id, s, status, Ending::kClose, true);
      return bytes.size();
    }
    case Outcome::kRequest: {
      const size_t taken = reader->head_bytes() - held;
      const http::Request request = reader->request(whole);
      if (s.head == kNone && taken <= kKnownHeadBytesMax) {
        known_head_ = bytes.substr(0, taken);
        known_reader_ = fresh;
      }
      release_head(s);  // its bytes stay where they are until another head is held
      answer(shard, id, s, request);
      return taken;
    }
  }
  return bytes.size();
}

void HttpServer::answer(Shard& shard, ConnectionId id, Session& s, const http::Request& request) {
  s.upload_left = request.content_length;
  const Ending ending = !request.keep_alive || closing_ != Closing::kPeer ? Ending::kClose
                        : request.http_1_0                                ? Ending::kKeepAndSaySo
                                                                          : Ending::kKeep;
  const bool head_only = request.method == http::Method::kHead;
  if (request.method == http::Method::kOther) {
    refuse(shard, id, s, 405, ending, true);
    return;
  }
  const std::optional<uint64_t> bytes = bytes_asked_for(request.target, body_bytes_);
  if (!bytes) {
    refuse(shard, id, s, 404, ending, !head_only);
    return;
  }
  counts_.requests.add();
  s.last_response = ending == Ending::kClose;
  if (request.target == "/" && answer_root(shard, id, s, ending, head_only)) return;
  ShortText head;
  add_head(head, 200, *bytes, kConnectionLines[static_cast<size_t>(ending)]);
  send_all(shard, id, head.view());
  s.body_left = head_only ? 0 : *bytes;
  s.body_phase = 0;
  continue_body(shard, id, s);
}

// The response that was prepared, in one piece if there is room for that; false when there is none.
bool HttpServer::answer_root(Shard& shard, ConnectionId id, Session& s, Ending ending,
                             bool head_only) {
  const Root& root = roots_[static_cast<size_t>(ending)];
  const size_t first = head_only ? root.head_bytes : root.bytes.size();
  if (shard.send_space(id) < first) return false;
  if (shard.send_static(id, as_bytes(root.bytes).first(first)) == 0) return false;
  counts_.bytes_out.add(first);
  s.body_left = head_only ? 0 : body_bytes_ - (first - root.head_bytes);
  s.body_phase = 0;
  continue_body(shard, id, s);
  return true;
}

void HttpServer::refuse(Shard& shard, ConnectionId id, Session& s, uint16_t status, Ending ending,
                        bool with_body) {
  counts_.refused.add();
  s.last_response = ending == Ending::kClose;
  ShortText body;
  body.add("{} {}\n", status, reason_phrase(status));
  ShortText response;
  add_head(response, status, body.view().size(), kConnectionLines[static_cast<size_t>(ending)]);
  if (with_body) response.add("{}", body.view());
  send_all(shard, id, response.view());
  finish(shard, id, s);
}

// Requires: room in the send buffer. Without memory for a few hundred bytes the connection cannot
// go on.
void HttpServer::send_all(Shard& shard, ConnectionId id, std::string_view text) {
  const size_t sent = shard.send(id, as_bytes(text));
  counts_.bytes_out.add(sent);
  if (sent < text.size()) shard.abort(id);
}

void HttpServer::continue_body(Shard& shard, ConnectionId id, Session& s) {
  while (s.body_left != 0) {
    const size_t offered = std::min<uint64_t>(s.body_left, kPatternBytes - s.body_phase);
    const size_t sent = shard.send_static(id, std::span(pattern_).subspan(s.body_phase, offered));
    s.body_left -= sent;
    s.body_phase = static_cast<uint8_t>((s.body_phase + sent) % kPatternPeriod);
    counts_.bytes_out.add(sent);
    if (sent == 0 && starved(shard, id)) shard.abort(id);
    if (sent < offered) return;  // on_writable goes on
  }
  finish(shard, id, s);
}

// A response is handed over in full.
void HttpServer::finish(Shard& shard, ConnectionId id, Session& s) {
  if (!s.last_response && !s.peer_closed) return;
  if (s.peer_closed) {
    shard.shutdown(id);
    return;
  }
  // A client that asked for the end has nothing more to say. Of others what they have under way is
  // read and thrown away, so that no RST overtakes the response (RFC 9112 section 9.6).
  if (closing_ == Closing::kReset) {
    s.refusing = true;
    resets_.add(shard, id);
    return;
  }
  const bool all_said = !s.refusing && s.upload_left == 0 && shard.unread(id) == 0;
  s.refusing = true;
  if (all_said) {
    shard.close(id);
  } else {
    shard.shutdown(id);
    linger(shard, id);
  }
}

void HttpServer::linger(Shard& shard, ConnectionId id) {
  if (lingering_count_ == kLingeringMax) end_first_lingering(shard);
  lingering_[(lingering_first_ + lingering_count_) % kLingeringMax] = {id, shard.now() + kLinger};
  ++lingering_count_;
}

void HttpServer::end_first_lingering(Shard& shard) {
  shard.close(lingering_[lingering_first_].id);  // does nothing if it has ended meanwhile
  lingering_first_ = (lingering_first_ + 1) % kLingeringMax;
  --lingering_count_;
}

// --- Heads that arrive in pieces --------------------------------------------------------------

void HttpServer::hold_head(Shard& shard, ConnectionId id, std::string_view bytes,
                           const http::RequestReader& reader) {
  if (free_heads_.empty() && heads_.size() == kHeadsMax) {
    // Who has been at it for longest gives way: whoever holds back requests on purpose cannot keep
    // others out.
    const ConnectionId slowest = heads_[oldest_head_].id;
    Session& s = sessions_[slowest.index];
    release_head(s);
    s.refusing = true;
    refuse(shard, slowest, s, 408, Ending::kClose, true);
  }
  if (free_heads_.empty()) {
    free_heads_.push_back(static_cast<uint32_t>(heads_.size()));
    heads_.emplace_back();
  }
  const uint32_t index = free_heads_.back();
  free_heads_.pop_back();
  Head& head = heads_[index];
  head.bytes = bytes;
  head.reader = reader;
  head.id = id;
  head.older = newest_head_;
  head.newer = kNone;
  (newest_head_ == kNone ? oldest_head_ : heads_[newest_head_].newer) = index;
  newest_head_ = index;
  sessions_[id.index].head = index;
}

void HttpServer::release_head(Session& s) {
  if (s.head == kNone) return;
  const Head& head = heads_[s.head];
  (head.older == kNone ? oldest_head_ : heads_[head.older].newer) = head.newer;
  (head.newer == kNone ? newest_head_ : heads_[head.newer].older) = head.older;
  free_heads_.push_back(s.head);
  s.head = kNone;
}

}  // namespace millrace::serve
