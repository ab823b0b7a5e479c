#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures everything and writes the figures into docs/performance.md, between its marks, and its
plot beside it.

    document.py BUILD FILE [--seconds N]

A part of the file that begins with `<!-- begin NAME -->` and ends with `<!-- end NAME -->` is
written anew; everything else is left as it is.
"""

import argparse
import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import latency
import overload
from run import HEADS, LEFT, cells, linux_lines, wire_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
IDLE = (1, 1_000, 100_000, 1_000_000, 10_000_000)  # connections; 4 GiB for the last


def markdown(heads, rows, left):
    lines = ["| " + " | ".join(heads) + " |",
             "| " + " | ".join("---" if i < left else "---:" for i in range(len(heads))) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    processors = len(re.findall(r"^processor\s*:", text, re.MULTILINE))
    return f"{name.group(1) if name else platform.machine()}, {processors} CPUs, " \
        f"Linux {platform.release().split('-', maxsplit=1)[0]}"


def whole_part(results):
    rows = [cells(row, results) for row in results["rows"]]
    limits = listed(wire_lines(results))
    skipped = "".join(f"\n\n{device}: not measured, {why}."
                      for device, why in results["skipped"].items())
    return f"{machine()}; {results['seconds']} s a row; " \
        f"{results['memory']}.\n\n{markdown(HEADS, rows, LEFT)}\n\n" \
        f"The bare wire carries:\n\n{limits}\n\n" \
        f"The kernel's TCP at both ends:\n\n{listed(linux_lines(results))}{skipped}"


def listed(lines):
    return "\n".join(f"- {line}" for line in lines)


def latency_part(results):
    return markdown(latency.HEADS, [latency.cells(row) for row in results["latency"]], 1)


def instructions_part(results, titles):
    """A row for each kind of round; what a burst of 32 costs stands beside the bar."""
    counts = {(row["row"], row["end"], row["burst"]): row for row in results["rows"]}
    columns = [(end, burst) for end in ("client", "server") for burst in (1, 32)]
    rows = []
    for key in dict.fromkeys(row["row"] for row in results["rows"]):
        found = [counts.get((key, *column)) for column in columns]
        bounds = next(row for row in found if row)
        shown = [row["instructions"] if row else None for row in found]
        shown += [bounds["bar"], bounds["stretch"]]
        rows.append((titles[key], *("-" if v is None else f"{v:,.0f}" for v in shown)))
    heads = ["round", *(f"{end}, burst {burst}" for end, burst in columns), "bar", "stretch"]
    return f"{results['built_by']}.\n\n{markdown(heads, rows, 1)}" \
        + lwip_part(results["lwip"], titles, columns)


def lwip_part(lwip, titles, columns):
    """Nothing where it was not installed."""
    if lwip is None:
        return ""
    found = {(row["row"], row["end"], row["burst"]): row for row in lwip["rows"]}
    rows = [(titles[key], *(f"{row['instructions']:,.0f} ({row['times_ours']:.1f})"
                            for row in (found[(key, *column)] for column in columns)))
            for key in dict.fromkeys(row["row"] for row in lwip["rows"])]
    heads = ["the same (times ours)", *(f"{end}, burst {burst}" for end, burst in columns)]
    return f"\n\n{lwip['built_by']}, checksums and locks left out.\n\n{markdown(heads, rows, 1)}"


def profile_part(text):
    """What `--functions` printed of the server, in a burst."""
    found = re.search(r"^\w+, server, burst 32: \d+ instructions, of which.*?(?=\n\n|\Z)", text,
                      re.DOTALL | re.MULTILINE)
    return f"```\n{found.group(0).strip()}\n```"


def growth_part(rows, memory):
    times = [(f"{row['idle']:,}", f"{row['none_ns']:,.0f}", f"{row['ns']:,.0f}",
              f"{row['ratio']:.3f}", f"{row['bar']:.2f}") for row in rows]
    bytes_each = [(row["name"], f"{row['count']:,}", f"{row['resident_bytes']:.1f}",
                   f"{row['bar']:,}") for row in memory]
    return markdown(("idle connections", "ns, none idle", "ns", "ratio", "bar"), times, 0) \
        + "\n\n" + markdown(("bytes each, all in", "count", "resident", "bar"), bytes_each, 1)


def growth_plot(rows):
    """Cost over the logarithm of the connections, as SVG."""
    width, height, left, bottom, top = 560, 300, 60, 250, 30
    largest = max(row["ns"] for row in rows) * 1.2
    across = (width - left - 30) / (len(rows) - 1)

    def text(x, y, words, anchor="middle"):
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    points = [(left + i * across, bottom - row["ns"] / largest * (bottom - top))
              for i, row in enumerate(rows)]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             text(width / 2, 18, "ns for a connection, both ends, beside so many idle ones")]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = bottom - share * (bottom - top)
        parts.append(f'<path d="M{left} {y:.0f}H{width - 30}" stroke="#ddd"/>')
        parts.append(text(left - 6, y + 4, f"{share * largest:.0f}", "end"))
    parts.append('<polyline fill="none" stroke="#1b6ca8" stroke-width="2" points="'
                 + " ".join(f"{x:.0f},{y:.0f}" for x, y in points) + '"/>')
    for (x, y), row in zip(points, rows):
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#1b6ca8"/>')
        parts.append(text(x, bottom + 18, f"{row['idle']:,}"))
    return "\n".join([*parts, "</svg>", ""])


def replaced(text, name, part):
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not pattern.search(text):
        sys.exit(f"document: there is no part '{name}' to write")
    return pattern.sub(lambda found: f"{found.group(1)}\n{part}\n\n{found.group(2)}", text)


def run(argv):
    """Its output; a comparison or a load that failed does not keep the figures from being shown."""
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, text=True,
                          check=False)
    print(done.stdout, flush=True)
    return done.stdout


def main():
    parser = argparse.ArgumentParser(prog="./run bench --document",
                                     description=__doc__.splitlines()[0])
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("file", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", default="3", metavar="N", help="for each row of rates")
    parser.add_argument("--whole", type=pathlib.Path, metavar="FILE",
                        help="take the rates from this file, instead of measuring them")
    options = parser.parse_args()

    text = options.file.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="millrace-document-") as folder:
        counted = pathlib.Path(folder) / "instructions.json"
        profile = run([ROOT / "bench/macro/instructions", options.build, "--functions", "request",
                       "--json", counted])
        instructions = json.loads(counted.read_text(encoding="utf-8"))
        text = replaced(text, "instructions",
                        instructions_part(instructions, instructions["titles"]))
        text = replaced(text, "profile", profile_part(profile))
        whole = options.whole
        if whole is None:
            whole = pathlib.Path(folder) / "whole.json"
            run([sys.executable, ROOT / "bench/whole/run.py", options.build, "--seconds",
                 options.seconds, "--json", whole])
        rates = json.loads(whole.read_text(encoding="utf-8"))
        text = replaced(text, "whole", whole_part(rates))
        text = replaced(text, "latency", latency_part(rates))
        text = replaced(text, "overload", listed(overload.lines(rates)))
    crowd = pathlib.Path(options.build) / "bench/macro/crowd"
    growth = json.loads(run([crowd, "time", "--json", *IDLE]))["connect_request_close"]
    memory = json.loads(run([crowd, "memory", "--json", 1_000_000]))["memory"]
    text = replaced(text, "growth", growth_part(growth, memory))
    options.file.with_name("growth.svg").write_text(growth_plot(growth), encoding="utf-8")
    options.file.write_text(text, encoding="utf-8")
    print(f"written: {options.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
