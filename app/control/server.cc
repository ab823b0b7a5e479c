// SPDX-License-Identifier: BSD-3-Clause
#include "control/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "cli/print.h"
#include "cli/signals.h"
#include "control/socket_path.h"

namespace millrace::control {
namespace {

constexpr int kWaitMs = 1;      // between looks at an answer that waits
constexpr int kRestMs = 1'000;  // between looks at timeouts

Error failed(const std::string& path, const std::string& why) {
  return Error{
      fmt::format("the control socket {} cannot be opened: {}; name another by --control, "
                  "or give --control off",
                  path, why)};
}

// Whether a process listens on the socket of that name.
bool is_alive(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return true;
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  const bool dead =
      connect(probe, to, sizeof address) != 0 && (errno == ECONNREFUSED || errno == ENOENT);
  close(probe);
  return !dead;
}

Result<int> listen_at(const std::string& path, size_t backlog) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failed(path, "its name is too long");
  std::copy(path.begin(), path.end(), address.sun_path);
  struct stat about = {};
  if (lstat(path.c_str(), &about) == 0) {
    if (!S_ISSOCK(about.st_mode)) return failed(path, "another file is there");
    if (is_alive(address)) return failed(path, "a process listens there");
    unlink(path.c_str());
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed(path, std::strerror(errno));
  // Nobody can connect before listen(), so nobody does with the mode that bind() gave it.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    if (chmod(path.c_str(), 0600) == 0 && listen(fd, static_cast<int>(backlog)) == 0) return fd;
    unlink(path.c_str());
  }
  const int why = errno;
  close(fd);
  return failed(path, std::strerror(why));
}

bool is_trusted(int fd) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

bool has_hung_up(int fd) {
  pollfd polled = {fd, 0, 0};
  return poll(&polled, 1, 0) > 0;
}

std::string error_line(const std::string& message) {
  return nlohmann::json{{"error", message}}.dump(-1, ' ', false,
                                                 nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(const std::string& path, Verbs verbs,
                                             const ServerLimits& limits) {
  const Result<int> listener = listen_at(path, limits.clients_max);
  if (!listener) return listener.error();
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) {
    const int why = errno;
    close(*listener);
    unlink(path.c_str());
    return failed(path, std::strerror(why));
  }
  return std::unique_ptr<Server>(new Server(path, *listener, wake, std::move(verbs), limits));
}

Server::Server(std::string path, int listener, int wake, Verbs verbs, const ServerLimits& limits)
    : path_(std::move(path)),
      listener_(listener),
      wake_(wake),
      verbs_(std::move(verbs)),
      limits_(limits) {
  // Signals are the main thread's, whose sleep they end.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Server::~Server() {
  stopping_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  static_cast<void>(!write(wake_, &one, sizeof one));
  thread_.join();
  for (const Client& client : clients_) close(client.fd);
  close(wake_);
  close(listener_);
  unlink(path_.c_str());
}

void Server::run() {
  pthread_setname_np(pthread_self(), "millrace-ctl");
  // Where there is no CPU to spare, workers have it.
  setpriority(PRIO_PROCESS, 0, 19);
  while (!stopping_.load(std::memory_order_acquire)) {
    wait();
    const Instant now = cli::monotonic_now();
    accept_clients(now);
    for (auto client = clients_.begin(); client != clients_.end();) {
      const auto next = std::next(client);
      if (!serve(*client, now)) {
        close(client->fd);
        clients_.erase(client);
      }
      client = next;
    }
  }
}

// Until there is something to do.
void Server::wait() {
  std::vector<pollfd> polled = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
  int timeout_ms = kRestMs;
  for (const Client& client : clients_) {
    const bool writes = client.sent < client.pending.size();
    const bool reads = client.answer == nullptr && !client.ending;
    const auto events = static_cast<short>(writes ? POLLOUT : reads ? POLLIN : 0);
    polled.push_back({client.fd, events, 0});
    if (writes || reads) continue;
    timeout_ms = client.waiting ? std::min(timeout_ms, kWaitMs) : 0;
  }
  // A full house looks at the door only now and then: whether somebody has stalled.
  if (clients_.size() >= limits_.clients_max) {
    polled[1].fd = -1;
    timeout_ms = std::min(timeout_ms, 100);
  }
  poll(polled.data(), polled.size(), timeout_ms);
}

void Server::accept_clients(Instant now) {
  while (clients_.size() < limits_.clients_max || make_room(now)) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (!is_trusted(fd)) {
      close(fd);
      continue;
    }
    Client& client = clients_.emplace_back();
    client.fd = fd;
    client.last_progress = now;
  }
}

// Drops who has stalled for longest, if somebody waits for the place.
bool Server::make_room(Instant now) {
  const auto stalled = std::min_element(
      clients_.begin(), clients_.end(),
      [](const Client& a, const Client& b) { return a.last_progress < b.last_progress; });
  if (now - stalled->last_progress < limits_.stalled_after) return false;
  pollfd door = {listener_, POLLIN, 0};
  if (poll(&door, 1, 0) <= 0) return false;
  close(stalled->fd);
  clients_.erase(stalled);
  return true;
}

// False: it is over.
bool Server::serve(Client& client, Instant now) {
  if (client.answer == nullptr && !client.ending) {
    if (!read_request(client, now)) return false;
    if (client.answer == nullptr && !client.ending) return true;
  }
  if (!write_pending(client, now)) return false;
  if (client.sent < client.pending.size()) return true;
  if (client.ending) return false;
  pull(client);
  if (client.waiting) {
    client.last_progress = now;
    return !has_hung_up(client.fd);
  }
  return write_pending(client, now);
}

bool Server::read_request(Client& client, Instant now) {
  char bytes[1024];
  while (true) {
    const ssize_t n = recv(client.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0) return false;
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return false;
      return now - client.last_progress < limits_.request_timeout;
    }
    client.request.append(bytes, static_cast<size_t>(n));
    const size_t end = client.request.find('\n');
    if (std::min(end, client.request.size()) > limits_.request_bytes_max) {
      client.pending =
          error_line(fmt::format("a request has {} bytes at most", limits_.request_bytes_max));
      client.ending = true;
      return true;
    }
    if (end == std::string::npos) continue;
    client.request.resize(end);
    client.last_progress = now;
    begin_answer(client);
    return true;
  }
}

