// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

#include "support/family.h"
#include "support/naive_frame.h"

// Part of the sanitizers' interface, absent without them.
extern "C" void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

namespace millrace::sim {
namespace {

constexpr uint64_t kEventsMax = 5'000'000;  // a world that needs more runs in circles
constexpr uint64_t kTurnsAtOnceMax = 20'000;
constexpr Duration kOrphanAge = seconds(120);
constexpr Duration kRound = seconds(5);

// Rolls that are made from one seed for different parts of the world.
enum Label : uint64_t {
  kLinkDice = 1,
  kHostDice = 10,
  kEndDice = 20,
  kStreamDice = 30,
  kNoise = 40
};

World* current = nullptr;

std::vector<std::byte> make_stream(Random random, size_t bytes) {
  std::vector<std::byte> stream(bytes);
  uint64_t word = 0;
  for (size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) word = random.next();
    stream[i] = static_cast<std::byte>(word >> (i % 8 * 8) & 0xff);
  }
  return stream;
}

uint64_t flow_key(size_t client_host, uint16_t client_port, uint16_t server_port) {
  return uint64_t{client_host} << 32 | uint64_t{client_port} << 16 | server_port;
}

}  // namespace

// --- Coverage -----------------------------------------------------------------------------------

void Coverage::add(const Coverage& other) {
  runs += other.runs;
  connections += other.connections;
  bytes += other.bytes;
  events += other.events;
  virtual_time = virtual_time + other.virtual_time;
  for (size_t i = 0; i < fates.size(); ++i) fates[i] += other.fates[i];
  for (size_t i = 0; i < counters.size(); ++i) counters[i] += other.counters[i];
  for (size_t i = 0; i < states.size(); ++i) states[i] += other.states[i];
  for (size_t i = 0; i < reasons.size(); ++i) reasons[i] += other.reasons[i];
  window_closed += other.window_closed;
  tuples_reused += other.tuples_reused;
  begun_anew += other.begun_anew;
  joined += other.joined;
  moved += other.moved;
}

std::string Coverage::to_string() const {
  std::string text = "runs " + std::to_string(runs) + ", connections " +
                     std::to_string(connections) + ", bytes " + std::to_string(bytes) +
                     ", events " + std::to_string(events) + ", virtual hours " +
                     std::to_string(virtual_time.seconds() / 3600) + "\nframes:";
  for (size_t i = 0; i < fates.size(); ++i) {
    const char* name = sim::to_string(static_cast<Fate>(i));
    text += std::string(" ") + (*name == 0 ? "delivered" : name) + " " + std::to_string(fates[i]);
  }
  text += "\nstates:";
  for (size_t i = 0; i < states.size(); ++i) {
    text += " " + std::string(millrace::to_string(static_cast<State>(i))) + " " +
            std::to_string(states[i]);
  }
  text += "\nreasons:";
  for (size_t i = 0; i < reasons.size(); ++i) {
    text += " " + std::string(millrace::to_string(static_cast<CloseReason>(i))) + " " +
            std::to_string(reasons[i]);
  }
  text += "\nwindow closed " + std::to_string(window_closed) + ", tuples reused " +
          std::to_string(tuples_reused) + ", begun anew " + std::to_string(begun_anew) +
          "\ncounters:";
  for (size_t i = 0; i < counters.size(); ++i) {
    if (counters[i] == 0) continue;
    text += " " + std::string(millrace::to_string(static_cast<Counter>(i))) + " " +
            std::to_string(counters[i]);
  }
  return text + "\n";
}

// --- Making the world ---------------------------------------------------------------------------

World::World(const Scenario& scenario, bool live_transcript)
    : scenario_(scenario),
      random_(Random(scenario.seed).fork(kNoise)),
      transcript_(live_transcript) {
  prepare();
}

World::~World() {
  if (current == this) current = nullptr;
}

