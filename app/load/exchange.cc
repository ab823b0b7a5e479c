// SPDX-License-Identifier: BSD-3-Clause
#include "load/exchange.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace millrace::load {
namespace {

constexpr std::string_view kSizePlace = "{size}";

bool printable(std::string_view text, char first) {
  return std::all_of(text.begin(), text.end(), [=](char c) { return c >= first && c < 127; });
}

// Whether one of `headers` is called `name`, in lower case.
bool names(const std::vector<std::string>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const std::string& header) {
    const std::string_view given = std::string_view(header).substr(0, header.find(':'));
    return std::equal(given.begin(), given.end(), name.begin(), name.end(), [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == b;
    });
  });
}

std::string http_request(const ExchangeConfig& config, const std::string& path, size_t padding) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", config.method, path);
  const auto line = [&](std::string_view name, std::string_view lower, std::string_view value) {
    if (!names(config.headers, lower)) text += fmt::format("{}: {}\r\n", name, value);
  };
  line("Host", "host", config.host);
  line("User-Agent", "user-agent", "millrace");
  if (config.close) line("Connection", "connection", "close");
  if (!config.body.empty()) {
    line("Content-Length", "content-length", std::to_string(config.body.size()));
  }
  for (const std::string& header : config.headers) text += header + "\r\n";
  if (padding > 0) {
    text += "X-Padding: " + std::string(padding, 'x') + "\r\n";
  }
  return text + "\r\n" + config.body;
}

Result<std::string> padded_http_request(const ExchangeConfig& config, const std::string& path,
                                        size_t bytes) {
  std::string request = http_request(config, path, 0);
  if (bytes == 0 || bytes == request.size()) {
    return request;
  }
  // Padding is a header line of its own: 13 bytes and at least one of content.
  const size_t smallest = http_request(config, path, 1).size();
  if (bytes < smallest) {
    return Error{
        fmt::format("--request-size {} is too small for this {}: it takes {} bytes, or {} and more "
                    "with padding",
                    bytes, config.method, request.size(), smallest)};
  }
  return http_request(config, path, bytes - smallest + 1);
}

Result<void> check_http(const ExchangeConfig& config) {
  for (const std::string& path : config.paths) {
    if (path.starts_with('/') && printable(path, '!')) continue;
    return Error{fmt::format(
        "--path '{}' is no request path: begin it with / and percent-encode anything that is not "
        "printable ASCII",
        path)};
  }
  for (const std::string& header : config.headers) {
    const size_t colon = header.find(':');
    if (colon != std::string::npos && colon != 0 && printable(header, ' ')) continue;
    return Error{fmt::format("--header '{}' is none: give 'Name: value'", header)};
  }
  const bool word = std::all_of(config.method.begin(), config.method.end(),
                                [](char c) { return c >= 'A' && c <= 'Z'; });
  if (config.method.empty() || !word || config.method == "HEAD" || config.method == "CONNECT") {
    return Error{
        fmt::format("--method '{}' cannot be sent: give GET, POST, PUT or another whose "
                    "response has a body",
                    config.method)};
  }
  const bool placed = std::all_of(
      config.paths.begin(), config.paths.end(),
      [](const std::string& path) { return path.find(kSizePlace) != std::string::npos; });
  if (!placed && !config.response_bytes.one()) {
    return Error{
        "--response-size of more than one size needs a --path that asks for it: write "
        "{size} where it belongs, such as /bytes/{size}"};
  }
  return {};
}

std::string with_size(std::string path, uint64_t size) {
  const size_t place = path.find(kSizePlace);
  if (place != std::string::npos) path.replace(place, kSizePlace.size(), std::to_string(size));
  return path;
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHttp:
      return "http";
    case Protocol::kEcho:
      return "echo";
  }
  return "";
}