void Server::begin_answer(Client& client) {
  Result<std::unique_ptr<Answer>> answer = ask(verbs_, client.request);
  client.request = {};
  if (answer) {
    client.answer = std::move(*answer);
    return;
  }
  client.pending = error_line(answer.error().message);
  client.ending = true;
}

// Requires: nothing is pending.
void Server::pull(Client& client) {
  client.pending.clear();
  client.sent = 0;
  client.waiting = false;
  while (client.pending.size() < limits_.pending_bytes) {
    const Result<Answer::Step> step = client.answer->next(client.pending);
    if (step && *step == Answer::Step::kMore) continue;
    if (step && *step == Answer::Step::kWait) {
      client.waiting = client.pending.empty();
      return;
    }
    client.pending += step ? "{\"end\":true}\n" : error_line(step.error().message);
    client.answer.reset();
    client.ending = true;
    return;
  }
}

bool Server::write_pending(Client& client, Instant now) {
  while (client.sent < client.pending.size()) {
    const ssize_t n = send(client.fd, client.pending.data() + client.sent,
                           client.pending.size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      client.sent += static_cast<size_t>(n);
      client.last_progress = now;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return false;
    return now - client.last_progress < limits_.reading_timeout;
  }
  return true;
}

Result<std::unique_ptr<Server>> open_control(const std::string& path, Verbs verbs) {
  if (path == "off") return std::unique_ptr<Server>();
  if (!path.empty()) return Server::open(path, std::move(verbs));
  const std::string folder = default_folder();
  Result<void> prepared = prepare_folder(folder);
  if (prepared) {
    // What processes have left that were killed.
    for (const int pid : pids_in(folder)) {
      if (kill(pid, 0) != 0 && errno == ESRCH) unlink(socket_in(folder, pid).c_str());
    }
    auto server = Server::open(socket_in(folder, getpid()), std::move(verbs));
    if (server) return server;
    prepared = server.error();
  }
  cli::complain(
      fmt::format("millrace: there is no control socket: {}\n", prepared.error().message));
  return std::unique_ptr<Server>();
}

}  // namespace millrace::control
