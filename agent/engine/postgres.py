"""
PostgreSQL under the ledger, for several workers on several machines: the same tables, the same rules, other locks.

SQLite has one writer at a time and files to lock; here both are advisory locks of the server, which end with their connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from loguru import logger
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from agent.engine.locks import in_use
from agent.engine.unusable import in_words
from agent.errors import BadInput
from agent.redact import redactor
from agent.walk import Person

_WORKERS = "workers"
_POLL = 0.2
"""Seconds between two tries for a lock that somebody else holds."""
_WATCH = 0.5
"""Seconds between two looks at a lock of our own."""
_GRACE = 4.0
"""Seconds after the server's start in which locks are only taken by those who had them before."""
_PATIENCE = 5.0
"""Seconds that a lock's watch has to end."""
_UPTIME = text("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8")


def postgres_engine(address: str) -> Engine:
    """
    The server at *address*, e.g. ``postgresql://countermand@db.example/countermand``.

    :raises BadInput: that is no such address.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        raise _no_address() from None
    if url.get_backend_name() != "postgresql":
        raise _no_address()
    if url.password:
        redactor.learn(url.password)
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_timeout=30)

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # One writer at a time, as with SQLite: whoever reads first and writes later finds nothing changed in between.
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_key("ledger"),))

    return engine


class ServerLocks:
    """
    The locks of several machines: the server keeps them, for as long as their connection lives.

    A server that restarts forgets them all, though their holders work on. So each holder keeps watch over its own and takes it
    again, and for a moment after a start nobody else may have what seems to be free.
    """

    def __init__(self, engine: Engine) -> None:
        # No pool: a lock keeps its connection for a whole visit, and the ledger's own must not run out meanwhile.
        self._engine = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def held(self, name: str, person: Person, holder: str | None = None) -> AsyncIterator[None]:
        """See ``Locks.held``."""
        lock = _Lock(self._engine, name)
        try:
            if not await asyncio.to_thread(lock.take):
                person.says(in_use(name, holder))
                while not await asyncio.to_thread(lock.take):
                    await asyncio.sleep(_POLL)
            yield
        finally:
            await asyncio.to_thread(lock.let_go)

    @contextmanager
    def worker(self, id: str) -> Iterator[bool]:
        """See ``Locks.worker``."""
        # The shared lock waits for whoever just asks whether there is a worker: one that is not seen would not be left its visits.
        lock = _Lock(self._engine, f"worker-{id}", shared=_WORKERS)
        try:
            while not (ours := lock.take()) and lock.is_early:
                time.sleep(_POLL)
            yield ours
        finally:
            lock.let_go()

    def any_worker(self) -> bool:
        """See ``Locks.any_worker``."""
        lock = _Lock(self._engine, _WORKERS)
        try:
            # So soon after the server's start every lock looks taken, whether or not a worker is there.
            while not (is_free := lock.is_free()) and lock.is_early:
                time.sleep(_POLL)
            if is_free:
                lock.give_back()
            return not is_free
        finally:
            lock.let_go()


class _Lock:
    """
    One lock of the server, and the connection that it lives and dies with.

    :param shared: the name of another one that comes with it, and that others may have, too.
    """

    def __init__(self, engine: Engine, name: str, shared: str | None = None) -> None:
        self._engine, self._name, self._shared = engine, name, shared
        self._connection: Connection | None = None
        self._over = threading.Event()
        self._watch: threading.Thread | None = None
        self.is_early = False
        """The last try came too soon after the server's start."""

    def take(self) -> bool:
        """
        Try to have it; from then on it is watched over.

        :raises Retryable: the server does not answer.
        """
        if not self.is_free():
            return False
        self._watch = threading.Thread(target=self._keep, name=f"lock {self._name}", daemon=True)
        self._watch.start()
        return True

    def is_free(self) -> bool:
        """Whether it can be had: then we have it, for as long as the connection lives."""
        with in_words(self._engine):
            if self._connection is None:
                self._connection = self._engine.connect()
            self.is_early = 0 <= self._connection.execute(_UPTIME).scalar_one() < _GRACE
            return not self.is_early and self._try(self._connection)

    def give_back(self) -> None:
        """At once: the server takes its time to notice a connection that has ended, and whoever asks next would find it taken."""
        assert self._connection is not None
        with in_words(self._engine):
            self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(self._name)})

    def let_go(self) -> None:
        """Whether we have it or not."""
        self._over.set()
        if self._watch is not None:
            self._watch.join(_PATIENCE)
        if self._connection is not None:
            _let_go(self._connection)

    def _try(self, connection: Connection) -> bool:
        ours = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(self._name)}).scalar())
        if ours and self._shared is not None:
            connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), {"key": _key(self._shared)})
        return ours

    def _keep(self) -> None:
        """A thread of its own: however busy the visit is, the lock is missed at once."""
        is_ours = True
        while not self._over.wait(_WATCH):
            try:
                if is_ours:
                    assert self._connection is not None
                    self._connection.execute(text("SELECT 1"))
                else:
                    is_ours = self._again()
            except DBAPIError:
                if is_ours:
                    logger.warning("the server has let go of the lock {}; it is taken again", self._name)
                is_ours = False

    def _again(self) -> bool:
        connection = self._engine.connect()
        if not self._try(connection):  # somebody else was quicker, or the server has not noticed yet that we are gone
            _let_go(connection)
            return False
        if self._connection is not None:
            _let_go(self._connection)
        self._connection = connection
        logger.info("the lock {} is ours again", self._name)
        return True


@contextmanager
def migrating(engine: Engine) -> Iterator[None]:
    """One process brings the tables up to date; others wait for it."""
    connection = engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key("migrations")})
        yield
    finally:
        _let_go(connection)


def _let_go(connection: Connection) -> None:
    """With its connection a lock ends, whatever state that is in."""
    connection.invalidate()
    connection.close()


def _key(name: str) -> int:
    """The server knows locks by number: a signed one of eight bytes."""
    return int.from_bytes(hashlib.sha256(f"countermand:{name}".encode()).digest()[:8], signed=True)


def _no_address() -> BadInput:
    return BadInput(
        "database is no address of a PostgreSQL server",
        next="Write it as postgresql://USER:PASSWORD@HOST/DATABASE, in an environment variable or a file.",
    )
