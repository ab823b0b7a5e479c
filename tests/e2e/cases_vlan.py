# SPDX-License-Identifier: BSD-3-Clause
"""VLANs beside the Linux kernel, one tag and two; and fragments.

    kernel 10.1.0.2  [k1]====[p1] 100      \
                                            tag_switch.py [t0]====[m0] af_packet, millrace
    kernel 10.2.0.2  [k2]====[p2] 100.200  /

Both kernels have 198.51.100.7 behind them, so that each is a gateway.
"""

import json
import pathlib
import sys

import craft
import packets
from case import Cases
from cases_frames import run_frames
from cases_load import failures
from craft import arp_request, ethernet, ipv4
from lab import expect, expect_equal, need_tools, wait_until
from sites import MILLRACE, TapSite

CASES = Cases()
HTTP = 8080
SWITCH = pathlib.Path(__file__).with_name("tag_switch.py")
FAR = "198.51.100.7"
# The millrace end, the kernel's, and the VLAN.
ONE = ("10.1.0.1", "10.1.0.2", "100")
TWO = ("10.2.0.1", "10.2.0.2", "100.200")


class TaggedSite:
    def __init__(self, lab, outer="88a8"):
        self.lab = lab
        switch, self.millrace = lab.namespace("s"), lab.namespace("m")
        lab.veth((switch, "t0"), (self.millrace, "m0"))
        for namespace, interface in ((switch, "t0"), (self.millrace, "m0")):
            lab.run("ip", "link", "set", interface, "mtu", 1600, ns=namespace)
        self.kernels = []
        for number, (_, address, _) in enumerate((ONE, TWO), 1):
            kernel = lab.namespace(f"k{number}")
            lab.veth((kernel, f"k{number}"), (switch, f"p{number}"))
            for namespace, interface in ((kernel, f"k{number}"), (switch, f"p{number}")):
                lab.run("ethtool", "-K", interface, "tso", "off", "gro", "off", ns=namespace)
            lab.run("ip", "addr", "add", f"{address}/24", "dev", f"k{number}", ns=kernel)
            lab.run("ip", "addr", "add", f"{FAR}/32", "dev", "lo", ns=kernel)
            self.kernels.append(kernel)
        self.switch = lab.start(sys.executable, SWITCH, "--outer", outer, "t0", f"p1={ONE[2]}",
                                f"p2={TWO[2]}", ns=switch)
        wait_until(lambda: "ready" in self.switch.out(), 10, "the switch is there")

    def start(self, *words):
        addresses = [word for ours, _, vlan in (ONE, TWO)
                     for word in ("--address", f"{ours}/24@{vlan}")]
        return self.lab.start(self.lab.millrace, *words, "--device", "af_packet:m0", *addresses,
                              ns=self.millrace)

    def ping(self, which, address, *options):
        return self.lab.run("ping", "-n", "-c", 3, "-i", "0.05", "-W", 1, *options, address,
                            ns=self.kernels[which], status=None).out()

    def lost(self):
        """Frames on the trunk without tags of a port: none, when all is well."""
        self.switch.stop()
        return int(self.switch.out().split()[-1])


def served(lab, *options, outer="88a8"):
    site = TaggedSite(lab, outer)
    server = site.start("serve", "--http", HTTP, "--json", *options)
    wait_until(lambda: "3 received" in site.ping(0, ONE[0]), 10, "millrace answers a ping")
    return site, server


def curls(site, which, address, size, *options):
    output = site.lab.run("curl", "-s", "-o", "/dev/null", "-m", 20, "-w",
                          "%{http_code} %{size_download}", *options,
                          f"http://{address}:{HTTP}/bytes/{size}", ns=site.kernels[which]).out()
    expect_equal(output, f"200 {size}", f"curl from {address}")


