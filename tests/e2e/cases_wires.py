# SPDX-License-Identifier: BSD-3-Clause
"""millrace against millrace over shared memory, and the devices that have no kernel behind them."""

import contextlib
import socket
import struct
import time

import packets
from cases_kernel import curl
from cases_load import failures, report_of
from case import Cases
from lab import Skip, expect, expect_equal, wait_until
from sites import KERNEL, MILLRACE, VethSite

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


# ---- pcap ------------------------------------------------------------------------------------

CLIENT_MAC, OUR_MAC = bytes.fromhex("02000000aa02"), bytes.fromhex("02000000aa01")


def ethernet(destination, ethertype, payload):
    return (destination + CLIENT_MAC + struct.pack(">H", ethertype) + payload).ljust(60, b"\0")


def ipv4(protocol, payload):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                         socket.inet_aton(KERNEL), socket.inet_aton(MILLRACE))
    checksum = struct.pack(">H", packets.internet_checksum(header))
    return header[:10] + checksum + header[12:] + payload


def tcp_syn(port):
    body = struct.pack(">HHIIBBHHH", 40000, port, 1000, 0, 5 << 4, 0x02, 65535, 0, 0)
    pseudo = socket.inet_aton(KERNEL) + socket.inet_aton(MILLRACE) + struct.pack(">HH", 6, 20)
    return body[:16] + struct.pack(">H", packets.internet_checksum(pseudo + body)) + body[18:]


def icmp_echo():
    body = struct.pack(">BBHHH", 8, 0, 0, 7, 1) + b"abcdefgh"
    return body[:2] + struct.pack(">H", packets.internet_checksum(body)) + body[4:]


@CASES.case("pcap: answers to ARP, ping and SYN from a file go into a file", root=False)
def pcap(lab):
    arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + CLIENT_MAC + socket.inet_aton(KERNEL) + \
        bytes(6) + socket.inet_aton(MILLRACE)
    asked = [ethernet(b"\xff" * 6, 0x0806, arp), ethernet(OUR_MAC, 0x0800, ipv4(1, icmp_echo())),
             ethernet(OUR_MAC, 0x0800, ipv4(6, tcp_syn(HTTP))),
             ethernet(OUR_MAC, 0x0800, ipv4(6, tcp_syn(81)))]
    source, target = lab.folder / "in.pcap", lab.folder / "out.pcap"
    source.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame for frame in asked))
    process = lab.run(lab.millrace, "serve", "--device", f"pcap:{source},{target}",
                      "--address", f"{MILLRACE}/24", "--mac", OUR_MAC.hex(":"), "--http", HTTP,
                      "--duration", "1s")
    expect_equal(process.err(), "", "stderr")
    answers = packets.frames(target)
    arps = [f for f in answers if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2"]
    expect_equal(len(arps), 1, "ARP replies")
    expect_equal(arps[0][22:32], OUR_MAC + socket.inet_aton(MILLRACE), "what the reply says")
    echoes = [p for p in map(packets.ipv4_packet, answers) if p and p[0][9] == 1]
    expect_equal([p[1][0] for p in echoes], [0], "ICMP types")
    expect(echoes[0][1][8:] == b"abcdefgh" and packets.internet_checksum(echoes[0][1]) == 0,
           "the echo reply is not whole")
    replies = {s.source_port: s for s in packets.segments(target)}
    expect_equal((replies[HTTP].has("SYN"), replies[HTTP].ack), (True, 1001), "the SYN-ACK")
    expect_equal((replies[81].has("RST"), replies[81].ack), (True, 1001), "the reset")
    expect(all(s.checksums_right for s in replies.values()), "a wrong checksum")
