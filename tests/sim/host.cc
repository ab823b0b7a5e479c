// SPDX-License-Identifier: BSD-3-Clause
#include "host.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "packet.h"
#include "support/family.h"
#include "world.h"

namespace millrace::sim {
namespace {

constexpr size_t kFramesPerTurnMax = 100'000;  // a turn that sends more never ends
// A frame that is dropped: of nobody's ethertype.
const std::vector<std::byte> kNothing(60, std::byte{0x02});
constexpr Duration kSoon = microseconds(20);  // the next turn of a loop that has more to do

}  // namespace

SimHost::SimHost(World& world, size_t index, const HostPlan& plan, Random random)
    : world_(world), index_(index), plan_(plan), v6_(test::plays_ipv6()), random_(random) {
  ShardConfig config = plan.shard;
  if (v6_) test::to_v6(config.interface);
  if (config.sharding.count > 1) steering_.emplace(config.sharding);
  for (uint16_t n = 0; n < config.sharding.count; ++n) {
    config.sharding.index = n;
    auto shard = Shard::create(config, world.now());
    if (!shard) {
      world.fail("Shard::create: " + shard.error().message);
      return;
    }
    shards_.push_back(std::move(*shard));
    shards_[n]->set_arrivals(*this);
    for (size_t i = 0; i < plan.listeners.size(); ++i) {
      const uint16_t port = static_cast<uint16_t>(kFirstListenPort + i);
      const auto listener = shards_[n]->listen({IpAddress{}, port}, *this, plan.listeners[i]);
      if (!listener) world.fail("listen: " + listener.error().message);
    }
  }
  if (steering_) mover_.emplace(plan.move, shards_, *steering_, random_.fork(1));
  turn_at_ = world.now();  // gratuitous ARP
}

// --- The turn -----------------------------------------------------------------------------------

void SimHost::arrive(Instant now, std::vector<std::byte> frame, bool noise) {
  inbox_.push_back({std::move(frame), noise});
  const Instant when = now + random_.duration({}, plan_.turn_delay);
  turn_at_ = std::min(turn_at_, when);
}

Instant SimHost::next() const {
  Instant next = turn_at_;
  for (const auto& shard : shards_) next = std::min(next, shard->next_deadline());
  if (!timers_.empty()) next = std::min(next, timers_.front().time);
  return next;
}

void SimHost::turn(Instant now) {
  turn_at_ = Instant::never();
  if (mover_) move_entries(now);
  receive(now);
  for (auto& shard : shards_) shard->advance(now);
  act(now);
  if (random_.chance(plan_.transmit_stall)) {
    turn_at_ = now + kSoon * 5;
    return;
  }
  transmit(now);
  const bool moves = mover_ && mover_->under_way();
  if (has_output() || (moves && !mover_->stuck())) turn_at_ = std::min(turn_at_, now + kSoon);
  if (moves) turn_at_ = std::min(turn_at_, now + milliseconds(5));
  if (!world_.failed()) check_ends();
}

// Frames live in buffers of exactly their size, and are gone after the call, so that a sanitizer
// sees a byte read past them or a view kept.
void SimHost::receive(Instant now) {
  const std::vector<Arrival> arrived = std::exchange(inbox_, {});
  for (size_t first = 0; first < arrived.size(); first += plan_.burst_max) {
    const size_t count = std::min(plan_.burst_max, arrived.size() - first);
    std::vector<std::unique_ptr<std::byte[]>> memory(count);
    std::vector<RxFrame> burst(count);
    for (size_t i = 0; i < count; ++i) {
      const Arrival& arrival = arrived[first + i];
      world_.receiving(index_, arrival.bytes, arrival.noise);
      const auto bytes = v6_ ? test::to_v6(arrival.bytes).value_or(kNothing) : arrival.bytes;
      memory[i] = std::make_unique<std::byte[]>(bytes.size());
      std::copy(bytes.begin(), bytes.end(), memory[i].get());
      burst[i].data = memory[i].get();
      burst[i].length = static_cast<uint32_t>(bytes.size());
      if (plan_.checksum_verdicts) {
        const Packet p = decode(arrival.bytes);
        const auto verdict = [](bool good) {
          return good ? ChecksumVerdict::kGood : ChecksumVerdict::kBad;
        };
        if (p.kind == PacketKind::kTcp || p.kind == PacketKind::kIcmp) {
          burst[i].ip_checksum = verdict(p.ip_checksum_good);
          burst[i].l4_checksum = verdict(p.l4_checksum_good);
        }
      }
    }
    for (size_t n = 0; n < shards_.size() && !world_.failed(); ++n) {
      const std::vector<RxFrame> own = frames_of(n, burst);
      frames_in_ += own.size();
      if (!own.empty()) shards_[n]->receive(now, own);
    }
    if (world_.failed()) return;
    spread_news();
  }
}

// The queues of a device that spreads frames by nothing at all: whoever has one, it is steered from
// there. What is nobody's in particular stays with the first.
std::vector<RxFrame> SimHost::frames_of(size_t shard, const std::vector<RxFrame>& burst) {
  if (!steering_) return burst;
  std::vector<RxFrame> own;
  for (const RxFrame& frame : burst) {
    const uint16_t recipient = steering_->recipient_of(frame);
    const bool nobodys = recipient == flow::Steering::kAny && shard == 0;
    if (recipient != shard && recipient != flow::Steering::kAll && !nobodys) continue;
    if (!mover_->keep(shard, frame)) own.push_back(frame);
  }
  return own;
}

void SimHost::spread_news() {
  std::array<PathNews, 4> news;
  for (auto& from : shards_) {
    const size_t count = from->take_news(news);
    for (auto& to : shards_) {
      for (size_t i = 0; i < count && to != from; ++i) to->learn(news[i]);
    }
  }
}

bool SimHost::has_output() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const auto& shard) { return shard->has_output(); });
}

