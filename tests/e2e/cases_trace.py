# SPDX-License-Identifier: BSD-3-Clause
"""`millrace trace` of a capture, beside what tcpdump says of the same one."""

import json
import re

from case import Cases
from lab import expect, expect_equal, need_tools
from packets import capture
from sites import MILLRACE, SITES

CASES = Cases()
LINE = re.compile(r"^(?P<time>[\d.]+) IP (?P<from>\S+) > \S+: Flags \[(?P<flags>[^]]*)\]"
                  r"(?:, seq (?P<seq>\d+)(?::\d+)?)?(?:, ack (?P<ack>\d+))?, win (?P<win>\d+)"
                  r"(?:, options \[(?P<options>[^]]*)\])?, length (?P<length>\d+)")


def options_of(tcpdump):
    """tcpdump's list of options, as the JSON of a ladder has them."""
    out = {}
    for option in (tcpdump or "").split(","):
        words = option.split()
        if words[:1] == ["mss"]:
            out["mss"] = int(words[1])
        elif words[:1] == ["sackOK"]:
            out["sack_permitted"] = True
        elif words[:1] == ["TS"]:
            out["timestamps"] = {"value": int(words[2]), "echo": int(words[4])}
        elif words[:1] == ["wscale"]:
            out["window_scale"] = int(words[1])
        else:
            expect(words in ([], ["nop"], ["eol"]), f"an option that nobody expected: {option}")
    return out


def rows_of_tcpdump(lab, path):
    """tcpdump's lines as rows of a ladder; numbers counted from each side's SYN, by ourselves."""
    text = lab.run("tcpdump", "-n", "-S", "-tt", "-r", path, "tcp").out()
    rows, first, began, client = [], {}, None, None
    for line in text.splitlines():
        match = LINE.match(line)
        expect(match, f"a line that nobody expected: {line}")
        began = began or float(match["time"])
        client = client or match["from"]
        side = "left" if match["from"] == client else "right"
        other = "right" if side == "left" else "left"
        if "S" in match["flags"]:
            first[side] = int(match["seq"])
        row = {"from": side, "flags": match["flags"], "payload_bytes": int(match["length"]),
               "window": int(match["win"]), "options": options_of(match["options"]),
               "microseconds": round((float(match["time"]) - began) * 1e6)}
        if match["seq"]:  # tcpdump leaves it out where nothing is sent
            row["seq"] = (int(match["seq"]) - first[side]) % 2**32
        if match["ack"]:
            row["ack"] = (int(match["ack"]) - first[other]) % 2**32
        rows.append(row)
    return rows


def curl_beside_tcpdump(lab, kind):
    need_tools("curl", "tcpdump")
    site = SITES[kind](lab)
    with site.serve("--http", 80):
        with capture(lab, site.kernel, site.interface) as path:
            site.run("curl", "--silent", "--output", lab.folder / "body",
                     f"http://{MILLRACE}/bytes/50000")
        theirs = rows_of_tcpdump(lab, path)
        ladders = json.loads(lab.run(lab.millrace, "trace", path, "--json").out())
        text = lab.run(lab.millrace, "trace", path, "--explain").out()
    expect_equal(len(ladders), 1, "the number of connections")
    ours = ladders[0]["rows"]
    expect_equal(len(ours), len(theirs), "the number of segments")
    expect(len(ours) >= 9, "a handshake, a request, a response and a teardown")
    for mine, tcpdumps in zip(ours, theirs):
        row = {name: mine[name] for name in tcpdumps if name != "microseconds"}
        row["microseconds"] = round(mine["seconds"] * 1e6)
        expect(abs(row["microseconds"] - tcpdumps["microseconds"]) <= 1, "the time of a segment")
        row["microseconds"] = tcpdumps["microseconds"]  # tcpdump's is a float of 16 digits
        expect_equal(row, tcpdumps, "a segment as tcpdump has it")
    # curl closes first, so its end waits.
    states = [(row["left"]["after"], row["right"]["after"]) for row in ours]
    expect_equal(states[:3], [("SYN-SENT", "SYN-RECEIVED"), ("ESTABLISHED", "SYN-RECEIVED"),
                              ("ESTABLISHED", "ESTABLISHED")], "the handshake")
    expect_equal(states[-1], ("TIME-WAIT", "CLOSED"), "the end")
    expect(all(len(line) <= 100 for line in text.splitlines()), text)


for wire in SITES:
    CASES.add(f"{wire}: the ladder of a curl has what tcpdump says, line by line",
              lambda lab, kind=wire: curl_beside_tcpdump(lab, kind))
