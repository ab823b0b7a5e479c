// SPDX-License-Identifier: BSD-3-Clause
// Segments of no connection: handed to whoever asked for them, and made for whoever sends them.
#include "millrace/raw.h"

#include "stack/impl.h"
#include "wire/build.h"

namespace millrace {

static_assert(kRawFin == wire::kFin && kRawSyn == wire::kSyn && kRawRst == wire::kRst &&
              kRawPsh == wire::kPsh && kRawAck == wire::kAck);
static_assert(RawSegment::kNoWindowShift == wire::kNoWindowShift);

void build_raw(TxFrame& frame, const RawPath& path, const RawSegment& s) {
  frame.payload_spans = 0;
  frame.payload_bytes = 0;
  wire::SegmentHeader header;
  header.seq = wire::SeqNum(s.seq);
  header.ack = wire::SeqNum(s.ack);
  header.window = s.window;
  header.flags = s.flags;
  header.has_timestamps = s.has_timestamps;
  header.sack_permitted = s.sack_permitted;
  header.window_shift = s.window_shift;
  header.mss = s.mss;
  header.ts_value = s.ts_value;
  header.ts_echo = s.ts_echo;
  wire::build_tcp(frame, {path.ethernet, path.vlan}, {.ttl = path.ttl}, s.key, header);
}

// Each call takes the entry it finds: what no connection refers to is forgotten in time.
Result<std::optional<RawPath>> Shard::Impl::raw_path(const IpAddress& peer,
                                                     const IpAddress& local) {
  const stack::Way* way = way_to(peer, local);
  if (way == nullptr) return no_route(peer);
  if (way->neighbor == kNil) return no_neighbor();
  const net::Neighbor& neighbor = neighbors_[way->neighbor];
  if (!neighbor.usable()) return std::optional<RawPath>{};
  return std::optional<RawPath>{{neighbor.ethernet.bytes, config_.interface.ttl, neighbor.vlan()}};
}

bool Shard::Impl::offer_raw(const wire::ParsedFrame& p) {
  if (raw_ == nullptr) return false;
  const wire::Segment& s = p.segment;
  return raw_->on_segment(*facade_, {.key = p.key,
                                     .seq = s.seq.raw(),
                                     .ack = s.ack.raw(),
                                     .window = s.window,
                                     .flags = static_cast<uint8_t>(s.flags),
                                     .window_shift = s.window_shift,
                                     .mss = s.mss,
                                     .sack_permitted = s.sack_permitted,
                                     .has_timestamps = s.has_timestamps,
                                     .ts_value = s.ts_value,
                                     .ts_echo = s.ts_echo});
}

// Behind what the shard itself had to say.
size_t Shard::Impl::transmit_raw(std::span<TxFrame> out) {
  if (out.empty()) return 0;
  const size_t filled = raw_->transmit(*facade_, out);
  counters_.add(Counter::kTcpOutSegs, filled);
  count_out(out.first(filled));
  return filled;
}

Result<std::optional<RawPath>> Shard::raw_path(const IpAddress& peer, const IpAddress& local) {
  return impl_->raw_path(peer, local);
}
void Shard::set_raw_handler(RawHandler* handler) { impl_->raw_ = handler; }

}  // namespace millrace
