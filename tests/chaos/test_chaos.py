"""
A worker is killed with SIGKILL, again and again, at random and at named points, while requests land seconds after the click.

By the portal's own count nothing is submitted twice, nothing is lost, and no account is visited twice at once. A control with no
QUIET submits twice every time: the harness can fail.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import text

from agent.engine.clock import SystemClock
from agent.engine.database import Database, open_database
from agent.engine.durable import has_queue, recover
from agent.engine.ledger import Ledger
from agent.engine.records import Wanted
from agent.model import Choices, OrderId, Reason, ReasonChoice, Stage
from tests.chaos.portal import ChaosPortal
from tests.chaos.worker_at import Point
from tests.engine.cluster import cluster

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("worker_at.py")
ROOT = PROGRAM.parents[2]
ACCOUNTS = [f"a{number}" for number in range(1, 6)]
CHOICES = Choices(reason=ReasonChoice(key=Reason.NO_LONGER_NEEDED))
KILLS = int(os.environ.get("CHAOS_KILLS", "30"))
ORDERS = max(60, KILLS * 2)


_at_work: list[Work] = []
"""What the test at hand has begun."""


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """No worker is left behind, by a test that fails either."""
    yield
    while _at_work:
        _at_work.pop().end()


class Work:
    """The ledger under *home*, and a worker on it that can be killed."""

    def __init__(self, home: Path, portal: ChaosPortal, quiet: str, address: str | None = None) -> None:
        self._home, self._portal, self._quiet, self._address = home, portal, quiet, address
        self.ledger = Ledger(open_database(home, address), SystemClock(), "the test")
        self._running: dict[str, subprocess.Popen[str]] = {}
        _at_work.append(self)
        self._numbers = itertools.count()

    def ask(self, count: int) -> list[str]:
        """New cancellations, one order each, dealt out to all accounts."""
        numbers = [next(self._numbers) for _ in range(count)]
        wanted = [
            Wanted("aliexpress", ACCOUNTS[number % 5], OrderId(f"{8190101000000000 + number * 20000}"))
            for number in numbers
        ]
        claimed = [self.ledger.claim([one], CHOICES) for one in wanted]
        return [one.id for one in claimed if one is not None]

    def start(self, point: Point = "never", worker: str = "worker-1") -> None:
        """Start a worker."""
        command = [sys.executable, str(PROGRAM), str(self._home), str(self._portal.port), self._quiet, point, worker]
        self._running[worker] = subprocess.Popen(
            [*command, *([self._address] if self._address else [])],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self, worker: str = "worker-1") -> None:
        """As a power cut would."""
        self._running[worker].kill()
        self.dies(worker)

    def dies(self, worker: str = "worker-1") -> None:
        """Wait until it is killed, or has killed itself."""
        process = self._running.pop(worker)
        _, err = process.communicate(timeout=60)
        assert -signal.SIGKILL == process.returncode, err

    def stop(self) -> None:
        """Tell them to stop, and have them end well."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            _, err = process.communicate(timeout=90)
            assert 0 == process.returncode, err
        self._running = {}

    def clicked(self, ids: list[str]) -> int:
        """How many orders were clicked, and nobody knows yet with what outcome."""
        orders = [order for id in ids for order in self.ledger.get(id).orders]
        return sum(order.stamp is not None and order.stamp.is_open for order in orders)

    def end(self) -> None:
        """Whatever became of the test, its workers go with it."""
        for process in self._running.values():
            process.kill()
            process.communicate(timeout=30)
        self._running = {}

    def open(self, ids: list[str]) -> list[str]:
        """Those of *ids* that are not over."""
        return [id for id in ids if not self.ledger.get(id).stage.is_final]


@pytest.fixture
def portal() -> Iterator[ChaosPortal]:
    """Requests land half a second to two and a half after the click."""
    with ChaosPortal(lands_within=(0.5, 2.5)) as started:
        yield started


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def everything_is_right(work: Work, portal: ChaosPortal, ids: list[str]) -> None:
    """One submit each, nothing lost, nobody twice at once, and every event there is."""
    assert {1} == set(portal.received.values())
    assert len(ids) == len(portal.received)
    assert [] == portal.overlaps
    assert {Stage.DONE} == {work.ledger.get(id).stage for id in ids}
    for id in ids:
        numbers = [event.number for event in work.ledger.events(id)]
        assert list(range(1, len(numbers) + 1)) == numbers


