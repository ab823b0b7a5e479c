// SPDX-License-Identifier: BSD-3-Clause
// Reads HTTP/1.1 responses as they arrive, in pieces of any size, and says where each one ends.
// Bytes come in; "more", "complete" or "bad" comes out. It keeps what a client needs to go on
// (status, body length, whether the server will close) and no header or body.
//
// RFC 9112: section 4 (status line), 6.3 (where a body ends), 7.1 (chunks), 9.3 (keep-alive).
// Must hold: never looks at bytes past the end of a response; memory is the object's own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::load {

enum class Reply : uint8_t {
  kMore,      // not at its end yet
  kComplete,  // this response ends here
  kBad,       // not a response, or not the one that was asked for
};

struct KnownHead;

class HttpResponse {
 public:
  static constexpr uint32_t kHeadBytesMax = 64 * 1024;

  struct Progress {
    size_t taken = 0;
    Reply reply = Reply::kMore;
  };

  // Takes bytes up to the end of the response at most. After kComplete or kBad: reset() first.
  Progress consume(std::span<const std::byte> data);
  // The same, quicker where the head is byte for byte the one that `known` remembers; the head that
  // came, if it came in one piece, is remembered in its place.
  Progress consume(std::span<const std::byte> data, KnownHead& known);
  // The peer will send no more: the end of a body without a length (RFC 9112 section 6.3, rule 8).
  [[nodiscard]] Reply finish() const {
    return stage_ == Stage::kUntilClose ? Reply::kComplete : Reply::kBad;
  }
  void reset() { *this = HttpResponse(); }

  // After kComplete.
  [[nodiscard]] unsigned status() const { return status_; }
  [[nodiscard]] uint64_t body_bytes() const { return body_bytes_; }
  // The server closes after this response.
  [[nodiscard]] bool announces_close() const { return close_; }

 private:
  enum class Stage : uint8_t {
    kStatusLine,
    kHeaders,
    kBody,  // remaining_ bytes of it, then the end
    kUntilClose,
    kChunkSize,
    kChunk,     // remaining_ bytes of it
    kChunkEnd,  // the line end after a chunk
    kTrailers,
  };

  // What a line led to: stay in the loop, or leave it.
  Reply on_line(std::string_view line);
  Reply on_status_line(std::string_view line);
  Reply on_header(std::string_view line);
  Reply on_head_end();
  Reply on_chunk_size(std::string_view line);

  Stage stage_ = Stage::kStatusLine;
  bool close_ = false;
  bool chunked_ = false;
  bool has_length_ = false;
  uint8_t line_used_ = 0;  // of line_
  uint16_t status_ = 0;
  uint32_t head_bytes_ = 0;
  uint64_t remaining_ = 0;
  uint64_t body_bytes_ = 0;
  // The beginning of a line whose end has not arrived; what does not fit matters to nobody here.
  std::array<char, 56> line_;
};

// A head that was read, and what was known of its response behind it.
struct KnownHead {
  static constexpr size_t kBytesMax = 512;

  size_t bytes = 0;  // 0: none yet
  std::array<std::byte, kBytesMax> text;
  HttpResponse response;
  Reply reply = Reply::kMore;  // kComplete when there is no body
};

}  // namespace millrace::load
