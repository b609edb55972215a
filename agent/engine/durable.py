"""
The durable queue of visits: delayed rows in the ledger's own database, one at a time per account. The only module that knows DBOS.

A visit is ``key#revision``. What a visit does is decided by the ledger alone, so that a row that is run twice, late, or after
the ledger has moved on does nothing: the queue may forget, our rows may not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, WorkflowStatus
from loguru import logger
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from agent.engine.database import Database

DoVisit = Callable[[str, int], Awaitable[None]]

_QUEUE = "visits"
_WORKFLOW = "visit"
_APPLICATION = "countermand"
_VERSION = "visits-1"
"""Constant: by default it would be a hash of the code, and every upgrade would strand what is under way."""
_LIVE = ("ENQUEUED", "DELAYED", "PENDING")
_BROKEN = ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_AT_ONCE = 500
_THREADS = 16
_ONCE_IN = 60.0
"""Seconds for which the library's complaints about one subject are told once."""

_do: DoVisit | None = None
"""What this process does for a visit. The library has one instance per process, and so has this."""


@DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=1000)
async def _visit(key: str, revision: int) -> None:
    assert _do is not None, "a visit outside of a worker"
    await _do(key, revision)


@dataclass(frozen=True)
class Stranded:
    """A row that nobody will ever run."""

    id: str
    why: str


class Durable:
    """
    The queue, as one worker sees it.

    :param worker: its name: after a crash a worker of the same name takes up what this one had begun.
    :param browsers: how many visits it does at once, each for another account.
    """

    def __init__(self, database: Database, do: DoVisit, *, worker: str, browsers: int, poll: timedelta) -> None:
        self._database = database
        self._do = do
        self._worker = worker
        self._browsers = browsers
        self._poll = poll
        self._client: DBOSClient | None = None
        self._running: set[str] = set()
        """The rows that this process is at."""
        self._left: set[str] = set()
        """The rows that it seemed to be at when it last looked, and was not."""

    async def start(self) -> None:
        """
        Bring the queue's tables up to date, take up what was begun, and begin to do visits.

        :raises Retryable: the database cannot be used.
        """
        global _do
        _do = self._doing
        _hand_log_over()
        with self._database.in_words():
            await self._launch()

    async def _launch(self) -> None:
        DBOS(
            config=DBOSConfig(
                name=_APPLICATION,
                system_database_url=self._database.url,
                application_version=_VERSION,
                executor_id=self._worker,
                serializer=DBOSPortableJSONSerializer(),
                max_executor_threads=_THREADS,
                enable_otlp=False,
                log_level="WARNING",
            )
        )
        DBOS.launch()
        self._client = _client(self._database)
        await DBOS.register_queue_async(
            _QUEUE,
            partition_concurrency=1,
            worker_concurrency=self._browsers,
            polling_interval_sec=self._poll.total_seconds(),
            on_conflict="always_update",
        )

    async def _doing(self, key: str, revision: int) -> None:
        id = _row_id(key, revision)
        self._running.add(id)
        try:
            await self._do(key, revision)
        finally:
            self._running.discard(id)

    def enqueue(self, session: Session, key: str, revision: int, partition: str, delay: timedelta) -> None:
        """Put a visit on the queue in the transaction of *session*: with it, or not at all."""
        assert self._client is not None
        self._client.enqueue_in_transaction(
            session,
            {
                "workflow_name": _WORKFLOW,
                "queue_name": _QUEUE,
                "workflow_id": _row_id(key, revision),
                "app_version": _VERSION,
                "queue_partition_key": partition,
                "delay_seconds": max(0.0, delay.total_seconds()),
            },
            key,
            revision,
        )

    async def take_up(self) -> list[str]:
        """
        Put back on the queue what is this worker's by the database, though it is not at it: the claim or the end of a visit could
        not be written. Such a row would keep its account until the next start. What only seems so because it is just beginning
        or ending is not so twice.
        """
        assert self._client is not None
        rows = await self._client.list_workflows_async(
            status="PENDING", executor_id=self._worker, app_version=_VERSION, load_input=False, load_output=False
        )
        left = {row.workflow_id for row in rows} - self._running
        ids = sorted(left & self._left)
        self._left = left - set(ids)
        if ids:
            await self._client.resume_workflows_async(ids, queue_name=_QUEUE)
        return ids

    async def search(self, visits: Sequence[tuple[str, int]]) -> tuple[list[tuple[str, int]], list[Stranded]]:
        """
        Those of *visits* that have no row which will still be run, and the rows that nobody will ever run: of another version, or
        ended in an error of the queue itself.

        A few hundred at a time: thousands may wait, and they are never held in memory together.
        """
        missing: list[tuple[str, int]] = []
        stranded = _stranded(await self._rows(["PENDING", *_BROKEN]))
        for first in range(0, len(visits), _AT_ONCE):
            ids = {_row_id(*visit): visit for visit in visits[first : first + _AT_ONCE]}
            found = await self._rows(_LIVE, list(ids))
            live = {row.workflow_id for row in found if row.app_version == _VERSION}
            missing += [visit for id, visit in ids.items() if id not in live]
            stranded |= _stranded(found)
        return missing, list(stranded.values())

    async def _rows(self, status: Sequence[str], ids: list[str] | None = None) -> list[WorkflowStatus]:
        assert self._client is not None
        return await self._client.list_workflows_async(
            status=list(status), workflow_ids=ids, load_input=False, load_output=False
        )

    async def prune(self, before: datetime) -> int:
        """Forget rows that were done before *before*: the ledger's own keys decide what was done, not these."""
        assert self._client is not None
        rows = await self._client.list_workflows_async(
            status=["SUCCESS", "CANCELLED", *_BROKEN],
            completed_before=before.isoformat(),
            limit=500,
            load_input=False,
            load_output=False,
        )
        ids = [row.workflow_id for row in rows]
        if ids:
            await self._client.delete_workflows_async(ids)
        return len(ids)

    async def stop(self, patience: timedelta) -> None:
        """Begin nothing more, and wait at most *patience* for visits to end."""
        global _do
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=max(1, int(patience.total_seconds())))
        # The library had made its threads the loop's own, and has ended them.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        if self._client is not None:  # kept until here: a visit that ends puts the next one on the queue
            self._client.destroy()
            self._client = None
        _do = None


