"""
Many orders from one file, over five accounts, in real browsers: how long it takes, what it costs, and whether every order was
submitted once by the portal's own record, and every shop order cancelled once by the shop's.
"""

from __future__ import annotations

import csv
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.pretend import Figure, Measured, Pretend, pretend
from benchmarks.processes import cpu, watched

_SILENCE = 180.0
"""Seconds without any visit after which nothing more is waited for."""
_OVER = ("done", "refused", "abandoned", "needs_operator")


def measure(folder: Path, orders: int, browsers: int, tells: Callable[[str], None]) -> Measured:
    """
    Withdraw *orders* orders.

    :param browsers: how many accounts are visited at once.
    :param tells: told how far it is.
    """
    with pretend(folder, orders) as sites:
        began = time.monotonic()
        asked = sites.run("cancel", "--from", str(sites.orders), "--wait", "none")["results"]
        asking = time.monotonic() - began
        began = time.monotonic()
        with sites.worker("--browsers", str(browsers)) as worker, watched(worker.pid) as peaks:
            stages = until_all_are_over(worker, [one["id"] for one in asked], tells)
            took = time.monotonic() - began
            own, below = cpu(worker.pid)
        wrong = [f"{id} was left {stage}" for id, stage in stages.items() if stage != "done"]
        wrong += judged(sites)
    figures = [
        Figure(f"asking for {orders} orders from a file", asking, "s"),
        Figure(f"withdrawing them, {browsers} accounts at once", took, "s"),
        Figure("orders per minute", orders / took * 60, ""),
        Figure("CPU of the worker, for each order", own / orders, "s"),
        Figure("CPU of browsers and their drivers, for each order", below / orders, "s"),
        Figure("most memory of the worker", peaks.own, "MB"),
        Figure("most memory of browsers and drivers, all together", peaks.below, "MB"),
    ]
    return Measured(figures, wrong)


def until_all_are_over(worker: subprocess.Popen[str], ids: list[str], tells: Callable[[str], None]) -> dict[str, str]:
    """The stage of every cancellation, when none goes on by itself any more, or nothing has happened for long."""
    stages = dict.fromkeys(ids, "open")
    assert worker.stdout is not None
    while left := sum(stage not in _OVER for stage in stages.values()):
        tells(f"{len(ids) - left} of {len(ids)} orders are over")
        too_long = threading.Timer(_SILENCE, worker.kill)
        too_long.start()
        try:
            line = worker.stdout.readline()
        finally:
            too_long.cancel()
        if not line:
            break
        told: dict[str, Any] = json.loads(line)
        if told["event"] == "visit":
            stages[told["id"]] = told["stage"]
    return stages


def judged(sites: Pretend) -> list[str]:
    """What is wrong by the records of the portal and the shop, whatever the worker believes."""
    with sites.orders.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    submits = Counter(line["order"] for line in sites.record("portal"))
    cancels = Counter(line["order"] for line in sites.record("shop") if line["operation"] == "orderCancel")
    expected = [("order", "submitted", submits, {row["order"] for row in rows})]
    expected += [("shop order", "cancelled", cancels, {row["shop_order"] for row in rows if row["shop_order"]})]
    return [
        f"{what} {name} was {done} {times[name]} times instead of {int(name in wanted)}"
        for what, done, times, wanted in expected
        for name in sorted(wanted | times.keys())
        if times[name] != (name in wanted)
    ]
