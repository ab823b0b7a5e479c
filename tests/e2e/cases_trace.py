# SPDX-License-Identifier: BSD-3-Clause
"""`millrace trace` of a capture, beside what tcpdump says of the same one."""

import json
import re
import stat

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


def fields_by_tshark(lab, path, *fields):
    """Each packet's fields, as text."""
    arguments = [word for field in fields for word in ("-e", field)]
    text = lab.run("env", f"HOME={lab.folder}", "tshark", "-n", "-r", path, "-T", "fields",
                   "-E", "separator=|", *arguments).out()
    return [line.split("|") for line in text.splitlines()]


def recorded(lab, kind):
    need_tools("curl", "tshark")
    site = SITES[kind](lab)
    path = lab.folder / "shard.pcapng"
    with site.serve("--http", 80, "--capture", path, "--capture-port", 80, "--capture-snap", 128):
        site.run("curl", "--silent", "--output", lab.folder / "body",
                 f"http://{MILLRACE}/bytes/5000")
    expect_equal(stat.S_IMODE(path.stat().st_mode), 0o600, "who may read it")
    packets = fields_by_tshark(lab, path, "frame.interface_name", "frame.len", "frame.cap_len",
                               "frame.packet_flags_direction", "tcp.flags.syn", "tcp.flags.fin",
                               "frame.comment")
    expect(len(packets) >= 9, f"too few packets: {packets}")
    for name, length, captured, _, _, _, comment in packets:
        expect_equal(name, "millrace-0", "the interface")
        expect_equal(int(captured), min(int(length), 128), "what is captured of a packet")
        expect(comment, "each has a state")
    comments = [packet[-1] for packet in packets]
    expect_equal(comments[:3], ["SYN-RECEIVED", "SYN-RECEIVED", "ESTABLISHED"], "the handshake")
    # The server is told to end when curl has: whose FIN comes first is chance.
    expect({"LAST-ACK", "CLOSING"} & set(comments), f"no end: {comments}")
    ladders = json.loads(lab.run(lab.millrace, "trace", path, "--json").out())
    rows = ladders[0]["rows"]
    expect_equal(len(rows), len(packets), "as many rows as packets")
    expect_equal([row["right"]["after"] for row in rows[:3]], comments[:3],
                 "the ladder's states and the server's own")
    expect_equal(rows[-1]["right"]["after"], "CLOSED", "the end")


def rotated(lab, kind):
    need_tools("curl", "tshark")
    site = SITES[kind](lab)
    path = lab.folder / "part.pcapng"
    with site.serve("--http", 80, "--capture", path, "--capture-rotate", "4k",
                    "--capture-files", 3):
        for _ in range(10):
            site.run("curl", "--silent", "--output", lab.folder / "body",
                     f"http://{MILLRACE}/bytes/5000")
    parts = sorted(lab.folder.glob("part.pcapng*"))
    expect_equal(len(parts), 3, "the number of files that are kept")
    for part in parts:
        expect(part.stat().st_size < 64 << 10, "a file's size")
        fields_by_tshark(lab, part, "frame.len")  # which must say that it is sound


for wire in SITES:
    CASES.add(f"{wire}: tshark reads what a shard saw, with the connection's states",
              lambda lab, kind=wire: recorded(lab, kind))
    CASES.add(f"{wire}: a capture goes on in further files, and the oldest go",
              lambda lab, kind=wire: rotated(lab, kind))
for wire in SITES:
    CASES.add(f"{wire}: the ladder of a curl has what tcpdump says, line by line",
              lambda lab, kind=wire: curl_beside_tcpdump(lab, kind))
