// SPDX-License-Identifier: BSD-3-Clause
// Two hosts and a wire between them that loses one frame, in virtual time.
#include <algorithm>
#include <cstdio>

#include "millrace/host.h"

using namespace millrace;

std::unique_ptr<Host> host_at(uint8_t number) {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, number}};
  config.interface.addresses = {{IpAddress::v4(0x0a000000u + number), 24}};
  config.connections_max = config.half_open_max = config.time_wait_max = 16;
  config.small_blocks_max = config.large_blocks_max = config.flight_runs_max = 1024;
  config.seed = number;
  return std::move(Host::create(config).value());
}

int main() {
  const auto client = host_at(1), server = host_at(2);
  const auto listener = server->listen({IpAddress{}, 80}).value();
  const auto connection = client->connect({IpAddress::v4(0x0a000002), 80}).value();
  std::optional<ConnectionId> accepted;
  size_t received = 0;
  int full_frames = 0;
  while (received < 3000) {
    const auto frames = client->collect(), answers = server->collect();
    for (const auto& frame : frames) {
      const bool lost = frame.size() == 1514 && ++full_frames == 1;
      std::printf("%3ld ms %5zu bytes%s\n", client->now().ns / 1'000'000, frame.size(),
                  lost ? ", lost" : "");
      if (!lost) server->inject(frame);
    }
    for (const auto& frame : answers) client->inject(frame);
    if (!accepted && (accepted = server->accept(listener))) {
      client->send(connection, std::vector<std::byte>(3000));
    }
    if (accepted) received += server->receive(*accepted).size();
    if (!frames.empty() || !answers.empty()) continue;
    const Instant next = std::min(client->next_deadline(), server->next_deadline());
    if (next == Instant::never()) return 1;
    client->set_time(next);
    server->set_time(next);
  }
  const TcpInfo info = *client->info(connection);
  std::printf("3000 bytes have come; %u sent again, cwnd %u\n", info.total_retrans, info.snd_cwnd);
  return info.total_retrans == 1 ? 0 : 1;
}
