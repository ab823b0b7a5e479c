// SPDX-License-Identifier: BSD-3-Clause
#include "serve/simple_services.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/app/service_pair.h"

namespace millrace::serve {
namespace {

constexpr uint16_t kEcho = 7;
constexpr uint16_t kDiscard = 9;
constexpr uint16_t kChargen = 19;
// Longer than the longest pause between probes of a closed window.
constexpr Duration kZeroWindowPatience = seconds(70);

ServeConfig all_services() {
  ServeConfig config;
  config.echo_port = kEcho;
  config.discard_port = kDiscard;
  config.chargen_port = kChargen;
  return config;
}

std::string random_bytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

TEST(Echo, SendsBackWhatItGets) {
  for (const size_t size : {1u, 1460u, 1461u, 100'000u, 3'000'000u}) {
    ServicePair pair(all_services());
    const ConnectionId id = pair.connect(kEcho);
    const std::string said = random_bytes(size, size);
    EXPECT_TRUE(pair.converse(id, said) == said) << size;
    EXPECT_FALSE(pair.client().peer_closed(id));
    EXPECT_EQ(pair.counts().bytes_in.get(), size);
    EXPECT_EQ(pair.counts().bytes_out.get(), size);
  }
}

TEST(Echo, ClosesWhenEverythingIsSentBack) {
  ServicePair pair(all_services());
  const ConnectionId id = pair.connect(kEcho);
  const std::string said = random_bytes(200'000, 1);
  ASSERT_EQ(pair.client().send(id, std::as_bytes(std::span(said))), said.size());
  pair.client().shutdown(id);
  EXPECT_TRUE(pair.converse(id, "") == said);
  EXPECT_TRUE(pair.client().peer_closed(id));
  EXPECT_EQ(pair.counts().ended[static_cast<size_t>(CloseReason::kNormal)].get(), 1u);
}

TEST(Echo, ClosesFirstWhereThatIsAskedFor) {
  ServeConfig config = all_services();
  config.echo_closes = true;
  ServicePair pair(config);
  const ConnectionId id = pair.connect(kEcho);
  const std::string said = "once";
  ASSERT_EQ(pair.client().send(id, std::as_bytes(std::span(said))), said.size());
  EXPECT_EQ(pair.converse(id, ""), said);
  EXPECT_TRUE(pair.client().peer_closed(id));
}

TEST(Echo, TakesNoMoreThanItCanSendBack) {
  ServicePair pair(all_services());
  const ConnectionId deaf = pair.connect(kEcho);
  const std::string said = random_bytes(4'000'000, 2);
  std::string_view left = said;
  for (int i = 0; i < 100; ++i) {
    left.remove_prefix(pair.say(deaf, left));
    pair.pass(milliseconds(50));
  }
  // The client's window, 64 KiB that do not grow, and the server's send buffer of 256 KiB are all
  // that can be on its way.
  EXPECT_LE(pair.counts().bytes_in.get(), 512u * 1024u);
  EXPECT_GT(left.size(), 0u);
  const std::string heard = pair.converse(deaf, left, kZeroWindowPatience);
  EXPECT_TRUE(heard == said);
}

TEST(Echo, ThrowsAwayAtTheEndWhatNobodyReads) {
  ServicePair pair(all_services());
  const ConnectionId id = pair.connect(kEcho);
  const std::string said = random_bytes(1'000'000, 3);
  for (std::string_view left = said; !left.empty();) {
    const size_t n = pair.say(id, left);
    if (n == 0) break;
    left.remove_prefix(n);
  }
  pair.begin_drain(seconds(10));
  for (int i = 0; i < 100 && !pair.drained(); ++i) {
    pair.hear(id);
    if (pair.client().peer_closed(id)) pair.client().shutdown(id);
    pair.pass(milliseconds(10));
  }
  EXPECT_TRUE(pair.drained()) << "unread bytes kept the connection";
}

TEST(Discard, ReadsAndSaysNothing) {
  ServicePair pair(all_services());
  const ConnectionId id = pair.connect(kDiscard);
  const std::string said = random_bytes(1'000'000, 4);
  EXPECT_EQ(pair.converse(id, said), "");
  EXPECT_EQ(pair.counts().bytes_in.get(), said.size());
  pair.client().shutdown(id);
  pair.settle();
  EXPECT_TRUE(pair.client().peer_closed(id));
}

// RFC 864: lines of 72 of the 95 printable characters, each beginning one character further on.
std::string chargen_pattern(size_t bytes) {
  std::string out;
  for (size_t line = 0; out.size() < bytes; ++line) {
    for (size_t column = 0; column < 72; ++column) {
      out += static_cast<char>(' ' + (line + column) % 95);
    }
    out += "\r\n";
  }
  out.resize(bytes);
  return out;
}

TEST(Chargen, SendsThePatternForAsLongAsItIsRead) {
  ServicePair pair(all_services());
  const ConnectionId id = pair.connect(kChargen);
  std::string heard;
  while (heard.size() < 2'000'000) {
    const std::string more = pair.hear(id);
    heard += more;
    if (more.empty()) pair.pass(milliseconds(10));
  }
  EXPECT_TRUE(heard == chargen_pattern(heard.size()));
}

TEST(Chargen, WaitsForAClientThatDoesNotRead) {
  ServicePair pair(all_services());
  const ConnectionId id = pair.connect(kChargen);
  pair.pass(seconds(5));
  const uint64_t sent = pair.counts().bytes_out.get();
  EXPECT_LE(sent, 512u * 1024u);
  pair.pass(seconds(5));
  EXPECT_EQ(pair.counts().bytes_out.get(), sent);
  EXPECT_FALSE(pair.hear(id).empty());
}

TEST(Chargen, EndsWhenTheClientHasSaidAll) {
  ServicePair pair(all_services());
  const ConnectionId id = pair.connect(kChargen);
  pair.client().shutdown(id);
  const std::string heard = pair.converse(id, "");
  EXPECT_TRUE(heard == chargen_pattern(heard.size()));
  EXPECT_TRUE(pair.client().peer_closed(id));
  EXPECT_EQ(pair.server().use().connections, 0u);
}

TEST(Services, CountHowConnectionsEnd) {
  ServicePair pair(all_services());
  const ConnectionId reset = pair.connect(kDiscard);
  const ConnectionId closed = pair.connect(kDiscard);
  EXPECT_EQ(pair.counts().open.get(), 2u);
  pair.client().abort(reset);
  pair.client().shutdown(closed);
  pair.settle();
  EXPECT_EQ(pair.counts().accepted.get(), 2u);
  EXPECT_EQ(pair.counts().open.get(), 0u);
  EXPECT_EQ(pair.counts().ended[static_cast<size_t>(CloseReason::kPeerReset)].get(), 1u);
  EXPECT_EQ(pair.counts().ended[static_cast<size_t>(CloseReason::kNormal)].get(), 1u);
}

TEST(Services, ListenOnlyWhereTheyAreAskedTo) {
  ServeConfig config;
  config.echo_port = kEcho;
  ServicePair pair(config);
  const ConnectionId id = pair.client().connect({IpAddress::v4(0x0a000001), kDiscard}).value();
  pair.settle();
  EXPECT_EQ(pair.client().closed(id), CloseReason::kRefused);
}

}  // namespace
}  // namespace millrace::serve