void World::prepare() {
  if (test::plays_ipv6()) fit_for_ipv6(scenario_);
  const Random root(scenario_.seed);
  for (size_t i = 0; i < 2; ++i) {
    links_.emplace_back(scenario_.links[i], scenario_.faults_end, root.fork(kLinkDice + i));
  }
  for (size_t i = 0; i < 2; ++i) {
    hosts_.push_back(
        std::make_unique<SimHost>(*this, i, scenario_.hosts[i], root.fork(kHostDice + i)));
    if (failed()) return;
  }
  connections_.resize(scenario_.connections.size());
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    const ConnectionPlan& plan = scenario_.connections[i];
    connection.plan = &plan;
    for (uint8_t side = 0; side < 2; ++side) {
      End& end = connection.ends[side];
      end.connection = static_cast<uint32_t>(i);
      end.side = side;
      end.host = side == 0 ? plan.client_host : plan.server_host;
      end.plan = &plan.ends[side];
      end.random = root.fork(kEndDice).fork(i * 2 + side);
      end.options = side == 0 || plan.simultaneous
                        ? plan.options
                        : scenario_.hosts[end.host].listeners[plan.listener];
      end.stream = make_stream(root.fork(kStreamDice).fork(i * 2 + side), end.plan->bytes);
      end.sending.stream = end.stream;
      end.expected = plan.ends[1 - side].bytes;
      if (plan.rounds != 0) {
        end.round = {plan.ends[0].bytes / plan.rounds, plan.ends[1].bytes / plan.rounds};
      }
      if (side == 0 || plan.simultaneous) {
        hosts_[end.host]->schedule(plan.start, end, SimHost::Action::kOpen);
      }
    }
    connection.observer =
        std::make_unique<Observer>(connection.ends[0].sending, connection.ends[1].sending);
  }
}

// --- Time ---------------------------------------------------------------------------------------

Outcome World::run() {
  current = this;
  const auto abort_before = std::signal(SIGABRT, on_crash);
  const auto trap_before = std::signal(SIGILL, on_crash);
  const auto fault_before = std::signal(SIGSEGV, on_crash);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(on_sanitizer_death);
  }
  Outcome outcome;
  bool over = false;
  uint64_t turns_at_once = 0;
  next_round_ = scenario_.faults_end;
  while (!failed()) {
    if (!over && finished()) {
      over = true;
      outcome.finished = now_;
    }
    bool at_rest = over;
    for (const auto& host : hosts_) at_rest = at_rest && host->left_over().empty();
    Instant next = Instant::never();
    for (const Link& link : links_) {
      next = std::min(next, link.next());
      at_rest = at_rest && link.next() == Instant::never();
    }
    if (at_rest) break;
    for (const auto& host : hosts_) next = std::min(next, host->next());
    if (next == Instant::never()) {
      fail("nothing will ever happen again, but it is not over");
      break;
    }
    turns_at_once = next > now_ ? 0 : turns_at_once + 1;
    now_ = std::max(now_, next);
    if (turns_at_once > kTurnsAtOnceMax) fail("time stands still: a deadline that does not fire");
    if (++coverage_.events > kEventsMax) fail("too many events: it runs in circles");
    check_limits();
    if (now_ >= next_round_) look_after_orphans();
    for (size_t i = 0; i < links_.size(); ++i) {
      while (links_[i].next() <= now_) {
        hosts_[1 - i]->arrive(now_, links_[i].take().bytes, false);
      }
    }
    for (const auto& host : hosts_) {
      if (!failed() && host->next() <= now_) host->turn(now_);
    }
  }
  if (!failed()) check_streams();
  for (const auto& host : hosts_) {
    if (!failed()) host->check_at_end();
  }
  std::signal(SIGABRT, abort_before);
  std::signal(SIGILL, trap_before);
  std::signal(SIGSEGV, fault_before);
  current = nullptr;
  coverage_.runs = 1;
  coverage_.connections = connections_.size();
  coverage_.virtual_time = now_ - Instant{};
  outcome.failure = failure_;
  outcome.transcript_hash = transcript_.hash();
  outcome.coverage = coverage_;
  return outcome;
}

