# SPDX-License-Identifier: BSD-3-Clause
"""Handshakes and teardowns on the wire, segment by segment, and the states they leave."""

import re
import socket
import struct
import time

import packets
from case import Cases
from lab import expect, expect_equal, need_tools, wait_until
from sites import KERNEL, MILLRACE, SITES, VethSite

CASES = Cases()
ECHO, HTTP, DISCARD = 7, 80, 9
PAUSE = 0.3  # longer than any delayed acknowledgement, so that nothing rides on anything


def kernel_states(site, port):
    """The states that the kernel has towards a port of millrace: ["TIME-WAIT"]."""
    need_tools("ss")
    output = site.run("ss", "-tanH").out()
    return [line.split()[0] for line in output.splitlines()
            if re.search(rf"\b{re.escape(MILLRACE)}:{port}\b", line)]


def kernel_side(site, port):
    """The states of the kernel's connections at a port of its own."""
    need_tools("ss")
    output = site.run("ss", "-tanH").out()
    return [line.split()[0] for line in output.splitlines()
            if line.split()[0] != "LISTEN" and re.search(rf"\b{re.escape(KERNEL)}:{port}\b", line)]


def read_to_end(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def recorded(site, conversation, *services):
    """Lines and segments of one connection; conversation(sock) speaks over it and closes it."""
    with site.serve(*services):
        with packets.capture(site.lab, site.kernel, site.interface) as path:
            port = conversation()
    found = packets.segments(path)
    wrong = [s for s in found if s.source == MILLRACE and not s.checksums_right]
    expect_equal(len(wrong), 0, "segments from millrace with a wrong checksum")
    return packets.exchange(found, port), found


def active_close_by_client(lab, kind):
    site = SITES[kind](lab)

    def conversation():
        sock = site.connect(ECHO)
        port = sock.getsockname()[1]
        time.sleep(PAUSE)
        expect_equal(kernel_states(site, ECHO), ["ESTAB"], "the kernel's state after connect")
        sock.close()
        time.sleep(PAUSE)
        expect_equal(kernel_states(site, ECHO), ["TIME-WAIT"], "the active closer's state")
        return port

    lines, _ = recorded(site, conversation, "--echo", ECHO)
    expect_equal(lines[:3], ["> SYN 0", "< SYN,ACK 0 ack 1", "> ACK 1 ack 1"], "the handshake")
    # An echo server has nothing left to say: in the turn that brings the FIN it closes, too, and
    # what a turn decides leaves together, the ACK on the FIN.
    expect_equal(lines[3:], ["> FIN,ACK 1 ack 1", "< FIN,ACK 1 ack 2", "> ACK 2 ack 2"],
                 "the teardown")


def active_close_by_server(lab, kind):
    site = SITES[kind](lab)
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = b""

    def conversation():
        nonlocal answer
        sock = site.connect(HTTP)
        port = sock.getsockname()[1]
        sock.sendall(request)
        answer = read_to_end(sock)
        time.sleep(PAUSE)
        expect_equal(kernel_states(site, HTTP), ["CLOSE-WAIT"], "the passive closer's state")
        sock.close()
        time.sleep(PAUSE)
        expect_equal(kernel_states(site, HTTP), [], "what is left on the passive closer's side")
        return port

    lines, _ = recorded(site, conversation, "--http", HTTP, "--body-size", "100")
    asked, told = len(request), len(answer)
    begin = ["> SYN 0", "< SYN,ACK 0 ack 1", "> ACK 1 ack 1", f"> ACK 1+{asked} ack 1"]
    expect_equal(lines[:4], begin, "handshake and request")
    # The FIN goes with the response or behind it; whichever, it is acknowledged before the client
    # closes, and its number is that behind the last byte.
    fin = 1 + told
    end = [f"> ACK {1 + asked} ack {fin + 1}", f"> FIN,ACK {1 + asked} ack {fin + 1}",
           f"< ACK {fin + 1} ack {2 + asked}"]
    expect_equal(lines[-3:], end, "the end")
    with_response = [f"< FIN,ACK 1+{told} ack {1 + asked}"]
    middle = [line for line in lines[4:-3] if line.startswith("<") and "+" in line or "FIN" in line]
    behind = [f"< ACK 1+{told} ack {1 + asked}", f"< FIN,ACK {fin} ack {1 + asked}"]
    expect(middle in (with_response, behind), f"response and FIN are {middle}")


def half_close_while_data_wait(lab, kind):
    """FIN, ACK, data, FIN, ACK: the FIN is acknowledged at once though ours must wait for data."""
    site = SITES[kind](lab)
    sent = bytes(range(256)) * 4096

    def conversation():
        # A receiver that does not read, with a small buffer: the echo cannot leave.
        sock = site.connect(ECHO, prepare=lambda s: s.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 8192))
        port = sock.getsockname()[1]
        total = 0
        sock.settimeout(0.5)
        try:
            while total < len(sent):
                total += sock.send(sent[total:total + 4096])
        except TimeoutError:
            pass  # both directions are full
        # Room on the way to the server, so that the FIN itself can leave.
        sock.settimeout(5)
        got = b""
        while len(got) < total // 2:
            got += sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
        time.sleep(PAUSE)
        got += read_to_end(sock)
        expect(got == sent[:total], "the echo is not what was sent")
        sock.close()
        time.sleep(PAUSE)
        return port

    lines, found = recorded(site, conversation, "--echo", ECHO)
    fins = [index for index, line in enumerate(lines) if "FIN" in line]
    expect(len(fins) >= 2 and lines[fins[0]].startswith(">"), f"the FINs: {lines[-12:]}")
    client_fin = [int(word) for word in re.findall(r"\d+", lines[fins[0]])]
    behind = client_fin[0] + (client_fin[1] if "+" in lines[fins[0]] else 0) + 1
    acknowledged = next((index for index, line in enumerate(lines)
                         if line.startswith("<") and line.endswith(f" ack {behind}")), None)
    expect(acknowledged is not None, "the client's FIN is never acknowledged")
    server_fin = next(index for index in fins if lines[index].startswith("<"))
    expect(server_fin > acknowledged, "the FIN was acknowledged only by the server's own")
    expect_equal([s.flags & 4 for s in found if s.flags & 4], [], "resets")


