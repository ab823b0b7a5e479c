// SPDX-License-Identifier: BSD-3-Clause
#include "serve/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace millrace::serve {
namespace {

constexpr size_t kPatternBytes = 256 * 1024;
constexpr size_t kPatternPeriod = 256;
constexpr size_t kResponseHeadBytesMax = 256;
constexpr uint64_t kRootCopyBytesMax = 16 * 1024;
constexpr Duration kLinger = seconds(2);
constexpr size_t kLingeringMax = 65536;

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

std::string head_text(uint16_t status, uint64_t body_bytes, bool keep_alive) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nServer: millrace\r\nContent-Length: {}\r\nContent-Type: {}\r\n{}{}\r\n",
      status, reason_phrase(status), body_bytes,
      status == 200 ? "application/octet-stream" : "text/plain",
      status == 405 ? "Allow: GET, HEAD\r\n" : "",
      // Clients of HTTP/1.0 that asked to keep the connection wait for this word.
      keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
}

// How many bytes a path asks for; nothing when there is no such path.
std::optional<uint64_t> bytes_asked_for(std::string_view target, uint64_t root_bytes) {
  constexpr std::string_view kBytes = "/bytes/";
  target = target.substr(0, target.find('?'));
  if (target == "/") return root_bytes;
  if (!target.starts_with(kBytes)) return std::nullopt;
  const std::string_view digits = target.substr(kBytes.size());
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bytes);
  if (digits.empty() || error != std::errc{} || end != digits.end()) return std::nullopt;
  return bytes;
}

}  // namespace

HttpServer::HttpServer(uint64_t body_bytes, ServiceCounts& counts)
    : counts_(counts), body_bytes_(body_bytes), pattern_(kPatternBytes) {
  for (size_t i = 0; i < kPatternBytes; ++i) pattern_[i] = static_cast<std::byte>(i);
  if (body_bytes <= kRootCopyBytesMax) {
    root_response_ = head_text(200, body_bytes, true);
    root_response_.append(reinterpret_cast<const char*>(pattern_.data()), body_bytes);
  }
}

// --- Events -----------------------------------------------------------------------------------

void HttpServer::on_established(Shard&, ConnectionRef connection) {
  const uint32_t index = connection.id.index;
  if (index >= sessions_.size()) sessions_.resize(size_t{index} * 2 + 64);
  sessions_[index] = Session{};
  counts_.accepted.add();
  counts_.open.add();
}