void SimHost::act(Instant now) {
  const auto later = [](const Timer& a, const Timer& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  };
  while (!timers_.empty() && timers_.front().time <= now && !world_.failed()) {
    std::pop_heap(timers_.begin(), timers_.end(), later);
    const Timer due = timers_.back();
    timers_.pop_back();
    perform(*due.end, due.action);
  }
}

void SimHost::transmit(Instant now) {
  for (auto& shard : shards_) transmit(*shard, now);
}

void SimHost::transmit(Shard& shard, Instant now) {
  std::vector<TxFrame> frames(plan_.transmit_max);
  size_t sent = 0;
  while (!world_.failed()) {
    const bool promised = shard.has_output();
    const size_t count = shard.transmit(now, frames);
    if (count == 0) break;
    if (!promised) world_.fail("transmit() gives frames though has_output() was false");
    // All frames first: their spans are valid until the next call on the shard only.
    std::vector<std::vector<std::byte>> written;
    for (const TxFrame& described : std::span(frames).first(count)) {
      const size_t segments = described.segments();
      if (segments > 1) world_.coverage().joined += segments;
      for (size_t i = 0; i < segments; ++i) {
        const TxFrame frame = cut_segment(described, i);
        written.emplace_back(frame.total_bytes());
        const size_t bytes = write_frame(frame, written.back());
        if (bytes != written.back().size()) world_.fail("write_frame() writes another length");
        bytes_out_ += bytes;
      }
    }
    if (written.size() > frames.size()) {
      return world_.fail("transmit() gives more than asked for");
    }
    frames_out_ += written.size();
    sent += written.size();
    for (auto& frame : written) {
      if (!v6_) {
        world_.send(index_, std::move(frame));
      } else if (auto translated = test::to_v4(frame)) {
        world_.send(index_, std::move(*translated));
      }
    }
    if (sent > kFramesPerTurnMax) return world_.fail("a turn that does not stop sending");
  }
}

