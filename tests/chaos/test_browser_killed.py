"""
``countermand worker`` as people run it, with a real browser, is killed again and again while requests land after the click.

By the portal's own record there is one submit per order. Once the worker is killed alone: its browser is left behind, and goes on for
as long as it takes it to notice.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.model import Stage
from fixtures.aliexpress.seed import MAIN, ORDERS, SECOND, SECOND_ORDERS
from fixtures.playground import Playground
from tests.chaos.work import until
from tests.conftest import CommandLine, needs_browser

pytestmark = [pytest.mark.slow, needs_browser]

KILLS = 4
LANDS_AFTER = 25.0
"""Seconds: longer than a worker and its browser take to start again and look, on a slow machine, too."""
ACCOUNTS = {
    "main": [ORDERS["placed"], *(ORDERS[f"placed_{number}"] for number in range(2, 4))],
    "second": [*SECOND_ORDERS.values(), ORDERS["placed_6"]],
}
NUMBERS = [number for numbers in ACCOUNTS.values() for number in numbers]


class Killed:
    """A worker and whatever it has started, which is killed with it or left behind."""

    def __init__(self, countermand: CommandLine) -> None:
        self._countermand = countermand
        self._process: subprocess.Popen[str] | None = None
        self._family: set[tuple[int, str]] = set()

    def start(self) -> None:
        """Start the worker."""
        self._process = self._countermand.start("--json", "worker", "--browsers", "2")

    def kill(self, *, alone: bool = False) -> None:
        """With SIGKILL, and by default with everything that it has started, as a supervisor does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # to find its family takes longer than to write down an answer
        family = descendants(self._process.pid)
        self._family |= family
        self._process.kill()
        _, err = self._process.communicate(timeout=30)
        assert -signal.SIGKILL == self._process.returncode, err
        for pid, since in family if not alone else ():
            if started_at(pid) == since:
                os.kill(pid, signal.SIGKILL)
        self._process = None

    def stop(self) -> str:
        """Tell it to stop; what it said on stderr."""
        assert self._process is not None
        self._family |= descendants(self._process.pid)
        self._process.terminate()
        _, err = self._process.communicate(timeout=90)
        assert 0 == self._process.returncode, err
        self._process = None
        return err

    def left(self) -> list[int]:
        """What is still there of all that was ever started."""
        return [pid for pid, since in self._family if started_at(pid) == since]

    def end(self) -> None:
        """Whatever became of the test."""
        if self._process is not None:
            self.kill()
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> set[tuple[int, str]]:
    """Every process that *pid* has started, and when it was: a number is used again. A browser is in a group of its own."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (stat := stat_of(int(folder.name))):
            children.setdefault(int(stat[1]), []).append(int(folder.name))
    found: set[tuple[int, str]] = set()
    open_ = [pid]
    while open_:
        for child in children.get(open_.pop(), ()):
            open_.append(child)
            if (since := started_at(child)) is not None:
                found.add((child, since))
    return found


def started_at(pid: int) -> str | None:
    """When the process *pid* was started; ``None``: there is none, or it has ended and waits for its parent to notice."""
    stat = stat_of(pid)
    return stat[19] if stat and stat[0] != "Z" else None


def stat_of(pid: int) -> list[str]:
    """What the system knows of *pid*, from its state on; its name may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@pytest.fixture
def worker(countermand: CommandLine) -> Iterator[Killed]:
    """A worker that can be started."""
    worker = Killed(countermand)
    yield worker
    worker.end()


@pytest.fixture
def late(playground: Playground) -> Playground:
    """A portal where requests land late, QUIET is just above that, and what was surely not received is submitted again."""
    world = playground.portal.world
    world.set(delay_ms=20)
    for account, numbers in zip((MAIN, SECOND), ACCOUNTS.values(), strict=True):
        for number in numbers:
            world.change_order(number, account=account, lands_after=LANDS_AFTER, reply="at_once", answers_after=0)
    text = playground.config.read_text().replace('quiet = "5s" ', 'resubmit = "when_clear"\nquiet = "26s" ')
    assert 'quiet = "26s"' in text
    playground.config.write_text(f'{text}\n[evidence]\npictures = "off"\n')
    return playground


def at_once(holds: Callable[[], bool]) -> None:
    """Wait until something holds, without losing a moment."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def test_killed_again_and_again(late: Playground, countermand: CommandLine, worker: Killed) -> None:
    """
    Four kills over six orders of two accounts: while a page is walked through, at the click, and while the request is landing.
    """
    world = late.portal.world
    ids = []
    for account, numbers in ACCOUNTS.items():
        ran = countermand(
            "cancel", *numbers, "--account", account, "--reason", "no_longer_needed", "--wait", "none", "--json"
        )
        assert 0 == ran.code, ran.err
        ids += [result["id"] for result in ran.json["results"]]
    for number in range(KILLS):
        # A page on the way to the click, or a request that was received and has not landed.
        sight = "json submit" if number % 3 else "page www /p/order/detail.html"
        before = world.counted(sight)
        worker.start()
        at_once(lambda sight=sight, before=before: world.counted(sight) > before)  # type: ignore[misc]
        worker.kill(alone=number == 2)
    worker.start()
    database = open_database(late.home)
    ledger = Ledger(database, SystemClock(), "the test")
    until(lambda: all(ledger.get(id).stage.is_final for id in ids), seconds=300)
    said = worker.stop()

    world.land_all()
    assert sorted(NUMBERS) == sorted(order for order, _ in late.portal.submitted)
    assert {Stage.DONE} == {ledger.get(id).stage for id in ids}
    for id in ids:
        numbers_ = [event.number for event in ledger.events(id)]
        assert list(range(1, len(numbers_) + 1)) == numbers_
    assert "Traceback" not in said
    database.close()
    until(lambda: not worker.left(), seconds=30)
