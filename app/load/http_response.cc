// SPDX-License-Identifier: BSD-3-Clause
#include "load/http_response.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace millrace::load {
namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Whether a comma-separated list contains `word` (RFC 9110 section 5.6.1).
bool list_contains(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (same_word(trim(list.substr(0, comma)), word)) {
      return true;
    }
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

HttpResponse::Progress HttpResponse::consume(std::span<const std::byte> data) {
  size_t taken = 0;
  while (taken < data.size()) {
    const size_t left = data.size() - taken;
    if (stage_ == Stage::kUntilClose) {
      body_bytes_ += left;
      return {data.size(), Reply::kMore};
    }
    if (stage_ == Stage::kBody || stage_ == Stage::kChunk) {
      const size_t n = static_cast<size_t>(std::min<uint64_t>(left, remaining_));
      taken += n;
      body_bytes_ += n;
      remaining_ -= n;
      if (remaining_ == 0) {
        if (stage_ == Stage::kBody) {
          return {taken, Reply::kComplete};
        }
        stage_ = Stage::kChunkEnd;
      }
      continue;
    }
    // Everything else is lines.
    const char* begin = reinterpret_cast<const char*>(data.data() + taken);
    const auto* end = static_cast<const char*>(std::memchr(begin, '\n', left));
    const size_t length = end == nullptr ? left : static_cast<size_t>(end - begin);
    const size_t with_end = length + (end == nullptr ? 0 : 1);
    taken += with_end;
    head_bytes_ += static_cast<uint32_t>(std::min<size_t>(with_end, kHeadBytesMax));
    if (head_bytes_ > kHeadBytesMax) {
      return {taken, Reply::kBad};
    }
    std::string_view line(begin, length);
    if (line_used_ > 0 || end == nullptr) {
      const size_t n = std::min(length, line_.size() - line_used_);
      std::memcpy(line_.data() + line_used_, begin, n);
      line_used_ = static_cast<uint8_t>(line_used_ + n);
      if (end == nullptr) {
        return {taken, Reply::kMore};
      }
      line = {line_.data(), line_used_};
      line_used_ = 0;
    }
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (const Reply reply = on_line(line); reply != Reply::kMore) {
      return {taken, reply};
    }
  }
  return {taken, Reply::kMore};
}

HttpResponse::Progress HttpResponse::consume(std::span<const std::byte> data, KnownHead& known) {
  const bool at_beginning = stage_ == Stage::kStatusLine && head_bytes_ == 0;
  if (!at_beginning) {
    return consume(data);
  }
  if (known.bytes != 0 && data.size() >= known.bytes &&
      std::memcmp(data.data(), known.text.data(), known.bytes) == 0) {
    *this = known.response;
    if (known.reply != Reply::kMore || data.size() == known.bytes) {
      return {known.bytes, known.reply};
    }
    const Progress rest = consume(data.subspan(known.bytes));
    return {known.bytes + rest.taken, rest.reply};
  }
  // Line by line, so that the end of the head is seen before its body is counted.
  size_t taken = 0;
  while (taken < data.size()) {
    const std::span<const std::byte> left = data.subspan(taken);
    const void* end = std::memchr(left.data(), '\n', left.size());
    if (end == nullptr) {
      break;
    }
    const Progress line = consume(
        left.first(static_cast<size_t>(static_cast<const std::byte*>(end) - left.data()) + 1));
    taken += line.taken;
    const bool in_head = stage_ == Stage::kStatusLine || stage_ == Stage::kHeaders;
    if (line.reply == Reply::kMore && in_head) {
      continue;
    }
    if (line.reply != Reply::kBad && taken <= KnownHead::kBytesMax) {
      std::memcpy(known.text.data(), data.data(), taken);
      known.bytes = taken;
      known.response = *this;
      known.reply = line.reply;
    }
    if (line.reply != Reply::kMore) {
      return {taken, line.reply};
    }
    break;
  }
  const Progress rest = consume(data.subspan(taken));
  return {taken + rest.taken, rest.reply};
}

Reply HttpResponse::on_line(std::string_view line) {
  switch (stage_) {
    case Stage::kStatusLine:
      return on_status_line(line);
    case Stage::kHeaders:
      return line.empty() ? on_head_end() : on_header(line);
    case Stage::kChunkSize:
      return on_chunk_size(line);
    case Stage::kChunkEnd:
      stage_ = Stage::kChunkSize;
      return line.empty() ? Reply::kMore : Reply::kBad;
    case Stage::kTrailers:
      return line.empty() ? Reply::kComplete : Reply::kMore;
    case Stage::kBody:
    case Stage::kChunk:
    case Stage::kUntilClose:
      break;  // never lines
  }
  return Reply::kBad;
}

Reply HttpResponse::on_status_line(std::string_view line) {
  // "HTTP/1.1 200 OK"
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' ')) {
    return Reply::kBad;
  }
  const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status_);
  if (error != std::errc() || end != line.data() + 12 || status_ < 100) {
    return Reply::kBad;
  }
  close_ = line[7] == '0';
  stage_ = Stage::kHeaders;
  return Reply::kMore;
}

Reply HttpResponse::on_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    // A name longer than the kept part of a split line is none that we know.
    return line.size() == line_.size() ? Reply::kMore : Reply::kBad;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error != std::errc() || end != value.data() + value.size() ||
        (has_length_ && length != remaining_)) {
      return Reply::kBad;
    }
    has_length_ = true;
    remaining_ = length;
  } else if (same_word(name, "transfer-encoding")) {
    chunked_ = list_contains(value, "chunked");
  } else if (same_word(name, "connection")) {
    if (list_contains(value, "close")) {
      close_ = true;
    } else if (list_contains(value, "keep-alive")) {
      close_ = false;
    }
  }
  return Reply::kMore;
}

Reply HttpResponse::on_head_end() {
  if (status_ < 200) {  // an interim response: the real one follows (RFC 9110 section 15.2)
    reset();
    return Reply::kMore;
  }
  if (status_ == 204 || status_ == 304) {
    return Reply::kComplete;
  }
  if (chunked_) {
    stage_ = Stage::kChunkSize;
  } else if (!has_length_) {
    stage_ = Stage::kUntilClose;
    close_ = true;
  } else if (remaining_ == 0) {
    return Reply::kComplete;
  } else {
    stage_ = Stage::kBody;
  }
  return Reply::kMore;
}

Reply HttpResponse::on_chunk_size(std::string_view line) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), remaining_, 16);
  const std::string_view rest(end, static_cast<size_t>(line.data() + line.size() - end));
  if (error != std::errc() || !(trim(rest).empty() || trim(rest).starts_with(';'))) {
    return Reply::kBad;
  }
  head_bytes_ = 0;  // the bound is on one head, not on the number of chunks
  stage_ = remaining_ == 0 ? Stage::kTrailers : Stage::kChunk;
  return Reply::kMore;
}

}  // namespace millrace::load
