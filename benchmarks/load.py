"""
``python -m benchmarks.load [--orders 500] [--waiting 10000]``: countermand under load, through the real command line.

Prints figures beside the bars they are held to. A missed bar is shown as missed; only what must never happen (an order submitted
twice, or lost) makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import many, waiting
from benchmarks.pretend import Figure, Measured

_people = Console(stderr=True, highlight=False)


def main() -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="countermand under load.")
    parser.add_argument("--orders", type=int, default=500, help="orders from a file, in real browsers; 0: none")
    parser.add_argument("--browsers", type=int, default=3, help="how many accounts are visited at once")
    parser.add_argument("--waiting", type=int, default=10_000, help="cancellations that wait; 0: none")
    parser.add_argument("--idle", type=float, default=120, help="seconds an idle worker is watched")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whatever was started is ended, and the folder goes
    # Times mean little on a machine that was busy already.
    found = [Measured([Figure(f"load of the machine beforehand, {os.cpu_count()} cores", os.getloadavg()[0], "")], [])]
    with tempfile.TemporaryDirectory(prefix="countermand-load-") as folder, _people.status("starting") as status:
        if chosen.waiting > 0:
            found.append(waiting.measure(Path(folder, "waiting"), chosen.waiting, chosen.idle, status.update))
        if chosen.orders > 0:
            found.append(many.measure(Path(folder, "many"), chosen.orders, chosen.browsers, status.update))
    (_print_json if chosen.json else _print_table)(found)
    return 1 if any(one.wrong for one in found) else 0


def _print_table(found: list[Measured]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("figure", "measured", "bar", ""):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for figure in (figure for one in found for figure in one.figures):
        bar = "" if figure.at_most is None else f"< {figure.at_most:g} {figure.unit}"
        verdict = "" if figure.at_most is None else "missed" if figure.is_missed else "met"
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}".rstrip(), bar, verdict)
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    out.print(table)
    for sentence in (sentence for one in found for sentence in one.wrong):
        out.print(f"WRONG: {sentence}", markup=False)


def _print_json(found: list[Measured]) -> None:
    figures = [asdict(figure) | {"missed": figure.is_missed} for one in found for figure in one.figures]
    wrong = [sentence for one in found for sentence in one.wrong]
    print(json.dumps({"figures": figures, "wrong": wrong}, indent=2))


if __name__ == "__main__":
    sys.exit(main())
