// SPDX-License-Identifier: BSD-3-Clause
// What the load generator says and what it accepts as an answer, however that is cut into pieces.
#include "load/exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::load {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text_of(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

// What a reader makes of `text` that arrives in pieces of `piece` bytes.
struct Reading {
  Reply reply = Reply::kMore;
  size_t taken = 0;
  unsigned status = 0;
  uint64_t body_bytes = 0;
  bool closes = false;

  friend bool operator==(const Reading&, const Reading&) = default;
};

Reading read_in_pieces(std::string_view text, size_t piece, bool then_close = false,
                       KnownHead* known = nullptr) {
  HttpResponse response;
  Reading r;
  while (r.reply == Reply::kMore && r.taken < text.size()) {
    const std::string_view part = text.substr(r.taken, piece);
    const HttpResponse::Progress p =
        known == nullptr ? response.consume(bytes(part)) : response.consume(bytes(part), *known);
    EXPECT_LE(p.taken, part.size());
    EXPECT_TRUE(p.reply != Reply::kMore || p.taken == part.size());
    r.taken += p.taken;
    r.reply = p.reply;
  }
  if (r.reply == Reply::kMore && then_close) r.reply = response.finish();
  if (r.reply == Reply::kComplete) {
    r.status = response.status();
    r.body_bytes = response.body_bytes();
    r.closes = response.announces_close();
  }
  return r;
}

// Every way of cutting it must give the same reading, and so must knowing the head already.
Reading read(std::string_view text, bool then_close = false) {
  const Reading whole = read_in_pieces(text, text.size(), then_close);
  KnownHead known;
  for (const size_t piece : {text.size(), text.size(), size_t{57}, text.size()}) {
    const Reading again = read_in_pieces(text, piece, then_close, &known);
    EXPECT_EQ(again.reply, whole.reply) << text;
    if (whole.reply == Reply::kComplete) {
      EXPECT_EQ(again, whole) << text;
    }
  }
  for (const size_t piece : {1u, 2u, 3u, 7u, 50u, 57u}) {
    const Reading cut = read_in_pieces(text, piece, then_close);
    EXPECT_EQ(cut.reply, whole.reply) << "in pieces of " << piece << ": " << text;
    if (whole.reply == Reply::kComplete) {
      EXPECT_EQ(cut, whole) << "in pieces of " << piece << ": " << text;
    }
  }
  return whole;
}

KnownHead known;  // of one caller after the other

TEST(HttpResponse, AKnownHeadIsTakenAtOnceAndAnotherTakesItsPlace) {
  const std::string_view first = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  const std::string_view second = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhey";
  KnownHead seen;
  for (const std::string_view text : {first, first, second, first, second, second}) {
    const Reading reading = read_in_pieces(text, text.size(), false, &seen);
    EXPECT_EQ(reading.reply, Reply::kComplete);
    EXPECT_EQ(reading.body_bytes, text.size() - seen.bytes);
    EXPECT_EQ(seen.bytes, text.find("\r\n\r\n") + 4);
  }
  // Another response of the same bytes up to a point is another response.
  EXPECT_EQ(read_in_pieces("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX", 100, false, &seen).reply,
            Reply::kMore);
}

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(HttpResponse, EndsWhereItsLengthSays) {
  const Reading r = read(std::string(kHello) + "HTTP/1.1 404 the next one");
  EXPECT_EQ(r.reply, Reply::kComplete);
  EXPECT_EQ(r.taken, kHello.size());
  EXPECT_EQ(r.status, 200u);
  EXPECT_EQ(r.body_bytes, 5u);
  EXPECT_FALSE(r.closes);
}

TEST(HttpResponse, MayHaveNoBody) {
  for (const std::string_view head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"}) {
    const Reading r = read(head);
    EXPECT_EQ(r.reply, Reply::kComplete) << head;
    EXPECT_EQ(r.taken, head.size());
    EXPECT_EQ(r.body_bytes, 0u);
  }
}

