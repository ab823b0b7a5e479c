// SPDX-License-Identifier: BSD-3-Clause
// The inside of a shard: what it owns, and the steps of its turn, each group in the file named
// above it. A frame walks down this page once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/slab.h"
#include "flow/port_share.h"
#include "flow/table.h"
#include "millrace/shard.h"
#include "net/fragments.h"
#include "net/interface.h"
#include "net/neighbor.h"
#include "net/path_cache.h"
#include "stack/control_queue.h"
#include "stack/move_record.h"
#include "stack/rate_limit.h"
#include "stack/shedding.h"
#include "stack/statistics.h"
#include "stack/syn_answer.h"
#include "stack/time_waits.h"
#include "stack/used_cookies.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/event_ring.h"
#include "tcp/half_open.h"
#include "tcp/isn.h"
#include "tcp/syn_cookie.h"
#include "timer/wheel.h"
#include "wire/frame.h"
#include "wire/plain.h"
#include "wire/plain_syn.h"

namespace millrace {

namespace stack {

using base::kNil;

// What a flow-table value means: the top two bits say which slab the index is of. Places in
// TIME-WAIT have 31 bits and so two of their four values.
enum class FlowKind : uint32_t { kConnection = 0, kHalfOpen = 1, kTimeWait = 2 };
inline constexpr uint32_t kFlowIndexBits = 30;
inline constexpr uint32_t kFlowIndexMask = (1u << kFlowIndexBits) - 1;
constexpr uint32_t flow_value(FlowKind kind, uint32_t index) {
  return (static_cast<uint32_t>(kind) << kFlowIndexBits) | index;
}
constexpr FlowKind flow_kind(uint32_t value) {
  return static_cast<FlowKind>(std::min(value >> kFlowIndexBits, uint32_t{2}));
}
constexpr uint32_t flow_index(uint32_t value) {
  return value &
         (flow_kind(value) == FlowKind::kTimeWait ? kFlowIndexMask * 2 + 1 : kFlowIndexMask);
}
static_assert(TimeWaits::kPlaceBits == kFlowIndexBits + 1);

struct Listener {
  Endpoint local;
  bool open = false;
  bool accepting = true;
  uint16_t app = 0;
  uint16_t profile = 0;
  uint16_t next_of_port = 0;  // the next listener of the same port + 1; 0: none
  uint32_t half_open = 0;     // entries that are its own
  // Fast Open: connections whose handshake goes on, and how many such were reset in this minute and
  // the one before. Those still count, or who forges SYNs with cookies of his own would have no
  // bound (RFC 7413 section 5.1).
  uint32_t fast_open = 0;
  uint32_t fast_open_resets = 0;
  uint32_t fast_open_resets_before = 0;
};

// How packets get to a destination, as it was asked last time.
struct alignas(64) Way {
  IpAddress destination;
  Vlan on = Vlan::any();     // that of the address to speak from, where it matters
  IpAddress source;          // to speak from when the caller has no wish
  uint32_t neighbor = kNil;  // of the next hop
  uint32_t epoch = 0;        // ways_epoch() when it was looked up
  bool host = false;         // not we, not many: one can connect to it
};

// What is leaving for other shards, and how far the walk over it has come.
struct Leaving {
  enum class Stage : uint8_t {
    kConnections,
    kHalfOpen,
    kTimeWaitV4,
    kTimeWaitV6,
    kUsedCookies,
    kUsedSyns,
    kLast,
    kDone,
  };
  Shard::Entries entries;
  Stage stage = Stage::kDone;
  uint64_t next = 0;                  // where this stage goes on
  std::optional<uint16_t> announced;  // the profile of what is packed next is in the parcel
};

// A singly linked list of connections through Connection::dirty_next.
struct ConnectionList {
  uint32_t head = kNil;
  uint32_t tail = kNil;
};

}  // namespace stack

class Shard::Impl {
 public:
  using Connection = tcp::Connection;
  using FlowKind = stack::FlowKind;
  static constexpr uint32_t kNil = stack::kNil;
  // How far beyond a tuple's last incarnation the next one begins, when its clock has not got
  // there.
  static constexpr uint32_t kIssStep = 0x10000;

