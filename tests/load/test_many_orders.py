"""
Forty orders of five accounts from one file, through the real command line, a real worker and a real browser; and the import killed
in the middle. What the portal and the shop wrote down is what counts.
"""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.engine.listing import Filters
from tests.cli.test_fixtures_program import Program
from tests.conftest import CommandLine, needs_browser

pytestmark = pytest.mark.slow

COUNT = 20
SILENCE = 240.0
"""Seconds without a visit after which the worker is given up."""


class Import:
    """``countermand cancel --from`` the file that asks for every order, and what the ledger has of it."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.file = folder / "fixtures" / "orders.csv"
        with self.file.open(encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))
        self.countermand = CommandLine(Path(program.places["config"]), folder)
        self._database = open_database(Path(program.places["home"]))
        self._ledger = Ledger(self._database, SystemClock(), "the test")

    @property
    def command(self) -> tuple[str, ...]:
        """The command line."""
        return ("cancel", "--from", str(self.file), "--wait", "none", "--json")

    @property
    def asked(self) -> int:
        """How many cancellations there are."""
        return self._ledger.find(Filters()).total

    def ids(self) -> dict[str, str]:
        """The cancellation of every order that was asked for."""
        found = self._ledger.newest(limit=10 * COUNT)
        assert all(1 == len(one.orders) for one in found)
        return {one.orders[0].order_id: one.id for one in found}

    def stages(self) -> Counter[str]:
        """How many cancellations are at which stage."""
        return Counter(one.stage.value for one in self._ledger.newest(limit=10 * COUNT))

    def results(self) -> list[tuple[str, str]]:
        """The order and the id of every line, by the result file."""
        with Path(f"{self.file}.results.csv").open(encoding="utf-8", newline="") as file:
            return [(row["order"], row["id"]) for row in csv.DictReader(file)]

    def record(self, name: str) -> list[dict[str, Any]]:
        """What the portal, or the shop, received."""
        return [json.loads(line) for line in Path(self.program.places[f"{name}_record"]).read_text().splitlines()]

    def close(self) -> None:
        """Let go of the ledger."""
        self._database.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """``python -m fixtures`` with twenty orders more than usual."""
    started = Program(tmp_path / "fixtures", "--orders", str(COUNT))
    started.control("/switches", {"delay_ms": 0})
    yield started
    started.stop()


@pytest.fixture
def importing(program: Program, tmp_path: Path) -> Iterator[Import]:
    """The import of all of them."""
    begun = Import(program, tmp_path)
    yield begun
    begun.close()


@pytest.fixture
def worker(importing: Import) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, ready."""
    process = importing.countermand.start("--json", "worker", "--browsers", "2")
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


def until_every_order_is_over(worker: subprocess.Popen[str], ids: set[str]) -> None:
    """Read what the worker tells until nothing goes on by itself any more."""
    assert worker.stdout is not None
    while ids:
        too_long = threading.Timer(SILENCE, worker.kill)
        too_long.start()
        try:
            line = worker.stdout.readline()
        finally:
            too_long.cancel()
        assert line, f"the worker fell silent with {len(ids)} orders left"
        told = json.loads(line)
        if told["event"] == "visit" and told["stage"] not in ("open", "awaiting_decision", "settling"):
            ids.discard(told["id"])


def killed_after(importing: Import, count: int) -> dict[str, str]:
    """Kill an import once *count* orders are asked for; the ids of those that are."""
    process = importing.countermand.start(*importing.command)
    deadline = time.monotonic() + 60
    while importing.asked < count:
        assert time.monotonic() < deadline, "it asked for too little"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert -signal.SIGKILL == process.returncode
    ids = importing.ids()
    assert len(ids) < COUNT, "it was killed too late to prove anything"
    return ids


@needs_browser
def test_twenty_orders_of_five_accounts(importing: Import, worker: subprocess.Popen[str]) -> None:
    """
    The worker is at it while the import is killed twice and given again, and once more when all is done: the same ids, one submit
    and one orderCancel each.
    """
    first = killed_after(importing, COUNT // 4)
    second = killed_after(importing, COUNT // 2)
    again = importing.countermand(*importing.command)
    ids = importing.ids()
    until_every_order_is_over(worker, set(ids.values()))
    worker.terminate()
    _, told = worker.communicate(timeout=90)
    at_last = importing.countermand(*importing.command)

    orders = [row["order"] for row in importing.rows]
    assert (COUNT, 5) == (len(set(orders)), len({row["account"] for row in importing.rows}))
    assert (0, 0, 0) == (again.code, worker.returncode, at_last.code), told
    assert set(orders) == ids.keys()
    assert first == {order: second[order] for order in first}
    assert second == {order: ids[order] for order in second}
    assert ids == importing.ids()
    assert [(order, ids[order]) for order in orders] == importing.results()
    assert {"done": COUNT} == importing.stages()
    assert dict.fromkeys(orders, 1) == Counter(line["order"] for line in importing.record("portal"))
    shop_orders = [row["shop_order"] for row in importing.rows if row["shop_order"]]
    changes = [(line["operation"], line["order"], line["executed"]) for line in importing.record("shop")]
    assert sorted(("orderCancel", name, True) for name in shop_orders) == sorted(changes)
