#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two processes over each kind of device, and one table of what they reach.

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
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from lab import Failure, Lab, expect, expect_equal, wait_until
from rows import BUSY, CLIENT, DEVICES, PORT, PREFIX, ROWS, SERVER, SOURCES, WIRES

START_SECONDS = 20  # for a process to come up, and to end
LATE_SHARE_MAX = 0.05  # of the turns that moved frames: with more, cycles are not told


def tsc_hz():
    """The nominal frequency, which is the counter's on every machine with an invariant one."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", text, re.MULTILINE)
    return float(found.group(1)) * 1e6 if found else 0.0


class Wire:
    """The two ends of a device, each as (device URI, namespace)."""

    def __init__(self, lab, device):
        self.lab = lab
        self.socket = None
        self.server_ns = self.client_ns = None
        if device == "memif":
            self.socket = lab.folder / "wire.sock"
            self.server, self.client = f"memif:{self.socket},server", f"memif:{self.socket}"
        elif device == "vhost":
            self.socket = lab.folder / "wire.sock"
            self.server, self.client = f"vhost:{self.socket}", f"virtio-user:{self.socket}"
        elif device == "loopback":
            self.server = self.client = "loopback"
        else:
            self.server_ns, self.client_ns = lab.namespace("s"), lab.namespace("c")
            lab.veth((self.server_ns, "s0"), (self.client_ns, "c0"))
            self.server, self.client = "af_packet:s0", "af_packet:c0"

    def started(self, process):
        """Waits until a client may come."""
        def there():
            expect(process.alive(), "the server ended on its own")
            return self.socket is None or self.socket.exists()
        wait_until(there, START_SECONDS, "the server's socket appears")
        if self.socket is None:
            time.sleep(0.5)


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


def loaded(lab, millrace, wire, device, load, seconds):
    """Both reports of one row; the server's is None where it is in the same process."""
    target = ["--target", f"{SERVER}:{PORT}", "--address", f"{CLIENT}/{PREFIX}", "--json",
              "--duration", f"{seconds}s", "--device", wire.client]
    if load.key == "connections":
        target += ["--concurrency", BUSY[device]]
    server = None
    own = ["--no-time-wait"]
    if wire.server != "loopback":
        server = lab.start(millrace, "serve", "--device", wire.server, "--address",
                           f"{SERVER}/{PREFIX}", "--route", f"{SOURCES}={CLIENT}", "--json", *own,
                           *load.serve, ns=wire.server_ns)
        wire.started(server)
    mode, *options = load.load
    client = lab.start(millrace, "load", mode, *options, *target, *own, ns=wire.client_ns)
    client.wait(seconds + START_SECONDS)
    try:
        report = json.loads(client.out())
    except ValueError:
        raise Failure(f"the load generator gave no report: {client.err().strip()}") from None
    served = None
    if server is not None:
        expect_equal(server.stop(START_SECONDS), 0, "the server's exit status")
        served = json.loads(server.out())
    return report, served


def measured(lab, programs, wire, row, seconds, hz):
    device, load, bar, stretch = row
    report, served = loaded(lab, programs["millrace"], wire, device, load, seconds)
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
         "cycles client", "cycles server", "cycles allow", "of wire", "late")
LEFT = 2  # columns that are text


def cells(row, limits):
    """The row as text; `limits`: frames per second of the bare wire, by what was asked of it."""
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
            number(row["late_turns"]))


def wire_lines(results):
    for device, limits in results["wires"].items():
        said = ", ".join(f"{rate(value, 'frame')} of {key.replace(' both', ' B both ways')}"
                         + ("" if "both" in key else " B") for key, value in limits.items())
        yield f"{device}: {said}"


def text_table(results):
    lines = [HEADS] + [cells(row, results["wires"].get(row["device"], {}))
                       for row in results["rows"]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    out = []
    for line in lines:
        out.append("  ".join(cell.ljust(width) if i < LEFT else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
    return "\n".join(out + ["", "the bare wire carries:"] + list(wire_lines(results)))


# ---- the run ------------------------------------------------------------------------------------

def run(options, programs):
    results = {"seconds": options.seconds, "wires": {}, "rows": [], "skipped": {}}
    chosen = [row for row in ROWS if re.search(options.only, f"{row[0]} {row[1].key}")]
    hz = tsc_hz()
    for number_of_lab, device in enumerate(DEVICES):
        rows = [row for row in chosen if row[0] == device]
        if not rows:
            continue
        if device == "af_packet" and os.geteuid() != 0:
            results["skipped"][device] = "needs root, for network namespaces"
            continue
        limits = {}
        for i, (key, asked) in enumerate(WIRES):
            with_lab(number_of_lab * 100 + i, options, lambda lab, k=key, a=asked: limits.update(
                {k: bare(lab, programs["bare_wire"], Wire(lab, device), a, options.seconds)}))
            print(f"{device}, bare wire, {key}: {rate(limits[key][0], 'frame')}", file=sys.stderr)
        hz = max([told for _, told in limits.values()] + [0]) or hz
        results["wires"][device] = {key: value for key, (value, _) in limits.items()}
        for i, row in enumerate(rows):
            def one(lab, row=row):
                result = measured(lab, programs, Wire(lab, device), row, options.seconds, hz)
                results["rows"].append(result)
                print(f"{device}, {row[1].title}: {rate(result['figure'], result['unit'])}",
                      file=sys.stderr)
            with_lab(number_of_lab * 100 + 10 + i, options, one)
    results["tsc_hz"] = hz
    return results


def with_lab(number_of_lab, options, function):
    """A Lab of its own for each measurement, given back whatever happens."""
    lab = Lab(options.build, number_of_lab)
    try:
        function(lab)
    except Failure as problem:
        raise Failure(f"{problem}\n{lab.story()}") from None
    finally:
        complaints = lab.close()
    for complaint in complaints:
        print(f"bench: {complaint}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.splitlines()[0])
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", metavar="REGEX",
                        help='rows whose "DEVICE LOAD" matches, such as "memif conn"')
    parser.add_argument("--seconds", type=int, default=3, choices=range(1, 31), metavar="N",
                        help="for each row, 1 to 30; 3 unless given")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="also write the figures to a file")
    options = parser.parse_args()
    build = pathlib.Path(options.build)
    programs = {"millrace": build / "app" / "millrace",
                "bare_wire": build / "bench" / "wire" / "bare_wire"}
    programs = {name: path.resolve() for name, path in programs.items()}
    for path in programs.values():
        if not os.access(path, os.X_OK):
            parser.error(f"{path} was not built")
    try:
        results = run(options, programs)
    except Failure as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    print(text_table(results))
    for device, why in results["skipped"].items():
        print(f"{device}: skipped, {why}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    failed = [row for row in results["rows"] if row["failed"] or row["error"]]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
