// SPDX-License-Identifier: BSD-3-Clause
#include "millrace/host.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace millrace {
namespace {

uint64_t key_of(ConnectionId id) { return uint64_t{id.index} << 32 | id.generation; }

}  // namespace

Result<std::unique_ptr<Host>> Host::create(const ShardConfig& config, Instant start) {
  Result<std::unique_ptr<Shard>> shard = Shard::create(config, start);
  if (!shard) return shard.error();
  std::unique_ptr<Host> host(new Host);
  host->shard_ = std::move(*shard);
  host->pump();
  return host;
}

Host::~Host() = default;

// --- Frames and time --------------------------------------------------------------------------

void Host::inject(std::span<const std::byte> frame) {
  const RxFrame received{.data = frame.data(), .length = static_cast<uint32_t>(frame.size())};
  shard_->receive(shard_->now(), {&received, 1});
  pump();
}

// One turn at the present time, without frames from outside.
void Host::pump() {
  std::array<TxFrame, 16> frames;
  shard_->advance(shard_->now());
  while (const size_t n = shard_->transmit(shard_->now(), frames)) {
    for (const TxFrame& described : std::span(frames).first(n)) {
      for (size_t i = 0; i < described.segments(); ++i) {
        const TxFrame frame = cut_segment(described, i);
        SentFrame sent{shard_->now(), std::vector<std::byte>(frame.total_bytes())};
        write_frame(frame, sent.bytes);
        sent_.push_back(std::move(sent));
      }
    }
  }
}

std::vector<std::vector<std::byte>> Host::collect() {
  std::vector<std::vector<std::byte>> frames;
  for (SentFrame& sent : collect_timed()) frames.push_back(std::move(sent.bytes));
  return frames;
}

std::vector<Host::SentFrame> Host::collect_timed() {
  pump();
  return std::exchange(sent_, {});
}

void Host::set_time(Instant now) {
  pump();
  for (Instant next = next_deadline(); next <= now; next = next_deadline()) {
    shard_->advance(next);
    pump();
  }
  shard_->advance(now);
  pump();
}

Instant Host::now() const { return shard_->now(); }
Instant Host::next_deadline() const { return shard_->next_deadline(); }

// --- Sockets ----------------------------------------------------------------------------------

Host::Socket& Host::socket(ConnectionId connection) { return sockets_[key_of(connection)]; }

const Host::Socket* Host::find(ConnectionId connection) const {
  const auto found = sockets_.find(key_of(connection));
  return found == sockets_.end() ? nullptr : &found->second;
}

Result<ListenerId> Host::listen(const Endpoint& local, const TcpOptions& options,
                                size_t accept_max) {
  Result<ListenerId> listener = shard_->listen(local, *this, options);
  if (!listener) return listener;
  listening_[listener->index] = {local, accept_max, options};
  accepted_.erase(listener->index);
  shard_->set_accepting(*listener, accept_max != 0);
  return listener;
}

void Host::close_listener(ListenerId listener) {
  shard_->close_listener(listener);
  listening_.erase(listener.index);
  pump();
}

std::optional<ConnectionId> Host::accept(ListenerId listener) {
  std::deque<ConnectionId>& waiting = accepted_[listener.index];
  if (waiting.empty()) return std::nullopt;
  const ConnectionId first = waiting.front();
  waiting.pop_front();
  shard_->set_accepting(listener, true);
  return first;
}

Result<ConnectionId> Host::connect(const Endpoint& peer, const TcpOptions& options,
                                   const Endpoint& local, std::span<const std::byte> data) {
  Result<ConnectionId> id = shard_->connect(peer, *this, kActive, options, local);
  if (id) {
    socket(*id);
    shard_->send(*id, data);
  }
  pump();
  return id;
}

size_t Host::send(ConnectionId connection, std::span<const std::byte> data) {
  const size_t taken = shard_->send(connection, data);
  pump();
  return taken;
}

std::vector<std::byte> Host::receive(ConnectionId connection, size_t bytes_max) {
  Socket& s = socket(connection);
  s.wanted = bytes_max;
  shard_->resume(connection);
  s.wanted = 0;
  pump();
  return std::exchange(s.received, {});
}

void Host::shutdown(ConnectionId connection) {
  shard_->shutdown(connection);
  pump();
}

void Host::close(ConnectionId connection) {
  shard_->close(connection);
  pump();
}

void Host::abort(ConnectionId connection) {
  shard_->abort(connection);
  pump();
}

Result<void> Host::set_options(ConnectionId connection, const TcpOptions& options) {
  Result<void> done = shard_->set_options(connection, options);
  pump();
  return done;
}