void SimHost::schedule(Instant when, End& end, Action action) {
  timers_.push_back({when, timers_made_++, &end, action});
  std::push_heap(timers_.begin(), timers_.end(), [](const Timer& a, const Timer& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  });
}

// --- What the applications do -------------------------------------------------------------------

void SimHost::perform(End& end, Action action) {
  if (end.away) return schedule(world_.now() + milliseconds(1), end, action);
  switch (action) {
    case Action::kOpen:
      open(end);
      break;
    case Action::kWrite:
      end.waiting = false;
      write(end);
      break;
    case Action::kResume:
      if (!end.alive() || !end.paused) break;
      end.paused = false;
      world_.log(end, "resume, unread", shard_of(end).unread(end.id));
      shard_of(end).resume(end.id);
      break;
    case Action::kAbort:
      break_off(end);
      break;
  }
}

void SimHost::open(End& end) {
  const Connection& connection = world_.connection_of(end);
  const ConnectionPlan& plan = *connection.plan;
  Endpoint peer{IpAddress::v4(host_ip(1 - index_)),
                static_cast<uint16_t>(kFirstListenPort + plan.listener)};
  Endpoint local;
  if (plan.refused) peer.port = kRefusedPort;
  if (plan.unreachable) peer.address = IpAddress::v4(kNobodyIp);
  if (plan.simultaneous) {
    peer.port = static_cast<uint16_t>(kSimultaneousPort + end.connection);
    local = {IpAddress::v4(host_ip(index_)), peer.port};
  }
  if (v6_) {
    peer.address = test::to_v6(peer.address);
    local.address = test::to_v6(local.address);
  }
  if (steering_) {
    const auto shard = shard_to_open_at(plan, local, peer);
    if (!shard) return schedule(world_.now() + milliseconds(1), end, Action::kOpen);
    end.shard = *shard;
  }
  const auto id = shard_of(end).connect(peer, *this, World::cookie_of(end), plan.options, local);
  if (!id && (world_.scenario().ports_scarce || world_.scenario().tight_tables)) {
    return schedule(world_.now() + milliseconds(200), end, Action::kOpen);
  }
  if (!id) return world_.fail(end, "connect: " + id.error().message);
  end.id = *id;
  end.opened = true;
  live_.push_back(&end);
  const auto info = shard_of(end).info(end.id);
  if (!info) return world_.fail(end, "no info() after connect()");
  world_.log(end, "connect from port", info->key.local_port);
  world_.opened(end, key_of(*info));
  if (end.plan->abort_how != AbortHow::kNever) {
    schedule(world_.now() + end.plan->abort_after, end, Action::kAbort);
  }
  if (end.plan->write_early) write(end);
}

// With rounds, a client may send one request more than it has had responses, a server one response
// for every whole request.
uint64_t SimHost::allowed(const End& end) const {
  if (end.round[0] == 0) return end.plan->bytes;
  const uint64_t done = end.taken / end.round[1 - end.side];
  const uint64_t rounds = done + (end.side == 0 ? 1 : 0);
  return std::min<uint64_t>(rounds * end.round[end.side], end.plan->bytes);
}

void SimHost::write(End& end) {
  const bool may = end.established || (end.side == 0 && end.plan->write_early);
  if (!end.alive() || !may || end.sending.finished || end.abort_due) return;
  const uint64_t limit = allowed(end);
  while (!end.blocked && !end.waiting && end.sending.accepted_bytes < limit) {
    const size_t at = static_cast<size_t>(end.sending.accepted_bytes);
    const size_t want =
        std::min<size_t>(end.random.between(end.plan->write_min, end.plan->write_max), limit - at);
    const auto data = std::span<const std::byte>(end.stream).subspan(at, want);
    const size_t space = shard_of(end).send_space(end.id);
    size_t taken = 0;
    if (end.plan->send_static) {
      taken = shard_of(end).send_static(end.id, data);
    } else {
      // The stack must have copied it: this memory is gone when the call is over.
      const std::vector<std::byte> copy(data.begin(), data.end());
      taken = shard_of(end).send(end.id, copy);
    }
    world_.log(end, "send", taken);
    if (taken > want) return world_.fail(end, "send() takes more than it was given");
    if (!world_.scenario().tight_memory && !end.plan->send_static &&
        taken != std::min(want, space)) {
      return world_.fail(end, "send() takes " + std::to_string(taken) + " of " +
                                  std::to_string(want) + " with room for " + std::to_string(space));
    }
    end.sending.accepted_bytes += taken;
    if (taken < want) {
      end.blocked = true;
    } else if (end.plan->write_gap.ns != 0) {
      end.waiting = true;
      schedule(world_.now() + end.plan->write_gap, end, Action::kWrite);
    }
  }
  maybe_close(end);
}

