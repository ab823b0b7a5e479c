// SPDX-License-Identifier: BSD-3-Clause
#include "millrace/http.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace millrace::http {
namespace {

using Outcome = RequestReader::Outcome;
using namespace std::string_literals;

// Everything that a reader says of some bytes, and how many of them it took to say it.
struct Verdict {
  Outcome outcome = Outcome::kMore;
  size_t decided_at = 0;
  int status = 0;
  size_t head_bytes = 0;
  Method method = Method::kOther;
  bool http_1_0 = false;
  bool keep_alive = false;
  uint64_t content_length = 0;
  std::string target;

  // What does not depend on how the bytes were cut.
  [[nodiscard]] auto lasting() const {
    return std::tie(outcome, status, head_bytes, method, http_1_0, keep_alive, content_length,
                    target);
  }
};

std::ostream& operator<<(std::ostream& out, const Verdict& v) {
  return out << "{outcome " << static_cast<int>(v.outcome) << " at " << v.decided_at << ", status "
             << v.status << ", head " << v.head_bytes << ", method " << static_cast<int>(v.method)
             << ", 1.0 " << v.http_1_0 << ", keep " << v.keep_alive << ", length "
             << v.content_length << ", target " << v.target << "}";
}

// Hands the bytes over up to each of `cuts`, every time at another place in memory.
template <class Cuts>
Verdict read_in_pieces(std::string_view bytes, const Cuts& cuts) {
  RequestReader reader;
  Verdict verdict;
  for (const size_t cut : cuts) {
    const std::string there(bytes.substr(0, cut));
    verdict.outcome = reader.read(there);
    verdict.decided_at = cut;
    if (verdict.outcome == Outcome::kRefused) verdict.status = reader.status();
    if (verdict.outcome == Outcome::kRequest) {
      const Request request = reader.request(there);
      verdict.head_bytes = reader.head_bytes();
      verdict.method = request.method;
      verdict.http_1_0 = request.http_1_0;
      verdict.keep_alive = request.keep_alive;
      verdict.content_length = request.content_length;
      verdict.target = request.target;
    }
    if (verdict.outcome != Outcome::kMore) break;
  }
  return verdict;
}

Verdict read_whole(std::string_view bytes) {
  return read_in_pieces(bytes, std::array{bytes.size()});
}

Verdict read_by_bytes(std::string_view bytes) {
  std::vector<size_t> cuts;
  for (size_t n = 1; n <= bytes.size(); ++n) cuts.push_back(n);
  return read_in_pieces(bytes, cuts);
}

// --- What is a request ------------------------------------------------------------------------

struct Good {
  const char* name;
  std::string bytes;
  Method method;
  std::string target;
  bool http_1_0;
  bool keep_alive;
  uint64_t content_length;
};

const std::vector<Good>& good_requests() {
  static const std::vector<Good> table = {
      {"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kGet, "/", false, true, 0},
      {"path and query", "GET /bytes/10?x=1&y HTTP/1.1\r\nHost: a:80\r\n\r\n", Method::kGet,
       "/bytes/10?x=1&y", false, true, 0},
      {"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kHead, "/", false, true, 0},
      {"methods are case-sensitive", "get / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kOther, "/",
       false, true, 0},
      {"method of 32 characters", std::string(32, 'X') + " / HTTP/1.1\r\nHost: a\r\n\r\n",
       Method::kOther, "/", false, true, 0},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Method::kOther, "*", false, true, 0},
      {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Method::kOther, "a:443", false,
       true, 0},
      {"absolute form", "GET http://a.b:8080/c?d HTTP/1.1\r\nHost: a.b\r\n\r\n", Method::kGet,
       "/c?d", false, true, 0},
      {"absolute form of the root", "GET HTTP://a.b HTTP/1.1\r\nHost: a.b\r\n\r\n", Method::kGet,
       "/", false, true, 0},
      {"absolute form, query alone", "GET http://a.b?c HTTP/1.1\r\nHost: a.b\r\n\r\n", Method::kGet,
       "/", false, true, 0},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", Method::kGet, "/", false, true, 0},
      {"IPv6 host", "GET / HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n", Method::kGet, "/", false, true,
       0},
      {"white space around a value", "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", Method::kGet, "/",
       false, true, 0},
      {"bytes above ASCII in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\xff\r\n\r\n",
       Method::kGet, "/", false, true, 0},
      {"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Method::kGet, "/", false,
       false, 0},
      {"close among others", "GET / HTTP/1.1\r\nHost: a\r\ncOnNeCtIoN: te , Close,x\r\n\r\n",
       Method::kGet, "/", false, false, 0},
      {"close in a second line",
       "GET / HTTP/1.1\r\nHost: a\r\nConnection: te\r\nConnection: close\r\n\r\n", Method::kGet,
       "/", false, false, 0},
      {"a word that only begins like close",
       "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", Method::kGet, "/", false, true,
       0},
      {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", Method::kGet, "/", true, false, 0},
      {"1.0 that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", Method::kGet, "/",
       true, true, 0},
      {"1.0, undecided", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", Method::kGet,
       "/", true, false, 0},
      {"1.2 is read as 1.1", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Method::kGet, "/", false, true,
       0},
      {"body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", Method::kOther, "/",
       false, true, 12},
      {"longest body", "PUT / HTTP/1.1\r\nHost: a\r\ncontent-length:18446744073709551615\r\n\r\n",
       Method::kOther, "/", false, true, UINT64_MAX},
      {"no body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n", Method::kGet, "/",
       false, true, 0},
      {"empty lines in front", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Method::kGet, "/",
       false, true, 0},
  };
  return table;
}

TEST(HttpRequest, IsReadForWhatItAsks) {
  for (const Good& good : good_requests()) {
    const Verdict v = read_whole(good.bytes);
    EXPECT_EQ(v.outcome, Outcome::kRequest) << good.name << ": status " << v.status;
    EXPECT_EQ(v.head_bytes, good.bytes.size()) << good.name;
    EXPECT_EQ(v.method, good.method) << good.name;
    EXPECT_EQ(v.target, good.target) << good.name;
    EXPECT_EQ(v.http_1_0, good.http_1_0) << good.name;
    EXPECT_EQ(v.keep_alive, good.keep_alive) << good.name;
    EXPECT_EQ(v.content_length, good.content_length) << good.name;
  }
}

TEST(HttpRequest, EndsWithItsEmptyLineWhateverFollows) {
  for (const Good& good : good_requests()) {
    for (const std::string& rest : {"GET /next HTTP/1.1\r\n"s, "\r\n\r\n"s, "\0\xff"s}) {
      const Verdict v = read_whole(good.bytes + rest);
      EXPECT_EQ(v.outcome, Outcome::kRequest) << good.name;
      EXPECT_EQ(v.head_bytes, good.bytes.size()) << good.name;
    }
  }
}

TEST(HttpRequest, WantsMoreUpToItsLastByte) {
  for (const Good& good : good_requests()) {
    EXPECT_EQ(read_by_bytes(good.bytes).decided_at, good.bytes.size()) << good.name;
    EXPECT_EQ(read_whole(good.bytes.substr(0, good.bytes.size() - 1)).outcome, Outcome::kMore)
        << good.name;
  }
}

// --- What is none -----------------------------------------------------------------------------

struct Bad {
  const char* name;
  std::string bytes;
  int status;
};

// A request with one field more than it needs.
std::string with(const std::string& field) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

const std::vector<Bad>& bad_requests() {
  static const std::vector<Bad> table = {
      // The request line.
      {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/0.9", "GET /\r\n", 400},
      {"word", "hello?\r\n", 400},
      {"no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two targets", "GET / / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space behind", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"two spaces", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"TAB for a space", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method that is no token", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method of 33 characters", std::string(33, 'X') + " / HTTP/1.1\r\n", 400},
      {"relative target", "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk of GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"absolute form without a host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"user in the absolute form", "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"byte above ASCII in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"version in small letters", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"version without a dot", "GET / HTTP/11\r\nHost: a\r\n\r\n", 400},
      {"version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
      {"later version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"earlier version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"three empty lines in front", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // Line ends.
      {"LF alone behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"LF alone behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"LF alone at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"LF at the beginning", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CR in a value", with("X: a\rY: b"), 400},
      {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"CR instead of the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", 400},
      // Fields.
      {"folded line", with("X: a\r\n b"), 400},
      {"folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"no colon", with("nothing"), 400},
      {"no name", with(": a"), 400},
      {"space before the colon", with("X : a"), 400},
      {"TAB before the colon", with("X\t: a"), 400},
      {"space in a name", with("X Y: a"), 400},
      {"parenthesis in a name", with("X(Y): a"), 400},
      {"NUL in a value", with("X: a\0b"s), 400},
      {"DEL in a value", with("X: a\x7f"), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", with("Host: a"), 400},
      {"two hosts of 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"path in the host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
      // The length of the body: every trap that makes two readers see two of them.
      {"length that is no number", with("Content-Length: ten"), 400},
      {"empty length", with("Content-Length:"), 400},
      {"negative length", with("Content-Length: -1"), 400},
      {"length with a sign", with("Content-Length: +1"), 400},
      {"hexadecimal length", with("Content-Length: 0x10"), 400},
      {"length with a fraction", with("Content-Length: 1.0"), 400},
      {"length past 64 bits", with("Content-Length: 18446744073709551616"), 400},
      {"list of lengths", with("Content-Length: 5, 5"), 400},
      {"two lengths", with("Content-Length: 5\r\nContent-Length: 6"), 400},
      {"the same length twice", with("Content-Length: 5\r\nContent-Length: 5"), 400},
      {"length and chunks", with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
      {"chunks and length", with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
      {"chunks", with("Transfer-Encoding: chunked"), 501},
      {"another coding", with("Transfer-Encoding: gzip, chunked"), 501},
      {"hidden coding", with("Transfer-Encoding: xchunked"), 501},
      {"empty coding", with("Transfer-Encoding:"), 501},
      {"chunks of 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
  };
  return table;
}

TEST(HttpRequest, IsRefusedForWhatIsWrongWithIt) {
  for (const Bad& bad : bad_requests()) {
    const Verdict v = read_whole(bad.bytes);
    EXPECT_EQ(v.outcome, Outcome::kRefused) << bad.name;
    EXPECT_EQ(v.status, bad.status) << bad.name;
  }
}

TEST(HttpRequest, IsRefusedWithTheFirstByteThatIsNoMethod) {
  EXPECT_EQ(read_by_bytes("\x16\x03\x01").decided_at, 1u);
  EXPECT_EQ(read_by_bytes("G\x01").decided_at, 2u);
  EXPECT_EQ(read_by_bytes(" GET").decided_at, 1u);
  EXPECT_EQ(read_by_bytes(std::string(100, 'A')).decided_at, 33u);
}

TEST(HttpRequest, IsRefusedWithTheLineThatIsWrong) {
  const std::string until_then = "GET / HTTP/1.1\r\nX : a\r\n";
  EXPECT_EQ(read_by_bytes(until_then + "Host: a\r\n\r\n").decided_at, until_then.size());
}

// --- Limits -----------------------------------------------------------------------------------

// A request whose first line has `bytes` bytes, CR LF not counted.
std::string with_line_of(size_t bytes) {
  const std::string rest = "GET / HTTP/1.1";
  return "GET /" + std::string(bytes - rest.size(), 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

// A request whose head has `bytes` bytes.
std::string with_head_of(size_t bytes) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string end = "\r\n\r\n";
  return begin + std::string(bytes - begin.size() - end.size(), 'y') + end;
}

TEST(HttpRequest, RequestLineHasALimit) {
  // The CR is counted, the LF is not.
  EXPECT_EQ(read_whole(with_line_of(kRequestLineBytesMax - 1)).outcome, Outcome::kRequest);
  EXPECT_EQ(read_whole(with_line_of(kRequestLineBytesMax)).status, 414);
  EXPECT_EQ(read_by_bytes(with_line_of(kRequestLineBytesMax - 1)).outcome, Outcome::kRequest);
  const Verdict refused = read_by_bytes(with_line_of(100'000));
  EXPECT_EQ(refused.status, 414);
  EXPECT_EQ(refused.decided_at, kRequestLineBytesMax + 1);
}

TEST(HttpRequest, HeadHasALimit) {
  const Verdict largest = read_whole(with_head_of(kHeadBytesMax) + "and more");
  EXPECT_EQ(largest.outcome, Outcome::kRequest);
  EXPECT_EQ(largest.head_bytes, kHeadBytesMax);
  EXPECT_EQ(read_whole(with_head_of(kHeadBytesMax + 1)).status, 431);
  EXPECT_EQ(read_whole(with_head_of(1'000'000)).status, 431);
  const Verdict refused = read_by_bytes(with_head_of(kHeadBytesMax + 1));
  EXPECT_EQ(refused.status, 431);
  EXPECT_EQ(refused.decided_at, kHeadBytesMax);
}

TEST(HttpRequest, ManyShortFieldsMeetTheSameLimit) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (bytes.size() <= kHeadBytesMax) bytes += "X: y\r\n";
  EXPECT_EQ(read_whole(bytes + "\r\n").status, 431);
  EXPECT_EQ(read_whole(bytes.substr(0, kHeadBytesMax - 1)).outcome, Outcome::kMore);
}

// --- However it is cut ------------------------------------------------------------------------

TEST(HttpRequest, SameVerdictByteByByte) {
  for (const Good& good : good_requests()) {
    EXPECT_EQ(read_by_bytes(good.bytes).lasting(), read_whole(good.bytes).lasting()) << good.name;
  }
  for (const Bad& bad : bad_requests()) {
    EXPECT_EQ(read_by_bytes(bad.bytes).lasting(), read_whole(bad.bytes).lasting()) << bad.name;
  }
}

// Good and bad requests with bytes changed, inserted, taken out and lines doubled.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

  std::string next() {
    const size_t goods = good_requests().size();
    const size_t pick = below(goods + bad_requests().size());
    std::string bytes =
        pick < goods ? good_requests()[pick].bytes : bad_requests()[pick - goods].bytes;
    for (size_t changes = below(4); changes != 0; --changes) change(bytes);
    return bytes;
  }

 private:
  void change(std::string& bytes) {
    static constexpr std::string_view kTelling("\r\n \t:/0,\0\x7fHx?*", 14);
    const size_t at = below(bytes.size() + 1);
    const char telling = kTelling[below(kTelling.size())];
    switch (below(5)) {
      case 0:
        bytes.insert(at, 1, telling);
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = telling;
        break;
      case 2:
        if (at + 1 < bytes.size()) bytes.erase(at, 1 + below(3));
        break;
      case 3: {  // a line once more
        const size_t begin = bytes.rfind('\n', at);
        const size_t end = bytes.find('\n', at);
        if (begin != std::string::npos && end != std::string::npos && begin < end) {
          bytes.insert(begin + 1, bytes.substr(begin + 1, end - begin));
        }
        break;
      }
      default:  // past one limit or the other
        if (below(50) == 0) bytes.insert(at, below(20'000), 'a');
        break;
    }
    if (bytes.empty()) bytes = "G";
  }

  std::mt19937_64 random_;
};

TEST(HttpRequest, SameVerdictHoweverItIsCut) {
  constexpr uint64_t kSeed = 20260111;
  Mutator mutator(kSeed);
  size_t requests = 0;
  size_t refusals = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string bytes = mutator.next();
    const Verdict whole = read_whole(bytes);
    std::vector<size_t> cuts;
    const size_t step = 1 + mutator.below(bytes.size());
    for (size_t at = 0; at < bytes.size();) {
      at = std::min(bytes.size(), at + 1 + mutator.below(step));
      cuts.push_back(at);
    }
    const Verdict cut = read_in_pieces(bytes, cuts);
    ASSERT_EQ(cut.lasting(), whole.lasting())
        << "seed " << kSeed << " round " << round << "\nwhole " << whole << "\ncut " << cut << "\n"
        << bytes.substr(0, 300);
    requests += whole.outcome == Outcome::kRequest ? 1 : 0;
    refusals += whole.outcome == Outcome::kRefused ? 1 : 0;
  }
  EXPECT_GT(requests, 1000u);
  EXPECT_GT(refusals, 1000u);
}

TEST(HttpRequest, IsSmallEnoughToKeepOneForEachHead) { EXPECT_LE(sizeof(RequestReader), 32u); }

}  // namespace
}  // namespace millrace::http
