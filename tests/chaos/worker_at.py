"""
``python worker_at.py HOME PORT QUIET POINT WORKER [ADDRESS]``: a real worker on a real ledger whose visits go to the chaos portal.

POINT is where it kills itself, as a power cut would, or ``never``. Its clock jumps an hour ahead on SIGUSR1, and back on SIGUSR2.
It patches from outside; production code has no hooks.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast, get_args

from agent.browser.evidence import Journal
from agent.browser.session import SignedInState
from agent.engine import settling, submitting, worker
from agent.engine.advance import Engine
from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation
from agent.engine.sites import Site
from agent.engine.visits import Visits
from agent.engine.worker import Rhythm, Worker, named
from agent.engine.workshop import Workshop
from agent.errors import Uncertain
from agent.model import Answer, OrderId, Reading, ReasonChoice, Submission
from agent.redact import set_up_logging
from agent.settings import Settings
from agent.vault import Vault
from agent.walk import Stamper, Walk
from tests.engine.bench import Nobody, PretendPortal, PretendSites, _PretendWalk

Point = Literal["never", "before_stamp", "after_stamp", "after_click", "before_record", "before_enqueue"]
_LANDS_IN_TIME = 6.0
_LATER = timedelta(seconds=2)
"""When what failed is tried again: nobody waits five minutes for a test."""


def die() -> None:
    """As a power cut would: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


class FarPortal(PretendPortal):
    """The chaos portal, as a visit sees it."""

    def __init__(self, point: Point) -> None:
        super().__init__()
        self._point = point

    async def says(self, what: str, order: OrderId) -> str:
        """One question or click, and the portal's answer."""
        reader, writer = _line.get()
        writer.write(f"{what} {order}\n".encode())
        await writer.drain()
        answer = (await reader.readline()).decode().strip()
        assert answer, "the portal hung up"
        return answer

    async def request_cancellation(self, walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
        stamper: Stamper = cast(_PretendWalk, walk).stamper
        state = await self.says("look", order)
        if state != "placed":
            return Submission.ALREADY_OPEN if state == "requested" else Submission.ALREADY_CANCELLED
        if self._point == "before_stamp":
            die()
        await stamper.arm("details.cancel", order)
        await stamper.unsent("reason_asked")
        await stamper.arm("cancel.submit", order)
        if self._point == "after_stamp":
            die()
        await self.says("submit", order)
        if self._point == "after_click":
            die()
        try:
            async with asyncio.timeout(_LANDS_IN_TIME):
                while await self.says("look", order) == "placed":
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Uncertain(f"the portal did not answer about order {order}") from None
        return Submission.REQUESTED

    async def read_decision(self, walk: Walk, order: OrderId) -> Reading:
        state = await self.says("look", order)
        answer = {"placed": Answer.NOT_REQUESTED, "requested": Answer.WAITING, "cancelled": Answer.WITHDRAWN}[state]
        return Reading(answer=answer, state=state, text=state, clear=True)


class FarSites(PretendSites):
    """Every visit has a line of its own to the portal, which hears when the visitor is gone."""

    def __init__(self, workshop: Workshop, portal: FarPortal, port: int) -> None:
        super().__init__(workshop, portal)
        self._port = port

    @asynccontextmanager
    async def open(
        self,
        portal_name: str,
        account: str,
        journal: Journal,
        *,
        fresh: bool = False,
        state: SignedInState | None = None,
    ) -> AsyncIterator[Site]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(f"{account}\n".encode())
        token = _line.set((reader, writer))
        try:
            async with super().open(portal_name, account, journal, fresh=fresh, state=state) as site:
                yield site
        finally:
            _line.reset(token)
            # Answered once nobody is inside any more: whoever comes next must not be counted beside this one.
            with suppress(OSError):
                writer.write(b"goodbye -\n")
                await reader.readline()
            writer.close()
            await writer.wait_closed()


class JumpingClock(SystemClock):
    """The system's clock as it is when somebody sets it: the queue's and every library's, too, but not the monotonic one."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        real = time.time
        time.time = lambda: real() + self._ahead.total_seconds()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def jump(self, by: timedelta) -> None:
        """Somebody sets the clock."""
        self._ahead += by


class _Line:
    """The line of the visit at hand: visits are tasks of their own."""

    def __init__(self) -> None:
        from contextvars import ContextVar

        self._var: ContextVar[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = ContextVar("line")
        self.get, self.set, self.reset = self._var.get, self._var.set, self._var.reset


_line = _Line()


def patch(point: Point) -> None:
    """The points that lie in the ledger, and what would take too long."""
    settling.LATER = submitting.LATER = worker.LATER = _LATER  # type: ignore[attr-defined]
    if point == "before_record":
        Ledger.move_order = cast(Any, lambda *_, **__: die())  # type: ignore[method-assign]
    if point == "before_enqueue":
        original = Engine.advance_one

        async def advance_one(self: Engine, id: str, among: Collection[str] | None = None) -> list[Cancellation]:
            before = await original(self, id, among)
            die()
            return before

        Engine.advance_one = advance_one  # type: ignore[method-assign]


async def work(home: Path, port: int, quiet: str, point: Point, id: str, address: str | None) -> None:
    """Run until killed or told to stop."""
    accounts = {f"a{number}": {"portal": "aliexpress"} for number in range(1, 6)}
    portal_settings = {
        "pace": {"between_visits": "0s", "between_pages": "0s"},
        "limits": {"per_hour": "none", "per_day": "none"},
        "quiet": quiet,
        "resubmit": "when_clear",
        "looks": {"first": "0.3s", "longest": "1s"},
    }
    settings = Settings(**cast(Any, {"home": home, "portals": {"aliexpress": portal_settings}, "accounts": accounts}))
    database, clock = open_database(home, address), JumpingClock()
    workshop = Workshop(settings, database, Ledger(database, clock, "countermand"), clock, Vault(home), Nobody())
    rhythm = Rhythm(queue=timedelta(seconds=0.1), new=timedelta(seconds=0.1), lost=timedelta(seconds=5))
    working = Worker(workshop, id=id, browsers=5, tells=lambda before, after: None, rhythm=rhythm)
    working.engine.visits = Visits(workshop)
    working.engine.visits._sites = FarSites(workshop, FarPortal(point), port)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, working.stop)
    loop.add_signal_handler(signal.SIGUSR1, clock.jump, timedelta(hours=1))
    loop.add_signal_handler(signal.SIGUSR2, clock.jump, timedelta(hours=-1))
    with named(database, id):
        await working.run()


if __name__ == "__main__":
    where, number, silence, at, name, *server = sys.argv[1:]
    assert at in get_args(Point)
    set_up_logging(verbose=False)
    patch(cast(Point, at))
    asyncio.run(work(Path(where), int(number), silence, cast(Point, at), name, next(iter(server), None)))
