# SPDX-License-Identifier: BSD-3-Clause
"""What a running process shows of itself: ss, stats and top, while it works."""

import json
import pathlib
import re
import socket

from case import Cases
from lab import expect, expect_equal, wait_until

CASES = Cases()
SERVER, CLIENT = "10.89.0.1", "10.89.0.2"
HELD = 3000
DASHBOARD = pathlib.Path(__file__).resolve().parents[2] / "config" / "grafana.json"
STATES = ("LISTEN", "SYN-SENT", "SYN-RECV", "ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
          "CLOSING", "LAST-ACK", "TIME-WAIT")


class Watched:
    """A server and a generator over memif that holds connections and asks on them; both are there
    to be looked at, each by its own control socket."""

    def __init__(self, lab):
        self.lab = lab
        self.sockets = {name: lab.open_folder / f"{name}.sock" for name in ("serve", "load")}
        wire = lab.open_folder / "wire.sock"
        self.server = lab.start(
            lab.millrace, "serve", "--device", f"memif:{wire},server", "--address",
            f"{SERVER}/16", "--http", 80, "--control", self.sockets["serve"])
        wait_until(lambda: wire.exists() and self.sockets["serve"].exists(), 10, "the server")
        self.load = lab.start(
            lab.millrace, "load", "cc", "--device", f"memif:{wire}", "--address", f"{CLIENT}/16",
            "--target", f"{SERVER}:80", "-c", HELD, "--every", "500ms", "--churn", 200,
            "--msl", "60s", "--duration", "60s", "--control", self.sockets["load"])
        wait_until(lambda: all(path.exists() for path in self.sockets.values()), 10, "control")
        wait_until(lambda: self.summary("serve")["ESTAB"] >= HELD - 200, 30, "connections")

    def ask(self, which, command, *options, status=0):
        return self.lab.run(self.lab.millrace, command, "--socket", self.sockets[which], *options,
                            status=status)

    def summary(self, which):
        return json.loads(self.ask(which, "ss", "-s", "--json").out())

    def entries(self, which, *options):
        return [json.loads(line)
                for line in self.ask(which, "ss", "--json", *options).out().splitlines()]

    def end(self):
        expect_equal(self.load.stop(), 0, "the generator's exit status")
        expect_equal(self.server.stop(), 0, "the server's exit status")
        for path in self.sockets.values():
            expect(not path.exists(), "a control socket outlives its process")


@CASES.case("ss lists what two loaded processes know of each other", root=False)
def lists_both_ends(lab):
    watched = Watched(lab)
    summary = watched.summary("serve")
    expect_equal(tuple(summary), (*STATES, "total"), "the names of the states")
    expect_equal(summary["LISTEN"], 1, "listeners")
    expect_equal(sum(summary[state] for state in STATES), summary["total"], "the total")

    ours = watched.entries("serve", "state", "established")
    # Connections are replaced meanwhile: of what is there long enough nothing is missing.
    expect(HELD - 400 <= len(ours) <= HELD + 400, f"{len(ours)} connections are listed")
    ports = [entry["peer_port"] for entry in ours]
    expect_equal(len(set(ports)), len(ports), "connections, each listed once")
    for entry in ours:
        expect_equal((entry["local"], entry["local_port"], entry["peer"]), (SERVER, 80, CLIENT),
                     "the ends of a connection")
    theirs = {entry["local_port"] for entry in watched.entries("load", "state", "established")}
    shared = len(theirs & set(ports))
    expect(shared >= HELD - 1500, f"only {shared} connections are known to both ends")

    waiting = watched.entries("load", "state", "time-wait")
    expect(waiting, "the generator closes, and nothing is in TIME-WAIT")
    for entry in waiting:
        expect_equal(entry["timer"]["kind"], "timewait", "what TIME-WAIT waits for")
        expect(0 < entry["timer"]["left_ms"] <= 120_000, "and how long")

    port = ports[0]
    for words in ([f"dport = :{port}"], ["dst", f"{CLIENT}:{port}"],
                  ["dst", f"{CLIENT}/32", "and", "dport", "=", port]):
        found = watched.entries("serve", *words)
        expect(len(found) <= 1, f"{words} finds {len(found)} connections")
    expect_equal(watched.entries("serve", "dst", "10.90.0.0/16"), [], "connections of nobody")
    text = watched.ask("serve", "ss", "-tinmo", "state", "established").out().splitlines()
    expect(text[0].startswith("State "), "the header is not the first line")
    expect(text[1].startswith("ESTAB "), f"no connection: {text[1]}")
    expect("cubic" in text[2] and "skmem:(" in text[2] and "mss:1448" in text[2], text[2])
    watched.end()


