// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/steerer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/bytes.h"

namespace millrace::runtime {
namespace {

// Tokens of copies are told from a wire's by their lowest bit, which no wire uses.
constexpr uintptr_t kCopyMark = 1;

// Whether a device hashes the ports of such a frame; what is not ordinary may not have been.
bool is_ordinary_tcp(const RxFrame& frame) {
  constexpr size_t kLeast = 14 + 40;
  if (frame.length < kLeast) return false;
  const std::byte* ip = frame.data + 14;
  const uint16_t ethertype = wire::load_be16(frame.data + 12);
  if (ethertype == 0x0800) {
    return wire::load8(ip + 9) == 6 && (wire::load_be16(ip + 6) & 0x3fff) == 0;
  }
  return ethertype == 0x86dd && wire::load8(ip + 6) == 6;
}

}  // namespace

Steerer::Steerer(const flow::Steering& steering, Exchange& exchange, uint16_t self, nic::Wire& wire,
                 const Moving* moving)
    : steering_(steering),
      exchange_(exchange),
      self_(self),
      wire_(wire),
      moving_(moving),
      gives_(self < exchange.givers()),
      active_(exchange.workers()) {
  kept_.reserve(kKeptMax);
  kept_out_.reserve(nic::Wire::kBurstMax);
  if (gives_) {
    batches_.resize(exchange.workers());
    touched_.reserve(exchange.workers());
    copies_.resize(kCopies);
    if (self == 0) wholes_.resize(kWholes);  // its shard gets the fragments
    copied_.resize(copies_.size() * kCopyBytes + wholes_.size() * kWholeBytes);
    std::span<std::byte> rest(copied_);
    for (Copy& copy : copies_) {
      copy.bytes = rest.first(kCopyBytes);
      rest = rest.subspan(kCopyBytes);
    }
    for (Copy& whole : wholes_) {
      whole.bytes = rest.first(kWholeBytes);
      rest = rest.subspan(kWholeBytes);
    }
  }
  for (size_t from = 0; from < exchange.givers(); ++from) {
    if (from != self) incoming_.push_back(&exchange.lane(from, self));
  }
}

// --- Giving -------------------------------------------------------------------------------------

size_t Steerer::keep_own(std::span<RxFrame> burst) {
  if (alone_ && keeping_ == nullptr) return burst.size();
  size_t ours = 0;
  for (size_t i = 0; i < burst.size(); ++i) {
    const uint16_t to = recipient_of(burst[i]);
    if (to == flow::Steering::kAll) hand_to_all(burst[i]);
    if (to < flow::Steering::kAny && to != self_) {
      hand(to, burst[i], i);
    } else if (keeping_ == nullptr || !keep_own_frame(burst[i], i)) [[likely]] {
      burst[ours++] = burst[i];
    }
  }
  flush();
  return ours;
}

uint16_t Steerer::recipient_of(const RxFrame& frame) {
  if (frame.rss_hash == 0 || !trusts_ || !is_ordinary_tcp(frame)) {
    return steering_.recipient_of(frame);
  }
  if (--until_check_ == 0) {
    check(frame);
    if (!trusts_) return steering_.recipient_of(frame);
  }
  return steering_.rss().owner_of_hash(frame.rss_hash);
}

void Steerer::check(const RxFrame& frame) {
  if (checks_left_ != 0) --checks_left_;
  until_check_ = checks_left_ != 0 ? 1 : kCheckEvery;
  tallies_.hashes_checked.add(1);
  if (steering_.hash_of(frame) == frame.rss_hash) return;
  tallies_.hashes_wrong.add(1);
  trusts_ = false;
}

bool Steerer::has_room(uint16_t to) const {
  return exchange_.lane(self_, to).room() > batches_[to].count;
}

void Steerer::hand(uint16_t to, const RxFrame& frame, size_t index) {
  if (!has_room(to)) {
    tallies_.dropped.add(1);
    return;
  }
  RxFrame kept = frame;
  void* const token = wire_.keep(index, kept);
  if (token != nullptr) {
    stage(to, kept, token);
  } else {
    tallies_.dropped.add(1);
  }
}

// One copy for all the others: the frame itself stays with us.
void Steerer::hand_to_all(const RxFrame& frame) {
  RxFrame same = frame;
  Copy* const copied = copy(copies_, same);
  if (copied == nullptr) {
    tallies_.dropped.add(active_ - 1);
    return;
  }
  for (uint16_t to = 0; to < active_; ++to) {
    if (to == self_) continue;
    if (has_room(to)) {
      stage_copy(to, same, *copied);
    } else {
      tallies_.dropped.add(1);
    }
  }
}

void Steerer::pass_on(const RxFrame& frame) {
  const uint16_t to = steering_.recipient_of(frame);
  RxFrame same = frame;
  const bool others = gives_ && to < exchange_.workers() && to != self_;
  Copy* const copied = others && has_room(to) ? copy(wholes_, same) : nullptr;
  if (copied == nullptr) {
    tallies_.dropped.add(1);
    return;
  }
  stage_copy(to, same, *copied);
  flush();
}

// Points `frame` at a copy of its bytes; null when there is no room for one.
Steerer::Copy* Steerer::copy(std::vector<Copy>& copies, RxFrame& frame) {
  const auto free =
      std::find_if(copies.begin(), copies.end(), [](const Copy& c) { return c.holders == 0; });
  if (free == copies.end() || frame.length > free->bytes.size()) return nullptr;
  std::memcpy(free->bytes.data(), frame.data, frame.length);
  frame.data = free->bytes.data();
  return &*free;
}

void Steerer::stage_copy(uint16_t to, const RxFrame& frame, Copy& copy) {
  ++copy.holders;
  stage(to, frame, reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(&copy) | kCopyMark));
}

