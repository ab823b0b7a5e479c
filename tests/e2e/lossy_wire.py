#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A bad wire between two interfaces: loses, doubles, delays and spoils frames, by a seed.

    lossy_wire.py FIRST SECOND --seed N [--loss P] [--double P] [--delay P] [--spoil P]

P is the probability for each frame. A delayed frame is overtaken by those of the next 3 ms.
"""

import argparse
import heapq
import random
import selectors
import socket
import time

DELAY = 0.003
ETH_P_ALL = 3
PACKET_OUTGOING = 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("interfaces", nargs=2)
    parser.add_argument("--seed", type=int, required=True)
    for fault in ("loss", "double", "delay", "spoil"):
        parser.add_argument(f"--{fault}", type=float, default=0)
    options = parser.parse_args()

    numbers = random.Random(options.seed)
    ends = []
    for name in options.interfaces:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        end.bind((name, ETH_P_ALL))
        end.setblocking(False)
        ends.append(end)
    selector = selectors.DefaultSelector()
    for index, end in enumerate(ends):
        selector.register(end, selectors.EVENT_READ, index)

    late = []  # (time, order, which end it goes out of, frame)
    order = 0

    def send(out, frame):
        try:
            ends[out].send(frame)
        except OSError:
            pass  # a full queue loses frames, as a wire may

    print("ready", flush=True)
    while True:
        timeout = max(0, late[0][0] - time.monotonic()) if late else None
        ready = selector.select(timeout)
        while late and late[0][0] <= time.monotonic():
            send(*heapq.heappop(late)[2:])
        for key, _ in ready:
            for _ in range(64):
                try:
                    frame, address = ends[key.data].recvfrom(65536)
                except BlockingIOError:
                    break
                if address[2] == PACKET_OUTGOING or numbers.random() < options.loss:
                    continue
                out = 1 - key.data
                if numbers.random() < options.spoil:
                    spoilt = bytearray(frame)
                    spoilt[numbers.randrange(14, len(frame))] ^= 0x10
                    frame = bytes(spoilt)
                if numbers.random() < options.double:
                    send(out, frame)
                if numbers.random() < options.delay:
                    order += 1
                    heapq.heappush(late, (time.monotonic() + DELAY, order, out, frame))
                else:
                    send(out, frame)


if __name__ == "__main__":
    main()
