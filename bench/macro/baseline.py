# SPDX-License-Identifier: BSD-3-Clause
"""Instruction counts beside those that were committed: what became worse, and whether it may.

A baseline is a JSON object: "built_by" names compiler and options, "rows" maps "ROW END BURST" to
instructions. Counts of another compiler are not comparable, and are not compared.

    baseline.py --self-test [JSON]   shows that each kind of difference is found, and only then
"""

import json
import pathlib
import sys

WORSE_MAX_PERCENT = 2.0
BETTER_FROM_PERCENT = 2.0  # from here on an improvement is worth a new baseline

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write(path, built_by, rows):
    with open(path, "w", encoding="utf-8") as file:
        rounded = {key: round(value, 1) for key, value in rows.items()}
        json.dump({"built_by": built_by, "rows": rounded}, file, indent=1)
        file.write("\n")


def compare(committed, built_by, rows):
    """One (status, "ROW END BURST", text) for each row of either side."""
    if committed["built_by"] != built_by:
        return [(SKIPPED, "all rows", f"the baseline was made by {committed['built_by']}, "
                 f"this build by {built_by}: not comparable")]
    before = committed["rows"]
    results = []
    for key in [*before, *(key for key in rows if key not in before)]:
        if key not in rows:
            results.append((FAILED, key, "is in the baseline and was not measured"))
            continue
        if key not in before:
            results.append((FAILED, key, "is not in the baseline: --update writes it"))
            continue
        percent = (rows[key] / before[key] - 1) * 100
        text = f"{before[key]:.0f} -> {rows[key]:.0f} instructions ({percent:+.1f} %)"
        if percent > WORSE_MAX_PERCENT:
            results.append((FAILED, key, f"{text}: more than {WORSE_MAX_PERCENT:.0f} % worse"))
        elif percent < -BETTER_FROM_PERCENT:
            results.append((PASSED, key, f"{text}: better; --update keeps it"))
        else:
            results.append((PASSED, key, ""))
    return results


def as_cases(prefix, results):
    """In the form that tests/summary.py reads."""
    return [{"name": f"{prefix}{key}", "status": status, "seconds": 0.0, "message": text}
            for status, key, text in results]


def self_test():
    same = {"request client 32": 1000.0, "ack client 1": 150.0}
    committed = {"built_by": "gcc 12, -O3", "rows": same}

    def statuses(built_by="gcc 12, -O3", **changed):
        rows = {**same, **{key.replace("_", " "): value for key, value in changed.items()}}
        rows = {key: value for key, value in rows.items() if value is not None}
        return [status for status, _, _ in compare(committed, built_by, rows)]

    expected = {
        "equal rows pass": (statuses(), [PASSED, PASSED]),
        "3 % worse fails": (statuses(request_client_32=1030.0), [FAILED, PASSED]),
        "2.1 % worse fails": (statuses(request_client_32=1021.0), [FAILED, PASSED]),
        "1.9 % worse passes": (statuses(request_client_32=1019.0), [PASSED, PASSED]),
        "better passes": (statuses(ack_client_1=75.0), [PASSED, PASSED]),
        "a row that is missing fails": (statuses(ack_client_1=None), [PASSED, FAILED]),
        "a row that is new fails": (statuses(syn_server_1=400.0), [PASSED, PASSED, FAILED]),
        "another compiler is skipped": (statuses("gcc 13, -O3", ack_client_1=999.0), [SKIPPED]),
    }
    said = compare(committed, "gcc 12, -O3", {**same, "ack client 1": 100.0})[1][2]
    expected["better is said"] = (
        said, "150 -> 100 instructions (-33.3 %): better; --update keeps it")
    return [(PASSED if actual == wanted else FAILED, name,
             "" if actual == wanted else f"{actual!r}, not {wanted!r}")
            for name, (actual, wanted) in expected.items()]


def main(arguments):
    if arguments[:1] != ["--self-test"]:
        print(__doc__, file=sys.stderr)
        return 2
    results = self_test()
    if len(arguments) > 1:
        pathlib.Path(arguments[1]).write_text(
            json.dumps(as_cases("baseline: ", results), indent=1), encoding="utf-8")
    for status, name, text in results:
        print(f"{status:<8}{name} {text}".rstrip())
    return int(any(status == FAILED for status, _, _ in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
