// SPDX-License-Identifier: BSD-3-Clause
#include "kernel/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace millrace::bench {
namespace {

constexpr int kBacklog = 4096;

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Descriptor stream_socket(int flags) {
  Descriptor made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!made.valid()) give_up("socket()");
  return made;
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

void give_up(const std::string& what) {
  std::fprintf(stderr, "kernel_peer: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

sockaddr_in parse_endpoint(const std::string& text) {
  const size_t colon = text.find(':');
  sockaddr_in endpoint{};
  endpoint.sin_family = AF_INET;
  uint16_t port = 0;
  errno = EINVAL;
  const char* const end = text.data() + text.size();
  if (colon == std::string::npos ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &endpoint.sin_addr) != 1 ||
      std::from_chars(text.data() + colon + 1, end, port).ptr != end) {
    give_up("an address and a port are wanted, not " + text);
  }
  endpoint.sin_port = htons(port);
  return endpoint;
}

Descriptor listen_at(const sockaddr_in& local) {
  Descriptor listener = stream_socket(SOCK_NONBLOCK);
  const int one = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener.get(), generic(local), sizeof local) != 0) give_up("bind()");
  if (listen(listener.get(), kBacklog) != 0) give_up("listen()");
  return listener;
}

Descriptor begin_connect(const sockaddr_in& peer) {
  Descriptor made = stream_socket(SOCK_NONBLOCK);
  set_no_delay(made.get());
  if (connect(made.get(), generic(peer), sizeof peer) != 0 && errno != EINPROGRESS) {
    give_up("connect()");
  }
  return made;
}

void set_no_delay(int socket) {
  const int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void set_blocking(int socket, bool blocking) {
  const int flags = fcntl(socket, F_GETFL);
  fcntl(socket, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) give_up("epoll_create1()");
}

void Poller::add(int socket, uint32_t events, uint64_t number) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = number;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) != 0) give_up("epoll_ctl()");
}

int Poller::fetch(int timeout_ms) {
  std::array<epoll_event, kAtOnce> events;
  const int count = epoll_wait(epoll_.get(), events.data(), kAtOnce, timeout_ms);
  if (count < 0 && errno != EINTR) give_up("epoll_wait()");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    ready_[i] = {event.data.u64, event.events};
  }
  return std::max(count, 0);
}

}  // namespace millrace::bench