@CASES.case("af_packet: on two VLANs, with one tag and with two, ping and curl are answered")
def two_vlans(lab):
    need_tools("ping", "curl")
    site, server = served(lab)
    for which, (ours, _, _) in enumerate((ONE, TWO)):
        expect("3 received" in site.ping(which, ours, "-s", 1472), f"ping {ours}")
        for size in (0, 100_000, 2_000_000):
            curls(site, which, ours, size)
    # By the other VLAN nobody is there.
    for which, ours in enumerate((TWO[0], ONE[0])):
        lab.run("ip", "route", "add", f"{ours}/32", "dev", f"k{which + 1}", ns=site.kernels[which])
        expect("0 received" in site.ping(which, ours), f"{ours} answers on a VLAN not its own")
    expect_equal(server.stop(), 0, "the server's exit status")
    drops = json.loads(server.out())["stack"]["drops"]
    expect(drops.get("DropVlanMismatch", 0) >= 2, f"drops: {drops}")
    expect_equal(site.lost(), 0, "frames on the trunk with other tags, or none")


@CASES.case("af_packet: two tags of 8100, with another million-byte body")
def old_qinq(lab):
    need_tools("ping", "curl")
    site, server = served(lab, "--qinq", "802.1q", outer="8100")
    curls(site, 1, TWO[0], 1_000_000)
    expect_equal(server.stop(), 0, "the server's exit status")
    expect_equal(site.lost(), 0, "frames on the trunk with other tags, or none")


@CASES.case("af_packet: each VLAN has a gateway of its own")
def gateways(lab):
    need_tools("ping", "curl")
    site, server = served(lab, "--gateway", ONE[1], "--gateway", TWO[1])
    for which, (ours, _, _) in enumerate((ONE, TWO)):
        curls(site, which, ours, 100_000, "--interface", FAR)
    expect_equal(server.stop(), 0, "the server's exit status")


@CASES.case("af_packet: load by VLAN, to the kernel's own servers")
def loaded(lab):
    need_tools("ping")
    site = TaggedSite(lab)
    for which, (_, theirs, _) in enumerate((ONE, TWO)):
        lab.start(sys.executable, "-m", "http.server", HTTP, "--bind", theirs,
                  ns=site.kernels[which])
    for which, (_, theirs, _) in enumerate((ONE, TWO)):
        wait_until(lambda: lab.run("curl", "-s", "-o", "/dev/null", f"http://{theirs}:{HTTP}/",
                                   ns=site.kernels[which], status=None).popen.returncode == 0,
                   10, "the server is there")
        client = site.start("load", "cps", "--target", f"{theirs}:{HTTP}", "--count", 50,
                            "--concurrency", 4, "--duration", "10s", "--close", "server",
                            "--json")
        expect_equal(client.wait(20), 0, "the generator's exit status")
        report = json.loads(client.out())
        expect_equal(failures(report), 0, f"failed connections to {theirs}")
        expect(report["connections"]["completed"] >= 50, f"{report['connections']}")
    expect_equal(site.lost(), 0, "frames on the trunk with other tags, or none")


# On af_packet the kernel puts fragments together first, as DPDK asks it to.
@CASES.case("tap: a ping longer than the link is put together, and answered in fragments")
def long_ping(lab):
    need_tools("ping")
    site = TapSite(lab)
    with site.serve("--http", HTTP):
        for size in (1473, 4000, 60_000):
            output = site.run("ping", "-n", "-c", 3, "-i", "0.05", "-W", 1, "-s", size,
                              MILLRACE).out()
            expect("3 received, 0% packet loss" in output, output)
            expect("wrong" not in output, output)


@CASES.case("pcap: a SYN in fragments, in any order, is answered; what overlaps is not", root=False)
def fragmented_syn(lab):
    def pieces(port, overlap=0):
        syn = craft.tcp(HTTP, source_port=port, options=b"\x02\x04\x05\xb4" + b"\x01" * 12)
        return [ethernet(ipv4(syn[:24], fragment=0x2000, number=port)),
                ethernet(ipv4(syn[24 - overlap:], fragment=3 - overlap // 8, number=port))]

    report, _ = run_frames(lab, [arp_request(), *pieces(40001), *reversed(pieces(40002)),
                                 *pieces(40003, overlap=8)], port=HTTP)
    answered = [s.destination_port for s in packets.segments(lab.folder / "out.pcap")
                if s.has("SYN")]
    expect_equal(sorted(set(answered)), [40001, 40002], "ports that were answered")
    counters = report["stack"]["counters"]
    expect_equal((counters.get("IpReasmReqds"), counters.get("IpReasmOKs"),
                  counters.get("IpReasmFails")), (6, 2, 1), "fragments, wholes, failures")
