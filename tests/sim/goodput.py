#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures goodput in the simulator and sets it beside what theory gives.

    goodput.py PROGRAM DIRECTORY

PROGRAM is build/tests/goodput; DIRECTORY gets goodput.md (a table) and goodput.svg (a plot). All of
it is virtual time and fixed seeds: the same sources give the same files. Exits with 1 when a cell
is farther from theory than LEAST and MOST allow.
"""

import json
import math
import pathlib
import subprocess
import sys

ALGORITHMS = {"newreno": "NewReno", "cubic": "CUBIC"}
LOSSES = (0, 0.1, 1, 3)  # percent
ROUND_TRIPS = (1, 20, 100)  # ms
OVERTAKEN = (0, 1, 2, 3)  # positions
SEEDS = (1, 2)
LEAST, MOST = 0.5, 1.5
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44")  # a round trip each

TEXT = """\
<!-- Written by ./run goodput; edits are lost. -->
# Goodput in the simulator, and in theory

One connection sends for as long as it is measured, from one shard to another, over a wire of
1 Gbit/s with a queue of one bandwidth-delay product (128 frames at least). Segments carry 1448
bytes, buffers are large enough to fill the wire. Loss is independent for each frame on its way to
the receiver. Reordering by *n*: one segment in fifty is overtaken by the *n* that follow it, as far
as they come within an eighth of a round trip. Virtual time, fixed seeds: `./run goodput` writes
this file again, byte for byte, and fails when a ratio leaves {least} to {most}.

![Measured goodput as points, theory as lines](goodput.svg)

Each cell is Mbit/s of payload that reached the application, after slow start, with loss the mean
of {seeds} seeds; the ratio to theory is in brackets.

"""

THEORY = """\
## What theory says

- **No loss**: the wire's rate less headers, 941 Mbit/s.
- **NewReno**: Mathis, Semke, Mahdavi and Ott (1997), `MSS / RTT * sqrt(3/2) / sqrt(p)`: a window
  that is halved for each loss and grows by one segment in a round trip.
- **CUBIC**: RFC 9438 section 5.1, `(C * (3 + beta) / (4 * (1 - beta)))^(1/4) * RTT^(3/4) / p^(3/4)`
  segments, or the window of its Reno-friendly region (section 4.3) where that is larger, which with
  its alpha of 9/17 and beta of 0.7 is that of Mathis. At these losses and round trips it is.

Where the two part:

- At 3 % a window of six segments often loses two at once, or one that was sent again. Each halves
  once more or costs a round trip; the formulas count one loss at a time and no retransmission that
  is lost. At 1 ms what is left to a timer (a probe after 10 ms, a timeout after 200 ms) costs tens
  of round trips on top.
- CUBIC is above its formula at 0.1 % and 100 ms, where its two regions meet: it takes the larger
  of both windows at each moment, the formula the larger of their means.
- A segment that was overtaken is not lost: RACK waits a quarter of a round trip before it says
  so. That also puts off what is sent again, by a quarter of a round trip for each loss.
