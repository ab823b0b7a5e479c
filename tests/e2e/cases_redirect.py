# SPDX-License-Identifier: BSD-3-Clause
"""The Linux kernel as a gateway that knows a better one, and says so.

    millrace 10.77.0.1  [m0]====[k0]  br0, kernel 10.77.0.2  [k1]====[r0]  10.77.0.3, 10.99.0.1
"""

import pathlib
import socket

from case import Cases
from cases_sources import Echo, call
from lab import expect, expect_equal
from sites import KERNEL, MILLRACE_V6, PREFIX, PREFIX_V6, VethSite

CASES = Cases()
ROUTER, FAR = "10.77.0.3", "10.99.0.1"
FAR_V6 = "2001:db8:99::1"
GATEWAY_LINK, ROUTER_LINK = "fe80::2", "fe80::3"


def set_sysctl(lab, namespace, path, value):
    with lab.inside(namespace):
        (pathlib.Path("/proc/sys/net") / path).write_text(str(value), encoding="ascii")


def link_of_three(lab):
    """The site with its gateway, and the namespace of the router behind."""
    site = VethSite(lab)
    router = lab.namespace("r")
    lab.veth((site.kernel, "k1"), (router, "r0"))
    # No link-local address but the one that we give it: it would speak from the other.
    for words in (["add", "br0", "type", "bridge"], ["set", "br0", "addrgenmode", "none"],
                  ["set", "k0", "master", "br0"], ["set", "k1", "master", "br0"],
                  ["set", "br0", "up"]):
        site.run("ip", "link", *words)
    return site, router


@CASES.case("af_packet: a redirect of the kernel is followed where that is asked for")
def redirected(lab):
    site, router = link_of_three(lab)
    set_sysctl(lab, site.kernel, "ipv4/ip_forward", 1)
    for namespace, words in ((site.kernel, ["addr", "flush", "dev", "k0"]),
                             (site.kernel, ["addr", "add", f"{KERNEL}/{PREFIX}", "dev", "br0"]),
                             (router, ["addr", "add", f"{ROUTER}/{PREFIX}", "dev", "r0"]),
                             (router, ["addr", "add", f"{FAR}/32", "dev", "lo"]),
                             (site.kernel, ["route", "add", f"{FAR}/32", "via", ROUTER])):
        lab.run("ip", *words, ns=namespace)
    for options, followed in (((), False), (("--redirects", "all"), True)):
        report = call(site, Echo(lab, router, socket.AF_INET, FAR), "--gateway", KERNEL, *options,
                      target=FAR)
        counters = report["stack"]["counters"]
        expect("IcmpInRedirects" in counters, f"no redirect: {counters}")
        expect_equal("RedirectsFollowed" in counters, followed, f"followed with {options}")


@CASES.case("af_packet: a redirect of the kernel is followed over IPv6")
def redirected_v6(lab):
    site, router = link_of_three(lab)
    site.speak_ipv6()
    for scope in ("all", "default", "r0", "lo"):
        set_sysctl(lab, router, f"ipv6/conf/{scope}/disable_ipv6", 0)
    for scope in ("br0", "lo"):
        set_sysctl(lab, site.kernel, f"ipv6/conf/{scope}/disable_ipv6", 0)
    set_sysctl(lab, site.kernel, "ipv6/conf/all/forwarding", 1)
    for namespace, words in (
            (site.kernel, ["addr", "add", f"{GATEWAY_LINK}/{PREFIX_V6}", "dev", "br0", "nodad"]),
            (router, ["addr", "add", f"{ROUTER_LINK}/{PREFIX_V6}", "dev", "r0", "nodad"]),
            (router, ["addr", "add", f"2001:db8:77::3/{PREFIX_V6}", "dev", "r0", "nodad"]),
            (router, ["addr", "add", f"{FAR_V6}/128", "dev", "lo"]),
            (site.kernel, ["route", "add", f"{FAR_V6}/128", "via", ROUTER_LINK, "dev", "br0"]),
            (site.kernel, ["route", "add", "2001:db8:77::/64", "dev", "br0"])):
        lab.run("ip", "-6", *words, ns=namespace)
    report = call(site, Echo(lab, router, socket.AF_INET6, FAR_V6), "--address",
                  f"{MILLRACE_V6}/{PREFIX_V6}", "--gateway", GATEWAY_LINK, target=f"[{FAR_V6}]")
    counters = report["stack"]["counters"]
    expect("Icmp6InRedirects" in counters, f"no redirect: {counters}")
    expect("RedirectsFollowed" in counters, f"none was followed: {counters}")
