# SPDX-License-Identifier: BSD-3-Clause
"""Frames from a file into millrace, its answers into another: what is answered, what is dropped."""

import json
import random

import craft
import packets
from case import Cases
from craft import ACK, FIN, PSH, RST, SYN, URG, arp_request, ethernet, icmp_echo, ipv4, tcp, udp
from lab import expect, expect_equal
from sites import KERNEL, MILLRACE

CASES = Cases()
HTTP = 80


def run_frames(lab, frames, port=HTTP):
    """(report, answers) after millrace has seen the frames."""
    source, target = lab.folder / "in.pcap", lab.folder / "out.pcap"
    packets.write(source, frames)
    process = lab.run(lab.millrace, "serve", "--device", f"pcap:{source},{target}",
                      "--address", f"{MILLRACE}/24", "--mac", craft.MILLRACE_MAC.hex(":"),
                      "--http", port, "--duration", "300ms", "--drain-timeout", "100ms", "--json")
    expect_equal(process.err(), "", "stderr")
    return json.loads(process.out()), packets.frames(target)


@CASES.case("pcap: ARP, ping and SYN from a file are answered into a file", root=False)
def answers(lab):
    _, frames = run_frames(lab, [
        arp_request(), ethernet(ipv4(icmp_echo(), craft.ICMP)), ethernet(ipv4(tcp(HTTP))),
        ethernet(ipv4(tcp(81)))])
    arps = [f for f in frames if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2"]
    expect_equal(len(arps), 1, "ARP replies")
    expect_equal(arps[0][22:28], craft.MILLRACE_MAC, "the address in the reply")
    echoes = [p for p in map(packets.ipv4_packet, frames) if p and p[0][9] == craft.ICMP]
    expect_equal([p[1][0] for p in echoes], [0], "ICMP types")
    expect(echoes[0][1][8:] == b"abcdefgh" and packets.internet_checksum(echoes[0][1]) == 0,
           "the echo reply is not whole")
    replies = {s.source_port: s for s in packets.segments(lab.folder / "out.pcap")}
    expect_equal((replies[HTTP].has("SYN"), replies[HTTP].ack), (True, 1001), "the SYN-ACK")
    expect_equal((replies[81].has("RST"), replies[81].ack), (True, 1001), "the reset")
    expect(all(s.checksums_right for s in replies.values()), "a wrong checksum")


def segment(**fields):
    return ethernet(ipv4(tcp(HTTP, **fields)))


def from_address(address):
    return ethernet(ipv4(tcp(HTTP, source=address), source=address))


# What is wrong, frames of which each shows it, and the counter that must have counted them.
BAD_FRAMES = [
    ("truncated", [ethernet(b"")[:13]], "DropRunt"),
    ("of an unknown protocol", [ethernet(b"", 0x88cc), ethernet(b"", 0x0806 + 0x7000)],
     "DropEthertype"),
    ("to another station", [ethernet(ipv4(tcp(HTTP)), destination=b"\x02\0\0\0\xaa\x77")],
     "DropNotForUsL2"),
    ("from a group of stations", [ethernet(ipv4(tcp(HTTP)), source=b"\x03\0\0\0\xaa\x02")],
     "DropSourceMacInvalid"),
    ("ARP of another hardware", [arp_request(kind=7)], "DropArpMalformed"),
    ("IP header too short", [ethernet(ipv4(tcp(HTTP), version_and_length=0x44))], "DropIpHeader"),
    ("IP version 5", [ethernet(ipv4(tcp(HTTP), version_and_length=0x55))], "DropIpVersion"),
    ("IP checksum", [ethernet(ipv4(tcp(HTTP), spoil=1))], "DropIpChecksum"),
    ("IP length beyond the frame", [ethernet(ipv4(tcp(HTTP), total=1000))], "DropIpTruncated"),
    ("fragments that cannot be", [ethernet(ipv4(tcp(HTTP)[:13], fragment=0x2000)),
                                  ethernet(ipv4(tcp(HTTP), fragment=0x1fff))], "DropIpFragment"),
    ("to another host", [ethernet(ipv4(tcp(HTTP, destination="10.77.0.9"),
                                       destination="10.77.0.9"))], "DropIpNotForUs"),
    ("from addresses that no host has",
     [from_address(address) for address in ("224.0.0.5", "255.255.255.255", "10.77.0.255",
                                            "127.0.0.1")], "DropIpSourceInvalid"),
    ("from ourselves (land)", [ethernet(ipv4(
        tcp(HTTP, source_port=HTTP, source=MILLRACE), source=MILLRACE))], "DropLand"),
    ("ICMP checksum", [ethernet(ipv4(icmp_echo(spoil=1), craft.ICMP))], "DropIcmpChecksum"),
    ("ICMP of four bytes", [ethernet(ipv4(icmp_echo()[:4], craft.ICMP))], "DropIcmpMalformed"),
    ("TCP header cut off", [ethernet(ipv4(tcp(HTTP)[:12]))], "DropTcpTruncated"),
    ("TCP offset too small, or beyond the segment", [segment(offset=4), segment(offset=15)],
     "DropTcpOffset"),
    ("TCP checksum", [segment(spoil=1)], "DropTcpChecksum"),
    ("flags that cannot be (SYN and FIN, SYN and RST, null, Xmas)",
     [segment(flags=SYN | FIN), segment(flags=SYN | RST), segment(flags=0),
      segment(flags=FIN | PSH | URG)], "DropTcpFlags"),
    ("TCP port 0", [segment(source_port=0), ethernet(ipv4(tcp(0)))], "DropTcpPortZero"),
]


@CASES.case("pcap: every kind of bad frame is dropped under its name, and not answered", root=False)
def bad_frames(lab):
    bad = [frame for _, frames, _ in BAD_FRAMES for frame in frames]
    report, out = run_frames(lab, [arp_request(), *bad])
    expected = {}
    for _, frames, counter in BAD_FRAMES:
        expected[counter] = expected.get(counter, 0) + len(frames)
    expect_equal(report["stack"]["drops"], expected, "drops")
    answered = [s for s in map(packets.tcp_segment, out) if s]
    expect_equal(answered, [], "segments in answer to bad frames")


@CASES.case("pcap: option lengths of 0, of 1 and beyond the header do no harm", root=False)
def option_lengths(lab):
    options = (b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x01\x01\x08\x0a",
               b"\x01\x01\x01\x02", b"\xfe\xff\xff\xff")
    _, out = run_frames(lab, [
        arp_request(), *(segment(options=o, source_port=41000 + i) for i, o in enumerate(options)),
        ethernet(ipv4(icmp_echo(), craft.ICMP))])
    echoes = [p for p in map(packets.ipv4_packet, out) if p and p[0][9] == craft.ICMP]
    expect_equal(len(echoes), 1, "echo replies after them")


@CASES.case("pcap: twenty thousand spoilt frames crash nothing and leave nothing", root=False)
def spoilt_frames(lab):
    numbers = random.Random(20260102)
    whole = [arp_request(), ethernet(ipv4(icmp_echo(), craft.ICMP)), segment(),
             segment(flags=ACK, ack=7), segment(flags=FIN | ACK, ack=7), segment(flags=RST),
             segment(options=b"\x02\x04\x05\xb4\x01\x03\x03\x07"),
             ethernet(ipv4(udp(53), craft.UDP))]

    def spoilt():
        frame = bytearray(numbers.choice(whole))
        for _ in range(numbers.randrange(1, 4)):
            # Most of what follows the addresses decides something; checksums are seldom right.
            frame[numbers.randrange(12, 60)] = numbers.randrange(256)
        return bytes(frame[:numbers.choice((14, 20, 34, 54, 60, 60, 60))])

    report, _ = run_frames(lab, [spoilt() for _ in range(20_000)])
    expect_equal(report["stack"]["counters"].get("FramesIn"), 20_000, "frames seen")


@CASES.case("pcap: a conflict over our address is noticed", root=False)
def address_conflict(lab):
    claim = arp_request(sender=MILLRACE, sender_mac=bytes.fromhex("02000000aa77"), operation=2)
    report, _ = run_frames(lab, [claim])
    expect_equal(report["stack"]["counters"].get("ArpConflicts"), 1, "ArpConflicts")


@CASES.case("pcap: our address is announced at the start", root=False)
def announcement(lab):
    _, out = run_frames(lab, [])
    expect(out, "nothing was sent")
    first = out[0]
    # RFC 5227 section 3: a request, broadcast, whose sender and target addresses are ours.
    expect_equal((first[:6], first[12:14], first[20:22]),
                 (craft.BROADCAST_MAC, b"\x08\x06", b"\0\1"), "destination, type, operation")
    expect_equal((first[28:32], first[38:42]), (bytes([10, 77, 0, 1]),) * 2, "the addresses")


@CASES.case("pcap: a datagram to a closed port is answered by port unreachable", root=False)
def port_unreachable(lab):
    question = ipv4(udp(53), craft.UDP)
    _, out = run_frames(lab, [arp_request(), ethernet(question)])
    replies = [p for p in map(packets.ipv4_packet, out) if p and p[0][9] == craft.ICMP]
    expect_equal([p[1][:2] for p in replies], [b"\3\3"], "type and code")
    # RFC 1122 section 3.2.2: at least the header and eight bytes of what caused it.
    expect(replies[0][1][8:36] == question[:28], "the datagram in the answer")