def handshake_options(lab, kind):
    site = SITES[kind](lab)

    def conversation():
        sock = site.connect(ECHO)
        port = sock.getsockname()[1]
        time.sleep(PAUSE)
        sock.close()
        time.sleep(PAUSE)
        return port

    _, found = recorded(site, conversation, "--echo", ECHO)
    syn_ack = next(s for s in found if s.has("SYN") and s.has("ACK"))
    options = packets.option_kinds(syn_ack.options)
    expect_equal(options.get(2), struct.pack(">H", 1460), "the MSS option of the SYN-ACK")
    expect(3 in options and 8 in options, f"window scale and timestamps are missing: {options}")
    for segment in found:
        if segment.has("SYN") or segment.has("RST"):
            continue
        expect(8 in packets.option_kinds(segment.options), "a segment without timestamps")


def reset_of_a_closed_port(lab, kind):
    site = SITES[kind](lab)
    port = 45678

    def conversation():
        try:
            site.connect(99, bind=(KERNEL, port))
        except ConnectionRefusedError:
            return port
        raise AssertionError("port 99 accepted a connection")

    with site.serve("--echo", ECHO):
        with packets.capture(lab, site.kernel, site.interface) as path:
            conversation()
    mine = [s for s in packets.segments(path) if port in (s.source_port, s.destination_port)]
    expect_equal(len(mine), 2, "segments")
    syn, reset = mine
    # RFC 9293 section 3.10.7.1: no ACK came, so the RST has sequence number 0 and acknowledges.
    expect_equal((reset.has("RST"), reset.has("ACK"), reset.seq, reset.ack),
                 (True, True, 0, (syn.seq + 1) % 2**32), "the reset")


def reuse_of_a_waiting_port(lab):
    """A SYN with a newer timestamp takes over a connection in TIME-WAIT (RFC 6191)."""
    site = VethSite(lab)
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with site.serve("--http", HTTP, "--body-size", "100"):
        for _ in range(5):
            # millrace closes first, so it waits; the kernel's side forgets at once.
            sock = site.connect(HTTP, bind=(KERNEL, 45679), seconds=2)
            sock.sendall(request)
            expect(read_to_end(sock).startswith(b"HTTP/1.1 200 "), "the response")
            sock.close()
            wait_until(lambda: not kernel_states(site, HTTP), 3, "the kernel's side is gone")


