# SPDX-License-Identifier: BSD-3-Clause
"""Several workers on one device: with one queue for all of them or with several, every connection
reaches its shard and none fails."""

import os
import re
import signal
import threading
import time

from case import Cases
from cases_load import PORT, failures, load, nginx, report_of
from cases_wires import CLIENT, ECHO, HTTP, SERVER, pair
from lab import expect, expect_equal, need_tools, wait_until
from sites import KERNEL, KERNEL_V6, MILLRACE, MILLRACE_V6, PREFIX_V6, SITES

CASES = Cases()
CONNECTIONS = 20_000
MILLION = 1_000_000
MILLION_SECONDS = 900
FAMILIES = ("IPv4", "IPv6")


def lcores(workers, queues=0):
    return ["--lcores", workers, "--queues", queues]


def expect_none_failed(report, connections, workers):
    expect_equal((report["connections"]["completed"], failures(report)), (connections, 0),
                 "completed and failed")
    expect_equal(len(report["stack"]["workers"]), workers, "workers")


def expect_all_shards(workers):
    """Every worker had a part in it, and what one could not have seen was handed to it."""
    expect(all(worker["frames_received"] > 0 for worker in workers), f"idle: {workers}")
    expect_equal([worker["handing_failed"] for worker in workers], [0] * len(workers),
                 "frames that found no room on the way to their worker")
    handed = sum(worker["handed_in"] for worker in workers)
    expect(handed > CONNECTIONS, f"only {handed} frames were handed over")


def two_ends(lab, kind, server, client, family="IPv4", connections=CONNECTIONS):
    """Server and client with (workers, queues) each."""
    with pair(lab, kind, ["--http", HTTP, *lcores(*server)], family=family) as run:
        report = run("cps", HTTP, "--count", connections, "--duration", "0s", *lcores(*client),
                     seconds=MILLION_SECONDS)
        expect_none_failed(report, connections, client[0])
        expect_all_shards(report["stack"]["workers"])


for kind, server, client in (("memif", (2, 0), (2, 0)), ("memif", (4, 0), (4, 0)),
                             ("memif", (4, 2), (2, 2)), ("memif", (4, 4), (4, 4)),
                             ("vhost and virtio-user", (2, 0), (4, 0)),
                             ("vhost and virtio-user", (2, 2), (2, 2)),
                             ("vhost and virtio-user", (4, 4), (4, 4))):
    CASES.add(f"{kind}: {server[0]} workers serve {client[0]}, {max(1, server[1])} queue(s), "
              f"{CONNECTIONS} connections and none fails",
              lambda lab, k=kind, s=server, c=client: two_ends(lab, k, s, c), root=False)


def load_from_workers(lab, kind, workers, queues, family="IPv4", connections=CONNECTIONS):
    site = SITES[kind](lab)
    options, host = [], KERNEL
    if family == "IPv6":
        site.speak_ipv6(KERNEL_V6)
        options, host = ["--address", f"{MILLRACE_V6}/{PREFIX_V6}"], f"[{KERNEL_V6}]"
    nginx(site, f"[::]:{PORT} ipv6only=off" if family == "IPv6" else PORT)
    report = load(site, "cps", *options, "--count", connections, "--duration", "0s",
                  *lcores(workers, queues), target=f"{host}:{PORT}", seconds=MILLION_SECONDS)
    expect_none_failed(report, connections, workers)


def serve_by_workers(lab, kind, workers, queues):
    need_tools("ab")
    site = SITES[kind](lab)
    with site.serve("--http", HTTP, "--json", *lcores(workers, queues)) as server:
        out = site.run("ab", "-q", "-r", "-n", 5000, "-c", 32, f"http://{MILLRACE}:{HTTP}/",
                       seconds=40).out()
        expect("Failed requests:        0" in out, out)
    accepted = report_of(server)["accepted_by_worker"]
    expect_equal(len(accepted), workers, "workers")
    expect(min(accepted) > 5000 / workers / 2, f"accepted by workers: {accepted}")


for kind in SITES:
    for workers, queues in ((2, 1), (2, 2), (4, 1), (4, 4)):
        name = f"{kind}: {workers} workers, {queues} queue(s)"
        CASES.add(f"{name}, {CONNECTIONS} connections to nginx and none fails",
                  lambda lab, k=kind, w=workers, q=queues: load_from_workers(lab, k, w, q))
        CASES.add(f"{name}, ab is served by all of them",
                  lambda lab, k=kind, w=workers, q=queues: serve_by_workers(lab, k, w, q))

# One queue for all workers: every frame comes to the worker that has it, most are another's.
for family in FAMILIES:
    for workers in (2, 4):
        for connections, full in ((CONNECTIONS, False), (MILLION, True)):
            title = f"{family}, {workers} workers on one queue, {connections} connections"
            limits = {"seconds": MILLION_SECONDS + 20 if full else 60, "full": full}
            if full or family == "IPv6":  # the short ones of IPv4 are above
                CASES.add(f"memif: {title} and none fails",
                          lambda lab, w=workers, f=family, n=connections:
                          two_ends(lab, "memif", (w, 1), (w, 1), f, n), root=False, **limits)
                for kind in SITES:
                    CASES.add(f"{kind}: {title} to nginx and none fails",
                              lambda lab, k=kind, w=workers, f=family, n=connections:
                              load_from_workers(lab, k, w, 1, f, n), **limits)


