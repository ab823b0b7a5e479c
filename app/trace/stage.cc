// SPDX-License-Identifier: BSD-3-Clause
#include "trace/stage.h"

#include <algorithm>
#include <utility>

namespace millrace::trace {
namespace {

IpAddress address_of(Side side) {
  return IpAddress::v4(side == Side::kLeft ? 0x0a000001 : 0x0a000002);
}

constexpr uint16_t port_of(Side side) { return side == Side::kLeft ? 40000 : 80; }

Endpoint endpoint_of(Side side) { return {address_of(side), port_of(side)}; }

}  // namespace

// --- One of the two
// -------------------------------------------------------------------------------

Stage::Actor::Actor(Side side, const Scenery& scenery) {
  const uint8_t number = side == Side::kLeft ? 1 : 2;
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, number}};
  config.interface.addresses = {{address_of(side), 24}};
  config.connections_max = config.half_open_max = config.time_wait_max = 16;
  config.fast_open_cookies_max = 16;
  config.small_blocks_max = config.large_blocks_max = config.flight_runs_max = 256;
  config.fragmented_max = config.fragmented_per_source_max = 1;
  config.syn_cookies = scenery.syn_cookies;
  config.seed = number;
  shard = std::move(Shard::create(config, Instant{}).value());
}

std::vector<std::vector<std::byte>> Stage::Actor::collect(Instant now) {
  std::vector<std::vector<std::byte>> out;
  std::array<TxFrame, 16> described;
  shard->advance(now);
  while (const size_t n = shard->transmit(now, described)) {
    for (const TxFrame& frame : std::span(described).first(n)) {
      write_frame(frame, out.emplace_back(frame.total_bytes()));
    }
  }
  return out;
}

void Stage::Actor::hear(Instant now, std::span<const std::byte> frame) {
  const RxFrame received{.data = frame.data(), .length = static_cast<uint32_t>(frame.size())};
  shard->receive(now, {&received, 1});
}

// A half-open entry and a TIME-WAIT record are no connections: the shard counts them.
State Stage::Actor::look() const {
  if (const auto info = shard->info(connection)) return info->state;
  const ShardUse use = shard->use();
  if (use.time_wait != 0) return State::kTimeWait;
  if (use.half_open != 0) return State::kSynReceived;
  return listening ? State::kListen : State::kClosed;
}

void Stage::Actor::on_established(Shard&, ConnectionRef established) {
  connection = established.id;
  listening = false;
}

// --- What the applications do
// ---------------------------------------------------------------------

Stage::Stage(const Scenery& scenery)
    : scenery_(scenery), left_(Side::kLeft, scenery), right_(Side::kRight, scenery) {
  settle();  // both say who they are
}

void Stage::listen() {
  const auto listener = right_.shard->listen({IpAddress{}, port_of(Side::kRight)}, right_,
                                             scenery_.options[index(Side::kRight)]);
  right_.listening = listener.ok();
  right_.seen = right_.look();
}

void Stage::connect(Side side) {
  actor(side).connection = actor(side)
                               .shard
                               ->connect(endpoint_of(other(side)), actor(side), 0,
                                         scenery_.options[index(side)], endpoint_of(side))
                               .value();
  collect(side);
}

void Stage::send(Side side, size_t bytes) {
  actor(side).shard->send(actor(side).connection, std::vector<std::byte>(bytes));
  collect(side);
}

void Stage::shutdown(Side side) {
  actor(side).shard->shutdown(actor(side).connection);
  collect(side);
}

void Stage::abort(Side side) {
  actor(side).shard->abort(actor(side).connection);
  collect(side);
}

// --- Time
// -----------------------------------------------------------------------------------------

