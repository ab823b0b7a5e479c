// SPDX-License-Identifier: BSD-3-Clause
// What we say of bytes behind a gap (RFC 2018) and of bytes that came twice (RFC 2883).
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage sack() { return established().sack(); }

// --- Blocks -------------------------------------------------------------------------------------

TEST(SceneSackReceive, WithoutTheOfferNothingIsReported) {
  Scene s(established());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <!sack>");
  s.in("1461:2921 ack 1").out(". 1 ack 1 <!sack>");
}

TEST(SceneSackReceive, WithoutOurOfferNothingIsReportedEither) {
  Scene s(sack().tune([](TcpOptions& o) { o.sack = false; }));
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <!sack>");
}

TEST(SceneSackReceive, AConnectionOfOurOwnReportsToo) {
  Scene s(established_client().sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
}

TEST(SceneSackReceive, TheFirstBlockHoldsTheLatestSegment) {
  // RFC 2018 section 4: and the blocks that were reported before follow.
  Scene s(sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
  s.in("7301:8761 ack 1").out(". 1 ack 1 <sack 7301-8761 1461-2921>");
  s.in("4381:5841 ack 1").out(". 1 ack 1 <sack 4381-5841 7301-8761 1461-2921>");
  s.in("2921:3021 ack 1").out(". 1 ack 1 <sack 1461-3021 4381-5841 7301-8761>");
}

TEST(SceneSackReceive, FourBlocksFit) {
  Scene s(sack());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1 <sack 101-201>");
  s.in("301:401 ack 1").out(". 1 ack 1 <sack 301-401 101-201>");
  s.in("501:601 ack 1").out(". 1 ack 1 <sack 501-601 301-401 101-201>");
  s.in("701:801 ack 1").out(". 1 ack 1 <sack 701-801 501-601 301-401 101-201>");
  s.in("901:1001 ack 1").out(". 1 ack 1 <sack 901-1001 701-801 501-601 301-401>");
}

TEST(SceneSackReceive, ThreeBlocksFitBesideTimestamps) {
  Scene s(sack().timestamps());
  s.at(0).in("101:201 ack 1 <ts 1000 *>").out(". 1 ack 1 <sack 101-201>");
  s.in("301:401 ack 1 <ts 1000 *>").out(". 1 ack 1 <sack 301-401 101-201>");
  s.in("501:601 ack 1 <ts 1000 *>").out(". 1 ack 1 <sack 501-601 301-401 101-201>");
  s.in("701:801 ack 1 <ts 1000 *>").out(". 1 ack 1 <sack 701-801 501-601 301-401>");
}

TEST(SceneSackReceive, BlocksThatMeetAreOne) {
  Scene s(sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
  s.in("4381:5841 ack 1").out(". 1 ack 1 <sack 4381-5841 1461-2921>");
  s.in("2921:4381 ack 1").out(". 1 ack 1 <sack 1461-5841>");
  s.in("1:1461 ack 1").out(". 1 ack 5841 <!sack>").received(5840);
}

TEST(SceneSackReceive, ASegmentThatSwallowsBlocksReportsOne) {
  Scene s(sack());
  s.at(0).in("201:301 ack 1").out(". 1 ack 1 <sack 201-301>");
  s.in("401:501 ack 1").out(". 1 ack 1 <sack 401-501 201-301>");
  s.in("801:901 ack 1").out(". 1 ack 1 <sack 801-901 401-501 201-301>");
  // The first of the two stretches that came twice is the duplicate.
  s.in("101:601 ack 1").out(". 1 ack 1 <sack 201-301 101-601 801-901>");
}

TEST(SceneSackReceive, WhatIsInOrderNowIsNoLongerReported) {
  Scene s(sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
  s.in("4381:5841 ack 1").out(". 1 ack 1 <sack 4381-5841 1461-2921>");
  s.in("1:1461 ack 1").out(". 1 ack 2921 <sack 4381-5841>").received(2920);
  s.in("2921:4381 ack 1").out(". 1 ack 5841 <!sack>").received(5840);
}

TEST(SceneSackReceive, EverySegmentOfOursReportsTheGap) {
  Scene s(sack().nodelay());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
  s.app("write 100").out("P. 1:101 ack 1 <sack 1461-2921>");
  s.app("shutdown").out("F. 101 ack 1 <sack 1461-2921>");
}

TEST(SceneSackReceive, BlocksTakeTheirBytesFromTheSegment) {
  // RFC 6691: the options are part of what the MSS bounds.
  Scene s(sack());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1").app("write 1448");
  s.out("1:1449 ack 1 <sack 101-201>").in(". 1 ack 1449").silence();
  s.in("301:401 ack 1449").out(". 1449 ack 1").in("501:601 ack 1449").out(". 1449 ack 1");
  s.in("701:801 ack 1449").out(". 1449 ack 1").app("write 3000");
  s.out("1449:2873 ack 1 <sack 701-801 501-601 301-401 101-201>").out("2873:4297 ack 1").silence();
}

TEST(SceneSackReceive, BlocksBesideTimestampsTakeTheirBytesToo) {
  Scene s(sack().timestamps());
  s.at(0).in("101:201 ack 1 <ts 1000 *>").out(". 1 ack 1");
  s.in("301:401 ack 1 <ts 1000 *>").out(". 1 ack 1");
  s.in("501:601 ack 1 <ts 1000 *>").out(". 1 ack 1").app("write 3000");
  s.out("1:1421 ack 1 <sack 501-601 301-401 101-201,ts * 1000>").out("1421:2841 ack 1").silence();
}

TEST(SceneSackReceive, ARetransmissionFitsBesideTheBlocksToo) {
  Scene s(sack());
  s.at(0).app("write 1460").out("1:1461 ack 1").in("101:201 ack 1").out(". 1461 ack 1");
  s.at(1000).out("1:1449 ack 1 <sack 101-201>").out("1449:1461 ack 1 <sack 101-201>").silence();
}

TEST(SceneSackReceive, WhatIsNotKeptIsNotReported) {
  // A gap chain has at most 256 blocks.
  Scene s(sack());
  for (int i = 1; i <= 256; ++i) {
    const std::string at = std::to_string(4 * i + 1);
    s.at(i).in(at + ":" + std::to_string(4 * i + 2) + " ack 1");
    s.out(". 1 ack 1 <sack *>");
  }
  s.at(300).in("5001:5002 ack 1").out(". 1 ack 1 <sack 1025-1026 1021-1022 1017-1018 1013-1014>");
  s.counter("TcpExtTCPOFODrop", 1);
}

TEST(SceneSackReceive, WhatLiesBeyondTheWindowIsNotReported) {
  Scene s(sack().receive_buffer(2000));
  s.at(0).in("1001:3001 ack 1").out(". 1 ack 1 <sack 1001-2001>");
  s.in("3001:3101 ack 1").out(". 1 ack 1 <sack 1001-2001>");
}

// --- FIN ----------------------------------------------------------------------------------------

TEST(SceneSackReceive, AFinBehindAGapIsKept) {
  Scene s(sack());
  s.at(0).in("F. 1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>").state("ESTABLISHED");
  s.in("1:1461 ack 1").out(". 1 ack 2922 <!sack>").state("CLOSE-WAIT").app("read");
  s.received(2920).peer_closed();
}

TEST(SceneSackReceive, AFinAloneBehindAGapIsKept) {
  Scene s(sack());
  s.at(0).in("F. 1461 ack 1").out(". 1 ack 1 <!sack>");
  s.in("1:1461 ack 1").out(". 1 ack 1462 <!sack>").app("read");
  s.received(1460).peer_closed();
}

TEST(SceneSackReceive, AFinIsAnnouncedThoughADuplicateIsStillToBeReported) {
  Scene s(sack());
  s.at(0).in("1:101 ack 1").at(40).out(". 1 ack 101");
  // Nothing is left to be read, so the FIN is all the news.
  s.app("read").at(50).in_burst({"1:101 ack 1", "F. 101 ack 1"}).out(". 1 ack 102 <sack 1-101>");
  s.peer_closed().received(100);
}

TEST(SceneSackReceive, AFinIsAnnouncedBehindAGapThoughADuplicateIsStillToBeReported) {
  Scene s(sack());
  s.at(0).in("F. 101:201 ack 1").out(". 1 ack 1 <sack 101-201>");
  s.in_burst({"101:201 ack 1", "1:101 ack 1"}).out(". 1 ack 202 <sack 101-201>");
  s.app("read").received(200).peer_closed();
}

TEST(SceneSackReceive, AFinThatComesTwiceIsNoDuplicateOfBytes) {
  Scene s(sack());
  s.at(0).in("F. 1 ack 1").out(". 1 ack 2").peer_closed();
  s.in("F. 1 ack 1").out(". 1 ack 2 <!sack>");
}

// --- Duplicates ---------------------------------------------------------------------------------

TEST(SceneSackReceive, ADuplicateIsReportedOnce) {
  Scene s(sack());
  s.at(0).in("1:1461 ack 1").at(40).out(". 1 ack 1461 <!sack>");
  s.at(50).in("1:1461 ack 1").out(". 1 ack 1461 <sack 1-1461>");
  s.counter("TcpExtTCPDSACKOldSent", 1);
  s.at(60).in("1461:2921 ack 1").at(100).out(". 1 ack 2921 <!sack>").received(2920);
}

TEST(SceneSackReceive, ADuplicateBelowComesBeforeTheBlocksAbove) {
  // RFC 2883 section 4, example with a gap.
  Scene s(sack());
  s.at(0).in("1:1461 ack 1").in("2921:4381 ack 1").out(". 1 ack 1461 <sack 2921-4381>");
  s.in("1:1461 ack 1").out(". 1 ack 1461 <sack 1-1461 2921-4381>");
  s.in("5841:7301 ack 1").out(". 1 ack 1461 <sack 5841-7301 2921-4381>");
}

TEST(SceneSackReceive, ADuplicateBehindAGapIsFollowedByTheBlockThatHoldsIt) {
  Scene s(sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
  s.in("2921:4381 ack 1").out(". 1 ack 1 <sack 1461-4381>");
  s.in("2921:4381 ack 1").out(". 1 ack 1 <sack 2921-4381 1461-4381>");
  s.counter("TcpExtTCPDSACKOfoSent", 1);
}

TEST(SceneSackReceive, TheBlockThatHoldsADuplicateComesSecondThoughAnotherIsNewer) {
  // RFC 2883 section 4, rule 3: else the peer could not tell the duplicate from a new block.
  Scene s(sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921>");
  s.in("4381:5841 ack 1").out(". 1 ack 1 <sack 4381-5841 1461-2921>");
  s.in("1461:2921 ack 1").out(". 1 ack 1 <sack 1461-2921 1461-2921 4381-5841>");
}

TEST(SceneSackReceive, TheBlockThatHoldsADuplicateIsSaidThoughItWasCrowdedOut) {
  Scene s(sack());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1");
  for (int i = 3; i <= 11; i += 2) {
    s.in(std::to_string(100 * i + 1) + ":" + std::to_string(100 * i + 101) + " ack 1");
    s.out(". 1 ack 1");
  }
  s.in("101:201 ack 1").out(". 1 ack 1 <sack 101-201 101-201 1101-1201 901-1001>");
}

TEST(SceneSackReceive, ADuplicateIsReportedWholeHoweverItsBytesAreKept) {
  // The third segment is kept in two buffers.
  Scene s(sack());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1").in("2921:4381 ack 1").out(". 1 ack 1");
  s.in("4381:5841 ack 1").out(". 1 ack 1 <sack 1461-5841>");
  s.in("4381:5841 ack 1").out(". 1 ack 1 <sack 4381-5841 1461-5841>");
}

TEST(SceneSackReceive, OnlyThePartThatCameTwiceIsADuplicate) {
  Scene s(sack());
  s.at(0).in("1:1461 ack 1").at(10).in("731:2191 ack 1").out(". 1 ack 2191 <sack 731-1461>");
  s.received(2190);
}

TEST(SceneSackReceive, OnlyThePartBehindAGapThatCameTwiceIsADuplicate) {
  Scene s(sack());
  s.at(0).in("2921:4381 ack 1").out(". 1 ack 1 <sack 2921-4381>");
  s.in("1461:3651 ack 1").out(". 1 ack 1 <sack 2921-3651 1461-4381>");
  s.in("3651:5111 ack 1").out(". 1 ack 1 <sack 3651-4381 1461-5111>");
}

TEST(SceneSackReceive, OfTwoStretchesThatCameTwiceTheFirstIsReported) {
  Scene s(sack());
  s.at(0).in("1001:1101 ack 1").out(". 1 ack 1").in("1201:1301 ack 1").out(". 1 ack 1");
  s.in("1001:1301 ack 1").out(". 1 ack 1 <sack 1001-1101 1001-1301>");
}

TEST(SceneSackReceive, ADuplicateThatSpansTheAcknowledgementIsReportedBelowIt) {
  Scene s(sack());
  s.at(0).in("1:101 ack 1").in("201:301 ack 1").out(". 1 ack 101 <sack 201-301>");
  // 1 to 101 and 201 to 301 came twice, 101 to 201 is new.
  s.in("1:301 ack 1").out(". 1 ack 301 <sack 1-101>").received(300);
}

TEST(SceneSackReceive, AHoleFilledByAnOverlappingSegmentReportsTheOverlap) {
  Scene s(sack());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1 <sack 101-201>");
  s.in("1:201 ack 1").out(". 1 ack 201 <sack 101-201>").received(200);
}

TEST(SceneSackReceive, OfSeveralDuplicatesInABurstOneIsReported) {
  Scene s(sack());
  s.at(0).in("1:101 ack 1").in("101:201 ack 1").whatever().at(50).whatever();
  s.in_burst({"1:101 ack 1", "101:201 ack 1"}).out(". 1 ack 201 <sack *>").silence();
  s.in("301:401 ack 1").out(". 1 ack 201 <sack 301-401>");
}

TEST(SceneSackReceive, FourBlocksLeaveRoomForADuplicateByDroppingTheOldest) {
  Scene s(sack());
  for (int i = 1; i <= 7; i += 2) {
    s.in(std::to_string(100 * i + 1) + ":" + std::to_string(100 * i + 101) + " ack 1");
    s.out(". 1 ack 1");
  }
  s.in("701:801 ack 1").out(". 1 ack 1 <sack 701-801 701-801 501-601 301-401>");
  s.app("write 1460").out("1:1425 ack 1 <sack 701-801 501-601 301-401 101-201>");
  s.in(". 801 ack 1425").whatever();
}

TEST(SceneSackReceive, AnEmptySegmentBelowIsNoDuplicate) {
  // Keep-alives are answered, but carried nothing twice.
  Scene s(sack());
  s.at(0).in(". 0 ack 1").out(". 1 ack 1 <!sack>");
}

TEST(SceneSackReceive, AnUnreadStreamReportsItsGapsToo) {
  Scene s(sack().receive_buffer(8000));
  s.at(0).in("1:1461 ack 1").in("2921:4381 ack 1").out(". 1 ack 1461 <sack 2921-4381>");
  s.in("1461:2921 ack 1").out(". 1 ack 4381 <!sack>").app("read").out(". 1 ack 4381 win 8000");
  s.received(4380);
}

}  // namespace
}  // namespace millrace::test
