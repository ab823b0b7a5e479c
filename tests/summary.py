#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up the results of all suites of `./run test`.

    summary.py NAME:STATUS:PATH...
    summary.py --self-test JSON

STATUS is the exit status of the suite's command. PATH is a JSON file or a directory of them, either
GoogleTest's (--gtest_output=json) or our own list of {name, status, seconds, message}; "-" says
that the command counts nothing itself (a build). Prints what failed and what was skipped, a line
for each suite and, last, "N passed, N failed" (", N skipped"). Exits with 1 when anything failed.

A suite whose command failed without naming a failed case, or that ran no case at all, counts as one
failure: a crash or an empty suite must not look green.
"""

import json
import pathlib
import sys
import tempfile
import time

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def googletest_cases(document):
    for suite in document["testsuites"]:
        for case in suite["testsuite"]:
            if case.get("status") == "NOTRUN":
                continue  # disabled, or not selected by a filter
            failures = case.get("failures", [])
            if failures:
                status = FAILED
            elif case.get("result") == "SKIPPED":
                status = SKIPPED
            else:
                status = PASSED
            message = failures[0]["failure"].strip() if failures else ""
            yield status, f"{suite['name']}.{case['name']}", message


def own_cases(document):
    for case in document:
        if case["status"] not in (PASSED, FAILED, SKIPPED):
            raise ValueError(f"unknown status {case['status']!r}")
        yield case["status"], case["name"], case.get("message") or ""


def cases_of(path):
    """Every (status, name, message) in the file, or in the files of the directory."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        yield from (googletest_cases if isinstance(document, dict) else own_cases)(document)


def suite_cases(command_status, path):
    cases = []
    problem = ""
    if path != "-":
        try:
            cases = list(cases_of(pathlib.Path(path)))
            if not cases:
                problem = "ran no test"
        except FileNotFoundError:
            problem = "left no result"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"left an unreadable result: {error!r}"
    if command_status == "not-built":
        problem = "was not run, since the build failed"
    elif command_status != "0":
        if not any(status == FAILED for status, _, _ in cases):
            detail = f", {problem}" if problem else ""
            problem = f"ended with status {command_status}{detail}"
        else:
            problem = ""
    if problem:
        cases.append((FAILED, "(the suite)", problem))
    return cases


def count(cases, wanted):
    return sum(status == wanted for status, _, _ in cases)


def totals(cases):
    line = f"{count(cases, PASSED)} passed, {count(cases, FAILED)} failed"
    skipped = count(cases, SKIPPED)
    return line + (f", {skipped} skipped" if skipped else "")


def report(arguments):
    everything = []
    table = []
    for argument in arguments:
        name, command_status, path = argument.split(":", 2)
        cases = suite_cases(command_status, path)
        table.append((name, cases))
        everything += [(status, f"{name}: {case}", text) for status, case, text in cases]
    for wanted in (SKIPPED, FAILED):
        for status, name, message in everything:
            if status == wanted:
                print(f"{wanted.upper()} {name}" + (f"\n    {message}" if message else ""))
    print()
    for name, cases in table:
        if cases:
            print(f"  {name:<20} {totals(cases)}")
    print(totals(everything))
    return 1 if count(everything, FAILED) else 0


def self_test():
    googletest = {"testsuites": [{"name": "Wheel", "testsuite": [
        {"name": "Fires", "status": "RUN", "result": "COMPLETED"},
        {"name": "Late", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "no"}]},
        {"name": "Huge", "status": "RUN", "result": "SKIPPED"},
        {"name": "DISABLED_Old", "status": "NOTRUN", "result": "SUPPRESSED"}]}]}
    own = [{"name": "curl", "status": PASSED}, {"name": "af_xdp", "status": SKIPPED}]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def written(name, document):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(document), encoding="utf-8")
            return str(path)

        mixed = written("mixed.json", googletest)
        written("many/a.json", googletest)
        written("many/b.json", own)
        good = written("good.json", own)
        empty = written("empty.json", [])
        odd = written("odd.json", [{"name": "x", "status": "fine"}])
        expected = {
            "GoogleTest's cases are counted": ("1", mixed, "1 passed, 1 failed, 1 skipped"),
            "a directory is added up": ("1", str(folder / "many"), "2 passed, 1 failed, 2 skipped"),
            "our own list is counted": ("0", good, "1 passed, 0 failed, 1 skipped"),
            "a crash after the cases fails": ("139", good, "1 passed, 1 failed, 1 skipped"),
            "an empty suite fails": ("0", empty, "0 passed, 1 failed"),
            "an empty directory fails": ("0", str(folder / "none"), "0 passed, 1 failed"),
            "a missing result fails": ("0", str(folder / "none.json"), "0 passed, 1 failed"),
            "an unknown status fails": ("0", odd, "0 passed, 1 failed"),
            "a failed build fails": ("1", "-", "0 passed, 1 failed"),
            "a good build counts nothing": ("0", "-", "0 passed, 0 failed"),
            "what was not built fails": ("not-built", "-", "0 passed, 1 failed"),
        }
        (folder / "none").mkdir()
        results = []
        for name, (status, path, line) in expected.items():
            begin = time.monotonic()
            actual = totals(suite_cases(status, path))
            results.append({"name": f"summary: {name}",
                            "status": PASSED if actual == line else FAILED,
                            "seconds": time.monotonic() - begin,
                            "message": "" if actual == line else f"{actual!r}, not {line!r}"})
    return results


def main(arguments):
    if arguments[:1] == ["--self-test"]:
        results = self_test()
        if len(arguments) > 1:
            pathlib.Path(arguments[1]).write_text(json.dumps(results, indent=1), encoding="utf-8")
        for result in results:
            print(f"{result['status']:<8}{result['name']} {result['message']}".rstrip())
        return int(any(result["status"] == FAILED for result in results))
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    return report(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
