#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plays every fuzz target for a little while: its kept corpus, then inputs made from it.

    short.py --build BUILD --json FILE [--runs N] [--seconds N]

A fixed seed and a bounded number of runs, and of seconds for slow machines. What a target finds is
kept in BUILD/findings, and named. Exits with 1 when one found something.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def play(program, name, findings, runs, seconds):
    """Returns ("passed" or "failed", seconds, message)."""
    with tempfile.TemporaryDirectory(prefix="millrace-fuzz-") as fresh:
        corpora = [fresh]  # the first is written to
        if (HERE / "corpus" / name).is_dir():
            corpora.append(str(HERE / "corpus" / name))
        began = time.monotonic()
        done = subprocess.run(
            [str(program), f"-runs={runs}", f"-max_total_time={seconds}", "-seed=1",
             "-timeout=20", f"-artifact_prefix={findings}/{name}-", *corpora],
            capture_output=True, text=True, errors="replace", check=False)
    spent = time.monotonic() - began
    if done.returncode == 0:
        return "passed", spent, ""
    lines = done.stderr.strip().split("\n")
    return "failed", spent, "\n".join(lines[-40:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--seconds", type=int, default=10)
    args = parser.parse_args()

    findings = args.build / "findings"
    findings.mkdir(exist_ok=True)
    results = []
    for program in sorted((args.build / "tests" / "fuzz").glob("fuzz_*")):
        if not program.is_file():
            continue
        name = program.name.removeprefix("fuzz_")
        status, spent, message = play(program, name, findings, args.runs, args.seconds)
        print(f"{status}  fuzz.{name}  {spent:.1f} s", flush=True)
        if message:
            print(message)
        results.append({"name": f"fuzz.{name}", "status": status, "seconds": spent,
                        "message": message})
    args.json.write_text(json.dumps(results), encoding="utf-8")
    if not results:
        print(f"there are no fuzz targets in {args.build}", file=sys.stderr)
    return 0 if results and all(r["status"] == "passed" for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
