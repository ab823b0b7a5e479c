#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the documents to the tests that they name.

    conformance.py            print the matrix of states and segments, made from the table in
                              tests/scene/segment_arrives_test.cc
    conformance.py --write    put it into docs/conformance.md

The rules here are run by tidy.py. Tests are named in backquotes: `Suite.Test` as GoogleTest lists
it, with `Prefix/` before and `/parameter` behind where it has one; `e2e: name` is a function in
tests/e2e.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = "docs/conformance.md"
TABLE = "tests/scene/segment_arrives_test.cc"
TABLE_TEST = "Matrix/SceneSegmentArrives.IsAnsweredAsTheRfcSays"
BEGIN, END = "<!-- matrix: begin -->\n", "<!-- matrix: end -->\n"

TEST = re.compile(r"^(TEST|TEST_F|TEST_P)\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
SUITE = re.compile(r"^INSTANTIATE_TEST_SUITE_P\(\s*(\w+),\s*(\w+)", re.MULTILINE)
# The strings that a row of parameters begins with: its test is named for one of the first two, or
# for both.
ROW = re.compile(r'\{((?:\s*"(?:\\.|[^"\\])*"\s*,?)+)')
STRING = re.compile(r'"((?:\\.|[^"\\])*)"')
E2E_FUNCTION = re.compile(r"^def (\w+)\(", re.MULTILINE)

NAME = re.compile(r"`((?:\w+/)?[A-Z]\w+\.\w+(?:/\w+)?)`")
E2E_NAME = re.compile(r"`e2e: (\w+)`")
# What looks like a test and is a file or a member.
NO_TEST = re.compile(r"\.(cc|h|md|py|toml|txt|build|json)$")


def parameter_names(row):
    """What the name_of() functions of the suites may make of a row."""
    strings = STRING.findall(row)[:2]
    for string in strings:
        yield re.sub(r"\W", "_", string)
    if len(strings) == 2:
        yield parameter_of(*strings)


def parameter_of(state, segment):
    return re.sub(r"\W", "_", f"{state}_{segment.replace('.', 'A').replace('-', 'm')}")


def tests_of(tree):
    """The names of all tests; of a parametrised one, with each parameter and without."""
    found, parametrised, instances = set(), {}, []
    for path, text in tree.items():
        if path.startswith("tests/e2e/"):
            found.update("e2e: " + name for name in E2E_FUNCTION.findall(text))
        if not (path.startswith("tests/") and path.endswith(".cc")):
            continue
        for kind, suite, name in TEST.findall(text):
            if kind == "TEST_P":
                parametrised.setdefault((path, suite), []).append(name)
            else:
                found.add(f"{suite}.{name}")
        instances += [(path, prefix, suite) for prefix, suite in SUITE.findall(text)]
    for path, prefix, suite in instances:
        parameters = {name for row in ROW.findall(tree[path]) for name in parameter_names(row)}
        for name in parametrised.get((path, suite), []):
            found.add(f"{prefix}/{suite}.{name}")
            found.update(f"{prefix}/{suite}.{name}/{parameter}" for parameter in parameters)
    return found


def named_tests(tree):
    """Each test that a document names exists."""
    known = tests_of(tree)
    for path, text in tree.items():
        if not path.endswith(".md"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            names = [name for name in NAME.findall(line) if not NO_TEST.search(name)]
            names += ["e2e: " + name for name in E2E_NAME.findall(line)]
            for name in names:
                if name not in known:
                    yield path, number, f"there is no test {name}"


def matrix_of_states(tree):
    """The matrix in docs/conformance.md is that of the table, without a hole."""
    if TABLE not in tree or DOCUMENT not in tree:
        return
    text = tree[DOCUMENT]
    matrix, holes = make_matrix(tree[TABLE])
    for state, kind in holes:
        yield TABLE, 1, f"no row for {kind} in {state}"
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < 0 or text[begin + len(BEGIN):end] != matrix:
        yield DOCUMENT, 1, "the matrix is not that of the table: tests/tidy/conformance.py --write"


# ---- the matrix ------------------------------------------------------------------------------

STATES = ("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "SYN-RECEIVED-SIMULTANEOUS",
          "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK",
          "TIME-WAIT")
WINDOW = 65535
# Per state: the number expected next, and what of ours is unacknowledged: from, to.
NUMBERS = {
    "SYN-RECEIVED": (1, 0, 1), "SYN-RECEIVED-SIMULTANEOUS": (1, 0, 1), "ESTABLISHED": (1, 1, 1),
    "FIN-WAIT-1": (1, 1, 2), "FIN-WAIT-2": (1, 2, 2), "CLOSE-WAIT": (2, 1, 1),
    "CLOSING": (2, 1, 2), "LAST-ACK": (2, 1, 2), "TIME-WAIT": (2, 2, 2),
}
KINDS = (
    "SYN, in the window", "SYN, outside", "SYN, the first again", "SYN-ACK, in the window",
    "SYN-ACK, outside", "RST, the number expected", "RST, elsewhere in the window", "RST, outside",
    "ACK", "ACK of the past", "ACK of the future", "ACK, outside the window",
    "text, in order", "text, ahead of a gap", "text, outside the window", "text, of before",
    "text, ACK of the future", "FIN, in order", "FIN, ahead of a gap", "FIN, outside the window",
    "FIN, the first again", "FIN, ACK of the future", "no ACK, SYN or RST",
)
UNSYNCHRONIZED = ("CLOSED", "LISTEN", "SYN-SENT")
FIN_CAME = ("CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT")
SEGMENT = re.compile(r"(?:(?P<flags>[SFRP.\[\]]+)\s+)?(?P<seq>-?\d+)(?::(?P<end>-?\d+))?"
                     r"(?:\s+ack\s+(?P<ack>=?-?\d+))?$")


def rows_of(text):
    """(state, segment, answer, state after) of the table's source."""
    table = text[text.index("kRows[] = {"):]
    table = table[:table.index("\n};")]
    rows = [STRING.findall(row) for row in re.findall(r"\{([^{}]*)\}", table)]
    return [tuple(row) for row in rows if len(row) == 4]


def kind_of(state, segment):
    match = SEGMENT.match(segment)
    flags = match["flags"] or "."
    seq = int(match["seq"])
    end = int(match["end"] or seq)
    ack = 1 if match["ack"] is None or match["ack"].startswith("=") else int(match["ack"])
    expected, acked, sent = NUMBERS.get(state, (1, 0, 1))
    known = state in NUMBERS  # there is a window
    inside = not known or expected <= seq < expected + WINDOW
    if "S" in flags:
        if "." in flags:
            return "SYN-ACK, in the window" if inside else "SYN-ACK, outside"
        if known and seq == 0:
            return "SYN, the first again"
        return "SYN, in the window" if inside else "SYN, outside"
    if "R" in flags:
        if state == "SYN-SENT":  # judged by what it acknowledges (RFC 9293 section 3.10.7.3)
            return "RST, the number expected" if "." in flags and ack == 1 else "RST, outside"
        if not known or seq == expected:
            return "RST, the number expected"
        return "RST, elsewhere in the window" if inside else "RST, outside"
    if "." not in flags:
        return "no ACK, SYN or RST"
    judged = known or state == "SYN-SENT"
    future = judged and ack > sent
    past = judged and ack < max(acked, 1 if "SYN" in state else acked)
    what = "FIN" if "F" in flags else "text" if end > seq else "ACK"
    if what == "ACK":
        if known and not expected <= seq <= expected + WINDOW:
            return "ACK, outside the window"
        return "ACK of the future" if future else "ACK of the past" if past else "ACK"
    if future:
        return f"{what}, ACK of the future"
    if known and end + (what == "FIN") <= expected:
        return "FIN, the first again" if what == "FIN" else "text, of before"
    if not known or seq <= expected:
        return f"{what}, in order"
    return f"{what}, ahead of a gap" if inside else f"{what}, outside the window"


def unreachable(state, kind):
    """Why no such segment can be told from the others in that state; None when it can."""
    if kind == "no ACK, SYN or RST":
        return "a"
    if kind == "SYN, the first again" and state in UNSYNCHRONIZED:
        return "b"
    if kind == "FIN, the first again" and state not in FIN_CAME:
        return "b"
    if state == "SYN-SENT" and ("ACK of the" in kind or kind == "RST, outside"):
        return None
    if state in UNSYNCHRONIZED and any(
            word in kind for word in ("outside", "elsewhere", "gap", "before", "ACK of the")):
        return "c"
    return None


def make_matrix(text):
    """(the matrix as Markdown, its holes). A cell names its tests by their parameters, without the
    state."""
    cells, holes = {}, []
    for state, segment, _, _ in rows_of(text):
        name = parameter_of(state, segment)[len(state) + 1:]
        cells.setdefault((state, kind_of(state, segment)), []).append(f"`{name}`")
    lines = []
    for states in (STATES[:6], STATES[6:]):
        lines += ["| | " + " | ".join(states) + " |", "| --- " * (len(states) + 1) + "|"]
        for kind in KINDS:
            row = []
            for state in states:
                tests, why = cells.get((state, kind)), unreachable(state, kind)
                if not tests and not why:
                    holes.append((state, kind))
                row.append("<br>".join(tests) if tests else why or "**none**")
            lines.append(f"| {kind} | " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines) + "\n", holes


def main():
    matrix, holes = make_matrix((ROOT / TABLE).read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--write"]:
        path = ROOT / DOCUMENT
        text = path.read_text(encoding="utf-8")
        begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        path.write_text(text[:begin] + matrix + text[end:], encoding="utf-8")
    else:
        print(matrix)
    for state, kind in holes:
        print(f"no row for {kind} in {state}", file=sys.stderr)
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
