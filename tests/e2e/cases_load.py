# SPDX-License-Identifier: BSD-3-Clause
"""millrace as a client of the kernel: the load generator against nginx, and against nothing."""

import json
import pathlib
import time

from case import Cases
from lab import expect, expect_equal, need_tools, wait_until
from sites import KERNEL, SITES, VethSite

CASES = Cases()
PORT = 8080
TARGET = f"{KERNEL}:{PORT}"
NGINX_BODY_BYTES = 100

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen {listen} backlog=4096;
    location / {{ return 200 "{body}"; }}
    location /big {{ root {folder}; }}
  }}
}}
"""


def nginx(site, listen=PORT):
    """An nginx of our own on the kernel's side, which may not have its address yet."""
    need_tools("nginx")
    folder = site.lab.folder
    (folder / "big").write_bytes(bytes(1_000_000))
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, listen=listen, body="x" * NGINX_BODY_BYTES),
                    encoding="ascii")
    server = site.lab.start("nginx", "-p", folder, "-c", path, "-e", folder / "nginx.log",
                            ns=site.kernel)

    def answers():
        expect(server.alive(), "nginx ended on its own")
        try:
            site.lab.connect(site.kernel, "127.0.0.1", PORT).close()
            return True
        except OSError:
            return False

    wait_until(answers, 10, "nginx listens")
    return server


def load(site, mode, *options, target=TARGET, status=0, seconds=30):
    """Runs the load generator; the report that it printed as JSON."""
    generator = site.start("load", mode, "--target", target, "--json", *options)
    site.prepare(generator)
    expect_equal(generator.wait(seconds), status, "the generator's exit status")
    expect_equal(generator.err(), "", "the generator's stderr")
    return report_of(generator)


def report_of(generator):
    try:
        return json.loads(generator.out())
    except ValueError:
        raise AssertionError(f"no JSON report: {generator.out()[:200]!r}") from None


def failures(report):
    return report["connections"]["failed"]


def connections_per_second(lab, kind):
    site = SITES[kind](lab)
    nginx(site)
    report = load(site, "cps", "--duration", "2s", "--concurrency", "32")
    expect_equal(failures(report), 0, "failed connections")
    expect(report["connections"]["completed"] > 500, f"connections: {report['connections']}")


def requests_per_second(lab, kind):
    site = SITES[kind](lab)
    nginx(site)
    report = load(site, "rps", "--duration", "2s", "--concurrency", "32")
    expect_equal(failures(report), 0, "failed connections")
    expect(report["requests"]["completed"] > 1000, f"requests: {report['requests']}")


def large_responses(lab):
    site = VethSite(lab)
    nginx(site)
    report = load(site, "rps", "--duration", "2s", "--concurrency", "4", "--path", "/big",
                  "--response-size", "1000000")
    expect_equal(failures(report), 0, "failed connections")


@CASES.case("af_packet: load at a rate keeps to it, and accounts for every arrival")
def open_loop(lab):
    site = VethSite(lab)
    nginx(site)
    for mode in ("cps", "rps"):
        report = load(site, mode, "--duration", "2s", "--concurrency", "64", "--rate", "500")
        expect_equal(failures(report), 0, f"failed connections of {mode}")
        expect_equal(set(report["unexplained"].values()), {0}, "what nothing explains")
        expect(900 <= report["arrivals"]["scheduled"] <= 1100, f"arrivals: {report['arrivals']}")
        expect(report["latency_us"]["from_schedule"]["count"] > 800, "latencies from the schedule")


@CASES.case("af_packet: each way to end a connection works against nginx")
def every_close(lab):
    site = VethSite(lab)
    nginx(site)
    for closes in ("client", "server", "reset"):
        report = load(site, "cps", "--count", "200", "--concurrency", "8", "--close", closes)
        expect_equal((failures(report), report["connections"]["completed"]), (0, 200),
                     f"failed and completed with --close {closes}")


@CASES.case("af_packet: SIGTERM in the middle of a load ends it cleanly")
def stopped_in_mid_load(lab):
    site = VethSite(lab)
    nginx(site)
    generator = site.start("load", "cps", "--target", TARGET, "--json", "--duration", "60s",
                           "--concurrency", "32")
    time.sleep(1.5)
    expect_equal(generator.stop(5), 0, "the generator's exit status")
    expect_equal(generator.err(), "", "the generator's stderr")
    report = report_of(generator)
    expect_equal(failures(report), 0, "failed connections")
    expect(report["connections"]["completed"] > 0, f"connections: {report['connections']}")
    wait_until(lambda: "ESTAB" not in site.run("ss", "-tanH", "sport", PORT).out(), 2,
               "no connection is left open at nginx")