void Steerer::stage(uint16_t to, const RxFrame& frame, void* token) {
  Batch& batch = batches_[to];
  if (batch.count == 0) touched_.push_back(to);
  batch.frames[batch.count++] = {frame, token};
}

void Steerer::flush() {
  for (const uint16_t to : touched_) {
    Batch& batch = batches_[to];
    exchange_.lane(self_, to).give(std::span(batch.frames).first(batch.count));
    tallies_.handed_out.add(batch.count);
    batch.count = 0;
  }
  touched_.clear();
}

void Steerer::collect() {
  if (!gives_) return;
  std::array<void*, nic::Wire::kBurstMax> tokens;
  for (size_t to = 0; to < exchange_.workers(); ++to) {
    if (to == self_) continue;
    Lane& lane = exchange_.lane(self_, to);
    while (lane.under_way() != 0) {
      const size_t count = lane.take_back(tokens);
      if (count == 0) break;
      give_back(std::span(tokens).first(count));
    }
  }
}

void Steerer::give_back(std::span<void* const> tokens) {
  std::array<void*, nic::Wire::kBurstMax> of_wire;
  size_t count = 0;
  for (void* const token : tokens) {
    const auto bits = reinterpret_cast<uintptr_t>(token);
    if ((bits & kCopyMark) != 0) {
      --reinterpret_cast<Copy*>(bits & ~kCopyMark)->holders;
    } else {
      of_wire[count++] = token;
    }
  }
  if (count != 0) wire_.give_back(std::span(of_wire).first(count));
}

void Steerer::reclaim() {
  std::array<RxFrame, nic::Wire::kBurstMax> kept;
  while (take_all(kept) != 0) release_kept();
  if (!gives_) return;
  for (size_t to = 0; to < exchange_.workers(); ++to) {
    if (to == self_) continue;
    Lane& lane = exchange_.lane(self_, to);
    std::array<Handed, nic::Wire::kBurstMax> frames;
    while (const size_t count = lane.take(frames)) {
      for (const Handed& handed : std::span(frames).first(count)) {
        if (!handed.is_mark()) lane.done({&handed.token, 1});
      }
    }
  }
  collect();
}

void Steerer::tell(std::span<const PathNews> news) {
  for (size_t to = 0; to < exchange_.workers(); ++to) {
    if (to == self_) continue;
    for (const PathNews& item : news) exchange_.mailbox(to).put(item);
  }
}

// --- Taking -------------------------------------------------------------------------------------

