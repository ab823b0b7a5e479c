// SPDX-License-Identifier: BSD-3-Clause
// The listings that an engine may have under way at a time, each a walk at each of its workers.
// Memory of a walk is kept for the next one, as its worker may look at it for some time after its
// reader has gone.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "millrace/engine_listing.h"
#include "millrace/result.h"
#include "runtime/lister.h"
#include "runtime/worker.h"

namespace millrace {

class EngineListing::Impl {
 public:
  struct Part {
    runtime::Walk walk;
    bool posted = false;  // false: its worker did not run, so there is nothing to list

    // Whether the worker touches the walk no more.
    [[nodiscard]] bool left() const { return !posted || walk.over(); }
  };
  // Of one listing; `held` while somebody reads it.
  struct Place {
    bool held = false;
    std::vector<std::unique_ptr<Part>> parts;
  };

  Impl(std::mutex& mutex, Place& place) : mutex_(mutex), place_(place) {}
  ~Impl();

  std::mutex& mutex_;  // of place.held
  Place& place_;
  size_t reading_ = 0;  // the part whose entries are taken
};

namespace runtime {

class Listings {
 public:
  static constexpr size_t kPlaces = 4;

  // Any thread. Errors: kPlaces listings are under way.
  Result<std::unique_ptr<EngineListing::Impl>> begin(
      const ListRequest& request, std::span<const std::unique_ptr<Worker>> workers);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<EngineListing::Impl::Place>> places_;
};

}  // namespace runtime
}  // namespace millrace