void SimHost::maybe_close(End& end) {
  if (!end.alive() || end.sending.finished || end.abort_due) return;
  if (end.sending.accepted_bytes != end.plan->bytes) return;
  bool now = false;
  switch (end.plan->close_when) {
    case CloseWhen::kSent:
      now = true;
      break;
    case CloseWhen::kReceived:
      now = end.taken == end.expected;
      break;
    case CloseWhen::kPeer:
      now = end.peer_closed;
      break;
  }
  if (now) close(end);
}

void SimHost::close(End& end) {
  end.sending.finished = true;
  // close() in SYN-SENT would end the attempt; shutdown() lets FIN follow the handshake.
  const bool opening = shard_of(end).info(end.id)->state == State::kSynSent;
  if (end.plan->use_close && end.taken == end.expected && !opening) {
    world_.log(end, "close");
    shard_of(end).close(end.id);
  } else {
    world_.log(end, "shutdown");
    shard_of(end).shutdown(end.id);
    if (end.random.chance(0.2)) shard_of(end).shutdown(end.id);  // idempotent
  }
}

void SimHost::break_off(End& end) {
  if (!end.opened) {  // the handshake takes longer
    const bool still_possible = !world_.peer_of(end).closed;
    if (still_possible) schedule(world_.now() + milliseconds(50), end, Action::kAbort);
    return;
  }
  if (end.closed || end.abort_due) return;
  world_.connection_of(end).aborted = true;
  if (end.plan->abort_how == AbortHow::kAbort) {
    end.abort_due = true;
    world_.log(end, "abort");
    shard_of(end).abort(end.id);
    return;
  }
  // RFC 9293 section 3.10.4: CLOSE in SYN-SENT ends the attempt at once.
  const bool aborts =
      shard_of(end).unread(end.id) != 0 || shard_of(end).info(end.id)->state == State::kSynSent;
  (aborts ? end.abort_due : end.broke_off) = true;
  end.sending.finished = true;
  world_.log(end, "close early, unread", shard_of(end).unread(end.id));
  shard_of(end).close(end.id);
}

void SimHost::give_up(End& end) {
  end.gave_up = true;
  world_.connection_of(end).aborted = true;
  world_.log(end, "give up");
  shard_of(end).abort(end.id);
  turn_at_ = world_.now();
}

void SimHost::do_or_defer(End& end) {
  if (end.plan->inside_callbacks) {
    write(end);
  } else if (!end.waiting) {
    end.waiting = true;
    schedule(world_.now(), end, Action::kWrite);
  }
}

// Every verb on an id that is dead does nothing and says so.
void SimHost::use_stale_id(End& end) {
  Shard& shard = shard_of(end);
  const ConnectionId id = end.id;
  const std::byte byte{1};
  shard.resume(id);
  shard.shutdown(id);
  shard.close(id);
  shard.abort(id);
  const bool dead = !shard.alive(id) && shard.send(id, {&byte, 1}) == 0 &&
                    shard.send_static(id, {&byte, 1}) == 0 && shard.send_space(id) == 0 &&
                    shard.unread(id) == 0 && !shard.set_cookie(id, 1) && shard.cookie(id) == 0 &&
                    !shard.options(id) && !shard.info(id) &&
                    !shard.set_options(id, end.options).ok();
  if (!dead) world_.fail(end, "a stale id is not dead");
}

