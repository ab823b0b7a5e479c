#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Interop: millrace beside the Linux kernel, real clients and servers, and another millrace.

    run.py --build BUILD [--json FILE] [--only REGEX] [--full] [--list]

Each case makes its own namespaces, interfaces, folders and processes, and gives all of them back.
Cases that need root are reported as skipped without it. The last case shows that nothing is left.
--full adds the cases that take minutes: 100 MB each way over each bad wire, a million connections
by several workers on one queue.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True  # nothing is left behind
import cases_cli
import cases_differential
import cases_exchange
import cases_find
import cases_frames
import cases_interop
import cases_ipv6
import cases_kernel
import cases_load
import cases_loss
import cases_observe
import cases_reaper
import cases_redirect
import cases_shards
import cases_sources
import cases_trace
import cases_vlan
import cases_wires
import cases_wrk
import lab as laboratory
from lab import Failure, Skip

MODULES = (cases_kernel, cases_exchange, cases_frames, cases_differential, cases_loss, cases_reaper,
           cases_interop, cases_ipv6, cases_vlan, cases_load, cases_wires, cases_find, cases_wrk,
           cases_shards, cases_sources, cases_redirect, cases_trace, cases_observe, cases_cli)


class Interrupted(BaseException):
    """SIGINT or SIGTERM: gives everything back, then ends the run."""


def on_stop(number, _frame):
    # Once: what follows is the clean-up, and it shall not be interrupted.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)


def on_alarm(_number, _frame):
    raise Failure("the case took longer than it may")


def run_case(case, build, number):
    """(status, message) of one case, after everything it made is gone."""
    if case.root and os.geteuid() != 0:
        return "skipped", "needs root, for network namespaces"
    lab = laboratory.Lab(build, number)
    status, message = "passed", ""
    try:
        signal.alarm(case.seconds)
        case.function(lab)
    except Skip as reason:
        status, message = "skipped", str(reason)
    except (Failure, AssertionError) as problem:
        status, message = "failed", f"{problem}\n{lab.story()}"
    except Exception:  # a case that breaks is a case that fails
        status, message = "failed", f"{traceback.format_exc().strip()}\n{lab.story()}"
    finally:
        signal.alarm(0)
        complaints = lab.close()
    if complaints and status != "skipped":
        status, message = "failed", "\n".join([message, *complaints]).strip()
    return status, message


def left_behind(before):
    """What this run made that is still there."""
    namespaces_before, interfaces_before = before
    namespaces, interfaces = laboratory.network_names()
    own = f"mr{os.getpid()}x"
    left = [f"namespace {name}" for name in namespaces - namespaces_before if name.startswith(own)]
    left += [f"interface {name}" for name in interfaces - interfaces_before
             if name.startswith("mr")]
    left += [f"process {pid}" for pid in laboratory.marked_processes()]
    return left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILD")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
    parser.add_argument("--full", action="store_true", help="also the cases that take minutes")
    parser.add_argument("--list", action="store_true", help="name the cases and do nothing")
    options = parser.parse_args()

    cases = [case for module in MODULES for case in module.CASES
             if re.search(options.only, case.name) and (options.full or not case.full)]
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    millrace = options.build / "app" / "millrace"
    if not os.access(millrace, os.X_OK):
        print(f"run.py: there is no program {millrace}: ./run build", file=sys.stderr)
        return 2

    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, on_stop)
    signal.signal(signal.SIGALRM, on_alarm)
    before = laboratory.network_names()
    results = []

    def note(name, status, seconds, message):
        results.append({"name": name, "status": status, "seconds": round(seconds, 3),
                        "message": message})
        print(f"{status:<8}{seconds:6.2f} s  {name}", flush=True)
        if message and status != "passed":
            print("    " + message.replace("\n", "\n    "), flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")

    interrupted = None
    for number, case in enumerate(cases):
        begin = time.monotonic()
        try:
            status, message = run_case(case, options.build, number)
        except Interrupted as reason:
            interrupted = reason
            note(case.name, "failed", time.monotonic() - begin, f"interrupted by {reason}")
            break
        note(case.name, status, time.monotonic() - begin, message)

    begin = time.monotonic()
    left = left_behind(before)
    note("nothing is left behind", "failed" if left else "passed", time.monotonic() - begin,
         "; ".join(left))
    failed = sum(result["status"] == "failed" for result in results)
    skipped = sum(result["status"] == "skipped" for result in results)
    print(f"{len(results) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 130 if interrupted else int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
