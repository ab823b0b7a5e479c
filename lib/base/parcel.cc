// SPDX-License-Identifier: BSD-3-Clause
#include "millrace/parcel.h"

#include "base/check.h"

namespace millrace {

std::span<const std::byte> Parcel::take_bytes(size_t bytes) {
  MR_ASSERT(bytes <= bytes_.size() - taken_);
  const std::span<const std::byte> taken =
      std::span<const std::byte>(bytes_).subspan(taken_, bytes);
  taken_ += bytes;
  return taken;
}

}  // namespace millrace
