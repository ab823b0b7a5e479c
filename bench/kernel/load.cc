// SPDX-License-Identifier: BSD-3-Clause
#include "kernel/load.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <vector>

#include "kernel/sockets.h"

namespace millrace::bench {
namespace {

constexpr size_t kBulkBytes = 65536;  // of one send()
constexpr int kWaitMs = 10;

Instant now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()};
}

bool not_yet() { return errno == EAGAIN || errno == EINTR; }

class Loader {
 public:
  explicit Loader(const LoadPlan& plan)
      : plan_(plan),
        peer_(parse_endpoint(plan.target)),
        out_(plan.exchange == Exchange::kBulk ? kBulkBytes : plan.bytes),
        in_(kBulkBytes),
        clients_(plan.concurrency) {}

  Loaded run() {
    const Instant begin = now();
    for (size_t i = 0; i < clients_.size(); ++i) open(i);
    const Instant end = begin + nanoseconds(static_cast<int64_t>(plan_.seconds * 1e9));
    while (now() < end) {
      poller_.wait(kWaitMs, [this](uint64_t i, uint32_t events) { act(i, events); });
    }
    result_.seconds = (now() - begin).seconds();
    if (plan_.exchange == Exchange::kBulk) {
      for (const Client& client : clients_) result_.completed -= waiting(client.socket.get());
    }
    return std::move(result_);
  }

 private:
  struct Client {
    Descriptor socket;
    bool connected = false;
    uint32_t missing = 0;  // bytes of a response
  };

  void open(size_t i) {
    Client& client = clients_[i];
    client = Client{};
    client.socket = begin_connect(peer_);
    // Level-triggered for what is sent without end; else an edge is enough: a request goes out when
    // the connection stands, and the next one when the last is answered.
    const uint32_t edge = plan_.exchange == Exchange::kBulk ? 0 : uint32_t{EPOLLET};
    poller_.add(client.socket.get(), EPOLLIN | EPOLLOUT | edge, i);
  }

  // Bytes in the socket's queue that the peer has not acknowledged.
  static uint64_t waiting(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? static_cast<uint64_t>(bytes) : 0;
  }

  void act(size_t i, uint32_t events) {
    Client& client = clients_[i];
    if (!client.connected) {
      if ((events & EPOLLOUT) == 0 || (events & EPOLLERR) != 0) return fail(i);
      client.connected = true;
      if (plan_.exchange != Exchange::kBulk && !ask(client)) return fail(i);
    }
    if (plan_.exchange == Exchange::kBulk) return push(i);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) take(i);
  }

  bool ask(Client& client) {
    client.missing = plan_.bytes;
    return ::send(client.socket.get(), out_.data(), out_.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(out_.size());
  }

  void push(size_t i) {
    const ssize_t sent =
        ::send(clients_[i].socket.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      result_.completed += static_cast<uint64_t>(sent);
    } else if (!not_yet()) {
      fail(i);
    }
  }

  // Until nothing is left to read, or all that was asked for is there.
  void take(size_t i) {
    Client& client = clients_[i];
    for (;;) {
      const ssize_t got = recv(client.socket.get(), in_.data(), in_.size(), 0);
      if (got < 0 && not_yet()) return;
      if (got < 0 || got > client.missing) return fail(i);
      if (got == 0) {  // the server has closed
        if (plan_.exchange != Exchange::kConnections || client.missing != 0) return fail(i);
        ++result_.completed;
        return open(i);
      }
      client.missing -= static_cast<uint32_t>(got);
      if (client.missing != 0 || plan_.exchange == Exchange::kConnections) continue;
      ++result_.completed;
      if (!ask(client)) return fail(i);
      return;  // what comes next is an edge of its own
    }
  }

  void fail(size_t i) {
    ++result_.failed;
    open(i);
  }

  LoadPlan plan_;
  sockaddr_in peer_;
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  std::vector<Client> clients_;
  Poller poller_;
  Loaded result_;
};

Loaded round_trips(const LoadPlan& plan) {
  const Descriptor socket = begin_connect(parse_endpoint(plan.target));
  set_blocking(socket.get(), true);
  std::vector<std::byte> bytes(plan.bytes);
  Loaded result;
  const Instant begin = now();
  const Instant end = begin + nanoseconds(static_cast<int64_t>(plan.seconds * 1e9));
  Instant asked = begin;
  while (asked < end) {
    if (::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      give_up("send()");
    }
    for (size_t missing = bytes.size(); missing != 0;) {
      const ssize_t got = recv(socket.get(), bytes.data(), missing, plan.spin ? MSG_DONTWAIT : 0);
      if (got < 0 && not_yet()) continue;
      if (got <= 0) give_up("recv()");
      missing -= static_cast<size_t>(got);
    }
    const Instant answered = now();
    result.round_trips.record(answered - asked);
    ++result.completed;
    asked = answered;
  }
  result.seconds = (asked - begin).seconds();
  return result;
}

}  // namespace

Loaded load(const LoadPlan& plan) {
  return plan.exchange == Exchange::kRoundTrips ? round_trips(plan) : Loader(plan).run();
}

}  // namespace millrace::bench