TEST(HttpResponse, ReadsChunks) {
  const std::string_view text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
      "4\r\nWiki\r\n1A;name=value\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nX-Sum: 1\r\n\r\n";
  const Reading r = read(text);
  EXPECT_EQ(r.reply, Reply::kComplete);
  EXPECT_EQ(r.taken, text.size());
  EXPECT_EQ(r.body_bytes, 30u);
}

TEST(HttpResponse, EndsWithTheConnectionWhenItHasNoLength) {
  const std::string_view text = "HTTP/1.1 200 OK\r\n\r\nas long as it lasts";
  EXPECT_EQ(read(text).reply, Reply::kMore);
  const Reading r = read(text, true);
  EXPECT_EQ(r.reply, Reply::kComplete);
  EXPECT_EQ(r.body_bytes, 19u);
  EXPECT_TRUE(r.closes);
}

TEST(HttpResponse, CutShortByACloseIsNone) {
  for (size_t length = 0; length < kHello.size(); ++length) {
    EXPECT_EQ(read(kHello.substr(0, length), true).reply, Reply::kBad) << length;
  }
}

TEST(HttpResponse, SkipsInterimResponses) {
  const Reading r = read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" +
                         std::string(kHello));
  EXPECT_EQ(r.reply, Reply::kComplete);
  EXPECT_EQ(r.status, 200u);
}

TEST(HttpResponse, SaysWhetherTheServerCloses) {
  const auto closes = [](std::string_view version, std::string_view header) {
    const std::string text = "HTTP/" + std::string(version) + " 200 OK\r\n" + std::string(header) +
                             "Content-Length: 0\r\n\r\n";
    const Reading r = read(text);
    EXPECT_EQ(r.reply, Reply::kComplete) << text;
    return r.closes;
  };
  EXPECT_FALSE(closes("1.1", ""));
  EXPECT_TRUE(closes("1.1", "Connection: close\r\n"));
  EXPECT_TRUE(closes("1.1", "connection:CLOSE\r\n"));
  EXPECT_TRUE(closes("1.1", "Connection: upgrade, close\r\n"));
  EXPECT_FALSE(closes("1.1", "Connection: close-ish\r\n"));
  EXPECT_TRUE(closes("1.0", ""));
  EXPECT_FALSE(closes("1.0", "Connection: keep-alive\r\n"));
}

TEST(HttpResponse, RefusesWhatIsNone) {
  for (const std::string_view text : {
           "SSH-2.0-OpenSSH_9.2\r\n",
           "HTTP/2.0 200 OK\r\n",
           "HTTP/1.1 OK\r\n",
           "HTTP/1.1  200 OK\r\n",
           "HTTP/1.1 20\r\n",
           "HTTP/1.1 2000 OK\r\n",
           "HTTP/1.1 200OK\r\n",
           "HTTP/1.1 099 Low\r\n",
           "\r\n",
           "HTTP/1.1 200 OK\r\nno colon\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length:\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nlots\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 4\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
       }) {
    EXPECT_EQ(read(text).reply, Reply::kBad) << text;
  }
}

TEST(HttpResponse, TakesTheSameLengthTwice) {
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok").reply,
            Reply::kComplete);
}

TEST(HttpResponse, SkipsHeadersOfAnyLength) {
  for (const size_t length : {40u, 55u, 56u, 57u, 58u, 5000u}) {
    const std::string name(length, 'n');
    const std::string value(length, 'v');
    EXPECT_EQ(
        read("HTTP/1.1 200 OK\r\n" + name + ": 1\r\nX: " + value + "\r\nContent-Length: 1\r\n\r\n!")
            .reply,
        Reply::kComplete)
        << length;
  }
}

