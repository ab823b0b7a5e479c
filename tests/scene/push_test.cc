// SPDX-License-Identifier: BSD-3-Clause
// PSH (RFC 9293 section 3.9.1.2): set behind what the application wrote, waited for by nobody.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/scene.h"

namespace millrace::test {
namespace {

// The flags of what the host sends next.
std::vector<std::string> flags_sent(Scene& s) {
  std::vector<std::string> out;
  for (const Bytes& bytes : s.host().collect()) {
    out.push_back(flag_letters(static_cast<uint8_t>(bytes[14 + 20 + 13])));
  }
  return out;
}

TEST(ScenePush, TheLastSegmentOfWhatWasWrittenCarriesItAndNoOther) {
  Scene s(established().nodelay());
  const Bytes text(3000);
  ASSERT_EQ(s.host().send(s.connection(), text), text.size());
  const std::vector<std::string> expected = {flag_letters(kAck), flag_letters(kAck),
                                             flag_letters(kAck | kPsh)};
  EXPECT_EQ(flags_sent(s), expected);
}

TEST(ScenePush, SeveralWritesInOneSegmentCarryItOnce) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1").app("write 10").app("write 10").silence();
  s.at(10).in(". 1 ack 11").out("P. 11:31 ack 1").silence();
}

TEST(ScenePush, ARetransmissionCarriesItToo) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1");
  s.at(1000).out("P. 1:11 ack 1");
}

TEST(ScenePush, WhatFillsTheWindowEndsWithoutIt) {
  // More follows when the window opens; only then does what was written end.
  Scene s(established().window(1460).nodelay());
  const Bytes text(1470);
  ASSERT_EQ(s.host().send(s.connection(), text), text.size());
  EXPECT_EQ(flags_sent(s), std::vector<std::string>{flag_letters(kAck)});
}

TEST(ScenePush, NothingWaitsForItOnArrival) {
  Scene s(established());
  s.at(0).in("1:11 ack 1").received(10).in("P. 11:21 ack 1").received(20).whatever();
}

}  // namespace
}  // namespace millrace::test
