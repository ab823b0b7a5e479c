// SPDX-License-Identifier: BSD-3-Clause
// RFC 9293 section 3.10.7, "Segment Arrives", as one table: in every state, every kind of segment,
// within the window and outside of it. The window is 65535 bytes from the next number expected.
// RFC 5961 rules resets and SYNs, RFC 1337 and RFC 6191 TIME-WAIT. docs/conformance.md shows it as
// a matrix, made by tests/tidy/conformance.py.
#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

struct Row {
  const char* state;
  const char* segment;
  const char* answer;  // "": silence
  const char* state_after;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.state << ", " << row.segment; }

// How far each side is (SYN and FIN take a number each):
//                                   we sent   of that acknowledged   expected next
//   ESTABLISHED                        1            1                     1
//   FIN-WAIT-1                         2            1                     1
//   FIN-WAIT-2                         2            2                     1
//   CLOSE-WAIT                         1            1                     2
//   CLOSING, LAST-ACK                  2            1                     2
//   TIME-WAIT                          2            2                     2
constexpr Row kRows[] = {
    // RFC 9293 section 3.10.7.1: all but a reset is answered by one.
    {"CLOSED", "S 0", "R. =0 ack 1", "CLOSED"},
    {"CLOSED", "S. 0 ack =77", "R =77", "CLOSED"},
    {"CLOSED", ". 1 ack =77", "R =77", "CLOSED"},
    {"CLOSED", "1:11 ack =77", "R =77", "CLOSED"},
    {"CLOSED", "F. 1 ack =77", "R =77", "CLOSED"},
    {"CLOSED", "R 1", "", "CLOSED"},
    {"CLOSED", "R. 1 ack =77", "", "CLOSED"},

    // Section 3.10.7.2.
    {"LISTEN", "S 0", "S. 0 ack 1", "SYN-RECEIVED"},
    {"LISTEN", "S 0:10", "S. 0 ack 1", "SYN-RECEIVED"},
    {"LISTEN", "S. 0 ack =77", "R =77", "LISTEN"},
    {"LISTEN", ". 1 ack =77", "R =77", "LISTEN"},
    {"LISTEN", "1:11 ack =77", "R =77", "LISTEN"},
    {"LISTEN", "F. 1 ack =77", "R =77", "LISTEN"},
    {"LISTEN", "F 1", "", "LISTEN"},
    {"LISTEN", "[] 1:11", "", "LISTEN"},
    {"LISTEN", "R 0", "", "LISTEN"},
    {"LISTEN", "R. 0 ack =77", "", "LISTEN"},

    // Section 3.10.7.3.
    {"SYN-SENT", "S 0", "S. 0 ack 1", "SYN-RECEIVED"},
    {"SYN-SENT", "S. 0 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"SYN-SENT", "S. 0 ack 0", "R 0", "SYN-SENT"},
    {"SYN-SENT", "S. 0 ack 2", "R 2", "SYN-SENT"},
    {"SYN-SENT", ". 1 ack 1", "", "SYN-SENT"},
    {"SYN-SENT", ". 1 ack 0", "R 0", "SYN-SENT"},
    {"SYN-SENT", ". 1 ack 2", "R 2", "SYN-SENT"},
    {"SYN-SENT", "1:11 ack 1", "", "SYN-SENT"},
    {"SYN-SENT", "F. 1 ack 1", "", "SYN-SENT"},
    {"SYN-SENT", "F. 1 ack 2", "R 2", "SYN-SENT"},
    {"SYN-SENT", "R 0", "", "SYN-SENT"},
    {"SYN-SENT", "R. 0 ack 0", "", "SYN-SENT"},
    {"SYN-SENT", "R. 0 ack 1", "", "CLOSED"},
    {"SYN-SENT", "R. 0 ack 2", "", "SYN-SENT"},
    {"SYN-SENT", "1:11 ack 0", "R 0", "SYN-SENT"},
    {"SYN-SENT", "1:11 ack 2", "R 2", "SYN-SENT"},

    // Section 3.10.7.4, of a passive open. Two SYNs of one number are one SYN.
    {"SYN-RECEIVED", "S 0", "S. 0 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "S 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "S 70000", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "S. 0 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "S. 1 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", ". 1 ack 1", "", "ESTABLISHED"},
    {"SYN-RECEIVED", ". 100 ack 1", "", "ESTABLISHED"},
    {"SYN-RECEIVED", ". 1 ack 0", "R 0", "SYN-RECEIVED"},
    {"SYN-RECEIVED", ". 1 ack 2", "R 2", "SYN-RECEIVED"},
    {"SYN-RECEIVED", ". 0 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", ". 70000 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "1:11 ack 1", "", "ESTABLISHED"},
    {"SYN-RECEIVED", "11:21 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"SYN-RECEIVED", "70000:70010 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "F. 1 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"SYN-RECEIVED", "F. 1 ack 2", "R 2", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "F. 70000 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "R 1", "", "LISTEN"},
    {"SYN-RECEIVED", "R. 1 ack 1", "", "LISTEN"},
    {"SYN-RECEIVED", "R 100", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "R 0", "", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "R 70000", "", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "-9:1 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "1:11 ack 2", "R 2", "SYN-RECEIVED"},
    {"SYN-RECEIVED", "F. 2 ack 1", ". 1 ack 1", "ESTABLISHED"},

    // The same of a simultaneous open.
    {"SYN-RECEIVED-SIMULTANEOUS", "S 0", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "S 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "S 70000", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "S. 0 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "S. 0 ack 2", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "S. 1 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", ". 1 ack 1", "", "ESTABLISHED"},
    {"SYN-RECEIVED-SIMULTANEOUS", ". 1 ack 0", "R 0", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", ". 1 ack 2", "R 2", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", ". 70000 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "1:11 ack 1", "", "ESTABLISHED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "70000:70010 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "F. 1 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"SYN-RECEIVED-SIMULTANEOUS", "F. 70000 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "R 1", "", "CLOSED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "R. 1 ack 1", "", "CLOSED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "R 100", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "R 70000", "", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "11:21 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "-9:1 ack 1", ". 1 ack 1", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "1:11 ack 2", "R 2", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "F. 2 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "F. 1 ack 2", "R 2", "SYN-RECEIVED"},
    {"SYN-RECEIVED-SIMULTANEOUS", "R 0", "", "SYN-RECEIVED"},

    {"ESTABLISHED", "S 0", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "S 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "S 100", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "S 70000", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "S. 0 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "S. 1 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", ". 1 ack 1", "", "ESTABLISHED"},
    {"ESTABLISHED", ". 1 ack 0", "", "ESTABLISHED"},
    {"ESTABLISHED", ". 1 ack -70000", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", ". 1 ack 2", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", ". 65535 ack 1", "", "ESTABLISHED"},
    {"ESTABLISHED", ". 70000 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", ". 0 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "1:11 ack 1", "", "ESTABLISHED"},
    {"ESTABLISHED", "1:11 ack 2", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "11:21 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "-9:1 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "65536:65546 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "[] 1:11", "", "ESTABLISHED"},
    {"ESTABLISHED", "F. 1 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"ESTABLISHED", "F. 1:11 ack 1", ". 1 ack 12", "CLOSE-WAIT"},
    {"ESTABLISHED", "F. 2 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "F. 70000 ack 1", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "R 1", "", "CLOSED"},
    {"ESTABLISHED", "R. 1 ack 1", "", "CLOSED"},
    {"ESTABLISHED", "R. 1 ack 99", "", "CLOSED"},
    {"ESTABLISHED", "R 2", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "R 65535", ". 1 ack 1", "ESTABLISHED"},
    {"ESTABLISHED", "R 0", "", "ESTABLISHED"},
    {"ESTABLISHED", "R 70000", "", "ESTABLISHED"},
    {"ESTABLISHED", "F. 1 ack 2", ". 1 ack 1", "ESTABLISHED"},

    {"FIN-WAIT-1", "S 1", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "S 70000", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "S. 0 ack 1", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", ". 1 ack 1", "", "FIN-WAIT-1"},
    {"FIN-WAIT-1", ". 1 ack 2", "", "FIN-WAIT-2"},
    {"FIN-WAIT-1", ". 1 ack 3", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", ". 70000 ack 2", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "1:11 ack 1", "", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "1:11 ack 2", "", "FIN-WAIT-2"},
    {"FIN-WAIT-1", "70000:70010 ack 2", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "F. 1 ack 1", ". 2 ack 2", "CLOSING"},
    {"FIN-WAIT-1", "F. 1 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"FIN-WAIT-1", "F. 70000 ack 2", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "R 1", "", "CLOSED"},
    {"FIN-WAIT-1", "R. 1 ack 2", "", "CLOSED"},
    {"FIN-WAIT-1", "R 100", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "R 70000", "", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "S 0", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "S. 1 ack 1", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", ". 1 ack 0", "", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "11:21 ack 1", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "-9:1 ack 1", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "1:11 ack 3", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "F. 2 ack 1", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "F. 1 ack 3", ". 2 ack 1", "FIN-WAIT-1"},
    {"FIN-WAIT-1", "R 0", "", "FIN-WAIT-1"},

    {"FIN-WAIT-2", "S 1", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "S 70000", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "S. 0 ack 1", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", ". 1 ack 2", "", "FIN-WAIT-2"},
    {"FIN-WAIT-2", ". 1 ack 3", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", ". 70000 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "1:11 ack 2", "", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "11:21 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "70000:70010 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "F. 1 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"FIN-WAIT-2", "F. 2 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "F. 70000 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "R 1", "", "CLOSED"},
    {"FIN-WAIT-2", "R. 1 ack 2", "", "CLOSED"},
    {"FIN-WAIT-2", "R 100", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "R 70000", "", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "S 0", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "S. 1 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", ". 1 ack 1", "", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "-9:1 ack 2", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "1:11 ack 3", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "F. 1 ack 3", ". 2 ack 1", "FIN-WAIT-2"},
    {"FIN-WAIT-2", "R 0", "", "FIN-WAIT-2"},

    {"CLOSE-WAIT", "S 2", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "S 70000", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "S. 0 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", ". 2 ack 1", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", ". 2 ack 2", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", ". 70000 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "2:12 ack 1", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "70000:70010 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "F. 1 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "F. 2 ack 1", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "R 2", "", "CLOSED"},
    {"CLOSE-WAIT", "R. 2 ack 1", "", "CLOSED"},
    {"CLOSE-WAIT", "R 1", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "R 100", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "R 70000", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "S 0", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "S. 2 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", ". 2 ack 0", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "12:22 ack 1", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "-9:1 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "2:12 ack 2", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "F. 3 ack 1", "", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "F. 70000 ack 1", ". 1 ack 2", "CLOSE-WAIT"},
    {"CLOSE-WAIT", "F. 2 ack 2", ". 1 ack 2", "CLOSE-WAIT"},

    {"CLOSING", "S 2", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "S 70000", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "S. 0 ack 1", ". 2 ack 2", "CLOSING"},
    {"CLOSING", ". 2 ack 1", "", "CLOSING"},
    {"CLOSING", ". 2 ack 2", "", "TIME-WAIT"},
    {"CLOSING", ". 2 ack 3", ". 2 ack 2", "CLOSING"},
    {"CLOSING", ". 70000 ack 2", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "2:12 ack 1", "", "CLOSING"},
    {"CLOSING", "70000:70010 ack 2", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "F. 1 ack 1", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "F. 2 ack 1", "", "CLOSING"},
    {"CLOSING", "R 2", "", "CLOSED"},
    {"CLOSING", "R. 2 ack 1", "", "CLOSED"},
    {"CLOSING", "R 100", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "R 70000", "", "CLOSING"},
    {"CLOSING", "S 0", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "S. 2 ack 1", ". 2 ack 2", "CLOSING"},
    {"CLOSING", ". 2 ack 0", "", "CLOSING"},
    {"CLOSING", "12:22 ack 1", "", "CLOSING"},
    {"CLOSING", "-9:1 ack 1", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "2:12 ack 3", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "F. 3 ack 1", "", "CLOSING"},
    {"CLOSING", "F. 70000 ack 1", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "F. 2 ack 3", ". 2 ack 2", "CLOSING"},
    {"CLOSING", "R 1", "", "CLOSING"},

    {"LAST-ACK", "S 2", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "S 70000", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "S. 0 ack 1", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", ". 2 ack 1", "", "LAST-ACK"},
    {"LAST-ACK", ". 2 ack 2", "", "CLOSED"},
    {"LAST-ACK", ". 2 ack 3", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", ". 70000 ack 2", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "2:12 ack 1", "", "LAST-ACK"},
    {"LAST-ACK", "70000:70010 ack 2", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "F. 1 ack 1", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "F. 2 ack 2", "", "CLOSED"},
    {"LAST-ACK", "R 2", "", "CLOSED"},
    {"LAST-ACK", "R. 2 ack 1", "", "CLOSED"},
    {"LAST-ACK", "R 100", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "R 70000", "", "LAST-ACK"},
    {"LAST-ACK", "S 0", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "S. 2 ack 1", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", ". 2 ack 0", "", "LAST-ACK"},
    {"LAST-ACK", "12:22 ack 1", "", "LAST-ACK"},
    {"LAST-ACK", "-9:1 ack 1", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "2:12 ack 3", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "F. 3 ack 1", "", "LAST-ACK"},
    {"LAST-ACK", "F. 70000 ack 1", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "F. 2 ack 3", ". 2 ack 2", "LAST-ACK"},
    {"LAST-ACK", "R 1", "", "LAST-ACK"},

    // What has no length is not answered, or two ends in TIME-WAIT would talk for ever. A newer SYN
    // begins anew; within a millisecond the clock of initial numbers goes on by 250.
    {"TIME-WAIT", "S 1", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "S 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "S 70000", "S. 250 ack 70001", "SYN-RECEIVED"},
    {"TIME-WAIT", "S. 70000 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", ". 2 ack 2", "", "TIME-WAIT"},
    {"TIME-WAIT", ". 70000 ack 2", "", "TIME-WAIT"},
    {"TIME-WAIT", "2:12 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "70000:70010 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "F. 1 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "F. 70000 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "R 2", "", "TIME-WAIT"},
    {"TIME-WAIT", "R. 2 ack 2", "", "TIME-WAIT"},
    {"TIME-WAIT", "R 100", "", "TIME-WAIT"},
    {"TIME-WAIT", "S 0", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "S. 2 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", ". 2 ack 1", "", "TIME-WAIT"},
    {"TIME-WAIT", ". 2 ack 3", "", "TIME-WAIT"},
    {"TIME-WAIT", "12:22 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "-9:1 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "2:12 ack 3", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "F. 2 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "F. 3 ack 2", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "F. 2 ack 3", ". 2 ack 2", "TIME-WAIT"},
    {"TIME-WAIT", "R 70000", "", "TIME-WAIT"},
};

Stage set_up(const std::string& state) {
  if (state == "CLOSED") return client();
  if (state == "LISTEN") return server();
  return in_state(state);
}

class SceneSegmentArrives : public testing::TestWithParam<Row> {};

TEST_P(SceneSegmentArrives, IsAnsweredAsTheRfcSays) {
  const Row& row = GetParam();
  Scene s(set_up(row.state));
  s.at(1).in(row.segment);
  if (row.answer[0] != '\0') s.out(row.answer);
  s.silence().state(row.state_after);
}

// LAST-ACK and "F. -9:1 ack 1" are LAST_ACK_FA_m9_1_ack_1.
std::string name_of(const testing::TestParamInfo<Row>& info) {
  std::string segment = info.param.segment;
  for (char& letter : segment) {
    if (letter == '.') letter = 'A';
    if (letter == '-') letter = 'm';
  }
  std::string name = std::string(info.param.state) + "_" + segment;
  for (char& letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Matrix, SceneSegmentArrives, testing::ValuesIn(kRows), name_of);

}  // namespace
}  // namespace millrace::test
