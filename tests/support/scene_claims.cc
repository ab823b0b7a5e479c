// SPDX-License-Identifier: BSD-3-Clause
// What a test does as the application, and what it claims about the host.
#include "support/scene.h"

namespace millrace::test {

std::optional<Counter> counter_named(std::string_view name) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (to_string(static_cast<Counter>(i)) == name) return static_cast<Counter>(i);
  }
  return std::nullopt;
}

// --- The application -----------------------------------------------------------------------------

bool Scene::write(Flow& flow, uint64_t bytes, uint64_t expected, const Where& where) {
  Bytes data(bytes);
  for (uint64_t i = 0; i < bytes; ++i) data[i] = local_byte(flow.bytes_written + i);
  const size_t taken = host_->send(*flow.connection, data);
  flow.bytes_written += taken;
  if (taken == expected) return true;
  fail(where, "write of " + std::to_string(bytes) + " bytes took " + std::to_string(taken));
  return false;
}

void Scene::read_all(Flow& flow, uint64_t bytes_max) {
  const auto data = host_->receive(*flow.connection, bytes_max);
  for (std::byte byte : data) {
    if (byte == peer_byte(flow.bytes_read++)) continue;
    return fail(Where::current(),
                "byte " + std::to_string(flow.bytes_read - 1) + " was delivered wrong");
  }
}

Scene& Scene::app(std::string_view verb, Where where) {
  if (failed_) return *this;
  note(host_->now(), "app", std::string(verb));
  const auto words = split_words(verb);
  Flow& flow = current();
  if (words[0] == "connect") {
    Bytes early(words.size() > 1 ? std::stoull(words[1]) : 0);
    for (size_t i = 0; i < early.size(); ++i) early[i] = local_byte(i);
    const auto id = host_->connect({IpAddress::v4(peer_ip_), flow.peer_port}, setup_.tcp,
                                   {IpAddress::v4(local_ip_), flow.local_port}, early);
    if (!id.ok()) {
      fail(where, "connect: " + id.error().message);
      return *this;
    }
    flow.connection = id.value();
    flow.bytes_written = early.size();
    flow.bytes_read = 0;
    pull();
    return *this;
  }
  if (words[0] == "unlisten") {
    host_->close_listener(listener_);
    pull();
    return *this;
  }
  if (!flow.connection) {
    fail(where, "there is no connection to " + words[0] + " yet");
    return *this;
  }
  const uint64_t n = words.size() > 1 ? std::stoull(words[1]) : UINT64_MAX;
  if (words[0] == "write") {
    write(flow, n, words.size() == 4 ? std::stoull(words[3]) : n, where);
  } else if (words[0] == "read") {
    read_all(flow, n);
  } else if (words[0] == "shutdown") {
    host_->shutdown(*flow.connection);
  } else if (words[0] == "close") {
    host_->close(*flow.connection);
  } else if (words[0] == "abort") {
    host_->abort(*flow.connection);
  } else {
    fail(where, "no verb '" + words[0] + "'");
  }
  if (!failed_) pull();
  return *this;
}

// --- Claims --------------------------------------------------------------------------------------

TcpInfo Scene::info() const {
  if (failed_ || !current().connection) return {};
  return host_->info(*current().connection).value_or(TcpInfo{});
}

uint32_t Scene::local_isn() const { return failed_ ? 0 : current().local_isn.value_or(0); }

ConnectionId Scene::connection() const {
  return failed_ ? ConnectionId{} : current().connection.value_or(ConnectionId{});
}

Scene& Scene::claim(bool holds, std::string_view what, Where where) {
  if (!failed_ && !holds) fail(where, "does not hold: " + std::string(what));
  return *this;
}

