# SPDX-License-Identifier: BSD-3-Clause
"""A network of two: millrace at one end, the Linux kernel at the other, joined by TAP or a veth.

    veth   kernel 10.77.0.2  [k0]========[m0]  af_packet, millrace 10.77.0.1
    tap    kernel 10.77.0.2  [mr0]~~~~~~~~~~~  tap:mr0, millrace 10.77.0.1
"""

import contextlib
import pathlib
import socket
import subprocess

from lab import Skip, expect, expect_equal, wait_until

MILLRACE = "10.77.0.1"
KERNEL = "10.77.0.2"
PREFIX = 24
MILLRACE_V6 = "2001:db8:77::1"
KERNEL_V6 = "2001:db8:77::2"
PREFIX_V6 = 64


class Site:
    """One pair. `kernel` is the kernel's namespace, `interface` its interface there."""

    def __init__(self, lab, device, kernel, interface, millrace):
        self.lab = lab
        self.device = device
        self.kernel = kernel
        self.interface = interface
        self.millrace = millrace
        self.v6_addresses = []  # the kernel's, beside the link-local one

    def speak_ipv6(self, *addresses):
        """The kernel's end has IPv6, and these addresses of it as soon as it is there."""
        with self.lab.inside(self.kernel):
            for scope in ("all", "default", self.interface):
                folder = pathlib.Path("/proc/sys/net/ipv6/conf") / scope
                if not folder.exists():
                    if scope == self.interface:
                        continue  # a TAP is not there before millrace is
                    raise Skip("the kernel has no IPv6")
                (folder / "accept_dad").write_text("0", encoding="ascii")
                (folder / "disable_ipv6").write_text("0", encoding="ascii")
        self.v6_addresses = addresses

    def add_v6_addresses(self):
        for address in self.v6_addresses:
            self.run("ip", "-6", "addr", "add", f"{address}/{PREFIX_V6}", "dev", self.interface,
                     "nodad")

    def command(self, *arguments):
        """The millrace program with its device and address; subcommands come first."""
        return [self.lab.millrace, *arguments, "--device", self.device,
                "--address", f"{MILLRACE}/{PREFIX}"]

    def start(self, *arguments):
        return self.lab.start(*self.command(*arguments), ns=self.millrace)

    @contextlib.contextmanager
    def serve(self, *options):
        """A server, ready. At the end it must stop by itself at once, with nothing to complain."""
        server = self.start("serve", *options)
        self.prepare(server)
        wait_until(lambda: self.answers(server), 10, "millrace answers a ping")
        yield server
        expect(server.told_to_end or server.alive(), "the server ended on its own")
        expect_equal(server.stop(), 0, "the server's exit status")
        expect_equal(server.err(), "", "the server's stderr")

    def prepare(self, server):
        """Brings up the kernel's side as soon as it is there."""

    def answers(self, server):
        expect(server.alive(), "the server ended on its own")
        with self.lab.inside(self.kernel):
            return subprocess.run(["ping", "-c", "1", "-W", "0.2", MILLRACE], timeout=10,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0

    def refuses_datagrams(self, family, address):
        """A datagram from the kernel to us is answered by ICMP: port unreachable."""
        with self.lab.inside(self.kernel):
            datagrams = socket.socket(family, socket.SOCK_DGRAM)
        with datagrams:
            datagrams.settimeout(2)
            datagrams.connect((address, 53))
            datagrams.send(b"anybody?")
            try:
                datagrams.recv(100)
                raise AssertionError("an answer to a datagram")
            except ConnectionRefusedError:
                pass

    def run(self, *argv, **options):
        """A program in the kernel's namespace, to its end."""
        return self.lab.run(*argv, ns=self.kernel, **options)

    def connect(self, port, **options):
        return self.lab.connect(self.kernel, MILLRACE, port, **options)


class VethSite(Site):
    def __init__(self, lab, scheme="af_packet"):
        kernel, millrace = lab.namespace("k"), lab.namespace("m")
        lab.veth((kernel, "k0"), (millrace, "m0"))
        lab.run("ip", "addr", "add", f"{KERNEL}/{PREFIX}", "dev", "k0", ns=kernel)
        super().__init__(lab, f"{scheme}:m0", kernel, "k0", millrace)

    def speak_ipv6(self, *addresses):
        super().speak_ipv6(*addresses)
        self.add_v6_addresses()


class TapSite(Site):
    def __init__(self, lab):
        namespace = lab.namespace("t")
        super().__init__(lab, "tap:mr0", namespace, "mr0", namespace)

    def prepare(self, server):
        def there():
            expect(server.alive(), "the server ended on its own")
            return self.interface in self.lab.interfaces(self.kernel)

        wait_until(there, 10, "the TAP interface appears")
        for words in (["addr", "add", f"{KERNEL}/{PREFIX}", "dev", self.interface],
                      ["link", "set", self.interface, "up"]):
            self.run("ip", *words)
        self.add_v6_addresses()


# By the name that cases carry.
SITES = {"af_packet": VethSite, "tap": TapSite}
