// SPDX-License-Identifier: BSD-3-Clause
#include "nic/rx_interrupt.h"

#include <poll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::nic {
namespace {

// net_tap has nothing to arm: what can be waited on is the file that frames are read from.
bool worked(int error) { return error == 0 || error == -ENOTSUP; }

}  // namespace

RxInterrupt::~RxInterrupt() {
  if (epoll_ >= 0) close(epoll_);
}

bool RxInterrupt::usable() const {
  if (rte_eth_dev_rx_intr_ctl_q_get_fd(port_, queue_) < 0) return false;
  if (!worked(rte_eth_dev_rx_intr_enable(port_, queue_))) return false;
  rte_eth_dev_rx_intr_disable(port_, queue_);
  return true;
}

bool RxInterrupt::arm() {
  if (epoll_ < 0) epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (!added_) {
    added_ = epoll_ >= 0 &&
             rte_eth_dev_rx_intr_ctl_q(port_, queue_, epoll_, RTE_INTR_EVENT_ADD, nullptr) == 0;
  }
  return added_ && worked(rte_eth_dev_rx_intr_enable(port_, queue_));
}

void RxInterrupt::wait(Duration length) {
  // rte_epoll_wait() counts in milliseconds, so that it only takes the event back.
  pollfd file{.fd = epoll_, .events = POLLIN, .revents = 0};
  const timespec timeout{.tv_sec = length.ns / 1'000'000'000, .tv_nsec = length.ns % 1'000'000'000};
  if (ppoll(&file, 1, &timeout, nullptr) <= 0) return;
  rte_epoll_event event;
  rte_epoll_wait(epoll_, &event, 1, 0);
}

void RxInterrupt::disarm() { rte_eth_dev_rx_intr_disable(port_, queue_); }

void RxInterrupt::forget() {
  if (!added_) return;
  rte_eth_dev_rx_intr_ctl_q(port_, queue_, epoll_, RTE_INTR_EVENT_DEL, nullptr);
  added_ = false;
}

}  // namespace millrace::nic
