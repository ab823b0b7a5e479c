// SPDX-License-Identifier: BSD-3-Clause
// A snapshot (snapshot.h) as text: for people as nstat writes it, for Prometheus as OpenMetrics.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace millrace::inspect {

// Lines "NAME  total  shard 0  shard 1 ...", the shards where there are several. Unless `zeros`,
// what is 0 everywhere is left out.
[[nodiscard]] std::string stats_text(const nlohmann::json& snapshot, bool zeros);

// millrace_tcp_active_opens_total{shard="0"} 17, ... and # EOF. Counters end in _total; drops are
// one family, millrace_drops_total, by reason.
[[nodiscard]] std::string open_metrics(const nlohmann::json& snapshot);

// "TcpExtTCPTimeouts" as "tcp_ext_tcp_timeouts".
[[nodiscard]] std::string snake_case(const std::string& name);

}  // namespace millrace::inspect
