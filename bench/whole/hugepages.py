# SPDX-License-Identifier: BSD-3-Clause
"""2-MiB pages for the time of a run. With ordinary pages the same build reaches now all of a rate
and now half of it, by which physical pages the kernel happens to give."""

import contextlib
import os
import pathlib
import re

RESERVED = pathlib.Path("/proc/sys/vm/nr_hugepages")
MEMINFO = pathlib.Path("/proc/meminfo")
WANTED = 700  # 1.4 GiB: two processes and a large table


def told(name):
    found = re.search(rf"^{name}:\s+(\d+)", MEMINFO.read_text(encoding="ascii"), re.MULTILINE)
    return int(found.group(1)) if found else 0


@contextlib.contextmanager
def reserved():
    """Yields what memory the rows run on, in words; what was reserved before is restored."""
    if told("Hugepagesize") != 2048:
        yield "ordinary pages: the kernel has none of 2 MiB"
        return
    if told("HugePages_Free") >= WANTED:
        yield "2-MiB pages, reserved before"
        return
    if os.geteuid() != 0:
        yield "ordinary pages, whose rates vary: only root may reserve others"
        return
    before = RESERVED.read_text(encoding="ascii")
    try:
        RESERVED.write_text(f"{int(before) + WANTED}\n", encoding="ascii")
        got = told("HugePages_Free")
        yield ("2-MiB pages, reserved for this run" if got >= WANTED else
               f"ordinary pages, whose rates vary: {got} of {WANTED} pages of 2 MiB could be had")
    finally:
        RESERVED.write_text(before, encoding="ascii")
