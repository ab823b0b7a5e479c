// SPDX-License-Identifier: BSD-3-Clause
#include "load/exchange.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <fmt/core.h>

namespace millrace::load {
namespace {

std::string http_request(const ExchangeConfig& config, size_t padding) {
  std::string text = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: millrace\r\n",
                                 config.path, config.host);
  if (config.close) {
    text += "Connection: close\r\n";
  }
  if (padding > 0) {
    text += "X-Padding: " + std::string(padding, 'x') + "\r\n";
  }
  return text + "\r\n";
}

Result<std::string> padded_http_request(const ExchangeConfig& config) {
  const bool printable = std::all_of(config.path.begin(), config.path.end(),
                                     [](char c) { return c > ' ' && c < 127; });
  if (!config.path.starts_with('/') || !printable) {
    return Error{fmt::format(
        "--path '{}' is no request path: begin it with / and percent-encode anything that is not "
        "printable ASCII",
        config.path)};
  }
  std::string request = http_request(config, 0);
  if (config.request_bytes == 0 || config.request_bytes == request.size()) {
    return request;
  }
  // Padding is a header line of its own: 13 bytes and at least one of content.
  const size_t smallest = http_request(config, 1).size();
  if (config.request_bytes < smallest) {
    return Error{fmt::format(
        "--request-size {} is too small for this GET: it takes {} bytes, or {} and more with "
        "padding",
        config.request_bytes, request.size(), smallest)};
  }
  return http_request(config, config.request_bytes - smallest + 1);
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

Result<Exchange> Exchange::create(const ExchangeConfig& config) {
  Exchange exchange;
  exchange.protocol_ = config.protocol;
  if (config.protocol == Protocol::kHttp) {
    auto request = padded_http_request(config);
    if (!request) {
      return request.error();
    }
    const auto bytes = std::as_bytes(std::span(*request));
    exchange.bytes_.assign(bytes.begin(), bytes.end());
    exchange.request_bytes_ = static_cast<uint32_t>(bytes.size());
    exchange.response_bytes_ = config.response_bytes;
    return exchange;
  }
  if (config.request_bytes == 0) {
    return Error{"--request-size 0 leaves nothing to echo: use 1 or more"};
  }
  std::mt19937_64 random(config.seed);
  exchange.request_bytes_ = config.request_bytes;
  exchange.bytes_.resize(size_t{config.request_bytes} + kPhases);
  for (std::byte& b : exchange.bytes_) {
    b = static_cast<std::byte>(random());
  }
  return exchange;
}

bool Exchange::good(const HttpResponse& response) const {
  return response.status() >= 200 && response.status() < 400 &&
         (response_bytes_ == ExchangeConfig::kAnyBytes || response.body_bytes() == response_bytes_);
}

Exchange::Progress Exchange::consume(State& state, uint32_t salt, std::span<const std::byte> data,
                                     KnownHead& known) const {
  if (protocol_ == Protocol::kHttp) {
    const HttpResponse::Progress p = state.http.consume(data, known);
    if (p.reply != Reply::kComplete) {
      return {p.taken, p.reply, false};
    }
    const Progress result{p.taken, good(state.http) ? Reply::kComplete : Reply::kBad,
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

Reply Exchange::finish(const State& state) const {
  if (protocol_ == Protocol::kHttp && state.http.finish() == Reply::kComplete) {
    return good(state.http) ? Reply::kComplete : Reply::kBad;
  }
  return Reply::kMore;
}

}  // namespace millrace::load