size_t HttpServer::on_data(Shard& shard, ConnectionRef connection,
                           std::span<const std::byte> data) {
  Session& s = sessions_[connection.id.index];
  const std::string_view bytes(reinterpret_cast<const char*>(data.data()), data.size());
  size_t taken = 0;
  while (taken < bytes.size()) {
    if (s.refusing) {
      taken = bytes.size();
    } else if (s.upload_left != 0) {
      const size_t n = std::min<uint64_t>(s.upload_left, bytes.size() - taken);
      s.upload_left -= n;
      taken += n;
    } else if (s.body_left != 0) {
      break;  // the response before is not through
    } else if (shard.send_space(connection.id) < kResponseHeadBytesMax) {
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
  if (s.body_left == 0) shard.resume(connection.id);
}

void HttpServer::on_peer_closed(Shard& shard, ConnectionRef connection) {
  Session& s = sessions_[connection.id.index];
  s.peer_closed = true;
  if (s.body_left == 0) shard.shutdown(connection.id);
}

void HttpServer::on_closed(Shard&, ConnectionRef connection, CloseReason reason) {
  release_head(sessions_[connection.id.index]);
  counts_.open.subtract();
  if (reason != CloseReason::kNormal) counts_.failed.add();
}

void HttpServer::turn(Shard& shard) {
  while (!lingering_.empty() && lingering_.front().until <= shard.now()) {
    shard.close(lingering_.front().id);  // does nothing if it has ended meanwhile
    lingering_.pop_front();
  }
}

// --- Requests ---------------------------------------------------------------------------------

// Takes a request's header, or what there is of it. Returns how many of `bytes` that was.
size_t HttpServer::take_request(Shard& shard, ConnectionId id, Session& s, std::string_view bytes) {
  using Outcome = http::ParsedRequest::Outcome;
  size_t held = 0;
  std::string_view whole = bytes;
  if (s.head != kNone) {
    std::string& head = head_of(s);
    held = head.size();
    head.append(bytes.substr(0, http::kHeadBytesMax + 1 - held));
    whole = head;
  }
  const http::ParsedRequest parsed = http::parse_request(whole, held);
  switch (parsed.outcome) {
    case Outcome::kMore: {
      if (s.head == kNone) head_of(s).assign(bytes);
      return bytes.size();
    }
    case Outcome::kRefused:
      release_head(s);
      s.refusing = true;
      refuse(shard, id, s, parsed.status, false, true);
      return bytes.size();
    case Outcome::kRequest:
      // The target refers to the held header, so that goes last.
      answer(shard, id, s, parsed.request);
      release_head(s);
      return parsed.head_bytes - held;
  }
  return bytes.size();
}

void HttpServer::answer(Shard& shard, ConnectionId id, Session& s, const http::Request& request) {
  s.upload_left = request.content_length;
  s.last_response = !request.keep_alive;
  if (request.method == http::Method::kOther) {
    refuse(shard, id, s, 405, request.keep_alive, true);
    return;
  }
  const bool head_only = request.method == http::Method::kHead;
  const std::optional<uint64_t> bytes = bytes_asked_for(request.target, body_bytes_);
  if (!bytes) {
    refuse(shard, id, s, 404, request.keep_alive, !head_only);
    return;
  }
  counts_.requests.add();
  if (!head_only && request.keep_alive && request.target == "/" && !root_response_.empty() &&
      shard.send_space(id) >= root_response_.size() &&
      shard.send_static(id, std::as_bytes(std::span(root_response_))) != 0) {
    counts_.bytes_out.add(root_response_.size());
    finish(shard, id, s);
    return;
  }
  send_all(shard, id, head_text(200, *bytes, request.keep_alive));
  if (!head_only) {
    s.body_left = *bytes;
    s.body_offset = 0;
  }
  continue_body(shard, id, s);
}

void HttpServer::refuse(Shard& shard, ConnectionId id, Session& s, uint16_t status, bool keep_alive,
                        bool with_body) {
  counts_.refused.add();
  s.last_response = !keep_alive;
  const std::string body = fmt::format("{} {}\n", status, reason_phrase(status));
  send_all(shard, id, head_text(status, body.size(), keep_alive) + (with_body ? body : ""));
  finish(shard, id, s);
}

// Requires: room in the send buffer. Without memory for a few hundred bytes the connection cannot
// go on.
void HttpServer::send_all(Shard& shard, ConnectionId id, std::string_view text) {
  const size_t sent = shard.send(id, std::as_bytes(std::span(text)));
  counts_.bytes_out.add(sent);
  if (sent < text.size()) shard.abort(id);
}

void HttpServer::continue_body(Shard& shard, ConnectionId id, Session& s) {
  while (s.body_left != 0) {
    const size_t begin = s.body_offset % kPatternPeriod;
    const size_t offered = std::min<uint64_t>(s.body_left, kPatternBytes - begin);
    const size_t sent = shard.send_static(id, std::span(pattern_).subspan(begin, offered));
    s.body_left -= sent;
    s.body_offset += sent;
    counts_.bytes_out.add(sent);
    if (sent < offered) return;  // on_writable goes on
  }
  finish(shard, id, s);
}

// A response is handed over in full.
void HttpServer::finish(Shard& shard, ConnectionId id, Session& s) {
  if (!s.last_response && !s.peer_closed) return;
  shard.shutdown(id);
  if (s.peer_closed) return;
  // What the peer had under way is read and thrown away, so that no RST overtakes the response.
  s.refusing = true;
  if (lingering_.size() == kLingeringMax) {
    shard.close(lingering_.front().id);
    lingering_.pop_front();
  }
  lingering_.push_back({id, shard.now() + kLinger});
}

std::string& HttpServer::head_of(Session& s) {
  if (s.head == kNone) {
    if (free_heads_.empty()) {
      free_heads_.push_back(static_cast<uint32_t>(heads_.size()));
      heads_.emplace_back();
    }
    s.head = free_heads_.back();
    free_heads_.pop_back();
    heads_[s.head].clear();
  }
  return heads_[s.head];
}

void HttpServer::release_head(Session& s) {
  if (s.head == kNone) return;
  free_heads_.push_back(s.head);
  s.head = kNone;
}

}  // namespace millrace::serve
