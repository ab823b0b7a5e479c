// SPDX-License-Identifier: BSD-3-Clause
// What a shard counts. MIB names where a MIB has one (RFC 4022, RFC 4293, Linux SNMP), so that
// figures can be laid beside the kernel's. One writer, the shard; any thread may read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

enum class Counter : uint8_t {
  // Frames and packets.
  kFramesIn,
  kFramesOut,
  kBytesIn,
  kBytesOut,
  kArpIn,
  kArpRequestsOut,
  kArpRepliesOut,
  kArpConflicts,
  kIcmpInMsgs,
  kIcmpInEchos,
  kIcmpOutEchoReps,
  kIcmpInDestUnreachs,
  kIcmpOutDestUnreachs,
  kIcmpInTimeExcds,
  kIcmpInParmProbs,
  kIcmpInSrcQuenchs,
  kIcmpInRedirects,
  kIcmpOutTimeExcds,
  kIcmpIgnored,
  // ICMPv6 (RFC 4293, RFC 4443) and neighbour discovery (RFC 4861), as Linux's snmp6 has them.
  kIcmp6InMsgs,
  kIcmp6InErrors,
  kIcmp6OutMsgs,
  kIcmp6InDestUnreachs,
  kIcmp6InPktTooBigs,
  kIcmp6InTimeExcds,
  kIcmp6InParmProblems,
  kIcmp6InEchos,
  kIcmp6InRouterAdvertisements,
  kIcmp6InNeighborSolicits,
  kIcmp6InNeighborAdvertisements,
  kIcmp6InRedirects,
  kIcmp6InGroupMembQueries,
  kIcmp6OutDestUnreachs,
  kIcmp6OutTimeExcds,
  kIcmp6OutParmProblems,
  kIcmp6OutEchoReplies,
  kIcmp6OutRouterSolicits,
  kIcmp6OutNeighborSolicits,
  kIcmp6OutNeighborAdvertisements,
  kIcmp6OutGroupMembResponses,  // MLD version 1 (RFC 2710)
  kIcmp6OutMLDv2Reports,        // RFC 3810
  kNdConflicts,                 // somebody else claims an IPv6 address of ours, which we keep
  kAddressDuplicates,           // addresses of ours given up: another host has them
  kGatewaysLost,                // gateways that did not answer any more
  kGatewaysBack,                // and that answered again
  kRedirectsFollowed,           // of both families
  kPathMtuLowered,              // ICMP claims that made segments smaller
  kPathMtuBlackHoles,           // connections whose full segments timed out in a row
  kConnectionsMovedIn,          // from another shard, while both were at work; and to one
  kConnectionsMovedOut,
  // Fragments (RFC 4293): those that came, datagrams put together, given up for any reason, and of
  // those for their time; and what we sent in fragments.
  kIpReasmReqds,
  kIpReasmOKs,
  kIpReasmFails,
  kIpReasmTimeout,
  kIpFragOKs,
  kIpFragCreates,
  kIp6ReasmReqds,
  kIp6ReasmOKs,
  kIp6ReasmFails,
  kIp6ReasmTimeout,
  kIp6FragOKs,
  kIp6FragCreates,
  // TCP segments by the ECN field of their IP header, in the order of its values (RFC 3168
  // section 5).
  kIpExtInECT1Pkts,
  kIpExtInECT0Pkts,
  kIpExtInCEPkts,
  // RFC 4022 and its Linux extensions.
  kTcpActiveOpens,
  kTcpPassiveOpens,
  kTcpAttemptFails,
  kTcpEstabResets,
  kTcpInSegs,
  kTcpOutSegs,
  kTcpRetransSegs,
  kTcpInErrs,
  kTcpOutRsts,
  kTcpExtTCPTimeouts,
  kTcpExtTCPFastRetrans,
  kTcpExtTCPFullUndo,      // recoveries taken back: nothing had been lost
  kTcpExtTCPLossProbes,    // tail loss probes (RFC 8985)
  kTcpExtTCPDSACKRecv,     // D-SACKs (RFC 2883)
  kTcpExtTCPDSACKOldSent,  // Linux counts those of old and of out-of-order segments apart
  kTcpExtTCPDSACKOfoSent,
  kTcpExtTCPSACKDiscard,    // SACK blocks that make no sense
  kTcpExtTCPSACKReneging,   // the peer dropped what it had acknowledged selectively
  kTcpExtTCPDeliveredCE,    // marks on what we sent, as the peers say; classic: ACKs with ECE
  kTcpExtTCPECNReductions,  // windows reduced by a mark
  kTcpExtTCPECNFallback,    // ECN given up: SYN without it, no agreement, or a path that mangles
  kTcpExtDelayedACKs,
  kTcpExtTCPPureAcks,
  kTcpExtOutOfWindowIcmps,  // quoting what is not in flight (RFC 5927)
  kTcpExtTCPMTUPFail,       // path MTU probes that were lost
  kTcpExtTCPMTUPSuccess,    // and that arrived
  kTcpExtTCPHPHits,         // header prediction
  kTcpExtTCPOFOQueue,       // segments kept out of order
  kTcpExtTCPOFODrop,
  kTcpExtTCPChallengeACK,
  kTcpExtTCPSYNChallenge,
  kTcpExtPAWSEstab,
  kTcpExtTCPKeepAlive,
  kTcpExtTCPWinProbe,
  kTcpExtTCPAbortOnTimeout,
  kTcpExtTCPAbortOnData,
  kTcpExtTCPAbortOnMemory,
  kTcpExtTCPTimeWait,          // Linux: TW. Connections that entered TIME-WAIT
  kTcpExtTCPTimeWaitRecycled,  // reused by a new SYN or connect
  kTcpExtTCPTimeWaitOverflow,  // the oldest record was given up before its time
  kTcpExtTCPTimeWaitAck,       // segments answered from TIME-WAIT
  kTcpExtListenOverflows,      // SYNs dropped: a bound was hit, or set_accepting()
  kTcpExtSyncookiesSent,       // SYNs answered by a cookie, repeated ones included
  kTcpExtSyncookiesRecv,       // connections that began with a cookie
  kTcpExtSyncookiesFailed,     // ACKs without a connection that bring no good cookie back
  kTcpExtTCPSynRetrans,        // SYN and SYN-ACK
  // Fast Open (RFC 7413).
  kTcpExtTCPFastOpenActive,          // data on our SYN was acknowledged
  kTcpExtTCPFastOpenActiveFail,      // it was not, or the SYN was not answered
  kTcpExtTCPFastOpenPassive,         // connections that a SYN with a cookie and data began
  kTcpExtTCPFastOpenPassiveFail,     // SYNs with a cookie that is no good
  kTcpExtTCPFastOpenListenOverflow,  // SYNs past fast_open_queue
  kTcpExtTCPFastOpenCookieReqd,      // SYNs that asked for a cookie
  kTcpExtTCPRstLimited,              // RSTs not sent: rst_per_second
  // Drops: every reason a frame is not used. Each frame is counted under one at most.
  kDropRunt,
  kDropEthertype,
  kDropVlanMalformed,  // tags that are cut short, or a provider's alone
  kDropVlanUnknown,    // of a VLAN, or without a tag, where we have no network
  kDropVlanMismatch,   // to an address of ours that is on another VLAN
  kDropNotForUsL2,
  kDropSourceMacInvalid,
  kDropArpMalformed,
  kDropIpHeader,
  kDropIpVersion,
  kDropIpChecksum,
  kDropIpTruncated,
  kDropIpFragment,   // by choice, or not sound, or of a datagram that is refused
  kDropIpExtension,  // an IPv6 extension header that is not sound, or asks for it
  kDropIpNotForUs,
  kDropIpSourceInvalid,
  kDropIpProtocol,
  kDropLand,
  kDropIcmpMalformed,
  kDropIcmpChecksum,
  kDropNdHopLimit,  // neighbour discovery that a router forwarded
  kDropNdMalformed,
  kDropTcpTruncated,
  kDropTcpOffset,
  kDropTcpChecksum,
  kDropTcpFlags,
  kDropTcpPortZero,
  kDropTcpOptions,
  kDropTcpUnacceptable,  // outside the window; an ACK was sent (RFC 9293 section 3.10.7.4)
  kDropTcpPaws,
  kDropTcpNoAck,  // no ACK bit where one is required
  kDropTcpBadAck,
  kDropTcpNoListener,  // answered by RST
  kDropTcpNoMemory,
  kDropTcpOverload,  // a SYN, while more comes than can be answered
  kDropControlQueueFull,
  kDropNeighborQueueFull,
  kDropNeighborFailed,
  kDropNoRoute,
};
inline constexpr size_t kCounterCount = static_cast<size_t>(Counter::kDropNoRoute) + 1;
inline constexpr Counter kFirstDrop = Counter::kDropRunt;

// "TcpActiveOpens", "DropTcpChecksum": the enumerator without its k.
std::string_view to_string(Counter counter);

// A shard's counters. add() is for the shard's thread only: a relaxed load and store, no locked
// instruction. Readers on other threads see each value untorn, and values of different counters
// from slightly different times.
class Counters {
 public:
  void add(Counter counter, uint64_t n = 1) {
    auto& slot = values_[static_cast<size_t>(counter)];
    slot.store(slot.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t get(Counter counter) const {
    return values_[static_cast<size_t>(counter)].load(std::memory_order_relaxed);
  }
  // The sum of all drop reasons.
  [[nodiscard]] uint64_t drops() const;

 private:
  alignas(64) std::array<std::atomic<uint64_t>, kCounterCount> values_{};
};

}  // namespace millrace
