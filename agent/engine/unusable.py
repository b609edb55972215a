"""
What the database says when it cannot be used, as a sentence: a full disk or a server that restarts is no bug of ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from agent.errors import BadInput, CountermandError, Retryable

_FIRST_BYTE = 0xFF
"""SQLite's extended codes say more above the lowest byte."""


@contextmanager
def in_words(engine: Engine, what: str = "used") -> Iterator[None]:
    """
    Whatever the database says in the block becomes a sentence. That a key is taken already is an answer, and left alone.

    :raises Retryable: the disk is full, another process holds the lock for too long, or the server does not answer.
    :raises BadInput: the file is no ledger, or damaged.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise unusable(engine, what, error) from error


def unusable(engine: Engine, what: str, error: DBAPIError | PoolTimeout) -> CountermandError:
    """
    Why the ledger cannot be *what* ("opened", "used").
    """
    said = error.orig if isinstance(error, DBAPIError) else error
    if engine.dialect.name == "postgresql":
        reason = str(said).strip().splitlines()[0] if str(said).strip() else type(said).__name__
        return Retryable(
            f"the ledger's server cannot be {what}: {reason}",
            next="Check the server, then give the same command again.",
        )
    ledger = f"the ledger {engine.url.database}"
    match (getattr(said, "sqlite_errorcode", None) or 0) & _FIRST_BYTE:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Retryable(
                f"{ledger} cannot be {what}: another process has kept it locked for too long ({said})",
                next="Wait for that process or end it, then give the same command again.",
            )
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return Retryable(
                f"{ledger} cannot be {what}: the disk is full or does not work ({said})",
                next="Make room on the disk, then give the same command again.",
            )
        case _:
            return BadInput(
                f"{ledger} cannot be {what}: {said}",
                next="Check the disk and the file, or bring a backup back: countermand restore FILE.",
            )
