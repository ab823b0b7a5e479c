// SPDX-License-Identifier: BSD-3-Clause
// What the services count.
#pragma once

#include <array>
#include <cstdint>

#include "cli/count.h"
#include "millrace/app.h"

namespace millrace::serve {

using cli::Count;

struct ServiceCounts {
  Count accepted;                              // connections
  Count open;                                  // of them, now
  std::array<Count, kCloseReasonCount> ended;  // of them, by CloseReason
  Count requests;                              // HTTP: answered with 200
  Count refused;                               // HTTP: answered with 4xx or 5xx
  Count bytes_in;                              // of application data
  Count bytes_out;                             // handed to the stack

  void on_established() {
    accepted.add();
    open.add();
  }
  // To another worker's services, and from them.
  void on_leave() { open.subtract(); }
  void on_arrive() { open.add(); }
  void on_closed(CloseReason reason) {
    open.subtract();
    ended[static_cast<size_t>(reason)].add();
  }
};

}  // namespace millrace::serve
