// SPDX-License-Identifier: BSD-3-Clause
#include "lwip/stack.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/shard_pair.h"

namespace millrace::bench {
namespace {

constexpr uint16_t kPort = 80;
constexpr size_t kDataMax = 64;
constexpr std::array<std::byte, kDataMax> kData{};
// Slow ticks of lwIP: TIME-WAIT lasts two minutes.
constexpr int kTimeWaitTicks = 2 * TCP_MSL / TCP_SLOW_INTERVAL + 2;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "lwip_driver: %s\n", why.c_str());
  std::exit(1);
}

ip4_addr_t address_of(bool server) {
  return {__builtin_bswap32(server ? 0x0a000002u : 0x0a000001u)};
}

// Copied under another name, as one file is loaded once only.
void* load_copy(int number) {
  constexpr const char* kName = "liblwip.so.0";
  void* const original = dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (original == nullptr) give_up("liblwip0 is not installed; ./run setup bench does that");
  link_map* map = nullptr;
  if (dlinfo(original, RTLD_DI_LINKMAP, &map) != 0) give_up(dlerror());
  std::string path = std::filesystem::temp_directory_path() / "millrace-lwip-XXXXXX";
  const int file = mkstemp(path.data());
  if (file < 0) give_up("no temporary file can be made");
  close(file);
  std::error_code wrong;
  std::filesystem::copy_file(map->l_name, path, std::filesystem::copy_options::overwrite_existing,
                             wrong);
  void* const copy = wrong ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::filesystem::remove(path);
  if (copy == nullptr) give_up("copy " + std::to_string(number) + " of the library: " + path);
  return copy;
}

struct Library {
  void* handle;
  template <class Function>
  void find(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) give_up(std::string("lwIP has no ") + name);
  }
};

LwipStation& station(void* argument) { return *static_cast<LwipStation*>(argument); }

}  // namespace

Lwip::Lwip(int number) {
  const Library library{load_copy(number)};
  library.find(init, "lwip_init");
  library.find(netif_add, "netif_add");
  library.find(netif_set_up, "netif_set_up");
  library.find(netif_set_link_up, "netif_set_link_up");
  library.find(netif_set_default, "netif_set_default");
  library.find(ethernet_input, "ethernet_input");
  library.find(etharp_output, "etharp_output");
  library.find(pbuf_alloc, "pbuf_alloc");
  library.find(pbuf_take, "pbuf_take");
  library.find(pbuf_copy_partial, "pbuf_copy_partial");
  library.find(pbuf_ref, "pbuf_ref");
  library.find(pbuf_free, "pbuf_free");
  library.find(tcp_new, "tcp_new");
  library.find(tcp_bind, "tcp_bind");
  library.find(tcp_listen_with_backlog, "tcp_listen_with_backlog");
  library.find(tcp_connect, "tcp_connect");
  library.find(tcp_accept, "tcp_accept");
  library.find(tcp_arg, "tcp_arg");
  library.find(tcp_recv, "tcp_recv");
  library.find(tcp_recved, "tcp_recved");
  library.find(tcp_write, "tcp_write");
  library.find(tcp_output, "tcp_output");
  library.find(tcp_close, "tcp_close");
  library.find(tcp_abort, "tcp_abort");
  library.find(tcp_slowtmr, "tcp_slowtmr");
  init();
}

template <class Call>
void LwipStation::act(Call&& call) {
  if (!measured_) return call();
  millrace_bench_measured([](void* argument) { (*static_cast<Call*>(argument))(); }, &call);
}

