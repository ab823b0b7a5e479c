# SPDX-License-Identifier: BSD-3-Clause
"""The same segments to millrace and to the Linux kernel, and their answers side by side.

    millrace  10.77.0.1  [TAP mr0]~~~~ raw socket, 10.77.0.2
    kernel    10.77.0.1  [k0]====[p0]  raw socket, 10.77.0.2

Both have the same address and link-layer address, and services that do the same. An exchange is a
list of lines. Numbers count from each side's initial sequence number; ours is just below 2^32.

    > SYN 0 <mss 1460,sackok,ts,ws 7>   sent; then what comes at once is collected
    > ACK 1:11 ack 1                    with ten bytes; a pattern that knows its place
    > ACK 1 ack 1 win 0 urg 5 bad       window field, urgent pointer, a wrong checksum
    + ACK 11:21 ack 1                   sent, and what comes is left for the next line
    ~ 1:11 ack 11 fin                   waits for these bytes, this ack and a FIN, however they come
    open                                the host connects to us, to close at once; its SYN
    refused                             waits for the host to know that it was refused
    fill                                data until the window is shut; 1000000 is what comes next

Once timestamps are agreed upon, every segment carries one, larger by one each time; `ts -5` is one
that is older than that by five. Kinds of options in `<>` replace it; `<>` is none at all.

Not compared, as an endpoint is free in it: initial sequence numbers, the window's and the window
scale's size, the order and padding of options, TSval, PSH, how `~` was reached. What a timer sends
again is left out.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import socket
import struct
import threading
import time
import zlib

import craft
import packets
from lab import Failure, expect, wait_until
from sites import KERNEL as PEER, MILLRACE as HOST

ECHO, HTTP, CLOSED = 7, 80, 99
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
ISN = 0xfffffff0
TS_BASE = 1000
REBASE = 1_000_000
PATIENCE = 20  # seconds; a wait ends as soon as it can
SETTLE = 0.001
FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
LINE = re.compile(r"(?P<how>[>+]) (?P<flags>[A-Z,]+|-) (?P<begin>-?\d+)(?::(?P<end>-?\d+))?"
                  r"(?: ack (?P<ack>-?\d+))?(?: win (?P<win>\d+))?(?: urg (?P<urg>\d+))?"
                  r"(?: <(?P<options>[^>]*)>)?(?P<bad> bad)?")
WAIT = re.compile(r"~(?: (?P<begin>\d+):(?P<end>\d+))?(?: ack (?P<ack>\d+))?(?P<fin> fin)?")

# What the kernel's defaults do with time, and limits that one connection after the other would
# reach, would hide its answers. RFC 1337 is a choice, and millrace's.
SYSCTLS = {"tcp_rfc1337": 1, "tcp_invalid_ratelimit": 0, "tcp_challenge_ack_limit": 2**31 - 1,
           "tcp_early_retrans": 0, "tcp_comp_sack_nr": 0, "tcp_backlog_ack_defer": 0,
           "tcp_rto_min_us": 30_000_000}
BUFFER = 16384


def pattern(begin, end):
    return bytes(position % 251 for position in range(begin, end))


def http_response(status, body, kind):
    """As millrace's HTTP server answers when it will close."""
    return (f"HTTP/1.1 {status}\r\nServer: millrace\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: {kind}\r\nConnection: close\r\n\r\n").encode() + body


