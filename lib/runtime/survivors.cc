// SPDX-License-Identifier: BSD-3-Clause
#include "millrace/survivors.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "stack/survivors.h"

namespace millrace {

Result<std::vector<Survivor>> read_survivors(int file) {
  const auto failed = [](const char* what) {
    return Error{fmt::format("the connections that were left cannot be read ({}: {})", what,
                             std::strerror(errno))};
  };
  struct stat about = {};
  if (fstat(file, &about) != 0) return failed("fstat");
  constexpr auto kWhole = static_cast<off_t>(stack::kSurvivorBytes);
  std::vector<Survivor> survivors;
  std::array<std::byte, 256 * stack::kSurvivorBytes> some;
  // What was never written is no memory: it is skipped.
  for (off_t at = 0; at < about.st_size;) {
    const off_t data = lseek(file, at, SEEK_DATA);
    if (data == -1 && errno == ENXIO) break;
    if (data == -1) return failed("lseek");
    if (data > at) at = data - data % kWhole;
    const ssize_t bytes = pread(file, some.data(), some.size(), at);
    if (bytes < 0) return failed("pread");
    if (bytes < kWhole) break;
    stack::add_survivors(std::span(some).first(static_cast<size_t>(bytes)), survivors);
    at += bytes - bytes % kWhole;
  }
  return survivors;
}

}  // namespace millrace
