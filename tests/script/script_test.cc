// SPDX-License-Identifier: BSD-3-Clause
// Every script holds; the tester fails those that should not, at the right line and with the
// reason; and it says what is wrong with text that is no script.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "player.h"

namespace script {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> scripts_in(const char* folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(SCRIPT_DIR) / folder)) {
    if (entry.path().extension() == ".mrs") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string name_of(const testing::TestParamInfo<fs::path>& info) {
  return info.param.stem().string();
}

std::string text_of(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

int status_of(const std::string& command) {
  return WEXITSTATUS(std::system((command + " >/dev/null 2>&1").c_str()));
}

// --- Scripts that hold --------------------------------------------------------------------------

class Scripts : public testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Script, Scripts, testing::ValuesIn(scripts_in("scripts")), name_of);

TEST_P(Scripts, Holds) {
  const auto parsed = parse_script(GetParam(), text_of(GetParam()), default_config());
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Verdict verdict = play(*parsed);
  EXPECT_TRUE(verdict.passed) << verdict.report(*parsed);
}

// --- Scripts that do not ------------------------------------------------------------------------

// The line that cannot hold ends in "#! part of the message".
class FailingScripts : public testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Script, FailingScripts, testing::ValuesIn(scripts_in("failing")), name_of);

TEST_P(FailingScripts, FailAtTheMarkedLineWithItsReason) {
  const std::string text = text_of(GetParam());
  const size_t mark = text.find("#! ");
  ASSERT_NE(mark, std::string::npos);
  const auto at = text.begin() + static_cast<std::ptrdiff_t>(mark);
  const int line = static_cast<int>(std::count(text.begin(), at, '\n')) + 1;
  const std::string reason = text.substr(mark + 3, text.find('\n', mark) - mark - 3);

  const auto parsed = parse_script(GetParam(), text, default_config());
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Verdict verdict = play(*parsed);
  ASSERT_FALSE(verdict.passed) << verdict.transcript;
  EXPECT_EQ(verdict.line, line) << verdict.report(*parsed);
  EXPECT_NE(verdict.message.find(reason), std::string::npos) << verdict.message;
  const std::string report = verdict.report(*parsed);
  EXPECT_TRUE(report.starts_with(GetParam().string() + ":" + std::to_string(line) + ": "))
      << report;
}

// --- Text that is no script ---------------------------------------------------------------------

struct Nonsense {
  const char* text;
  const char* message;
};

