# SPDX-License-Identifier: BSD-3-Clause
"""millrace and the kernel over bad wires, in bulk, and with options of TCP switched off.

What the kernel's ss says of a connection in mid-transfer shows which options were in use.
"""

import contextlib
import hashlib
import random
import socket
import threading

import packets
from bad_wire import BadWireSite, Faults
from case import Cases
from cases_kernel import ECHO, HTTP, URL, body, curl, digest, file_digest
from cases_load import failures, report_of
from lab import Failure, Skip, expect, expect_equal, need_tools
from sites import KERNEL

CASES = Cases()
SEED = 20260202
MB = 1_000_000
BLOCK = 1 << 20


# ---- bulk, both ways -------------------------------------------------------------------------

def echo(site, length, seconds):
    """Sends so many bytes to echo while it reads them back; both streams must be the same."""
    block = random.Random(SEED).randbytes(BLOCK + 251)  # no period that segments could share
    sent, heard, received = hashlib.sha256(), hashlib.sha256(), 0
    troubles = []
    with site.connect(ECHO, seconds=seconds) as sock:
        def upload():
            left, number = length, 0
            try:
                while left:
                    piece = block[number % 251:][:min(left, BLOCK)]
                    sent.update(piece)
                    sock.sendall(piece)
                    left -= len(piece)
                    number += 1
                sock.shutdown(socket.SHUT_WR)
            except OSError as trouble:
                troubles.append(trouble)

        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        while piece := sock.recv(1 << 18):
            heard.update(piece)
            received += len(piece)
        sender.join(seconds)
    expect_equal(troubles, [], "what hindered the upload")
    expect_equal(received, length, "bytes that came back")
    expect_equal(heard.hexdigest(), sent.hexdigest(), f"checksum of {length} echoed bytes")


def bulk(lab, kind, faults, length, seconds):
    site = BadWireSite(lab, faults, kind)
    target = lab.folder / "body"
    with site.serve("--http", HTTP, "--echo", ECHO):
        output = curl(site, "-o", target, "-w", "%{http_code} %{size_download}",
                      f"{URL}/bytes/{length}", seconds=seconds).out()
        expect_equal(output, f"200 {length}", f"curl of {length} bytes")
        expect_equal(file_digest(target), digest(body(length)), f"checksum of {length} bytes")
        target.unlink()
        echo(site, length, seconds)


WIRES = (("a clean wire", Faults()),
         ("0.1 % loss", Faults(loss=0.001)),
         ("1 % loss", Faults(loss=0.01)),
         ("5 % loss", Faults(loss=0.05)),
         ("1 % loss in bursts of 4", Faults(loss=0.01, burst=4)),
         ("2 % doubled", Faults(double=0.02)),
         ("1 % overtaken by 3 ms", Faults(delay=0.01)),
         ("0.5 % lost, 1 % doubled, 0.5 % overtaken, 0.2 % spoilt",
          Faults(loss=0.005, double=0.01, delay=0.005, spoil=0.002)))
# Seconds are for a machine that does much else, too.
for title, faults in WIRES:
    CASES.add(f"interop, af_packet, {title}: 3 MB from millrace and there and back are whole",
              lambda lab, f=faults: bulk(lab, "af_packet", f, 3 * MB, 60), seconds=150)
CASES.add("interop, tap, 1 % loss: 3 MB from millrace and there and back are whole",
          lambda lab: bulk(lab, "tap", Faults(loss=0.01), 3 * MB, 60), seconds=150)
for kind in ("af_packet", "tap"):
    for title, faults in WIRES:
        CASES.add(f"interop in full, {kind}, {title}: "
                  "100 MB from millrace and there and back are whole",
                  lambda lab, k=kind, f=faults: bulk(lab, k, f, 100 * MB, 600), seconds=1300,
                  full=True)


# ---- millrace as the client ------------------------------------------------------------------

@contextlib.contextmanager
def kernel_echo(site, pause_at=None, while_paused=None):
    """An echo server of the kernel's; the bytes it has read from all connections, as [total].

    With `pause_at`, it calls while_paused(connection) when it has read that much of a connection.
    """
    total = [0]
    troubles = []

    def talk(connection):
        read = 0
        try:
            with connection:
                while piece := connection.recv(1 << 16):
                    if pause_at is not None and read < pause_at <= read + len(piece):
                        while_paused(connection)
                    read += len(piece)
                    total[0] += len(piece)
                    connection.sendall(piece)
        except (OSError, Failure) as trouble:
            troubles.append(trouble)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(600)
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    with site.lab.inside(site.kernel):
        listener = socket.create_server((KERNEL, ECHO))
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield total
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # close() alone does not wake accept()
        listener.close()
        thread.join(10)
    expect_equal(troubles, [], "what hindered the server")


def load_echo(site, connections, seconds):
    """millrace sends 1 MB to echo on each of the connections, and compares what comes back."""
    generator = site.start("load", "cps", "--target", f"{KERNEL}:{ECHO}", "--protocol", "echo",
                           "--request-size", MB, "--count", connections, "--concurrency", 2,
                           "--timeout", f"{seconds}s", "--duration", "0s", "--json")
    expect_equal(generator.wait(seconds), 0, "the generator's exit status")
    expect_equal(generator.err(), "", "the generator's stderr")
    report = report_of(generator)
    expect_equal(failures(report), 0, "failed connections")
    expect_equal(report["requests"]["completed"], connections, "echoes that came back right")


