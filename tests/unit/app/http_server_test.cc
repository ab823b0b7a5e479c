// SPDX-License-Identifier: BSD-3-Clause
#include "serve/http_server.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "unit/app/service_pair.h"

namespace millrace::serve {
namespace {

constexpr uint16_t kPort = 80;
// Longer than the longest pause between probes of a closed window.
constexpr Duration kZeroWindowPatience = seconds(70);

ServeConfig http(uint64_t body_bytes) {
  ServeConfig config;
  config.http_port = kPort;
  config.body_bytes = body_bytes;
  return config;
}

std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

// Bytes that every body begins with.
std::string body(size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(i % 256);
  return out;
}

struct Response {
  int status = 0;
  std::string head;
  std::string body;
};

// Takes one response off the front of `bytes`. A HEAD's has no body, whatever its length says.
Response next_response(std::string& bytes, bool of_head = false) {
  Response response;
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos || !bytes.starts_with("HTTP/1.1 ")) return response;
  response.head = bytes.substr(0, end + 4);
  bytes.erase(0, end + 4);
  response.status = std::stoi(response.head.substr(9));
  const size_t length_at = response.head.find("Content-Length: ");
  if (length_at == std::string::npos) return response;
  const size_t length = std::stoull(response.head.substr(length_at + 16));
  if (of_head) return response;
  response.body = bytes.substr(0, length);
  bytes.erase(0, length);
  return response;
}

// --- What is answered -------------------------------------------------------------------------

TEST(HttpServer, AnswersTheRootWithABodyOfTheChosenSize) {
  for (const size_t size : {0u, 1u, 64u, 16'384u, 16'385u, 1'000'000u}) {
    ServicePair pair(http(size));
    const ConnectionId id = pair.connect(kPort);
    std::string heard = pair.converse(id, get("/") + get("/"));
    for (int i = 0; i < 2; ++i) {
      const Response response = next_response(heard);
      EXPECT_EQ(response.status, 200);
      EXPECT_TRUE(response.body == body(size)) << size;
    }
    EXPECT_EQ(heard, "");
    EXPECT_EQ(pair.counts().requests.get(), 2u);
    EXPECT_FALSE(pair.client().peer_closed(id));
  }
}

TEST(HttpServer, AnswersWithAsManyBytesAsThePathSays) {
  ServicePair pair(http(5));
  const ConnectionId id = pair.connect(kPort);
  for (const size_t size : {0u, 1u, 255u, 256u, 257u, 1460u, 65'537u, 3'000'000u}) {
    std::string heard = pair.converse(id, get("/bytes/" + std::to_string(size) + "?anything"));
    const Response response = next_response(heard);
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == body(size)) << size;
    EXPECT_EQ(heard, "");
  }
}

TEST(HttpServer, SaysWhatItDoesNotDo) {
  struct Row {
    std::string request;
    int status;
    bool stays;
  };
  const std::vector<Row> table = {
      {get("/nowhere"), 404, true},
      {get("/bytes/"), 404, true},
      {get("/bytes/-1"), 404, true},
      {get("/bytes/10k"), 404, true},
      {get("/bytes/18446744073709551616"), 404, true},
      {"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, true},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405, true},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, true},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", 405,
       false},
      {"GET / HTTP/1.1\r\n\r\n", 400, false},
      {"hello\r\n", 400, false},
      {get("/" + std::string(9000, 'x')), 414, false},
      {get("/", "X: " + std::string(20'000, 'x') + "\r\n"), 431, false},
      {get("/", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n", 501, false},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, false},
  };
  for (const Row& row : table) {
    ServicePair pair(http(64));
    const ConnectionId id = pair.connect(kPort);
    std::string heard = pair.converse(id, row.request);
    const Response response = next_response(heard);
    EXPECT_EQ(response.status, row.status) << row.request.substr(0, 60);
    EXPECT_EQ(response.head.find("Allow: GET, HEAD\r\n") != std::string::npos, row.status == 405);
    EXPECT_EQ(response.head.find("Connection: close\r\n") != std::string::npos, !row.stays);
    EXPECT_TRUE(response.body.starts_with(std::to_string(row.status))) << response.body;
    EXPECT_EQ(heard, "") << "one answer to " << row.request.substr(0, 60);
    EXPECT_EQ(pair.client().peer_closed(id), !row.stays) << row.request.substr(0, 60);
    EXPECT_EQ(pair.counts().refused.get(), 1u);
    EXPECT_EQ(pair.counts().requests.get(), 0u);
    if (!row.stays) continue;
    std::string after = pair.converse(id, get("/"));
    EXPECT_EQ(next_response(after).status, 200) << "after " << row.request.substr(0, 60);
  }
}

TEST(HttpServer, TellsTheLengthOfABodyThatHeadDoesNotGet) {
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  const std::string fields = " HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string heard = pair.converse(id, "HEAD /" + fields + "HEAD /bytes/12345" + fields +
                                            "HEAD /no" + fields + "GET /bytes/3" + fields);
  EXPECT_NE(next_response(heard, true).head.find("Content-Length: 64\r\n"), std::string::npos);
  EXPECT_NE(next_response(heard, true).head.find("Content-Length: 12345\r\n"), std::string::npos);
  EXPECT_EQ(next_response(heard, true).status, 404);
  EXPECT_EQ(next_response(heard).body, body(3));
  EXPECT_EQ(heard, "");
}

TEST(HttpServer, ClosesOrKeepsAsTheClientAsks) {
  struct Row {
    std::string request;
    std::string line;
    bool stays;
  };
  const std::vector<Row> table = {
      {get("/"), "", true},
      {get("/", "Connection: close\r\n"), "Connection: close\r\n", false},
      {get("/bytes/70000", "Connection: close\r\n"), "Connection: close\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", "Connection: close\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "Connection: keep-alive\r\n", true},
      {"GET /bytes/9 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "Connection: keep-alive\r\n",
       true},
  };
  for (const Row& row : table) {
    ServicePair pair(http(64));
    const ConnectionId id = pair.connect(kPort);
    std::string heard = pair.converse(id, row.request);
    const Response response = next_response(heard);
    EXPECT_EQ(response.status, 200);
    const size_t at = response.head.find("Connection:");
    EXPECT_EQ(at == std::string::npos ? "" : response.head.substr(at, row.line.size()), row.line);
    EXPECT_EQ(pair.client().peer_closed(id), !row.stays) << row.request;
    pair.client().shutdown(id);
    pair.pass(seconds(61));
    EXPECT_EQ(pair.server().use().connections, 0u) << row.request;
    EXPECT_EQ(pair.counts().open.get(), 0u);
    EXPECT_EQ(pair.counts().ended[static_cast<size_t>(CloseReason::kNormal)].get(), 1u);
  }
}

// --- However requests come --------------------------------------------------------------------

TEST(HttpServer, PutsARequestTogetherFromSingleBytes) {
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  const std::string requests = "\r\n" + get("/bytes/10", "X: y\r\n") + get("/bytes/20");
  std::string heard;
  for (const char c : requests) {
    pair.say(id, {&c, 1});
    heard += pair.hear(id);
  }
  EXPECT_EQ(next_response(heard).body, body(10));
  EXPECT_EQ(next_response(heard).body, body(20));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  constexpr uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  std::vector<size_t> sizes;
  std::string requests;
  for (int i = 0; i < 300; ++i) {
    sizes.push_back(random() % (i % 10 == 0 ? 200'000 : 2000));
    requests += get("/bytes/" + std::to_string(sizes.back()));
  }
  std::string heard = pair.converse(id, requests);
  for (const size_t size : sizes) ASSERT_TRUE(next_response(heard).body == body(size)) << size;
  EXPECT_EQ(heard, "");
}

// The head that came last is known again by its bytes: alone, in front of others, and cut.
TEST(HttpServer, AnswersTheSameRequestAgainAndOthersInBetween) {
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  const std::vector<size_t> sizes = {10, 10, 11, 10, 10, 11, 11, 100, 10};
  for (const size_t size : sizes) {
    std::string heard = pair.converse(id, get("/bytes/" + std::to_string(size)));
    EXPECT_TRUE(next_response(heard).body == body(size)) << size;
    EXPECT_EQ(heard, "");
  }
  std::string requests;
  for (const size_t size : sizes) requests += get("/bytes/" + std::to_string(size));
  std::string heard = pair.converse(id, requests + requests.substr(0, 20));
  for (const size_t size : sizes) EXPECT_TRUE(next_response(heard).body == body(size)) << size;
  EXPECT_EQ(heard, "");
  heard = pair.converse(id, requests.substr(20));
  for (const size_t size : sizes) EXPECT_TRUE(next_response(heard).body == body(size)) << size;
}

TEST(HttpServer, ReadsUploadsThatNobodyWants) {
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  const std::string upload(2'000'000, 'u');
  std::string heard =
      pair.converse(id, "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + upload +
                            get("/bytes/4"));
  EXPECT_EQ(next_response(heard).status, 405);
  EXPECT_EQ(next_response(heard).body, body(4));
}

TEST(HttpServer, SendsTheWholeResponseToAClientThatHasSaidAll) {
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  const std::string requests = get("/bytes/5000000") + get("/bytes/7");
  pair.client().send(id, std::as_bytes(std::span(requests)));
  pair.client().shutdown(id);
  std::string heard = pair.converse(id, "");
  EXPECT_TRUE(next_response(heard).body == body(5'000'000));
  EXPECT_EQ(next_response(heard).body, body(7));
  EXPECT_TRUE(pair.client().peer_closed(id));
  EXPECT_EQ(pair.server().use().connections, 0u);
}

TEST(HttpServer, ForgetsHalfARequestWithItsConnection) {
  ServicePair pair(http(64));
  for (int i = 0; i < 3; ++i) {
    const ConnectionId half = pair.connect(kPort);
    pair.say(half, "GET /bytes/1 HT");
    pair.client().abort(half);
    pair.settle();
    const ConnectionId whole = pair.connect(kPort);
    std::string heard = pair.converse(whole, get("/bytes/2"));
    EXPECT_EQ(next_response(heard).body, body(2));
    pair.client().abort(whole);
    pair.settle();
  }
  EXPECT_EQ(pair.counts().open.get(), 0u);
}

TEST(HttpServer, HoldsABoundedNumberOfHalfRequests) {
  ServicePair pair(http(64), HttpServer::kHeadsMax + 64);
  std::vector<ConnectionId> halves;
  for (size_t i = 0; i < HttpServer::kHeadsMax; ++i) {
    halves.push_back(pair.connect(kPort));
    pair.say(halves.back(), "GET /");
  }
  EXPECT_EQ(pair.counts().refused.get(), 0u);
  const ConnectionId one_more = pair.connect(kPort);
  pair.say(one_more, "GET /");
  EXPECT_EQ(pair.counts().refused.get(), 1u);
  std::string refusal = pair.hear(halves.front());
  EXPECT_EQ(next_response(refusal).status, 408) << "the one that has been at it for longest";
  EXPECT_TRUE(pair.client().peer_closed(halves.front()));
  // Requests that come in one piece need no room.
  const ConnectionId whole = pair.connect(kPort);
  pair.say(whole, get("/"));
  EXPECT_EQ(pair.counts().requests.get(), 1u);
  // One that is completed makes room, wherever it stands in the order of age.
  for (const ConnectionId id : {halves[1], halves[100], halves.back(), one_more}) {
    pair.say(id, " HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  EXPECT_EQ(pair.counts().requests.get(), 5u);
  for (int i = 0; i < 4; ++i) pair.say(pair.connect(kPort), "GET /");
  EXPECT_EQ(pair.counts().refused.get(), 1u);
  pair.say(pair.connect(kPort), "GET /");
  EXPECT_EQ(pair.counts().refused.get(), 2u);
  refusal = pair.hear(halves[2]);
  EXPECT_EQ(next_response(refusal).status, 408);
}

// --- Clients that do not read -----------------------------------------------------------------

TEST(HttpServer, KeepsNobodyWaitingForAClientThatDoesNotRead) {
  ServicePair pair(http(64));
  const ConnectionId slow = pair.connect(kPort);
  pair.say(slow, get("/bytes/20000000"));
  pair.pass(seconds(3));
  const uint64_t sent = pair.counts().bytes_out.get();
  EXPECT_LT(sent, 1'000'000u);
  for (int i = 0; i < 5; ++i) {
    const ConnectionId quick = pair.connect(kPort);
    pair.say(quick, get("/bytes/1000"));
    std::string heard = pair.hear(quick);
    EXPECT_EQ(next_response(heard).body, body(1000));
  }
  EXPECT_LT(pair.counts().bytes_out.get(), sent + 10'000) << "the slow one got no more";
  std::string heard = pair.converse(slow, "");
  EXPECT_TRUE(next_response(heard).body == body(20'000'000));
}

TEST(HttpServer, LeavesRequestsUnreadWhileResponsesAreInTheWay) {
  ServicePair pair(http(16'000));
  const ConnectionId id = pair.connect(kPort);
  constexpr int kRequests = 1200;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += get("/", "X: " + std::string(500, 'x') + "\r\n");
  }
  std::string_view left = requests;
  for (int i = 0; i < 100; ++i) {
    left.remove_prefix(pair.say(id, left));
    pair.pass(milliseconds(50));
  }
  // What it answered fits its send buffer and the client's window; the rest is still in the
  // windows of the other direction, and it asks for no more.
  EXPECT_LE(pair.counts().requests.get(), 50u);
  EXPECT_GT(left.size(), 0u);
  std::string heard = pair.converse(id, left, kZeroWindowPatience);
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(next_response(heard).status, 200) << i;
  EXPECT_EQ(heard, "");
}

// --- Little room ------------------------------------------------------------------------------

TEST(HttpServer, ManagesWithTheSmallestSendBuffer) {
  for (const size_t size : {64u, 10'000u, 500'000u}) {
    ServeConfig config = http(size);
    config.tcp.send_buffer_bytes = 4096;
    ServicePair pair(config);
    const ConnectionId id = pair.connect(kPort);
    std::string requests;
    for (int i = 0; i < 50; ++i) requests += get("/");
    std::string heard = pair.converse(id, requests);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(next_response(heard).body == body(size)) << size;
    EXPECT_EQ(heard, "");
  }
}

TEST(HttpServer, LeavesNoConnectionWithoutAnEndWhenMemoryIsOut) {
  constexpr uint32_t kBlocks = 8;
  ServicePair pair(http(64), 1024, kBlocks);
  std::vector<ConnectionId> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(pair.connect(kPort));
    pair.say(clients.back(), get("/bytes/1000000"));
  }
  // Nobody reads: a few hold all the memory, the others learn at once that there is none.
  EXPECT_GT(pair.counts().ended[static_cast<size_t>(CloseReason::kLocalAbort)].get(), 30u);
  EXPECT_GT(pair.counts().open.get(), 0u);
  for (const ConnectionId id : clients) {
    if (pair.client().closed(id)) continue;
    std::string heard = pair.converse(id, "");
    const Response response = next_response(heard);
    EXPECT_TRUE(response.body == body(1'000'000) || pair.client().closed(id));
    pair.client().shutdown(id);
  }
  const ConnectionId later = pair.connect(kPort);
  std::string heard = pair.converse(later, get("/"));
  EXPECT_EQ(next_response(heard).status, 200);
}

// --- Endings ----------------------------------------------------------------------------------

TEST(HttpServer, LetsARefusalArriveBeforeTheReset) {
  ServicePair pair(http(64));
  const ConnectionId id = pair.connect(kPort);
  pair.say(id, "nonsense\r\n");
  for (int i = 0; i < 10; ++i) {
    pair.say(id, std::string(1000, 'x'));
    pair.pass(milliseconds(100));
  }
  std::string heard = pair.hear(id);
  EXPECT_EQ(next_response(heard).status, 400);
  EXPECT_FALSE(pair.client().closed(id)) << "within the time to linger";
  pair.pass(HttpServer::kLinger);
  pair.say(id, "still there?");
  pair.settle();
  EXPECT_EQ(pair.client().closed(id), CloseReason::kPeerReset);
}

TEST(HttpServer, LetsABoundedNumberOfClientsLinger) {
  ServicePair pair(http(64), HttpServer::kLingeringMax + 64);
  std::vector<ConnectionId> refused;
  for (size_t i = 0; i < HttpServer::kLingeringMax; ++i) {
    refused.push_back(pair.connect(kPort));
    pair.say(refused.back(), "?");
  }
  pair.say(refused.front(), "x");
  EXPECT_FALSE(pair.client().closed(refused.front()));
  const ConnectionId one_more = pair.connect(kPort);
  pair.say(one_more, "?");
  pair.say(refused.front(), "x");
  EXPECT_EQ(pair.client().closed(refused.front()), CloseReason::kPeerReset);
  pair.say(one_more, "x");
  EXPECT_FALSE(pair.client().closed(one_more));
}

TEST(HttpServer, ResetsAtTheEndOfTheDrainWhoDoesNotClose) {
  ServicePair pair(http(64));
  const ConnectionId idle = pair.connect(kPort);
  const ConnectionId reading = pair.connect(kPort);
  pair.say(reading, get("/bytes/1000000000") + get("/"));
  pair.begin_drain(milliseconds(500));
  pair.pass(milliseconds(400));
  EXPECT_FALSE(pair.drained());
  EXPECT_TRUE(pair.client().peer_closed(idle));
  pair.pass(milliseconds(200));
  EXPECT_TRUE(pair.drained());
  EXPECT_EQ(pair.client().closed(idle), CloseReason::kPeerReset);
  EXPECT_EQ(pair.counts().open.get(), 0u);
}

TEST(HttpServer, DrainsAtOnceWhenClientsCloseInReturn) {
  ServicePair pair(http(64));
  std::vector<ConnectionId> clients;
  // In mid-transfer with a request unread behind it, idle, in the middle of a request.
  for (const std::string& said :
       {get("/bytes/1000000000") + get("/"), std::string(), std::string("GET / HT"), get("/")}) {
    clients.push_back(pair.connect(kPort));
    pair.say(clients.back(), said);
  }
  pair.begin_drain(seconds(10));
  for (int i = 0; i < 100 && !pair.drained(); ++i) {
    for (const ConnectionId id : clients) {
      pair.hear(id);
      if (pair.client().peer_closed(id)) pair.client().shutdown(id);
    }
    pair.pass(milliseconds(10));
  }
  EXPECT_TRUE(pair.drained());
  EXPECT_EQ(pair.counts().ended[static_cast<size_t>(CloseReason::kNormal)].get(), clients.size());
  EXPECT_EQ(pair.server().use().small_blocks, 0u);
  EXPECT_EQ(pair.server().use().large_blocks, 0u);
}

}  // namespace
}  // namespace millrace::serve