Scene& Scene::state(std::string_view name, Where where) {
  if (failed_) return *this;
  std::string actual = setup_.active ? "CLOSED" : "LISTEN";
  const ShardUse use = host_->shard().use();
  if (use.half_open != 0) actual = "SYN-RECEIVED";
  if (use.time_wait != 0) actual = "TIME-WAIT";
  if (current().connection) {
    if (auto info = host_->info(*current().connection)) {
      actual = to_string(info->state);
    } else if (use.half_open == 0 && use.time_wait == 0) {
      actual = "CLOSED";
    }
  }
  return claim(actual == name, std::string(name) + "; the state is " + actual, where);
}

Scene& Scene::closed(std::string_view reason, Where where) {
  if (failed_) return *this;
  const auto actual = host_->closed(connection());
  const std::string text = actual ? std::string(to_string(*actual)) : "still open";
  return claim(text == reason, "closed(" + std::string(reason) + "); it is " + text, where);
}

Scene& Scene::open(Where where) {
  if (failed_) return *this;
  const auto actual = host_->closed(connection());
  const bool is_open = current().connection && !actual;
  return claim(
      is_open,
      "open; it is closed: " + (actual ? std::string(to_string(*actual)) : "there is none"), where);
}

Scene& Scene::peer_closed(Where where) {
  if (failed_) return *this;
  return claim(host_->peer_closed(connection()), "the application knows of the peer's FIN", where);
}

Scene& Scene::received(uint64_t bytes, Where where) {
  if (failed_) return *this;
  const uint64_t actual = current().bytes_read + info().unread_bytes;
  return claim(actual == bytes,
               "received " + std::to_string(bytes) + " bytes; it is " + std::to_string(actual),
               where);
}

Scene& Scene::counter(std::string_view name, uint64_t n, Where where) {
  if (failed_) return *this;
  const auto counter = counter_named(name);
  if (!counter) return claim(false, "there is a counter " + std::string(name), where);
  const uint64_t actual = host_->shard().counters().get(*counter) - counters_at_start_[*counter];
  if (actual == n) return *this;
  std::string others;
  for (const auto& [other, before] : counters_at_start_) {
    const uint64_t grown = host_->shard().counters().get(other) - before;
    if (grown != 0) others += "\n  " + std::string(to_string(other)) + " " + std::to_string(grown);
  }
  return claim(false,
               std::string(name) + " " + std::to_string(n) + "; it is " + std::to_string(actual) +
                   ". What has grown:" + others,
               where);
}

Scene& Scene::half_open(uint32_t n, Where where) {
  if (failed_) return *this;
  const uint32_t actual = host_->shard().use().half_open;
  return claim(actual == n, "half_open " + std::to_string(n) + "; it is " + std::to_string(actual),
               where);
}
Scene& Scene::time_wait(uint32_t n, Where where) {
  if (failed_) return *this;
  const uint32_t actual = host_->shard().use().time_wait;
  return claim(actual == n, "time_wait " + std::to_string(n) + "; it is " + std::to_string(actual),
               where);
}
Scene& Scene::connections(uint32_t n, Where where) {
  if (failed_) return *this;
  const uint32_t actual = host_->shard().use().connections;
  return claim(actual == n,
               "connections " + std::to_string(n) + "; it is " + std::to_string(actual), where);
}

Scene& Scene::drained(Where where) {
  if (failed_) return *this;
  pull();  // frames that were handed out last go back now
  const ShardUse use = host_->shard().use();
  const std::pair<const char*, uint32_t> parts[] = {{"connections", use.connections},
                                                    {"half_open", use.half_open},
                                                    {"time_wait", use.time_wait},
                                                    {"small_blocks", use.small_blocks},
                                                    {"large_blocks", use.large_blocks},
                                                    {"loss_records", use.loss_records},
                                                    {"timers", use.timers},
                                                    {"control_frames", use.control_frames},
                                                    {"flow_entries", use.flow_entries}};
  for (const auto& [name, n] : parts) {
    claim(n == 0, std::string("drained; in use are ") + name + " " + std::to_string(n), where);
  }
  return *this;
}

}  // namespace millrace::test
