"""
``python -m benchmarks.check OLD NEW``: what became worse between two results, beyond what chance does.

It informs: whatever it finds, it ends with 0. Only a file that it cannot read makes it end with 2.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.results import Machine, Row, Run, read_run

NOISE = 1.10
"""Two runs on one machine differ by as much, whatever their code."""

Verdict = Literal["worse", "better"]


@dataclass(frozen=True)
class Change:
    """A figure that is not what it was."""

    old: Row
    new: Row
    factor: float
    """How many times as good or bad, always above 1."""
    verdict: Verdict


def changes(old: Run, new: Run) -> list[Change]:
    """
    What changed beyond noise, the worst first. Ratios of one run come before times, which depend on the machine's mood, too.
    """
    found = [
        change
        for before, after in ((old.ratios, new.ratios), (old.figures, new.figures))
        for change in _changed({row.name: row for row in before}, after)
    ]
    ratios = {row.name for row in new.ratios}
    return sorted(found, key=lambda one: (one.verdict == "better", one.new.name not in ratios, -one.factor))


def _changed(before: dict[str, Row], after: Sequence[Row]) -> list[Change]:
    pairs = [(before[row.name], row) for row in after if row.name in before]
    return [change for old, new in pairs if (change := _change(old, new)) is not None]


def _change(old: Row, new: Row) -> Change | None:
    if min(old.value, new.value) <= 0:
        return None
    grown = new.value > old.value
    factor = max(new.value, old.value) / min(new.value, old.value)
    if factor <= NOISE or _overlap(old, new):
        return None
    return Change(old, new, factor, "better" if grown == new.more_is_better else "worse")


def _overlap(old: Row, new: Row) -> bool:
    """Whether the one may be the other, by their intervals."""
    if old.low is None or old.high is None or new.low is None or new.high is None:
        return False
    return old.low <= new.high and new.low <= old.high


def sentences(old: Run, new: Run) -> list[str]:
    """What is to be said about *new*, after *old*."""
    said = _differences(old.machine, new.machine)
    if old.parameters != new.parameters:
        said.append("The two were run with different parameters.")
    found = changes(old, new)
    said += [_sentence(change) for change in found]
    names = {row.name for row in (*new.ratios, *new.figures)}
    said += [f"not measured any more: {row.name}" for row in (*old.ratios, *old.figures) if row.name not in names]
    worse = sum(change.verdict == "worse" for change in found)
    said.append(f"{worse} figure{'' if worse == 1 else 's'} worse beyond noise, {len(found) - worse} better.")
    return said


def _differences(old: Machine, new: Machine) -> list[str]:
    said = []
    if (old.processor, old.cores) != (new.processor, new.cores):
        said.append("Measured on two different machines: only ratios can be compared.")
    said += [
        f"{name}: {old.versions[name]} then, {now} now"
        for name, now in new.versions.items()
        if old.versions.get(name, now) != now
    ]
    for when, machine in (("old", old), ("new", new)):
        if machine.load > machine.cores / 2:
            said.append(
                f"The machine was busy before the {when} run (load {machine.load:.1f} on {machine.cores} cores)."
            )
    return said


def _sentence(change: Change) -> str:
    old, new = change.old, change.new
    bar = (
        ""
        if new.reached is None or new.reached == old.reached
        else f", its bar is {'reached' if new.reached else 'missed'} now"
    )
    return (
        f"{change.verdict}: {new.name}: {old.value:.3g} → {new.value:.3g} {new.unit}".rstrip()
        + f" ({change.factor:.2f} times{bar})"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two files, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description="What became worse, beyond noise.")
    parser.add_argument("old", type=Path, help="an earlier result of make bench (JSON)")
    parser.add_argument("new", type=Path, help="a later one")
    chosen = parser.parse_args(arguments)
    try:
        old, new = read_run(chosen.old), read_run(chosen.new)
    except ValueError as error:
        print(f"{error}. Give two JSON files from benchmarks/results.", file=sys.stderr)
        return 2
    print("\n".join(sentences(old, new)))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads the first lines only wants no more
    sys.exit(main())
