# SPDX-License-Identifier: BSD-3-Clause
"""millrace against millrace over shared memory, and the devices that have no kernel behind them."""

import contextlib
import signal
import socket
import time

from cases_kernel import curl
from cases_load import failures, report_of
from case import Cases
from lab import Skip, expect, expect_equal, wait_until
from sites import MILLRACE, VethSite

CASES = Cases()
HTTP, ECHO = 80, 7
SERVER, CLIENT = "10.88.0.1", "10.88.0.2"
# By family: server, client, length of their network's prefix.
ENDS = {"IPv4": (SERVER, CLIENT, 24), "IPv4 in a /8": (SERVER, CLIENT, 8),
        "IPv6": ("2001:db8:88::1", "2001:db8:88::2", 64)}
AF_XDP = 44


# Server device, client device; {socket} is a path.
PAIRS = {
    "memif": ("memif:{socket},server", "memif:{socket}"),
    "vhost and virtio-user": ("vhost:{socket}", "virtio-user:{socket}"),
}


@contextlib.contextmanager
def pair(lab, kind, services, unprivileged=False, family="IPv4"):
    """A server on one end. Yields client(mode, options...) -> its report, ended and fine;
    client.server is the server's process."""
    server_address, client_address, length = ENDS[family]
    path = lab.open_folder / "wire.sock"
    server_device, client_device = (text.format(socket=path) for text in PAIRS[kind])
    program = lab.for_everybody() if unprivileged else lab.millrace
    server = lab.start(program, "serve", "--device", server_device, "--address",
                       f"{server_address}/{length}", *services, unprivileged=unprivileged)
    wait_until(lambda: path.exists() or not server.alive(), 10, "the server's socket")
    expect(server.alive(), "the server ended on its own")

    host = f"[{server_address}]" if ":" in server_address else server_address

    def client(mode, port, *options, status=0, seconds=30):
        generator = lab.run(program, "load", mode, "--device", client_device, "--address",
                            f"{client_address}/{length}", "--target", f"{host}:{port}", "--json",
                            *options, unprivileged=unprivileged, status=status, seconds=seconds)
        expect_equal(generator.err(), "", "the client's stderr")
        return report_of(generator)

    client.server = server
    yield client
    expect(server.alive(), "the server ended on its own")
    expect_equal(server.stop(), 0, "the server's exit status")
    expect_equal(server.err(), "", "the server's stderr")
    expect(not path.exists(), "the socket outlives its server")


def two_processes(lab, kind, unprivileged=False):
    with pair(lab, kind, ["--http", HTTP], unprivileged) as client:
        for mode in ("cps", "rps"):
            report = client(mode, HTTP, "--duration", "2s", "--concurrency", "64")
            expect_equal(failures(report), 0, f"failures of {mode}")
            expect(report["connections"]["completed"] > 0, f"{mode}: {report['connections']}")


for kind in PAIRS:
    CASES.add(f"{kind}: two processes, cps and rps without a failure",
              lambda lab, k=kind: two_processes(lab, k), root=False)
CASES.add("memif: two processes of an unprivileged user, without hugepages",
          lambda lab: two_processes(lab, "memif", unprivileged=True), root=False)


@CASES.case("memif: bulk echo comes back whole", root=False)
def bulk_echo(lab):
    with pair(lab, "memif", ["--echo", ECHO]) as client:
        report = client("rps", ECHO, "--protocol", "echo", "--request-size", "1048576",
                        "--duration", "2s", "--concurrency", "4")
        expect_equal(failures(report), 0, "failures")
        sent, received = report["bytes"]["sent"], report["bytes"]["received"]
        expect(sent > 50_000_000, f"only {sent} bytes were sent")
        expect(sent >= received > 0.9 * sent, f"{sent} bytes sent, {received} received")


@CASES.case("memif: throughput up, down and both ways", root=False)
def throughput(lab):
    discard, chargen = 9, 19
    with pair(lab, "memif", ["--echo", ECHO, "--discard", discard, "--chargen", chargen]) as client:
        for direction, port in (("up", discard), ("down", chargen), ("both", ECHO)):
            report = client("throughput", port, "--direction", direction, "--duration", "1s",
                            "--concurrency", "4")
            expect_equal(report["connections"]["completed"], 4, f"completed, {direction}")
            expect_equal(failures(report), 0, f"failures, {direction}")
            moved = report["bytes"]
            expect(moved["received" if direction == "down" else "acknowledged"] > 10_000_000,
                   f"{direction}: {moved}")
            if direction == "both":
                expect(moved["received"] > 0.9 * moved["acknowledged"], f"echoed: {moved}")


