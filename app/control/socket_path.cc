// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket_path.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/values.h"

namespace millrace::control {
namespace {

constexpr std::string_view kEnding = ".sock";

}  // namespace

std::string default_folder() {
  if (geteuid() == 0) return "/run/millrace";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/') return fmt::format("{}/millrace", runtime);
  return fmt::format("/tmp/millrace-{}", geteuid());
}

Result<void> prepare_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{fmt::format("the folder {} cannot be made: {}", folder, std::strerror(errno))};
  }
  // Whoever could enter it, or has put a link in its place, could listen in our name.
  struct stat about = {};
  if (lstat(folder.c_str(), &about) != 0) {
    return Error{fmt::format("the folder {} cannot be read: {}", folder, std::strerror(errno))};
  }
  if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 0077) != 0) {
    return Error{
        fmt::format("{} is not a folder that is ours alone: remove it, or chmod 700 it", folder)};
  }
  return {};
}

std::string socket_in(const std::string& folder, int pid) {
  return fmt::format("{}/{}{}", folder, pid, kEnding);
}

std::vector<int> pids_in(const std::string& folder) {
  std::vector<int> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(kEnding)) continue;
    const auto pid = cli::parse_number(std::string_view(name).substr(0, name.size() - 5));
    if (pid && *pid != 0 && *pid < 1u << 30) pids.push_back(static_cast<int>(*pid));
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace millrace::control
