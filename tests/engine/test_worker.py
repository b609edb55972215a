"""The worker and its queue: what is due is done once, what the queue loses is found, names are held by one process."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from dbos import DBOSClient, DBOSPortableJSONSerializer
from loguru import logger
from sqlalchemy import text

from agent.engine import durable
from agent.engine.asking import ask
from agent.engine.clock import SystemClock
from agent.engine.database import open_database
from agent.engine.durable import _hand_log_over
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation
from agent.engine.schedule import Schedule
from agent.engine.worker import Rhythm, Worker, named
from agent.errors import BadInput
from agent.model import Answer, ErrorKind, OrderId, OrderStage, Stage
from tests.engine.bench import ORDER, OTHER, THIRD, Bench, asks, fails, reads

SWIFT = Rhythm(
    queue=timedelta(seconds=0.05),
    new=timedelta(seconds=0.05),
    lost=timedelta(seconds=0.3),
    drain=timedelta(seconds=10),
)


@pytest.fixture
def real_time(tmp_path: Path) -> Iterator[Bench]:
    """A bench on the system's own clock: the queue knows no other."""
    bench = Bench.at(tmp_path / "home", looks={"first": "0.1s", "longest": "0.2s"}, quiet="0.5s")
    clock = SystemClock()
    bench.workshop.clock = clock
    bench.ledger = bench.workshop.ledger = Ledger(bench.database, clock, "countermand")
    yield bench
    bench.close()


@asynccontextmanager
async def working(bench: Bench, told: list[tuple[Stage, Stage]] | None = None) -> AsyncIterator[Worker]:
    """A worker on the bench's ledger, whose visits open no browser."""

    def tells(before: Cancellation, after: Cancellation) -> None:
        if told is not None:
            told.append((before.stage, after.stage))

    bench.workshop.stopping = False
    worker = Worker(bench.workshop, id="worker-1", browsers=2, tells=tells, rhythm=SWIFT)
    worker.engine.visits = bench.visits()
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(running, 30)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


def schedule(bench: Bench) -> Schedule:
    """What the ledger knows of the queue."""
    return Schedule(bench.database, bench.workshop.clock)


def queue_of(bench: Bench) -> DBOSClient:
    """The queue as somebody else sees it."""
    return DBOSClient(
        system_database_engine=bench.database.engine,
        serializer=DBOSPortableJSONSerializer(),
        application_name="countermand",
    )


async def test_what_is_asked_for_is_done(real_time: Bench) -> None:
    """
    Asked for before the worker starts and while it runs: submitted once each, looked at until the supplier has agreed.
    """
    bench = real_time
    told: list[tuple[Stage, Stage]] = []
    bench.portal.looks = [reads(Answer.WAITING), reads(Answer.WITHDRAWN), reads(Answer.WITHDRAWN)]
    first = await ask(bench.workshop, asks(ORDER))

    async with working(bench, told):
        second = await ask(bench.workshop, asks(OTHER, account="second"))
        await until(lambda: all(bench.again(one).stage is Stage.DONE for one in (first, second)))

    assert {ORDER: 1, OTHER: 1} == {order: bench.portal.asked.count(order) for order in (ORDER, OTHER)}
    assert (Stage.OPEN, Stage.AWAITING_DECISION) in told
    assert (Stage.AWAITING_DECISION, Stage.DONE) in told


async def test_one_at_a_time_per_account(real_time: Bench) -> None:
    """
    Two orders of one account are never visited at once, though two browsers are allowed.
    """
    bench, inside, most = real_time, [0], [0]
    original = bench.portal.request_cancellation

    async def slowly(*arguments: object) -> object:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        await asyncio.sleep(0.2)
        inside[0] -= 1
        return await original(*arguments)  # type: ignore[arg-type]

    bench.portal.request_cancellation = slowly  # type: ignore[assignment]
    ones = [await ask(bench.workshop, asks(order)) for order in (ORDER, OTHER, THIRD)]

    async with working(bench):
        await until(lambda: all(bench.again(one).stage is Stage.AWAITING_DECISION for one in ones))

    assert [1] == most


async def test_what_becomes_due_sooner_is_not_waited_for(real_time: Bench) -> None:
    """
    A visit stands in the queue for an hour from now, and a person asks again: it is done now, and the old row does nothing.
    """
    bench = real_time
    one = await ask(bench.workshop, asks(ORDER))
    async with working(bench):
        await until(lambda: bench.again(one).stage is Stage.AWAITING_DECISION)
        bench.ledger.postpone(one.id, bench.workshop.clock.now() + timedelta(hours=1))
        await until(lambda: not schedule(bench).unscheduled())
        bench.portal.looks = [reads(Answer.WITHDRAWN)]

        await ask(bench.workshop, asks(ORDER))
        await until(lambda: bench.again(one).stage is Stage.DONE)

    assert [ORDER] == bench.portal.asked


