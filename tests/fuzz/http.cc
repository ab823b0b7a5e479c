// SPDX-License-Identifier: BSD-3-Clause
// HTTP requests of any bytes. Must hold: nothing outside of the bytes is read; however they are
// cut, the verdict is the same; a target lies within the head, and the head within the bytes.
#include "millrace/http.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "fuzz/script.h"

namespace {

using millrace::fuzz::require;
using millrace::http::Request;
using millrace::http::RequestReader;

struct Verdict {
  RequestReader::Outcome outcome = RequestReader::Outcome::kMore;
  uint16_t status = 0;
  size_t head_bytes = 0;
  size_t target_begin = 0;
  Request request;
};

// In memory of its own, so that one byte too far is noticed.
class Copy {
 public:
  explicit Copy(std::string_view bytes)
      : memory_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    bytes.copy(memory_.get(), size_);
  }
  [[nodiscard]] std::string_view view() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<char[]> memory_;
  size_t size_;
};

Verdict read(std::string_view bytes, size_t step) {
  RequestReader reader;
  Verdict v;
  for (size_t at = 0; v.outcome == RequestReader::Outcome::kMore && at < bytes.size();) {
    at = step < bytes.size() - at ? at + step : bytes.size();
    const Copy there(bytes.substr(0, at));
    v.outcome = reader.read(there.view());
    v.status = reader.status();
    if (v.outcome != RequestReader::Outcome::kRequest) continue;
    v.head_bytes = reader.head_bytes();
    require(v.head_bytes >= 16 && v.head_bytes <= at);
    v.request = reader.request(there.view());
    require(!v.request.target.empty());
    const char* const target = v.request.target.data();
    const char* const begin = there.view().data();
    const bool within = target >= begin && target < begin + v.head_bytes;
    require(within || v.request.target == "/");
    v.target_begin = within ? static_cast<size_t>(target - begin) : 0;
    v.request.target = bytes.substr(v.target_begin, v.request.target.size());
  }
  return v;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Verdict whole = read(bytes, bytes.size());
  if (whole.outcome == RequestReader::Outcome::kRefused) {
    require(whole.status == 400 || whole.status == 414 || whole.status == 431 ||
            whole.status == 501 || whole.status == 505);
  }
  for (const size_t step : {size_t{1}, size_t{2} + data[0]}) {
    if (step == 1 && size > 2000) continue;  // quadratic
    const Verdict cut = read(bytes, step);
    require(cut.outcome == whole.outcome && cut.status == whole.status);
    if (whole.outcome != RequestReader::Outcome::kRequest) continue;
    require(cut.head_bytes == whole.head_bytes && cut.target_begin == whole.target_begin);
    require(cut.request.target.size() == whole.request.target.size());
    require(cut.request.method == whole.request.method);
    require(cut.request.http_1_0 == whole.request.http_1_0);
    require(cut.request.keep_alive == whole.request.keep_alive);
    require(cut.request.content_length == whole.request.content_length);
  }
  return 0;
}