def test_killed_again_and_again(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    Thirty kills and more over sixty orders of five accounts: at random, and at every named point.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(ORDERS)
    points = [point for point in get_args(Point) if point != "never"]
    clicked = 0
    for number in range(KILLS):
        if number % 3 == 2:
            ids += work.ask(1)  # for what is to be killed at one point, there must be something to do
            work.start(points[(number // 3) % len(points)])
            work.dies()
        else:
            work.start()
            time.sleep(random.uniform(0.8, 3.0))
            work.kill()
        clicked += work.clicked(ids)
    work.start()
    until(lambda: not work.open(ids), seconds=240)
    work.stop()

    everything_is_right(work, portal, ids)
    assert KILLS < clicked, "too few kills came while something was out: this has proved nothing"


@pytest.mark.parametrize("quiet", ["3s", "0s"])
def test_restarted_at_once_after_the_click(tmp_path: Path, quiet: str) -> None:
    """
    Killed between click and answer, started again within a second, the request lands three seconds after the click: with QUIET one
    submit, without it two. That is what QUIET is for.
    """
    with ChaosPortal(lands_within=(3.0, 3.0)) as portal:
        work = Work(tmp_path / "home", portal, quiet="3.5s" if quiet == "3s" else quiet)
        ids = work.ask(1)
        work.start("after_click")
        work.dies()
        work.start()
        until(lambda: not work.open(ids), seconds=60)
        work.stop()

        assert [1 if quiet == "3s" else 2] == list(portal.received.values())


def test_told_to_stop_it_ends_what_it_began(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    SIGTERM: nothing new is clicked, what was clicked is seen to its answer, and the next worker goes on from there.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(20)
    work.start()
    until(lambda: len(portal.received) >= 3, seconds=30)
    work.stop()

    orders = [order for id in ids for order in work.ledger.get(id).orders]
    assert not any(order.stamp is not None and order.stamp.is_open for order in orders)
    assert 20 > len(portal.received)
    work.start()
    until(lambda: not work.open(ids), seconds=120)
    work.stop()
    everything_is_right(work, portal, ids)


def test_a_worker_that_does_not_come_back(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    What it had begun keeps its accounts until it is given to the others: then everything ends well, with one submit each.
    """
    work = Work(tmp_path / "home", portal, quiet="3s")
    ids = work.ask(20)
    work.start(worker="worker-1")
    work.start(worker="worker-2")
    database = open_database(tmp_path / "home")
    until(lambda: has_queue(database) and bool(pending(database, "worker-2")), seconds=60)
    work.kill("worker-2")
    left = pending(database, "worker-2")

    assert len(left) == recover(database, "worker-2")
    until(lambda: not work.open(ids), seconds=120)
    work.stop()

    assert left
    assert [] == pending(database, "worker-2")
    everything_is_right(work, portal, ids)


def pending(database: Database, worker: str) -> list[str]:
    """The visits that *worker* is at, by the queue."""
    with database.reading() as session:
        query = "SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING' AND executor_id = :worker"
        return list(session.execute(text(query), {"worker": worker}).scalars())


def test_two_workers_on_a_server(tmp_path: Path, portal: ChaosPortal) -> None:
    """
    The same ledger on PostgreSQL with two workers, one or the other killed again and again.
    """
    with cluster() as server:
        work = Work(tmp_path / "home", portal, quiet="3s", address=server.database())
        ids = work.ask(40)
        names = ("worker-1", "worker-2")
        for name in names:
            work.start(worker=name)
        clicked = 0
        for number in range(12):
            ids += work.ask(2)  # so that there is always something to do
            before = len(portal.requests)
            until(lambda before=before: len(portal.requests) > before, seconds=60)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.3))
            name = names[number % 2]
            work.kill(name)
            clicked += work.clicked(ids)
            work.start(worker=name)
        until(lambda: not work.open(ids), seconds=240)
        work.stop()

        everything_is_right(work, portal, ids)
        assert 12 < clicked, "too few kills came while something was out: this has proved nothing"
