// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/listings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace {
namespace runtime {
namespace {

using Place = EngineListing::Impl::Place;

bool is_free(const Place& place) {
  return !place.held && std::all_of(place.parts.begin(), place.parts.end(),
                                    [](const auto& part) { return part->left(); });
}

}  // namespace

Result<std::unique_ptr<EngineListing::Impl>> Listings::begin(
    const ListRequest& request, std::span<const std::unique_ptr<Worker>> workers) {
  const std::lock_guard lock(mutex_);
  auto place =
      std::find_if(places_.begin(), places_.end(), [](const auto& p) { return is_free(*p); });
  if (place == places_.end()) {
    if (places_.size() == kPlaces) {
      return Error{
          fmt::format("{} listings are under way already: wait until one has ended", kPlaces)};
    }
    places_.push_back(std::make_unique<Place>());
    place = std::prev(places_.end());
  }
  Place& free = **place;
  while (free.parts.size() < workers.size()) {
    free.parts.push_back(std::make_unique<EngineListing::Impl::Part>());
  }
  free.parts.resize(workers.size());
  free.held = true;
  for (size_t i = 0; i < workers.size(); ++i) {
    EngineListing::Impl::Part& part = *free.parts[i];
    part.walk.prepare(request);
    part.posted = workers[i]->post(part.walk);
  }
  return std::make_unique<EngineListing::Impl>(mutex_, free);
}

}  // namespace runtime

EngineListing::Impl::~Impl() {
  for (const auto& part : place_.parts) part->walk.give_up();
  const std::lock_guard lock(mutex_);
  place_.held = false;
}

EngineListing::EngineListing(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EngineListing::~EngineListing() = default;

size_t EngineListing::take(std::span<Listed> out, size_t& shard_index) {
  auto& parts = impl_->place_.parts;
  for (; impl_->reading_ < parts.size(); ++impl_->reading_) {
    Impl::Part& part = *parts[impl_->reading_];
    const bool left = part.left();
    shard_index = impl_->reading_;
    const size_t count = part.walk.take(out);
    if (count != 0 || !left) return count;
  }
  return 0;
}

bool EngineListing::over() const { return impl_->reading_ == impl_->place_.parts.size(); }

bool EngineListing::complete() const {
  const auto& parts = impl_->place_.parts;
  return std::all_of(parts.begin(), parts.end(), [](const auto& part) {
    return !part->posted || (part->walk.over() && part->walk.cursor().done());
  });
}

std::array<uint64_t, kStateCount> EngineListing::counts() const {
  std::array<uint64_t, kStateCount> sums{};
  for (const auto& part : impl_->place_.parts) {
    for (size_t i = 0; i < kStateCount; ++i) sums[i] += part->walk.cursor().counts()[i];
  }
  return sums;
}

}  // namespace millrace
