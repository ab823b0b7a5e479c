# SPDX-License-Identifier: BSD-3-Clause
"""What peers see when a server dies: `serve --reaper`."""

import contextlib
import os
import pathlib
import signal

from case import Cases
from lab import RUNTIME_FOLDERS, expect, expect_equal, wait_until
from sites import VethSite

CASES = Cases()
ECHO = 7
COUNT = 40


def echoed(sock, text):
    sock.sendall(text)
    answer = b""
    while len(answer) < len(text):
        answer += sock.recv(len(text) - len(answer))
    expect_equal(answer, text, "what came back")


def start(lab, site, *options):
    """(the process that stands by, the pid of the one that serves, the file that says it)"""
    ready = lab.folder / "ready"
    server = site.start("serve", "--echo", ECHO, "--reaper", "--ready-file", ready, *options)
    wait_until(ready.exists, 20, "the server is ready")
    wait_until(lambda: site.answers(server), 10, "millrace answers a ping")
    pid = int(ready.read_text())
    expect(pid != server.pid, "the server is a process of its own")
    return server, pid, ready


@CASES.case("reaper: connections of a server that was killed are reset at once, by two workers")
def killed(lab):
    site = VethSite(lab)
    server, pid, ready = start(lab, site, "--lcores", 2)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(site.connect(ECHO, seconds=10)) for _ in range(COUNT)]
        for number, sock in enumerate(socks):
            if number % 2 == 0:
                echoed(sock, b"x" * (1 + 977 * number))
        # One is in the middle of its text, one has closed its half.
        socks[1].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                socks[1].send(bytes(100_000))
        socks[1].settimeout(10)
        os.kill(pid, signal.SIGKILL)
        for sock in socks:
            try:
                while sock.recv(1_000_000):
                    pass
                raise AssertionError("closed, and not reset")
            except ConnectionResetError:
                pass
    expect_equal(server.wait(20), 128 + signal.SIGKILL, "the status")
    expect(f"process {pid} died by signal 9 (Killed), {COUNT} connections were open, {COUNT} were "
           "reset" in server.err(), server.err())
    expect(not ready.exists(), "the ready file is gone")
    for folder in RUNTIME_FOLDERS:
        expect(not (pathlib.Path(folder) / f"millrace-{pid}").exists(), f"{folder} is tidy")


@CASES.case("reaper: a server without connections that was killed says so")
def killed_idle(lab):
    server, pid, _ = start(lab, VethSite(lab))
    os.kill(pid, signal.SIGKILL)
    expect_equal(server.wait(10), 128 + signal.SIGKILL, "the status")
    expect("0 connections were open" in server.err(), server.err())


@CASES.case("reaper: who asks the process that stands by for an end gets the server's")
def asked_to_end(lab):
    site = VethSite(lab)
    server, _, ready = start(lab, site)
    with site.connect(ECHO) as sock:
        echoed(sock, b"hello")
    expect_equal(server.stop(), 0, "the status")
    expect_equal(server.err(), "", "stderr")
    expect("served for" in server.out(), server.out())
    expect(not ready.exists(), "the ready file is gone")
