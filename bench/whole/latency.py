# SPDX-License-Identifier: BSD-3-Clause
"""Round trips of 64 bytes there and back on one connection, one at a time."""

import kernel
from lab import expect
from rows import PORT
from wires import Wire, load_report, serve_report

BYTES = 64
DEVICES = ("memif", "vhost", "loopback")
SLEEPING, SPINNING = "Linux loopback, sleeping", "Linux loopback, spinning"


def measure(labs, seconds, wanted, say):
    """A dict for each of the devices and of the kernel's two ways, with ratios of the p50."""
    rows = []
    for device in DEVICES:
        if wanted(device):
            with labs.one() as lab:
                rows.append(of_millrace(Wire(lab, device), device, seconds))
    if not rows:
        return rows
    for name, spin in ((SLEEPING, False), (SPINNING, True)):
        with labs.one() as lab:
            p50, tail = kernel.round_trips(lab, spin, BYTES, seconds)
            rows.append({"path": name, "p50_us": p50, "p99_9_us": tail})
    linux = {row["path"]: row for row in rows if row["path"] in (SLEEPING, SPINNING)}
    for row in rows:
        for name, key in ((SLEEPING, "of_sleeping"), (SPINNING, "of_spinning")):
            row[key] = linux[name]["p50_us"] / row["p50_us"]
        say(f"{row['path']}: {row['p50_us']:.2f} us, {row['p99_9_us']:.2f} us")
    return rows


def of_millrace(wire, device, seconds):
    server = wire.serve("--echo", PORT)
    client = wire.load("rps", "--protocol", "echo", "--request-size", BYTES, "--concurrency", 1,
                       seconds=seconds)
    report = load_report(client, seconds)
    serve_report(server)
    expect(report["succeeded"], f"round trips over {device} failed")
    times = report["latency_us"]["response"]
    return {"path": device, "p50_us": times["p50"], "p99_9_us": times["p99_9"]}


HEADS = ("64 B there and back over", "p50, us", "p99.9, us", "sleeping Linux takes",
         "spinning Linux takes")


def cells(row):
    return (row["path"], f"{row['p50_us']:.2f}", f"{row['p99_9_us']:.2f}",
            f"{row['of_sleeping']:.1f} times as long", f"{row['of_spinning']:.1f} times as long")
