# SPDX-License-Identifier: BSD-3-Clause
"""Many addresses of ours on one device: load comes from each in turn, whoever asks for one is
answered, and a server serves on all of them."""

import collections
import socket
import subprocess
import threading

from case import Cases
from cases_kernel import curl
from cases_load import failures, load
from cases_wires import HTTP, pair
from lab import expect, expect_equal, need_tools
from sites import KERNEL, KERNEL_V6, MILLRACE, MILLRACE_V6, VethSite

CASES = Cases()
PORT = 7


class Echo:
    """An echo server in a namespace that remembers from where it was called."""

    def __init__(self, lab, namespace, family, address):
        with lab.inside(namespace):
            self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind((address, PORT))
        self.listener.listen(128)
        self.callers = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self.callers.append(peer[0])
                while data := connection.recv(4096):
                    connection.sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


def call(site, echo, *options, target):
    """60 connections, of which none fails: the report. The first caller only asks whether there is
    a server."""
    try:
        report = load(site, "cps", "--protocol", "echo", "--count", "60", "--concurrency", "4",
                      "--duration", "0s", *options, target=f"{target}:{PORT}")
    finally:
        echo.close()
    expect_equal(failures(report), 0, "failed connections")
    return report


@CASES.case("af_packet: the kernel hears from addresses, a range and a prefix in turn")
def in_turn(lab):
    site = VethSite(lab)
    echo = Echo(lab, site.kernel, socket.AF_INET, KERNEL)
    call(site, echo, "--source", "10.77.0.9", "--source", "10.77.0.20-10.77.0.22",
         "--source", "10.77.0.32/30", target=KERNEL)
    wanted = ["10.77.0.9", "10.77.0.20", "10.77.0.21", "10.77.0.22", "10.77.0.33", "10.77.0.34"]
    expect_equal(collections.Counter(echo.callers[1:]), {address: 10 for address in wanted},
                 "connections by their source")


@CASES.case("af_packet: the kernel hears from a range of IPv6 addresses in turn")
def in_turn_v6(lab):
    site = VethSite(lab)
    site.speak_ipv6(KERNEL_V6)
    echo = Echo(lab, site.kernel, socket.AF_INET6, KERNEL_V6)
    call(site, echo, "--address", f"{MILLRACE_V6}/64", "--source",
         "2001:db8:77::a:fffe-2001:db8:77::b:3", target=f"[{KERNEL_V6}]")
    wanted = ["2001:db8:77::a:fffe", "2001:db8:77::a:ffff"] + \
        [f"2001:db8:77::b:{i}" for i in range(4)]
    expect_equal(collections.Counter(echo.callers[1:]), {address: 10 for address in wanted},
                 "connections by their source")


def pings(site, address, seconds):
    with site.lab.inside(site.kernel):
        return subprocess.run(["ping", "-c", "1", "-W", str(seconds), address], timeout=10,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0


@CASES.case("af_packet: every address of a server's ranges answers ARP, ND, ping and curl")
def served(lab):
    need_tools("ping", "curl")
    site = VethSite(lab)
    site.speak_ipv6(KERNEL_V6)
    with site.serve("--http", HTTP, "--address", "10.77.0.100-10.77.0.110/24", "--address",
                    "2001:db8:77::100-2001:db8:77::ffff/64"):
        for address in (MILLRACE, "10.77.0.100", "10.77.0.105", "10.77.0.110", "2001:db8:77::100",
                        "2001:db8:77::abcd", "2001:db8:77::ffff"):
            host = f"[{address}]" if ":" in address else address
            output = curl(site, "-g", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                          f"http://{host}:{HTTP}/bytes/10000").out()
            expect_equal(output, "200 10000", f"curl from {address}")
            expect(pings(site, address, 1), f"{address} does not answer a ping")
        for address in ("10.77.0.99", "10.77.0.111"):
            expect(not pings(site, address, 0.3), f"{address} answers, which nobody has")


def from_as_many(lab, family, source, connections):
    """Each connection from an address of its own, that the server has to ask for."""
    with pair(lab, "memif", ["--http", HTTP], family=family) as run:
        report = run("cps", HTTP, "--source", source, "--count", connections, "--duration", "0s",
                     seconds=300)
        expect_equal((report["connections"]["completed"], failures(report)), (connections, 0),
                     "completed and failed")


CASES.add("memif: 20000 connections from as many addresses of the server's network, IPv4",
          lambda lab: from_as_many(lab, "IPv4 in a /8", "10.128.0.0/12", 20_000), root=False)
CASES.add("memif: 20000 connections from as many addresses of the server's network, IPv6",
          lambda lab: from_as_many(lab, "IPv6", "2001:db8:88::1:0:0/108", 20_000), root=False)
for name, prefix in (("IPv4 in a /8", "10.128.0.0/12"), ("IPv6", "2001:db8:88::1:0:0/108")):
    CASES.add(f"memif: 1000000 connections from as many addresses of the server's network, "
              f"{name[:4]}",
              lambda lab, f=name, p=prefix: from_as_many(lab, f, p, 1_000_000), root=False,
              seconds=320, full=True)
