"""
What the chaos tests work with: a ledger with workers on it that can be killed, and what must be so in the end.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from agent.engine.clock import SystemClock
from agent.engine.database import Database, open_database
from agent.engine.ledger import Ledger
from agent.engine.records import Wanted
from agent.model import Choices, OrderId, Reason, ReasonChoice, Stage
from tests.chaos.portal import ChaosPortal
from tests.chaos.worker_at import Point

PROGRAM = Path(__file__).with_name("worker_at.py")
ROOT = PROGRAM.parents[2]
ACCOUNTS = [f"a{number}" for number in range(1, 6)]
CHOICES = Choices(reason=ReasonChoice(key=Reason.NO_LONGER_NEEDED))

at_work: list[Work] = []
"""What the test at hand has begun; ``conftest.py`` ends it."""


class Running:
    """A worker in a process of its own, whose words are heard while it runs."""

    def __init__(self, command: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        self._heard: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def said(self) -> str:
        """What it has said so far."""
        return "".join(self._heard)

    def ended(self, within: float) -> int:
        """How it ended; it has that many seconds."""
        code = self.process.wait(within)
        self._listener.join(10)
        return code

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as words:
            for line in words:
                self._heard.append(line)


class Work:
    """The ledger under *home*, and a worker on it that can be killed."""

    def __init__(self, home: Path, portal: ChaosPortal, quiet: str, address: str | None = None) -> None:
        self._home, self._portal, self._quiet, self._address = home, portal, quiet, address
        self.ledger = Ledger(open_database(home, address), SystemClock(), "the test")
        self._running: dict[str, Running] = {}
        at_work.append(self)
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
        self._running[worker] = Running([*command, *([self._address] if self._address else [])])

    def running(self, worker: str = "worker-1") -> Running:
        """A worker that was started."""
        return self._running[worker]

    def kill(self, worker: str = "worker-1") -> None:
        """As a power cut would."""
        self._running[worker].process.kill()
        self.dies(worker)

    def dies(self, worker: str = "worker-1") -> None:
        """Wait until it is killed, or has killed itself."""
        running = self._running.pop(worker)
        assert -signal.SIGKILL == running.ended(60), running.said

    def stop(self) -> None:
        """Tell them to stop, and have them end well."""
        for running in self._running.values():
            running.process.terminate()
        for running in self._running.values():
            assert 0 == running.ended(90), running.said
        self._running = {}

    def clicked(self, ids: list[str]) -> int:
        """How many orders were clicked, and nobody knows yet with what outcome."""
        orders = [order for id in ids for order in self.ledger.get(id).orders]
        return sum(order.stamp is not None and order.stamp.is_open for order in orders)

    def end(self) -> None:
        """Whatever became of the test, its workers go with it."""
        for running in self._running.values():
            running.process.kill()
            running.ended(30)
        self._running = {}

    def open(self, ids: list[str]) -> list[str]:
        """Those of *ids* that are not over."""
        return [id for id in ids if not self.ledger.get(id).stage.is_final]


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


def pending(database: Database, worker: str) -> list[str]:
    """The visits that *worker* is at, by the queue."""
    with database.reading() as session:
        query = "SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING' AND executor_id = :worker"
        return list(session.execute(text(query), {"worker": worker}).scalars())
