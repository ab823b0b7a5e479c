// SPDX-License-Identifier: BSD-3-Clause
// What is said on a connection: which bytes a request is, and whether the bytes that come back are
// its response. One object for all connections; the state of one response is the caller's.
//
//   http  a GET, the same each time. Good: 2xx or 3xx, the body as long as was asked for.
//   echo  a stretch of a random pattern that begins somewhere else for each request, so an answer
//         that belongs to another request or connection is noticed. Good: the same bytes again.
//
// Must hold: request() points to memory that lives as long as this object and never changes, so
// requests can be sent without a copy. Nothing is allocated after create().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "load/http_response.h"
#include "millrace/result.h"

namespace millrace::load {

enum class Protocol : uint8_t { kHttp, kEcho };
// "http", "echo"
std::string_view to_string(Protocol protocol);

struct ExchangeConfig {
  static constexpr uint64_t kAnyBytes = UINT64_MAX;

  Protocol protocol = Protocol::kHttp;
  std::string host;                     // http: the Host header
  std::string path = "/";               // http
  bool close = false;                   // http: asks the server to close behind its response
  uint32_t request_bytes = 0;           // echo: of each message; http: at least, 0 = what it takes
  uint64_t response_bytes = kAnyBytes;  // http: of the body, kAnyBytes = whatever comes
  uint64_t seed = 1;                    // echo: of the pattern
};

class Exchange {
 public:
  // Of one response that is arriving.
  struct State {
    HttpResponse http;
    uint64_t echoed_bytes = 0;
  };
  struct Progress {
    size_t taken = 0;
    Reply reply = Reply::kMore;
    bool server_closes = false;  // with kComplete
  };

  // Errors: a path that is none, a request size that the request does not fit.
  static Result<Exchange> create(const ExchangeConfig& config);

  [[nodiscard]] Protocol protocol() const { return protocol_; }
  // The bytes of a request. `salt` tells requests apart and is given again with their response.
  [[nodiscard]] std::span<const std::byte> request(uint32_t salt) const {
    return std::span(bytes_).subspan(protocol_ == Protocol::kEcho ? salt % kPhases : 0,
                                     request_bytes_);
  }
  [[nodiscard]] uint32_t request_bytes() const { return request_bytes_; }

  // Takes what belongs to this response; resets `state` when that is complete. `known` is of all
  // responses that one caller gets.
  Progress consume(State& state, uint32_t salt, std::span<const std::byte> data,
                   KnownHead& known) const;
  // The peer closed in the middle of (or before) this response.
  [[nodiscard]] Reply finish(const State& state) const;

 private:
  static constexpr uint32_t kPhases = 256;  // different beginnings within the pattern

  Exchange() = default;
  [[nodiscard]] bool good(const HttpResponse& response) const;

  Protocol protocol_ = Protocol::kHttp;
  uint32_t request_bytes_ = 0;
  uint64_t response_bytes_ = ExchangeConfig::kAnyBytes;
  std::vector<std::byte> bytes_;
};

}  // namespace millrace::load
