# SPDX-License-Identifier: BSD-3-Clause
"""Small trees on which each rule of tidy.py fires (bad, each of them) or keeps quiet (good)."""

import conformance

LICENCE = "// SPDX-License-Identifier: BSD-3-Clause\n"
# In pieces, so that this file passes the rule too.
BRANCH_MARK = "FIX" + "ME"
ISSUE_MARK = "TO" + "DO"


TESTS = '''TEST(SceneClose, GoesThroughFinWait) {
TEST_P(SceneBad, IsDropped) {
INSTANTIATE_TEST_SUITE_P(All, SceneBad, testing::ValuesIn(kRows), name_of);
constexpr Row kRows[] = {{"Counter", "no flags"}, {"LAST-ACK", "F. -9:1 ack 1", "", ""}};
'''


def table_of(leave_out=()):
    """A table with a row for every cell that can be reached."""
    segments = ["S 0", "S 5", "S 70000", "S. 5 ack 1", "S. 70000 ack 1", "R. 0 ack 1", "R 0", "R 1",
                "R 2", "R 5", "R 70000", "F. 0 ack 2"]
    for ack in (0, 1, 2, 3):
        segments += [f"{what} ack {ack}" for what in (
            ". 1", ". 2", ". 70000", "1:11", "2:12", "5:15", "70000:70010", "-9:1", "F. 1", "F. 2",
            "F. 5", "F. 70000")]
    rows = "".join(f'    {{"{state}", "{segment}", "", ""}},\n'
                   for state in conformance.STATES for segment in segments
                   if (state, segment) not in leave_out)
    return "constexpr Row kRows[] = {\n" + rows + "};\n"


TABLE = table_of()
HOLE = table_of(leave_out=[("ESTABLISHED", "S 70000")])


def naming(*names):
    return {"tests/scene/close_test.cc": TESTS, "tests/e2e/cases_loss.py": "def bulk(lab):\n",
            "docs/conformance.md": "".join(f"| a clause | `{name}` |\n" for name in names)}


def with_matrix(table, matrix):
    return {conformance.TABLE: table,
            conformance.DOCUMENT: f"# It\n{conformance.BEGIN}{matrix}{conformance.END}"}


def including(path, *names):
    return {path: "".join(f"#include {name}\n" for name in names)}


