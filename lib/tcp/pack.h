// SPDX-License-Identifier: BSD-3-Clause
// A connection and all memory that hangs on it, as bytes: for another shard of this process, where
// it goes on. In: a connection. Out: one that is equal to it, in other memory.
//
//     connection | its Ace and Autotune | send queue | inbox: unread, ahead of a gap | sender, runs
//
// Must hold: nothing but indices differs afterwards. Deadlines are points in time, which is the
// same everywhere, so no timer has to be translated, only armed anew. What an index says to others
// than TCP (neighbour, profile, application, the lists of a flush) is for the caller to set.
#pragma once

#include "millrace/parcel.h"
#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

void pack(const Connection& c, const Context& ctx, Parcel& parcel);

// Requires: `c` is a slot of this shard's whose generation is its own already.
// False when there is no memory for it, and `c` holds none then.
[[nodiscard]] bool unpack(Connection& c, Context& ctx, Parcel& parcel);

}  // namespace millrace::tcp
