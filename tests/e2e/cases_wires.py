# SPDX-License-Identifier: BSD-3-Clause
"""millrace against millrace over shared memory, and the devices that have no kernel behind them."""

import contextlib
import socket

from cases_kernel import curl
from cases_load import failures, report_of
from case import Cases
from lab import Skip, expect, expect_equal, wait_until
from sites import MILLRACE, VethSite

CASES = Cases()
HTTP, ECHO = 80, 7
SERVER, CLIENT = "10.88.0.1", "10.88.0.2"
AF_XDP = 44


# Server device, client device; {socket} is a path.
PAIRS = {
    "memif": ("memif:{socket},server", "memif:{socket}"),
    "vhost and virtio-user": ("vhost:{socket}", "virtio-user:{socket}"),
}


@contextlib.contextmanager
def pair(lab, kind, services, unprivileged=False):
    """A server on one end. Yields client(mode, options...) -> its process, ended and fine."""
    path = lab.open_folder() / "wire.sock"
    server_device, client_device = (text.format(socket=path) for text in PAIRS[kind])
    program = lab.for_everybody() if unprivileged else lab.millrace
    server = lab.start(program, "serve", "--device", server_device, "--address", f"{SERVER}/24",
                       *services, unprivileged=unprivileged)
    wait_until(lambda: path.exists() or not server.alive(), 10, "the server's socket")
    expect(server.alive(), "the server ended on its own")

    def client(mode, port, *options, status=0):
        generator = lab.run(program, "load", mode, "--device", client_device, "--address",
                            f"{CLIENT}/24", "--target", f"{SERVER}:{port}", "--json", *options,
                            unprivileged=unprivileged, status=status, seconds=30)
        expect_equal(generator.err(), "", "the client's stderr")
        return report_of(generator)

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


@CASES.case("af_xdp: curl and ping over a veth")
def af_xdp(lab):
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as error:
        raise Skip(f"this kernel has no AF_XDP sockets: {error}") from None
    site = VethSite(lab, "af_xdp")
    with site.serve("--http", HTTP):
        for length in (1, 1000, 1_000_000):
            output = curl(site, "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                          f"http://{MILLRACE}/bytes/{length}").out()
            expect_equal(output, f"200 {length}", f"curl of {length} bytes")
