// SPDX-License-Identifier: BSD-3-Clause
#include "serve/ready_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace millrace::serve {
namespace {

Error cannot_write(const std::string& path, const char* why) {
  return Error{
      fmt::format("--ready-file \"{}\" cannot be written: {}; name a file in a folder that "
                  "you may write to",
                  path, why)};
}

}  // namespace

ReadyFile::~ReadyFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<void> ReadyFile::check(const std::string& path) {
  if (path.empty()) return {};
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (access(folder.c_str(), W_OK | X_OK) != 0) return cannot_write(path, std::strerror(errno));
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return cannot_write(path, "something else is there");
  }
  return {};
}

Result<void> ReadyFile::write(const std::string& path) {
  if (path.empty()) return {};
  const std::string unfinished = fmt::format("{}.{}", path, getpid());
  std::FILE* file = std::fopen(unfinished.c_str(), "wxe");
  if (file == nullptr) return cannot_write(path, std::strerror(errno));
  fmt::print(file, "{}\n", getpid());
  if (std::fclose(file) != 0 || rename(unfinished.c_str(), path.c_str()) != 0) {
    const int why = errno;
    unlink(unfinished.c_str());
    return cannot_write(path, std::strerror(why));
  }
  path_ = path;
  return {};
}

}  // namespace millrace::serve
