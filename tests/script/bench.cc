// SPDX-License-Identifier: BSD-3-Clause
#include "bench.h"

#include <algorithm>
#include <array>

namespace script {

using millrace::CloseReason;
using millrace::ConnectionRef;
using millrace::Instant;
using millrace::Result;
using millrace::RxFrame;
using millrace::Shard;
using millrace::TxFrame;

Result<std::unique_ptr<Bench>> Bench::create(const millrace::ShardConfig& config, Instant start) {
  Result<std::unique_ptr<Shard>> shard = Shard::create(config, start);
  if (!shard) return shard.error();
  std::unique_ptr<Bench> bench(new Bench);
  bench->start_ = start;
  bench->shard_ = std::move(*shard);
  bench->turn();
  return bench;
}

// --- Frames and time ----------------------------------------------------------------------------

void Bench::turn(std::span<const Bytes> burst) {
  // One reading of the clock for the whole turn.
  const Instant now = shard_->now();
  std::vector<RxFrame> frames;
  for (const Bytes& bytes : burst) {
    frames.push_back({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())});
  }
  shard_->receive(now, frames);
  shard_->advance(now);
  std::array<TxFrame, 16> out;
  while (const size_t count = shard_->transmit(now, out)) {
    for (const TxFrame& frame : std::span(out).first(count)) {
      // The payload still lies in the shard: it is copied before the next call on it.
      Bytes bytes(frame.total_bytes());
      write_frame(frame, bytes);
      take(bytes);
    }
  }
  if (replies_.empty()) return;
  const std::vector<Bytes> replies = std::exchange(replies_, {});
  turn(replies);
}

void Bench::step(Instant limit) {
  Instant next = std::max(shard_->next_deadline(), now());
  // A shard that is short of something may be due at once, again and again.
  idle_steps_ = next == now() ? idle_steps_ + 1 : 0;
  if (idle_steps_ > 4) next = next + millrace::milliseconds(1);
  shard_->advance(std::min(next, limit));
  turn();
}

void Bench::take(std::span<const std::byte> frame) {
  const Decoded decoded = decode(frame);
  if (!decoded.problem.empty()) {
    problem_ = "the host sent a bad frame: " + decoded.problem;
  } else if (decoded.arp) {
    const Arp& arp = *decoded.arp;
    if (arp.operation != 1 || arp.target_ip != kPeerIp) return;
    replies_.push_back(
        encode(Arp{2, kPeerMac, arp.sender_mac, kPeerIp, arp.sender_ip}, arp.sender_mac));
  } else {
    const Segment& s = *decoded.segment;
    if (s.source_mac != kLocalMac || s.destination_mac != kPeerMac || s.source_ip != kLocalIp ||
        s.destination_ip != kPeerIp) {
      problem_ = "the host sent a segment from or to a wrong address";
    }
    learn(flow(s.destination_port, s.source_port), s);
    sent_.push_back({now(), s});
  }
}

void Bench::learn(Flow& flow, const Segment& s) {
  if ((s.flags & kSyn) != 0 && !flow.local_isn) {
    flow.local_isn = s.seq;
  }
  for (const Option& option : s.options) {
    if (option.kind != 8 || option.body.size() != 8) continue;
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | option.body[i];
    flow.ts_latest = value;
    if (!flow.ts_base) {
      flow.ts_base = value - static_cast<uint32_t>((now() - start_).milliseconds());
    }
  }
}

// --- Flows --------------------------------------------------------------------------------------

Flow& Bench::flow(uint16_t peer_port, uint16_t local_port) {
  for (Flow& flow : flows_) {
    if (flow.peer_port == peer_port && flow.local_port == local_port) return flow;
  }
  flows_.push_back({.peer_port = peer_port, .local_port = local_port});
  return flows_.back();
}

// 0 is what a listener's connections carry before somebody gives them a value.
uint64_t Bench::cookie_of(const Flow& flow) const {
  for (size_t i = 0; i < flows_.size(); ++i) {
    if (&flows_[i] == &flow) return i + 1;
  }
  return 0;
}

// Nothing for a connection that the flow has forgotten.
Flow* Bench::flow_of(ConnectionRef connection) {
  if (connection.cookie == 0 || connection.cookie > flows_.size()) return nullptr;
  Flow& flow = flows_[connection.cookie - 1];
  return flow.connection == connection.id ? &flow : nullptr;
}

void Bench::happened(ConnectionRef connection, std::string what) {
  if (Flow* flow = flow_of(connection)) flow->events.push_back({now(), std::move(what)});
}

// --- Events -------------------------------------------------------------------------------------

void Bench::on_established(Shard& shard, ConnectionRef connection) {
  if (connection.cookie == 0) {
    const auto info = shard.info(connection.id);
    Flow& accepted = flow(info->key.peer_port, info->key.local_port);
    accepted.connection = connection.id;
    accepted.waits_for_accept = true;
    connection.cookie = cookie_of(accepted);
    shard.set_cookie(connection.id, connection.cookie);
  }
  happened(connection, "established");
}

size_t Bench::on_data(Shard&, ConnectionRef connection, std::span<const std::byte> data) {
  Flow* flow = flow_of(connection);
  if (flow == nullptr) return data.size();
  const size_t taken =
      flow->reading ? data.size() : std::min(static_cast<size_t>(flow->wanted), data.size());
  for (size_t i = 0; i < taken; ++i) {
    if (data[i] == peer_byte(flow->bytes_received + i)) continue;
    problem_ = "byte " + std::to_string(flow->bytes_received + i) +
               " of the received stream is not what the peer sent";
    break;
  }
  flow->bytes_received += taken;
  flow->wanted -= std::min<uint64_t>(flow->wanted, taken);
  return taken;
}

void Bench::on_writable(Shard&, ConnectionRef connection) { happened(connection, "writable"); }

// Unlike the default, this one leaves our side open: the script says when it closes.
void Bench::on_peer_closed(Shard&, ConnectionRef connection) {
  happened(connection, "peer-closed");
}

void Bench::on_closed(Shard&, ConnectionRef connection, CloseReason reason) {
  happened(connection, "closed " + std::string(to_string(reason)));
}

}  // namespace script
