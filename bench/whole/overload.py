# SPDX-License-Identifier: BSD-3-Clause
"""What is left of a server's rate when five times as much is asked of it, and of its connections
when it is stopped for a moment.

The server's application keeps the CPU for WORK before each answer, so that the server is what
limits, and not whoever offers the load. Its peak is that of a closed loop. Then connections arrive
at OFFERED times that rate, whether or not they are answered; each waits for a second and gives up.
"Clean again" is a load of half the peak, by the next process: no connection of it may fail.
"""

import signal
import time

from rows import PORT, SOURCES
from wires import Wire, expect_equal, load_report, serve_report

WORK = "20us"
OFFERED = 5
GOODPUT_BAR = 0.9  # of the peak, in every second
CLEAN_WITHIN = 2  # seconds
SECONDS = 10
SERVE = ("--echo", PORT, "--echo-closes")
LOAD = ("--protocol", "echo", "--request-size", 1, "--close", "server")
PAUSE = 0.1  # seconds
PAUSED_SECONDS = 3


def load(wire, *options, seconds):
    return wire.load("cps", *LOAD, "--source", SOURCES, *options, seconds=seconds)


def overload(labs, device):
    with labs.one() as lab:
        wire = Wire(lab, device)
        server = wire.serve(*SERVE, "--echo-work", WORK)
        calm = load_report(load(wire, "--concurrency", 500, seconds=3), 3)
        peak = calm["connections"]["per_second"]
        client = load(wire, "--rate", round(OFFERED * peak), "--concurrency",
                      round(OFFERED * peak), "--timeout", "1s", seconds=SECONDS)
        surge = load_report(client, SECONDS)
        after = load(wire, "--rate", round(peak / 2), "--concurrency", 10_000, seconds=3)
        late = load_report(after, 3)
        clean_after = late["began"] - surge["began"] - surge["seconds"]
        served = serve_report(server)
    each = [second["connections"] for second in surge["each_second"]]
    return {"device": device, "work": WORK, "peak": peak,
            "offered": surge["arrivals"]["scheduled"] / surge["seconds"], "each_second": each,
            "worst_second": min(each[:SECONDS]) / peak, "bar": GOODPUT_BAR,
            "shed": served["stack"]["drops"].get("DropTcpOverload", 0),
            "clean_after": clean_after, "failed_after": late["connections"]["failed"]}


def paused(labs, device):
    """Connections that failed when either process was stopped, one after the other."""
    with labs.one() as lab:
        wire = Wire(lab, device)
        server = wire.serve(*SERVE)
        client = load(wire, "--concurrency", 500, seconds=PAUSED_SECONDS)
        for process in (server, client):
            time.sleep(PAUSED_SECONDS / 3)
            process.popen.send_signal(signal.SIGSTOP)
            time.sleep(PAUSE)
            process.popen.send_signal(signal.SIGCONT)
        report = load_report(client, PAUSED_SECONDS)
        serve_report(server)
    expect_equal(set(report["unexplained"].values()), {0}, "what nothing explains")
    return {"device": device, "completed": report["connections"]["completed"],
            "failed": report["connections"]["failed"], "bar": 0}


def lines(results):
    """What was measured, in sentences."""
    for row in results.get("overload", []):
        kept = "yes" if row["worst_second"] >= row["bar"] else "no"
        yield (f"{row['device']}, {row['work']} of work for each answer: peak "
               f"{row['peak']:,.0f} connections/s; {row['offered']:,.0f}/s offered for "
               f"{SECONDS} s: {row['worst_second']:.0%} of the peak in the worst second (bar "
               f"{row['bar']:.0%}: {kept}), {row['shed']:,} SYNs shed; of what came from "
               f"{row['clean_after']:.1f} s after its end on {row['failed_after']} connections "
               f"failed (bar 0 from {CLEAN_WITHIN} s on)")
    for row in results.get("paused", []):
        yield (f"{row['device']}, each process stopped for {PAUSE * 1000:.0f} ms under load: "
               f"{row['failed']} of {row['completed']:,} connections failed (bar {row['bar']})")