TEST(HttpResponse, BoundsItsHeadButNotTheNumberOfItsChunks) {
  const std::string status = "HTTP/1.1 200 OK\r\nX: ";
  const std::string end = "\r\nContent-Length: 1\r\n\r\n";
  const size_t padding = HttpResponse::kHeadBytesMax - status.size() - end.size();
  EXPECT_EQ(read(status + std::string(padding, 'x') + end + "!").reply, Reply::kComplete);
  EXPECT_EQ(read(status + std::string(padding + 1, 'x') + end + "!").reply, Reply::kBad);

  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t i = 0; i < HttpResponse::kHeadBytesMax; ++i) chunked += "1\r\nx\r\n";
  const Reading r = read_in_pieces(chunked + "0\r\n\r\n", 1460);
  EXPECT_EQ(r.reply, Reply::kComplete);
  EXPECT_EQ(r.body_bytes, HttpResponse::kHeadBytesMax);
}

// --- Exchange -----------------------------------------------------------------------------------

Exchange http(ExchangeConfig config = {}) {
  config.host = "10.0.0.1:80";
  return Exchange::create(config).value();
}

TEST(Exchange, AsksForThePath) {
  EXPECT_EQ(text_of(http().request(0)),
            "GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: millrace\r\n\r\n");
  EXPECT_EQ(text_of(http({.paths = {"/a?b=%20"}, .close = true}).request(7)),
            "GET /a?b=%20 HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: millrace\r\n"
            "Connection: close\r\n\r\n");
}

TEST(Exchange, PadsARequestToTheByte) {
  const uint32_t bare = http().request(0).size();
  EXPECT_EQ(http({.request_bytes = bare}).request(0).size(), bare);
  for (const uint32_t size : {bare + 14, bare + 15, 1000u, 1u << 20}) {
    const Exchange exchange = http({.request_bytes = size});
    EXPECT_EQ(exchange.request(3).size(), size);
    EXPECT_TRUE(text_of(exchange.request(3)).ends_with("x\r\n\r\n"));
  }
}

TEST(Exchange, SaysWhichSizesAndPathsCannotBe) {
  const uint32_t bare = http().request(0).size();
  const auto error = [](ExchangeConfig config) {
    config.host = "10.0.0.1:80";
    const Result<Exchange> exchange = Exchange::create(config);
    return exchange ? "none" : exchange.error().message;
  };
  for (const uint32_t size : {1u, bare - 1, bare + 1, bare + 13}) {
    EXPECT_EQ(error({.request_bytes = size}),
              "--request-size " + std::to_string(size) + " is too small for this GET: it takes " +
                  std::to_string(bare) + " bytes, or " + std::to_string(bare + 14) +
                  " and more with padding");
  }
  for (const std::string path : {"", "index.html", "/a b", "/a\r\nX: y", "/\xc3\xa4"}) {
    EXPECT_EQ(error({.paths = {path}}),
              "--path '" + path +
                  "' is no request path: begin it with / and percent-encode anything that is not "
                  "printable ASCII");
  }
  EXPECT_EQ(error({.protocol = Protocol::kEcho}),
            "--request-size 0 leaves nothing to echo: use 1 or more");
}

TEST(Exchange, SaysWhatAPersonSays) {
  const Exchange exchange = http({.method = "PUT",
                                  .paths = {"/a"},
                                  .headers = {"HOST: example.org", "X-Mine: 1"},
                                  .body = "body"});
  EXPECT_EQ(text_of(exchange.request(0)),
            "PUT /a HTTP/1.1\r\nUser-Agent: millrace\r\nContent-Length: 4\r\nHOST: example.org\r\n"
            "X-Mine: 1\r\n\r\nbody");
}

TEST(Exchange, TakesPathsInTurn) {
  const Exchange exchange = http({.paths = {"/a", "/b", "/c"}});
  for (const uint32_t salt : {0u, 1u, 2u, 3u, 300u, 301u}) {
    const std::string wanted = std::string("GET /") + "abc"[salt % 3] + " ";
    EXPECT_EQ(text_of(exchange.request(salt)).substr(0, 7), wanted);
  }
}

