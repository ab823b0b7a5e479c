# SPDX-License-Identifier: BSD-3-Clause
"""Frames made by hand, right or wrong in any field, as a stranger would send them to millrace."""

import socket
import struct

from packets import internet_checksum
from sites import KERNEL, MILLRACE

CLIENT_MAC = bytes.fromhex("02000000aa02")
MILLRACE_MAC = bytes.fromhex("02000000aa01")
BROADCAST_MAC = b"\xff" * 6
IPV4, ARP = 0x0800, 0x0806
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def ethernet(payload, ethertype=IPV4, destination=MILLRACE_MAC, source=CLIENT_MAC):
    """A frame, padded to the least size of Ethernet."""
    return (destination + source + struct.pack(">H", ethertype) + payload).ljust(60, b"\0")


def arp_request(kind=1, sender=KERNEL, sender_mac=CLIENT_MAC, operation=1):
    body = struct.pack(">HHBBH", kind, IPV4, 6, 4, operation) + sender_mac + \
        socket.inet_aton(sender) + bytes(6) + socket.inet_aton(MILLRACE)
    return ethernet(body, ARP, BROADCAST_MAC)


def ipv4(payload, protocol=TCP, source=KERNEL, destination=MILLRACE, version_and_length=0x45,
         total=None, fragment=0, spoil=0, number=1):
    """A packet; `spoil` is added to the right header checksum."""
    header = struct.pack(">BBHHHBBH4s4s", version_and_length, 0,
                         20 + len(payload) if total is None else total, number, fragment, 64,
                         protocol,
                         0, socket.inet_aton(source), socket.inet_aton(destination))
    checksum = (internet_checksum(header) + spoil) % 65536
    return header[:10] + struct.pack(">H", checksum) + header[12:] + payload


def tcp(port, flags=SYN, source_port=40000, offset=None, options=b"", spoil=0, source=KERNEL,
        destination=MILLRACE, seq=1000, ack=0):
    """A segment for ipv4() with the same addresses."""
    offset = 5 + len(options) // 4 if offset is None else offset
    body = struct.pack(">HHIIBBHHH", source_port, port, seq, ack, offset << 4, flags, 65535, 0, 0)
    body += options
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + \
        struct.pack(">HH", TCP, len(body))
    checksum = (internet_checksum(pseudo + body) + spoil) % 65536
    return body[:16] + struct.pack(">H", checksum) + body[18:]


def icmp_echo(payload=b"abcdefgh", spoil=0):
    body = struct.pack(">BBHHH", 8, 0, 0, 7, 1) + payload
    checksum = (internet_checksum(body) + spoil) % 65536
    return body[:2] + struct.pack(">H", checksum) + body[4:]


def udp(port):
    return struct.pack(">HHHH", 40000, port, 8 + 4, 0) + b"what"