  static Result<std::unique_ptr<Impl>> create(const ShardConfig& config, Instant now);

  // --- shard.cc: time, and what is asked from outside; info.cc.
  void set_time(Instant now);
  Instant instant_of(uint32_t tick) const;
  Instant next_deadline() const;
  bool has_output() const;
  ShardUse use() const;
  std::optional<TcpInfo> info(ConnectionId id) const;
  State state_of(const FlowKey& key);
  TcpInfo info_of(uint32_t index) const;
  const Connection* find(ConnectionId id) const {
    if (id.index >= connections_.high_water()) return nullptr;
    const Connection& c = connections_[id.index];
    return c.generation == id.generation && c.state != State::kClosed ? &c : nullptr;
  }
  Connection* find(ConnectionId id) {
    return const_cast<Connection*>(std::as_const(*this).find(id));
  }
  void drain(Instant deadline);
  bool drained() const;

  // --- listing.cc: a walk over all entries.
  Listed listed_listener(const stack::Listener& listener) const;
  Listed listed_half_open(const tcp::HalfOpen& half) const;
  Listed listed_connection(uint32_t index) const;
  Listed listed_time_wait(const FlowKey& key, const tcp::TimeWait& state, bool timestamps,
                          uint32_t deadline) const;
  Duration left_until(uint32_t deadline) const;
  void prefetch_connections(uint64_t begin, uint64_t end, bool whole) const;