def recover(database: Database, worker: str) -> int:
    """
    Put back on the queue what *worker* had begun, which will not come back. Its visits look before they act.

    :returns: how many visits.
    """
    client = _client(database)
    try:
        rows = client.list_workflows(status="PENDING", executor_id=worker, load_input=False, load_output=False)
        ids = [row.workflow_id for row in rows]
        if ids:
            # Without the queue's name they would run past its rule of one at a time per account.
            client.resume_workflows(ids, queue_name=_QUEUE)
        return len(ids)
    finally:
        client.destroy()


def has_queue(database: Database) -> bool:
    """Whether a worker has ever run on this ledger."""
    schema = None if database.engine.dialect.name == "sqlite" else "dbos"
    return inspect(database.engine).has_table("workflow_status", schema=schema)


def _client(database: Database) -> DBOSClient:
    return DBOSClient(
        system_database_engine=database.engine,
        serializer=DBOSPortableJSONSerializer(),
        application_name=_APPLICATION,
        retry_connection_errors=False,  # whoever asks hears of it, and asks again
    )


def _stranded(rows: Sequence[WorkflowStatus]) -> dict[str, Stranded]:
    """Those of *rows* that nobody will run, by their ids."""
    found = {}
    for row in rows:
        if row.status in _BROKEN:
            found[row.workflow_id] = Stranded(row.workflow_id, f"it ended in {row.status}")
        elif row.app_version != _VERSION:
            found[row.workflow_id] = Stranded(row.workflow_id, f"it belongs to version {row.app_version}")
    return found


def _row_id(key: str, revision: int) -> str:
    return f"{key}#{revision}"


class _ToOurLog(logging.Handler):
    """
    The library's log goes where ours goes: a line each, the same complaint once a minute while a server is away, and what only helps
    to find a bug with ``--verbose``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told_at: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler.emit``."""
        what = record.getMessage()
        logger.opt(depth=6, exception=record.exc_info).debug("queue: {}", what)
        what = _first_line(what.partition("Traceback")[0]).rstrip(": ")
        now, subject = time.monotonic(), what.partition(":")[0]
        if now - self._told_at.get(subject, -_ONCE_IN) < _ONCE_IN:
            return
        self._told_at[subject] = now
        if record.exc_info:
            what = f"{what}: {_first_line(str(record.exc_info[1]))}"
        logger.opt(depth=6).log(record.levelname, "queue: {}", what)


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


def _hand_log_over() -> None:
    log = logging.getLogger("dbos")
    if not any(isinstance(handler, _ToOurLog) for handler in log.handlers):
        log.addHandler(_ToOurLog())
        log.propagate = False