LwipStation::LwipStation(int number, const LwipHabits& habits, bool server)
    : lwip_(number), habits_(habits), server_(server) {
  const ip4_addr_t address = address_of(server);
  const ip4_addr_t mask{__builtin_bswap32(0xff000000u)};
  const ip4_addr_t none{0};
  const auto set_up = [](netif* interface) -> err_t {
    LwipStation& own = station(interface->state);
    interface->hwaddr_len = 6;
    interface->hwaddr[0] = 2;
    interface->hwaddr[5] = own.server_ ? 2 : 1;
    interface->mtu = 1500;
    interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    interface->output = own.lwip_.etharp_output;
    // A driver: the frame is kept, and copied when nobody measures.
    interface->linkoutput = [](netif* through, pbuf* frame) -> err_t {
      LwipStation& self = station(through->state);
      self.lwip_.pbuf_ref(frame);
      self.sent_.push_back(frame);
      return ERR_OK;
    };
    return ERR_OK;
  };
  lwip_.netif_add(&interface_, &address, &mask, &none, this, set_up, lwip_.ethernet_input);
  lwip_.netif_set_default(&interface_);
  lwip_.netif_set_up(&interface_);
  lwip_.netif_set_link_up(&interface_);
  sent_.reserve(1024);
  open_.reserve(1024);
  if (!server) return;
  tcp_pcb* listener = lwip_.tcp_new();
  const ip_addr_t any = IPADDR4_INIT(0);
  if (lwip_.tcp_bind(listener, &any, kPort) != ERR_OK) give_up("tcp_bind()");
  listener = lwip_.tcp_listen_with_backlog(listener, 255);
  lwip_.tcp_arg(listener, this);
  lwip_.tcp_accept(listener, [](void* argument, tcp_pcb* made, err_t) -> err_t {
    station(argument).on_established(made);
    return ERR_OK;
  });
}

void LwipStation::receive(const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    pbuf* const packet = lwip_.pbuf_alloc(PBUF_RAW, static_cast<uint16_t>(frame.size()), PBUF_POOL);
    if (packet == nullptr) give_up("pbuf_alloc()");
    lwip_.pbuf_take(packet, frame.data(), static_cast<uint16_t>(frame.size()));
    act([&] { interface_.input(packet, &interface_); });
  }
}

std::vector<Frame> LwipStation::take() {
  std::vector<Frame> frames;
  for (pbuf* const packet : sent_) {
    Frame frame(packet->tot_len);
    lwip_.pbuf_copy_partial(packet, frame.data(), packet->tot_len, 0);
    lwip_.pbuf_free(packet);
    frames.push_back(std::move(frame));
  }
  sent_.clear();
  return frames;
}

void LwipStation::connect() {
  act([&] {
    tcp_pcb* const made = lwip_.tcp_new();
    lwip_.tcp_arg(made, this);
    const ip_addr_t peer = IPADDR4_INIT(address_of(true).addr);
    const err_t wrong =
        lwip_.tcp_connect(made, &peer, kPort, [](void* argument, tcp_pcb* connected, err_t) {
          station(argument).on_established(connected);
          return static_cast<err_t>(ERR_OK);
        });
    if (wrong != ERR_OK) give_up("tcp_connect()");
  });
}

void LwipStation::send(uint32_t bytes) {
  act([&] {
    for (tcp_pcb* const connection : open_) {
      lwip_.tcp_write(connection, kData.data(), static_cast<uint16_t>(bytes), 0);
      lwip_.tcp_output(connection);
    }
  });
}

void LwipStation::forget() {
  for (int i = 0; i < kTimeWaitTicks; ++i) lwip_.tcp_slowtmr();
}

void LwipStation::on_established(tcp_pcb* connection) {
  open_.push_back(connection);
  lwip_.tcp_arg(connection, this);
  lwip_.tcp_recv(connection, [](void* argument, tcp_pcb* from, pbuf* data, err_t) -> err_t {
    LwipStation& self = station(argument);
    if (data == nullptr) {
      self.on_peer_closed(from);
    } else {
      self.on_data(from, data);
    }
    return ERR_OK;
  });
  if (!server_ && habits_.request_bytes != 0) {
    lwip_.tcp_write(connection, kData.data(), static_cast<uint16_t>(habits_.request_bytes), 0);
  }
}

void LwipStation::on_data(tcp_pcb* connection, pbuf* data) {
  bytes_taken_ += data->tot_len;
  lwip_.tcp_recved(connection, data->tot_len);
  lwip_.pbuf_free(data);
  if (!server_ || habits_.response_bytes == 0) return;
  lwip_.tcp_write(connection, kData.data(), static_cast<uint16_t>(habits_.response_bytes), 0);
  if (habits_.server_closes) close(connection);
}

void LwipStation::on_peer_closed(tcp_pcb* connection) {
  if (!server_ || !habits_.server_closes) close(connection);
}

void LwipStation::close(tcp_pcb* connection) {
  std::erase(open_, connection);
  if (lwip_.tcp_close(connection) != ERR_OK) give_up("tcp_close()");
}

}  // namespace millrace::bench
