#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A switch of VLANs, for kernels that have none: ports without tags, and a trunk with them.

    tag_switch.py [--outer 88a8|8100] TRUNK PORT=100 PORT=100.200

What comes by a port leaves by the trunk with the port's tags; what comes by the trunk leaves by the
port of its tags, without them, or nowhere. Says "ready", and on SIGTERM how many went nowhere.
"""

import argparse
import selectors
import signal
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
VLAN_VALID, TPID_VALID = 0x10, 0x40
ALL = 3  # ETH_P_ALL
TAG, PROVIDERS_TAG = 0x8100, 0x88a8
FRAME_MAX = 65536


def port(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((name, ALL))
    return sock


def receive(sock):
    """A frame as it was on the wire: the kernel takes the first tag off and tells it beside."""
    data, ancillary, _, _ = sock.recvmsg(FRAME_MAX, 256)
    for level, kind, value in ancillary:
        if level != SOL_PACKET or kind != PACKET_AUXDATA:
            continue
        status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
        if status & VLAN_VALID:
            tpid = tpid if status & TPID_VALID else TAG
            data = data[:12] + struct.pack(">HH", tpid, tci) + data[12:]
    return data


def split(frame):
    """The tags' types, the VLAN ("100.200"), and the frame without tags."""
    types, ids = [], []
    while int.from_bytes(frame[12:14], "big") in (TAG, PROVIDERS_TAG):
        kind, tci = struct.unpack(">HH", frame[12:16])
        types.append(kind)
        ids.append(str(tci & 0xfff))
        frame = frame[:12] + frame[16:]
    return types, ".".join(ids), frame


def tags(vlan, outer):
    ids = [int(word) for word in vlan.split(".")]
    types = [TAG] if len(ids) == 1 else [outer, TAG]
    return b"".join(struct.pack(">HH", kind, number) for kind, number in zip(types, ids))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outer", type=lambda text: int(text, 16), default=PROVIDERS_TAG)
    parser.add_argument("trunk")
    parser.add_argument("ports", nargs="+")
    options = parser.parse_args()
    trunk = port(options.trunk)
    by_vlan = {}
    selector = selectors.DefaultSelector()
    selector.register(trunk, selectors.EVENT_READ, None)
    for name, vlan in (word.split("=") for word in options.ports):
        by_vlan[vlan] = port(name)
        selector.register(by_vlan[vlan], selectors.EVENT_READ, tags(vlan, options.outer))
    lost = 0

    def end(_number, _frame):
        print("lost", lost, flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            frame = receive(key.fileobj)
            if key.data is not None:
                trunk.send(frame[:12] + key.data + frame[12:])
                continue
            types, vlan, frame = split(frame)
            right = [TAG] if len(types) == 1 else [options.outer, TAG]
            if vlan in by_vlan and types == right:
                by_vlan[vlan].send(frame)
            else:
                lost += 1


if __name__ == "__main__":
    main()