def jumbo_frames(lab, kind):
    mtu = ["--mtu", "9000"]
    with pair(lab, kind, ["--echo", ECHO, *mtu]) as client:
        report = client("throughput", ECHO, "--direction", "both", "--duration", "1s",
                        "--concurrency", "4", "--no-tso", *mtu)
        expect_equal(failures(report), 0, "failures")
        moved, segments = report["bytes"], report["stack"]["counters"]["TcpOutSegs"]
        expect(moved["received"] > 0.9 * moved["acknowledged"] > 10_000_000, f"echoed: {moved}")
        expect(moved["acknowledged"] > 3000 * segments, f"{segments} segments for {moved}")


for kind in PAIRS:
    CASES.add(f"{kind}: frames of 9000 bytes, both ways", lambda lab, k=kind: jumbo_frames(lab, k),
              root=False)


@CASES.case("vhost and virtio-user: both ends sleep until a frame comes", root=False)
def sleepers(lab):
    asleep = ["--idle", "sleep"]
    with pair(lab, "vhost and virtio-user", ["--http", HTTP, *asleep]) as client:
        report = client("rps", HTTP, "--rate", "100", "--concurrency", "4", "--duration", "2s",
                        *asleep)
        expect_equal(failures(report), 0, "failures")
        completed = report["requests"]["completed"]
        expect(completed > 150, f"only {completed} of 200 requests were answered")


@CASES.case("vhost and virtio-user: segments that the peer takes uncut, and cut", root=False)
def uncut_segments(lab):
    with pair(lab, "vhost and virtio-user", ["--echo", ECHO]) as client:
        for options, least, most in (([], 3, 7), (["--no-tso"], 1, 1)):
            report = client("throughput", ECHO, "--direction", "both", "--duration", "1s", *options)
            expect_equal(failures(report), 0, f"failures {options}")
            moved, stack = report["bytes"], report["stack"]
            expect(moved["received"] > 0.9 * moved["acknowledged"] > 10_000_000, f"echoed: {moved}")
            segments = stack["counters"]["TcpOutSegs"] / stack["device"]["frames_out"]
            expect(least <= segments + 0.01 and segments - 0.01 <= most,
                   f"{segments} segments a frame with {options}")


@CASES.case("memif: a server that closes first takes six frames for a connection", root=False)
def six_frames(lab):
    with pair(lab, "memif", ["--echo", ECHO, "--echo-closes"]) as client:
        report = client("cps", ECHO, "--protocol", "echo", "--request-size", "1", "--close",
                        "server", "--count", "2000", "--concurrency", "16")
        expect_equal((failures(report), report["connections"]["completed"]), (0, 2000),
                     "failed and completed")
        device = report["stack"]["device"]
        frames = (device["frames_in"] + device["frames_out"]) / 2000
        expect(6 <= frames < 6.1, f"{frames} frames for a connection")


@CASES.case("memif: a SYN flood is answered by cookies, and remembered by nobody", root=False)
def syn_flood(lab):
    services = ["--http", HTTP, "--syn-cookies", "always", "--route", f"10.100.0.0/16={CLIENT}"]
    with pair(lab, "memif", services) as client:
        report = client("syn", HTTP, "--source", "10.100.0.0/16", "--rate", "50000", "--count",
                        "50000")
        sent, answers = report["syns"]["sent"], report["answers"]
        expect_equal(sent + report["syns"]["skipped_late"], 50_000, "SYNs sent or skipped")
        expect(sent > 25_000, f"{sent} SYNs sent")
        expect_equal((answers["syn_ack"], answers["rst"], answers["foreign"]), (sent, 0, 0),
                     "SYN-ACKs, RSTs and other segments")


@CASES.case("memif: SIGTERM in the middle of a load leaves nothing on either side", root=False)
def stopped_in_mid_load(lab):
    path = lab.open_folder / "wire.sock"
    server = lab.start(lab.millrace, "serve", "--device", f"memif:{path},server", "--address",
                       f"{SERVER}/24", "--http", HTTP)
    wait_until(path.exists, 10, "the server's socket")
    client = lab.start(lab.millrace, "load", "rps", "--device", f"memif:{path}", "--address",
                       f"{CLIENT}/24", "--target", f"{SERVER}:{HTTP}", "--duration", "60s",
                       "--concurrency", 64, "--json")
    time.sleep(1.5)
    for process in (client, server):
        expect_equal(process.stop(5), 0, "the exit status")
        expect_equal(process.err(), "", "stderr")
    expect_equal(failures(report_of(client)), 0, "failures")