// As the world, which speaks IPv4, knows it.
FlowKey SimHost::key_of(const TcpInfo& info) const {
  FlowKey key = info.key;
  if (v6_) key = {test::to_v4(key.local), test::to_v4(key.peer), key.local_port, key.peer_port};
  return key;
}

// --- What the applications are told -------------------------------------------------------------

End* SimHost::end_of(ConnectionRef connection, const char* event) {
  End* end = world_.end_by_cookie(connection.cookie);
  if (end == nullptr || !end->opened || end->host != index_ || end->id != connection.id) {
    world_.fail(std::string(event) + " for a connection that nobody knows");
    return nullptr;
  }
  if (end->closed) {
    world_.fail(*end, std::string(event) + " after on_closed");
    return nullptr;
  }
  world_.log(*end, event);
  return end;
}

End* SimHost::accept(Shard& shard, ConnectionRef connection) {
  const auto info = shard.info(connection.id);
  End* end = info ? world_.accepting_end(key_of(*info), info->rcv_nxt) : nullptr;
  if (end == nullptr) {
    world_.fail("on_established of a connection that nobody opened: " +
                (info ? info->key.to_string() : std::string("no info()")));
    return nullptr;
  }
  if (!end->may_be_accepted()) {
    world_.fail(*end, "accepted twice");
    return nullptr;
  }
  if (end->opened) {
    ++world_.coverage().begun_anew;
    end->begin_anew();
  }
  end->opened = true;
  end->id = connection.id;
  while (shards_[end->shard].get() != &shard) ++end->shard;
  live_.push_back(end);
  if (!shard.set_cookie(connection.id, World::cookie_of(*end)) ||
      shard.cookie(connection.id) != World::cookie_of(*end)) {
    world_.fail(*end, "set_cookie() does not keep");
  }
  if (end->plan->abort_how != AbortHow::kNever) {
    schedule(world_.now() + end->plan->abort_after, *end, Action::kAbort);
  }
  return end;
}

void SimHost::on_established(Shard& shard, ConnectionRef connection) {
  End* end =
      connection.cookie == 0 ? accept(shard, connection) : world_.end_by_cookie(connection.cookie);
  if (end == nullptr) return;
  end = end_of({connection.id, World::cookie_of(*end)}, "established");
  if (end == nullptr) return;
  if (end->established) return world_.fail(*end, "established twice");
  end->established = true;
  do_or_defer(*end);
}

size_t SimHost::choose_taken(End& end, size_t offered) {
  const EndPlan& plan = *end.plan;
  if (plan.stall.ns != 0 && !end.stalled && end.taken + offered > plan.stall_at) {
    end.stalled = true;
    schedule(world_.now() + plan.stall, end, Action::kResume);
    return plan.stall_at > end.taken ? plan.stall_at - static_cast<size_t>(end.taken) : 0;
  }
  if (!end.random.chance(plan.take_less)) return offered;
  schedule(world_.now() + end.random.duration({}, plan.pause_max), end, Action::kResume);
  return end.random.below(offered);
}

