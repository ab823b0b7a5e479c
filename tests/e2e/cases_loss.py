# SPDX-License-Identifier: BSD-3-Clause
"""millrace and the kernel over a bad wire: everything still arrives, whole and in time."""

import pathlib
import random
import sys

from case import Cases
from cases_kernel import ECHO, HTTP, URL, body, curl, digest, file_digest
from lab import expect_equal, need_tools, wait_until
from sites import KERNEL, MILLRACE, PREFIX, Site

CASES = Cases()
WIRE = pathlib.Path(__file__).with_name("lossy_wire.py")


class BadWireSite(Site):
    """kernel [k0]====[w0] lossy_wire [w1]====[m0] af_packet, millrace"""

    def __init__(self, lab, *faults):
        kernel, wire, millrace = (lab.namespace(label) for label in "kwm")
        lab.veth((kernel, "k0"), (wire, "w0"))
        lab.veth((wire, "w1"), (millrace, "m0"))
        lab.run("ip", "addr", "add", f"{KERNEL}/{PREFIX}", "dev", "k0", ns=kernel)
        process = lab.start(sys.executable, WIRE, "w0", "w1", "--seed", 1, *faults, ns=wire)
        wait_until(lambda: "ready" in process.out(), 10, "the wire is there")
        super().__init__(lab, "af_packet:m0", kernel, "k0", millrace)


def download_and_upload(lab, *faults):
    need_tools("nc")
    site = BadWireSite(lab, *faults)
    with site.serve("--http", HTTP, "--echo", ECHO):
        target = lab.folder / "body"
        for length in (1, 20_000, 2_000_000):
            output = curl(site, "-o", target, "-w", "%{http_code} %{size_download}",
                          f"{URL}/bytes/{length}").out()
            expect_equal(output, f"200 {length}", f"curl of {length} bytes")
            expect_equal(file_digest(target), digest(body(length)), f"checksum of {length} bytes")
        upload = lab.folder / "upload"
        upload.write_bytes(random.Random(1).randbytes(500_000))
        nc = site.run("nc", "-N", MILLRACE, ECHO, stdin=upload, seconds=30)
        expect_equal(file_digest(nc.out_path), file_digest(upload), "the echo")


for title, faults in (
        ("that loses 1 % of the frames", ("--loss", 0.01)),
        ("that overtakes 2 % of the frames", ("--delay", 0.02)),
        ("that doubles 5 % of the frames", ("--double", 0.05)),
        ("that spoils 1 % of the frames", ("--spoil", 0.01)),
        ("that does all of it", ("--loss", 0.01, "--delay", 0.01, "--double", 0.01,
                                 "--spoil", 0.005))):
    CASES.add(f"bad wire: transfers arrive whole over one {title}",
              lambda lab, f=faults: download_and_upload(lab, *f), seconds=90)