// Every connection that was to be opened was opened and is over.
bool World::finished() const {
  for (const Connection& connection : connections_) {
    const ConnectionPlan& plan = *connection.plan;
    if (!connection.ends[0].closed) return false;
    if (plan.simultaneous ? !connection.ends[1].closed : connection.ends[1].alive()) return false;
  }
  return true;
}

void World::check_limits() {
  const Instant limit = scenario_.faults_end + scenario_.finish_within;
  if (now_ <= limit) return;
  if (!finished()) return fail("not finished in time after the faults ended");
  Duration msl = std::max(scenario_.hosts[0].shard.msl, scenario_.hosts[1].shard.msl);
  if (now_ <= limit + msl * 2 + seconds(300)) return;
  std::string left;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    left += std::string(" ") + static_cast<char>('A' + i) + ":" + hosts_[i]->left_over();
  }
  fail("not everything was returned:" + left);
}

// An end whose peer broke off and whose RST was lost would wait for ever when it has nothing to
// send and no keep-alive: that is TCP. Its application gives up. Nobody else may need that.
void World::look_after_orphans() {
  next_round_ = now_ + kRound;
  for (Connection& connection : connections_) {
    for (End& end : connection.ends) {
      const End& peer = connection.ends[1 - end.side];
      if (!end.alive() || end.away || !end.established || end.gave_up || peer.alive()) continue;
      const bool peer_failed =
          !peer.opened || (peer.closed && peer.reason != CloseReason::kNormal) || peer.broke_off;
      const Instant since =
          std::max(scenario_.faults_end, peer.closed ? peer.closed_at : Instant{});
      if (!peer_failed || now_ < since + kOrphanAge) continue;
      const auto info = shard_of(end).info(end.id);
      if (!info || info->unsent_bytes != 0 || info->unacked_bytes != 0) continue;
      if (info->state == State::kEstablished || info->state == State::kFinWait2) {
        hosts_[end.host]->give_up(end);
      }
    }
  }
}

// --- The wire ------------------------------------------------------------------------------------

World::FlowRef World::flow_of(const Packet& p) const {
  if (p.kind != PacketKind::kTcp) return {};
  const size_t source = p.source_ip - host_ip(0);
  const size_t destination = p.destination_ip - host_ip(0);
  if (source > 1 || destination > 1) return {};
  auto found = flows_.find(flow_key(source, p.source_port, p.destination_port));
  if (found != flows_.end()) return {found->second.back(), 0};
  found = flows_.find(flow_key(destination, p.destination_port, p.source_port));
  if (found != flows_.end()) return {found->second.back(), 1};
  return {};
}

