// SPDX-License-Identifier: BSD-3-Clause
#include "trace/pictures.h"

#include <fmt/format.h>

#include "trace/demo.h"
#include "trace/ladder_text.h"

namespace millrace::trace {
namespace {

constexpr std::string_view kHeading =
    "<!-- Made by `millrace trace --demo all --markdown > docs/tcp-in-pictures.md`. -->\n"
    "# TCP in pictures\n"
    "\n"
    "Two hosts of this library, and a wire that takes 10 ms each way, in virtual time. Each "
    "picture is\n"
    "what `millrace trace --demo NAME` prints: frames as they left, states as the hosts reported "
    "them.\n"
    "\n"
    "A row is a segment, at the time when it was sent, and beside it the states that it leaves "
    "behind;\n"
    "the states before it stand in the row above. Flags have tcpdump's letters: `S` is SYN, `.` "
    "ACK, `P`\n"
    "PSH, `F` FIN, `R` RST. Numbers count from the sender's SYN, which is 0. Where something "
    "crosses a\n"
    "segment on its way, that is drawn in two rows, as in RFC 9293: `...` stands where it is still "
    "under\n"
    "way. `X` is where it is lost.\n";

}  // namespace

std::string pictures_page() {
  std::string page(kHeading);
  for (const Demo& demo : demos()) {
    page += fmt::format("\n## {}\n\n`--demo {}`\n\n```text\n{}```\n", demo.title, demo.name,
                        ladder_text(demo.play(), Detail::kExplained));
  }
  return page;
}

}  // namespace millrace::trace
