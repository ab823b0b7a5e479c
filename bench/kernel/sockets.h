// SPDX-License-Identifier: BSD-3-Clause
// The kernel's TCP as an application uses it: what both ends of kernel_peer need.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <utility>

namespace millrace::bench {

// A file descriptor, closed at the end of its life.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();

  [[nodiscard]] int get() const { return value_; }
  [[nodiscard]] bool valid() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

// Says why, by errno, and ends the process with status 1.
[[noreturn]] void give_up(const std::string& what);

// "10.0.0.1:7"; gives up on anything else.
sockaddr_in parse_endpoint(const std::string& text);

Descriptor listen_at(const sockaddr_in& local);
// Does not wait; gives up unless the connection is under way. Sends without Nagle's delay.
Descriptor begin_connect(const sockaddr_in& peer);
void set_no_delay(int socket);
void set_blocking(int socket, bool blocking);

// An epoll instance in which sockets are known by a number.
class Poller {
 public:
  Poller();
  void add(int socket, uint32_t events, uint64_t number);
  // Calls `on_event(number, events)` for what is ready; waits for that, but no longer than
  // `timeout_ms`.
  template <class OnEvent>
  void wait(int timeout_ms, OnEvent&& on_event) {
    const int count = fetch(timeout_ms);
    for (int i = 0; i < count; ++i) on_event(ready_[i].number, ready_[i].events);
  }

 private:
  static constexpr int kAtOnce = 256;
  struct Ready {
    uint64_t number;
    uint32_t events;
  };
  int fetch(int timeout_ms);

  Descriptor epoll_;
  Ready ready_[kAtOnce];
};

}  // namespace millrace::bench
