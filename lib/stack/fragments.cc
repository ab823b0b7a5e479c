// SPDX-License-Identifier: BSD-3-Clause
// Fragments in, until a datagram is whole and goes the way of any frame; and out, of the one thing
// we send that may be too long for the link, the answer to an echo. RFC 791 section 3.2, RFC 1122
// section 3.3.2, RFC 8200 section 4.5. TCP is never sent in fragments.
//
// Of several shards the first gets all fragments, since only one of a datagram's has the ports.
// Whose the whole is shows then: take_whole() hands it on.
#include <algorithm>

#include "stack/impl.h"
#include "wire/bytes.h"
#include "wire/fragment.h"
#include "wire/nd.h"

namespace millrace {

using Verdict = net::Fragments::Verdict;
using wire::FrameKind;

namespace {

// The counter of the same thing in the other family.
Counter of_family(Counter v4, bool is_v4) {
  constexpr auto kDistance =
      static_cast<int>(Counter::kIp6ReasmReqds) - static_cast<int>(Counter::kIpReasmReqds);
  return is_v4 ? v4 : static_cast<Counter>(static_cast<int>(v4) + kDistance);
}
static_assert(static_cast<int>(Counter::kIp6FragCreates) -
                  static_cast<int>(Counter::kIpFragCreates) ==
              static_cast<int>(Counter::kIp6ReasmReqds) - static_cast<int>(Counter::kIpReasmReqds));

// What a frame begins with, but for its tags.
wire::EthernetHeader untagged_ethernet(const wire::ParsedFrame& p) {
  return wire::make_ethernet(p.destination_mac(), p.source_mac(), wire::load_be16(p.ip - 2));
}

}  // namespace

// --- In -----------------------------------------------------------------------------------------

void Shard::Impl::on_fragment(size_t i) {
  const wire::ParsedFrame& p = parsed_[i];
  if (!for_us_by_ip(p)) return;
  if (!fragments_) {
    drop(Counter::kDropIpFragment);
    return;
  }
  const bool v4 = p.key.peer.is_v4();
  counters_.add(of_family(Counter::kIpReasmReqds, v4));
  const net::Fragments::Taken taken =
      fragments_->take(wire::read_fragment(p), untagged_ethernet(p).bytes.data(), ctx_.tick);
  counters_.add(of_family(Counter::kIpReasmFails, v4), taken.given_up);
  switch (taken.verdict) {
    case Verdict::kKept:
    case Verdict::kDuplicate:
      return;
    case Verdict::kWhole:
      counters_.add(of_family(Counter::kIpReasmOKs, v4));
      on_whole(taken.index, i);
      return;
    case Verdict::kFailed:
    case Verdict::kRefused:
      counters_.add(of_family(Counter::kIpReasmFails, v4));
      drop(Counter::kDropIpFragment);
      return;
  }
}

// In the place of the fragment that completed it.
void Shard::Impl::on_whole(uint32_t datagram, size_t i) {
  const std::span<const std::byte> bytes = fragments_->frame(datagram);
  const RxFrame whole{.data = bytes.data(),
                      .length = static_cast<uint32_t>(bytes.size()),
                      .ip_checksum = ChecksumVerdict::kGood,
                      .vlan = parsed_[i].vlan};
  parse(whole, i);
  wire::ParsedFrame& p = parsed_[i];
  if (p.kind == FrameKind::kTcp && !owns(p.key)) {
    wholes_leaving_.push_back({datagram, p.vlan});
    return;
  }
  if (p.kind == FrameKind::kFragment) {  // in fragments itself: nobody sends that
    drop(Counter::kDropIpFragment);
  } else {
    on_parsed(i);
  }
  fragments_->release(datagram);
}

bool Shard::Impl::take_whole(RxFrame& frame) {
  if (whole_shown_ != kNil) fragments_->release(std::exchange(whole_shown_, kNil));
  if (wholes_leaving_.empty()) return false;
  const Vlan vlan = wholes_leaving_.front().vlan;
  whole_shown_ = wholes_leaving_.front().datagram;
  wholes_leaving_.erase(wholes_leaving_.begin());
  const std::span<const std::byte> bytes = fragments_->frame(whole_shown_);
  frame = {.data = bytes.data(),
           .length = static_cast<uint32_t>(bytes.size()),
           .ip_checksum = ChecksumVerdict::kGood,
           .vlan = vlan};
  return true;
}

void Shard::Impl::advance_fragments() {
  fragments_->advance(ctx_.tick, [this](const net::Fragments::Expired& expired) {
    on_reassembly_timeout(expired);
  });
}

// The sender is told where the first fragment came, by which it can see what was lost.
void Shard::Impl::on_reassembly_timeout(const net::Fragments::Expired& expired) {
  constexpr uint8_t kReassemblyTime = 1;  // the code, of both families
  const bool v4 = expired.source.is_v4();
  counters_.add(of_family(Counter::kIpReasmTimeout, v4));
  counters_.add(of_family(Counter::kIpReasmFails, v4));
  if (expired.quote.empty() || !interface_.is_local(expired.destination) || !icmp_.take()) return;
  constexpr size_t kRoom =
      wire::kIpv6MtuMin - wire::kIpv6HeaderBytes - wire::kIcmpV6ErrorHeaderBytes;
  std::array<std::byte, 4 + kRoom> body{};
  const size_t header_bytes = (wire::load8(expired.quote.data()) & 0x0f) * size_t{4};
  const size_t quoted = std::min(expired.quote.size(), v4 ? header_bytes + 8 : kRoom);
  std::copy_n(expired.quote.begin(), quoted, body.begin() + 4);
  counters_.add(v4 ? Counter::kIcmpOutTimeExcds : Counter::kIcmp6OutTimeExcds);
  send_icmp(expired.destination, expired.source,
            v4 ? wire::kIcmpTimeExceeded : wire::kIcmpV6TimeExceeded, kReassemblyTime,
            std::span(body).first(4 + quoted));
}

// --- Out ----------------------------------------------------------------------------------------

// The largest packet that gets to `destination`, as far as is known.
uint16_t Shard::Impl::path_mtu(const IpAddress& destination) {
  const uint16_t link = destination.is_v4() ? config_.interface.mtu : interface_.mtu_v6();
  const uint16_t known = paths_.empty() ? uint16_t{0} : paths_.find(destination, now_);
  return known == 0 ? link : std::min(known, link);
}

// Each fragment is a control frame with a block of its own. When those run out the rest is not
// sent, and the other side waits in vain.
void Shard::Impl::send_in_fragments(const IpAddress& source, const IpAddress& destination,
                                    uint8_t type, uint8_t code, std::span<const std::byte> body) {
  const bool v4 = destination.is_v4();
  const size_t header_bytes = wire::fragment_headers_bytes(v4);
  const size_t longest = std::min<size_t>(path_mtu(destination), tcp::LargeBlock::kDataBytes);
  const size_t step = (longest - header_bytes) / wire::kFragmentUnit * wire::kFragmentUnit;
  const uint16_t sum = wire::icmp_checksum(source, destination, type, code, body);
  wire::FragmentFields fields{.id = fragment_id_++,
                              .protocol = v4 ? wire::kProtocolIcmp : wire::kProtocolIcmpV6};
  const size_t total = wire::kIcmpHeadBytes + body.size();
  for (size_t at = 0; at < total; at += step) {
    const size_t bytes = std::min(step, total - at);
    fields.offset = static_cast<uint16_t>(at);
    fields.more = at + bytes < total;
    const uint32_t control = control_.allocate();
    const uint32_t block = control == kNil ? kNil : blocks_.allocate(bytes, wire::SeqNum{});
    if (block == kNil) {
      if (control != kNil) control_.free(control, blocks_);
      drop(Counter::kDropControlQueueFull);
      return;
    }
    const std::span<std::byte> room(blocks_.storage(block), bytes);
    if (at == 0) {
      wire::write_icmp_head(room.data(), type, code, sum);
      std::ranges::copy(body.first(bytes - wire::kIcmpHeadBytes),
                        room.begin() + wire::kIcmpHeadBytes);
    } else {
      std::ranges::copy(body.subspan(at - wire::kIcmpHeadBytes, bytes), room.begin());
    }
    stack::ControlFrame& entry = control_[control];
    entry.body_block = block;
    entry.frame = TxFrame{};
    entry.frame.l2_bytes = wire::kEthernetHeaderBytes;
    entry.frame.header_bytes = static_cast<uint16_t>(wire::build_fragment_headers(
        entry.frame.header, {.ttl = config_.interface.ttl}, source, destination, fields, bytes));
    entry.frame.payload[0] = room;
    entry.frame.payload_spans = 1;
    entry.frame.payload_bytes = static_cast<uint16_t>(bytes);
    counters_.add(of_family(Counter::kIpFragCreates, v4));
    route_control(control, source, destination);
  }
  counters_.add(of_family(Counter::kIpFragOKs, v4));
}

}  // namespace millrace
