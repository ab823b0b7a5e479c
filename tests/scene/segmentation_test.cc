// SPDX-License-Identifier: BSD-3-Clause
// A device that cuts segments by itself (TSO): the peer sees what it would have seen anyway.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage cut_by_the_device() {
  return established().sack().mss(1000).nodelay().tune_shard(
      [](ShardConfig& config) { config.tso_bytes_max = ShardConfig::kTsoBytesMax; });
}

TEST(SceneSegmentation, PushIsOnTheLastSegmentOnly) {
  Scene s(cut_by_the_device());
  s.at(0)
      .app("write 2500")
      .out(". 1:1001 ack 1")
      .out(". 1001:2001 ack 1")
      .out("P. 2001:2501 ack 1");
  s.silence();
}

TEST(SceneSegmentation, FinGoesWithTheLastSegment) {
  Scene s(cut_by_the_device());
  s.at(0).in(". 1 ack 1 win 0").app("write 2500").app("shutdown").silence();
  s.at(1).in(". 1 ack 1 win 5000").out(". 1:1001 ack 1").out(". 1001:2001 ack 1");
  s.out("FP. 2001:2501 ack 1").silence();
}

TEST(SceneSegmentation, TheWindowEndsItWithinASegment) {
  Scene s(cut_by_the_device().window(2600));
  s.at(0).in(". 1 ack 1 win 2600").app("write 4000");
  s.out("1:1001 ack 1").out("1001:2001 ack 1").silence();
  s.at(1).in(". 1 ack 2001 win 2600").out("2001:3001 ack 1").out("3001:4001 ack 1").silence();
}

TEST(SceneSegmentation, OneThatIsLostIsSentAgainAlone) {
  Scene s(cut_by_the_device().rtt(20));
  s.at(0).app("write 5000").out("1:1001 ack 1").out("1001:2001 ack 1").out("2001:3001 ack 1");
  s.out("3001:4001 ack 1").out("4001:5001 ack 1").silence();
  s.at(20).in(". 1 ack 1001 <sack 2001-5001>").out("1001:2001 ack 1").silence();
  s.at(40).in(". 1 ack 5001").silence();
}

}  // namespace
}  // namespace millrace::test