void World::send(size_t host, std::vector<std::byte> frame) {
  const Packet p = decode(frame);
  const FlowRef flow = flow_of(p);
  std::optional<std::string> wrong;
  if (p.kind == PacketKind::kMalformed || p.problem != nullptr) {
    wrong = p.problem == nullptr ? "malformed" : p.problem;
  } else if (p.source_mac != host_mac(host)) {
    wrong = "not sent from our MAC address";
  } else if (p.kind != PacketKind::kArp) {
    if (p.source_ip != host_ip(host)) wrong = "not sent from our IP address";
    if (p.destination_mac != host_mac(1 - host)) wrong = "sent to the wrong MAC address";
    if (p.ip_bytes > scenario_.hosts[host].shard.interface.mtu) wrong = "larger than the MTU";
    if (p.ttl == 0) wrong = "TTL 0";
  }
  if (!wrong && flow.connection != nullptr) wrong = flow.connection->observer->sent(flow.side, p);
  if (p.kind == PacketKind::kTcp && p.window == 0 && !p.has(kRst)) ++coverage_.window_closed;

  uint32_t seq_base = 0;
  uint32_t ack_base = 0;
  if (flow.connection != nullptr) {
    seq_base = flow.connection->observer->iss(flow.side);
    ack_base = flow.connection->observer->iss(1 - flow.side);
  }
  const std::vector<std::byte> copy = frame;
  const Fate fate = links_[host].accept(now_, std::move(frame));
  ++coverage_.fates[static_cast<size_t>(fate)];
  transcript_.sent(now_, host, copy, fate, seq_base, ack_base);
  if (wrong) {
    const std::string who = flow.connection == nullptr
                                ? std::string()
                                : "#" + std::to_string(flow.connection->ends[0].connection) + " ";
    return fail(who + "on the wire: " + *wrong);
  }
  if (fate == Fate::kTooLarge && scenario_.links[host].narrow != LinkConfig::Narrow::kSilent) {
    say_too_large(host, copy);
  }
  if (random_.chance(scenario_.noise)) maybe_noise(1 - host, decode(copy));
}

// The router before the narrow hop answers by ICMP, which takes the way of all frames to the host.
void World::say_too_large(size_t host, std::span<const std::byte> frame) {
  constexpr size_t kEthernetBytes = 14;
  const LinkConfig& link = scenario_.links[host];
  test::NaiveIcmp icmp;
  icmp.destination_mac = host_mac(host);
  icmp.source_mac = host_mac(1 - host);
  icmp.source_ip = kRouterIp;
  icmp.destination_ip = host_ip(host);
  icmp.type = 3;
  icmp.code = 4;
  icmp.body.resize(4);
  // ICMPv6 always says it.
  const bool named = link.narrow == LinkConfig::Narrow::kTells || test::plays_ipv6();
  test::put16(icmp.body, 2, named ? link.path_mtu : uint16_t{0});
  const auto quoted = frame.subspan(kEthernetBytes, 20 + 8);
  icmp.body.insert(icmp.body.end(), quoted.begin(), quoted.end());
  std::vector<std::byte> answer = test::build(icmp);
  const std::vector<std::byte> copy = answer;
  const Fate fate = links_[1 - host].accept(now_, std::move(answer));
  ++coverage_.fates[static_cast<size_t>(fate)];
  transcript_.sent(now_, 1 - host, copy, fate, 0, 0);
}

void World::receiving(size_t host, std::span<const std::byte> frame, bool noise) {
  const Packet p = decode(frame);
  const FlowRef flow = flow_of(p);
  const bool good = p.kind == PacketKind::kTcp && p.ip_checksum_good && p.l4_checksum_good &&
                    p.destination_mac == host_mac(host) && p.destination_ip == host_ip(host);
  uint32_t seq_base = 0;
  uint32_t ack_base = 0;
  if (flow.connection != nullptr) {
    seq_base = flow.connection->observer->iss(flow.side);
    ack_base = flow.connection->observer->iss(1 - flow.side);
    if (noise) {
      flow.connection->observer->may_acknowledge(1 - flow.side);
    } else if (good) {
      flow.connection->observer->delivered(1 - flow.side, p);
    }
  }
  transcript_.received(now_, host, frame, seq_base, ack_base);
}

