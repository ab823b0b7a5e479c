# SPDX-License-Identifier: BSD-3-Clause
"""millrace as a server of the Linux kernel's clients: ping, curl, nc, wrk, ab, plain sockets."""

import hashlib
import os
import pathlib
import random
import re
import signal
import socket
import time

from case import Cases
from lab import expect, expect_equal, need_tools, wait_until
from sites import KERNEL, MILLRACE, SITES, VethSite

CASES = Cases()
HTTP, ECHO, DISCARD, CHARGEN = 80, 7, 9, 19
URL = f"http://{MILLRACE}"
SEED = 20260101


def body(length):
    """What /bytes/N answers."""
    line = bytes(range(256))
    return (line * (length // 256 + 1))[:length]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def curl(site, *arguments, seconds=30, status=0):
    need_tools("curl")
    return site.run("curl", "--silent", "--show-error", "--max-time", seconds, *arguments,
                    seconds=seconds + 5, status=status)


def status_of(response):
    return int(response.split(b" ", 2)[1])


def ask(site, request, seconds=5):
    """Everything that the HTTP server says to these bytes until it closes."""
    with site.connect(HTTP, seconds=seconds) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        return answer


# ---- ping ------------------------------------------------------------------------------------

def ping(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP):
        for payload in (0, 56, 1472):
            output = site.run("ping", "-c", 5, "-i", "0.05", "-W", 1, "-s", payload, MILLRACE).out()
            expect("5 received, 0% packet loss" in output, output)
            expect("DUP" not in output and "wrong" not in output, output)


def closed_ports(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP):
        begin = time.monotonic()
        try:
            site.connect(81).close()
            raise AssertionError("port 81 accepted a connection")
        except ConnectionRefusedError:
            expect(time.monotonic() - begin < 1, "refused, but slowly")
        site.refuses_datagrams(socket.AF_INET, MILLRACE)


# ---- HTTP ------------------------------------------------------------------------------------

def bodies(lab, kind):
    site = SITES[kind](lab)
    target = lab.folder / "body"
    with site.serve("--http", HTTP):
        for length in (0, 1, 1024, 1460, 1461, 1 << 20, 100_000_000):
            output = curl(site, "-o", target, "-w", "%{http_code} %{size_download}",
                          f"{URL}/bytes/{length}").out()
            expect_equal(output, f"200 {length}", f"curl of {length} bytes")
            if length == 0:
                continue
            expect_equal(file_digest(target), digest(body(length)), f"checksum of {length} bytes")


def head(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP):
        output = curl(site, "--head", f"{URL}/bytes/12345").out()
        expect(re.match(r"HTTP/1\.1 200 ", output), output)
        expect(re.search(r"(?im)^content-length: 12345\r?$", output), output)
        # Nothing follows the header: the next response begins right behind it.
        answer = ask(site, b"HEAD /bytes/5 HTTP/1.1\r\nHost: x\r\n\r\n"
                           b"GET /bytes/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        first, rest = answer.split(b"\r\n\r\n", 1)
        expect_equal((status_of(first), status_of(rest)), (200, 200), "both statuses")
        expect(rest.endswith(b"\r\n\r\n" + body(5)), repr(rest))


def keep_alive(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP, "--body-size", "4k"):
        output = curl(site, "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null",
                      "-w", "%{http_code} %{num_connects} %{size_download}\n",
                      f"{URL}/", f"{URL}/bytes/10", f"{URL}/").out()
        expect_equal(output.split("\n"), ["200 1 4096", "200 0 10", "200 0 4096", ""],
                     "status, new connections and size of each")
        output = curl(site, "-o", "/dev/null", "-o", "/dev/null", "-H", "Connection: close",
                      "-w", "%{num_connects} ", f"{URL}/", f"{URL}/").out()
        expect_equal(output, "1 1 ", "new connections when the client wants them closed")


def pipelined(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP):
        lengths = [random.Random(SEED).randrange(20_000) for _ in range(100)]
        requests = b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in lengths)
        answer = ask(site, requests)
        for length in lengths:
            header, answer = answer.split(b"\r\n\r\n", 1)
            expect_equal(status_of(header), 200, "status")
            expect(answer[:length] == body(length), f"the body of {length} bytes")
            answer = answer[length:]
        expect_equal(answer, b"", "what follows the last response")


def refusals(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP):
        for wanted, arguments in ((405, ["-d", "x=1", f"{URL}/"]),
                                  (405, ["-X", "DELETE", f"{URL}/"]),
                                  (404, [f"{URL}/nowhere"]),
                                  (404, [f"{URL}/bytes/x"]),
                                  (404, [f"{URL}/bytes/-1"])):
            output = curl(site, "-o", "/dev/null", "-w", "%{http_code}", *arguments).out()
            expect_equal(output, str(wanted), f"curl {arguments}")
        for wanted, request in (
                (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not for us\r\n\r\n"),
                (400, b"GET\r\n\r\n"),
                (400, b"GET / HTTP/1.1\r\nno colon here\r\n\r\n"),
                (400, b"GET / HTTP/1.1\r\n\r\n"),  # RFC 9112 section 3.2: Host is missing
                (431, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 100_000 + b"\r\n\r\n"),
                (431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n")):
            try:
                answer = ask(site, request)
            except (ConnectionResetError, BrokenPipeError):
                raise AssertionError(f"reset before the answer to {request[:40]!r}") from None
            expect(answer.startswith(b"HTTP/1."), f"{request[:40]!r}: {answer[:100]!r}")
            expect_equal(status_of(answer), wanted, f"status of {request[:40]!r}")
        garbage = lab.folder / "garbage"
        garbage.write_bytes(b"hello?\r\n\r\n")
        need_tools("nc")
        output = site.run("nc", "-N", "-w", 3, MILLRACE, HTTP, stdin=garbage).out()
        expect(output.startswith("HTTP/1.1 400 "), output)


def slow_reader(lab, kind):
    site = SITES[kind](lab)
    length = 20_000_000
    with site.serve("--http", HTTP):
        request = b"GET /bytes/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % length
        with site.connect(HTTP, seconds=10) as slow:
            slow.sendall(request)
            time.sleep(0.2)  # its window is shut now
            for _ in range(20):
                quick = ask(site, b"GET /bytes/1000 HTTP/1.1\r\nHost: x\r\n\r\n", seconds=2)
                expect(quick.endswith(body(1000)), "another client while one does not read")
            answer = b"".join(iter(lambda: slow.recv(1 << 20), b""))
        expect(answer.split(b"\r\n\r\n", 1)[1] == body(length), "what the slow reader got")


# ---- echo, discard, chargen ------------------------------------------------------------------

def echo_uploads(lab, kind):
    need_tools("nc")
    site = SITES[kind](lab)
    numbers = random.Random(SEED)
    lengths = [1, 2, 1448, 1449, numbers.randrange(1 << 16), numbers.randrange(1 << 20), 20_000_000]
    with site.serve("--echo", ECHO):
        for length in lengths:
            upload = lab.folder / "upload"
            upload.write_bytes(numbers.randbytes(length))
            # -N: half-closes behind the last byte, and reads on until the server closes.
            nc = site.run("nc", "-N", MILLRACE, ECHO, stdin=upload, seconds=30)
            expect_equal(nc.out_path.stat().st_size, length, "length of the echo")
            expect_equal(file_digest(nc.out_path), file_digest(upload), f"echo of {length} bytes")


def echo_many(lab, kind):
    site = SITES[kind](lab)
    numbers = random.Random(SEED)
    with site.serve("--echo", ECHO):
        socks = [site.connect(ECHO, seconds=10) for _ in range(500)]
        told = [numbers.randbytes(1 + numbers.randrange(3000)) for _ in socks]
        for sock, data in zip(socks, told):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        for sock, data in zip(socks, told):
            heard = b"".join(iter(lambda s=sock: s.recv(65536), b""))
            expect(heard == data, "an echo is another connection's, or not whole")
            sock.close()


def discard_and_chargen(lab, kind):
    need_tools("nc")
    site = SITES[kind](lab)
    with site.serve("--discard", DISCARD, "--chargen", CHARGEN):
        upload = lab.folder / "upload"
        upload.write_bytes(os.urandom(10_000_000))
        nc = site.run("nc", "-N", MILLRACE, DISCARD, stdin=upload)
        expect_equal(nc.out(), "", "what discard answered")
        # RFC 864: lines of 72 of the 95 printable characters, each beginning one further on.
        printable = bytes(range(32, 127))
        pattern = b"".join((printable * 2)[i % 95:i % 95 + 72] + b"\r\n" for i in range(95))
        wanted = 1_000_000
        with site.connect(CHARGEN) as sock:
            heard = b""
            while len(heard) < wanted:
                heard += sock.recv(65536)
        expect(heard[:wanted] == (pattern * (wanted // len(pattern) + 1))[:wanted],
               f"not the pattern of RFC 864: {heard[:160]!r}")


# ---- load by the kernel's side ---------------------------------------------------------------

def wrk(lab, kind):
    need_tools("wrk")
    site = SITES[kind](lab)
    with site.serve("--http", HTTP, "--body-size", "512"):
        output = site.run("wrk", "-t1", "-c64", "-d2s", "--timeout", "2s", f"{URL}/").out()
        expect("Socket errors" not in output and "Non-2xx" not in output, output)
        requests = int(re.search(r"(\d+) requests in", output).group(1))
        expect(requests > 1000, f"{requests} requests in 2 s")


def apache_bench(lab, kind):
    need_tools("ab")
    site = SITES[kind](lab)
    with site.serve("--http", HTTP, "--body-size", "512"):
        for options in ([], ["-k"]):
            output = site.run("ab", "-q", "-n", 3000, "-c", 32, "-s", 5, *options, f"{URL}/").out()
            expect(re.search(r"(?m)^Complete requests: +3000$", output), output)
            expect(re.search(r"(?m)^Failed requests: +0$", output), output)
            if options:
                expect(re.search(r"(?m)^Keep-Alive requests: +3000$", output), output)


def killed_client(lab, kind):
    need_tools("curl")
    site = SITES[kind](lab)
    with site.serve("--http", HTTP) as server:
        client = lab.start("curl", "-s", "--limit-rate", "1M", "-o", "/dev/null",
                           f"{URL}/bytes/1000000000", ns=site.kernel)
        time.sleep(0.7)
        expect(client.alive(), "the client is in mid-transfer")
        client.kill()
        output = curl(site, "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                      f"{URL}/bytes/100000").out()
        expect_equal(output, "200 100000", "a later request")
        # With the connection gone the drain has nothing to wait for.
        begin = time.monotonic()
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.alive(), 5, "the server ends")
        took = time.monotonic() - begin
        expect_equal(server.popen.returncode, 0, "the server's exit status")
        expect(took < 1.5, f"the killed client's connection held the server for {took:.1f} s")
        expect_equal(server.err(), "", "the server's stderr")


def stopped_in_mid_transfer(lab, kind):
    site = SITES[kind](lab)
    with site.serve("--http", HTTP, "--drain-timeout", "500ms") as server:
        with site.connect(HTTP) as sock:
            sock.sendall(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(1000)
            expect_equal(server.stop(5), 0, "the server's exit status")
        expect_equal(server.err(), "", "the server's stderr")
        if site.device.startswith("tap:"):
            expect(site.interface not in lab.interfaces(site.kernel), "the TAP interface is left")


def through_gateway(lab):
    """client 10.78.0.2 ---- 10.78.0.1 router 10.77.0.2 ---- 10.77.0.1 millrace"""
    site = VethSite(lab)
    client = lab.namespace("c")
    lab.veth((client, "c0"), (site.kernel, "k1"))
    lab.run("ip", "addr", "add", "10.78.0.1/24", "dev", "k1", ns=site.kernel)
    lab.run("ip", "addr", "add", "10.78.0.2/24", "dev", "c0", ns=client)
    lab.run("ip", "route", "add", "default", "via", "10.78.0.1", ns=client)
    with lab.inside(site.kernel):
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    need_tools("curl")
    for options in (["--gateway", KERNEL], ["--route", f"10.78.0.0/24={KERNEL}"]):
        with site.serve("--http", HTTP, *options):
            output = lab.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                             f"{URL}/bytes/100000", ns=client).out()
            expect_equal(output, "200 100000", f"curl from another network, {options[0]}")


CASES.add("af_packet: clients on another network are reached by gateway and by route",
          through_gateway)
for wire in SITES:
    for title, function, limit in (
            ("ping of several sizes", ping, 30),
            ("closed ports are refused, by RST and by ICMP", closed_ports, 30),
            ("curl gets bodies of 0 B to 100 MB whole", bodies, 90),
            ("HEAD tells the length and sends no body", head, 30),
            ("a connection is kept for the next request, or closed when asked", keep_alive, 30),
            ("a hundred pipelined requests are answered in order", pipelined, 30),
            ("404, 405, 400 on garbage, 431 on headers too long", refusals, 30),
            ("a client that does not read keeps nobody waiting", slow_reader, 60),
            ("nc -N: echo of 1 B to 20 MB comes back whole", echo_uploads, 60),
            ("500 connections at once, each gets its own echo", echo_many, 60),
            ("discard swallows, chargen speaks RFC 864", discard_and_chargen, 60),
            ("wrk finds no error", wrk, 30),
            ("ab finds no error, with and without keep-alive", apache_bench, 60),
            ("the server outlives a client that is killed", killed_client, 30),
            ("SIGTERM in mid-transfer leaves nothing", stopped_in_mid_transfer, 30)):
        CASES.add(f"{wire}: {title}", lambda lab, f=function, w=wire: f(lab, w), seconds=limit)
