// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/client.h"
#include "control/server.h"
#include "control/socket_path.h"
#include "control/verbs.h"

namespace millrace::control {
namespace {

namespace fs = std::filesystem;

using Started = Result<std::unique_ptr<Answer>>;

// Lines without end, counted.
class Endless final : public Answer {
 public:
  explicit Endless(std::atomic<size_t>& bytes) : bytes_(bytes) {}
  Result<Step> next(std::string& out) override {
    const std::string line(1023, 'x');
    out += line + "\n";
    bytes_ += 1024;
    return Step::kMore;
  }

 private:
  std::atomic<size_t>& bytes_;
};

// Says nothing until it is told to.
class Hesitant final : public Answer {
 public:
  explicit Hesitant(const std::atomic<bool>& told) : told_(told) {}
  Result<Step> next(std::string& out) override {
    if (!told_) return Step::kWait;
    out += "at last\n";
    return Step::kDone;
  }

 private:
  const std::atomic<bool>& told_;
};

class ControlTest : public testing::Test {
 protected:
  ControlTest() : folder_(testing::TempDir() + "millrace-control-" + std::to_string(getpid())) {
    fs::create_directory(folder_);
  }
  ~ControlTest() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  [[nodiscard]] std::string path() const { return folder_ / "socket"; }

  void serve(const ServerLimits& limits = {}) {
    Verbs verbs("test", "none");
    verbs.add("echo", [](const nlohmann::json& request) { return say(request["text"]); });
    verbs.add("endless", [this](const nlohmann::json&) {
      return Started(std::make_unique<Endless>(produced_));
    });
    verbs.add("hesitant",
              [this](const nlohmann::json&) { return Started(std::make_unique<Hesitant>(told_)); });
    verbs.add("fail", [](const nlohmann::json&) -> Started { return Error{"it is Tuesday"}; });
    auto server = Server::open(path(), std::move(verbs), limits);
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }

  // The lines of the answer, or the error.
  std::vector<std::string> ask(const nlohmann::json& request) const {
    std::vector<std::string> lines;
    const Result<void> asked = ask_process(path(), request, [&lines](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
    if (!asked) lines.push_back("error: " + asked.error().message);
    return lines;
  }

  [[nodiscard]] int connect_raw() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string name = path();
    std::copy(name.begin(), name.end(), address.sun_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void say_raw(int fd, const std::string& text) {
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // All that comes until the other end closes.
  static std::string read_all(int fd) {
    std::string all;
    char bytes[4096];
    for (ssize_t n = 0; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;) {
      all.append(bytes, static_cast<size_t>(n));
    }
    return all;
  }

  fs::path folder_;
  std::atomic<size_t> produced_{0};
  std::atomic<bool> told_{false};
  std::unique_ptr<Server> server_;
};

TEST_F(ControlTest, AnswersAndCloses) {
  serve();
  EXPECT_EQ(ask({{"verb", "echo"}, {"text", "hello"}}), std::vector<std::string>{"\"hello\""});
  const int fd = connect_raw();
  say_raw(fd, "{\"verb\": \"echo\", \"text\": 7}\n");
  EXPECT_EQ(read_all(fd), "7\n{\"end\":true}\n");
  close(fd);
}

TEST_F(ControlTest, SaysWhatIsWrongWithARequest) {
  serve();
  EXPECT_EQ(ask({{"verb", "fail"}}), std::vector<std::string>{"error: it is Tuesday"});
  EXPECT_EQ(ask({{"verb", "dance"}}),
            std::vector<std::string>{
                "error: this process cannot be asked for \"dance\" but for about, echo, endless, "
                "fail, hesitant or stop"});
  EXPECT_EQ(ask({1, 2}),
            std::vector<std::string>{"error: a request is one line such as {\"verb\": \"about\"}"});
}

TEST_F(ControlTest, IsForItsOwnerAlone) {
  serve();
  struct stat about = {};
  ASSERT_EQ(stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
}

TEST_F(ControlTest, AnAnswerMayTakeItsTimeWhileOthersAreAnswered) {
  serve();
  const int slow = connect_raw();
  say_raw(slow, "{\"verb\": \"hesitant\"}\n");
  EXPECT_EQ(ask({{"verb", "echo"}, {"text", 1}}), std::vector<std::string>{"1"});
  told_ = true;
  EXPECT_EQ(read_all(slow), "at last\n{\"end\":true}\n");
  close(slow);
}

TEST_F(ControlTest, WhoDoesNotReadCostsABoundedAmountAndDelaysNobody) {
  serve();
  std::vector<int> stalled;
  for (int i = 0; i < 8; ++i) {
    stalled.push_back(connect_raw());
    say_raw(stalled.back(), "{\"verb\": \"endless\"}\n");
    EXPECT_EQ(ask({{"verb", "echo"}, {"text", i}}).size(), 1u);
  }
  // What their sockets hold, and 64 KiB for each; asked for again and again it is no more.
  int held = 0;
  socklen_t size = sizeof held;
  getsockopt(stalled[0], SOL_SOCKET, SO_SNDBUF, &held, &size);
  for (int i = 0; i < 100; ++i) ask({{"verb", "echo"}, {"text", i}});
  EXPECT_LE(produced_, stalled.size() * (static_cast<size_t>(held) + 2 * 64 * 1024));
  for (const int fd : stalled) close(fd);
}

TEST_F(ControlTest, WhoDoesNotReadGivesWayToWhoComes) {
  serve({.clients_max = 2, .stalled_after = milliseconds(1)});
  std::vector<int> stalled;
  for (int i = 0; i < 2; ++i) {
    stalled.push_back(connect_raw());
    say_raw(stalled.back(), "{\"verb\": \"endless\"}\n");
  }
  EXPECT_EQ(ask({{"verb", "echo"}, {"text", 1}}), std::vector<std::string>{"1"});
  for (const int fd : stalled) close(fd);
}

TEST_F(ControlTest, WhoSaysNothingIsSentAway) {
  serve({.request_timeout = milliseconds(1)});
  const int silent = connect_raw();
  EXPECT_EQ(read_all(silent), "");
  close(silent);
  const int slow = connect_raw();
  say_raw(slow, "{\"verb\":");
  EXPECT_EQ(read_all(slow), "");
  close(slow);
}

TEST_F(ControlTest, ARequestIsBounded) {
  serve({.request_bytes_max = 100});
  const std::string fits = "{\"verb\": \"about\"}";
  const std::string too_many = "{\"error\":\"a request has 100 bytes at most\"}\n";
  const auto answer = [this](const std::string& request) {
    const int fd = connect_raw();
    say_raw(fd, request);
    const std::string text = read_all(fd);
    close(fd);
    return text;
  };
  EXPECT_TRUE(answer(fits + std::string(100 - fits.size(), ' ') + "\n").ends_with("true}\n"));
  EXPECT_EQ(answer(fits + std::string(101 - fits.size(), ' ') + "\n"), too_many);
  EXPECT_EQ(answer(std::string(101, 'x')), too_many) << "before its end was seen";
}

TEST_F(ControlTest, TakesThePlaceOfASocketThatIsDeadAndOfNoOther) {
  serve();
  EXPECT_FALSE(Server::open(path(), Verbs("test", "none")).ok());
  server_.reset();
  EXPECT_FALSE(fs::exists(path()));

  // As a killed process leaves it.
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = path();
  std::copy(name.begin(), name.end(), address.sun_path);
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(dead);
  serve();
  EXPECT_EQ(ask({{"verb", "echo"}, {"text", 1}}), std::vector<std::string>{"1"});
  server_.reset();

  std::ofstream(path()) << "somebody's";
  EXPECT_FALSE(Server::open(path(), Verbs("test", "none")).ok());
  EXPECT_TRUE(fs::exists(path()));
}

TEST_F(ControlTest, TheFolderIsOursAlone) {
  const std::string folder = folder_ / "inner";
  ASSERT_TRUE(prepare_folder(folder).ok());
  EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(prepare_folder(folder).ok()) << "it may be there already";
  fs::permissions(folder, fs::perms::owner_all | fs::perms::group_exec);
  EXPECT_FALSE(prepare_folder(folder).ok());
  const std::string link = folder_ / "link";
  fs::permissions(folder, fs::perms::owner_all);
  fs::create_symlink(folder, link);
  EXPECT_FALSE(prepare_folder(link).ok());
}

TEST_F(ControlTest, SocketsAreFoundByTheirNames) {
  for (const char* name : {"17.sock", "4.sock", "x.sock", "5.socket", "6"}) {
    std::ofstream(folder_ / name) << "";
  }
  EXPECT_EQ(pids_in(folder_), (std::vector<int>{4, 17}));
  EXPECT_EQ(pids_in(folder_ / "nowhere"), std::vector<int>{});
}

}  // namespace
}  // namespace millrace::control
