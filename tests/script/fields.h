// SPDX-License-Identifier: BSD-3-Clause
// The library's public structures, field by field and by name, so that a script can set any
// tunable and ask for any figure. A field that the library gains is one row in fields.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/config.h"
#include "millrace/counters.h"
#include "millrace/tcp_info.h"
#include "value.h"

namespace script {

// Sets one field. Returns what is wrong with the name or the text; nothing if all is well. Whether
// the value makes sense is for the library's validate() to say.
std::optional<std::string> set_field(millrace::ShardConfig& config, std::string_view name,
                                     std::string_view text);
std::optional<std::string> set_field(millrace::TcpOptions& options, std::string_view name,
                                     std::string_view text);

// One figure that can be asked for: where it is found, and how it is written.
struct InfoField {
  const char* name;
  Kind kind;
  int64_t (*read)(const millrace::TcpInfo& info);
};
struct UseField {
  const char* name;
  uint32_t millrace::ShardUse::*member;
};
const InfoField* find_info_field(std::string_view name);
const UseField* find_use_field(std::string_view name);
std::optional<millrace::Counter> find_counter(std::string_view name);

// What is in use although every connection has ended, as "3 small_blocks, 1 timers"; empty when
// nothing is. Neighbours and listeners may stay.
std::string left_in_use(const millrace::ShardUse& use);

}  // namespace script