@CASES.case("a server is told how many workers it has, and to stop", root=False)
def told_what_to_do(lab):
    control = lab.open_folder / "serve.sock"
    wire = lab.open_folder / "wire.sock"
    server = lab.start(lab.millrace, "serve", "--device", f"memif:{wire},server", "--address",
                       f"{SERVER}/16", "--http", 80, "--lcores", 2, "--workers", 1, "--control",
                       control)
    wait_until(lambda: "ready" in server.out(), 10, "the server")
    for workers in (2, 1):
        lab.run(lab.millrace, "control", "workers", workers, "--socket", control)
        wait_until(lambda: f"workers: {workers} of 2" in server.out(), 10, f"{workers} workers")
    refused = lab.run(lab.millrace, "control", "workers", 3, "--socket", control, status=2)
    expect("count has to be 1 to 2" in refused.err(), refused.err())
    lab.run(lab.millrace, "control", "stop", "--socket", control)
    expect_equal(server.wait(10), 0, "the exit status")


@CASES.case("stats and top show what a loaded process counts", root=False)
def counts(lab):
    watched = Watched(lab)
    stats = json.loads(watched.ask("serve", "stats", "--json").out())
    counters = stats["shards"][0]["counters"]
    expect(counters["TcpPassiveOpens"] >= HELD, "TcpPassiveOpens")
    wait_until(lambda: json.loads(watched.ask("serve", "stats", "--json").out())
               ["program"]["requests"] > 0, 10, "requests")
    expect(0 < stats["device"]["mbufs_in_use"] <= stats["device"]["mbufs"], "mbufs")
    wait_until(lambda: json.loads(watched.ask("serve", "stats", "--json").out())
               ["shards"][0]["use"]["connections"] >= HELD - 400, 10, "connections in use")
    text = watched.ask("serve", "stats").out()
    expect("TcpPassiveOpens" in text and "TcpActiveOpens" not in text, "zeros are not left out")

    samples = check_open_metrics(watched.ask("serve", "stats", "--openmetrics").out())
    for name in set(re.findall(r"millrace_\w+", DASHBOARD.read_text())):
        expect(name in samples, f"the dashboard asks for {name}, which there is not")

    lines = watched.ask("serve", "top", "--interval", "200ms", "--count", 3).out().splitlines()
    expect_equal(len(lines), 3, "lines of top")
    expect(all(line.startswith("connections ") and "requests" in line for line in lines), lines[0])
    table = watched.ask("serve", "top", "--interval", "200ms", "--count", 1, "--table").out()
    expect("burst fullness" in table and "mbufs in use" in table, table)
    watched.end()


def check_open_metrics(text):
    """What the OpenMetrics specification asks of such a text, as far as it is used here: a type in
    front of each family, samples of it behind that, no sample twice, # EOF at the end."""
    lines = text.splitlines()
    expect_equal(lines[-1], "# EOF", "the last line")
    expect(text.endswith("\n"), "the last line has no end")
    family, kind, families, samples = None, None, set(), set()
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            expect(family not in families, f"{family} comes twice")
            expect(kind in ("counter", "gauge"), line)
            families.add(family)
        elif line.startswith("# HELP "):
            expect_equal(line.split(" ")[2], family, "whose help it is")
        else:
            name, value = line.rsplit(" ", 1)
            expect(value.isdigit(), line)
            expect(name not in samples, f"{name} comes twice")
            samples.add(name)
            expect_equal(name.split("{")[0], family + ("_total" if kind == "counter" else ""),
                         "the family of a sample")
            expect(all(part.isidentifier() for part in [family]), f"{family} is no name")
    expect(len(samples) > 100, f"only {len(samples)} samples")
    return {name.split("{")[0] for name in samples}


@CASES.case("whoever does not read a control socket stops nothing", root=False)
def stalled_readers(lab):
    watched = Watched(lab)
    stalled = []
    for _ in range(32):
        reader = socket.socket(socket.AF_UNIX)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        reader.connect(str(watched.sockets["serve"]))
        reader.sendall(b'{"verb":"ss","info":true,"memory":true}\n')
        stalled.append(reader)

    def requests():
        return json.loads(watched.ask("serve", "stats", "--json").out())["program"]["requests"]

    before = requests()
    wait_until(lambda: requests() >= before + 2 * HELD, 20, "requests that are still answered")
    stats = json.loads(watched.ask("serve", "stats", "--json").out())
    expect(stats["shards"][0]["worker"]["longest_slice_ns"] > 0, "nothing was listed")
    for reader in stalled:
        reader.close()
    watched.end()


@CASES.case("asking when nobody runs, or for nonsense, is told so", root=False)
def told_so(lab):
    nobody = lab.run(lab.millrace, "ss", "--socket", lab.folder / "none.sock", status=2)
    expect("no process listens on" in nobody.err(), nobody.err())
    watched = Watched(lab)
    wrong = watched.ask("serve", "ss", "state", "asleep", status=2)
    expect('there is no state "asleep"' in wrong.err(), wrong.err())
    expect_equal(watched.sockets["serve"].stat().st_mode & 0o777, 0o600, "the socket's mode")
    watched.end()