@CASES.case("af_packet: why a target cannot be reached is told apart")
def nobody_there(lab):
    site = VethSite(lab)
    with lab.inside(site.kernel):
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    site.run("ip", "route", "add", "unreachable", "10.98.0.0/24")
    site.run("ip", "route", "add", "blackhole", "10.99.0.0/24")
    for target, reason, timeout in ((f"{KERNEL}:9", "refused", "1s"),
                                    ("10.77.0.99:80", "neighbor-unreachable", "5s"),
                                    ("10.98.0.1:80", "unreachable", "1s"),
                                    ("10.99.0.1:80", "connect-timeout", "1s")):
        generator = lab.run(*site.command("load", "cps", "--target", target, "--gateway", KERNEL,
                                          "--duration", "1s", "--timeout", timeout, "--json"),
                            ns=site.millrace, status=1, seconds=20)
        lines = generator.err().splitlines()
        expect(len(lines) == 1 and target in lines[0] and f"({reason})" in lines[0],
               f"{target}, {reason}: {generator.err()!r}")


@CASES.case("af_packet: SYNs to Linux are answered by kind, and nothing stays behind")
def syn_flood(lab):
    site = VethSite(lab)
    nginx(site)
    report = load(site, "syn", "--rate", "1000", "--count", "500", "--reset")
    answers = report["answers"]
    expect_equal((report["syns"]["sent"], answers["syn_ack"], answers["rst"], answers["none"]),
                 (500, 500, 0, 0), "SYNs, SYN-ACKs, RSTs, unanswered")
    wait_until(lambda: "SYN-RECV" not in site.run("ss", "-tanH", "sport", PORT).out(), 2,
               "the kernel forgets what was reset")
    generator = lab.run(*site.command("load", "syn", "--target", f"{KERNEL}:9", "--json",
                                      "--rate", "1000", "--count", "100"), ns=site.millrace)
    answers = report_of(generator)["answers"]
    expect_equal((answers["syn_ack"], answers["rst"]), (0, 100), "answers of a closed port")


@CASES.case("af_packet: Linux serves honest clients beside half-open connections, which it keeps")
def half_open(lab):
    site = VethSite(lab)
    nginx(site)
    generator = site.start("load", "half-open", "--target", TARGET, "--json", "--duration", "3s",
                           "--source", "10.77.0.128/28", "--half-open", "100", "--rate", "200")
    wait_until(lambda: site.run("ss", "-tanH", "sport", PORT).out().count("SYN-RECV") == 100, 3,
               "Linux holds them half-open")
    expect_equal(generator.wait(20), 0, "the generator's exit status")
    report = report_of(generator)
    expect_equal((report["half_open"]["syn_ack"], failures(report)), (100, 0),
                 "half-open, and failed clients")
    expect(report["connections"]["completed"] > 550, f"clients: {report['connections']}")


@CASES.case("af_packet: held connections stay open at Linux, and are closed at their rate")
def held(lab):
    site = VethSite(lab)
    nginx(site)
    report = load(site, "cc", "--concurrency", "200", "--every", "100ms", "--churn", "50",
                  "--duration", "2s")
    expect_equal((failures(report), report["held"]["open"]), (0, 200), "failed, and held")
    expect(report["requests"]["completed"] > 3000, f"requests: {report['requests']}")
    generator = site.start("load", "teardown", "--target", TARGET, "--json", "--concurrency", "300",
                           "--rate", "200")
    wait_until(lambda: site.run("ss", "-tanH", "sport", PORT).out().count("ESTAB") >= 250, 3,
               "Linux has them")
    expect_equal(generator.wait(20), 0, "the generator's exit status")
    held_report = report_of(generator)["held"]
    expect_equal((held_report["open"], held_report["closes"]), (300, 300), "held, and closed")
    expect(180 <= held_report["closes_per_second"] <= 220, f"teardown: {held_report}")


@CASES.case("af_packet: what is required of a run decides its status")
def required(lab):
    site = VethSite(lab)
    nginx(site)
    good = load(site, "cps", "--count", "50", "--require", "connections.completed=50",
                "--require", "response.p99<5s")
    expect_equal([r["met"] for r in good["requirements"]], [True, True], "what is met")
    bad = load(site, "cps", "--count", "50", "--require", "response.min<1us", status=1)
    expect_equal((bad["succeeded"], bad["requirements"][0]["met"]), (False, False), "what is not")


@CASES.case("af_packet: a server that dies is counted as failures, and the load goes on")
def server_dies(lab):
    site = VethSite(lab)
    server = nginx(site)
    generator = site.start("load", "rps", "--target", TARGET, "--json", "--duration", "2s",
                           "--concurrency", "16")
    time.sleep(1)
    server.kill()
    expect_equal(generator.wait(10), 1, "the generator's exit status")
    expect(failures(report_of(generator)) > 0, "failures are counted")


for wire in SITES:
    CASES.add(f"{wire}: load cps against nginx, without a failure",
              lambda lab, w=wire: connections_per_second(lab, w))
    CASES.add(f"{wire}: load rps against nginx, without a failure",
              lambda lab, w=wire: requests_per_second(lab, w))
CASES.add("af_packet: load rps of 1 MB responses of nginx, without a failure", large_responses)
