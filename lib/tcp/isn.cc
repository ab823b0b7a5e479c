// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/isn.h"

#include "tcp/tuple_mac.h"

namespace millrace::tcp {

uint32_t isn_offset(const base::Aes128& secret, const FlowKey& key) {
  return static_cast<uint32_t>(tuple_mac(secret, key, 0).low);
}

}  // namespace millrace::tcp
