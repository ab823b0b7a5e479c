// SPDX-License-Identifier: BSD-3-Clause
// What is said on a connection: which bytes a request is, and whether the bytes that come back are
// its response. One object for all connections; the state of one response is the caller's.
//
//   http  a request, one of those that paths and sizes make. Good: 2xx or 3xx, the body as long as
//         was asked for.
//   echo  a stretch of a random pattern that begins somewhere else for each request, so an answer
//         that belongs to another request or connection is noticed. Good: the same bytes again.
//
// Where sizes or paths differ, requests go by a table that has each as often as its share asks for,
// in an order that only the seed decides:
//
//     salt 0    1    2   ...   table        of 1024 rows, or of as many as there are paths
//          |    |    |
//         /a   /b   /a         in turn
//         64   980  411        request bytes \\  each column shuffled on its own
//          1k   8k   1k        response bytes /
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
#include "load/sizes.h"
#include "millrace/result.h"

namespace millrace::load {

enum class Protocol : uint8_t { kHttp, kEcho };
// "http", "echo"
std::string_view to_string(Protocol protocol);

struct ExchangeConfig {
  static constexpr uint64_t kAnyBytes = UINT64_MAX;

  Protocol protocol = Protocol::kHttp;
  std::string host;                        // http: the Host header
  std::string method = "GET";              // http
  std::vector<std::string> paths = {"/"};  // http: in turn; "{size}" stands for the response's
  std::vector<std::string> headers;        // http: "Name: value", in place of ours of that name
  std::string body;                        // http
  bool close = false;                      // http: asks the server to close behind its response
  Sizes request_bytes = 0;           // echo: of each message; http: at least, 0 = what it takes
  Sizes response_bytes = kAnyBytes;  // http: of the body, kAnyBytes = whatever comes
  uint64_t seed = 1;                 // of the pattern, and of the order
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
    const Row& row = row_of(salt);
    return std::span(bytes_).subspan(
        row.offset + (protocol_ == Protocol::kEcho ? salt % kPhases : 0), row.request_bytes);
  }

  // Takes what belongs to this response; resets `state` when that is complete. `known` is of all
  // responses that one caller gets.
  Progress consume(State& state, uint32_t salt, std::span<const std::byte> data,
                   KnownHead& known) const;
  // The peer closed in the middle of (or before) this response.
  [[nodiscard]] Reply finish(const State& state, uint32_t salt) const;

 private:
  static constexpr uint32_t kPhases = 256;  // different beginnings within the pattern

  static constexpr size_t kRows = 1024;
  static constexpr size_t kBytesMax = 256u << 20;

  struct Row {
    uint32_t offset = 0;  // of the request, in bytes_
    uint32_t request_bytes = 0;
    uint64_t response_bytes = ExchangeConfig::kAnyBytes;
  };

  Exchange() = default;
  [[nodiscard]] const Row& row_of(uint32_t salt) const {
    return rows_.size() == 1 ? rows_.front() : rows_[salt % rows_.size()];
  }
  [[nodiscard]] bool good(const HttpResponse& response, uint32_t salt) const;
  void draw_rows(const ExchangeConfig& config);
  Result<void> write_requests(const ExchangeConfig& config);

  Protocol protocol_ = Protocol::kHttp;
  std::vector<Row> rows_;
  std::vector<std::byte> bytes_;
};

}  // namespace millrace::load