"""


def cell(program, algorithm, loss, round_trip, overtaken):
    """The mean over seeds of what PROGRAM prints."""
    runs = []
    for seed in SEEDS if loss != 0 else SEEDS[:1]:  # without loss all are much the same
        arguments = [program, algorithm, loss, round_trip, overtaken, seed]
        done = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE, check=True)
        runs.append(json.loads(done.stdout))
    return {key: sum(run[key] for run in runs) / len(runs) for key in runs[0]}


def rate(bits_per_second):
    """Mbit/s with three digits."""
    mbits = bits_per_second / 1e6
    return f"{mbits:.{max(0, 2 - math.floor(math.log10(max(mbits, 0.01))))}f}"


def far_off(measured):
    return not LEAST <= measured["bits_per_second"] / measured["theory"] <= MOST


def table(algorithm, cells):
    lines = [f"## {ALGORITHMS[algorithm]}", ""]
    heads = ["loss", "RTT", "theory"] + [
        "in order" if n == 0 else f"reordered by {n}" for n in OVERTAKEN]
    lines.append("| " + " | ".join(heads) + " |")
    lines.append("|" + "---:|" * len(heads))
    for loss in LOSSES:
        for round_trip in ROUND_TRIPS:
            row = [f"{loss:g} %", f"{round_trip} ms",
                   rate(cells[algorithm, loss, round_trip, 0]["theory"])]
            for overtaken in OVERTAKEN:
                measured = cells[algorithm, loss, round_trip, overtaken]
                ratio = measured["bits_per_second"] / measured["theory"]
                text = f"{rate(measured['bits_per_second'])} ({ratio:.2f})"
                row.append(f"**{text}**" if far_off(measured) else text)
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n\n"


# --- The plot: a panel for each algorithm, both axes logarithmic, no loss at the left edge. -------

PANEL_WIDTH, PANEL_HEIGHT, MARGIN, TOP = 400, 360, 64, 56
RATE_LEAST, RATE_MOST = 0.3, 2000  # Mbit/s
LOSS_LEAST, LOSS_MOST = 0.05, 5


def x_of(loss, left):
    if loss == 0:
        return left + 18
    share = math.log(loss / LOSS_LEAST) / math.log(LOSS_MOST / LOSS_LEAST)
    return left + 36 + share * (PANEL_WIDTH - 36)


def y_of(mbits):
    share = math.log(mbits / RATE_LEAST) / math.log(RATE_MOST / RATE_LEAST)
    return TOP + PANEL_HEIGHT * (1 - share)


def svg_text(x, y, text, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{text}</text>'


def svg_line(x1, y1, x2, y2, colour="#ddd", extra=""):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}"{extra}/>')


def axes(algorithm, left):
    right, bottom = left + PANEL_WIDTH, TOP + PANEL_HEIGHT
    parts = [svg_text((left + right) / 2, TOP - 12, ALGORITHMS[algorithm],
                      extra=' font-weight="bold"')]
    for mbits in (1, 10, 100, 1000):
        parts.append(svg_line(left, y_of(mbits), right, y_of(mbits)))
        parts.append(svg_text(left - 6, y_of(mbits) + 4, f"{mbits}", "end"))
    for loss in LOSSES:
        parts.append(svg_line(x_of(loss, left), TOP, x_of(loss, left), bottom))
        parts.append(svg_text(x_of(loss, left), bottom + 16, f"{loss:g} %"))
    parts.append(svg_text((left + right) / 2, bottom + 34, "loss"))
    parts.append(f'<rect x="{left}" y="{TOP}" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}" '
                 'fill="none" stroke="#888"/>')
    return parts


def panel(algorithm, cells, left):
    parts = axes(algorithm, left)
    for colour, round_trip in zip(COLOURS, ROUND_TRIPS):
        lossy = [loss for loss in LOSSES if loss != 0]
        points = " ".join(
            f"{x_of(loss, left):.1f},"
            f"{y_of(cells[algorithm, loss, round_trip, 0]['theory'] / 1e6):.1f}" for loss in lossy)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        wire = y_of(cells[algorithm, 0, round_trip, 0]["theory"] / 1e6)
        parts.append(svg_line(left + 8, wire, left + 28, wire, colour))
        for loss in LOSSES:
            for overtaken in OVERTAKEN:
                measured = cells[algorithm, loss, round_trip, overtaken]
                x = x_of(loss, left) + 4 * overtaken - 6
                y = y_of(measured["bits_per_second"] / 1e6)
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
    return parts


def plot(cells):
    width = MARGIN + len(ALGORITHMS) * (PANEL_WIDTH + MARGIN)
    height = TOP + PANEL_HEIGHT + 76
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             svg_text(width / 2, 22, "Goodput in Mbit/s: points are measured (left to right: in "
                      "order, overtaken by 1, 2, 3), lines are theory")]
    for index, algorithm in enumerate(ALGORITHMS):
        parts += panel(algorithm, cells, MARGIN + index * (PANEL_WIDTH + MARGIN))
    for index, (colour, round_trip) in enumerate(zip(COLOURS, ROUND_TRIPS)):
        x, y = width / 2 + (index - 1) * 120, height - 14
        parts.append(f'<circle cx="{x - 44:.1f}" cy="{y - 4:.1f}" r="4" fill="{colour}"/>')
        parts.append(svg_text(x, y, f"RTT {round_trip} ms"))
    return "\n".join(parts) + "\n</svg>\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    cells, wrong = {}, []
    for algorithm in ALGORITHMS:
        for loss in LOSSES:
            for round_trip in ROUND_TRIPS:
                for overtaken in OVERTAKEN:
                    key = algorithm, loss, round_trip, overtaken
                    cells[key] = measured = cell(program, *key)
                    ratio = measured["bits_per_second"] / measured["theory"]
                    line = (f"{ALGORITHMS[algorithm]}, loss {loss:g} %, {round_trip} ms, reordered "
                            f"by {overtaken}: {rate(measured['bits_per_second'])} Mbit/s, "
                            f"{ratio:.2f} of theory")
                    print(line, flush=True)
                    if far_off(measured):
                        wrong.append(line)
    text = TEXT.format(least=LEAST, most=MOST, seeds=len(SEEDS))
    text += "".join(table(algorithm, cells) for algorithm in ALGORITHMS) + THEORY
    (directory / "goodput.md").write_text(text)
    (directory / "goodput.svg").write_text(plot(cells))
    if wrong:
        sys.exit("far from theory:\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    main()