TEST(Exchange, AsksForEachSizeAsOftenAsItWeighsAndWantsThatSize) {
  const Exchange exchange =
      http({.paths = {"/bytes/{size}"}, .response_bytes = Sizes::parse("5:3,1000:1").value()});
  int small = 0;
  for (uint32_t salt = 0; salt < 1024; ++salt) {
    const bool is_small = text_of(exchange.request(salt)).starts_with("GET /bytes/5 ");
    EXPECT_TRUE(is_small || text_of(exchange.request(salt)).starts_with("GET /bytes/1000 "));
    small += is_small ? 1 : 0;
    Exchange::State state;
    const std::string five = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345";
    EXPECT_EQ(exchange.consume(state, salt, bytes(five), known).reply,
              is_small ? Reply::kComplete : Reply::kBad);
  }
  EXPECT_EQ(small, 768);
}

TEST(Exchange, RequestsOfDifferentSizesArePaddedToThem) {
  const Exchange exchange = http({.request_bytes = Sizes::parse("200-299").value()});
  std::map<size_t, int> counts;
  for (uint32_t salt = 0; salt < 1024; ++salt) ++counts[exchange.request(salt).size()];
  EXPECT_EQ(counts.size(), 100u);
  EXPECT_EQ(counts.begin()->first, 200u);
  EXPECT_NEAR(counts[250], 10, 1);
}

TEST(EchoExchange, HasMessagesOfDifferentSizes) {
  const Exchange exchange = Exchange::create({.protocol = Protocol::kEcho,
                                              .request_bytes = Sizes::parse("1-100").value()})
                                .value();
  for (uint32_t salt = 0; salt < 3000; ++salt) {
    const auto request = exchange.request(salt);
    ASSERT_TRUE(request.size() >= 1 && request.size() <= 100);
    Exchange::State state;
    const Exchange::Progress p = exchange.consume(state, salt, request, known);
    ASSERT_EQ(p.reply, Reply::kComplete);
    ASSERT_EQ(p.taken, request.size());
  }
}

TEST(Exchange, SaysWhatCannotBeSent) {
  const auto error = [](ExchangeConfig config) {
    const Result<Exchange> exchange = Exchange::create(config);
    return exchange ? "none" : exchange.error().message;
  };
  EXPECT_EQ(error({.headers = {"no colon"}}), "--header 'no colon' is none: give 'Name: value'");
  EXPECT_EQ(error({.headers = {"A: b\r\nC: d"}}),
            "--header 'A: b\r\nC: d' is none: give 'Name: value'");
  EXPECT_NE(error({.method = "HEAD"}).find("--method 'HEAD' cannot be sent"), std::string::npos);
  EXPECT_NE(error({.response_bytes = Sizes::parse("1-2").value()}).find("write {size}"),
            std::string::npos);
}

Reply reply_to(const Exchange& exchange, std::string_view text) {
  Exchange::State state;
  return exchange.consume(state, 0, bytes(text), known).reply;
}

TEST(Exchange, IsGoodWithTheStatusAndTheLengthThatWereAskedFor) {
  const auto response = [](const char* status, size_t length) {
    return "HTTP/1.1 " + std::string(status) + " x\r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n" + std::string(length, 'b');
  };
  const Exchange any = http();
  EXPECT_EQ(reply_to(any, response("200", 0)), Reply::kComplete);
  EXPECT_EQ(reply_to(any, response("299", 9)), Reply::kComplete);
  EXPECT_EQ(reply_to(any, response("399", 9)), Reply::kComplete);
  EXPECT_EQ(reply_to(any, response("400", 9)), Reply::kBad);
  EXPECT_EQ(reply_to(any, response("503", 9)), Reply::kBad);
  const Exchange nine = http({.response_bytes = 9});
  EXPECT_EQ(reply_to(nine, response("200", 8)), Reply::kBad);
  EXPECT_EQ(reply_to(nine, response("200", 9)), Reply::kComplete);
  EXPECT_EQ(reply_to(nine, response("200", 10)), Reply::kBad);
}

