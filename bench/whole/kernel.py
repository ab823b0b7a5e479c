# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's TCP at both ends, by bench/kernel: what millrace's figures stand beside.

One thread at each end. Many connections are served by epoll without spinning; the round trips of
one connection by recv() and send() alone, once asleep in recv() until bytes come, and once asking
without end, as millrace does.
"""

import json
import os

from wires import START_SECONDS, expect_equal

PORT = 7
# The service and the exchange for each load that both know; connections at a time.
KINDS = {"connections": ("echo-closes", "connections", 200),
         "requests": ("echo", "requests", 8000),
         "bulk-1": ("discard", "bulk", 1),
         "bulk-64": ("discard", "bulk", 64)}
# The wires: over veth each end has a namespace of its own.
LOOPBACK, VETH = "Linux loopback", "Linux veth"
# Whose figures are compared with which.
BESIDE = {"memif": LOOPBACK, "vhost": LOOPBACK, "loopback": LOOPBACK, "af_packet": VETH}


class Ends:
    """Where server and client run, and the server's address."""

    def __init__(self, lab, wire):
        self.lab = lab
        self.address = "127.0.0.1"
        self.server_ns = self.client_ns = None
        if wire == VETH:
            self.server_ns, self.client_ns = lab.namespace("s"), lab.namespace("c")
            lab.veth((self.server_ns, "s0"), (self.client_ns, "c0"))
            self.address = "10.99.0.1"
            for namespace, interface, address in ((self.server_ns, "s0", "10.99.0.1"),
                                                  (self.client_ns, "c0", "10.99.0.2")):
                lab.run("ip", "address", "add", f"{address}/24", "dev", interface, ns=namespace)
        elif os.geteuid() == 0:  # by itself, so that nobody else's ports and rules matter
            self.server_ns = self.client_ns = lab.namespace("k")

    def exchange(self, service, *options, seconds, spin=False):
        """What the load said."""
        program = self.lab.build / "bench" / "kernel" / "kernel_peer"
        endpoint = f"{self.address}:{PORT if self.server_ns else 17007}"
        spinning = ("--spin",) if spin else ()
        server = self.lab.start(program, "serve", "--local", endpoint, "--service", service,
                                *spinning, ns=self.server_ns)
        self.lab.run("sleep", "0.3")
        client = self.lab.run(program, "load", "--target", endpoint, "--seconds", seconds,
                              *options, *spinning, ns=self.client_ns,
                              seconds=seconds + START_SECONDS)
        expect_equal(server.stop(START_SECONDS), 0, "the exit status of kernel_peer")
        return json.loads(client.out())


def rate(lab, wire, key, seconds):
    """Connections, requests or bits per second of one load; and how many failed."""
    service, exchange, concurrency = KINDS[key]
    told = Ends(lab, wire).exchange(service, "--exchange", exchange, "--concurrency", concurrency,
                                    seconds=seconds)
    return told["per_second"] * (8 if exchange == "bulk" else 1), told["failed"]


def round_trips(lab, spin, request_bytes, seconds):
    """(p50, p99.9) in microseconds, over the loopback."""
    told = Ends(lab, LOOPBACK).exchange("one-echo", "--exchange", "round-trips", "--bytes",
                                        request_bytes, seconds=seconds, spin=spin)
    return told["p50_us"], told["p99_9_us"]
