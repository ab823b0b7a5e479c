// SPDX-License-Identifier: BSD-3-Clause
// Enumerators as text, for reports.
#include <array>
#include <string_view>

#include "millrace/app.h"
#include "millrace/counters.h"
#include "millrace/tcp_info.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, kCounterCount> kCounterNames = {
    "FramesIn",
    "FramesOut",
    "BytesIn",
    "BytesOut",
    "ArpIn",
    "ArpRequestsOut",
    "ArpRepliesOut",
    "ArpConflicts",
    "IcmpInMsgs",
    "IcmpInEchos",
    "IcmpOutEchoReps",
    "IcmpInDestUnreachs",
    "IcmpOutDestUnreachs",
    "IcmpInTimeExcds",
    "IcmpInParmProbs",
    "IcmpInSrcQuenchs",
    "IcmpInRedirects",
    "IcmpIgnored",
    "Icmp6InMsgs",
    "Icmp6InErrors",
    "Icmp6OutMsgs",
    "Icmp6InDestUnreachs",
    "Icmp6InPktTooBigs",
    "Icmp6InTimeExcds",
    "Icmp6InParmProblems",
    "Icmp6InEchos",
    "Icmp6InRouterAdvertisements",
    "Icmp6InNeighborSolicits",
    "Icmp6InNeighborAdvertisements",
    "Icmp6InRedirects",
    "Icmp6InGroupMembQueries",
    "Icmp6OutDestUnreachs",
    "Icmp6OutParmProblems",
    "Icmp6OutEchoReplies",
    "Icmp6OutRouterSolicits",
    "Icmp6OutNeighborSolicits",
    "Icmp6OutNeighborAdvertisements",
    "Icmp6OutGroupMembResponses",
    "Icmp6OutMLDv2Reports",
    "NdConflicts",
    "AddressDuplicates",
    "GatewaysLost",
    "GatewaysBack",
    "RedirectsFollowed",
    "PathMtuLowered",
    "PathMtuBlackHoles",
    "IpExtInECT1Pkts",
    "IpExtInECT0Pkts",
    "IpExtInCEPkts",
    "TcpActiveOpens",
    "TcpPassiveOpens",
    "TcpAttemptFails",
    "TcpEstabResets",
    "TcpInSegs",
    "TcpOutSegs",
    "TcpRetransSegs",
    "TcpInErrs",
    "TcpOutRsts",
    "TcpExtTCPTimeouts",
    "TcpExtTCPFastRetrans",
    "TcpExtTCPFullUndo",
    "TcpExtTCPLossProbes",
    "TcpExtTCPDSACKRecv",
    "TcpExtTCPDSACKOldSent",
    "TcpExtTCPDSACKOfoSent",
    "TcpExtTCPSACKDiscard",
    "TcpExtTCPSACKReneging",
    "TcpExtTCPDeliveredCE",
    "TcpExtTCPECNReductions",
    "TcpExtTCPECNFallback",
    "TcpExtDelayedACKs",
    "TcpExtTCPPureAcks",
    "TcpExtOutOfWindowIcmps",
    "TcpExtTCPMTUPFail",
    "TcpExtTCPMTUPSuccess",
    "TcpExtTCPHPHits",
    "TcpExtTCPOFOQueue",
    "TcpExtTCPOFODrop",
    "TcpExtTCPChallengeACK",
    "TcpExtTCPSYNChallenge",
    "TcpExtPAWSEstab",
    "TcpExtTCPKeepAlive",
    "TcpExtTCPWinProbe",
    "TcpExtTCPAbortOnTimeout",
    "TcpExtTCPAbortOnData",
    "TcpExtTCPAbortOnMemory",
    "TcpExtTCPTimeWait",
    "TcpExtTCPTimeWaitRecycled",
    "TcpExtTCPTimeWaitOverflow",
    "TcpExtTCPTimeWaitAck",
    "TcpExtListenOverflows",
    "TcpExtSyncookiesSent",
    "TcpExtSyncookiesRecv",
    "TcpExtSyncookiesFailed",
    "TcpExtTCPSynRetrans",
    "TcpExtTCPFastOpenActive",
    "TcpExtTCPFastOpenActiveFail",
    "TcpExtTCPFastOpenPassive",
    "TcpExtTCPFastOpenPassiveFail",
    "TcpExtTCPFastOpenListenOverflow",
    "TcpExtTCPFastOpenCookieReqd",
    "TcpExtTCPRstLimited",
    "DropRunt",
    "DropEthertype",
    "DropNotForUsL2",
    "DropSourceMacInvalid",
    "DropArpMalformed",
    "DropIpHeader",
    "DropIpVersion",
    "DropIpChecksum",
    "DropIpTruncated",
    "DropIpFragment",
    "DropIpExtension",
    "DropIpNotForUs",
    "DropIpSourceInvalid",
    "DropIpProtocol",
    "DropLand",
    "DropIcmpMalformed",
    "DropIcmpChecksum",
    "DropNdHopLimit",
    "DropNdMalformed",
    "DropTcpTruncated",
    "DropTcpOffset",
    "DropTcpChecksum",
    "DropTcpFlags",
    "DropTcpPortZero",
    "DropTcpOptions",
    "DropTcpUnacceptable",
    "DropTcpPaws",
    "DropTcpNoAck",
    "DropTcpBadAck",
    "DropTcpNoListener",
    "DropTcpNoMemory",
    "DropTcpOverload",
    "DropControlQueueFull",
    "DropNeighborQueueFull",
    "DropNeighborFailed",
    "DropNoRoute",
};
static_assert(!kCounterNames.back().empty(), "every counter has a name");

constexpr std::array<std::string_view, kStateCount> kStateNames = {
    "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
    "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT",
};

constexpr std::array<std::string_view, kCloseReasonCount> kReasonNames = {
    "normal",      "peer-reset",         "refused",      "connect-timeout",
    "timed-out",   "keepalive-timeout",  "unreachable",  "neighbor-unreachable",
    "local-abort", "fin-wait-2-timeout", "no-resources",
};

}  // namespace

std::string_view to_string(Counter counter) { return kCounterNames[static_cast<size_t>(counter)]; }
std::string_view to_string(State state) { return kStateNames[static_cast<size_t>(state)]; }
std::string_view to_string(CloseReason reason) { return kReasonNames[static_cast<size_t>(reason)]; }

uint64_t Counters::drops() const {
  uint64_t sum = 0;
  for (auto i = static_cast<size_t>(kFirstDrop); i < kCounterCount; ++i) {
    sum += values_[i].load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace millrace
