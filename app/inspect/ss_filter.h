// SPDX-License-Identifier: BSD-3-Clause
// What `millrace ss` is asked to list, in the words of ss:
//
//     [state STATE]... [exclude STATE]... [CONDITION [and] CONDITION ...]
//     CONDITION: dst ADDRESS[/BITS][:PORT] | src ... | dport OP PORT | sport OP PORT
//     OP: = >= <= > <     PORT: 80 or :80
//
// Conditions are all to hold; there is no "or", "not" or "!=".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "millrace/listing.h"
#include "millrace/result.h"

namespace millrace::inspect {

// Unless a state is named: as ss does, neither listeners nor half-open entries nor TIME-WAIT.
inline constexpr uint32_t kUsualStates =
    ListFilter::kAllStates &
    ~(ListFilter::bit(State::kClosed) | ListFilter::bit(State::kListen) |
      ListFilter::bit(State::kSynReceived) | ListFilter::bit(State::kTimeWait));

// "LISTEN", "SYN-RECV", "ESTAB", "FIN-WAIT-1", ...: as ss writes them.
[[nodiscard]] std::string_view ss_name(State state);

// Each of `words` may be several, with spaces between. `states`: unless some are named.
// Errors: a word that was not expected; the message says what was.
[[nodiscard]] Result<ListFilter> parse_ss_filter(std::span<const std::string> words,
                                                 uint32_t states);

}  // namespace millrace::inspect