std::optional<TcpInfo> Host::info(ConnectionId connection) const {
  return shard_->info(connection);
}

bool Host::established(ConnectionId connection) const {
  const Socket* s = find(connection);
  return s != nullptr && s->established;
}

bool Host::peer_closed(ConnectionId connection) const {
  const Socket* s = find(connection);
  return s != nullptr && s->peer_closed;
}

std::optional<CloseReason> Host::closed(ConnectionId connection) const {
  const Socket* s = find(connection);
  return s == nullptr ? std::nullopt : s->closed;
}

// --- Workers that come and go -------------------------------------------------------------------

Result<std::vector<Host::Moved>> Host::move() {
  ShardConfig config = shard_->config();
  config.interface.gratuitous_arp = false;  // nobody need hear of it
  Result<std::unique_ptr<Shard>> created = Shard::create(config, shard_->now());
  if (!created) return created.error();
  Shard& there = **created;
  there.set_arrivals(*this);
  std::map<uint32_t, Listening> in_order(listening_.begin(), listening_.end());
  for (const auto& [index, listening] : in_order) {
    const Result<ListenerId> listener = there.listen(listening.local, *this, listening.options);
    if (!listener) return listener.error();
    if (listener->index != index) return Error{"a listener before this one was closed"};
    there.set_accepting(*listener, listening.accept_max > accepted_[index].size());
  }
  Parcel parcel;
  Shard::Entries all;
  all.set(0);
  shard_->begin_leaving(all);
  while (shard_->pack(shard_->now(), parcel, UINT32_MAX)) {
  }
  const Instant now = shard_->now();
  shard_ = std::move(*created);
  moved_.clear();
  const bool taken = shard_->unpack(now, parcel);
  rename_moved();
  pump();
  if (!taken) return Error{"no room for all that there is"};
  return std::exchange(moved_, {});
}

// All at once: an id of one shard may be another connection's of the other.
void Host::rename_moved() {
  std::unordered_map<uint64_t, ConnectionId> now;
  std::vector<std::pair<ConnectionId, Socket>> sockets;
  for (const Moved& moved : moved_) {
    now[key_of(moved.from)] = moved.to;
    sockets.emplace_back(moved.to, std::move(sockets_[key_of(moved.from)]));
    sockets_.erase(key_of(moved.from));
  }
  for (auto& [id, socket] : sockets) sockets_[key_of(id)] = std::move(socket);
  for (auto& [listener, waiting] : accepted_) {
    for (ConnectionId& id : waiting) {
      if (const auto found = now.find(key_of(id)); found != now.end()) id = found->second;
    }
  }
}

void Host::on_leave(Shard&, ConnectionRef connection, Parcel& luggage) {
  luggage.put(connection.id);
}

void Host::on_arrive(Shard&, ConnectionRef connection, Parcel& luggage) {
  const auto before = luggage.take<ConnectionId>();
  moved_.push_back({before, connection.id});
}

// --- Events -----------------------------------------------------------------------------------

void Host::on_established(Shard& shard, ConnectionRef connection) {
  socket(connection.id).established = true;
  if (connection.cookie == kActive) return;
  // A listener of this very address comes before one of all addresses.
  const Endpoint local{shard.info(connection.id)->key.local,
                       shard.info(connection.id)->key.local_port};
  auto best = listening_.end();
  for (auto l = listening_.begin(); l != listening_.end(); ++l) {
    const Endpoint& its = l->second.local;
    if (its == local) best = l;
    const bool any = its.address.is_unspecified() && its.port == local.port;
    if (any && best == listening_.end()) best = l;
  }
  if (best == listening_.end()) return;
  std::deque<ConnectionId>& waiting = accepted_[best->first];
  waiting.push_back(connection.id);
  if (waiting.size() >= best->second.accept_max) shard.set_accepting({best->first}, false);
}

size_t Host::on_data(Shard&, ConnectionRef connection, std::span<const std::byte> data) {
  Socket& s = socket(connection.id);
  const size_t taken = std::min(s.wanted, data.size());
  s.received.insert(s.received.end(), data.begin(),
                    data.begin() + static_cast<std::ptrdiff_t>(taken));
  s.wanted -= taken;
  return taken;
}

void Host::on_writable(Shard&, ConnectionRef connection) { socket(connection.id).writable = true; }

void Host::on_peer_closed(Shard&, ConnectionRef connection) {
  socket(connection.id).peer_closed = true;
}

void Host::on_closed(Shard&, ConnectionRef connection, CloseReason reason) {
  socket(connection.id).closed = reason;
}

}  // namespace millrace
