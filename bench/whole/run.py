#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two processes over each kind of device, what they reach, and the kernel's TCP beside them.

Each row runs `millrace serve` at one end and `millrace load` at the other, one row at a time, one
worker each. Before the rows of a device bare_wire shows what the same driver carries when nobody
looks into the frames. Cycles are those of the time-stamp counter in which a worker's turns moved
frames; turns that were interrupted for over a millisecond are left out and counted as "late".
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from wires import (START_SECONDS, Failure, Labs, Wire, expect_equal, load_report, serve_report)
import hugepages
import kernel
import latency
import overload
from rows import BUSY, DEVICES, ROWS, WIRES

LATE_SHARE_MAX = 0.05  # of the turns that moved frames: with more, cycles are not told


def tsc_hz():
    """The nominal frequency, which is the counter's on every machine with an invariant one."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", text, re.MULTILINE)
    return float(found.group(1)) * 1e6 if found else 0.0


def bare(lab, program, wire, options, seconds):
    """Frames per second, and what the frequency of the counter is, if it was told."""
    run = [program, "run", "--device", wire.client, "--seconds", seconds, *options]
    server = None
    if wire.server != "loopback":
        server = lab.start(program, "serve", "--device", wire.server, *options, ns=wire.server_ns)
        wire.started(server)
    client = lab.run(*run, ns=wire.client_ns, seconds=seconds + START_SECONDS)
    told = json.loads(client.out())
    received = told["received"]
    if server is not None:
        expect_equal(server.stop(START_SECONDS), 0, "bare_wire serve")
        served = json.loads(server.out())
        received = served["received"] + (told["received"] if "--send" in options else 0)
    return received / seconds, told["tsc_hz"]


def line_ns(program):
    """The time of a cache line between the first two CPUs; None where there is but one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return None
    told = subprocess.run([program, *map(str, cpus[:2])], capture_output=True, check=True,
                          text=True, timeout=30)
    return float(told.stdout)


def pick(report, path):
    for key in path:
        report = report.get(key, {}) if isinstance(report, dict) else {}
    return report or 0


def cycles_per_unit(report, units, hz):
    """None where there is nothing to divide, or too many turns are missing for it to mean much."""
    workers = report["stack"]["workers"] if report else []
    turns = sum(worker["busy_turns"] for worker in workers)
    if not units or not turns or late(report) > turns * LATE_SHARE_MAX:
        return None
    return sum(worker["busy_us"] for worker in workers) / 1e6 * hz / units


def late(report):
    return sum(worker["late_turns"] for worker in report["stack"]["workers"])


def frames(report):
    device = report["stack"]["device"]
    return device["frames_in"] + device["frames_out"]


def measured(wire, row, seconds, hz):
    device, load, bar, stretch = row
    own = ["--no-time-wait"]
    server = wire.serve(*load.serve, *own)
    busy = ["--concurrency", BUSY[device]] if load.key == "connections" else []
    mode, *options = load.load
    client = wire.load(mode, *options, *busy, *own, seconds=seconds)
    report, served = load_report(client, seconds), serve_report(server)
    units = pick(report, load.units)
    counters = report["stack"]["counters"]
    failed = report.get("connections", {}).get("failed", 0)
    result = {
        "device": device, "load": load.key, "title": load.title, "unit": load.unit,
        "bar": bar, "stretch": stretch, "figure": pick(report, load.figure), "failed": failed,
        "frames_per_unit": frames(report) / units if units else None,
        "frames_per_second": frames(report) / report["seconds"] if report["seconds"] else 0,
        "client_cycles_per_unit": cycles_per_unit(report, units, hz),
        "server_cycles_per_unit": cycles_per_unit(served, units, hz),
        "retransmitted": counters.get("TcpRetransSegs", 0),
        "late_turns": late(report) + (late(served) if served else 0),
        "error": report.get("error", ""),
    }
    # What the busier end could do if nobody else had its CPU.
    ends = [result["client_cycles_per_unit"]]
    if served is not None:
        ends.append(result["server_cycles_per_unit"])
    most = 0 if None in ends else max(ends)
    per_unit = result["figure"] / (units / report["seconds"]) if units else 0  # bits of a segment
    result["cycles_allow"] = hz / most * (per_unit if load.unit == "bit" else 1) if most else None
    return result


# ---- the table ----------------------------------------------------------------------------------

def rate(value, unit):
    if value is None:
        return "-"
    name = "b/s" if unit == "bit" else "/s"
    for bound, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= bound:
            return f"{value / bound:.2f} {prefix}{name}"
    return f"{value:.0f} {name}"


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


HEADS = ("device", "load", "bar", "stretch", "figure", "of bar", "failed", "frames",
         "cycles client", "cycles server", "cycles allow", "of wire", "of Linux", "late", "line ns")
LEFT = 2  # columns that are text


def cells(row, results):
    """The row as text."""
    limits = results["wires"].get(row["device"], {})  # frames/s, by what was asked of the wire
    linux = results["linux"].get(kernel.BESIDE[row["device"]], {}).get(row["load"])
    key = "1514" if row["unit"] == "bit" else "64 both" if row["load"] != "syn-sent" else "64"
    limit = limits.get(key)
    share = None if not limit else row["frames_per_second"] / limit
    figure = row["error"] and "error" or rate(row["figure"], row["unit"])
    return (row["device"], row["title"], rate(row["bar"], row["unit"]),
            rate(row["stretch"], row["unit"]), figure,
            f"{row['figure'] / row['bar']:.0%}" if row["bar"] else "-", number(row["failed"]),
            number(row["frames_per_unit"], 2), number(row["client_cycles_per_unit"]),
            number(row["server_cycles_per_unit"]), rate(row["cycles_allow"], row["unit"]),
            "-" if share is None else f"{share:.0%}",
            f"{row['figure'] / linux:.1f}" if linux else "-", number(row["late_turns"]),
            "-".join(dict.fromkeys(number(value) for value in row["line_ns"])))


