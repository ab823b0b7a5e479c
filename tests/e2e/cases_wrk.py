# SPDX-License-Identifier: BSD-3-Clause
"""Rates of the load generator beside those of wrk, against the same nginx, over the same veth, one
after the other in the same run, with the CPU seconds that each took. Printed, not judged: what a
machine gives depends on what else runs there."""

import re
import resource

from case import Cases
from cases_load import NGINX_BODY_BYTES, PORT, TARGET, failures, nginx, report_of
from cases_wires import af_xdp_site
from lab import expect, expect_equal, need_tools
from sites import VethSite

CASES = Cases()
SECONDS = 3
CONNECTIONS = 64


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have been waited for
    return used.ru_utime + used.ru_stime


def with_wrk(site):
    site.lab.run("ip", "addr", "add", "10.77.0.3/24", "dev", "m0", ns=site.millrace)
    before = cpu_seconds()
    wrk = site.lab.run("wrk", "-t", 1, "-c", CONNECTIONS, "-d", f"{SECONDS}s", f"http://{TARGET}/",
                       ns=site.millrace, seconds=30)
    used = cpu_seconds() - before
    site.lab.run("ip", "addr", "del", "10.77.0.3/24", "dev", "m0", ns=site.millrace)
    expect("Socket errors" not in wrk.out(), f"wrk: {wrk.out()}")
    return float(re.search(r"Requests/sec:\s*([0-9.]+)", wrk.out())[1]), used


def with_millrace(site, *options):
    before = cpu_seconds()
    generator = site.start("load", "rps", "--target", TARGET, "--json", "--duration",
                           f"{SECONDS}s", "--concurrency", CONNECTIONS, "--response-size",
                           NGINX_BODY_BYTES, *options)
    site.prepare(generator)
    expect_equal(generator.wait(30), 0, "the generator's exit status")
    report = report_of(generator)
    expect_equal(failures(report), 0, "failed connections")
    return report["requests"]["per_second"], cpu_seconds() - before


def beside_wrk(lab, scheme):
    need_tools("wrk", "nginx")
    site = af_xdp_site(lab) if scheme == "af_xdp" else VethSite(lab)
    nginx(site)
    rows = {"wrk": with_wrk(site),
            "millrace": with_millrace(site),
            "millrace --idle sleep": with_millrace(site, "--idle", "sleep")}
    for name, (rate, used) in rows.items():
        print(f"    {scheme:<10} {name:<22} {rate:>10,.0f} requests/s  {used:5.2f} CPU s  "
              f"{rate * SECONDS / used:>10,.0f} requests per CPU s", flush=True)
        expect(rate > 0 and used > 0, f"{name} did something")


for wire in ("af_packet", "af_xdp"):
    CASES.add(f"{wire}: requests per second of nginx at port {PORT}, beside wrk",
              lambda lab, w=wire: beside_wrk(lab, w), full=True)