def abort_by_client(lab, kind):
    site = SITES[kind](lab)

    def conversation():
        sock = site.connect(ECHO)
        port = sock.getsockname()[1]
        time.sleep(PAUSE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        time.sleep(PAUSE)
        return port

    lines, _ = recorded(site, conversation, "--echo", ECHO)
    expect_equal(lines[3:], ["> RST,ACK 1 ack 1"], "nothing answers a reset")


def generated_connection(lab, closes, talk):
    """Lines of one connection that `load cps` opens; talk(connection) is the server's part."""
    site = VethSite(lab)
    with lab.inside(site.kernel):
        listener = socket.create_server((KERNEL, ECHO))
    with listener, packets.capture(lab, site.kernel, site.interface) as path:
        listener.settimeout(10)
        generator = site.start("load", "cps", "--target", f"{KERNEL}:{ECHO}", "--protocol", "echo",
                               "--count", 1, "--concurrency", 1, "--close", closes, "--quiet")
        # A first connection finds out whether the target answers; the second is the counted one.
        while True:
            connection, peer = listener.accept()
            connection.settimeout(5)
            with connection:
                if talk(site, connection):
                    break
        expect_equal(generator.wait(10), 0, "the generator's exit status")
        expect_equal(generator.err(), "", "the generator's stderr")
    return packets.exchange(packets.segments(path), peer[1])


@CASES.case("af_packet: millrace as client closes first: FIN, ACK, FIN, ACK, and it waits")
def generator_closes_first(lab):
    def talk(site, connection):
        request = connection.recv(1000)
        if not request:
            return False
        connection.sendall(request)
        expect_equal(connection.recv(1000), b"", "what follows the request")
        time.sleep(PAUSE)
        expect_equal(kernel_side(site, ECHO), ["CLOSE-WAIT"], "the passive closer's state")
        connection.close()
        time.sleep(PAUSE)
        expect_equal(kernel_side(site, ECHO), [], "what is left on the passive closer's side")
        return True

    lines = generated_connection(lab, "client", talk)
    expect_equal(lines[:2], ["> SYN 0", "< SYN,ACK 0 ack 1"], "the handshake")
    expect(lines[2] in ("> ACK 1 ack 1", "> ACK 1+64 ack 1"), f"the handshake's end: {lines[2]}")
    expect_equal(lines[-4:], ["> FIN,ACK 65 ack 65", "< ACK 65 ack 66", "< FIN,ACK 65 ack 66",
                              "> ACK 66 ack 66"], "the teardown")


@CASES.case("af_packet: millrace as client closes last: FIN, FIN-ACK, ACK, and the kernel waits")
def generator_closes_last(lab):
    def talk(site, connection):
        request = connection.recv(1000)
        if not request:
            return False
        connection.sendall(request)
        time.sleep(PAUSE)
        connection.close()
        time.sleep(PAUSE)
        expect_equal(kernel_side(site, ECHO), ["TIME-WAIT"], "the active closer's state")
        return True

    lines = generated_connection(lab, "server", talk)
    expect_equal(lines[-3:], ["< FIN,ACK 65 ack 65", "> FIN,ACK 65 ack 66", "< ACK 66 ack 66"],
                 "the teardown")


for wire in SITES:
    for title, function in (
            ("SYN, SYN-ACK, ACK; FIN, FIN-ACK, ACK; TIME-WAIT at the client that closes first",
             active_close_by_client),
            ("FIN, ACK, FIN, ACK when the server closes first, and the client is free at once",
             active_close_by_server),
            ("a half-closed connection is acknowledged at once and still gets its data",
             half_close_while_data_wait),
            ("the SYN-ACK offers MSS, window scale and timestamps", handshake_options),
            ("a closed port answers with the reset of the RFC", reset_of_a_closed_port),
            ("a reset is answered with silence", abort_by_client)):
        CASES.add(f"{wire}: {title}", lambda lab, f=function, w=wire: f(lab, w))
CASES.add("af_packet: a port in TIME-WAIT is reused by a new connection", reuse_of_a_waiting_port)