void Exchange::draw_rows(const ExchangeConfig& config) {
  const size_t paths = protocol_ == Protocol::kHttp ? config.paths.size() : 1;
  const bool many = !config.request_bytes.one() || !config.response_bytes.one();
  rows_.resize(many ? (kRows + paths - 1) / paths * paths : paths);
  std::mt19937_64 random(config.seed);
  std::vector<size_t> order(rows_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto share = [&](size_t i) {
    return (static_cast<double>(order[i]) + 0.5) / static_cast<double>(order.size());
  };
  std::shuffle(order.begin(), order.end(), random);
  for (size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].request_bytes = static_cast<uint32_t>(config.request_bytes.at(share(i)));
  }
  std::shuffle(order.begin(), order.end(), random);
  for (size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].response_bytes = config.response_bytes.at(share(i));
  }
}

// Each different one once.
Result<void> Exchange::write_requests(const ExchangeConfig& config) {
  std::map<std::pair<std::string, uint32_t>, Row> written;
  for (size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    std::string path = with_size(config.paths[i % config.paths.size()], row.response_bytes);
    const auto [known, is_new] = written.try_emplace({path, row.request_bytes});
    if (is_new) {
      const Result<std::string> text = padded_http_request(config, path, row.request_bytes);
      if (!text) return text.error();
      if (bytes_.size() + text->size() > kBytesMax) {
        return Error{"--request-size and --path make more than 256 MiB of different requests"};
      }
      known->second.offset = static_cast<uint32_t>(bytes_.size());
      known->second.request_bytes = static_cast<uint32_t>(text->size());
      const auto bytes = std::as_bytes(std::span(*text));
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    row.offset = known->second.offset;
    row.request_bytes = known->second.request_bytes;
  }
  return {};
}

Result<Exchange> Exchange::create(const ExchangeConfig& config) {
  Exchange exchange;
  exchange.protocol_ = config.protocol;
  if (config.protocol == Protocol::kHttp) {
    if (Result<void> checked = check_http(config); !checked) return checked.error();
    exchange.draw_rows(config);
    if (Result<void> done = exchange.write_requests(config); !done) return done.error();
    return exchange;
  }
  if (config.request_bytes.min() == 0) {
    return Error{"--request-size 0 leaves nothing to echo: use 1 or more"};
  }
  exchange.draw_rows(config);
  std::mt19937_64 random(config.seed);
  exchange.bytes_.resize(config.request_bytes.max() + kPhases);
  for (std::byte& b : exchange.bytes_) {
    b = static_cast<std::byte>(random());
  }
  return exchange;
}

bool Exchange::good(const HttpResponse& response, uint32_t salt) const {
  const uint64_t asked_for = row_of(salt).response_bytes;
  return response.status() >= 200 && response.status() < 400 &&
         (asked_for == ExchangeConfig::kAnyBytes || response.body_bytes() == asked_for);
}

Exchange::Progress Exchange::consume(State& state, uint32_t salt, std::span<const std::byte> data,
                                     KnownHead& known) const {
  if (protocol_ == Protocol::kHttp) {
    const HttpResponse::Progress p = state.http.consume(data, known);
    if (p.reply != Reply::kComplete) {
      return {p.taken, p.reply, false};
    }
    const Progress result{p.taken, good(state.http, salt) ? Reply::kComplete : Reply::kBad,
                          state.http.announces_close()};
    state.http.reset();
    return result;
  }
  const auto expected = request(salt).subspan(static_cast<size_t>(state.echoed_bytes));
  const size_t n = std::min(expected.size(), data.size());
  if (std::memcmp(expected.data(), data.data(), n) != 0) {
    return {n, Reply::kBad, false};
  }
  if (n < expected.size()) {
    state.echoed_bytes += n;
    return {n, Reply::kMore, false};
  }
  state.echoed_bytes = 0;
  return {n, Reply::kComplete, false};
}

Reply Exchange::finish(const State& state, uint32_t salt) const {
  if (protocol_ == Protocol::kHttp && state.http.finish() == Reply::kComplete) {
    return good(state.http, salt) ? Reply::kComplete : Reply::kBad;
  }
  return Reply::kMore;
}

}  // namespace millrace::load
