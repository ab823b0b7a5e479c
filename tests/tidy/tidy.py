#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of layering and house style that a compiler cannot make.

    tidy.py [--json FILE]              check the sources; each rule counts as one test
    tidy.py --self-test [--json FILE]  check on small examples that each rule fires, and only then
    tidy.py --list                     name the rules

A rule is a function from a tree, a dict {path: text}, to findings (path, line number, message).
"""

import argparse
import json
import os
import pathlib
import posixpath
import re
import sys
import time

import conformance
import examples

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("lib", "app", "bench", "tests", "config", "docs", ".ci")
TOP_FILES = ("run", "meson.build", "meson_options.txt", "README.md", "CHANGELOG.md")
# Data, or other people's text.
SKIPPED_FOLDERS = ("__pycache__", "corpus", "baseline", "testdata")

# Who may include whom. Public headers, "millrace/...", may be included everywhere.
INCLUDE_TABLE = {
    "base": (),
    "wire": ("base",),
    "timer": ("base",),
    "flow": ("base", "wire"),
    "net": ("base", "wire", "timer"),
    "tcp": ("base", "wire", "timer"),
    "stack": ("base", "wire", "timer", "flow", "net", "tcp"),
    "http": ("base",),
    "nic": ("base", "wire", "flow"),
    "runtime": ("base", "wire", "timer", "flow", "net", "tcp", "stack", "http", "nic"),
}
# tcp knows segments, not frames.
TCP_MAY_INCLUDE_FROM_WIRE = ("wire/seq.h", "wire/segment.h", "wire/flow_key.h")
DPDK_ROOMS = ("nic", "runtime")
DPDK_FOLDERS = ("lib/nic/", "lib/runtime/", "tests/unit/nic/", "tests/unit/runtime/", "bench/")

CLOCK_FOLDERS = ("lib/runtime/", "app/", "bench/", "tests/e2e/", "tests/wire/")
CLOCK = re.compile(r"\b(steady_clock|system_clock|high_resolution_clock|clock_gettime|gettimeofday"
                   r"|timespec_get|_*rdtscp?|rte_rdtsc\w*|rte_get_\w*cycles)\b")
RANDOM = re.compile(r"\b(random_device|getrandom|getentropy|s?rand(?=\s*\())\b")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|nanosleep|usleep|sleep(?=\s*\())\b")

# The core speaks to no operating system and starts no thread. A failed ASSERT prints its last
# words, the memory of the tables is asked for at start-up, and inet_pton() is a pure function.
SYSTEM_HEADERS_ALLOWED = ("lib/base/check.cc", "lib/base/memory.cc", "lib/wire/address.cc")
SYSTEM_HEADERS = re.compile(r"^(thread|mutex|shared_mutex|condition_variable|future|iostream"
                            r"|fstream|cstdio|stdio\.h|unistd\.h|fcntl\.h|time\.h|pthread\.h"
                            r"|(sys|net|netinet|arpa|linux)/.*)$")

SHARED = re.compile(r"\b(shared_ptr|make_shared|weak_ptr)\b")
FUNCTION = re.compile(r"\bstd::function\b")
# Placement new constructs in memory that somebody has; everything else allocates.
ALLOCATION = re.compile(r"\b(malloc|calloc|realloc|aligned_alloc|posix_memalign)\s*\("
                        r"|\bnew\b\s*(?:[\w:\[]|\(\s*std::nothrow)")
# Files that allocate at start-up only, or through a private constructor in a create().
ALLOCATION_ALLOWED = (
    "lib/base/fifo.h",
    "lib/base/memory.h",
    "lib/base/memory.cc",
    "lib/base/slab.h",
    "lib/base/slab.cc",
    "lib/stack/host.cc",
    "lib/stack/shard.cc",
    "lib/nic/",
    "lib/runtime/",
)

LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = 700
VAGUE_NAMES = ("util", "utils", "common", "misc", "helper", "helpers", "stuff")
# Spelled in two pieces, so that this file may be checked too.
BRANCH_MARK = "FIX" + "ME"
ISSUE_MARK = "TO" + "DO"

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LITERAL_OR_COMMENT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def is_cpp(path):
    return path.endswith((".cc", ".h"))


def is_source(path):
    return is_cpp(path) or path.endswith((".py", ".sh", "meson.build", "meson_options.txt")) or \
        path in ("run", ".ci/run")


def room_of(path):
    """The room of lib that the file belongs to; None outside, and for public headers."""
    parts = path.split("/")
    return parts[1] if parts[0] == "lib" and len(parts) > 2 and parts[1] != "include" else None


def is_core(path):
    room = room_of(path)
    return path.startswith("lib/include/") or (room is not None and room not in DPDK_ROOMS)


def lines_of(text):
    return enumerate(text.splitlines(), 1)


def code_of(text):
    """The text without comments and literals, line by line as it was."""
    return LITERAL_OR_COMMENT.sub(lambda match: "\n" * match.group().count("\n") or " ", text)


def includes_of(text):
    for number, line in lines_of(text):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def find_in_code(tree, pattern, applies, message):
    for path, text in tree.items():
        if is_cpp(path) and applies(path):
            for number, line in lines_of(code_of(text)):
                match = pattern.search(line)
                if match:
                    yield path, number, message.format(match.group().strip())


def resolve(tree, path, name):
    """The file of the tree that `#include "name"` in `path` means, or None."""
    for root in (posixpath.dirname(path), "lib", "lib/include", "app", "tests", "bench"):
        candidate = posixpath.normpath(posixpath.join(root, name))
        if candidate in tree:
            return candidate
    return None


# ---- rules -----------------------------------------------------------------------------------

def include_table(tree):
    """Rooms include only those that the table names."""
    for path, text in tree.items():
        if not is_cpp(path):
            continue
        room = room_of(path)
        for number, name, quoted in includes_of(text):
            message = include_message(tree, path, room, name, quoted)
            if message:
                yield path, number, message


def include_message(tree, path, room, name, quoted):
    if name.endswith(".cc"):
        return f"includes a sibling's detail, {name}"
    target = name.split("/")[0]
    if name.startswith("millrace/"):
        return None
    if path.startswith("lib/include/"):
        return f"a public header includes the internal {name}" if quoted else None
    if path.startswith("app/"):
        if quoted and not (resolve(tree, path, name) or "").startswith("app/"):
            return f"the app includes {name}: only millrace/..., its own headers, libraries"
        return None
    if room is not None:
        if room not in INCLUDE_TABLE:
            return f"room {room} is not in the include table"
        # In angle brackets <net/if.h> is the system's, not the room's.
        if target == room or not quoted:
            return None
        if target not in INCLUDE_TABLE[room]:
            allowed = ", ".join(INCLUDE_TABLE[room]) or "nothing"
            return f"{room} includes {name}: it may include {allowed} and millrace/..."
        if room == "tcp" and target == "wire" and name not in TCP_MAY_INCLUDE_FROM_WIRE:
            return f"tcp includes {name}: of wire it may include seq, segment, flow_key"
        return None
    if path.startswith("tests/") and target in DPDK_ROOMS and not path.startswith(DPDK_FOLDERS):
        return f"includes {name}: only the tests of nic and runtime may"
    return None


def dpdk_at_the_edge(tree):
    """Only nic and runtime (and benches that compare) include DPDK."""
    for path, text in tree.items():
        if is_cpp(path) and not path.startswith(DPDK_FOLDERS):
            for number, name, _ in includes_of(text):
                if name.startswith("rte_"):
                    yield path, number, f"includes DPDK's {name}"


def include_cycles(tree):
    """No cycles, neither between rooms nor between headers."""
    files, rooms, places = {}, {}, {}
    for path, text in tree.items():
        if not is_cpp(path):
            continue
        for number, name, quoted in includes_of(text):
            target = resolve(tree, path, name) if quoted else None
            if target is None:
                continue
            files.setdefault(path, []).append(target)
            places[(path, target)] = number
            here, there = room_of(path), room_of(target)
            if here and there and here != there:
                rooms.setdefault(here, []).append(there)
                places.setdefault((here, there), (path, number))
    for cycle in cycles_of(files):
        yield cycle[0], places[(cycle[0], cycle[1])], "include cycle: " + " > ".join(cycle)
    for cycle in cycles_of(rooms):
        path, number = places[(cycle[0], cycle[1])]
        yield path, number, "rooms include each other: " + " > ".join(cycle)


def cycles_of(graph):
    """One cycle for each back edge of a depth-first walk."""
    done = set()

    def walk(node, trail):
        if node in trail:
            yield trail[trail.index(node):] + [node]
        elif node not in done:
            for target in graph.get(node, ()):
                yield from walk(target, trail + [node])
            done.add(node)

    for start in sorted(graph):
        yield from walk(start, [])


def clocks(tree):
    """Time comes in as an argument; only runtime, app, benches and the bad wire read a clock."""
    return find_in_code(tree, CLOCK, lambda path: not path.startswith(CLOCK_FOLDERS),
                        "reads a clock: {}")


def randomness(tree):
    """Randomness comes in as a seed; only runtime and app draw one."""
    return find_in_code(tree, RANDOM, lambda path: not path.startswith(("lib/runtime/", "app/")),
                        "draws from the system: {}")


def sleeping(tree):
    """Nothing sleeps in the core, and no test in virtual time does."""
    folders = ("tests/unit/", "tests/scene/", "tests/sim/", "tests/support/", "tests/fuzz/")
    return find_in_code(tree, SLEEP, lambda path: is_core(path) or path.startswith(folders),
                        "sleeps: {}")


def sans_io(tree):
    """The core includes no header of threads, files, sockets or the console."""
    for path, text in tree.items():
        if is_cpp(path) and is_core(path) and path not in SYSTEM_HEADERS_ALLOWED:
            for number, name, quoted in includes_of(text):
                if not quoted and SYSTEM_HEADERS.match(name):
                    yield path, number, f"the core includes <{name}>"


def ownership(tree):
    """No shared_ptr; no std::function in the library."""
    yield from find_in_code(tree, SHARED, lambda path: path.startswith(("lib/", "app/")),
                            "shared ownership: {}")
    yield from find_in_code(tree, FUNCTION, lambda path: path.startswith("lib/"), "{} allocates")


def allocation(tree):
    """The library allocates in few files, at start-up."""
    return find_in_code(
        tree, ALLOCATION,
        lambda path: path.startswith("lib/") and not path.startswith(ALLOCATION_ALLOWED),
        "allocates ({}): use a slab, a vector sized at start-up, or add the file to the list")


def exceptions(tree):
    """The library throws nothing."""
    return find_in_code(tree, re.compile(r"\bthrow\b"), lambda path: path.startswith("lib/"),
                        "throws")


def marks(tree):
    """No marks of unfinished work, but those that name an issue."""
    for path, text in tree.items():
        for number, line in lines_of(text):
            if BRANCH_MARK in line:
                yield path, number, f"{BRANCH_MARK} may live on a branch, never on main"
            if re.search(rf"\b{ISSUE_MARK}\b", line) and not re.search(r"issue \d+|#\d+", line):
                yield path, number, f"a {ISSUE_MARK} names an issue"


def line_length(tree):
    """Lines of at most 100 columns."""
    for path, text in tree.items():
        if is_source(path):
            for number, line in lines_of(text):
                if len(line) > LINE_COLUMNS_MAX:
                    yield path, number, f"{len(line)} columns, at most {LINE_COLUMNS_MAX}"


def file_length(tree):
    """Files of at most 700 lines."""
    for path, text in tree.items():
        count = text.count("\n")
        if is_source(path) and count > FILE_LINES_MAX:
            yield path, FILE_LINES_MAX + 1, f"{count} lines, at most {FILE_LINES_MAX}"


def whitespace(tree):
    """No tabs, no trailing spaces, a newline at the end."""
    for path, text in tree.items():
        for number, line in lines_of(text):
            if "\t" in line:
                yield path, number, "a tab"
            if line != line.rstrip():
                yield path, number, "trailing space"
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "no newline at the end of the file"


def pragma_once(tree):
    """Each header says #pragma once."""
    for path, text in tree.items():
        if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.MULTILINE):
            yield path, 1, "no #pragma once"