@CASES.case("memif: what a load may do is divided among its workers exactly", root=False)
def divided(lab):
    with pair(lab, "memif", ["--http", HTTP, *lcores(2)]) as client:
        report = client("cps", HTTP, "--rate", "1003", "--duration", "2s", *lcores(4))
        arrivals = report["arrivals"]
        expect_equal(arrivals["scheduled"], 2006, "arrivals in 2 s")
        expect_equal((failures(report), report["unexplained"]["arrivals"]), (0, 0), "failures")
        report = client("rps", HTTP, "--concurrency", "10", "--duration", "1s", *lcores(4))
        expect_equal((report["connections"]["launched"], failures(report)), (10, 0),
                     "connections and failures")


@CASES.case("memif: bulk echo between workers comes back whole", root=False)
def bulk(lab):
    with pair(lab, "memif", ["--echo", ECHO, *lcores(2)]) as client:
        report = client("throughput", ECHO, "--direction", "both", "--duration", "2s",
                        "--concurrency", "8", *lcores(2))
        expect_equal((report["connections"]["completed"], failures(report)), (8, 0),
                     "completed and failed")
        expect(report["bytes"]["received"] > 10_000_000, f"{report['bytes']}")


@CASES.case("memif: answers to a SYN flood of two workers reach the one that asked", root=False)
def syn_flood(lab):
    services = ["--http", HTTP, "--syn-cookies", "always", "--route", f"10.100.0.0/16={CLIENT}",
                *lcores(2)]
    with pair(lab, "memif", services) as client:
        report = client("syn", HTTP, "--source", "10.100.0.0/16", "--rate", "20000", "--count",
                        "20000", *lcores(2))
        sent, answers = report["syns"]["sent"], report["answers"]
        expect_equal(sent + report["syns"]["skipped_late"], 20_000, "SYNs sent or skipped")
        expect(sent > 10_000, f"{sent} SYNs sent")
        expect_equal((answers["syn_ack"], answers["rst"], answers["foreign"]), (sent, 0, 0),
                     "SYN-ACKs, RSTs and other segments")


@CASES.case("memif: SIGTERM in the middle of a load of four workers leaves nothing", root=False)
def stopped(lab):
    path = lab.open_folder / "wire.sock"
    server = lab.start(lab.millrace, "serve", "--device", f"memif:{path},server", "--address",
                       f"{SERVER}/24", "--http", HTTP, "--json", *lcores(4))
    wait_until(path.exists, 10, "the server's socket")
    client = lab.start(lab.millrace, "load", "rps", "--device", f"memif:{path}", "--address",
                       f"{CLIENT}/24", "--target", f"{SERVER}:{HTTP}", "--concurrency", "200",
                       "--duration", "30s", "--json", *lcores(4))
    time.sleep(2)
    for process in (client, server):
        expect_equal(process.stop(5), 0, "the exit status")
        expect_equal(process.err(), "", "stderr")
        stack = report_of(process)["stack"]
        expect(stack["drained"], "connections had to be aborted")
        expect_equal(set(stack["leaks"].values()), {0}, "what was not given back")


@CASES.case("loopback: four workers on either side, none of which fails", root=False)
def loopback(lab):
    out = lab.run(lab.millrace, "load", "cps", "--device", "loopback", "--address", "10.0.0.2/24",
                  "--target", "10.0.0.1:80", "--count", CONNECTIONS, "--duration", "0s", "--json",
                  *lcores(4), seconds=40)
    report = report_of(out)
    expect_equal((report["connections"]["completed"], failures(report)), (CONNECTIONS, 0),
                 "completed and failed")


class Changes:
    """Has a server take one worker more and one less, in turn, while something else goes on."""

    def __init__(self, server):
        self.server = server
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.go_on)

    def go_on(self):
        more = True
        while not self.over.wait(0.2):
            os.kill(self.server.pid, signal.SIGUSR1 if more else signal.SIGUSR2)
            more = not more

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def come_and_go(lab, family, mode, port, options):
    services = ["--http", HTTP, "--echo", ECHO, "--lcores", 2, "--workers", 1]
    with pair(lab, "memif", services, family=family) as client:
        with Changes(client.server):
            report = client(mode, port, "--duration", "4s", *options)
        expect_equal((failures(report), report["connections"]["completed"] > 0), (0, True),
                     "failed connections, and whether any was completed")
        server = client.server
    changes = re.findall(r"^workers: ([12]) of 2; ([\d,]+) connections moved", server.out(), re.M)
    expect_equal({workers for workers, _ in changes}, {"1", "2"}, "numbers of workers")
    moved = [int(count.replace(",", "")) for _, count in changes]
    expect(len(moved) > 5 and sum(moved) > 50, f"connections moved: {moved}")
    expect("peer-reset" not in server.out(), server.out())


for family in FAMILIES:
    for mode, port, options in (
            ("cps", HTTP, ["--concurrency", 64]),
            ("cc", HTTP, ["--concurrency", 2000, "--every", "50ms"]),
            ("rps", HTTP, ["--concurrency", 64]),
            ("throughput", ECHO, ["--direction", "both", "--concurrency", 8])):
        CASES.add(f"memif: {family}, {mode} while workers of the server come and go",
                  lambda lab, f=family, m=mode, p=port, o=options: come_and_go(lab, f, m, p, o),
                  root=False)
