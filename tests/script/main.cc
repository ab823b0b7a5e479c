// SPDX-License-Identifier: BSD-3-Clause
// play [-v] FILE...: plays packet scripts. Exits with 0 when all hold, 1 when one does not, 2 when
// one cannot be read or understood.
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "player.h"

namespace {

enum Exit : int { kPassed = 0, kFailed = 1, kUnusable = 2 };

Exit play_file(const char* file, bool verbose) {
  std::ifstream in(file);
  std::stringstream text;
  if (!in || !(text << in.rdbuf())) {
    std::fprintf(stderr, "%s: cannot be read\n", file);
    return kUnusable;
  }
  const auto parsed = script::parse_script(file, text.str(), script::default_config());
  if (!parsed) {
    std::fprintf(stderr, "%s\n", parsed.error().message.c_str());
    return kUnusable;
  }
  const script::Verdict verdict = script::play(*parsed);
  if (!verdict.passed) {
    std::fprintf(stderr, "%s", verdict.report(*parsed).c_str());
    return kFailed;
  }
  std::printf("%s: passed\n%s", file, verbose ? verdict.transcript.c_str() : "");
  return kPassed;
}

}  // namespace

int main(int count, char** arguments) {
  bool verbose = false;
  int files = 0;
  int worst = kPassed;
  for (int i = 1; i < count; ++i) {
    if (std::string_view(arguments[i]) == "-v") {
      verbose = true;
      continue;
    }
    ++files;
    worst = std::max<int>(worst, play_file(arguments[i], verbose));
  }
  if (files == 0) {
    std::fprintf(stderr, "usage: play [-v] FILE.mrs...\n");
    return kUnusable;
  }
  return worst;
}
