# SPDX-License-Identifier: BSD-3-Clause
"""millrace and the kernel over a bad wire: everything still arrives, whole and in time."""

import random

from bad_wire import BadWireSite, Faults
from case import Cases
from cases_kernel import ECHO, HTTP, URL, body, curl, digest, file_digest
from lab import expect_equal, need_tools
from sites import MILLRACE

CASES = Cases()


def download_and_upload(lab, faults):
    need_tools("nc")
    site = BadWireSite(lab, faults)
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
        ("that loses 1 % of the frames", Faults(loss=0.01)),
        ("that overtakes 2 % of the frames", Faults(delay=0.02)),
        ("that doubles 5 % of the frames", Faults(double=0.05)),
        ("that spoils 1 % of the frames", Faults(spoil=0.01)),
        ("that does all of it", Faults(loss=0.01, delay=0.01, double=0.01, spoil=0.005))):
    CASES.add(f"bad wire: transfers arrive whole over one {title}",
              lambda lab, f=faults: download_and_upload(lab, f), seconds=90)