class NoScript : public testing::TestWithParam<Nonsense> {};
INSTANTIATE_TEST_SUITE_P(
    Script, NoScript,
    testing::Values(
        Nonsense{"", "x.mrs: the script has no event"},
        Nonsense{"listen 80\nlisen 81", "x.mrs:2: there is no verb 'lisen'"},
        Nonsense{"\n\n+1", "x.mrs:3: a time without an event"},
        Nonsense{"+1h listen 80", "x.mrs:1: '1h' is no time"},
        Nonsense{"+1~x > . 1", "x.mrs:1: '1~x' has no tolerance"},
        Nonsense{"listen 65536", "x.mrs:1: '65536' is not a number from 0 to 65535"},
        Nonsense{"listen", "x.mrs:1: listen wants 1 number"},
        Nonsense{"accept 1", "x.mrs:1: accept takes no argument"},
        Nonsense{"< Q 0", "x.mrs:1: 'Q' is no set of flags"},
        Nonsense{"< S", "x.mrs:1: a segment is FLAGS SEQ"},
        Nonsense{"< . 5:1 ack 1", "x.mrs:1: '5:1' is no range"},
        Nonsense{"< . 1:99999 ack 1", "x.mrs:1: '1:99999' is no range"},
        Nonsense{"< S 0 ack 1", "x.mrs:1: ack without the '.' flag"},
        Nonsense{"< . * ack 1", "x.mrs:1: * is for > lines"},
        Nonsense{"< [P]. 1 ack 1", "x.mrs:1: flags in [] are for > lines"},
        Nonsense{"< . 1 ack 1 <!ts>", "x.mrs:1: !NAME is for > lines"},
        Nonsense{"< . 1 ack 1 <mss 1,...>", "x.mrs:1: ... is for > lines"},
        Nonsense{"> . 1 ack 1 badsum", "x.mrs:1: badsum is for < lines"},
        Nonsense{"< . 1 win 65536", "x.mrs:1: win wants a number from 0 to 65535"},
        Nonsense{"< . 1 wim 1", "x.mrs:1: 'wim' is no word of a segment"},
        Nonsense{"< . 1 <mss 1460", "x.mrs:1: '<' without '>'"},
        Nonsense{"< . 1 <mss 1460> ack 1", "x.mrs:1: nothing may follow the options"},
        Nonsense{"< . 1 <mss>", "x.mrs:1: mss has the wrong number of values"},
        Nonsense{"< . 1 <sack 1:2 3:4 5:6 7:8 9:10>", "x.mrs:1: sack has the wrong number"},
        Nonsense{"< . 1 <sack 1:2 3:4 5:6 7:8,ts 1 1>", "x.mrs:1: the options do not fit"},
        Nonsense{"< . 99999999999", "x.mrs:1: '99999999999' is no sequence number"},
        Nonsense{"< . 1 <opt 254 abc>", "x.mrs:1: opt wants a kind and an even number"},
        Nonsense{"< . 1 <opt 254 xy>", "x.mrs:1: 'xy' is not hexadecimal"},
        Nonsense{"<< . 1 ack 1\naccept", "x.mrs:1: << is followed by the rest of its burst"},
        Nonsense{"icmp rain 1", "x.mrs:1: icmp is one of net-unreachable"},
        Nonsense{"icmp port-unreachable", "x.mrs:1: port-unreachable wants the SEQ"},
        Nonsense{"icmp fragmentation-needed x 1", "x.mrs:1: fragmentation-needed wants a number"},
        Nonsense{"config colour=1", "x.mrs:1: there is no config field 'colour'"},
        Nonsense{"config msl=soon", "x.mrs:1: msl wants a time"},
        Nonsense{"config port_first=70000", "x.mrs:1: port_first cannot hold 70000"},
        Nonsense{"config mtu=1", "x.mrs:1: interface.mtu"},
        Nonsense{"listen 80\nconfig msl=1s", "x.mrs:2: config lines come before all others"},
        Nonsense{"option sack=maybe", "x.mrs:1: sack wants on or off"},
        Nonsense{"option congestion=luck", "x.mrs:1: congestion wants newreno or cubic"},
        Nonsense{"set rto_min=10s rto_max=1s", "x.mrs:1: rto_max is 1000 ms"},
        Nonsense{"info colour=1", "x.mrs:1: there is no info 'colour'"},
        Nonsense{"info state", "x.mrs:1: 'state' is not NAME=VALUE"},
        Nonsense{"info state=SLEEPING", "x.mrs:1: state wants a state"},
        Nonsense{"counter TcpNothing=1", "x.mrs:1: there is no counter 'TcpNothing'"},
        Nonsense{"event closed early", "x.mrs:1: there is no reason 'early'"},
        Nonsense{"event rain", "x.mrs:1: an event is one of"},
        Nonsense{"accepting", "x.mrs:1: accepting on or off"},
        Nonsense{"config syn_cookies=no", "x.mrs:1: syn_cookies wants auto, always or never"},
        Nonsense{"silence", "x.mrs:1: silence wants a time"}));

TEST(Burst, HoldsAsManyFramesAsAShardTakes) {
  const auto parsed = [](int more) {
    std::string text;
    for (int i = 0; i < more; ++i) text += "<< S 0\n";
    return parse_script("x.mrs", text + "< S 0", default_config());
  };
  EXPECT_TRUE(parsed(63));
  ASSERT_FALSE(parsed(64));
  EXPECT_EQ(parsed(64).error().message, "x.mrs:64: a burst has at most 64 frames");
}