EXAMPLES = {
    "include_table": {
        "bad": [
            including("lib/base/ring.h", '"wire/seq.h"'),
            including("lib/wire/frame.cc", '"tcp/connection.h"'),
            including("lib/tcp/input.cc", '"flow/table.h"'),
            including("lib/tcp/input.cc", '"wire/frame.h"'),
            including("lib/nic/rx.cc", '"stack/shard.h"'),
            including("lib/cellar/rack.cc", '"base/ring.h"'),
            including("lib/tcp/input.cc", '"receive.cc"'),
            including("lib/include/millrace/shard.h", '"stack/stats.h"'),
            including("app/main.cc", '"tcp/connection.h"'),
            including("tests/sim/world.cc", '"nic/port.h"'),
        ],
        "good": {
            **including("lib/base/ring.h", "<array>", '"millrace/time.h"', '"base/check.h"'),
            **including("lib/tcp/input.cc", '"tcp/input.h"', '"wire/segment.h"'),
            **including("lib/runtime/worker.cc", '"nic/rx.h"', '"stack/shard.h"', "<rte_eal.h>"),
            **including("lib/include/millrace/app.h", '"millrace/time.h"', "<span>"),
            **including("app/main.cc", '"millrace/shard.h"', '"cli/options.h"', "<fmt/core.h>"),
            **including("app/cli/options.h", "<string>"),
            **including("tests/unit/tcp/rtt.cc", '"tcp/rtt.h"'),
            **including("tests/unit/nic/port.cc", '"nic/port.h"'),
        },
    },
    "dpdk_at_the_edge": {
        "bad": [including("lib/stack/shard.cc", "<rte_mbuf.h>"),
                including("app/main.cc", "<rte_eal.h>"),
                including("tests/unit/tcp/rtt.cc", "<rte_cycles.h>")],
        "good": {**including("lib/nic/rx.cc", "<rte_mbuf.h>"),
                 **including("bench/micro/table.cc", "<rte_hash.h>")},
    },
    "include_cycles": {
        "bad": [
            {**including("lib/base/a.h", '"base/b.h"'), **including("lib/base/b.h", '"base/a.h"')},
            {**including("lib/flow/a.h", '"wire/b.h"'), **including("lib/wire/b.h", '"base/c.h"'),
             **including("lib/wire/d.h", '"flow/e.h"'), "lib/flow/e.h": "", "lib/base/c.h": ""},
        ],
        "good": {**including("lib/flow/a.h", '"wire/b.h"', '"base/c.h"'),
                 **including("lib/wire/b.h", '"base/c.h"'), "lib/base/c.h": ""},
    },
    "clocks": {
        "bad": [{"lib/stack/shard.cc": "auto t = std::chrono::steady_clock::now();\n"},
                {"lib/nic/rx.cc": "uint64_t t = rte_rdtsc();\n"},
                {"tests/unit/timer/wheel.cc": "clock_gettime(CLOCK_MONOTONIC, &t);\n"}],
        "good": {"lib/runtime/clock.cc": "uint64_t t = rte_rdtsc();\n",
                 "app/main.cc": "auto t = std::chrono::steady_clock::now();\n",
                 "lib/tcp/rtt.cc": "// No steady_clock here.\nconst char* s = \"rdtsc\";\n"},
    },
    "randomness": {
        "bad": [{"lib/stack/shard.cc": "std::random_device device;\n"},
                {"tests/sim/world.cc": "int x = rand() % 6;\n"}],
        "good": {"lib/runtime/launch.cc": "getrandom(&seed, sizeof seed, 0);\n",
                 "lib/base/random.h": "int operand(int x);\nuint64_t rand_next;\n"},
    },
    "sleeping": {
        "bad": [{"tests/unit/timer/wheel.cc": "std::this_thread::sleep_for(1ms);\n"},
                {"lib/stack/shard.cc": "usleep(1);\n"}],
        "good": {"lib/runtime/worker.cc": "usleep(1);\n",
                 "tests/sim/world.cc": "// Never sleep(1).\nint sleep_count;\n"},
    },
    "sans_io": {
        "bad": [including("lib/stack/shard.cc", "<mutex>"),
                including("lib/wire/frame.h", "<netinet/ip.h>"),
                including("lib/include/millrace/shard.h", "<iostream>")],
        "good": {**including("lib/runtime/worker.cc", "<thread>"),
                 **including("lib/base/ring.h", "<array>", "<cstdint>")},
    },
    "ownership": {
        "bad": [{"app/serve/http.cc": "std::shared_ptr<Body> body;\n"},
                {"lib/stack/shard.h": "std::function<void()> callback;\n"}],
        "good": {"lib/stack/shard.h": "// Not a std::shared_ptr.\nstd::unique_ptr<App> app;\n"},
    },
    "allocation": {
        "bad": [{"lib/tcp/input.cc": "auto* p = new Segment;\n"},
                {"lib/tcp/input.cc": "auto* p = new (std::nothrow) Segment;\n"},
                {"lib/flow/table.cc": "void* p = malloc(64);\n"}],
        "good": {"lib/tcp/input.cc": "// A new segment.\nnew (place) Segment;\nint new_count;\n",
                 "lib/nic/pool.cc": "auto* p = new Pool;\nvoid* q = rte_malloc(nullptr, 64, 0);\n",
                 "lib/base/slab.h": "auto* p = new Slot[10];\n"},
    },
    "exceptions": {
        "bad": [{"lib/http/parser.cc": 'throw std::runtime_error("no");\n'}],
        "good": {"lib/http/parser.cc": "// We throw nothing.\nint thrown;\n",
                 "app/main.cc": "throw CLI::RuntimeError(2);\n"},
    },
    "marks": {
        "bad": [{"lib/tcp/input.cc": f"// {BRANCH_MARK}: later\n"},
                {"docs/testing.md": f"{ISSUE_MARK}: write this.\n"}],
        "good": {"lib/tcp/input.cc": f"// {ISSUE_MARK} (issue 7): SACK.\n"},
    },
    "line_length": {
        "bad": [{"lib/tcp/input.cc": "x" * 101 + "\n"}, {"run": "#" * 101 + "\n"}],
        "good": {"lib/tcp/input.cc": "x" * 100 + "\n", "README.md": "x" * 200 + "\n"},
    },
    "file_length": {
        "bad": [{"lib/tcp/input.cc": "\n" * 701}],
        "good": {"lib/tcp/input.cc": "\n" * 700},
    },
    "whitespace": {
        "bad": [{"lib/tcp/input.cc": "int x; \n"}, {"lib/tcp/input.cc": "\tint x;\n"},
                {"lib/tcp/input.cc": "int x;"}],
        "good": {"lib/tcp/input.cc": "  int x;\n\n"},
    },
    "pragma_once": {
        "bad": [{"lib/tcp/input.h": LICENCE + "// #pragma once\n"}],
        "good": {"lib/tcp/input.h": LICENCE + "#pragma once\n", "lib/tcp/input.cc": ""},
    },
    "spdx": {
        "bad": [{"lib/tcp/input.h": "#pragma once\n"}, {"run": "#!/bin/bash\n"},
                {"lib/meson.build": "\n\n\n# SPDX-License-Identifier: BSD-3-Clause\n"}],
        "good": {"lib/tcp/input.h": LICENCE, "README.md": "millrace\n",
                 "run": "#!/bin/bash\n# SPDX-License-Identifier: BSD-3-Clause\n"},
    },
    "dead_files": {
        "bad": [{"lib/tcp/input.cc": "", "lib/tcp/meson.build": "files('output.cc')\n"},
                {"lib/tcp/input.h": "", "lib/tcp/meson.build": ""},
                {**including("lib/tcp/a.cc", '"wire/b.h"'), "lib/tcp/b.h": "",
                 "lib/tcp/meson.build": "files('a.cc')\n"}],
        "good": {**including("lib/tcp/a.cc", '"tcp/b.h"', '"millrace/c.h"'), "lib/tcp/b.h": "",
                 "lib/include/millrace/c.h": "", "lib/include/millrace/d.h": "",
                 "lib/tcp/meson.build": "tcp_sources = files('a.cc')\n"},
    },
    "named_tests": {
        "bad": [naming("SceneClose.GoesThroughFinWai"), naming("SceneOpen.GoesThroughFinWait"),
                naming("SceneClose.GoesThroughFinWait/x"), naming("SceneBad.IsDropped"),
                naming("Some/SceneBad.IsDropped"), naming("All/SceneBad.IsDropped/no_flag"),
                naming("All/SceneBad.IsDropped/LAST_ACK_FA_9_1_ack_1"), naming("e2e: bulks"),
                naming("SceneClose.GoesThroughFinWait", "SceneClose.Gone")],
        "good": naming("SceneClose.GoesThroughFinWait", "All/SceneBad.IsDropped", "e2e: bulk",
                       "All/SceneBad.IsDropped/no_flags", "Report.json", "std::string", "a.b",
                       "All/SceneBad.IsDropped/LAST_ACK_FA_m9_1_ack_1"),
    },
    "matrix_of_states": {
        "bad": [with_matrix(TABLE, "| | CLOSED |\n"), with_matrix(TABLE, ""),
                {conformance.TABLE: TABLE, conformance.DOCUMENT: "# It\n"},
                with_matrix(HOLE, conformance.make_matrix(HOLE)[0])],
        "good": with_matrix(TABLE, conformance.make_matrix(TABLE)[0]),
    },
    "names": {
        "bad": [{"lib/base/utils.h": ""}, {"app/common.cc": ""}, {"lib/tcp/SendQueue.h": ""}],
        "good": {"lib/tcp/send_queue.h": "", "tests/common_prefix.py": ""},
    },
}