def linux_lines(results):
    units = {"connections": "connection", "requests": "request"}
    for wire, rates in results["linux"].items():
        said = ", ".join(f"{key} {rate(value, units.get(key, 'bit'))}"
                         for key, value in rates.items())
        yield f"{wire}: {said}"


def wire_lines(results):
    for device, limits in results["wires"].items():
        said = ", ".join(f"{rate(value, 'frame')} of {key.replace(' both', ' B both ways')}"
                         + ("" if "both" in key else " B") for key, value in limits.items())
        yield f"{device}: {said}"


def text_table(lines, left):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for line in lines:
        out.append("  ".join(cell.ljust(width) if i < left else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
    return "\n".join(out)


def text(results):
    parts = []
    if results["rows"]:
        parts += [text_table([HEADS] + [cells(row, results) for row in results["rows"]], LEFT),
                  "\n".join(["the bare wire carries:", *wire_lines(results)])]
    if results["linux"]:
        parts.append("\n".join(["the kernel's TCP at both ends:", *linux_lines(results)]))
    if results["latency"]:
        parts.append(text_table([latency.HEADS, *map(latency.cells, results["latency"])], 1))
    parts += ["\n".join(overload.lines(results))]
    return "\n\n".join(part for part in parts if part)


# ---- the run ------------------------------------------------------------------------------------

def run(options, program, cache_line):
    results = {"seconds": options.seconds, "wires": {}, "rows": [], "linux": {}, "latency": [],
               "overload": [], "paused": [], "skipped": {}}
    labs = Labs(options.build)

    def wanted(device, key):
        return re.search(options.only, f"{device} {key}")

    def say(line):
        print(line, file=sys.stderr)

    root = os.geteuid() == 0
    chosen = [row for row in ROWS if wanted(row[0], row[1].key)]
    if not root and any(row[0] == "af_packet" for row in chosen):
        results["skipped"]["af_packet"] = "needs root, for network namespaces"
        chosen = [row for row in chosen if row[0] != "af_packet"]
    for device, load, *_ in chosen:
        rates = results["linux"].setdefault(kernel.BESIDE[device], {})
        if load.key not in kernel.KINDS or load.key in rates:
            continue
        with labs.one() as lab:
            rates[load.key], _ = kernel.rate(lab, kernel.BESIDE[device], load.key, options.seconds)
        say(f"{kernel.BESIDE[device]}, {load.title}: {rate(rates[load.key], load.unit)}")
    hz = tsc_hz()
    for device in DEVICES:
        rows = [row for row in chosen if row[0] == device]
        if not rows:
            continue
        limits = {}
        for key, asked in WIRES:
            with labs.one() as lab:
                limits[key] = bare(lab, program, Wire(lab, device), asked, options.seconds)
            say(f"{device}, bare wire, {key}: {rate(limits[key][0], 'frame')}")
        hz = max([told for _, told in limits.values()] + [0]) or hz
        results["wires"][device] = {key: value for key, (value, _) in limits.items()}
        for row in rows:
            before = line_ns(cache_line)
            with labs.one() as lab:
                result = measured(Wire(lab, device), row, options.seconds, hz)
            result["line_ns"] = sorted(ns for ns in (before, line_ns(cache_line)) if ns)
            results["rows"].append(result)
            say(f"{device}, {row[1].title}: {rate(result['figure'], result['unit'])}")
    results["tsc_hz"] = hz
    results["latency"] = latency.measure(
        labs, options.seconds, lambda device: wanted(device, "latency"), say)
    if wanted("memif", "overload"):
        results["overload"].append(overload.overload(labs, "memif"))
    if wanted("memif", "paused"):
        results["paused"].append(overload.paused(labs, "memif"))
    return results


def missed(results):
    """Whether a connection failed that should not have, or a load was not offered at all."""
    return any(row["failed"] or row["error"] for row in results["rows"]) or \
        any(row["failed"] for row in results["paused"]) or \
        any(row["failed_after"] or row["worst_second"] < row["bar"] or
            row["clean_after"] > overload.CLEAN_WITHIN for row in results["overload"])


def main():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.splitlines()[0])
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", metavar="REGEX",
                        help='rows whose "DEVICE LOAD" matches, such as "memif conn", '
                             '"latency" or "overload"')
    parser.add_argument("--seconds", type=int, default=3, choices=range(1, 31), metavar="N",
                        help="for each row, 1 to 30; 3 unless given")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="also write the figures to a file")
    options = parser.parse_args()
    build = pathlib.Path(options.build)
    programs = [(build / path).resolve() for path in
                ("bench/wire/bare_wire", "bench/wire/cache_line", "bench/kernel/kernel_peer",
                 "app/millrace")]
    for path in programs:
        if not os.access(path, os.X_OK):
            parser.error(f"{path} was not built")
    try:
        with hugepages.reserved() as memory:
            results = run(options, *programs[:2])
            results["memory"] = memory
    except Failure as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    print(text(results))
    print(f"\nmemory: {results['memory']}")
    for device, why in results["skipped"].items():
        print(f"{device}: skipped, {why}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 1 if missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