size_t Steerer::take(std::span<RxFrame> frames) {
  std::array<Handed, nic::Wire::kBurstMax> handed;
  const size_t wanted = std::min(frames.size(), handed.size());
  for (size_t i = 0; i < incoming_.size(); ++i) {
    Lane* lane = incoming_[next_incoming_];
    next_incoming_ = next_incoming_ + 1 == incoming_.size() ? 0 : next_incoming_ + 1;
    const size_t count = lane->take(std::span(handed).first(wanted));
    if (count == 0) continue;
    taken_from_ = lane;
    taken_ = sort_taken(std::span(handed).first(count), *lane, frames);
    if (taken_ == 0) continue;
    tallies_.handed_in.add(taken_);
    return taken_;
  }
  return 0;
}

// Marks are none of the shard's business, nor are frames that it may not see yet.
size_t Steerer::sort_taken(std::span<const Handed> handed, Lane& lane, std::span<RxFrame> frames) {
  size_t count = 0;
  for (const Handed& one : handed) {
    if (one.is_mark()) [[unlikely]] {
      on_mark();
    } else if (keeping_ == nullptr || !is_to_be_kept(one.frame)) [[likely]] {
      frames[count] = one.frame;
      taken_tokens_[count++] = one.token;
    } else if (kept_.size() < kKeptMax) {
      kept_.push_back({one, &lane});
      tallies_.kept.add(1);
    } else {
      tallies_.dropped.add(1);
      lane.done({&one.token, 1});
    }
  }
  return count;
}

void Steerer::release() {
  taken_from_->done(std::span(taken_tokens_).first(taken_));
  taken_ = 0;
}

// --- Entries that change hands ------------------------------------------------------------------

void Steerer::set_table(std::span<const uint16_t> table, size_t active) {
  steering_.set_table(table);
  active_ = active;
  alone_ = active == 1 &&
           std::all_of(table.begin(), table.end(), [&](uint16_t owner) { return owner == self_; });
}

void Steerer::adopt(const MovePlan& plan) {
  set_table(plan.table, plan.active);
  marks_missing_ = incoming_.size() - std::exchange(marks_early_, 0);
  if (plan.to == self_ && plan.entries.any()) keeping_ = &plan;
  if (!gives_) return;
  const size_t members = std::max<size_t>(plan.members, exchange_.givers());
  for (size_t to = 0; to < members; ++to) {
    if (to != self_) exchange_.lane(self_, to).mark();
  }
}

// Whoever put it there has adopted a plan, and frames of its entries follow. We may not have seen
// that plan yet: then this is how we hear of it.
void Steerer::on_mark() {
  if (marks_missing_ != 0) {
    --marks_missing_;
    return;
  }
  ++marks_early_;
  const MovePlan& plan = moving_->plan();
  if (plan.to == self_ && plan.entries.any()) keeping_ = &plan;
}

bool Steerer::is_to_be_kept(const RxFrame& frame) const {
  const auto key = flow::Steering::key_of(frame);
  return key && keeping_->entries[steering_.rss().entry_of(*key)] && !shard_->knows(*key);
}

// Of our own wire: true when the shard does not get it now.
bool Steerer::keep_own_frame(const RxFrame& frame, size_t index) {
  if (!is_to_be_kept(frame)) return false;
  Handed handed{frame, nullptr};
  if (kept_.size() < kKeptMax) handed.token = wire_.keep(index, handed.frame);
  if (handed.token == nullptr) {
    tallies_.dropped.add(1);
  } else {
    kept_.push_back({handed, nullptr});
    tallies_.kept.add(1);
  }
  return true;
}

size_t Steerer::take_kept(std::span<RxFrame> frames, bool known_only) {
  const size_t most = std::min(frames.size(), nic::Wire::kBurstMax);
  size_t left = 0;
  for (const Kept& kept : kept_) {
    if (kept_out_.size() < most && !(known_only && is_to_be_kept(kept.handed.frame))) {
      frames[kept_out_.size()] = kept.handed.frame;
      kept_out_.push_back(kept);
    } else {
      kept_[left++] = kept;
    }
  }
  kept_.resize(left);
  if (kept_out_.empty() && !known_only) keeping_ = nullptr;
  return kept_out_.size();
}

void Steerer::release_kept() {
  for (const Kept& kept : kept_out_) {
    const std::span<void* const> token(&kept.handed.token, 1);
    kept.lane != nullptr ? kept.lane->done(token) : give_back(token);
  }
  kept_out_.clear();
}

}  // namespace millrace::runtime