size_t SimHost::on_data(Shard&, ConnectionRef connection, std::span<const std::byte> data) {
  End* end = end_of(connection, "data");
  if (end == nullptr) return data.size();
  const End& peer = world_.peer_of(*end);
  const char* wrong = nullptr;
  if (!end->established) wrong = "data before on_established";
  if (end->peer_closed) wrong = "data after on_peer_closed";
  if (end->paused) wrong = "data before resume()";
  if (end->broke_off) wrong = "data after close()";
  if (data.empty()) wrong = "on_data without data";
  if (data.size() > end->options.receive_buffer_bytes) wrong = "more data than the window";
  if (wrong == nullptr && end->taken + data.size() > peer.sending.accepted_bytes) {
    wrong = "more data than was sent";
  }
  const auto expected = peer.stream.begin() + static_cast<ptrdiff_t>(end->taken);
  if (wrong == nullptr && !std::equal(data.begin(), data.end(), expected)) {
    wrong = "the stream is not the one that was sent";
  }
  if (wrong != nullptr) {
    world_.fail(*end, wrong);
    return data.size();
  }
  const size_t taken = choose_taken(*end, data.size());
  end->paused = taken < data.size();
  end->taken += taken;
  world_.log(*end, "takes", taken);
  if (taken != 0) world_.connection_of(*end).observer->may_acknowledge(end->side);
  do_or_defer(*end);
  return taken;
}

void SimHost::on_writable(Shard&, ConnectionRef connection) {
  End* end = end_of(connection, "writable");
  if (end == nullptr) return;
  if (!end->blocked) return world_.fail(*end, "on_writable without a short send()");
  end->blocked = false;
  do_or_defer(*end);
}

void SimHost::on_peer_closed(Shard&, ConnectionRef connection) {
  End* end = end_of(connection, "peer closed");
  if (end == nullptr) return;
  const End& peer = world_.peer_of(*end);
  const char* wrong = nullptr;
  if (!end->established) wrong = "on_peer_closed before on_established";
  if (end->peer_closed) wrong = "peer closed twice";
  // Of a tuple that is used again, the peer may be a connection that the simulator turned away.
  const bool known = !world_.connection_of(*end).observer->relaxed();
  if (known && !peer.sending.finished) wrong = "on_peer_closed, but the peer has not closed";
  if (known && !end->broke_off && end->taken != peer.sending.accepted_bytes) {
    wrong = "on_peer_closed before all data";
  }
  if (wrong != nullptr) return world_.fail(*end, wrong);
  end->peer_closed = true;
  // Nobody waits for what was broken off.
  if (end->taken < end->expected) {
    close(*end);
    return;
  }
  do_or_defer(*end);
}

void SimHost::on_closed(Shard&, ConnectionRef connection, CloseReason reason) {
  End* end = end_of(connection, "closed, reason");
  if (end == nullptr) return;
  world_.log(*end, to_string(reason).data(), static_cast<uint64_t>(reason));
  end->closed = true;
  end->reason = reason;
  end->closed_at = world_.now();
  end->unheard =
      end->side == 1 && world_.peer_of(*end).alive() && !world_.peer_of(*end).established;
  if (reason != CloseReason::kNormal || world_.peer_of(*end).closed) {
    world_.connection_of(*end).observer->relax();  // a late SYN may begin the tuple again
  }
  world_.judge(*end);
}

// --- What must hold after a turn ----------------------------------------------------------------

void SimHost::check_ends() {
  for (size_t i = 0; i < live_.size();) {
    if (!live_[i]->closed) {
      ++i;
      continue;
    }
    use_stale_id(*live_[i]);
    live_[i] = live_.back();
    live_.pop_back();
  }
  // All of a few, some of many.
  const size_t count = std::min<size_t>(live_.size(), 8);
  for (size_t i = 0; i < count && !world_.failed(); ++i) {
    check_end(*live_[checked_++ % live_.size()]);
  }
}

