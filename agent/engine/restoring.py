"""
Restoring a backup: the old ledger is kept aside, and the restored one takes its place as a whole, marked (``marking.py``).

::

    check the backup ─ hold the ledger alone ─ a typed yes ─ a new ledger beside it: rows, migrations, marks ─ keep the
    present one aside ─ one rename

Until the rename nothing has changed; after it everything has. Nobody else has the ledger open meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from agent.engine.backup import Backup, address, flush, read_backup
from agent.engine.clock import Clock
from agent.engine.database import LEDGER, NEWEST, bring_up_to_date, database_for_restore, folder_unusable
from agent.engine.locks import ledger_lock
from agent.engine.marking import mark_restored
from agent.engine.tables import AccountRow
from agent.errors import ApprovalNeeded, BadInput, Retryable
from agent.walk import Person

_UNFINISHED = ".restoring-"
_NOT_IN_USE = 0.5
"""Seconds that SQLite waits for whoever has the ledger open without our lock."""


@dataclass(frozen=True)
class Restored:
    """What a restore did."""

    backup: Backup
    at: datetime
    marked: int
    """How many supplier orders count as clicked from now on: they are looked at first."""
    kept_aside: Path | None
    """The ledger as it was before; ``None``: there was none."""


async def restore_backup(home: Path, file: Path, person: Person, clock: Clock) -> Restored:
    """
    Put the ledger back as it was when the backup *file* was made.

    :raises BadInput: it is no whole backup of ours, or the home cannot be written.
    :raises Retryable: another process works with the ledger.
    :raises ApprovalNeeded: there are cancellations now, and nobody said yes.
    """
    backup = read_backup(file)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        let_go = ledger_lock(home, alone=True)
    except OSError as error:
        raise folder_unusable(home, error) from None
    try:
        present = _Present.of(home / LEDGER)
        if present.cancellations != 0:
            await _agreed(person, present, backup)
        return _replace(home, present, backup, clock.now(), person.says)
    except OSError as error:
        raise folder_unusable(home, error) from None
    except (sqlite3.Error, DBAPIError) as error:
        raise BadInput(
            f"the backup {file} cannot be restored: {error.orig if isinstance(error, DBAPIError) else error}. The present ledger was not changed",
            next="Check the space on the disk, or use another backup.",
        ) from None
    finally:
        let_go()


@dataclass(frozen=True)
class _Present:
    """The ledger that would be replaced."""

    file: Path
    cancellations: int | None
    """``None``: it is damaged, and nobody knows."""

    @property
    def is_damaged(self) -> bool:
        return self.cancellations is None

    @classmethod
    def of(cls, file: Path) -> _Present:
        """Count and check the ledger *file*."""
        if not file.exists():
            return cls(file, 0)
        try:
            with closing(sqlite3.connect(file, timeout=_NOT_IN_USE)) as connection:
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
                if "cancellations" not in tables:
                    return cls(file, 0)
                (migration,) = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
                if str(migration) > NEWEST:
                    raise BadInput(
                        "the ledger was written by a newer countermand",
                        next="Install that version, or use another COUNTERMAND_HOME.",
                    )
                whole = [("ok",)] == connection.execute("PRAGMA quick_check").fetchall()
                (number,) = connection.execute("SELECT count(*) FROM cancellations").fetchone()
                return cls(file, number if whole else None)
        except sqlite3.DatabaseError as error:
            if _primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                return cls(file, None)
            raise _in_use(error) from None


async def _agreed(person: Person, present: _Present, backup: Backup) -> None:
    now = (
        "The ledger is damaged, and what it holds cannot be counted"
        if present.is_damaged
        else f"The ledger holds {_cancellations(present.cancellations)} now"
    )
    question = (
        f"{now}; the backup holds {_cancellations(backup.cancellations)} and was made at {backup.made_at:%Y-%m-%d %H:%M} UTC. "
        "What was recorded since then is kept aside, and no longer known. Restore the backup?"
    )
    if person.is_here and await person.agrees(question):
        return
    raise ApprovalNeeded(
        f"{now.replace('The', 'the', 1)}, and nobody said yes to restoring {_cancellations(backup.cancellations)} from {backup.made_at:%Y-%m-%d %H:%M} UTC. Nothing was changed",
        next="Give the command at a terminal, and say yes.",
    )


def _replace(home: Path, present: _Present, backup: Backup, at: datetime, says: Callable[[str], None]) -> Restored:
    for cut_off in home.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(cut_off)
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=home) as folder:
        fresh = Path(folder) / LEDGER
        says(f"restoring {_cancellations(backup.cancellations)}")
        _fill(fresh, backup)
        if present.file.exists() and not present.is_damaged:
            _take_over_accounts(fresh, present.file)
        database = database_for_restore(fresh, NEWEST)
        with database.writing() as session:
            marked = mark_restored(session, at, backup.made_at, home / "visits")
        database.close()
        _one_file(fresh)
        fresh.chmod(0o600)
        flush(fresh)
        says("keeping the present ledger aside")
        kept_aside = _keep_aside(present, at)
        os.replace(fresh, present.file)
        flush(home)
    return Restored(backup, at, marked, kept_aside)


def _fill(fresh: Path, backup: Backup) -> None:
    """Rows come from the backup, by name; the tables are ours, as they were then, and are migrated up afterwards."""
    database_for_restore(fresh, backup.migration).close()
    with closing(sqlite3.connect(address(fresh), uri=True, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS copy", (address(backup.file, "ro"),))
        tables = connection.execute(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> 'alembic_version'"
        ).fetchall()
        connection.execute("BEGIN")
        for (table,) in tables:
            columns = ", ".join(f'"{name}"' for name in _columns(connection, "main", table))
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM copy.{table}")
        connection.execute("COMMIT")
    bring_up_to_date(fresh)


def _take_over_accounts(fresh: Path, present: Path) -> None:
    """
    Sign-ins lie in the vault, which is not restored, so what is known of accounts stays. Fences only ever grow: a process
    that survived somewhere, with the fence of the lost days, must find a higher one.
    """
    with closing(sqlite3.connect(address(fresh), uri=True, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS present", (address(present, "ro"),))
        there = _columns(connection, "present", "accounts")
        if not there:  # a file that was made and never filled
            return
        columns = [column.name for column in AccountRow.__table__.columns if column.name in there]
        changes = [
            f"{name} = max({name}, excluded.{name})" if name == "fence" else f"{name} = excluded.{name}"
            for name in columns
            if name not in ("portal", "name")
        ]
        listed = ", ".join(columns)
        connection.execute(
            f"INSERT INTO main.accounts ({listed}) SELECT {listed} FROM present.accounts WHERE true "
            f"ON CONFLICT (portal, name) DO UPDATE SET {', '.join(changes)}"
        )


def _columns(connection: sqlite3.Connection, schema: str, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({table})")]


def _keep_aside(present: _Present, at: datetime) -> Path | None:
    """The present ledger under another name, and no write-ahead log of it left that SQLite would play into the new one."""
    if not present.file.exists():
        return None
    name = f"{present.file.name}.before-restore-{at:%Y%m%dT%H%M%SZ}"
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    aside = next(path for path in map(present.file.with_name, names) if not path.exists())
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if present.is_damaged:
            _move_raw(present.file, aside)
        else:
            _copy_whole(present.file, aside)
            _one_file(present.file)
        flush(aside)
    except BaseException:
        aside.unlink()
        raise
    return aside


def _copy_whole(ledger: Path, aside: Path) -> None:
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(aside)) as target:
        source.backup(target)
    _one_file(aside)


def _move_raw(ledger: Path, aside: Path) -> None:
    """What SQLite cannot read is copied as it is, its write-ahead log beside it: somebody may be able to mend it."""
    shutil.copyfile(ledger, aside)
    log = ledger.with_name(f"{ledger.name}-wal")
    if log.exists():
        log.rename(aside.with_name(f"{aside.name}-wal"))
    ledger.with_name(f"{ledger.name}-shm").unlink(missing_ok=True)


def _one_file(ledger: Path) -> None:
    """
    Fold the write-ahead log into the file. SQLite does that only while nobody else has it open.

    :raises Retryable: somebody has.
    """
    with closing(sqlite3.connect(ledger, timeout=_NOT_IN_USE)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            raise _in_use(error) from None


def _in_use(error: sqlite3.Error) -> Exception:
    if _primary(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return error
    return Retryable(
        "another program has the ledger open. Nothing was changed", next="Close it, then give the same command again."
    )


def _primary(error: sqlite3.Error) -> int:
    """SQLite's code without its details; errors of Python's own module have none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _cancellations(number: int | None) -> str:
    return "1 cancellation" if number == 1 else f"{number} cancellations"
