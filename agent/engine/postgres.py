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

from agent.errors import BadInput

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
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_timeout=30)

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # One writer at a time, as with SQLite: whoever reads first and writes later finds nothing changed in between.
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_key("ledger"),))

    return engine


class ServerLocks:
    """Locks that the server keeps, for as long as their connection lives."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[bool]:
        """
        Hold the lock *name* for as long as the block runs; the block is entered once it is ours.

        :returns: whether somebody else had it first.
        """
        connection = await asyncio.to_thread(self._engine.connect)
        try:
            waited = False
            while not await asyncio.to_thread(_try, connection, "pg_try_advisory_lock", name):
                waited = True
                await asyncio.sleep(_POLL)
            yield waited
        finally:
            await asyncio.to_thread(_let_go, connection)

    async def is_free(self, name: str) -> bool:
        """Whether nobody holds the lock *name* now."""
        connection = await asyncio.to_thread(self._engine.connect)
        try:
            return await asyncio.to_thread(_try, connection, "pg_try_advisory_lock", name)
        finally:
            await asyncio.to_thread(_let_go, connection)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Hold the lock *name*; gives whether it is ours: nobody is waited for."""
        connection = self._engine.connect()
        try:
            yield _try(connection, "pg_try_advisory_lock", name)
        finally:
            _let_go(connection)

    @contextmanager
    def together(self, name: str) -> Iterator[None]:
        """Hold the lock *name* with others who hold it so."""
        connection = self._engine.connect()
        try:
            _try(connection, "pg_try_advisory_lock_shared", name)
            yield
        finally:
            _let_go(connection)


def _try(connection: Connection, how: str, name: str) -> bool:
    return bool(connection.execute(text(f"SELECT {how}(:key)"), {"key": _key(name)}).scalar())


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