// What happens next: a timer, or an arrival.
bool Stage::step() {
  Instant next = std::min(left_.shard->next_deadline(), right_.shard->next_deadline());
  if (!flying_.empty()) next = std::min(next, flying_.front().arrives);
  if (next == Instant::never()) return false;
  now_ = std::max(now_, next);
  for (const Side side : {Side::kLeft, Side::kRight}) collect(side);
  while (!flying_.empty() && flying_.front().arrives <= now_) {
    const Flying first = std::move(flying_.front());
    flying_.pop_front();
    deliver(first);
  }
  return true;
}

void Stage::settle() {
  for (const Side side : {Side::kLeft, Side::kRight}) collect(side);
  while (!flying_.empty()) step();
}

void Stage::wait() {
  const size_t before = happened_.size();
  while (happened_.size() == before && step()) {
  }
  settle();
}

// --- What is seen
// ---------------------------------------------------------------------------------

void Stage::note(Event event) {
  for (const Side side : {Side::kLeft, Side::kRight}) {
    const State now = actor(side).look();
    event.row.ends[index(side)] = {std::exchange(actor(side).seen, now), now};
  }
  event.row.time = now_ - Instant{};
  happened_.push_back(std::move(event));
}

// Puts on the wire what a host has to send, and sees whether it changed by itself.
void Stage::collect(Side side) {
  for (std::vector<std::byte>& frame : actor(side).collect(now_)) {
    const std::optional<Segment> segment = read_segment(frame, Link::kEthernet);
    if (!segment) {  // ARP, which takes no time here
      actor(other(side)).hear(now_, frame);
      collect(other(side));
      continue;
    }
    Event departure;
    Row& row = departure.row;
    row.from = side;
    row.segment = *segment;
    row.place = sequence_.place(side, *segment);
    for (size_t i = 0; i < segment->options.sack_count; ++i) {
      const SackRange& range = segment->options.sack[i];
      row.sack[i] = {sequence_.relative(other(side), range.begin),
                     sequence_.relative(other(side), range.end)};
    }
    uint32_t& losing = losing_[index(side)];
    row.way = losing != 0 ? Way::kLost : Way::kSent;
    if (losing != 0 && losing != kAlways) --losing;
    note(departure);
    if (row.way == Way::kSent) {
      flying_.push_back({now_ + kOneWay, side, happened_.size() - 1, std::move(frame)});
    }
  }
  if (actor(side).look() != actor(side).seen) {
    Event change;
    change.row.way = Way::kNothing;
    change.row.from = side;
    note(change);
  }
}

void Stage::deliver(const Flying& flying) {
  const Side to = other(flying.from);
  actor(to).hear(now_, flying.frame);
  Event arrival;
  arrival.row = happened_[flying.departure].row;
  arrival.row.way = Way::kArrived;
  arrival.departure = flying.departure;
  note(arrival);
  collect(to);
}

// Whether something went the other way, or an end changed by itself, between the two.
bool Stage::crossed(size_t departure, size_t arrival) const {
  for (size_t i = departure + 1; i < arrival; ++i) {
    const Row& row = happened_[i].row;
    if (row.way == Way::kNothing || row.from != happened_[departure].row.from) return true;
  }
  return false;
}

Ladder Stage::ladder(const std::array<std::string, 2>& names) const {
  Ladder out;
  out.names = names;
  out.ends = {endpoint_of(Side::kLeft), endpoint_of(Side::kRight)};
  std::vector<std::optional<size_t>> row_of(happened_.size());
  for (size_t i = 0; i < happened_.size(); ++i) {
    const Event& event = happened_[i];
    if (event.departure && !crossed(*event.departure, i)) {
      Row& row = out.rows[*row_of[*event.departure]];
      row.way = Way::kWhole;
      const size_t receiver = index(other(row.from));
      row.ends[receiver] = {row.ends[receiver].before, event.row.ends[receiver].after};
      continue;
    }
    row_of[i] = out.rows.size();
    out.rows.push_back(event.row);
    out.rows.back().time = event.row.time - happened_.front().row.time;
  }
  return out;
}

}  // namespace millrace::trace
