"""
PostgreSQL under the ledger, for several workers on several machines: the same tables, the same rules, other locks.

SQLite has one writer at a time and files to lock; here both are advisory locks of the server, which end with their connection.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from agent.engine.locks import in_use
from agent.errors import BadInput
from agent.redact import redactor
from agent.walk import Person

_WORKERS = "workers"
_POLL = 0.2
"""Seconds between two tries for a lock that somebody else holds."""


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
    """The locks of several machines: the server keeps them, for as long as their connection lives."""

    def __init__(self, engine: Engine) -> None:
        # No pool: a lock keeps its connection for a whole visit, and the ledger's own must not run out meanwhile.
        self._engine = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def held(self, name: str, person: Person, holder: str | None = None) -> AsyncIterator[None]:
        """See ``Locks.held``."""
        connection = await asyncio.to_thread(self._engine.connect)
        try:
            if not await asyncio.to_thread(_try, connection, name):
                person.says(in_use(name, holder))
                while not await asyncio.to_thread(_try, connection, name):
                    await asyncio.sleep(_POLL)
            yield
        finally:
            await asyncio.to_thread(_let_go, connection)

    @contextmanager
    def worker(self, id: str) -> Iterator[bool]:
        """See ``Locks.worker``."""
        connection = self._engine.connect()
        try:
            ours = _try(connection, f"worker-{id}")
            if ours:
                # Waits for whoever just asks whether there is a worker: one that is not seen would not be left its visits.
                connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), {"key": _key(_WORKERS)})
            yield ours
        finally:
            _let_go(connection)

    def any_worker(self) -> bool:
        """See ``Locks.any_worker``."""
        connection = self._engine.connect()
        try:
            return not _try(connection, _WORKERS)
        finally:
            _let_go(connection)


@contextmanager
def migrating(engine: Engine) -> Iterator[None]:
    """One process brings the tables up to date; others wait for it."""
    connection = engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key("migrations")})
        yield
    finally:
        _let_go(connection)


def _try(connection: Connection, name: str) -> bool:
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(name)}).scalar())


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
