"""
A worker: does the visits that come off the queue, and sees to it that nothing that is open lacks one.

The reconciler is the rule, not the exception: whoever asks for a cancellation only writes the ledger, and the worker gives every
row that is due its visit. So a row of the queue that is lost costs a moment, and never an order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from loguru import logger

from agent.engine.advance import Engine
from agent.engine.clock import SetBack
from agent.engine.database import Database
from agent.engine.durable import Durable
from agent.engine.records import Cancellation
from agent.engine.retention import prune
from agent.engine.schedule import Schedule
from agent.engine.settling import LATER
from agent.engine.workshop import Workshop
from agent.errors import BadInput, Broken, CountermandError, Retryable, Uncertain, no_room
from agent.model import Stage


@dataclass(frozen=True)
class Rhythm:
    """How often a worker looks around."""

    queue: timedelta = timedelta(seconds=0.5)
    """For rows that are due."""
    new: timedelta = timedelta(seconds=0.5)
    """For what has been asked for, or has become due sooner."""
    lost: timedelta = timedelta(minutes=1)
    """For visits whose row in the queue is gone, and rows that are stranded there."""
    kept: timedelta = timedelta(days=7)
    """How long the queue's rows of finished visits are kept."""
    evidence: timedelta = timedelta(hours=1)
    """For evidence that is no longer kept."""
    drain: timedelta = timedelta(seconds=60)
    """How long visits may take to end when the worker is told to stop."""


