"""
Opening the database: SQLite in write-ahead mode with full sync, brought up to the newest migration.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.orm import Session

from agent.engine.locks import FileLocks, Locks, ledger_lock
from agent.engine.unusable import in_words
from agent.errors import BadInput

LEDGER = "countermand.db"
"""The ledger's file under the home."""

NEWEST = "0009"
"""The newest migration; a test holds it against the migrations folder."""

_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The ledger's database."""

    def __init__(self, engine: Engine, locks: Locks, let_go: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self.locks = locks
        self._let_go = weakref.finalize(self, let_go)

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
        with self.in_words(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """
        One transaction that takes the write lock at once; it is on disk when the block ends without an error.

        :raises Retryable: the disk is full, another process holds the lock for too long, or the server is away; nothing was written.
        """
        engine = self._engine.execution_options(writes=True)
        with self.in_words(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def in_words(self) -> AbstractContextManager[None]:
        """A disk that is full or a file that is damaged is no bug of ours: whatever the database says becomes a sentence."""
        return in_words(self._engine)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()
        self._let_go()


def open_database(home: Path, address: str | None = None) -> Database:
    """
    The ledger, made on first use: a file under *home*, or on a server. While the file is open, nobody can restore a backup over it.

    :param address: of a PostgreSQL server; ``None`` for the file.
    :raises BadInput: the folder or the file cannot be used, or that is no address.
    :raises Retryable: a backup is being restored, or the server does not answer.
    """
    if address is not None:
        return _on_server(address)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        let_go = ledger_lock(home, alone=False)
    except OSError as error:
        raise folder_unusable(home, error) from None
    try:
        return Database(_opened(home / LEDGER), FileLocks(home), let_go)
    except BaseException:
        let_go()
        raise


def database_for_restore(file: Path, migration: str) -> Database:
    """A new, empty ledger at *file* as *migration* made it, for a restore to fill before it takes its place."""
    return Database(_opened(file, migration), FileLocks(file.parent))


def bring_up_to_date(file: Path) -> None:
    """Migrate the ledger at *file* up to the newest migration."""
    _opened(file).dispose()


def knows_migration(name: str) -> bool:
    """Whether this countermand has the migration *name*."""
    return name.isalnum() and any((_MIGRATIONS / "versions").glob(f"{name}_*.py"))


def folder_unusable(home: Path, error: OSError) -> BadInput:
    """The home cannot be used, as a sentence."""
    return BadInput(
        f"the folder {home} cannot be used: {error.strerror or error}",
        next="Set COUNTERMAND_HOME to a folder that you can write to.",
    )


def _on_server(address: str) -> Database:
    from agent.engine.postgres import ServerLocks, migrating, postgres_engine

    engine = postgres_engine(address)
    with in_words(engine, "opened"):
        _bring_up_to_date(engine, migrating(engine), NEWEST)
    return Database(engine, ServerLocks(engine))


def _opened(file: Path, migration: str = NEWEST) -> Engine:
    engine = _sqlite(file)
    lock = FileLock(file.with_name(f"{file.name}.lock"), mode=0o600)
    try:
        with in_words(engine, "opened"):
            _write_ahead(engine, lock)
            _bring_up_to_date(engine, lock, migration)
    except OSError as error:
        raise folder_unusable(file.parent, error) from None
    return engine


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _(connection: Any, record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("busy_timeout=30000", "synchronous=FULL", "fullfsync=ON", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("alone"):  # the journal mode cannot be changed in a transaction
            # One that reads first and writes later would fail under another writer; so a writer says so at once.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def _write_ahead(engine: Engine, lock: AbstractContextManager[object]) -> None:
    """
    The write-ahead log, which the file keeps from then on. Two who change a new file to it at once get in each other's way, and SQLite
    tells one of them at once that it is locked, without waiting; so it is done by one after the other.
    """

    def mode(wanted: str = "") -> str:
        with engine.execution_options(alone=True).connect() as connection:
            return str(connection.exec_driver_sql(f"PRAGMA journal_mode{wanted}").scalar())

    if mode() != "wal":
        with lock:
            mode("=WAL")


def _bring_up_to_date(engine: Engine, lock: AbstractContextManager[object], migration: str) -> None:
    if _version(engine) == migration:
        return
    with lock:
        version = _version(engine)
        if version == migration:
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
            command.upgrade(config, migration)


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return version
