// SPDX-License-Identifier: BSD-3-Clause
// A ladder for people: two columns of states and the arrows between them, 100 columns wide at most.
//
//        time  10.0.0.1:1024 (client)                                        10.0.0.2:80 (server)
//              CLOSED                                                                  LISTEN
//       0.000  SYN-SENT     --- [S] seq 0 win 65535 --------------------------> SYN-RECEIVED
//                               <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>
//
// A row names the states that it leaves behind; those before stand in the row above. Flags are
// tcpdump's letters, numbers count from each side's SYN.
#pragma once

#include <string>

#include "trace/ladder.h"

namespace millrace::trace {

// What says more of each row.
enum class Detail : uint8_t { kRows, kExplained };

[[nodiscard]] std::string heading_text(const Ladder& ladder);
[[nodiscard]] std::string row_text(const Ladder& ladder, const Row& row, const Row* before,
                                   Detail detail);
// All of it.
[[nodiscard]] std::string ladder_text(const Ladder& ladder, Detail detail);
// "[P.] seq 1:65 ack 1 win 512"
[[nodiscard]] std::string segment_text(const Row& row);
// "mss 1460,sackOK,TS val 1 ecr 0,wscale 7"; empty without options.
[[nodiscard]] std::string options_text(const Row& row);

}  // namespace millrace::trace
