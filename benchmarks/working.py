"""
A real worker, in a process of its own: how much it gets done with more accounts and browsers, and what it holds after many visits.
"""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.many import judged, until_all_are_over
from benchmarks.pretend import Pretend, pretend
from benchmarks.processes import below, held
from benchmarks.results import Part, Row, figure, held_to
from benchmarks.spread import ratio
from fixtures.aliexpress.seed import MORE

Tells = Callable[[str], None]
Way = tuple[int, int]
"""So many accounts, on so many browsers."""

_ONE, _FOUR = (1, 1), (4, 2)


def throughput(folder: Path, each: int, rounds: int, latency: int, ways: Sequence[Way], tells: Tells) -> Part:
    """
    Orders per minute, each way once per round.

    :param each: how many orders each account has.
    :param latency: milliseconds that each answer of the portal takes.
    """
    rates: dict[Way, list[float]] = {way: [] for way in ways}
    for round in range(rounds):
        for way in ways:
            tells(f"{named(way)}, round {round + 1} of {rounds}")
            rates[way].append(_rate(folder / f"round-{round}-{way[0]}-{way[1]}", each, way, latency, tells))
    found = Part(
        figures=[
            figure(f"orders per minute, {named(way)}, at {latency} ms", values, "").model_copy(
                update={"more_is_better": True}
            )
            for way, values in rates.items()
        ],
        samples={f"orders per minute, {named(way)}": values for way, values in rates.items()},
    )
    if _ONE in rates and _FOUR in rates:
        found.ratios.append(held_to("throughput", ratio(rates[_FOUR], rates[_ONE]), latency))
    return found


def named(way: Way) -> str:
    """For people."""
    accounts, browsers = way
    return f"{accounts} account{'' if accounts == 1 else 's'} on {browsers} browser{'' if browsers == 1 else 's'}"


def _rate(folder: Path, each: int, way: Way, latency: int, tells: Tells) -> float:
    accounts, browsers = way
    with pretend(folder, each * len(MORE)) as sites:
        sites.control("/switches", {"delay_ms": latency})
        only(sites, accounts)
        asked = sites.run("cancel", "--from", str(sites.orders), "--wait", "none")["results"]
        with sites.worker("--browsers", str(browsers)) as worker:
            began = time.monotonic()
            stages = until_all_are_over(worker, [one["id"] for one in asked], tells)
            took = time.monotonic() - began
        wrong = [f"{id} was left {stage}" for id, stage in stages.items() if stage != "done"] + judged(sites)
    if wrong:
        raise RuntimeError("; ".join(wrong[:5]))
    return len(asked) / took * 60


def only(sites: Pretend, accounts: int) -> None:
    """Leave the orders of the first *accounts* accounts in the file, without shop orders: the portal alone is measured."""
    names = [email.partition("@")[0] for email in MORE[:accounts]]
    with sites.orders.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["account"] in names]
    with sites.orders.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"shop_order": "", "refund": ""} for row in rows)


@dataclass(frozen=True)
class _Held:
    """MB, after so many visits."""

    visits: int
    own: float
    together: float
    """With its browsers and their drivers."""


def memory(folder: Path, early: int, late: int, window: int, tells: Tells) -> Part:
    """
    What a worker and its browsers hold after *late* visits, and after *early* ones.

    :param window: the median of so many looks from there on is taken: one says little.
    """
    with pretend(folder / "memory", late + window) as sites:
        only(sites, len(MORE))
        sites.run("cancel", "--from", str(sites.orders), "--wait", "none")
        with sites.worker("--browsers", "1") as worker:
            looks = _after_each_visit(sites, worker, late + window, tells)
    held_by: dict[str, Callable[[_Held], float]] = {
        "worker and browsers": lambda one: one.together,
        "worker alone": lambda one: one.own,
    }
    figures, shares = [], []
    for name, of in held_by.items():
        then, now = (statistics.median([of(one) for one in looks if one.visits >= at][:window]) for at in (early, late))
        figures.append(Row(name=f"memory after {early} visits, {name}", value=then, unit="MB"))
        figures.append(Row(name=f"memory after {late} visits, {name}", value=now, unit="MB"))
        shares.append(now / then)
    return Part(
        ratios=[held_to("memory", shares[0], early, late), Row(name="memory as above, worker alone", value=shares[1])],
        figures=figures,
        samples={"memory after each visit": [one.together for one in looks]},
    )


def _after_each_visit(sites: Pretend, worker: subprocess.Popen[str], visits: int, tells: Tells) -> list[_Held]:
    """A sweep is told once for each cancellation, so visits are counted by what they leave."""
    looks: list[_Held] = []
    assert worker.stdout is not None
    while not looks or looks[-1].visits < visits:
        line = worker.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended after {looks[-1].visits if looks else 0} visits")
        if json.loads(line)["event"] == "visit":
            count = sum(1 for _ in (sites.home / "visits").iterdir())
            own = held([worker.pid])
            looks.append(_Held(count, own, own + held(below(worker.pid))))
            tells(f"memory: {count} of {visits} visits")
    return looks
