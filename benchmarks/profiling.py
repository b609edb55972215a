"""
``python -m benchmarks.profiling``: where the time of one withdrawal goes, by what was done, and by function (pyinstrument).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.browser.evidence import VisitJournal, read_journal
from benchmarks.peers import DEFAULT, OFF
from benchmarks.peers.place import Peer, Place
from benchmarks.pretend import pretend

_WARM = 2
"""Withdrawals that are not counted."""


async def profile(peer: Peer, folder: Path, latency: int, times: int, out: Console) -> None:
    """Withdraw *times* orders, and print what took how long."""
    from pyinstrument import Profiler

    with pretend(folder, latency) as sites:
        place = Place(sites)
        async with peer.open(place) as withdraw:
            for _ in range(_WARM):
                await withdraw(place.order())
            walls = []
            profiler = Profiler(interval=0.001, async_mode="enabled")
            profiler.start()
            for _ in range(times):
                began = time.perf_counter()
                await withdraw(place.order())
                walls.append((time.perf_counter() - began) * 1000)
            profiler.stop()
        journals = [one for file in folder.rglob("visit.json") if (one := read_journal(file.parent)) is not None]
    journals.sort(key=lambda one: one.started_at)
    out.print(_table(journals[-times:], statistics.median(walls), f"{peer.name}, {latency} ms latency"))
    out.print(profiler.output_text(unicode=out.is_terminal, color=out.is_terminal), markup=False, highlight=False)


def _table(journals: list[VisitJournal], wall: float, title: str) -> Table:
    """By step and action: the median of each, and what is left of *wall* outside of them."""
    spans: dict[tuple[str, str], list[float]] = defaultdict(list)
    for journal in journals:
        for step in journal.steps:
            known = sum(action.seconds for action in step.actions)
            for place, action in enumerate(step.actions, 1):
                spans[step.name, f"{place}. {action.what} {action.target or action.page or ''}"].append(action.seconds)
            spans[step.name, "the rest: pictures that are waited for, looks between"].append(
                (step.seconds or 0.0) - known
            )
    table = Table("step", "what", "ms", title=title)
    table.columns[2].justify = "right"
    total = 0.0
    for (step_name, what), seconds in spans.items():
        median = statistics.median(seconds) * 1000
        total += median
        table.add_row(step_name, what, f"{median:.0f}")
    table.add_row("outside of the steps", "the ledger, the tab, what the portal remembers", f"{wall - total:.0f}")
    table.add_row("together", "", f"{wall:.0f}")
    return table


def main() -> int:
    """Profile, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiling", description="One withdrawal, profiled.")
    parser.add_argument("--evidence-off", action="store_true", help="without pictures, recordings and traces")
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="what each answer of the portal takes")
    parser.add_argument("--times", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="countermand-bench-") as folder:
        out = Console(width=None if sys.stdout.isatty() else 140)
        peer = OFF if chosen.evidence_off else DEFAULT
        asyncio.run(profile(peer, Path(folder, "sites"), chosen.latency, chosen.times, out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
