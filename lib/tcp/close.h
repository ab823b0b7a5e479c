// SPDX-License-Identifier: BSD-3-Clause
// Closing: the application's CLOSE, the acknowledgement of our FIN, the peer's FIN, and the states
// that these lead to (RFC 9293 sections 3.6 and 3.10.4, figure 5).
//
//   ESTABLISHED --close--> FIN-WAIT-1 --FIN acked--> FIN-WAIT-2 --FIN--> TIME-WAIT
//        |                     |  \--FIN--> CLOSING --FIN acked--------> TIME-WAIT
//        |                     \--FIN and FIN acked--------------------> TIME-WAIT
//        \--FIN--> CLOSE-WAIT --close--> LAST-ACK --FIN acked--> CLOSED
#pragma once

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"

namespace millrace::tcp {

// CLOSE. Requires: nothing; a second CLOSE does nothing. Returns true when the flush has work.
bool close_sending(Connection& c, Context& ctx);

// The application will not read any more; see Shard::close(). Bytes that it has not read are the
// caller's to look at.
void stop_reading(Connection& c, const Context& ctx);

void on_fin_acknowledged(Connection& c, Context& ctx, Effects& fx);
void on_peer_fin(Connection& c, Effects& fx);

}  // namespace millrace::tcp