def spdx(tree):
    """Each source names its licence in the first lines."""
    for path, text in tree.items():
        head = "\n".join(text.splitlines()[:3])
        if is_source(path) and "SPDX-License-Identifier: BSD-3-Clause" not in head:
            yield path, 1, "no SPDX-License-Identifier: BSD-3-Clause in the first three lines"


def dead_files(tree):
    """Each .cc is in a meson.build, each internal header is included by somebody else."""
    built, included = set(), set()
    for path, text in tree.items():
        if path.endswith("meson.build"):
            for name in re.findall(r"'([^'\n]+\.cc)'", text):
                built.add(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
        elif is_cpp(path):
            for _, name, quoted in includes_of(text):
                if quoted:
                    included.add(resolve(tree, path, name))
    for path in tree:
        if path.endswith(".cc") and path not in built:
            yield path, 1, "no meson.build names this file"
        if path.endswith(".h") and path not in included and not path.startswith("lib/include/"):
            yield path, 1, "nobody includes this header"


def names(tree):
    """Files are named for the noun they own, in snake_case."""
    for path in tree:
        if is_cpp(path) or path.endswith(".py"):
            stem = posixpath.basename(path).rsplit(".", 1)[0]
            if stem in VAGUE_NAMES:
                yield path, 1, f"'{stem}' says nothing"
            if not re.fullmatch(r"[a-z][a-z0-9_]*", stem):
                yield path, 1, f"'{stem}' is not snake_case"


RULES = (include_table, dpdk_at_the_edge, include_cycles, clocks, randomness, sleeping, sans_io,
         ownership, allocation, exceptions, marks, line_length, file_length, whitespace,
         pragma_once, spdx, dead_files, names, conformance.named_tests,
         conformance.matrix_of_states)


# ---- running them ----------------------------------------------------------------------------

def read_tree(root):
    tree = {}
    paths = [root / name for name in TOP_FILES]
    for folder in FOLDERS:
        for parent, folders, files in os.walk(root / folder):
            folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
            paths += [pathlib.Path(parent, name) for name in sorted(files)]
    for path in paths:
        name = path.relative_to(root).as_posix()
        if path.is_file() and (is_source(name) or name.endswith((".md", ".toml"))):
            tree[name] = path.read_text(encoding="utf-8", errors="replace")
    return tree


def result(name, begin, problems):
    return {"name": name, "status": "failed" if problems else "passed",
            "seconds": round(time.monotonic() - begin, 6), "message": "\n    ".join(problems)}


def check(tree):
    results = []
    for rule in RULES:
        begin = time.monotonic()
        problems = [f"{path}:{line}: {message}" for path, line, message in rule(tree)]
        results.append(result(rule.__name__, begin, problems))
    return results


def self_test():
    """Each rule finds something in each of its bad examples and nothing in its good one."""
    results = []
    for rule in RULES:
        begin = time.monotonic()
        problems = []
        example = examples.EXAMPLES.get(rule.__name__)
        if example is None:
            problems.append("has no example")
        else:
            for number, bad in enumerate(example["bad"], 1):
                if not list(rule(bad)):
                    problems.append(f"does not fire on bad example {number}")
            for path, line, message in rule(example["good"]):
                problems.append(f"fires on the good example: {path}:{line}: {message}")
        results.append(result(f"{rule.__name__} fires", begin, problems))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true", help="check the rules on examples")
    parser.add_argument("--list", action="store_true", help="name the rules")
    parser.add_argument("--json", type=pathlib.Path, help="write the results to this file")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="the tree to check")
    options = parser.parse_args()
    if options.list:
        for rule in RULES:
            print(f"{rule.__name__:<18}{rule.__doc__}")
        return 0
    results = self_test() if options.self_test else check(read_tree(options.root))
    for item in results:
        if item["message"]:
            print(f"{item['name']}:\n    {item['message']}")
    failed = sum(item["status"] == "failed" for item in results)
    print(f"{len(results) - failed} rules passed, {failed} failed")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
