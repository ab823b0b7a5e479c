# SPDX-License-Identifier: BSD-3-Clause
"""IPv6 beside the Linux kernel: neighbours find each other, addresses are checked and formed.

    kernel 2001:db8:77::2  [k0]========[m0]  af_packet, millrace 2001:db8:77::1
"""

import json
import socket
import struct
import subprocess
import time

from case import Cases
from cases_load import PORT, failures, load, nginx
from lab import Skip, expect, expect_equal, need_tools, wait_until
from sites import KERNEL_V6 as KERNEL
from sites import MILLRACE_V6 as MILLRACE
from sites import VethSite

CASES = Cases()
HTTP = 8080


def site_with_ipv6(lab, *addresses):
    """A veth whose kernel end has IPv6, with these addresses beside the link-local one."""
    site = VethSite(lab)
    site.speak_ipv6(*addresses)
    return site


def neighbor_state(site, address):
    """As `ip neigh` has it: REACHABLE, STALE, ...; None where there is no entry."""
    text = site.run("ip", "-6", "neigh", "show", "to", address, "dev", site.interface).out()
    return text.split()[-1] if text.strip() else None


def pings(site, address, *options):
    with site.lab.inside(site.kernel):
        return subprocess.run(["ping", "-6", "-n", "-c", "1", "-W", "0.3", *options, address],
                              timeout=10, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0


@CASES.case("af_packet: ping -6 is answered, and the kernel calls us REACHABLE")
def ping(lab):
    need_tools("ping")
    site = site_with_ipv6(lab, KERNEL)
    with site.serve("--http", HTTP, "--address", f"{MILLRACE}/64"):
        for payload in (8, 56, 1452):
            output = site.run("ping", "-6", "-n", "-c", 5, "-i", "0.05", "-W", 1, "-s", payload,
                              MILLRACE).out()
            expect("5 received, 0% packet loss" in output, output)
            expect("DUP" not in output and "wrong" not in output, output)
        expect_equal(neighbor_state(site, MILLRACE), "REACHABLE", "the kernel's entry for us")
        # To all nodes; the kernel answers itself, too, and may be the first.
        output = site.run("ping", "-6", "-n", "-c", 3, "-i", "0.2", "-I", KERNEL,
                          f"ff02::1%{site.interface}").out()
        expect(f"from {MILLRACE}: icmp_seq=1" in output, output)


@CASES.case("af_packet: a closed UDP port is refused over IPv6, by ICMPv6")
def closed_port(lab):
    site = site_with_ipv6(lab, KERNEL)
    with site.serve("--http", HTTP, "--address", f"{MILLRACE}/64"):
        site.refuses_datagrams(socket.AF_INET6, MILLRACE)


@CASES.case("af_packet: curl -6 gets bodies whole, by global and link-local address")
def curl(lab):
    need_tools("curl")
    site = site_with_ipv6(lab, KERNEL)
    with site.serve("--http", HTTP, "--address", f"{MILLRACE}/64", "--address", "fe80::77/64"):
        for host in (f"[{MILLRACE}]", f"[fe80::77%25{site.interface}]"):
            for size in (0, 1, 100_000, 10_000_000):
                output = site.run("curl", "-6", "-s", "-g", "-o", "/dev/null", "-w",
                                  "%{http_code} %{size_download}",
                                  f"http://{host}:{HTTP}/bytes/{size}").out()
                expect_equal(output, f"200 {size}", f"curl -6 from {host}")


@CASES.case("af_packet: load over IPv6 from a range of addresses, all of them answered for")
def loaded(lab):
    site = site_with_ipv6(lab, KERNEL)
    nginx(site, f"[::]:{PORT} ipv6only=off")
    for mode, counted in (("cps", "connections"), ("rps", "requests")):
        report = load(site, mode, "--address", f"{MILLRACE}/64", "--source", "2001:db8:77::1:0/122",
                      "--count", "300", "--concurrency", "8", "--duration", "5s",
                      target=f"[{KERNEL}]:{PORT}")
        expect_equal(failures(report), 0, f"failed connections of {mode}")
        expect(report[counted]["completed"] >= 300, f"{mode}: {report[counted]}")


@CASES.case("af_packet: an IPv6 address that the kernel has is given up and reported")
def duplicate(lab):
    need_tools("curl")
    site = site_with_ipv6(lab, KERNEL, MILLRACE)
    server = site.start("serve", "--http", HTTP, "--address", f"{MILLRACE}/64", "--json")
    wait_until(lambda: site.answers(server), 10, "millrace answers a ping to its IPv4 address")
    expect_equal(server.stop(), 0, "the server's exit status")
    stack = json.loads(server.out())["stack"]
    expect_equal(stack["counters"].get("AddressDuplicates"), 1, "addresses given up")
    expect_equal(stack["duplicate_addresses"], [MILLRACE], "which")


def advertise(lab, site, lifetime, prefix):
    """A router advertisement of the kernel's interface, by hand; the kernel sums it."""
    option = struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 3600, 3600, 0,
                         socket.inet_pton(socket.AF_INET6, prefix))
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, lifetime, 0, 0) + option
    with lab.inside(site.kernel):
        raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        index = socket.if_nametoindex(site.interface)
    with raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        raw.sendto(message, ("ff02::1", 0, 0, index))


@CASES.case("af_packet: a router's prefix gives an address, and its gateway a way off the link")
def autoconfigured(lab):
    site = site_with_ipv6(lab, "2001:db8:88::2")
    # Behind the router, so only reached through it.
    site.run("ip", "-6", "addr", "add", "2001:db8:99::2/128", "dev", "lo")
    with site.serve("--http", HTTP, "--autoconfigure", "addresses", "--mac", "02:00:00:00:00:77"):
        formed = "2001:db8:88::ff:fe00:77"
        expect(not pings(site, formed), "an address before any router was heard")

        # Once more as long as it takes: before the kernel has checked its own link-local address it
        # speaks from another, and nobody believes a router that does.
        def advertised():
            advertise(lab, site, 1800, "2001:db8:88::")
            return pings(site, formed)

        wait_until(advertised, 5, "the address formed of the prefix answers")
        expect(pings(site, formed, "-I", "2001:db8:99::2"), "no way off the link")


def snoops(lab, version):
    """A switch that was not there when we joined our groups asks for them, and hears."""
    need_tools("bridge")
    site = site_with_ipv6(lab)
    server = site.start("serve", "--http", HTTP, "--address", f"{MILLRACE}/64", "--json")
    wait_until(lambda: site.answers(server), 10, "millrace answers a ping to its IPv4 address")
    time.sleep(1.5)  # what we say unasked, we say within a second
    made = site.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", 1,
                    "mcast_querier", 1, "mcast_mld_version", version,
                    "mcast_startup_query_interval", 100, "mcast_startup_query_count", 100,
                    "mcast_query_response_interval", 50, status=None)
    if made.popen.returncode != 0:
        raise Skip(f"no bridge that snoops: {made.err().strip()}")
    for words in (["set", site.interface, "master", "br0"], ["set", "br0", "up"]):
        site.run("ip", "link", *words)

    def known():
        return f"port {site.interface} grp ff02::1:ff00:1 " in site.run("bridge", "mdb").out()

    wait_until(known, 20, "the bridge knows who is in our group")
    expect_equal(server.stop(), 0, "the server's exit status")
    counters = json.loads(server.out())["stack"]["counters"]
    expect("Icmp6InGroupMembQueries" in counters, f"no query: {counters}")


for version in (1, 2):
    CASES.add(f"af_packet: a switch that snoops MLD, version {version}, learns our groups",
              lambda lab, v=version: snoops(lab, v))
