// SPDX-License-Identifier: BSD-3-Clause
#include "millrace/survivors.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tcp/connection.h"

namespace millrace {
namespace {

bool has_peer(const tcp::Connection& c) {
  const bool open =
      c.state == State::kSynSent || c.state == State::kSynReceived || tcp::is_open(c.state);
  return open && c.key.local_port != 0 && c.key.peer_port != 0 && !c.key.peer.is_unspecified() &&
         c.key.local.is_v4() == c.key.peer.is_v4();
}

}  // namespace

Result<std::vector<Survivor>> read_survivors(int file) {
  const auto failed = [](const char* what) {
    return Error{fmt::format("the connections that were left cannot be read ({}: {})", what,
                             std::strerror(errno))};
  };
  struct stat about = {};
  if (fstat(file, &about) != 0) return failed("fstat");
  std::vector<Survivor> survivors;
  std::array<tcp::Connection, 256> some;
  const auto whole = static_cast<off_t>(sizeof(tcp::Connection));
  // What was never written is no memory: it is skipped.
  for (off_t at = 0; at < about.st_size;) {
    const off_t data = lseek(file, at, SEEK_DATA);
    if (data == -1 && errno == ENXIO) break;
    if (data == -1) return failed("lseek");
    if (data > at) at = data - data % whole;
    const ssize_t bytes = pread(file, some.data(), sizeof some, at);
    if (bytes < 0) return failed("pread");
    const size_t count = static_cast<size_t>(bytes) / sizeof(tcp::Connection);
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i) {
      const tcp::Connection& c = some[i];
      if (has_peer(c)) survivors.push_back({c.key, c.state, c.snd_nxt.raw()});
    }
    at += static_cast<off_t>(count) * whole;
  }
  return survivors;
}

}  // namespace millrace
