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

from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.engine.records import Wanted
from agent.model import Choices, OrderId, Reason, ReasonChoice, Stage
from tests.chaos.portal import ChaosPortal
from tests.chaos.worker_at import Point

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("worker_at.py")
ROOT = PROGRAM.parents[2]
ACCOUNTS = [f"a{number}" for number in range(1, 6)]
CHOICES = Choices(reason=ReasonChoice(key=Reason.NO_LONGER_NEEDED))
KILLS = int(os.environ.get("CHAOS_KILLS", "30"))
ORDERS = max(60, KILLS * 2)


class Work:
    """The ledger under *home*, and a worker on it that can be killed."""

    def __init__(self, home: Path, portal: ChaosPortal, quiet: str) -> None:
        self._home, self._portal, self._quiet = home, portal, quiet
        self.ledger = Ledger(open_database(home), SystemClock(), "the test")
        self._running: subprocess.Popen[str] | None = None
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

    def start(self, point: Point = "never") -> None:
        """Start the worker."""
        command = [sys.executable, str(PROGRAM), str(self._home), str(self._portal.port), self._quiet, point]
        self._running = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
        )

    def kill(self) -> None:
        """As a power cut would."""
        assert self._running is not None
        self._running.kill()
        _, err = self._running.communicate(timeout=30)
        assert -signal.SIGKILL == self._running.returncode, err
        self._running = None

    def dies(self) -> None:
        """Wait until it has killed itself."""
        assert self._running is not None
        _, err = self._running.communicate(timeout=60)
        assert -signal.SIGKILL == self._running.returncode, err
        self._running = None

    def stop(self) -> None:
        """Tell it to stop, and have it end well."""
        if self._running is None:
            return
        self._running.terminate()
        _, err = self._running.communicate(timeout=90)
        assert 0 == self._running.returncode, err
        self._running = None

    def clicked(self, ids: list[str]) -> int:
        """How many orders were clicked, and nobody knows yet with what outcome."""
        orders = [order for id in ids for order in self.ledger.get(id).orders]
        return sum(order.stamp is not None and order.stamp.is_open for order in orders)

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
