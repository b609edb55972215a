"""
Opening the database: SQLite in write-ahead mode with full sync, brought up to the newest migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from agent.errors import BadInput

NEWEST = "0002"
"""The newest migration; a test holds it against the migrations folder."""

_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The ledger's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """For the queue, whose rows are put beside ours in one transaction."""
        return self._engine

    @property
    def url(self) -> str:
        """Its address, e.g. ``sqlite:////…/countermand.db``."""
        return self._engine.url.render_as_string(hide_password=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view; nothing is written."""
        with self._in_words(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """
        One transaction that takes the write lock at once; it is on disk when the block ends without an error.

        :raises Retryable: the disk is full, or another process holds the lock for too long; nothing was written.
        """
        engine = self._engine.execution_options(writes=True)
        with self._in_words(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """A disk that is full or a file that is damaged is no bug of ours. That a key is taken already is an answer, and left alone."""
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise _unusable(self._engine, "used", error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def open_database(home: Path) -> Database:
    """
    The ledger under *home*, made on first use.

    :raises BadInput: the folder or the file cannot be used.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = _sqlite(home / "countermand.db")
        _bring_up_to_date(engine, home / "countermand.db.lock")
    except OSError as error:
        raise BadInput(
            f"the folder {home} cannot be used: {error.strerror or error}",
            next="Set COUNTERMAND_HOME to a folder that you can write to.",
        ) from None
    except DBAPIError as error:
        raise _unusable(engine, "opened", error) from None
    return Database(engine)


def _unusable(engine: Engine, what: str, error: DBAPIError) -> BadInput:
    return BadInput(
        f"the ledger {engine.url.database} cannot be {what}: {error.orig}",
        next="Check the disk and the file, or bring back a backup.",
    )


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _(connection: Any, record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail under another writer; so a writer says so at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine


def _bring_up_to_date(engine: Engine, lock: Path) -> None:
    if _version(engine) == NEWEST:
        return
    with FileLock(lock, mode=0o600):
        version = _version(engine)
        if version == NEWEST:
            return
        if version is not None and version > NEWEST:
            raise BadInput(
                "the ledger was written by a newer countermand",
                next="Install that version, or use another COUNTERMAND_HOME.",
            )
        from alembic import command  # imported here: only the first start needs it
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with engine.execution_options(writes=True).connect() as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return version
