"""
``python -m benchmarks``: countermand beside what people would use instead, and how its costs grow.

Prints the ratios and their bars, and writes JSON and pictures. A missed bar is shown as missed; only a walk that goes wrong ends it early.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import among, chart, history, recognition, replays, startup, walks, working
from benchmarks.plan import TINY, Plan
from benchmarks.results import Part, Row, run_of, this_commit, this_machine, together
from benchmarks.showing import print_run, write_summary

_ROOT = Path(__file__).parents[1]
_RESULTS = Path(__file__).parent / "results"
_people = Console(stderr=True, highlight=False)

Tells = Callable[[str], None]


def _recognition(folder: Path, plan: Plan, tells: Tells) -> Part:
    tells("recognising pages")
    folder.mkdir()
    found = asyncio.run(recognition.measure(folder, 200 if plan.rounds > 1 else 5))
    return Part(
        figures=[Row(name=f"one recognition: {one.page}", value=one.recognition, unit="ms") for one in found]
        + [Row(name=f"one bare question: {one.page}", value=one.round_trip, unit="ms") for one in found]
    )


PARTS: dict[str, Callable[[Path, Plan, Tells], Part]] = {
    "walks": lambda at, plan, tells: asyncio.run(walks.measure(at, plan.latencies, plan.rounds, tells)),
    "fifty": lambda at, plan, tells: asyncio.run(walks.fifty(at, plan.fifty, tells)),
    "find": lambda at, plan, tells: asyncio.run(among.finding(at, plan.find_sizes, plan.find_rounds, tells)),
    "sweep": lambda at, plan, tells: asyncio.run(among.sweeping(at, plan.sweep_orders, plan.sweep_pending, tells)),
    "replay": lambda at, plan, tells: asyncio.run(replays.measure(at, plan.replay_rounds, tells)),
    "start": lambda at, plan, tells: startup.measure(at, plan.start_rounds, plan.list_few, plan.list_many, tells),
    "recognition": _recognition,
    "ledger": lambda at, plan, tells: asyncio.run(history.measure(at, plan.ledger_sizes, plan.ledger_rounds, tells)),
    "throughput": lambda at, plan, tells: working.throughput(
        at, plan.each, plan.throughput_rounds, plan.throughput_latency, plan.ways, tells
    ),
    "memory": lambda at, plan, tells: working.memory(
        at, plan.memory_early, plan.memory_late, plan.memory_window, tells
    ),
}
"""What can be measured, by itself or all in one run; what takes longest comes last."""


def main() -> int:
    """Measure, print what was found, and keep it."""
    chosen = _chosen()
    plan = TINY if chosen.tiny else Plan()
    if chosen.rounds:
        plan = replace(plan, rounds=chosen.rounds)
    if chosen.latency:
        plan = replace(plan, latencies=tuple(chosen.latency))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whatever was started is ended, and the folder goes
    began, machine, commit = datetime.now(UTC), this_machine(), this_commit()
    if machine.load > machine.cores / 2:
        _people.print(f"This machine is busy (load {machine.load:.1f}): the times will say little.", markup=False)
    parts: list[Part] = []
    chosen.out.mkdir(parents=True, exist_ok=True)
    kept = chosen.out / f"{began:%Y-%m-%d-%H%M%S}"
    with tempfile.TemporaryDirectory(prefix="countermand-bench-") as folder, _people.status("starting") as status:
        try:
            for name in chosen.only or PARTS:
                at = Path(folder, name)
                parts.append(PARTS[name](at, plan, lambda said, name=name: status.update(f"{name}: {said}")))  # type: ignore[misc]
                # An hour's work is not lost with what comes last.
                run = run_of(together(parts), machine, began, commit, asdict(plan))
                kept.with_suffix(".json").write_text(run.model_dump_json(indent=1) + "\n", encoding="utf-8")
        except (KeyboardInterrupt, SystemExit):
            _people.print("stopped; what was measured until then:")
    if not parts:
        return 143
    print_run(run, Console(highlight=False, width=None if sys.stdout.isatty() else 160))
    svg = chart.charts(run)
    kept.with_suffix(".svg").write_text(svg, encoding="utf-8")
    chart.picture(svg, kept.with_suffix(".png"))
    _people.print(f"kept as {kept}.json, .svg and .png", markup=False, soft_wrap=True)
    if chosen.readme:
        write_summary(run, _ROOT / "README.md")
        _people.print("the summary in README.md is new", markup=False)
    return 0


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="countermand, measured.")
    parser.add_argument("--only", nargs="+", action="extend", choices=PARTS, help="these parts; default: all of them")
    parser.add_argument("--rounds", type=int, help="withdrawals by each peer at each latency")
    parser.add_argument(
        "--latency", type=int, nargs="+", action="extend", metavar="MS", help="what each answer of the portal takes"
    )
    parser.add_argument("--tiny", action="store_true", help="only see that everything works; the figures mean nothing")
    parser.add_argument("--out", type=Path, default=_RESULTS, help="where results are kept")
    parser.add_argument("--readme", action="store_true", help="write the summary into README.md")
    chosen = parser.parse_args()
    if chosen.tiny and chosen.readme:
        parser.error("--tiny measures nothing that belongs into the README")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