  // --- ingress.cc: frames in.
  void receive(std::span<const RxFrame> burst);
  void on_parsed(size_t i);
  bool for_us_by_mac(const wire::ParsedFrame& p);
  bool for_us_by_ip(const wire::ParsedFrame& p);
  void on_tcp(const wire::ParsedFrame& p, uint64_t hash);
  void on_counted_segment(uint32_t index, const wire::Segment& s, tcp::Effects& fx);
  void on_no_flow(const wire::ParsedFrame& p, uint64_t hash);
  bool on_plain(const RxFrame& frame, size_t i);
  [[gnu::noinline]] size_t take_train(std::span<const RxFrame> burst, size_t first);
  bool take_text(uint32_t index, const wire::Plain& s);
  bool end_by_acknowledgement(uint32_t index);
  bool on_unpredicted(const RxFrame& frame, size_t i);
  uint32_t find_flow(const FlowKey& key, uint64_t hash) const;
  void on_flow(uint32_t value, const wire::ParsedFrame& p, uint64_t hash);
  void count_in(const wire::ParsedFrame& p);
  void parse(const RxFrame& frame, size_t i);
  bool is_on_its_vlan(wire::ParsedFrame& p);
  uint64_t flow_hash(const FlowKey& key) const {
    if (!key.peer.is_v4()) [[unlikely]]
      return flow_hash_v6(key);
    return flow_hash(key.peer.words()[1] >> 32 | (key.local.words()[1] & 0xffff'ffff'0000'0000),
                     wire::swap_bytes(key.local_port | uint32_t{key.peer_port} << 16));
  }
  // IPv4 addresses and ports as wire::Plain has them.
  uint64_t flow_hash(uint64_t addresses, uint32_t ports) const {
    return base::fold_multiply(
        base::fold_multiply(addresses ^ hash_key_[0], ports ^ hash_key_[1]) ^ hash_key_[2],
        hash_key_[3]);
  }
  uint64_t flow_hash_v6(const FlowKey& key) const;
  bool is_key_of(uint32_t value, const FlowKey& key) const;
  void drop(Counter reason) { counters_.add(reason); }

  // --- fragments.cc: fragments in, and what is too long for the link out.
  void on_fragment(size_t i);
  void on_whole(uint32_t datagram, size_t i);
  bool take_whole(RxFrame& frame);
  void advance_fragments();
  void on_reassembly_timeout(const net::Fragments::Expired& expired);
  uint16_t path_mtu(const IpAddress& destination);
  void send_in_fragments(const IpAddress& source, const IpAddress& destination, uint8_t type,
                         uint8_t code, std::span<const std::byte> body);

  // --- ingress_ip.cc, ingress_ip6.cc: ARP, ICMP and neighbour discovery in.
  void on_arp(const wire::ParsedFrame& p);
  void on_icmp(const wire::ParsedFrame& p);
  void on_other_ip(const wire::ParsedFrame& p);
  bool for_us_by_ip6(const wire::ParsedFrame& p);
  bool for_group(const wire::ParsedFrame& p) const;
  void on_icmp_v6(const wire::ParsedFrame& p);
  void on_echo_v6(const wire::ParsedFrame& p, const wire::IcmpMessage& message);
  void refuse_protocol_v6(const wire::ParsedFrame& p);
  void on_neighbor_discovery(const wire::ParsedFrame& p, const wire::IcmpMessage& message);
  void on_solicitation(const wire::ParsedFrame& p, const wire::NdMessage& said);
  void on_advertisement(const wire::ParsedFrame& p, const wire::NdMessage& said);
  void on_router_advertisement(const wire::ParsedFrame& p, const wire::NdMessage& said);
  void note_learned(const net::Station& station, const net::Neighbors::Learned& learned);
  void on_group_query(const wire::ParsedFrame& p, const wire::IcmpMessage& message);

  // --- redirect.cc: better next hops.
  void on_redirect_v4(const wire::ParsedFrame& p, const wire::IcmpMessage& message);
  void on_redirect_v6(const wire::ParsedFrame& p, const wire::NdMessage& said);
  bool quotes_in_flight(const wire::IcmpMessage& message) const;
  void reroute(const wire::IcmpMessage& message, const IpAddress& destination);

  // --- link.cc: what is said about addresses on the link.
  void advance_link();
  void retry_gateways();
  void on_interface_changed();
  bool ask_neighbor(uint32_t neighbor);
  void on_neighbor_known(uint32_t neighbor);
  void on_neighbor_failed(uint32_t neighbor);
  bool find_other_way(Connection& c);
  void on_conflict(const IpAddress& address);
  void end_connections_of(const IpAddress& address);
  void probe_address(const net::OwnAddress& own);
  void announce(const net::OwnAddress& own);
  void solicit_routers(Vlan vlan);
  void report_groups(wire::GroupRecord record, std::span<const uint32_t> groups, bool version_1);
  void report_groups_on(Vlan vlan, wire::GroupRecord record, std::span<const uint32_t> groups,
                        bool version_1);
  void send_advertisement(const IpAddress& target, const IpAddress& to, const MacAddress& to_mac,
                          bool solicited);
  void send_nd(const IpAddress& source, const net::Station& to, const MacAddress& to_mac,
               const wire::NdMessage& message);

  // --- path.cc: ICMP errors about our segments, and what is known of paths.
  void on_icmp_error(const wire::IcmpMessage& message);
  void on_half_open_error(uint32_t index, const wire::IcmpMessage& message);
  void begin_path(Connection& c);
  void remember_path(const Connection& c, const tcp::Effects& fx);
  size_t take_news(std::span<PathNews> out);

  // --- deliver.cc: what a segment meant, to the application.
  void apply(uint32_t index, const tcp::Effects& fx, const wire::ParsedFrame* cause);
  void offer_room(uint32_t index);
  // Offers bytes at rcv_nxt; false when some could neither be taken nor kept.
  bool deliver(uint32_t index, std::span<const std::byte> data);
  bool deliver_rest(uint32_t index, std::span<const std::byte> data, size_t taken);
  // Asks the application, which is paused when it takes less than all. Requires: it is not.
  size_t offer(uint32_t index, std::span<const std::byte> data) {
    Connection& c = connections_[index];
    const uint32_t outer = std::exchange(delivering_, index);
    const size_t taken = app_of(c).on_data(*facade_, ref(index), data);
    delivering_ = outer;
    MR_ASSERT(taken <= data.size());
    if (taken < data.size()) c.set(tcp::kPaused);
    return taken;
  }
  // A device may join several segments to one.
  void note_rcv_mss(Connection& c, size_t payload_bytes) const {
    const size_t bytes = std::min<size_t>(payload_bytes, ctx_.local_mss);
    c.rcv_mss = std::max(c.rcv_mss, static_cast<uint16_t>(bytes));
  }
  void deliver_in_order(uint32_t index, const tcp::Effects& fx);
  void on_peer_fin(uint32_t index);
  void end_after_reading(uint32_t index, uint8_t end);
  void resume(ConnectionId id);
  ConnectionRef ref(uint32_t index) const {
    const Connection& c = connections_[index];
    return {{index, c.generation}, c.cookie};
  }
  App& app_of(const Connection& c) { return *apps_[c.app]; }

  // --- open.cc: beginnings.
  Result<ListenerId> listen(const Endpoint& local, App& app, const TcpOptions& options);
  void close_listener(ListenerId listener);
  void set_accepting(ListenerId listener, bool accepting);
  stack::Listener* listener_for(const FlowKey& key);
  void recount_half_open();
  Result<ConnectionId> connect(const Endpoint& peer, App& app, uint64_t cookie,
                               const TcpOptions& options, const Endpoint& local);
  bool no_room_for_syn(const stack::Listener& listener) const;
  void on_listener_syn(stack::Listener& listener, const wire::ParsedFrame& p, uint64_t hash);
  void remember_half_open(stack::Listener& listener, const wire::ParsedFrame& p, uint64_t hash,
                          std::optional<wire::SeqNum> iss_after);
  void on_half_open(uint32_t index, const wire::ParsedFrame& p, uint64_t hash);
  bool promote(const tcp::HalfOpen& half, uint32_t half_index, stack::Listener& listener,
               const wire::ParsedFrame& p, uint64_t hash);
  void free_half_open(uint32_t index, stack::Listener& listener);
  void challenge_half_open(const tcp::HalfOpen& half);
  void send_syn_ack(const tcp::HalfOpen& half, const TcpOptions& options, uint64_t hash);
  wire::SeqNum initial_sequence(const FlowKey& key) const {
    return tcp::initial_sequence(tcp::isn_offset(isn_secret_, key), now_);
  }
  uint32_t timestamp_offset(uint64_t hash) const {
    return tcp::timestamp_offset(timestamp_secret_, hash);
  }
  void forget_half_open(uint32_t index);
  uint32_t new_connection();
  Result<uint16_t> profile_for(const TcpOptions& options);
  Result<uint16_t> app_for(App& app);
  bool is_host(const IpAddress& address) const;
  Error no_way(const Endpoint& peer) const;
  Error no_route(const IpAddress& address) const;
  Error no_neighbor() const;
  Result<void> choose_port(FlowKey& key, bool timestamps);
  bool owns(const FlowKey& key) const { return !rss_ || rss_->owner_of(key) == shard_index(); }
  uint16_t shard_index() const { return config_.sharding.index; }
  // What all shards of a group hear is answered by one.
  bool answers_for_all() const { return shard_index() == 0; }
  bool reusable(uint32_t value, bool timestamps) const;

  // --- syn_cookie.cc: the same without an entry.
  bool wants_cookie(bool full) const;
  static tcp::HalfOpen kept_by_cookie(const FlowKey& key, const wire::Segment& syn,
                                      const TcpOptions& options);
  void answer_with_cookie(const TcpOptions& options, const wire::ParsedFrame& p, uint64_t hash);
  bool accept_cookie(stack::Listener& listener, const wire::ParsedFrame& p, uint64_t hash,
                     uint32_t half_index);

  // --- plain_syn.cc: the same in haste.
  bool prepare_syn_answers(const wire::PlainSyn& syn);
  void complete_syn_answer(const stack::SynAnswer& answer, const wire::PlainSyn& syn,
                           const FlowKey& key, uint64_t hash, TxFrame& out) const;
  bool answer_plain_syn(const RxFrame& frame, size_t i);

  // --- fast_open.cc: data on SYN.
  bool open_fast(stack::Listener& listener, const wire::ParsedFrame& p, uint64_t hash);
  void note_used_syn(uint64_t hash, wire::SeqNum irs);
  void end_fast_open(uint32_t index, bool reset);
  void recount_fast_open();
  void on_fast_open_minute();

  // --- close.cc: endings.
  void destroy(uint32_t index, CloseReason reason);
  void release(uint32_t index, CloseReason reason);
  void give_back(uint32_t index, bool reset);
  void forget(uint32_t index);
  void doom(uint32_t index, CloseReason reason);
  void reap();
  void enter_time_wait(uint32_t index);
  void on_time_wait(uint32_t index, const wire::ParsedFrame& p, uint64_t hash);
  void erase_time_wait(uint32_t index, uint64_t hash);
  void expire_time_wait(uint32_t budget);
  void restart_time_wait(uint32_t index, uint64_t hash);
  void drop_oldest_time_wait();
  void shutdown(ConnectionId id);
  void close(ConnectionId id);
  void abort(ConnectionId id);
  void abort_if_unread(uint32_t index);

  // --- move_out.cc: to another shard.
  void set_table(std::span<const uint16_t> table);
  bool may_move() const;
  void begin_leaving(const Entries& entries);
  bool pack(Parcel& parcel, uint32_t budget);
  bool leaves(const FlowKey& key) const { return leaving_.entries[rss_ ? rss_->entry_of(key) : 0]; }
  void pack_options(uint16_t profile, Parcel& parcel);
  bool pack_connection(uint32_t index, Parcel& parcel);
  bool pack_half_open(uint32_t index, Parcel& parcel);
  void drop_waiting_for_hop(const FlowKey& key);
  bool accepts_fast_open() const;
  // --- move_in.cc: from another.
  bool unpack(Parcel& parcel);
  bool unpack_record(Parcel& parcel);
  bool unpack_connection(Parcel& parcel);
  uint32_t next_hop_of(const stack::PackedConnection& packed);
  void begin_here(uint32_t index);
  uint16_t app_for_arrival(const FlowKey& key, bool accepted);
  bool unpack_half_open(Parcel& parcel);
  bool unpack_time_wait(Parcel& parcel);

  // --- bad_ends.cc: what happened to those that did not end by FINs.
  void note_bad_end(uint32_t index, CloseReason reason);
  bool take_bad_end(BadEnd& out);

  // --- expire.cc: timers.
  void advance();
  void starve();
  void relieve(uint32_t budget);
  void on_timer(uint32_t index);
  void on_half_open_timer(uint32_t index);
  void rearm(uint32_t index);

  // --- raw.cc: segments of no connection.
  Result<std::optional<RawPath>> raw_path(const IpAddress& peer, const IpAddress& local);
  bool offer_raw(const wire::ParsedFrame& p);
  size_t transmit_raw(std::span<TxFrame> out);

  // --- egress.cc: frames out.
  size_t transmit(std::span<TxFrame> out);
  void count_out(std::span<const TxFrame> frames);
  void count_joined(std::span<const TxFrame> frames);
  size_t flush(uint32_t index, std::span<TxFrame> out);
  size_t flush_any(uint32_t index, std::span<TxFrame> out, size_t filled);
  void discard_output(uint32_t index);
  void mark_dirty(uint32_t index) {
    Connection& c = connections_[index];
    if (c.has(tcp::kDirty)) return;
    c.set(tcp::kDirty);
    push(dirty_, index);
  }
  void unblock();
  void push(stack::ConnectionList& list, uint32_t index) {
    connections_[index].dirty_next = kNil;
    if (list.tail == kNil) {
      list.head = index;
    } else {
      connections_[list.tail].dirty_next = index;
    }
    list.tail = index;
  }
  uint32_t pop(stack::ConnectionList& list) {
    const uint32_t index = list.head;
    list.head = connections_[index].dirty_next;
    if (list.head == kNil) list.tail = kNil;
    return index;
  }
  // Where packets from `source`, which may be unspecified, to `destination` go; null when there is
  // no route. Its neighbour is kNil when all entries for those are in use.
  const stack::Way* way_to(const IpAddress& destination, const IpAddress& source) {
    const Vlan on = vlan_asked(source);
    const stack::Way* way = known_way(destination, on);
    return way != nullptr ? way : find_way(destination, on);
  }
  // The VLAN that decides about the way: any, as long as no network of ours is tagged.
  Vlan vlan_asked(const IpAddress& source) const {
    if (!interface_.tagged() || source.is_unspecified()) [[likely]]
      return Vlan::any();
    return interface_.vlan_of(source);
  }
  // The same, but null when it would have to be looked up.
  const stack::Way* known_way(const IpAddress& destination, Vlan on) {
    const stack::Way& way = way_slot(destination);
    if (way.destination != destination || way.on != on || way.neighbor == kNil ||
        way.epoch != ways_epoch()) [[unlikely]] {
      return nullptr;
    }
    neighbors_.use(way.neighbor, ctx_.tick);
    return &way;
  }
  // Changes when a neighbour's index, a route or an address of ours may have.
  uint32_t ways_epoch() const { return neighbors_.forgotten() + interface_.changes(); }
  stack::Way& way_slot(const IpAddress& destination) {
    const IpAddress::Words words = destination.words();
    return ways_[base::fold_multiply(words[1] ^ words[0], hash_key_[0]) % ways_.size()];
  }
  std::span<std::byte> room_for_control(uint32_t control, size_t bytes);
  void note_control_written(uint32_t control, size_t header_bytes, size_t bytes);
  void send_control(const FlowKey& key, const wire::SegmentHeader& header);
  void send_control_frame(uint32_t control, const FlowKey& key, const wire::SegmentHeader& header);
  void send_reset(const wire::ParsedFrame& p);
  void send_arp(bool request, const MacAddress& target_mac, const net::Station& target,
                const IpAddress& sender_ip);
  void send_icmp(const IpAddress& source, const IpAddress& destination, uint8_t type, uint8_t code,
                 std::span<const std::byte> body);
  const stack::Way* find_way(const IpAddress& destination, Vlan on);
  void route_control(uint32_t control, const IpAddress& source, const IpAddress& destination);
  // The link-layer header of a control frame.
  void address_control(uint32_t control, const wire::EthernetHeader& ethernet) {
    TxFrame& frame = control_[control].frame;
    wire::write_ethernet(frame.header.data(), ethernet);
    frame.vlan = ethernet.vlan;
  }

  stack::ConnectionStatistics& statistics(uint32_t index) const {
    return reinterpret_cast<stack::ConnectionStatistics*>(statistics_->data())[index];
  }

  Impl(const ShardConfig& config, Instant now, tcp::Blocks blocks,
       base::Slab<Connection> connections, base::Slab<tcp::HalfOpen> half_open,
       stack::TimeWaits time_wait, base::Slab<tcp::Inbox> inboxes, base::Slab<tcp::Sender> senders,
       base::Slab<tcp::Run> runs, flow::Table flows, stack::ControlQueue control,
       stack::UsedCookies used_cookies, stack::UsedCookies used_syns, tcp::FastOpen fast_open);

  Shard* facade_ = nullptr;
  RawHandler* raw_ = nullptr;
  ShardConfig config_;
  Counters counters_;
  Instant now_;
  tcp::Context ctx_;

  tcp::Blocks blocks_;
  base::Slab<Connection> connections_;
  base::Slab<tcp::HalfOpen> half_open_;
  stack::TimeWaits time_wait_;
  base::Slab<tcp::Inbox> inboxes_;
  base::Slab<tcp::Sender> senders_;
  base::Slab<tcp::Run> runs_;
  std::optional<base::Region> aces_;        // tcp::Ace, by connection index
  std::optional<base::Region> autotunes_;   // tcp::Autotune, the same
  std::optional<base::Region> statistics_;  // ConnectionStatistics, by connection index
  flow::Table flows_;
  timer::Wheel wheel_;
  timer::Wheel half_open_wheel_;
  stack::ControlQueue control_;
  net::Interface interface_;
  net::Neighbors neighbors_;
  bool gateways_lost_ = false;       // interface_ knows which
  uint32_t gateway_retry_tick_ = 0;  // when they are asked again
  net::PathCache paths_;
  std::optional<net::Fragments> fragments_;  // nothing: they are dropped
  // Whole datagrams that other shards own, until take_whole() has shown them.
  struct Leaving {
    uint32_t datagram;
    Vlan vlan;
  };
  std::vector<Leaving> wholes_leaving_;
  uint32_t whole_shown_ = kNil;
  uint32_t fragment_id_ = 0;         // of the next that we send
  std::array<stack::Way, 64> ways_;  // by destination; one takes the other's place

  std::vector<App*> apps_;
  std::vector<TcpOptions> profiles_;
  uint16_t last_profile_ = 0;  // of the last profile_for(), and app_for()
  uint16_t last_app_ = 0;
  std::vector<stack::Listener> listeners_;
  std::vector<uint16_t> listener_by_port_;  // a listener of the port + 1; 0: none

  stack::ConnectionList dirty_;    // the flush visits them
  stack::ConnectionList blocked_;  // wait for a neighbour
  stack::ConnectionList doomed_;   // end before the next flush; Connection::probes holds the reason
  uint32_t blocked_epoch_ = 0;  // neighbors_.epoch() when the blocked list was last looked through
  bool recheck_blocked_ = false;
  size_t joined_ = 0;                // segments of this transmit() beyond one for each frame
  uint32_t sending_control_ = kNil;  // control frames of the last transmit(), by next
  uint32_t delivering_ = kNil;       // the connection whose on_data is running

  // Some send() found no block: those who wait for no acknowledgement are told to try again.
  bool starved_ = false;    // since the last round began
  bool relieving_ = false;  // a round is under way
  uint32_t relief_tick_ = 0;
  uint32_t relief_cursor_ = 0;

  std::array<uint64_t, 4> hash_key_{};
  base::Aes128 isn_secret_;
  tcp::TimestampSecret timestamp_secret_;
  tcp::CookieSecret cookie_secret_;
  stack::SynAnswers syn_answers_;
  stack::UsedCookies used_cookies_;
  Instant cookies_until_{};       // the last that was sent is too old from then on
  uint32_t cookies_from_ = 0;     // half-open entries in use, from which on a SYN gets a cookie
  stack::UsedCookies used_syns_;  // those that began a connection by Fast Open
  tcp::FastOpen fast_open_;
  uint32_t fast_open_pending_ = 0;  // of all listeners
  uint32_t fast_open_minute_ = 0;   // tick at which it began
  std::unique_ptr<flow::Rss> rss_;  // null: there is one shard
  std::unique_ptr<flow::PortShare> port_share_;
  // For the other shards; what comes when it is full they find out by themselves.
  std::array<PathNews, 16> news_;
  size_t news_count_ = 0;
  uint32_t next_port_ = 0;
  uint32_t budget_tick_ = 0;  // when the rates below were filled
  stack::Shedding shedding_;
  stack::RateLimit resets_;
  stack::RateLimit icmp_;
  tcp::EventRing events_;
  stack::RateLimit bad_end_rate_{kBadEndsPerSecond};
  std::vector<BadEnd> bad_ends_;  // up to its capacity
  uint32_t bad_ends_untold_ = 0;
  std::optional<Instant> drain_deadline_;
  stack::Leaving leaving_;
  uint16_t arriving_profile_ = 0;     // of what is unpacked next
  std::optional<uint16_t> arrivals_;  // the application of what connect() made elsewhere

  std::array<wire::ParsedFrame, kBurstMax> parsed_;
  std::array<uint64_t, kBurstMax> hashes_{};
  std::array<uint32_t, kBurstMax> candidates_{};
  wire::PlainShape plain_shape_;
  bool predicts_ = true;
  // The short way out is for no more unsent text: where segments are joined, for about one.
  int32_t plain_text_max_ = 0;
  std::array<flow::Table::Home, kBurstMax> homes_{};
};

}  // namespace millrace