TEST(Exchange, ReadsOneResponseAfterTheOther) {
  const Exchange exchange = http();
  Exchange::State state;
  const std::string two =
      std::string(kHello) + "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n!";
  const Exchange::Progress first = exchange.consume(state, 0, bytes(two), known);
  EXPECT_EQ(first.reply, Reply::kComplete);
  EXPECT_EQ(first.taken, kHello.size());
  EXPECT_FALSE(first.server_closes);
  const Exchange::Progress second =
      exchange.consume(state, 1, bytes(two).subspan(first.taken), known);
  EXPECT_EQ(second.reply, Reply::kComplete);
  EXPECT_TRUE(second.server_closes);
}

TEST(Exchange, JudgesWhatACloseLeaves) {
  const auto at_close = [](const Exchange& exchange, std::string_view text) {
    Exchange::State state;
    EXPECT_EQ(exchange.consume(state, 0, bytes(text), known).reply, Reply::kMore);
    return exchange.finish(state, 0);
  };
  EXPECT_EQ(at_close(http(), ""), Reply::kMore);  // short
  EXPECT_EQ(at_close(http(), kHello.substr(0, 20)), Reply::kMore);
  EXPECT_EQ(at_close(http(), kHello.substr(0, kHello.size() - 1)), Reply::kMore);
  EXPECT_EQ(at_close(http(), "HTTP/1.1 200 OK\r\n\r\nbody"), Reply::kComplete);
  EXPECT_EQ(at_close(http(), "HTTP/1.1 500 No\r\n\r\nbody"), Reply::kBad);
  EXPECT_EQ(at_close(http({.response_bytes = 5}), "HTTP/1.1 200 OK\r\n\r\nbody"), Reply::kBad);
  const Exchange echo = Exchange::create({.protocol = Protocol::kEcho, .request_bytes = 4}).value();
  EXPECT_EQ(at_close(echo, text_of(echo.request(0)).substr(0, 3)), Reply::kMore);
}

TEST(EchoExchange, WantsItsBytesBackWhateverThePieces) {
  const Exchange exchange =
      Exchange::create({.protocol = Protocol::kEcho, .request_bytes = 1000}).value();
  for (const size_t piece : {1u, 3u, 999u, 1000u, 4000u}) {
    Exchange::State state;
    for (const uint32_t salt : {0u, 1u, 255u, 256u, UINT32_MAX}) {
      const std::string all = text_of(exchange.request(salt)) + "what comes after it";
      std::string_view left = all;
      Exchange::Progress p;
      do {
        p = exchange.consume(state, salt, bytes(left.substr(0, piece)), known);
        ASSERT_NE(p.reply, Reply::kBad);
        left.remove_prefix(p.taken);
      } while (p.reply == Reply::kMore);
      EXPECT_EQ(left, "what comes after it");
    }
  }
}

TEST(EchoExchange, NoticesAWrongByteAnywhere) {
  const Exchange exchange =
      Exchange::create({.protocol = Protocol::kEcho, .request_bytes = 64}).value();
  for (size_t wrong = 0; wrong < 64; ++wrong) {
    std::string text = text_of(exchange.request(5));
    text[wrong] = static_cast<char>(text[wrong] ^ 1);
    Exchange::State state;
    EXPECT_EQ(exchange.consume(state, 5, bytes(text), known).reply, Reply::kBad) << wrong;
  }
}

TEST(EchoExchange, NoticesTheAnswerToAnotherRequest) {
  const Exchange exchange =
      Exchange::create({.protocol = Protocol::kEcho, .request_bytes = 16}).value();
  for (uint32_t other = 1; other < 256; ++other) {
    Exchange::State state;
    EXPECT_EQ(exchange.consume(state, 0, exchange.request(other), known).reply, Reply::kBad)
        << other;
  }
}

TEST(EchoExchange, HasAPatternOfItsSeed) {
  const auto request = [](uint64_t seed) {
    const ExchangeConfig config{.protocol = Protocol::kEcho, .request_bytes = 32, .seed = seed};
    return text_of(Exchange::create(config).value().request(0));
  };
  EXPECT_EQ(request(1), request(1));
  EXPECT_NE(request(1), request(2));
}

}  // namespace
}  // namespace millrace::load
