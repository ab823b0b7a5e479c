// SPDX-License-Identifier: BSD-3-Clause
// lwIP as Debian builds it, through its raw API: one thread, no operating system between. Its state
// is global, so each stack is a copy of the library of its own.
#pragma once

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <netif/ethernet.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::bench {

// The functions of one copy of the library.
struct Lwip {
  // `number` tells copies apart; gives up when there is no library.
  explicit Lwip(int number);
  Lwip(const Lwip&) = delete;
  Lwip& operator=(const Lwip&) = delete;

  decltype(&::lwip_init) init;
  decltype(&::netif_add) netif_add;
  decltype(&::netif_set_up) netif_set_up;
  decltype(&::netif_set_link_up) netif_set_link_up;
  decltype(&::netif_set_default) netif_set_default;
  decltype(&::ethernet_input) ethernet_input;
  decltype(&::etharp_output) etharp_output;
  decltype(&::pbuf_alloc) pbuf_alloc;
  decltype(&::pbuf_take) pbuf_take;
  decltype(&::pbuf_copy_partial) pbuf_copy_partial;
  decltype(&::pbuf_ref) pbuf_ref;
  decltype(&::pbuf_free) pbuf_free;
  decltype(&::tcp_new) tcp_new;
  decltype(&::tcp_bind) tcp_bind;
  decltype(&::tcp_listen_with_backlog) tcp_listen_with_backlog;
  decltype(&::tcp_connect) tcp_connect;
  decltype(&::tcp_accept) tcp_accept;
  decltype(&::tcp_arg) tcp_arg;
  decltype(&::tcp_recv) tcp_recv;
  decltype(&::tcp_recved) tcp_recved;
  decltype(&::tcp_write) tcp_write;
  decltype(&::tcp_output) tcp_output;
  decltype(&::tcp_close) tcp_close;
  decltype(&::tcp_abort) tcp_abort;
  decltype(&::tcp_slowtmr) tcp_slowtmr;
};

using Frame = std::vector<std::byte>;

// What the applications do with their connections, as Habits of shard_pair.h.
struct LwipHabits {
  uint32_t request_bytes = 0;
  uint32_t response_bytes = 0;
  bool server_closes = false;
};

// One end: a stack with its application. Calls that are measured go through
// millrace_bench_measured().
class LwipStation {
 public:
  LwipStation(int number, const LwipHabits& habits, bool server);

  void measure(bool on) { measured_ = on; }
  // Frames in; those that leave, while this or any other call is made, are for take().
  void receive(const std::vector<Frame>& frames);
  std::vector<Frame> take();
  void connect();
  void send(uint32_t bytes);  // on every connection that is established
  // Lets TIME-WAIT pass.
  void forget();

  [[nodiscard]] uint64_t bytes_taken() const { return bytes_taken_; }
  [[nodiscard]] size_t open() const { return open_.size(); }

 private:
  template <class Call>
  void act(Call&& call);
  void on_data(tcp_pcb* connection, pbuf* data);
  void on_established(tcp_pcb* connection);
  void on_peer_closed(tcp_pcb* connection);
  void close(tcp_pcb* connection);

  Lwip lwip_;
  LwipHabits habits_;
  bool server_;
  bool measured_ = false;
  netif interface_{};
  std::vector<pbuf*> sent_;
  std::vector<tcp_pcb*> open_;
  uint64_t bytes_taken_ = 0;
};

}  // namespace millrace::bench
