// SPDX-License-Identifier: BSD-3-Clause
#include "kernel/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "kernel/sockets.h"

namespace millrace::bench {
namespace {

constexpr size_t kBufferBytes = 65536;
constexpr int kLookMs = 100;  // how soon a signal is noticed
constexpr uint64_t kListener = UINT64_MAX;

class Server {
 public:
  explicit Server(const ServerPlan& plan)
      : plan_(plan), buffer_(kBufferBytes), listener_(listen_at(parse_endpoint(plan.local))) {
    poller_.add(listener_.get(), EPOLLIN, kListener);
  }

  void turn() {
    poller_.wait(kLookMs, [this](uint64_t number, uint32_t /*events*/) {
      if (number == kListener) {
        accept_all();
      } else {
        answer(static_cast<int>(number));
      }
    });
  }

 private:
  void accept_all() {
    for (;;) {
      Descriptor made(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!made.valid()) return;
      const int socket = made.get();
      set_no_delay(socket);
      if (static_cast<size_t>(socket) >= connections_.size()) {
        connections_.resize(static_cast<size_t>(socket) + 1);
      }
      connections_[static_cast<size_t>(socket)] = std::move(made);
      poller_.add(socket, EPOLLIN, static_cast<uint64_t>(socket));
    }
  }

  void answer(int socket) {
    const ssize_t got = recv(socket, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    bool over = got <= 0;
    if (!over && plan_.service != Service::kDiscard) {
      over = send(socket, buffer_.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got;
    }
    if (over || plan_.service == Service::kEchoCloses) {
      connections_[static_cast<size_t>(socket)] = Descriptor();
    }
  }

  ServerPlan plan_;
  std::vector<std::byte> buffer_;
  Poller poller_;
  Descriptor listener_;
  std::vector<Descriptor> connections_;  // by their own number
};

// Echoes until the peer closes.
void echo_one(int socket, bool spin, const volatile std::sig_atomic_t& stop) {
  std::vector<std::byte> buffer(kBufferBytes);
  while (stop == 0) {
    const ssize_t got = recv(socket, buffer.data(), buffer.size(), spin ? MSG_DONTWAIT : 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return;
    if (send(socket, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got) return;
  }
}

}  // namespace

void serve(const ServerPlan& plan, const volatile std::sig_atomic_t& stop) {
  if (plan.service != Service::kOneEcho) {
    Server server(plan);
    while (stop == 0) server.turn();
    return;
  }
  const Descriptor listener = listen_at(parse_endpoint(plan.local));
  Poller poller;
  poller.add(listener.get(), EPOLLIN, kListener);
  while (stop == 0) {
    poller.wait(kLookMs, [&](uint64_t, uint32_t) {
      const Descriptor made(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!made.valid()) return;
      set_no_delay(made.get());
      echo_one(made.get(), plan.spin, stop);
    });
  }
}

}  // namespace millrace::bench
