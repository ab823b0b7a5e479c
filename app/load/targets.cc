// SPDX-License-Identifier: BSD-3-Clause
#include "load/targets.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "cli/values.h"

namespace millrace::load {

Result<Target> Target::parse(const std::string& text) {
  constexpr uint64_t kWeightMax = 1000;
  const size_t equals = std::min(text.find('='), text.size());
  const Result<Endpoint> endpoint = Endpoint::parse(text.substr(0, equals));
  const std::optional<uint64_t> weight =
      equals == text.size() ? 1 : cli::parse_number(std::string_view(text).substr(equals + 1));
  if (!endpoint || !weight || *weight < 1 || *weight > kWeightMax) {
    return Error{
        "give an address and a port, such as 10.0.0.1:80, and where targets differ in "
        "weight that too, 10.0.0.1:80=3"};
  }
  return Target{*endpoint, static_cast<uint32_t>(*weight)};
}

std::vector<Endpoint> one_round(const std::vector<Target>& targets) {
  const uint32_t common =
      std::accumulate(targets.begin(), targets.end(), 0u,
                      [](uint32_t g, const Target& t) { return std::gcd(g, t.weight); });
  // In each place stands the target that is furthest behind its share.
  std::vector<int64_t> owed(targets.size());
  int64_t all = 0;
  for (const Target& t : targets) all += t.weight / common;
  std::vector<Endpoint> round;
  for (int64_t place = 0; place < all; ++place) {
    for (size_t i = 0; i < targets.size(); ++i) owed[i] += targets[i].weight / common;
    const auto next = std::max_element(owed.begin(), owed.end());
    *next -= all;
    round.push_back(targets[static_cast<size_t>(next - owed.begin())].endpoint);
  }
  return round;
}

}  // namespace millrace::load
