# SPDX-License-Identifier: BSD-3-Clause
"""Captures: records one by tcpdump, and reads it back as lines that a textbook would draw.

    > SYN 0                 from the client, sequence number relative to its initial one
    < SYN,ACK 0 ack 1
    > ACK 1 ack 1
    > ACK 1+5 ack 1         five bytes of data
"""

import contextlib
import dataclasses
import signal
import struct
import time

from lab import expect, need_tools, wait_until

ETHERTYPE_IPV4 = 0x0800
PROTOCOL_TCP = 6
PROTOCOL_ICMP = 1
# In the order in which they are written; PSH says nothing about the exchange.
FLAGS = (("SYN", 0x02), ("FIN", 0x01), ("RST", 0x04), ("ACK", 0x10))


@dataclasses.dataclass(frozen=True)
class Segment:
    source: str
    destination: str
    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    payload: bytes
    checksums_right: bool

    def has(self, name):
        return bool(self.flags & dict(FLAGS)[name])


def internet_checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def dotted(four_bytes):
    return ".".join(str(byte) for byte in four_bytes)


def frames(path):
    """The frames of a pcap file, oldest first."""
    data = path.read_bytes()
    expect(len(data) >= 24, f"{path.name} is no pcap file")
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    found, offset = [], 24
    while offset + 16 <= len(data):
        captured, = struct.unpack_from(order + "I", data, offset + 8)
        found.append(data[offset + 16:offset + 16 + captured])
        offset += 16 + captured
    return found


def write(path, all_frames):
    """A pcap file of these frames."""
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame for frame in all_frames))


def ipv4_packet(frame):
    """(header, payload) of an IPv4 frame; None for others."""
    if len(frame) < 34 or struct.unpack_from(">H", frame, 12)[0] != ETHERTYPE_IPV4:
        return None
    length = (frame[14] & 15) * 4
    total, = struct.unpack_from(">H", frame, 16)
    return frame[14:14 + length], frame[14 + length:14 + total]


def tcp_segment(frame):
    packet = ipv4_packet(frame)
    if packet is None or packet[0][9] != PROTOCOL_TCP:
        return None
    header, tcp = packet
    pseudo = header[12:20] + struct.pack(">BBH", 0, PROTOCOL_TCP, len(tcp))
    right = internet_checksum(header) == 0 and internet_checksum(pseudo + tcp) == 0
    source_port, destination_port, seq, ack, offset, flags, window = struct.unpack_from(
        ">HHIIBBH", tcp)
    length = (offset >> 4) * 4
    return Segment(dotted(header[12:16]), dotted(header[16:20]), source_port, destination_port,
                   seq, ack, flags, window, tcp[20:length], tcp[length:], right)


def segments(path):
    return [segment for segment in map(tcp_segment, frames(path)) if segment is not None]


def option_kinds(options):
    """{kind: bytes} of a header's options, as it sent them."""
    found, offset = {}, 0
    while offset < len(options) and options[offset] != 0:
        if options[offset] == 1:
            offset += 1
            continue
        length = options[offset + 1]
        found[options[offset]] = options[offset + 2:offset + length]
        offset += length
    return found


def exchange(all_segments, client_port):
    """One connection as lines. Requires: its SYN and SYN-ACK are among them."""
    mine = [s for s in all_segments if client_port in (s.source_port, s.destination_port)]
    first = {}
    for segment in mine:
        if segment.has("SYN"):
            first.setdefault(segment.source_port == client_port, segment.seq)
    expect(len(first) == 2, "the capture holds the SYN of both sides")
    lines = []
    for segment in mine:
        from_client = segment.source_port == client_port
        flags = ",".join(name for name, _ in FLAGS if segment.has(name))
        seq = (segment.seq - first[from_client]) % 2**32
        line = f"{'>' if from_client else '<'} {flags} {seq}"
        if segment.payload:
            line += f"+{len(segment.payload)}"
        if segment.has("ACK"):
            line += f" ack {(segment.ack - first[not from_client]) % 2**32}"
        lines.append(line)
    return lines


@contextlib.contextmanager
def capture(lab, namespace, interface, name="capture.pcap"):
    """Records what passes the interface; the path is complete after the block."""
    need_tools("tcpdump")
    path = lab.folder / name
    tcpdump = lab.start("tcpdump", "-i", interface, "-w", path, "-U", "--immediate-mode", "-n",
                        "-s", "0", "-B", "65536", "-Z", "root", ns=namespace)
    wait_until(lambda: "listening on" in tcpdump.err(), 10, "tcpdump listens")
    yield path
    time.sleep(0.1)  # for what is still on its way through the kernel's ring
    tcpdump.stop(number=signal.SIGINT)
    expect("\n0 packets dropped by kernel" in tcpdump.err(), "the capture is whole")