def bulk_as_client(lab, faults, megabytes, seconds):
    site = BadWireSite(lab, faults)
    with kernel_echo(site) as total:
        load_echo(site, megabytes, seconds)
    expect_equal(total[0], megabytes * MB, "bytes that the kernel got")
    site.finish()


for title, faults in WIRES:
    CASES.add(f"interop, af_packet, {title}: 3 MB of millrace's to the kernel and back are whole",
              lambda lab, f=faults: bulk_as_client(lab, f, 3, 60), seconds=90)
    CASES.add(f"interop in full, af_packet, {title}: "
              "100 MB of millrace's to the kernel and back are whole",
              lambda lab, f=faults: bulk_as_client(lab, f, 100, 600), seconds=700, full=True)


# ---- options switched off --------------------------------------------------------------------

# As ss names what is in force on a connection, and the switch of the kernel's for each.
SWITCHES = {"sack": "tcp_sack", "ts": "tcp_timestamps", "wscale": "tcp_window_scaling",
            "ecn": "tcp_ecn"}
DISORDER = Faults(double=0.02, delay=0.01)
MILLRACE_ANSWERS = {"sack", "ts", "wscale", "ecn"}
MILLRACE_OFFERS = {"sack", "ts", "wscale"}  # ECN only where it is configured


def options_in_force(site, sock):
    """What the kernel's ss says of a connection, of what SWITCHES name."""
    need_tools("ss")
    (local, port), (peer, peer_port) = sock.getsockname(), sock.getpeername()
    output = site.run("ss", "-tinoH", "src", f"{local}:{port}", "dst", f"{peer}:{peer_port}").out()
    words = {word.split(":")[0] for word in output.split()}
    expect("rto" in words, f"ss knows the connection: {output!r}")
    return words & set(SWITCHES)


def switched(lab, off):
    """A site whose kernel does all but `off`."""
    # Whoever loses a SYN asks again without ECN, so that is shown where nothing is lost.
    site = BadWireSite(lab, Faults(loss=0.01) if "ecn" in off else DISORDER)
    for name, switch in SWITCHES.items():
        site.sysctl(switch, int(name not in off))
    return site


def kernel_connects(lab, off):
    site = switched(lab, off)
    length = 2 * MB
    expected = MILLRACE_ANSWERS - off
    with site.serve("--http", HTTP, "--echo", ECHO):
        request = b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % length
        with site.connect(HTTP, seconds=60) as sock:
            sock.sendall(request)
            answer = b""
            while len(answer) < length // 2:
                answer += sock.recv(1 << 16)
            expect_equal(options_in_force(site, sock), expected, "options in force")
            answer += b"".join(iter(lambda: sock.recv(1 << 16), b""))
        expect_equal(digest(answer.split(b"\r\n\r\n", 1)[1]), digest(body(length)),
                     f"checksum of {length} bytes")
        echo(site, length, 60)


def millrace_connects(lab, off):
    site = switched(lab, off)
    seen = []
    with kernel_echo(site, MB // 2, lambda sock: seen.append(options_in_force(site, sock))):
        load_echo(site, 2, 60)
    expect_equal(seen, [MILLRACE_OFFERS - off] * 2, "options in force")
    site.finish()


for off, title in ((set(), "all options on"), ({"ecn"}, "ECN off"),
                   ({"ecn", "sack"}, "ECN and SACK off"),
                   ({"ecn", "ts"}, "ECN and timestamps off"),
                   ({"ecn", "wscale"}, "ECN and window scaling off")):
    CASES.add(f"interop: the kernel connects with {title}, ss agrees, and data arrive whole",
              lambda lab, o=off: kernel_connects(lab, o), seconds=150)
    CASES.add(f"interop: millrace connects to a kernel with {title}, ss agrees, and data arrive "
              "whole", lambda lab, o=off: millrace_connects(lab, o), seconds=150)


def ecn_fields(path):
    """(AE, CWR, ECE) of the SYN and of the SYN-ACK in a capture."""
    found = []
    for frame in packets.frames(path):
        segment = packets.tcp_segment(frame)
        if segment is not None and segment.has("SYN"):
            offset = packets.ipv4_packet(frame)[1][12]
            found.append((offset & 1, segment.flags >> 7, segment.flags >> 6 & 1))
    return found


def ecn_handshake(lab, mode, asked, granted):
    site = BadWireSite(lab, DISORDER)
    try:
        site.sysctl("tcp_ecn", mode)
    except OSError:
        raise Skip("this kernel has no Accurate ECN") from None
    with site.serve("--echo", ECHO):
        with packets.capture(lab, site.kernel, site.interface) as path:
            site.connect(ECHO, seconds=20).close()
        fields = ecn_fields(path)
        expect_equal((fields[0], fields[-1]), (asked, granted), "AE, CWR, ECE")
        echo(site, 2 * MB, 60)


# RFC 3168 section 6.1.1; RFC 9768 section 3.1.1, table 2, for a SYN that came as Not-ECT.
CASES.add("interop: SYN and SYN-ACK agree upon ECN, and data arrive whole",
          lambda lab: ecn_handshake(lab, 1, (0, 1, 1), (0, 0, 1)), seconds=150)
CASES.add("interop: SYN and SYN-ACK agree upon Accurate ECN, and data arrive whole",
          lambda lab: ecn_handshake(lab, 3, (1, 1, 1), (0, 1, 0)), seconds=150)
