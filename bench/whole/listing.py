#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What it costs to list many connections of a server that has all the requests it can answer.

    listing.py BUILD [--connections N] [--seconds N]

`millrace serve` and `millrace load cc` on a memif pair; the generator holds N connections and asks
on them without a pause. Requests per second are counted for so many seconds without a listing,
while listings of all connections follow one another, and without again; and how long the longest
slice of a walk took. Needs two CPUs for the two workers and a third one for who asks: with two,
what is measured is the share of the CPU that the third thread gets, too.
"""

import argparse
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time


def ask(path, request):
    """The lines of an answer, but for the last, one by one."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        asking.sendall(json.dumps(request).encode() + b"\n")
        for line in asking.makefile("rb"):
            if line == b'{"end":true}\n':
                return
            if line.startswith(b'{"error":'):
                raise RuntimeError(line.decode())
            yield line
    raise RuntimeError("the answer was cut off")


def stats(path):
    return json.loads(next(ask(path, {"verb": "stats"})))


def rate(path, seconds):
    before = stats(path)
    time.sleep(seconds)
    after = stats(path)
    passed = (after["time_us"] - before["time_us"]) / 1e6
    return (after["program"]["requests"] - before["program"]["requests"]) / passed


def wait_for(path, connections, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if stats(path)["shards"][0]["use"]["connections"] >= connections:
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise RuntimeError(f"not {connections} connections within {seconds} s")


class Listings(threading.Thread):
    """One after the other, until told to stop."""

    def __init__(self, path):
        super().__init__()
        self.path, self.stopping, self.entries, self.took = path, False, [], []

    def run(self):
        while not self.stopping:
            began = time.monotonic()
            entries = sum(1 for _ in ask(self.path, {"verb": "ss", "info": True}))
            self.entries.append(entries - 1)
            self.took.append(time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    millrace = options.build.resolve() / "app" / "millrace"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-listing-"))
    wire, control = folder / "wire.sock", folder / "control.sock"
    most = ["--connections-max", str(options.connections + 1024), "--quiet"]
    processes = [subprocess.Popen([
        millrace, "serve", "--device", f"memif:{wire},server", "--address", "10.0.0.1/8", "--http",
        "80", "--control", control, *most], stdout=subprocess.DEVNULL)]
    try:
        while not wire.exists():
            time.sleep(0.1)
        sources = options.connections // 25_000 + 1
        processes.append(subprocess.Popen([
            millrace, "load", "cc", "--device", f"memif:{wire}", "--address", "10.0.0.2/8",
            "--source", f"10.1.0.1-10.1.0.{sources}", "--target", "10.0.0.1:80", "-c",
            str(options.connections), "--every", "1ms", "--control", "off", "--duration", "1h",
            *most], stdout=subprocess.DEVNULL))
        wait_for(control, options.connections, 120)
        before = rate(control, options.seconds)
        listings = Listings(control)
        listings.start()
        during = rate(control, options.seconds)
        listings.stopping = True
        listings.join()
        after = rate(control, options.seconds)
        worker = stats(control)["shards"][0]["worker"]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait()
    usual = (before + after) / 2
    print(f"requests/s: {before:,.0f} before, {during:,.0f} while listing, {after:,.0f} after: "
          f"{100 * (usual - during) / usual:+.2f} % lost")
    for entries, took in zip(listings.entries, listings.took):
        print(f"{entries:,} entries in {took:.1f} s")
    print(f"longest slice {worker['longest_slice_ns'] / 1000:.1f} us, "
          f"longest gap between two turns, for whatever reason, {worker['longest_gap_us']} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