async def test_visits_go_on_while_many_are_given_theirs(real_time: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After an import hundreds need a place in the queue at once: whatever is under way has its turn between any two.
    """
    bench, given, turns = real_time, [], [0]
    orders = [OrderId(f"{8190101000004512 + number * 20000}") for number in range(5)]
    for order in orders:
        await ask(bench.workshop, asks(order))
    worker = Worker(bench.workshop, id="worker-1", browsers=2, tells=lambda before, after: None, rhythm=SWIFT)
    monkeypatch.setattr(worker._durable, "enqueue", lambda *_: given.append(turns[0]))

    async def under_way() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    visit = asyncio.create_task(under_way())
    await worker._give_visits()
    visit.cancel()

    assert list(range(len(orders))) == given


async def test_told_to_stop_it_gives_no_more(real_time: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What has no place in the queue yet is given one at the next start: stopping does not wait for hundreds.
    """
    bench, given = real_time, []
    for order in (ORDER, OTHER, THIRD):
        await ask(bench.workshop, asks(order))
    worker = Worker(bench.workshop, id="worker-1", browsers=2, tells=lambda before, after: None, rhythm=SWIFT)

    def enqueue(_: object, id: str, *__: object) -> None:
        given.append(id)
        if len(given) == 2:
            worker.stop()

    monkeypatch.setattr(worker._durable, "enqueue", enqueue)
    await worker._give_visits()

    assert 2 == len(given)
    assert 1 == len(schedule(bench).unscheduled())


@pytest.mark.slow
async def test_rows_that_the_queue_lost_are_given_again(real_time: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Somebody emptied the queue while visits stood in it: the ledger gives each another row, though it looks for a few at a time.
    """
    bench = real_time
    monkeypatch.setattr(durable, "_AT_ONCE", 1)
    ones = [await ask(bench.workshop, asks(order)) for order in (ORDER, OTHER)]
    async with working(bench):
        await until(lambda: all(bench.again(one).stage is Stage.AWAITING_DECISION for one in ones))
        for one in ones:
            bench.ledger.postpone(one.id, bench.workshop.clock.now() + timedelta(hours=1))
        await until(lambda: not schedule(bench).unscheduled())
        before = dict(schedule(bench).scheduled())

        with bench.database.writing() as session:
            session.execute(text("DELETE FROM workflow_status"))
        await until(lambda: all(dict(schedule(bench).scheduled())[one.id] > before[one.id] for one in ones))
        rows = [f"{id}#{revision}" for id, revision in schedule(bench).scheduled()]
        found = await queue_of(bench).list_workflows_async(workflow_ids=rows)

    assert ["DELAYED", "DELAYED"] == [one.status for one in found]


@pytest.mark.slow
async def test_rows_of_another_version_are_told_of_and_replaced(real_time: Bench) -> None:
    """
    A row that another version of the visits was to run stays where it is, is told of once, and the ledger's next visit takes its place.
    """
    bench, heard = real_time, []
    one = await ask(bench.workshop, asks(ORDER))
    sink = logger.add(lambda message: heard.append(str(message)), level="WARNING")
    try:
        async with working(bench):
            await until(lambda: bench.again(one).stage is Stage.AWAITING_DECISION)
            bench.ledger.postpone(one.id, bench.workshop.clock.now() + timedelta(hours=1))
            await until(lambda: not schedule(bench).unscheduled())
            with bench.database.writing() as session:
                session.execute(
                    text("UPDATE workflow_status SET application_version = 'visits-0' WHERE status = 'DELAYED'")
                )
            await until(lambda: sum("visits-0" in line for line in heard) >= 1)
            bench.portal.looks = [reads(Answer.WITHDRAWN)]
            bench.ledger.postpone(one.id, bench.workshop.clock.now())
            await until(lambda: bench.again(one).stage is Stage.DONE)
    finally:
        logger.remove(sink)

    assert 1 == sum("visits-0" in line for line in heard)


async def test_a_bug_stops_one_cancellation_and_no_other(real_time: Bench) -> None:
    """
    Whatever a visit breaks on, a person hears of that one, and the others go on.
    """
    bench = real_time
    bench.portal.acts = [fails(ZeroDivisionError("a bug"))]
    broken = await ask(bench.workshop, asks(ORDER))
    async with working(bench):
        await until(lambda: bench.again(broken).stage is Stage.NEEDS_OPERATOR)
        other = await ask(bench.workshop, asks(OTHER))
        await until(lambda: bench.again(other).stage is Stage.AWAITING_DECISION)

    error = bench.again(broken).error
    assert error is not None
    assert ErrorKind.BUG is error.kind
    assert "ZeroDivisionError" in error.message


@pytest.mark.slow
async def test_a_full_disk_stops_nothing_for_good(real_time: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A visit finds no room for what is kept beside the ledger, and nobody can be told of it either: it is tried again, as if the portal
    had been down.
    """
    bench = real_time
    bench.portal.acts = [fails(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state"))]
    one = await ask(bench.workshop, asks(ORDER))

    def cannot_tell(before: Cancellation, after: Cancellation) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with working(bench) as worker:
        monkeypatch.setattr(worker, "_tells", cannot_tell)
        await until(lambda: bench.again(one).error is not None)
        error = bench.again(one).error
        bench.ledger.wake(one.id)
        await until(lambda: bench.again(one).stage is Stage.AWAITING_DECISION)

    assert error is not None
    assert (ErrorKind.RETRYABLE, True) == (error.kind, "state cannot be written: the disk is full" in error.message)
    assert [ORDER, ORDER] == bench.portal.asked


def test_the_queue_s_complaints_are_a_line_each() -> None:
    """
    What the library says of a server that is away is one line, without a traceback, and the same once a minute.
    """
    heard: list[str] = []
    log = logging.getLogger("dbos")
    _hand_log_over()
    sink = logger.add(lambda message: heard.append(str(message)), level="WARNING", format="{message}")
    try:
        for _ in range(3):
            log.warning("Exception polling a test: Traceback (most recent call last):\n  File …\nError: away")
            try:
                raise OSError("away\nfor long")
            except OSError:
                log.error("Exception in a test:", exc_info=True)
    finally:
        logger.remove(sink)

    assert ["queue: Exception polling a test\n", "queue: Exception in a test: away\n"] == heard


async def test_a_bug_after_the_click_is_uncertain_and_looked_at(real_time: Bench) -> None:
    """
    After a click it is not known what happened: QUIET, then a look, never a second click.
    """
    bench = real_time
    bench.portal.acts = [fails(ZeroDivisionError("a bug"), after="arm")]
    one = await ask(bench.workshop, asks(ORDER))
    async with working(bench):
        await until(lambda: bench.again(one).error is not None)
        assert ErrorKind.UNCERTAIN is bench.again(one).error.kind  # type: ignore[union-attr]
        bench.ledger.wake(one.id)
        await until(lambda: bench.again(one).orders[0].stage is OrderStage.AWAITING_DECISION)

    assert [ORDER] == bench.portal.asked


async def test_told_to_stop_nothing_more_is_clicked(real_time: Bench) -> None:
    """
    Told to stop before the stamp: nothing is clicked, and the order waits for the next start.
    """
    bench, reached = real_time, asyncio.Event()
    original = bench.portal.request_cancellation

    async def slowly(*arguments: object) -> object:
        reached.set()
        await asyncio.sleep(1)
        return await original(*arguments)  # type: ignore[arg-type]

    bench.portal.request_cancellation = slowly  # type: ignore[assignment]
    one = await ask(bench.workshop, asks(ORDER))
    async with working(bench):
        await asyncio.wait_for(reached.wait(), 20)

    assert [] == bench.stamps()
    assert OrderStage.QUEUED is bench.again(one).orders[0].stage
    due_at = bench.again(one).due_at
    assert due_at is not None
    assert due_at <= bench.workshop.clock.now()


@pytest.mark.slow
async def test_history_is_forgotten_and_our_keys_never(real_time: Bench) -> None:
    """
    Rows of finished visits go; the same order still belongs to the same cancellation.
    """
    bench = real_time
    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    one = await ask(bench.workshop, asks(ORDER))
    async with working(bench) as worker:
        await until(lambda: bench.again(one).stage is Stage.DONE)
        pruned = 0
        async with asyncio.timeout(20):
            while await queue_of(bench).list_workflows_async():  # the queue notes that the visit has ended after we do
                pruned += await worker._durable.prune(bench.workshop.clock.now() + timedelta(seconds=5))

    assert 2 <= pruned
    assert one.id == (await ask(bench.workshop, asks(ORDER))).id


async def test_old_evidence_goes_by_itself(real_time: Bench) -> None:
    """
    What a worker finds too old goes, beside the work; what is young stays.
    """
    bench = real_time
    for name, days in (("dry-run-old", 100), ("dry-run-young", 1)):
        folder = bench.home / "visits" / name
        folder.mkdir(parents=True)
        (folder / "visit.json").write_text("{}", encoding="utf-8")
        at = (bench.workshop.clock.now() - timedelta(days=days)).timestamp()
        os.utime(folder / "visit.json", (at, at))

    async with working(bench):
        await until(lambda: not (bench.home / "visits" / "dry-run-old").exists())

    assert (bench.home / "visits" / "dry-run-young").exists()


async def test_evidence_that_cannot_be_removed_stops_nothing(real_time: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A folder that others own, a disk that fails: the work goes on.
    """
    bench = real_time
    tried: list[bool] = []

    def fails_to(*given: object) -> None:
        tried.append(True)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("agent.engine.worker.prune", fails_to)
    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    async with working(bench):
        await until(lambda: bool(tried))
        one = await ask(bench.workshop, asks(ORDER))
        await until(lambda: bench.again(one).stage is Stage.DONE)

    assert [True] == tried


def test_a_name_is_held_by_one_process(tmp_path: Path) -> None:
    """
    A second worker of the same name is refused in a sentence; the name is free again when the first has gone.
    """
    one, other = open_database(tmp_path), open_database(tmp_path)
    assert not one.locks.any_worker()
    with named(one, "worker-1"):
        assert other.locks.any_worker()
        with pytest.raises(BadInput, match="a worker called worker-1 is running already"), named(other, "worker-1"):
            pass
        with named(other, "worker-2"):
            pass
    assert not other.locks.any_worker()
    one.close()
    other.close()