TEST_P(NoScript, IsRefusedWithItsLineAndAReason) {
  const auto parsed = parse_script("x.mrs", GetParam().text, default_config());
  ASSERT_FALSE(parsed) << GetParam().text;
  EXPECT_TRUE(parsed.error().message.starts_with(GetParam().message)) << parsed.error().message;
}

// Whatever somebody types, the tester refuses it, plays it or fails it: never worse.
TEST(SpoiltScripts, WithAWordDroppedOrMovedDoNoHarm) {
  uint32_t random = 1;
  const auto below = [&](size_t limit) {
    random = random * 1664525 + 1013904223;
    return static_cast<size_t>((uint64_t{random} * limit) >> 32);
  };
  int refused = 0;
  int played = 0;
  for (const fs::path& file : scripts_in("scripts")) {
    const std::string text = text_of(file);
    for (int i = 0; i < 20; ++i) {
      std::string spoilt = text;
      for (int cuts = 0; cuts < 3; ++cuts) {
        const size_t at = below(spoilt.size());
        const std::string piece = spoilt.substr(at, below(12));
        spoilt.erase(at, piece.size());
        if (below(2) == 0) spoilt.insert(below(spoilt.size()), piece);
      }
      const auto parsed = parse_script("spoilt.mrs", spoilt, default_config());
      ++(parsed ? played : refused);
      if (parsed) play(*parsed);
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(played, 0);
}

// --- The manual ---------------------------------------------------------------------------------

// What stands in docs/harness.md between ```KIND and ```.
std::string documented(const std::string& kind) {
  const std::string page = text_of(fs::path(SCRIPT_DIR) / "../../docs/harness.md");
  const size_t fence = page.find("```" + kind + "\n");
  if (fence == std::string::npos) return "";
  const size_t begin = fence + kind.size() + 4;
  return page.substr(begin, page.find("```", begin) - begin);
}

TEST(Manual, ItsScriptHolds) {
  const auto parsed = parse_script("lost.mrs", documented("mrs"), default_config());
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Verdict verdict = play(*parsed);
  EXPECT_TRUE(verdict.passed) << verdict.report(*parsed);
}

TEST(Manual, ItShowsWhatTheTesterSaysWhenALineDoesNotHold) {
  std::string text = documented("mrs");
  const size_t star = text.find("\n*   ");
  ASSERT_NE(star, std::string::npos);
  text.replace(star, 5, "\n+1ms");
  const auto parsed = parse_script("lost.mrs", text, default_config());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(play(*parsed).report(*parsed), documented("text"));
}

TEST(Manual, ItsProgramIsTheExampleAndRuns) {
  const std::string example = text_of(fs::path(SCRIPT_DIR) / "example.cc");
  EXPECT_EQ(example.substr(example.find('\n') + 1), documented("cpp"));
  EXPECT_EQ(status_of(EXAMPLE_PROGRAM), 0);
}

// --- The program --------------------------------------------------------------------------------

TEST(PlayProgram, TellsByItsExitStatusWhatBecameOfTheScripts) {
  const std::string program = PLAY_PROGRAM " ";
  const std::string good = SCRIPT_DIR "/scripts/passive_open.mrs";
  const std::string bad = SCRIPT_DIR "/failing/wrong_ack.mrs";
  EXPECT_EQ(status_of(program + good), 0);
  EXPECT_EQ(status_of(program + "-v " + good), 0);
  EXPECT_EQ(status_of(program + bad), 1);
  EXPECT_EQ(status_of(program + bad + " " + good), 1);  // one that holds makes up for nothing
  EXPECT_EQ(status_of(program + SCRIPT_DIR "/scripts/no_such_file.mrs"), 2);
  EXPECT_EQ(status_of(program + SCRIPT_DIR "/script_test.cc"), 2);
  EXPECT_EQ(status_of(program), 2);
}

}  // namespace
}  // namespace script
