// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/exchange.h"

namespace millrace::runtime {

Exchange::Exchange(size_t workers, size_t givers, uint32_t lane_frames)
    : workers_(workers), givers_(givers), lanes_(givers * workers) {
  for (size_t i = 0; i < workers; ++i) mailboxes_.push_back(std::make_unique<Mailbox>());
  for (size_t from = 0; from < givers; ++from) {
    for (size_t to = 0; to < workers; ++to) {
      if (to != from) lanes_[from * workers + to] = std::make_unique<Lane>(lane_frames);
    }
  }
}

}  // namespace millrace::runtime
