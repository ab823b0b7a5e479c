// SPDX-License-Identifier: BSD-3-Clause
// What the kernel's TCP serves: each runs until `stop` is set by a signal.
#pragma once

#include <csignal>
#include <string>

namespace millrace::bench {

enum class Service {
  kEcho,        // the same bytes back, on any number of connections (epoll)
  kEchoCloses,  // the same, and closes behind the first answer
  kDiscard,     // reads and forgets
  kOneEcho,     // one connection at a time, by recv() and send() alone
};

struct ServerPlan {
  std::string local;  // "10.0.0.1:7"
  Service service = Service::kEcho;
  bool spin = false;  // kOneEcho: asks again and again instead of sleeping in recv()
};

void serve(const ServerPlan& plan, const volatile std::sig_atomic_t& stop);

}  // namespace millrace::bench