class Worker:
    """
    Works until it is told to stop.

    :param id: its name, held by one process at a time.
    :param browsers: how many accounts are visited at once.
    :param tells: told of every visit that ended: the cancellation before and after it.
    """

    def __init__(
        self,
        workshop: Workshop,
        *,
        id: str,
        browsers: int,
        tells: Callable[[Cancellation, Cancellation], None],
        rhythm: Rhythm | None = None,
    ) -> None:
        self._workshop = workshop
        self._ledger = workshop.ledger
        self._schedule = Schedule(workshop.database, workshop.clock)
        self._rhythm = rhythm or Rhythm()
        self._tells = tells
        self.engine = Engine(workshop)
        self._durable = Durable(workshop.database, self._visit, worker=id, browsers=browsers, poll=self._rhythm.queue)
        self._browsers = browsers
        self._told_to_stop = asyncio.Event()
        self._known_stranded: set[str] = set()
        self._next_search = 0.0
        self._next_prune = 0.0
        self._set_back = SetBack(workshop.clock)
        self._to_bring_forward = timedelta()
        self._is_without_ledger = False

    def stop(self) -> None:
        """Begin nothing that commits any more, end what is under way, and return from ``run``."""
        self._workshop.stopping = True
        self._told_to_stop.set()

    async def run(self) -> None:
        """
        Work until ``stop``. A ledger that cannot be used for a while (disk full, locked, server away) is waited for.

        :raises Retryable: it cannot be used at the start.
        :raises BadInput: it is damaged.
        """
        async with self._workshop.keeping_browsers(self._browsers):
            await self._run()

    async def _run(self) -> None:
        await self._durable.start()
        try:
            while not self._told_to_stop.is_set():
                try:
                    await self._look_around()
                except Retryable as error:
                    self._waits_for_ledger(error)
                await self._pause(self._rhythm.new)
        finally:
            await self._durable.stop(self._rhythm.drain)

    async def _look_around(self) -> None:
        self._mind_the_clock()
        await self._give_visits()
        if self._workshop.clock.monotonic() >= self._next_search:
            await self._search()
            self._next_search = self._workshop.clock.monotonic() + self._rhythm.lost.total_seconds()
        if self._workshop.clock.monotonic() >= self._next_prune:
            self._next_prune = self._workshop.clock.monotonic() + self._rhythm.evidence.total_seconds()
            await self._prune_evidence()
        if self._is_without_ledger:
            self._is_without_ledger = False
            logger.warning("the ledger can be used again; the work goes on")

    def _waits_for_ledger(self, error: Retryable) -> None:
        if not self._is_without_ledger:
            self._is_without_ledger = True
            logger.warning("{}. The worker waits, and goes on by itself", error.what)

    def _mind_the_clock(self) -> None:
        self._to_bring_forward += self._set_back.by()
        if self._to_bring_forward:
            logger.warning("the clock was set back by {}: what is to come is brought forward", self._to_bring_forward)
            self._schedule.bring_forward(self._to_bring_forward)
            self._to_bring_forward = timedelta()

    async def _give_visits(self) -> None:
        for id in self._schedule.unscheduled():
            if self._told_to_stop.is_set():
                return
            await self._give_visit(id)

    async def _give_visit(self, id: str) -> None:
        """Many may need one at once, after an import or a restore: visits that are under way go on between any two."""
        self._schedule.schedule(id, self._durable.enqueue)
        await asyncio.sleep(0)

    async def _search(self) -> None:
        """Visits that the queue has lost get another row; rows that nobody will run are told of, once."""
        with self._workshop.database.in_words():
            await self._search_queue()

    async def _search_queue(self) -> None:
        for left in await self._durable.take_up():
            logger.warning("visit {} is not under way, and the queue did not know: it is put back", left)
        missing, stranded = await self._durable.search(self._schedule.scheduled())
        for id, revision in missing:
            if self._schedule.is_scheduled(id, revision):
                logger.warning("visit {}#{} was not in the queue any more: it is given another", id, revision)
                await self._give_visit(id)
        for row in stranded:
            if row.id not in self._known_stranded:
                self._known_stranded.add(row.id)
                logger.warning(
                    "the queue will never run {}: {}; the ledger's next visit takes its place", row.id, row.why
                )
        await self._durable.prune(self._workshop.clock.now() - self._rhythm.kept)

    async def _prune_evidence(self) -> None:
        """Many files take a while: visits that are under way go on. Evidence never harms the work."""
        settings, now = self._workshop.settings, self._workshop.clock.now()
        try:
            pruned = await asyncio.to_thread(prune, self._ledger, settings.home, settings.evidence, now)
        except OSError as error:
            logger.warning("old evidence cannot be removed: {}", error.strerror or error)
            return
        if pruned.removed:
            logger.info("the evidence of {} visits is no longer kept: removed", len(pruned.removed))

    async def _visit(self, id: str, revision: int) -> None:
        """What the ledger cannot take in now is found by the search later, as it stands by then."""
        try:
            await self._do_visit(id, revision)
        except Retryable as error:
            logger.warning("a visit of {} could not be recorded: {}", id, error.what)

    async def _do_visit(self, id: str, revision: int) -> None:
        """Do what is due, and put the next visit on the queue. A row that counts no more does nothing."""
        if not self._schedule.is_scheduled(id, revision):
            return
        if self._schedule.is_due(id):
            before = [self._ledger.get(id)]
            try:
                before = await self.engine.advance_one(id)
            except Exception as error:
                self._broke(id, no_room(error) or error)
            for one in before:
                after = self._ledger.get(one.id)
                if one.id == id or one.stands_elsewhere(after):
                    self._tell(one, after)
        if self._schedule.is_scheduled(id, revision):
            self._schedule.schedule(id, self._durable.enqueue)

    def _tell(self, before: Cancellation, after: Cancellation) -> None:
        """A log file on a full disk, or one whose reader has gone, stops no order."""
        try:
            self._tells(before, after)
        except OSError as error:
            logger.warning("a visit of {} could not be told of: {}", after.id, error.strerror or error)

    def _broke(self, id: str, error: Exception) -> None:
        """Whatever it is, the other cancellations go on, and a person hears of this one."""
        told = error if isinstance(error, CountermandError) else Broken(f"{type(error).__name__}: {error}")
        logger.opt(exception=None if told is error else error).error("a visit of {} stopped: {}", id, told.what)
        later = self._workshop.clock.now() + LATER
        if any(order.stamp is not None and order.stamp.is_open for order in self._ledger.get(id).orders):
            self._ledger.fail(id, Uncertain(told.what), None, due_at=later)
        elif isinstance(told, Retryable):
            self._ledger.fail(id, told, None, due_at=later)
        else:
            self._ledger.fail(id, told, None, stage=Stage.NEEDS_OPERATOR)

    async def _pause(self, length: timedelta) -> None:
        try:
            await asyncio.wait_for(self._told_to_stop.wait(), length.total_seconds())
        except TimeoutError:
            return


@contextmanager
def named(database: Database, id: str) -> Iterator[None]:
    """
    Be the worker *id* for as long as the block runs.

    :raises BadInput: another process is.
    """
    with database.locks.worker(id) as ours:
        if not ours:
            raise BadInput(
                f"a worker called {id} is running already",
                next="Stop it, or start this one with another name: --id NAME.",
            )
        yield
