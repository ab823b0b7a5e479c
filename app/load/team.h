// SPDX-License-Identifier: BSD-3-Clause
// The programs of one run, one on each worker, seen as one; and a plan divided among them. What can
// be counted is added up; what has a time is the longest; an error is the first there is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "load/interval_log.h"
#include "load/tally.h"
#include "millrace/engine.h"

namespace millrace::load {

// The part of `whole` that falls to worker `index`: parts differ by one at most, and add up to it.
constexpr uint64_t part_of(uint64_t whole, size_t index, size_t workers) {
  return whole / workers + (index < whole % workers ? 1 : 0);
}

// How many workers a plan has something to do for: a part of 0 would mean "no limit".
constexpr size_t useful_workers(size_t workers, std::initializer_list<uint64_t> wholes) {
  for (const uint64_t whole : wholes) {
    if (whole != 0) workers = std::min<uint64_t>(workers, whole);
  }
  return workers;
}

template <class Load>
class Team {
 public:
  explicit Team(std::vector<Load*> members) : members_(std::move(members)) {}

  [[nodiscard]] const std::vector<Load*>& members() const { return members_; }
  [[nodiscard]] std::vector<Program*> programs() const {
    return {members_.begin(), members_.end()};
  }
  [[nodiscard]] bool running() const {
    return std::any_of(members_.begin(), members_.end(),
                       [](const Load* member) { return member->running(); });
  }
  // never(): none of them has.
  [[nodiscard]] Instant began() const {
    Instant first = Instant::never();
    for (const Load* member : members_) first = std::min(first, member->began());
    return first;
  }
  [[nodiscard]] Duration ran_for() const {
    Duration longest;
    for (const Load* member : members_) longest = std::max(longest, member->ran_for());
    return longest;
  }
  [[nodiscard]] std::string error() const { return first(&Load::error); }
  [[nodiscard]] std::string connect_error() const { return first(&Load::connect_error); }

  // What `number` says of each, added up.
  template <class Number>
  [[nodiscard]] uint64_t sum(Number number) const {
    uint64_t total = 0;
    for (const Load* member : members_) total += number(*member);
    return total;
  }
  [[nodiscard]] TallySnapshot totals() const {
    TallySnapshot sum;
    for (const Load* member : members_) sum += member->snapshot();
    return sum;
  }
  [[nodiscard]] TallySnapshot when_time_was_up() const {
    TallySnapshot sum;
    for (const Load* member : members_) sum += member->when_time_was_up();
    return sum;
  }
  // May be asked while the members run.
  [[nodiscard]] Reading reading() const {
    Reading all;
    all.counts = totals();
    for (const Load* member : members_) all.latencies.merge(member->latencies());
    return all;
  }

 private:
  [[nodiscard]] std::string first(const std::string& (Load::*text)() const) const {
    for (const Load* member : members_) {
      if (!(member->*text)().empty()) return (member->*text)();
    }
    return {};
  }

  std::vector<Load*> members_;
};

// One program for each plan.
template <class Load>
class Crew {
 public:
  template <class Plan, class... More>
  explicit Crew(const std::vector<Plan>& plans, const More&... more) {
    for (const Plan& plan : plans) programs_.push_back(std::make_unique<Load>(plan, more...));
  }
  [[nodiscard]] std::vector<Load*> members() const {
    std::vector<Load*> members;
    for (const auto& program : programs_) members.push_back(program.get());
    return members;
  }
  [[nodiscard]] Team<Load> team() const { return Team<Load>(members()); }

 private:
  std::vector<std::unique_ptr<Load>> programs_;
};

}  // namespace millrace::load