// A frame from a stranger who cannot see the connection: rubbish, somebody else's, or a guess at a
// segment that is far out of the window. None of it may do harm (RFC 5961, RFC 9293
// section 3.10.7).
void World::maybe_noise(size_t host, const Packet& like) {
  test::NaiveTcp guess;
  guess.destination_mac = host_mac(host);
  guess.source_mac = host_mac(1 - host);
  guess.source_ip = host_ip(1 - host);
  guess.destination_ip = host_ip(host);
  guess.source_port = like.source_port;
  guess.destination_port = like.destination_port;
  guess.window = 1000;
  // Half a sequence space away, and so is a reset's: not a number that could be in any window.
  guess.seq = like.seq + 0x40000000u + static_cast<uint32_t>(random_.below(0x40000000u));
  guess.ack = like.ack;
  const size_t payload_bytes = random_.below(100);
  const bool synchronized =
      like.kind == PacketKind::kTcp && like.has(kAck) && !like.has(kSyn | kRst);
  switch (random_.below(7)) {
    case 0: {
      std::vector<std::byte> rubbish(random_.below(200));
      for (std::byte& b : rubbish) b = static_cast<std::byte>(random_.next() & 0xff);
      return hosts_[host]->arrive(now_, std::move(rubbish), true);
    }
    case 1:  // out of the window
      if (!synchronized) return;
      guess.flags = kAck;
      guess.payload.resize(payload_bytes);
      break;
    case 2:  // a blind reset
      if (!synchronized) return;
      guess.flags = kRst;
      break;
    case 3:  // a SYN that will not be followed up
      guess.source_port = static_cast<uint16_t>(random_.between(1, 60));
      guess.destination_port = kFirstListenPort;
      guess.flags = kSyn;
      guess.ack = 0;
      break;
    case 4:  // flags that nobody sends
      guess.source_port = static_cast<uint16_t>(random_.between(1, 60));
      guess.destination_port = kFirstListenPort;
      guess.flags = static_cast<uint8_t>(random_.next());
      if ((guess.flags & (kSyn | kFin | kRst)) == kSyn) guess.flags |= kFin;
      break;
    case 5:  // for somebody else
      guess.flags = kAck;
      guess.destination_ip = kNobodyIp;
      guess.source_port = 9;
      if (random_.coin()) guess.destination_mac = {{2, 9, 9, 9, 9, 9}};
      break;
    default: {
      test::NaiveIcmp echo;
      echo.destination_mac = host_mac(host);
      echo.source_mac = host_mac(1 - host);
      echo.source_ip = host_ip(1 - host);
      echo.destination_ip = host_ip(host);
      echo.type = 8;
      echo.body.resize(payload_bytes);
      return hosts_[host]->arrive(now_, test::build(echo), true);
    }
  }
  hosts_[host]->arrive(now_, test::build(guess), true);
}

// --- Who is who ---------------------------------------------------------------------------------

uint64_t World::cookie_of(const End& end) { return uint64_t{end.connection} * 2 + end.side + 1; }

End* World::end_by_cookie(uint64_t cookie) {
  const uint64_t index = (cookie - 1) / 2;
  if (cookie == 0 || index >= connections_.size()) return nullptr;
  return &connections_[index].ends[(cookie - 1) % 2];
}

End& World::peer_of(const End& end) { return connections_[end.connection].ends[1 - end.side]; }

void World::opened(const End& end, const FlowKey& key) {
  Connection& connection = connection_of(end);
  if (connection.plan->unreachable) return;           // its tuple is with nobody, who has no flows
  if (std::exchange(connection.known, true)) return;  // both ends open it
  // Either end of a simultaneous open may be first.
  const uint16_t client_port = end.side == 0 ? key.local_port : key.peer_port;
  const uint16_t server_port = end.side == 0 ? key.peer_port : key.local_port;
  auto& flows = flows_[flow_key(connection.ends[0].host, client_port, server_port)];
  if (!flows.empty()) {
    ++coverage_.tuples_reused;
    connection.observer->relax();
  }
  flows.push_back(&connection);
}

// A segment that completes a handshake may be late, and the client on its next use of the tuple.
End* World::accepting_end(const FlowKey& key, uint32_t first_seq) {
  const auto found =
      flows_.find(flow_key(key.peer.v4_value() - host_ip(0), key.peer_port, key.local_port));
  if (found == flows_.end()) return nullptr;
  for (Connection* connection : found->second) {
    if (connection->observer->iss(0) + 1 == first_seq) return &connection->ends[1];
  }
  return &found->second.back()->ends[1];
}

