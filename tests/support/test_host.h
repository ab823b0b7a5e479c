// SPDX-License-Identifier: BSD-3-Clause
// A Host for tests that are written in IPv4 and without VLANs: itself, or, when the suite is played
// so, one that speaks IPv6 behind a translator (family.h), or is on a VLAN (tags.h).
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/host.h"
#include "support/family.h"
#include "support/tags.h"

namespace millrace::test {

// What a host under test speaks.
enum class Family : uint8_t {
  kOfTheSuite,  // IPv4, or IPv6 behind the translator, as the suite is played
  kIpv6,        // IPv6 behind the translator
  kOwn,         // what the test does: nothing is translated
};

class TestHost {
 public:
  static Result<std::unique_ptr<TestHost>> create(ShardConfig config, Instant start = {},
                                                  Family family = Family::kOfTheSuite) {
    const bool v6 = family == Family::kIpv6 || (family == Family::kOfTheSuite && plays_ipv6());
    if (v6) to_v6(config.interface);
    const std::string vlan = config.interface.has_vlans() ? "" : vlan_of_the_suite();
    if (!vlan.empty()) {
      for (InterfaceAddress& own : config.interface.addresses) own.vlan = *Vlan::parse(vlan);
    }
    auto host = Host::create(config, start);
    if (!host) return host.error();
    return std::unique_ptr<TestHost>(new TestHost(std::move(*host), v6, vlan));
  }

  // --- What passes the translator.
  void inject(std::span<const std::byte> frame) {
    if (!v6_) return inject_tagged({frame.begin(), frame.end()});
    if (const auto translated = to_v6(frame)) inject_tagged(*translated);
  }
  // One burst, whatever the device says of checksums.
  void receive(std::span<const RxFrame> burst) {
    std::vector<std::optional<std::vector<std::byte>>> translated;
    std::vector<RxFrame> frames;
    for (RxFrame frame : burst) {
      if (v6_) {
        translated.push_back(to_v6(std::span(frame.data, frame.length)));
        if (!translated.back()) continue;
        frame.data = translated.back()->data();
        frame.length = static_cast<uint32_t>(translated.back()->size());
      }
      if (!vlan_.empty()) frame.vlan = *Vlan::parse(vlan_);
      frames.push_back(frame);
    }
    host_->shard().receive(host_->now(), frames);
  }
  std::vector<std::vector<std::byte>> collect() {
    std::vector<std::vector<std::byte>> frames;
    for (Host::SentFrame& sent : collect_timed()) frames.push_back(std::move(sent.bytes));
    return frames;
  }
  std::vector<Host::SentFrame> collect_timed() {
    std::vector<Host::SentFrame> sent = host_->collect_timed();
    if (!vlan_.empty()) {
      for (Host::SentFrame& frame : sent) EXPECT_EQ(untag(frame.bytes), vlan_);
    }
    if (!v6_) return sent;
    std::vector<Host::SentFrame> translated;
    for (const Host::SentFrame& frame : sent) {
      if (auto bytes = to_v4(frame.bytes)) translated.push_back({frame.time, std::move(*bytes)});
    }
    return translated;
  }
  Result<ListenerId> listen(const Endpoint& local, const TcpOptions& options = {},
                            size_t accept_max = SIZE_MAX) {
    return host_->listen(endpoint(local), options, accept_max);
  }
  Result<ConnectionId> connect(const Endpoint& peer, const TcpOptions& options = {},
                               const Endpoint& local = {}, std::span<const std::byte> data = {}) {
    return host_->connect(endpoint(peer), options, endpoint(local), data);
  }

  // --- What does not.
  void set_time(Instant now) { host_->set_time(now); }
  [[nodiscard]] Instant now() const { return host_->now(); }
  [[nodiscard]] Instant next_deadline() const { return host_->next_deadline(); }
  void close_listener(ListenerId listener) { host_->close_listener(listener); }
  std::optional<ConnectionId> accept(ListenerId listener) { return host_->accept(listener); }
  size_t send(ConnectionId c, std::span<const std::byte> data) { return host_->send(c, data); }
  std::vector<std::byte> receive(ConnectionId c, size_t bytes_max = SIZE_MAX) {
    return host_->receive(c, bytes_max);
  }
  void shutdown(ConnectionId c) { host_->shutdown(c); }
  void close(ConnectionId c) { host_->close(c); }
  void abort(ConnectionId c) { host_->abort(c); }
  Result<void> set_options(ConnectionId c, const TcpOptions& options) {
    return host_->set_options(c, options);
  }
  [[nodiscard]] std::optional<TcpInfo> info(ConnectionId c) const { return host_->info(c); }
  [[nodiscard]] bool peer_closed(ConnectionId c) const { return host_->peer_closed(c); }
  [[nodiscard]] std::optional<CloseReason> closed(ConnectionId c) const { return host_->closed(c); }
  [[nodiscard]] Shard& shard() { return host_->shard(); }
  Result<std::vector<Host::Moved>> move() { return host_->move(); }

 private:
  TestHost(std::unique_ptr<Host> host, bool v6, std::string vlan)
      : host_(std::move(host)), v6_(v6), vlan_(std::move(vlan)) {}

  // Tags come in the bytes or, as often, were taken off by a device.
  void inject_tagged(std::vector<std::byte> frame) {
    if (vlan_.empty()) return host_->inject(frame);
    taken_off_ = !taken_off_;
    if (!taken_off_) return host_->inject(tagged(std::move(frame), vlan_));
    const RxFrame received{.data = frame.data(),
                           .length = static_cast<uint32_t>(frame.size()),
                           .vlan = *Vlan::parse(vlan_)};
    host_->shard().receive(host_->now(), {&received, 1});
    host_->set_time(host_->now());
  }

  [[nodiscard]] Endpoint endpoint(const Endpoint& given) const {
    return v6_ ? Endpoint{to_v6(given.address), given.port} : given;
  }

  std::unique_ptr<Host> host_;
  bool v6_;
  std::string vlan_;
  bool taken_off_ = false;
};

}  // namespace millrace::test
