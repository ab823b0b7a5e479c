// SPDX-License-Identifier: BSD-3-Clause
#include "load/probe.h"

#include <fmt/format.h>

namespace millrace::load {
namespace {

constexpr Duration kInterval = milliseconds(100);

// What a person can do about a target that does not answer.
std::string unreachable_text(const Endpoint& target, CloseReason reason) {
  const std::string name = target.to_string();
  const std::string why(to_string(reason));
  switch (reason) {
    case CloseReason::kRefused:
      return fmt::format("{} answers with RST ({}): nothing listens on that port", name, why);
    case CloseReason::kNeighborUnreachable:
      return fmt::format(
          "{} or its gateway does not answer on the link ({}): check the address, the "
          "network, and that the peer is up",
          name, why);
    case CloseReason::kUnreachable:
      return fmt::format("{} was reported unreachable by ICMP ({}): check port and routes", name,
                         why);
    default:
      return fmt::format("{} does not answer ({}): check that it is up and can be reached", name,
                         why);
  }
}

}  // namespace

Probe::State Probe::turn(Shard& shard, Sources* sources) {
  const Instant now = shard.now();
  if (!since_) since_ = now;
  if (established_) return State::kAnswered;
  const bool waited = now - *since_ >= timeout_;
  if (connection_ && waited) {  // the stack would repeat its SYN for minutes
    shard.abort(*connection_);
    error_ = unreachable_text(target_, ended_);  // as an earlier one has found
    return State::kGivenUp;
  }
  if (connection_ || now < next_) return State::kTrying;
  // RST is an answer: waiting would not change it.
  if (ended_ == CloseReason::kRefused || waited) {
    error_ = connect_error_.empty() ? unreachable_text(target_, ended_) : connect_error_;
    return State::kGivenUp;
  }
  const Result<ConnectionId> id = shard.connect(
      target_, *this, 0, tcp_, {sources != nullptr ? sources->next() : IpAddress{}, 0});
  next_ = now + kInterval;
  ++tries_;
  if (id) {
    connection_ = *id;
    connect_error_.clear();
  } else {
    connect_error_ = id.error().message;
  }
  return State::kTrying;
}

void Probe::on_established(Shard& shard, ConnectionRef connection) {
  established_ = true;
  shard.close(connection.id);
}

size_t Probe::on_data(Shard& /*shard*/, ConnectionRef /*connection*/,
                      std::span<const std::byte> data) {
  return data.size();
}

void Probe::on_closed(Shard& /*shard*/, ConnectionRef /*connection*/, CloseReason reason) {
  connection_.reset();
  ended_ = reason;
}

}  // namespace millrace::load
