# SPDX-License-Identifier: BSD-3-Clause
"""millrace and the kernel with a bad wire between them, which loses, doubles, delays and spoils.

    veth   kernel 10.77.0.2  [k0]====[w0] impair [w1]====[m0]  af_packet, millrace 10.77.0.1
    tap    kernel 10.77.0.2  [k0]====[w0] impair [mr0]~~~~~~~  tap:mr0, millrace 10.77.0.1

What it does to which frame follows from a seed, see tests/wire/impair.cc.
"""

import contextlib
import dataclasses
import json
import os
import pathlib

from lab import Skip, expect, expect_equal, wait_until
from sites import KERNEL, PREFIX, Site

SEED = 20260201


@dataclasses.dataclass(frozen=True)
class Faults:
    """Probabilities for each frame. Losses come `burst` frames at a time on average."""
    loss: float = 0
    burst: float = 1
    double: float = 0
    delay: float = 0
    spoil: float = 0

    def arguments(self):
        return [word for field in dataclasses.fields(self)
                for word in (f"--{field.name}", getattr(self, field.name))]


class BadWireSite(Site):
    """`kind` is af_packet or tap. The wire has a namespace of its own, where a TAP lives, too."""

    def __init__(self, lab, faults, kind="af_packet"):
        self.faults = faults
        self.program = lab.build / "tests" / "wire" / "impair"
        if not os.access(self.program, os.X_OK):
            raise Skip(f"{self.program} is not built: configure with -Dtests=true")
        self.wire = lab.namespace("w")
        kernel = lab.namespace("k")
        self.offload_free(lab, (kernel, "k0"), (self.wire, "w0"))
        lab.run("ip", "addr", "add", f"{KERNEL}/{PREFIX}", "dev", "k0", ns=kernel)
        if kind == "tap":
            self.far_end = "mr0"
            super().__init__(lab, "tap:mr0", kernel, "k0", self.wire)
        else:
            self.far_end = "w1"
            millrace = lab.namespace("m")
            self.offload_free(lab, (self.wire, "w1"), (millrace, "m0"))
            super().__init__(lab, "af_packet:m0", kernel, "k0", millrace)
            self.begin()

    @staticmethod
    def offload_free(lab, first, second):
        """A pair on which frames are what a wire would carry, never several in one."""
        lab.veth(first, second)
        for namespace, interface in (first, second):
            lab.run("ethtool", "-K", interface, "tso", "off", "gro", "off", ns=namespace)

    def begin(self):
        self.impair = self.lab.start(self.program, "w0", self.far_end, "--seed", SEED,
                                     *self.faults.arguments(), ns=self.wire)
        wait_until(lambda: "ready" in self.impair.out() or not self.impair.alive(), 10,
                   "the wire is there")
        expect(self.impair.alive(), f"the wire ended: {self.impair.err()}")

    def prepare(self, server):
        if self.far_end != "mr0":
            return

        def there():
            expect(server.alive(), "millrace ended on its own")
            return self.far_end in self.lab.interfaces(self.millrace)

        wait_until(there, 10, "the TAP interface appears")
        self.lab.run("ip", "link", "set", self.far_end, "up", ns=self.millrace)
        self.begin()

    def finish(self):
        """Ends the wire; {"first_to_second": counts, ...}. Its faults must have happened."""
        expect_equal(self.impair.stop(), 0, "the wire's exit status")
        report = json.loads(self.impair.out().splitlines()[-1])
        total = {name: sum(way[name] for way in report.values())
                 for name in next(iter(report.values()))}
        expect_equal(total["oversize"], 0, f"frames longer than the wire's MTU in {report}")
        for name, count in (("loss", "lost"), ("double", "doubled"), ("delay", "delayed"),
                            ("spoil", "spoilt")):
            share = getattr(self.faults, name)
            # Of a short case none may have met its fate.
            if share * total["in"] >= 10:
                expect(total[count] > 0, f"the wire {count} nothing: {report}")

    @contextlib.contextmanager
    def serve(self, *options):
        with super().serve(*options) as server:
            yield server
        self.finish()  # after the server, whose last segments may still be on their way

    def sysctl(self, name, value):
        """Sets net.ipv4.NAME on the kernel's side only."""
        with self.lab.inside(self.kernel):
            path = pathlib.Path("/proc/sys/net/ipv4") / name
            if not path.exists():
                raise Skip(f"this kernel has no net.ipv4.{name}")
            path.write_text(str(value), encoding="ascii")
