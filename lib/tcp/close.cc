// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/close.h"

namespace millrace::tcp {
namespace {

void start_fin_wait2_timer(Connection& c, const Context& ctx) {
  // Only an application that is gone may be cut short; a half-closed reader waits (RFC 9293 3.6).
  if (!c.has(kNoReader)) return;
  c.idle_deadline = ctx.tick + to_ticks(ctx.options(c).fin_wait2_timeout);
  c.set(kIdleArmed);
}

}  // namespace

bool close_sending(Connection& c, Context& ctx) {
  if (c.has(kFinQueued)) return false;
  switch (c.state) {
    case State::kSynReceived:  // FIN waits behind the handshake
    case State::kEstablished:
      c.set(kFinQueued);
      if (c.state != State::kEstablished) return true;
      c.state = State::kFinWait1;
      ctx.note(c, EventKind::kState);
      return true;
    case State::kCloseWait:
      c.set(kFinQueued);
      c.state = State::kLastAck;
      ctx.note(c, EventKind::kState);
      return true;
    case State::kSynSent:
      c.set(kFinQueued);
      return false;
    case State::kClosed:
    case State::kListen:
    case State::kFinWait1:
    case State::kFinWait2:
    case State::kClosing:
    case State::kLastAck:
    case State::kTimeWait:
      return false;
  }
  return false;
}

void stop_reading(Connection& c, const Context& ctx) {
  if (c.has(kNoReader)) return;
  c.set(kNoReader);
  if (c.state == State::kFinWait2) start_fin_wait2_timer(c, ctx);
}

void on_fin_acknowledged(Connection& c, Context& ctx, Effects& fx) {
  switch (c.state) {
    case State::kFinWait1:
      c.state = State::kFinWait2;
      ctx.note(c, EventKind::kState);
      start_fin_wait2_timer(c, ctx);
      return;
    case State::kClosing:
      fx.time_wait = true;
      return;
    case State::kLastAck:
      fx.closed = CloseReason::kNormal;
      return;
    case State::kClosed:
    case State::kListen:
    case State::kSynSent:
    case State::kSynReceived:
    case State::kEstablished:
    case State::kFinWait2:
    case State::kCloseWait:
    case State::kTimeWait:
      return;
  }
}

void on_peer_fin(Connection& c, Effects& fx) {
  switch (c.state) {
    case State::kSynReceived:
    case State::kEstablished:
      c.state = State::kCloseWait;
      return;
    case State::kFinWait1:
      // Our FIN is not acknowledged yet, or step 5 would have moved us to FIN-WAIT-2.
      c.state = State::kClosing;
      return;
    case State::kFinWait2:
      fx.time_wait = true;
      return;
    case State::kClosed:
    case State::kListen:
    case State::kSynSent:
    case State::kCloseWait:
    case State::kClosing:
    case State::kLastAck:
    case State::kTimeWait:
      return;
  }
}

}  // namespace millrace::tcp