void SimHost::check_end(End& end) {
  if (end.away) return;
  const auto info = shard_of(end).info(end.id);
  if (!info || !shard_of(end).alive(end.id)) return world_.fail(end, "gone without on_closed");
  ++world_.coverage().states[static_cast<size_t>(info->state)];
  const auto must = [&](bool holds, const char* what) {
    if (!holds && !world_.failed()) world_.fail(end, what);
  };
  const End& peer = world_.peer_of(end);
  const uint64_t queued = uint64_t{info->unsent_bytes} + info->unacked_bytes;
  must(static_cast<int32_t>(info->snd_nxt - info->snd_una) >= 0, "snd_una <= snd_nxt");
  must(!end.abort_due && !end.gave_up, "abort() was not carried out by transmit()");
  must(info->unread_bytes == shard_of(end).unread(end.id), "unread() and info() differ");
  // A promise that is rounded up to the window's scale may be used in full.
  const uint64_t room =
      uint64_t{end.options.receive_buffer_bytes} + (uint64_t{1} << info->rcv_wscale) - 1;
  must(info->unread_bytes <= room, "unread <= receive buffer");
  must(uint64_t{info->unread_bytes} + info->out_of_order_bytes <= room,
       "unread and out of order <= receive buffer");
  must(end.paused || end.broke_off || info->unread_bytes == 0, "unread though nobody paused");
  must(queued <= end.options.send_buffer_bytes || end.plan->send_static, "queue <= send buffer");
  must(queued <= end.sending.accepted_bytes, "queued <= accepted");
  must(info->rto.ns > 0 && info->rto <= end.options.rto_max, "0 < rto <= rto_max");
  if (queued <= end.sending.accepted_bytes && peer.alive() && !peer.away) {
    const uint64_t acked = end.sending.accepted_bytes - queued;
    Shard& other = world_.shard_of(peer);
    must(acked <= peer.taken + other.unread(peer.id) || peer.broke_off,
         "acknowledged <= received by the peer");
  }
  if (end.established) {
    must(info->snd_mss > 0 && info->snd_cwnd >= info->snd_mss, "cwnd >= mss");
    must(info->state != State::kClosed && info->state != State::kListen &&
             info->state != State::kSynSent,
         "state of an established connection");
  }
  if (end.peer_closed) {
    must(info->state == State::kCloseWait || info->state == State::kLastAck ||
             info->state == State::kClosing || info->state == State::kTimeWait,
         "state after the peer's FIN");
  }
  // Something is outstanding, so a timer must run, or output be due.
  const bool waits = info->unacked_bytes != 0 || info->unsent_bytes != 0 ||
                     info->state == State::kSynSent || info->state == State::kSynReceived;
  Shard& shard = shard_of(end);
  must(!waits || shard.next_deadline() != Instant::never() || shard.has_output(),
       "outstanding, but no timer");
}

std::string SimHost::left_over() const {
  std::string text;
  for (const auto& shard : shards_) text += left_over(*shard);
  if (mover_ && mover_->under_way()) text += " moving";
  return text;
}

std::string SimHost::left_over(const Shard& shard) {
  const ShardUse use = shard.use();
  std::string text;
  const auto add = [&](const char* name, uint32_t count) {
    if (count != 0) text += std::string(" ") + name + " " + std::to_string(count);
  };
  add("connections", use.connections);
  add("half_open", use.half_open);
  add("time_wait", use.time_wait);
  add("small_blocks", use.small_blocks);
  add("large_blocks", use.large_blocks);
  add("loss_records", use.loss_records);
  add("timers", use.timers);
  add("control_frames", use.control_frames);
  add("flow_entries", use.flow_entries);
  add("output", shard.has_output() ? 1 : 0);
  return text;
}

void SimHost::check_at_end() {
  const auto sum = [&](Counter counter) {
    uint64_t total = 0;
    for (const auto& shard : shards_) total += shard->counters().get(counter);
    return total;
  };
  const auto equal = [&](Counter counter, uint64_t expected) {
    const uint64_t value = sum(counter);
    if (value == expected || world_.failed()) return;
    world_.fail(std::string(to_string(counter)) + " is " + std::to_string(value) + ", but " +
                std::to_string(expected) + " were seen outside");
  };
  equal(Counter::kFramesIn, frames_in_);
  equal(Counter::kFramesOut, frames_out_);
  equal(Counter::kBytesOut, bytes_out_);
  for (size_t i = 0; i < kCounterCount; ++i) {
    world_.coverage().counters[i] += sum(static_cast<Counter>(i));
  }
}

}  // namespace millrace::sim