// --- The judge ----------------------------------------------------------------------------------

void World::judge(const End& end) {
  const Connection& connection = connection_of(end);
  const ConnectionPlan& plan = *connection.plan;
  const End& peer = peer_of(end);
  ++coverage_.reasons[static_cast<size_t>(end.reason)];
  const auto permit = [&](std::initializer_list<CloseReason> reasons) {
    if (std::find(reasons.begin(), reasons.end(), end.reason) != reasons.end()) return true;
    fail(end, "closed for a reason that it must not have: " +
                  std::string(millrace::to_string(end.reason)));
    return false;
  };
  using enum CloseReason;
  if (!end.established && end.reason == kNeighborUnreachable) {
    connections_[end.connection].aborted = true;  // every ARP request or answer was lost
    return;
  }
  if (plan.refused) return void(permit({kRefused, end.abort_due ? kLocalAbort : kRefused}));
  if (plan.unreachable) {
    return void(permit({kNeighborUnreachable, end.abort_due ? kLocalAbort : kRefused}));
  }
  if (end.reason == kKeepaliveTimeout && end.options.keepalive && end.established) {
    connections_[end.connection].aborted = true;  // every probe or answer was lost
    return;
  }
  if (end.abort_due || end.gave_up) return void(permit({kLocalAbort}));
  // After close() nobody is told of the peer's FIN.
  const bool all_done = end.sending.finished && (end.peer_closed || end.plan->use_close) &&
                        end.sending.accepted_bytes == end.plan->bytes && end.taken == end.expected;
  // The peer may take its time to read and close.
  const bool waits = end.plan->use_close && end.taken == end.expected;
  const CloseReason slow_peer = waits ? kFinWait2Timeout : kNormal;
  bool good = true;
  if (end.broke_off) {
    good = permit({kNormal, kLocalAbort, kPeerReset, kFinWait2Timeout});
  } else if (connection.aborted) {
    // An abort in LAST-ACK sends no RST, so the other end may wait in vain for a last FIN.
    good = end.established ? permit({kNormal, kPeerReset, kFinWait2Timeout})
                           : permit({kPeerReset, kRefused});
  } else if (scenario_.tight()) {
    good = permit(
        {kNormal, kPeerReset, kRefused, kNoResources, kTimedOut, kConnectTimeout, slow_peer});
  } else if (coverage_.tuples_reused != 0 && scenario_.cookies()) {
    // A listener that stores nothing cannot tell text that overtook the first from that of the
    // tuple's last connection, and answers with RST.
    good = permit({kNormal, kPeerReset, slow_peer});
    if (end.reason == kPeerReset) connections_[end.connection].aborted = true;
  } else if (all_done &&
             (scenario_.hosts[0].shard.msl < seconds(30) ||
              scenario_.hosts[1].shard.msl < seconds(30) || coverage_.tuples_reused != 0)) {
    // The peer's TIME-WAIT may be over, or its tuple used again, before our FIN gets through.
    good = permit({kNormal, kPeerReset, slow_peer});
  } else {
    good = permit({kNormal, slow_peer});
  }
  // An end that gave up answers what still comes with RST.
  if (end.reason == kFinWait2Timeout) connections_[end.connection].aborted = true;
  if (!good || end.reason != kNormal) return;
  // A normal end says that both streams are complete, and nothing less.
  if (!end.sending.finished) return fail(end, "normal end, but we have not closed");
  if (!peer.sending.finished) return fail(end, "normal end, but the peer has not closed");
  if (!end.broke_off && end.taken != peer.sending.accepted_bytes) {
    return fail(end, "normal end, but not all bytes were delivered");
  }
  if (!peer.opened) return fail(end, "normal end, but there was no peer");
  if (peer.abort_due || peer.gave_up || peer.broke_off) return;
  const uint64_t arrived = peer.taken + (peer.closed ? 0 : shard_of(peer).unread(peer.id));
  if (peer.away) return;
  if (arrived != end.sending.accepted_bytes) {
    return fail(end, "normal end, but the peer has not received everything");
  }
}

