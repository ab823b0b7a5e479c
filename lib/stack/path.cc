// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about segments of ours, and what they tell about paths. Believed only when they quote
// a sequence number that is in flight (RFC 5927 section 4.1); what is too large is TCP's question
// (tcp/mtu.h).
//
//                            no connection yet         a connection
//   too big                  ignored: a SYN fits       smaller segments (RFC 1191, RFC 8201)
//   other unreachables       the attempt ends          ignored, hard or soft (RFC 5927 section 5.2;
//                                                      RFC 1122 section 4.2.3.9)
//   protocol, port, half open: the entry is forgotten
//   time exceeded, parameter problem, source quench: counted, ignored
#include <algorithm>

#include "stack/impl.h"
#include "tcp/mtu.h"

namespace millrace {

using stack::flow_index;
using stack::flow_kind;
using wire::IcmpError;

void Shard::Impl::on_icmp_error(const wire::IcmpMessage& message) {
  if (!message.quotes_tcp || message.error == IcmpError::kNone) return;
  const uint32_t value = flows_.find(flow_hash(message.quoted),
                                     [&](uint32_t v) { return is_key_of(v, message.quoted); });
  if (value == kNil || flow_kind(value) == FlowKind::kTimeWait) return;
  if (flow_kind(value) == FlowKind::kHalfOpen) {
    on_half_open_error(flow_index(value), message);
    return;
  }
  const uint32_t index = flow_index(value);
  Connection& c = connections_[index];
  if (c.has(tcp::kAborting)) return;
  if (message.quoted_seq < c.snd_una || message.quoted_seq >= c.snd_nxt) {
    counters_.add(Counter::kTcpExtOutOfWindowIcmps);
    return;
  }
  const bool connecting = c.state == State::kSynSent || c.state == State::kSynReceived;
  if (message.error != IcmpError::kTooBig) {
    if (connecting) destroy(index, CloseReason::kUnreachable);
    return;
  }
  if (connecting || c.state == State::kTimeWait) return;
  tcp::Effects fx;
  tcp::on_too_big(c, ctx_, {message.quoted_seq, message.next_hop_mtu, message.quoted_bytes}, fx);
  if (fx.path_mtu != 0) remember_path(c, fx);
  if (fx.dirty) mark_dirty(index);
}

void Shard::Impl::on_half_open_error(uint32_t index, const wire::IcmpMessage& message) {
  if (message.quoted_seq != half_open_[index].iss) {
    counters_.add(Counter::kTcpExtOutOfWindowIcmps);
    return;
  }
  if (message.error == IcmpError::kRefused) forget_half_open(index);
}

// Requires: the connection is open and has sent nothing but its SYN.
void Shard::Impl::begin_path(Connection& c) {
  tcp::begin_path(c, ctx_, paths_.empty() ? uint16_t{0} : paths_.find(c.key.peer, now_));
}

void Shard::Impl::remember_path(const Connection& c, const tcp::Effects& fx) {
  paths_.learn(c.key.peer, fx.path_mtu, now_);
  if (rss_ && news_count_ < news_.size()) news_[news_count_++] = {c.key.peer, fx.path_mtu};
}

size_t Shard::Impl::take_news(std::span<PathNews> out) {
  const size_t count = std::min(out.size(), news_count_);
  for (size_t i = 0; i < count; ++i) out[i] = news_[--news_count_];
  return count;
}

}  // namespace millrace
