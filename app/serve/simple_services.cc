// SPDX-License-Identifier: BSD-3-Clause
#include "serve/simple_services.h"

#include "cli/signals.h"
#include "serve/starved.h"

namespace millrace::serve {

void SimpleService::on_established(Shard&, ConnectionRef) { counts_.on_established(); }

void SimpleService::on_closed(Shard&, ConnectionRef, CloseReason reason) {
  counts_.on_closed(reason);
}

void SimpleService::on_leave(Shard&, ConnectionRef, Parcel&) { counts_.on_leave(); }

void SimpleService::on_arrive(Shard&, ConnectionRef, Parcel&) { counts_.on_arrive(); }

void EchoServer::on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) {
  SimpleService::on_arrive(shard, connection, luggage);
  if (connection.cookie == kResetDue) resets_.add(shard, connection.id);
}

size_t EchoServer::on_data(Shard& shard, ConnectionRef connection,
                           std::span<const std::byte> data) {
  if (work_.ns != 0) {
    const Instant end = cli::monotonic_now() + work_;
    while (cli::monotonic_now() < end) {
    }
  }
  const size_t sent = shard.send(connection.id, data);
  if (sent == 0 && starved(shard, connection.id)) shard.abort(connection.id);
  const size_t taken = stopping_ ? data.size() : sent;
  counts_.bytes_in.add(taken);
  counts_.bytes_out.add(sent);
  if (sent != 0 && closing_ == Closing::kFin) shard.shutdown(connection.id);
  if (sent != 0 && closing_ == Closing::kReset) reset_later(shard, connection.id);
  return taken;
}

void EchoServer::on_writable(Shard& shard, ConnectionRef connection) {
  shard.resume(connection.id);
}

size_t DiscardServer::on_data(Shard&, ConnectionRef, std::span<const std::byte> data) {
  counts_.bytes_in.add(data.size());
  return data.size();
}

ChargenServer::ChargenServer(ServiceCounts& counts) : SimpleService(counts) {
  constexpr size_t kFirst = ' ';
  constexpr size_t kCharacters = 95;  // of ASCII that can be printed
  constexpr size_t kLine = 72;
  constexpr size_t kPeriods = 16;  // 110 KiB, so that one offer fills a good part of a buffer
  pattern_.reserve(kCharacters * kPeriods * (kLine + 2));
  for (size_t line = 0; line < kCharacters * kPeriods; ++line) {
    for (size_t column = 0; column < kLine; ++column) {
      pattern_.push_back(static_cast<std::byte>(kFirst + (line + column) % kCharacters));
    }
    pattern_.push_back(std::byte{'\r'});
    pattern_.push_back(std::byte{'\n'});
  }
}

void ChargenServer::on_established(Shard& shard, ConnectionRef connection) {
  SimpleService::on_established(shard, connection);
  on_writable(shard, {connection.id, 0});
}

size_t ChargenServer::on_data(Shard&, ConnectionRef, std::span<const std::byte> data) {
  counts_.bytes_in.add(data.size());
  return data.size();
}

void ChargenServer::on_writable(Shard& shard, ConnectionRef connection) {
  uint64_t at = connection.cookie;
  for (;;) {
    const std::span<const std::byte> offered = std::span(pattern_).subspan(at);
    const size_t sent = shard.send_static(connection.id, offered);
    counts_.bytes_out.add(sent);
    at = (at + sent) % pattern_.size();
    if (sent == 0 && starved(shard, connection.id)) shard.abort(connection.id);
    if (sent < offered.size()) break;
  }
  shard.set_cookie(connection.id, at);
}

}  // namespace millrace::serve