@CASES.case("memif: neither end fails a connection when it is stopped for 100 ms", root=False)
def paused_in_mid_load(lab):
    path = lab.open_folder / "wire.sock"
    server = lab.start(lab.millrace, "serve", "--device", f"memif:{path},server", "--address",
                       f"{SERVER}/24", "--http", HTTP)
    wait_until(path.exists, 10, "the server's socket")
    for mode in ("cps", "rps"):
        client = lab.start(lab.millrace, "load", mode, "--device", f"memif:{path}", "--address",
                           f"{CLIENT}/24", "--target", f"{SERVER}:{HTTP}", "--duration", "3s",
                           "--concurrency", 64, "--json")
        for process in (server, client):
            time.sleep(0.8)
            process.popen.send_signal(signal.SIGSTOP)
            time.sleep(0.1)
            process.popen.send_signal(signal.SIGCONT)
        expect_equal(client.wait(15), 0, f"the exit status of {mode}")
        report = report_of(client)
        expect_equal(failures(report), 0, f"failures of {mode}")
        expect_equal(set(report["unexplained"].values()), {0}, f"what nothing explains in {mode}")
    expect_equal(server.stop(), 0, "the server's exit status")
    expect_equal(server.err(), "", "the server's stderr")


@CASES.case("memif: a server that sleeps when it is idle answers all the same", root=False)
def sleeping_server(lab):
    with pair(lab, "memif", ["--http", HTTP, "--idle", "sleep"]) as client:
        time.sleep(0.5)
        for mode in ("cps", "rps"):
            report = client(mode, HTTP, "--duration", "1s", "--concurrency", "4", "--idle",
                            "sleep")
            expect_equal(failures(report), 0, f"failures of {mode}")
            expect(report["requests"]["completed"] > 100, f"{mode}: {report['requests']}")


@CASES.case("memif: a server that is killed fails the load, a new one serves the next", root=False)
def killed_server(lab):
    path = lab.open_folder / "wire.sock"

    def serve():
        return lab.start(lab.millrace, "serve", "--device", f"memif:{path},server", "--address",
                         f"{SERVER}/24", "--http", HTTP)

    def load(*options):
        return lab.start(lab.millrace, "load", "cps", "--device", f"memif:{path}", "--address",
                         f"{CLIENT}/24", "--target", f"{SERVER}:{HTTP}", "--json", *options)

    server = serve()
    wait_until(path.exists, 10, "the server's socket")
    client = load("--duration", "2s", "--timeout", "500ms")
    time.sleep(1)
    server.kill()
    expect_equal(client.wait(10), 1, "the generator's exit status")
    server = serve()  # the socket file of the dead one is in its way
    time.sleep(0.5)
    client = load("--duration", "1s")
    expect_equal(client.wait(10), 0, "the exit status of the next load")
    expect_equal(server.stop(), 0, "the second server's exit status")


@CASES.case("vhost, memif: without memory for frames it says so, and ends", root=False)
def no_memory(lab):
    path = lab.open_folder / "wire.sock"
    for device in (f"vhost:{path}", f"memif:{path},server"):
        process = lab.run(lab.millrace, "serve", "--device", device, "--address", f"{SERVER}/24",
                          "--http", HTTP, "--", "--no-huge", "-m", "8", status=2)
        expect("no memory for" in process.err(), process.err())
        expect(not path.exists(), "the socket outlives its server")


@CASES.case("loopback: client and server in one process, without a failure", root=False)
def loopback(lab):
    for mode, protocol in (("cps", "http"), ("rps", "http"), ("rps", "echo")):
        process = lab.run(lab.millrace, "load", mode, "--device", "loopback", "--address",
                          f"{CLIENT}/24", "--target", f"{SERVER}:80", "--protocol", protocol,
                          "--duration", "1s", "--json")
        expect_equal(process.err(), "", "stderr")
        expect_equal(failures(report_of(process)), 0, f"failures of {mode} {protocol}")


def af_xdp_site(lab):
    """A veth on which this kernel does AF_XDP."""
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as error:
        raise Skip(f"this kernel has no AF_XDP sockets: {error}") from None
    site = VethSite(lab, "af_xdp")
    trial = lab.run(*site.command("serve", "--http", HTTP, "--duration", "100ms"),
                    ns=site.millrace, status=None)
    if trial.popen.returncode == 2:
        raise Skip(f"this kernel does not do AF_XDP on a veth: {trial.err().strip()}")
    return site


@CASES.case("af_xdp: curl and ping over a veth")
def af_xdp(lab):
    site = af_xdp_site(lab)
    with site.serve("--http", HTTP):
        for length in (1, 1000, 1_000_000):
            output = curl(site, "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                          f"http://{MILLRACE}/bytes/{length}").out()
            expect_equal(output, f"200 {length}", f"curl of {length} bytes")