# What the HTTP server is asked, and what it says then: behind the second it reads on for a while.
GOOD = (b"GET /bytes/10 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        http_response("200 OK", bytes(range(10)), "application/octet-stream"))
BAD = (b"hello?\r\n\r\n", http_response("400 Bad Request", b"400 Bad Request\n", "text/plain"))


# ---- the two hosts ---------------------------------------------------------------------------

class Wire:
    """The raw socket in front of a host."""

    def __init__(self, lab, namespace, interface):
        with lab.inside(namespace):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.bind((interface, 3))
        # An interface that is not up yet has left an error here.
        self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self.fences = 0
        # Where the host can connect: connect(port) lets it, which closes as soon as it can;
        # refused() says whether it was told so.
        self.connect = self.refused = None

    def send(self, frame):
        self.sock.send(frame)

    def receive(self, deadline):
        """The next TCP segment or ping reply before the deadline; None if there is none."""
        while (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                frame = self.sock.recv(65536)
            except TimeoutError:
                return None
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and \
                    frame[38:42] == socket.inet_aton(PEER):
                self.send(craft.ethernet(arp_reply(), craft.ARP))
            elif (segment := packets.tcp_segment(frame)) is not None:
                return segment
            elif (packet := packets.ipv4_packet(frame)) is not None and packet[1][:1] == b"\0":
                return packet[1]
        return None

    def fence(self):
        """What the host sends until it has seen all that was sent so far."""
        found = []
        # A host may answer a ping sooner than the segment before it in the same burst, but not
        # sooner than a segment of the burst before.
        for _ in range(2):
            self.fences += 1
            mark = struct.pack(">I", self.fences)
            self.send(craft.ethernet(craft.ipv4(craft.icmp_echo(mark), craft.ICMP)))
            deadline = time.monotonic() + PATIENCE
            while True:
                answer = self.receive(deadline)
                expect(answer is not None, "the host does not answer pings any more")
                if isinstance(answer, packets.Segment):
                    found.append(answer)
                elif answer[8:12] == mark:
                    break
            time.sleep(SETTLE)
        return found


def arp_reply():
    return struct.pack(">HHBBH", 1, craft.IPV4, 6, 4, 2) + craft.CLIENT_MAC + \
        socket.inet_aton(PEER) + craft.MILLRACE_MAC + socket.inet_aton(HOST)


@contextlib.contextmanager
def millrace_host(lab, *options):
    namespace = lab.namespace("d")
    server = lab.start(lab.millrace, "serve", "--device", "tap:mr0", "--address", f"{HOST}/24",
                       "--mac", craft.MILLRACE_MAC.hex(":"), "--echo", ECHO, "--http", HTTP,
                       "--rto-min", "30s", "--receive-buffer", BUFFER,
                       "--send-buffer", BUFFER, *options, ns=namespace)

    def there():
        expect(server.alive(), "millrace ended on its own")
        return "ready" in server.out() and "mr0" in lab.interfaces(namespace)

    wait_until(there, 10, "the TAP interface appears")
    lab.run("ip", "link", "set", "mr0", "up", ns=namespace)
    wire = Wire(lab, namespace, "mr0")
    with wire.sock:
        wait_until(lambda: greeted(wire), 10, "millrace answers")
        yield wire
    expect(server.alive(), "millrace ended on its own")
    server.stop()
    expect(server.err() == "", f"millrace's stderr: {server.err()}")


@contextlib.contextmanager
def kernel_host(lab):
    host, peer = lab.namespace("h"), lab.namespace("p")
    lab.veth((host, "k0"), (peer, "p0"))
    for words in (["link", "set", "k0", "address", craft.MILLRACE_MAC.hex(":")],
                  ["addr", "add", f"{HOST}/24", "dev", "k0"],
                  ["neigh", "replace", PEER, "lladdr", craft.CLIENT_MAC.hex(":"), "dev", "k0"]):
        lab.run("ip", *words, ns=host)
    with lab.inside(host):
        for name, value in SYSCTLS.items():
            path = pathlib.Path("/proc/sys/net/ipv4") / name
            if path.exists():
                path.write_text(str(value), encoding="ascii")
    wire = Wire(lab, peer, "p0")
    with contextlib.ExitStack() as stack:
        stack.enter_context(wire.sock)
        for port, talk in ((ECHO, echo), (HTTP, http)):
            stack.enter_context(service(lab, host, port, talk))
        wait_until(lambda: greeted(wire), 10, "the kernel answers")
        stack.enter_context(kernel_client(lab, host, wire))
        yield wire


def greeted(wire):
    wire.send(craft.arp_request())
    wire.send(craft.ethernet(craft.ipv4(craft.icmp_echo(b"hello"), craft.ICMP)))
    return wire.receive(time.monotonic() + 0.2) is not None


@contextlib.contextmanager
def kernel_client(lab, namespace, wire):
    """Gives the wire its connect() and refused()."""
    outcome, socks = {}, []

    def connect(port):
        outcome.clear()
        with lab.inside(namespace):
            sock = socket.socket()
        socks.append(sock)

        def run():
            with sock:
                try:
                    sock.connect((PEER, port))
                except OSError as trouble:
                    outcome["trouble"] = trouble

        threading.Thread(target=run, daemon=True).start()

    wire.connect = connect
    wire.refused = lambda: isinstance(outcome.get("trouble"), ConnectionRefusedError)
    yield
    for sock in socks:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def millrace_client(lab, namespace, port):
    """It connects to us as soon as its TAP interface is up."""
    generator = lab.start(lab.millrace, "load", "cps", "--target", f"{PEER}:{port}",
                          "--protocol", "echo", "--count", 1, "--concurrency", 1, "--timeout",
                          "60s", "--device", "tap:mr0", "--address", f"{HOST}/24", "--mac",
                          craft.MILLRACE_MAC.hex(":"), "--rto-min", "30s", "--drain-timeout",
                          "0s", ns=namespace)

    def there():
        expect(generator.alive(), "millrace ended on its own")
        return "mr0" in lab.interfaces(namespace)

    wait_until(there, 10, "the TAP interface appears")
    wire = Wire(lab, namespace, "mr0")
    wire.connect = lambda _: lab.run("ip", "link", "set", "mr0", "up", ns=namespace)
    wire.refused = lambda: not generator.alive() and "(refused)" in generator.err()
    with wire.sock:
        yield wire
    generator.stop()
    wait_until(lambda: "mr0" not in lab.interfaces(namespace), 10, "the TAP interface is gone")


@contextlib.contextmanager
def service(lab, namespace, port, talk):
    with lab.inside(namespace):
        listener = socket.create_server((HOST, port), backlog=64)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # RFC 6093 section 5
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)

    def converse(connection):
        with connection:
            with contextlib.suppress(OSError):  # resets are what the exchanges are about
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                talk(connection)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def echo(connection):
    while piece := connection.recv(65536):
        connection.sendall(piece)


def discard(connection):
    while connection.recv(65536):
        pass


def http(connection):
    heard = b""
    while not heard.endswith(b"\r\n\r\n"):
        piece = connection.recv(65536)
        if not piece:
            return
        heard += piece
    if heard == BAD[0]:
        connection.sendall(BAD[1])
        connection.shutdown(socket.SHUT_WR)
        discard(connection)
    else:
        connection.sendall(GOOD[1])


# ---- one exchange with one host --------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Exchange:
    name: str
    port: int
    lines: tuple
    text: bytes = b""  # with which our stream begins; the pattern is behind it


class Play:
    """An exchange as one host sees it. answers[i] is what came in answer to line i, as lines."""

    def __init__(self, wire, exchange, our_port):
        self.wire = wire
        self.exchange = exchange
        self.our_port = our_port
        self.host_port = exchange.port  # None: it is the host that connects
        self.base = ISN        # of our numbers
        self.their_isn = None  # known from their SYN on
        self.rcv_nxt = None    # what they have acknowledged, absolute
        self.window = 0
        self.shift = 0
        self.stamps = False
        self.ts_now = TS_BASE
        self.ts_recent = 0
        self.pending = []
        self.seen = set()
        self.answers = []

    def run(self):
        for line in self.exchange.lines:
            self.answers.append(self.step(line))
        if self.rcv_nxt is not None:
            self.transmit(craft.RST, self.rcv_nxt, 0, b"", b"")
            self.wire.fence()
        return self.answers

    def step(self, line):
        if line == "fill":
            return self.fill()
        if line == "open":
            return self.open()
        if line == "refused":
            wait_until(self.wire.refused, PATIENCE, "the connection is refused")
            self.rcv_nxt = None  # nothing is left to reset
            return []
        if line.startswith("~"):
            match = WAIT.fullmatch(line)
            expect(match, f"no such line: {line}")
            return self.wait(match)
        match = LINE.fullmatch(line)
        expect(match, f"no such line: {line}")
        self.write(match)
        if match["how"] == "+":
            return []
        return self.shown(self.take(self.wire.fence()), match["flags"] == "SYN")

    # ---- out

    def write(self, match):
        flags = sum(FLAGS[name] for name in match["flags"].split(",") if name != "-")
        begin = int(match["begin"])
        first = begin + bool(flags & craft.SYN)
        payload = self.text(first, int(match["end"])) if match["end"] else b""
        ack = ((self.their_isn or 0) + int(match["ack"] or 0)) % 2**32
        options = self.options(match["options"], flags & craft.SYN and not flags & craft.ACK)
        self.transmit(flags, (self.base + begin) % 2**32, ack, payload, options,
                      int(match["win"] or 65535), int(match["urg"] or 0), bool(match["bad"]))

    def text(self, begin, end):
        text = self.exchange.text
        return text[begin - 1:end - 1] + pattern(max(begin, len(text) + 1), end)

    def options(self, text, syn):
        if text is None:
            text = "ts" if self.stamps else ""
        out = b""
        for word in filter(None, text.split(",")):
            kind, *numbers = word.split()
            if kind == "mss":
                out += struct.pack(">BBH", 2, 4, int(numbers[0]))
            elif kind == "ws":
                out += struct.pack(">BBB", 3, 3, int(numbers[0]))
            elif kind == "sackok":
                out += b"\4\2"
            elif kind == "nop":
                out += b"\1"
            elif kind == "end":
                out += b"\0"
            elif kind == "sack":
                edges = [(self.their_isn + int(number)) % 2**32 for number in numbers]
                out += struct.pack(f">BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges)
            elif kind == "ts":
                self.ts_now += 1
                value = (self.ts_now + int(numbers[0] if numbers else 0)) % 2**32
                out += struct.pack(">BBII", 8, 10, value, 0 if syn else self.ts_recent)
            elif kind == "raw":
                out += bytes.fromhex(numbers[0])
            else:
                raise Failure(f"no such option: {word}")
        return out + bytes(-len(out) % 4)

    def transmit(self, flags, seq, ack, payload, options, window=65535, urgent=0, bad=False):
        offset = 5 + len(options) // 4
        body = struct.pack(">HHIIBBHHH", self.our_port, self.host_port, seq, ack,
                           offset << 4, flags, window, 0, urgent) + options + payload
        pseudo = socket.inet_aton(PEER) + socket.inet_aton(HOST) + \
            struct.pack(">HH", craft.TCP, len(body))
        checksum = (packets.internet_checksum(pseudo + body) + bad) % 65536
        self.wire.send(craft.ethernet(craft.ipv4(
            body[:16] + struct.pack(">H", checksum) + body[18:])))

    # ---- in

    def take(self, segments):
        """Those of this exchange, `pending` first; what is said in them is learned."""
        found = [s for s in segments if s.destination_port == self.our_port
                 and s.source_port == self.host_port]
        for segment in found:
            expect(segment.checksums_right, f"a wrong checksum: {segment}")
            options = packets.option_kinds(segment.options)
            if segment.has("SYN"):
                self.their_isn = segment.seq
                self.stamps = 8 in options
                self.shift = options[3][0] if 3 in options else 0
            if 8 in options:
                self.ts_recent, = struct.unpack_from(">I", options[8])
            if segment.has("ACK") and not segment.has("RST"):
                if self.rcv_nxt is None or self.ahead(segment.ack, self.rcv_nxt) >= 0:
                    self.rcv_nxt = segment.ack
                    self.window = segment.window << (0 if segment.has("SYN") else self.shift)
        found, self.pending = self.pending + found, []
        return found

    @staticmethod
    def ahead(a, b):
        return (a - b + 2**31) % 2**32 - 2**31

    def shown(self, segments, after_syn=False):
        """Lines of segments, less what timers repeat. Only a SYN asks for a SYN-ACK again."""
        lines = []
        for segment in segments:
            repeated = self.repeated(segment)
            if not repeated or segment.has("SYN") and after_syn:
                lines.append(self.line(segment))
        return lines

    def repeated(self, segment):
        """Whether it was here before; what takes no sequence number never was."""
        key = (segment.seq, len(segment.payload), segment.has("FIN"), segment.has("SYN"))
        before = key in self.seen
        if any(key[1:]):
            self.seen.add(key)
        return before

    def theirs(self, number):
        return self.ahead(number, self.their_isn) if self.their_isn is not None else number

    def ours(self, number):
        return self.ahead(number, self.base)

    def line(self, segment):
        reset = segment.has("RST")
        flags = ",".join(name for name, bit in FLAGS.items()
                         if segment.flags & bit and name != "PSH")
        text = f"{flags or '-'} {self.theirs(segment.seq) if segment.seq else 'zero'}"
        if segment.payload:
            text += f"+{len(segment.payload)}"
        if segment.has("ACK"):
            text += f" ack {self.ours(segment.ack)}"
        if segment.window == 0 and not reset:
            text += " win 0"
        options = []
        for kind, data in sorted(packets.option_kinds(segment.options).items()):
            if kind == 2:
                options.append(f"mss {struct.unpack('>H', data)[0]}")
            elif kind == 5:
                edges = struct.unpack(f">{len(data) // 4}I", data)
                options.append("sack " + " ".join(
                    f"{self.ours(edges[i])}:{self.ours(edges[i + 1])}"
                    for i in range(0, len(edges), 2)))
            elif kind == 8:
                ecr, = struct.unpack_from(">I", data, 4)
                options.append(f"ts ecr {self.ahead(ecr, TS_BASE)}" if ecr else "ts")
            else:
                options.append({3: "ws", 4: "sackok"}.get(kind, f"kind {kind}"))
        return text + (f" <{', '.join(options)}>" if options else "")

    # ---- waiting

    def wait(self, match):
        """All that `~` asks for has come. What else came is told."""
        begin, end = (int(match["begin"] or 0), int(match["end"] or 0))
        bytes_heard, fin, extra = {}, False, []
        deadline = time.monotonic() + PATIENCE

        def complete():
            acked = match["ack"] is None or self.rcv_nxt is not None and \
                self.ours(self.rcv_nxt) >= int(match["ack"])
            return acked and len(bytes_heard) == end - begin and fin >= bool(match["fin"])

        while True:
            for segment in self.take([]):
                first = self.theirs(segment.seq)
                inside = {first + i: byte for i, byte in enumerate(segment.payload)
                          if begin <= first + i < end}
                bytes_heard.update(inside)
                fin = fin or segment.has("FIN")
                repeated = self.repeated(segment)
                if not repeated and (segment.has("RST") or segment.has("SYN")
                                     or len(inside) < len(segment.payload)):
                    extra.append(self.line(segment))
            if complete():
                break
            answer = self.wire.receive(deadline)
            if answer is None:
                return [*extra, "not within reason: " + match[0]]
            if isinstance(answer, packets.Segment):
                self.pending = self.take([answer])
        data = bytes(bytes_heard[i] for i in sorted(bytes_heard))
        return [*extra, f"got {match[0][2:]} crc {zlib.crc32(data):08x}"]

    def open(self):
        self.wire.connect(self.our_port)
        deadline = time.monotonic() + PATIENCE
        while (answer := self.wire.receive(deadline)) is not None:
            if isinstance(answer, packets.Segment) and answer.has("SYN") and \
                    answer.destination_port == self.our_port:
                self.host_port = answer.source_port
                return self.shown(self.take([answer]), after_syn=True)
        return ["no SYN"]

    def fill(self):
        begin = self.ours(self.rcv_nxt)
        while self.window > 0:
            wanted = self.rcv_nxt
            room = self.window
            for _ in range(2):  # the second of two large ones is acknowledged at once
                size = min(1400, room)
                if size == 0:
                    break
                self.transmit(craft.ACK, wanted, (self.their_isn + 1) % 2**32,
                              self.text(begin, begin + size), self.options(None, False), window=0)
                wanted = (wanted + size) % 2**32
                room -= size
                begin += size
            deadline = time.monotonic() + PATIENCE
            while self.rcv_nxt != wanted:
                answer = self.wire.receive(deadline)
                if answer is None:
                    return ["not acknowledged: what its window had room for"]
                if isinstance(answer, packets.Segment):
                    self.take([answer])
        self.base = (self.rcv_nxt - REBASE) % 2**32
        self.ts_now = TS_BASE + REBASE
        # From here on both hosts have the same to say.
        self.transmit(craft.ACK, self.rcv_nxt, (self.their_isn + 1) % 2**32, b"",
                      self.options(None, False), window=0)
        return self.shown(self.take(self.wire.fence())) or ["shut"]


def transcript(exchange, answers):
    return "\n".join(f"    {line}" + "".join(f"\n        < {answer}" for answer in step)
                     for line, step in zip(exchange.lines, answers))


@contextlib.contextmanager
def on_one_cpu():
    """What one thread sends from one CPU stays in order."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
