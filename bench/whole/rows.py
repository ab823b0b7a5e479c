# SPDX-License-Identifier: BSD-3-Clause
"""What `./run bench` measures: a row for each load on each device, with its bar where there is one.

A bar is what one lcore on each side must reach; None where nothing was set. Units are counted by
what the load generator completes: connections, requests, bits, SYNs.
"""

import dataclasses

SERVER = "10.99.0.1"
CLIENT = "10.99.0.2"
PREFIX = 16
SOURCES = "10.100.0.0/16"  # of a SYN flood; behind the client, as the server sees it
PORT = 7


@dataclasses.dataclass(frozen=True)
class Load:
    """`serve` and `load` are the options of either program; `figure` names where the report of the
    load generator has the rate, `units` where it has the number of units."""

    key: str
    title: str
    serve: tuple
    load: tuple
    figure: tuple
    units: tuple
    unit: str
    frame_bytes: int = 64  # whose wire limit stands beside the figure


CONNECTIONS = Load(
    "connections", "connect, 1 B, 1 B, close",
    ("--echo", PORT, "--echo-closes"),
    ("cps", "--protocol", "echo", "--request-size", 1, "--close", "server"),
    ("connections", "per_second"), ("connections", "completed"), "connection")
REQUESTS = Load(
    "requests", "1 B request and response, 8,000 connections",
    ("--echo", PORT),
    ("rps", "--protocol", "echo", "--request-size", 1, "--concurrency", 8000),
    ("requests", "per_second"), ("requests", "completed"), "request")
BULK_ONE = Load(
    "bulk-1", "bulk, 1 connection",
    ("--discard", PORT), ("throughput", "--concurrency", 1),
    ("bits_per_second", "up"), ("stack", "counters", "TcpOutSegs"), "bit", 1514)
BULK_MANY = Load(
    "bulk-64", "bulk, 64 connections",
    ("--discard", PORT), ("throughput", "--concurrency", 64),
    ("bits_per_second", "up"), ("stack", "counters", "TcpOutSegs"), "bit", 1514)
BARE_SYN = ("--source", SOURCES, "--no-timestamps", "--no-sack", "--no-window-scale")
# Nothing listens there, and few are told so.
SYN_SENT = Load(
    "syn-sent", "SYN flood, sent",
    ("--discard", PORT + 1), ("syn", *BARE_SYN),
    ("syns", "per_second"), ("syns", "sent"), "SYN")
SYN_ANSWERED = Load(
    "syn-answered", "SYN flood, answered with cookies",
    ("--discard", PORT, "--syn-cookies", "always"), ("syn", *BARE_SYN),
    ("answers", "per_second"), ("answers", "syn_ack"), "SYN")

# Connections at a time: enough that neither side waits for the other, and no ring overflows.
BUSY = {"memif": 1000, "vhost": 500, "loopback": 1000, "af_packet": 200}

# Device, load, bar, stretch.
ROWS = (
    ("memif", CONNECTIONS, 1.35e6, 1.8e6),
    ("memif", REQUESTS, 5.5e6, 7e6),
    ("memif", BULK_ONE, 20e9, None),
    ("memif", BULK_MANY, 20e9, None),
    ("memif", SYN_SENT, 14e6, None),
    ("memif", SYN_ANSWERED, 8e6, None),
    ("vhost", CONNECTIONS, 1.0e6, 1.2e6),
    ("vhost", REQUESTS, None, None),
    ("vhost", BULK_ONE, None, None),
    ("vhost", BULK_MANY, None, None),
    ("loopback", CONNECTIONS, 2e6, None),
    ("loopback", REQUESTS, 8e6, None),
    ("loopback", BULK_ONE, None, None),
    ("loopback", BULK_MANY, None, None),
    ("af_packet", CONNECTIONS, None, None),
    ("af_packet", REQUESTS, None, None),
    ("af_packet", BULK_ONE, None, None),
    ("af_packet", BULK_MANY, None, None),
)
DEVICES = ("memif", "vhost", "loopback", "af_packet")

# What the bare wire is asked for: (key, options of bare_wire). "both": each side sends, as it does
# under TCP; the frames of both are counted.
WIRES = (
    ("64", ("--bytes", 64)),
    ("64 both", ("--bytes", 64, "--send")),
    ("1514", ("--bytes", 1514)),
)
