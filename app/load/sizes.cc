// SPDX-License-Identifier: BSD-3-Clause
#include "load/sizes.h"

#include <algorithm>
#include <optional>

#include "cli/values.h"

namespace millrace::load {

Result<Sizes> Sizes::parse(std::string_view text) {
  Sizes sizes;
  sizes.pieces_.clear();
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    more = comma != std::string_view::npos;
    const std::string_view item = text.substr(0, comma);
    const size_t colon = std::min(item.find(':'), item.size());
    const std::string_view range = item.substr(0, colon);
    const size_t dash = std::min(range.find('-'), range.size());
    const std::optional<uint64_t> first = cli::parse_size(range.substr(0, dash));
    const std::optional<uint64_t> last =
        dash == range.size() ? first : cli::parse_size(range.substr(dash + 1));
    const std::optional<uint64_t> weight =
        colon == item.size() ? 1 : cli::parse_number(item.substr(colon + 1));
    const bool right = first && last && weight && *first <= *last && *weight >= 1 &&
                       *weight <= 1'000'000 && sizes.pieces_.size() < 64;
    if (!right) {
      return Error{
          "give a size, such as 4k, a stretch, 64-1500, or several with weights, "
          "64:7,576:4,1500:1"};
    }
    sizes.pieces_.push_back({*first, *last, static_cast<uint32_t>(*weight)});
    if (more) text.remove_prefix(comma + 1);
  }
  std::stable_sort(sizes.pieces_.begin(), sizes.pieces_.end(),
                   [](const Piece& a, const Piece& b) { return a.first < b.first; });
  return sizes;
}

uint64_t Sizes::at(double share) const {
  double weights = 0;
  for (const Piece& piece : pieces_) weights += piece.weight;
  double left = share * weights;
  for (const Piece& piece : pieces_) {
    if (left >= piece.weight && &piece != &pieces_.back()) {
      left -= piece.weight;
      continue;
    }
    const double count = static_cast<double>(piece.last - piece.first) + 1;
    const double within = std::clamp(left / piece.weight, 0.0, 1.0) * count;
    return std::min(piece.first + static_cast<uint64_t>(within), piece.last);
  }
  return max();
}

uint64_t Sizes::min() const { return pieces_.front().first; }

uint64_t Sizes::max() const {
  return std::max_element(pieces_.begin(), pieces_.end(),
                          [](const Piece& a, const Piece& b) { return a.last < b.last; })
      ->last;
}

}  // namespace millrace::load
