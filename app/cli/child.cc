// SPDX-License-Identifier: BSD-3-Clause
#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/signals.h"

extern char** environ;

namespace millrace::cli {

Result<TemporaryFolder> TemporaryFolder::create() {
  std::error_code error;
  std::string path = (std::filesystem::temp_directory_path(error) / "millrace-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr) {
    return Error{"there is no folder for temporary files; set TMPDIR"};
  }
  return TemporaryFolder(path);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

Result<Child> Child::start(const std::vector<std::string>& words, const std::string& folder,
                           const std::string& name) {
  const std::string files = folder + "/" + name;
  std::vector<std::string> owned = words;
  std::vector<char*> argv;
  std::string self = "millrace";
  argv.push_back(self.data());
  for (std::string& word : owned) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, (files + ".out").c_str(), kWrite, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (files + ".err").c_str(), kWrite, 0600);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return Error{fmt::format("a process cannot be started: {}", std::strerror(error))};
  }
  return Child(pid, files);
}

Child::~Child() {
  if (pid_ == 0 || status_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::optional<int> Child::poll() {
  if (status_) return status_;
  int status = 0;
  rusage usage = {};
  if (wait4(pid_, &status, WNOHANG, &usage) != pid_) return std::nullopt;
  peak_kib_ = usage.ru_maxrss;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

std::optional<int> Child::wait(Duration limit) {
  const Instant end = monotonic_now() + limit;
  while (!poll() && monotonic_now() < end) {
    if (usleep(5000) != 0 && errno == EINTR) break;
  }
  return poll();
}

void Child::send_signal(int number) const {
  if (pid_ != 0 && !status_) kill(pid_, number);
}

}  // namespace millrace::cli
