// SPDX-License-Identifier: BSD-3-Clause
#include "control/client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "cli/values.h"
#include "control/socket_path.h"

namespace millrace::control {
namespace {

class Connection {
 public:
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // As errno has it; 0: it succeeded.
  int open(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    std::copy(path.begin(), path.end(), address.sun_path);
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* const to = reinterpret_cast<const sockaddr*>(&address);
    return fd_ >= 0 && connect(fd_, to, sizeof address) == 0 ? 0 : errno;
  }
  bool send_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0 && errno != EINTR) return false;
      text.remove_prefix(static_cast<size_t>(std::max<ssize_t>(n, 0)));
    }
    return true;
  }
  // False: nothing follows.
  bool receive(std::string& out) {
    char bytes[64 * 1024];
    while (true) {
      const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      out.append(bytes, static_cast<size_t>(n));
      return true;
    }
  }

 private:
  int fd_ = -1;
};

Error unreachable(const std::string& path, int why) {
  if (why == EACCES) {
    return Error{fmt::format("{} belongs to another user: ask as that user, or as root", path)};
  }
  return Error{
      fmt::format("no process listens on {} ({}): is it running?", path, std::strerror(why))};
}

// "3017 (serve memif:/tmp/m.sock,server)"
std::string describe(int pid, const nlohmann::json& about) {
  return fmt::format("{} ({} {})", pid, about.value("command", ""), about.value("device", ""));
}

}  // namespace

void add_target_options(CLI::App& command, Target& target) {
  cli::add_number(command, "--pid", target.pid, uint32_t{0}, uint32_t{1} << 30,
                  "of the process to ask; unless given, the one that runs");
  cli::add_text(command, "--socket", target.socket,
                "its control socket, where it was started with --control");
}

Result<std::string> find_socket(const Target& target) {
  if (!target.socket.empty()) return target.socket;
  const std::string folder = default_folder();
  if (target.pid != 0) return socket_in(folder, static_cast<int>(target.pid));
  std::vector<std::string> running;
  std::string path;
  for (const int pid : pids_in(folder)) {
    const std::string socket = socket_in(folder, pid);
    nlohmann::json about;
    const Result<void> asked =
        ask_process(socket, {{"verb", "about"}}, [&about](std::string_view line) {
          about = nlohmann::json::parse(line, nullptr, false);
          return true;
        });
    if (!asked || !about.is_object()) continue;
    running.push_back(describe(pid, about));
    path = socket;
  }
  if (running.size() == 1) return path;
  if (running.empty()) {
    return Error{fmt::format(
        "no process of ours runs that has a control socket in {}; start serve or load, or name "
        "its socket by --socket",
        folder)};
  }
  return Error{fmt::format("{} processes run; say which by --pid: {}", running.size(),
                           cli::one_of(running))};
}

Result<void> ask_process(const std::string& socket, const nlohmann::json& request,
                         const OnLine& on_line) {
  Connection connection;
  if (const int why = connection.open(socket); why != 0) return unreachable(socket, why);
  const std::string asked = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (!connection.send_all(asked + "\n")) return unreachable(socket, errno);
  std::string received;
  while (connection.receive(received)) {
    size_t begin = 0;
    for (size_t end = 0; (end = received.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string_view line = std::string_view(received).substr(begin, end - begin);
      if (line == R"({"end":true})") return {};
      if (line.starts_with(R"({"error":)")) {
        const auto said = nlohmann::json::parse(line, nullptr, false);
        return Error{said.is_object() && said["error"].is_string()
                         ? said["error"].get<std::string>()
                         : std::string(line)};
      }
      if (!on_line(line)) return {};
    }
    received.erase(0, begin);
  }
  return Error{fmt::format("the process behind {} ended in the middle of its answer", socket)};
}

}  // namespace millrace::control