void World::check_streams() {
  for (const Connection& connection : connections_) {
    for (const End& end : connection.ends) {
      coverage_.bytes += end.taken;
      const ConnectionPlan& plan = *connection.plan;
      if (connection.aborted || plan.refused || plan.unreachable || scenario_.tight()) continue;
      if (!end.closed) return fail(end, "never closed");
      if (end.taken != end.expected) return fail(end, "not everything was delivered");
      if (!end.peer_closed && !end.plan->use_close) return fail(end, "never saw the peer's FIN");
    }
  }
}

// --- Failure ------------------------------------------------------------------------------------

void World::log(const End& end, const char* what, uint64_t value) {
  transcript_.event(now_, end.host, end.connection, what, value);
}

void World::fail(const End& end, const std::string& what) {
  fail("#" + std::to_string(end.connection) + (end.side == 0 ? " client: " : " server: ") + what);
}

void World::fail(const std::string& what) {
  if (failure_.empty()) failure_ = report(what);
}

std::string World::report(const std::string& what) const {
  const std::string seed = std::to_string(scenario_.seed);
  std::string text = "\n" + transcript_.last_lines() + "\n";
  size_t shown = 0;
  for (const Connection& connection : connections_) {
    for (const End& end : connection.ends) {
      if (!end.alive() || ++shown > 20) continue;
      text += "open: #" + std::to_string(end.connection) + (end.side == 0 ? " client" : " server") +
              " sent " + std::to_string(end.sending.accepted_bytes) + "/" +
              std::to_string(end.plan->bytes) + (end.sending.finished ? " closed" : "") +
              ", took " + std::to_string(end.taken) + "/" + std::to_string(end.expected) +
              (end.paused ? " paused" : "") + (end.blocked ? " blocked" : "") +
              (end.peer_closed ? " peer closed" : "");
      if (end.host < hosts_.size()) {
        const auto info = shard_of(end).info(end.id);
        if (info) {
          text += ", " + std::string(millrace::to_string(info->state)) + " in flight " +
                  std::to_string(info->snd_nxt - info->snd_una) + " unsent " +
                  std::to_string(info->unsent_bytes) + " snd_wnd " + std::to_string(info->snd_wnd) +
                  " cwnd " + std::to_string(info->snd_cwnd) + " unread " +
                  std::to_string(info->unread_bytes) + " out of order " +
                  std::to_string(info->out_of_order_bytes) + " rto " +
                  std::to_string(info->rto.milliseconds()) + " ms";
        }
      }
      text += "\n";
    }
  }
  char time[32];
  std::snprintf(time, sizeof time, "%.6f", static_cast<double>(now_.ns) * 1e-9);
  text += "simulator: " + scenario_.name + " failed at " + time + " s: " + what + "\nseed " + seed +
          ", replay: " + (test::plays_ipv6() ? "MILLRACE_FAMILY=6 " : "") + "./run sim --seed " +
          seed + (scenario_.name == "Swarm" ? "" : " --gtest_filter=Sim." + scenario_.name) +
          "   (--verbose prints every packet)\n";
  return text;
}

// An assertion or a sanitizer ends the process: say which seed it was, and what led to it.
void World::stop_with_report() {
  std::fputs(report("the process was stopped here").c_str(), stderr);
  std::fflush(stderr);
}

void World::on_crash(int signal) {
  std::signal(signal, SIG_DFL);
  if (World* world = std::exchange(current, nullptr)) world->stop_with_report();
  std::raise(signal);
}

void World::on_sanitizer_death() {
  if (World* world = std::exchange(current, nullptr)) world->stop_with_report();
}

}  // namespace millrace::sim
