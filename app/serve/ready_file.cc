// SPDX-License-Identifier: BSD-3-Clause
#include "serve/ready_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
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

// What such a file says; 0 when it is none.
pid_t pid_in(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  int pid = 0;
  char after = 0;
  const bool good = std::fscanf(file, "%9d%c", &pid, &after) == 2 && after == '\n' &&
                    std::fgetc(file) == EOF && pid > 0;
  std::fclose(file);
  return good ? pid : 0;
}

}  // namespace

ReadyFile::~ReadyFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<void> ReadyFile::prepare(const std::string& path) {
  if (path.empty()) return {};
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (access(folder.c_str(), W_OK | X_OK) != 0) return cannot_write(path, std::strerror(errno));
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return {};
  if (!S_ISREG(status.st_mode)) return cannot_write(path, "something else is there");
  const pid_t writer = pid_in(path);
  if (writer == 0) return cannot_write(path, "another file is there");
  if (writer != getpid() && (kill(writer, 0) == 0 || errno == EPERM)) {
    return Error{
        fmt::format("--ready-file \"{}\" is that of process {}, which runs; name another "
                    "file, or remove it if that is no millrace",
                    path, writer)};
  }
  unlink(path.c_str());
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
