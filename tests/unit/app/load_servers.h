// SPDX-License-Identifier: BSD-3-Clause
// Servers that generators are tried against, and what holds after any run.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "serve/serve_program.h"
#include "unit/app/load_pair.h"

namespace millrace::load {

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

inline serve::ServeConfig http_service() {
  serve::ServeConfig config;
  config.http_port = MadeUpServer::kPort;
  config.tcp.nodelay = true;
  return config;
}

inline serve::ServeConfig echo_service() {
  serve::ServeConfig config;
  config.echo_port = MadeUpServer::kPort;
  config.tcp.nodelay = true;
  return config;
}

inline MadeUpServer answering(std::string text) {
  return MadeUpServer([text](Shard& s, ConnectionId id, std::string_view) { say(s, id, text); });
}

// Accepts connections and says nothing.
inline MadeUpServer silent() { return MadeUpServer({}); }

inline const ExchangeConfig kEcho64{.protocol = Protocol::kEcho, .request_bytes = 64};

// Nothing unexplained, nothing kept.
inline void expect_in_order(LoadPair& pair, const Plan& plan) {
  std::optional<Count> arrived;
  if (plan.rate != 0) arrived = plan.mode == Mode::kCps ? Count::kLaunched : Count::kRequests;
  EXPECT_TRUE(residue(pair.tally(), arrived).none());
  EXPECT_EQ(pair.client().use().connections, 0u);
  EXPECT_EQ(pair.client().use().half_open, 0u);
  EXPECT_EQ(pair.client().use().small_blocks, 0u);
  EXPECT_EQ(pair.client().use().large_blocks, 0u);
}

}  // namespace millrace::load
