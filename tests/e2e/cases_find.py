# SPDX-License-Identifier: BSD-3-Clause
"""Tools of the load generator that run it: the self-test, the search for a maximum, a mix."""

import json

from case import Cases
from cases_wires import HTTP, pair
from lab import expect, expect_equal

CASES = Cases()


@CASES.case("selftest: all is well over memif, within 256 MiB and 5 s", root=False)
def selftest(lab):
    process = lab.run(lab.millrace, "selftest", "--json", seconds=20)
    report = json.loads(process.out())
    names = [found["what"] for found in report["found"]]
    expect_equal(names, ["memif", "connections", "requests", "bytes", "end", "memory"], "findings")
    expect_equal([found["good"] for found in report["found"]], [True] * 6, "verdicts")
    expect_equal(report["works"], True, "the verdict")


@CASES.case("selftest: the same in one process", root=False)
def selftest_in_process(lab):
    process = lab.run(lab.millrace, "selftest", "--in-process", seconds=20)
    lines = process.out().splitlines()
    expect_equal([line.split()[:2] for line in lines[:-1]],
                 [["ok", name] for name in ("connections", "requests", "bytes", "memory")],
                 "what it says")
    expect(lines[-1].startswith("millrace works here ("), f"the verdict: {lines[-1]!r}")


@CASES.case("selftest: what does not work is said, with status 1", root=False)
def selftest_without_dpdk(lab):
    # An EAL that refuses its arguments fails all that needs DPDK, which one process does not.
    process = lab.run(lab.millrace, "selftest", "--", "--no-such-argument", status=1, seconds=30)
    lines = process.out().splitlines()
    expect(lines[0].startswith("FAIL  memif") and "--no-such-argument" in lines[0],
           f"what it says: {process.out()!r}")
    expect_equal([line.split()[:2] for line in lines[1:-1]],
                 [["ok", name] for name in ("instead", "connections", "requests", "bytes",
                                            "memory")], "what else it says")
    expect_equal(lines[-1], "1 of these has to be looked at", "the verdict")


@CASES.case("memif: the search for a maximum ends between bounds, each step of it said")
def find_max(lab):
    with pair(lab, "memif", ["--http", HTTP]) as client:
        report = client("rps", HTTP, "--find-max", "--concurrency", "8", "--find-from", "100",
                        "--find-to", "3000", "--find-trial", "400ms", "--find-width", "50%",
                        "--require", "response.p99<5s", seconds=50)
    expect_equal((report["mode"], report["kpi"]), ("rps", "Application Transactions Per Second"),
                 "what was looked for")
    expect_equal(report["criteria"], ["failures=0", "response.p99<5s"], "criteria")
    met = [t["load"] for t in report["trials"] if t["met"]]
    expect(report["lower"] in met, f"the maximum was tried: {report}")
    if report["upper"] is not None:  # on a machine that others keep busy
        expect(report["lower"] < report["upper"] <= 1.5 * report["lower"] + 1, f"bounds: {report}")
    expect_equal([t["phase"] for t in report["trials"]],
                 sorted(t["phase"] for t in report["trials"]), "phases come in turn")


@CASES.case("memif: a search in which nothing meets the criteria says so, with status 1")
def find_nothing(lab):
    with pair(lab, "memif", ["--http", HTTP]) as client:
        report = client("cps", HTTP, "--find-max", "--find-from", "50", "--find-to", "100",
                        "--find-trial", "200ms", "--require", "response.min<1us", status=1,
                        seconds=50)
    expect_equal((report["lower"], report["upper"]), (None, 50), "bounds")
    expect_equal({t["why"] for t in report["trials"]}, {"response.min<1us is not met"}, "reasons")


@CASES.case("memif: an impaired wire repeats and delays, and loses no connection")
def impaired(lab):
    with pair(lab, "memif", ["--http", HTTP, "--impair", "delay=2ms,seed=2"]) as client:
        report = client("cps", HTTP, "--count", "200", "--duration", "0s", "--concurrency", "20",
                        "--impair", "loss=5%,delay=3ms,jitter=1ms,reorder=2%,duplicate=2%")
        clean = client("cps", HTTP, "--count", "200", "--duration", "0s")
    expect_equal((report["connections"]["failed"], report["connections"]["completed"]), (0, 200),
                 "failed and completed")
    expect(report["retransmissions"] > 10, f"losses are repaired: {report['retransmissions']}")
    expect(report["latency_us"]["connect"]["min"] >= 2000, "what is sent back takes 2 ms")
    expect(report["latency_us"]["response"]["p50"] >= 4900, "both ways take 5 ms")
    expect_equal(clean["connections"]["failed"], 0, "failures where only answers are late")


@CASES.case("memif: parts of a mix run beside each other, and differ in what they ask for")
def mix(lab):
    with pair(lab, "memif", ["--http", HTTP]) as client:
        report = client("mix", HTTP, "--duration", "1s", "--rate", "400",
                        "--part", "cps --weight 3 --path /bytes/{size} --response-size 1-9000",
                        "--part", "rps --pipeline 4 --request-size 200-900",
                        "--part", "cc --concurrency 20 --every 50ms")
    expect_equal([part["mode"] for part in report["parts"]], ["cps", "rps", "cc"], "parts")
    expect_equal(report["connections"]["failed"], 0, "failures")
    expect_equal(set(report["unexplained"].values()), {0}, "what nothing explains")
    asked = [part["arrivals"]["scheduled"] for part in report["parts"]]
    expect(290 <= asked[0] <= 301 and 95 <= asked[1] <= 101, f"by weight: {asked}")
