"""
A backup: the ledger's tables, and nothing else, in one SQLite file that is whole and consistent, whoever writes meanwhile.

The vault stays out of it, and so does whatever else lies in the ledger's file: only our own tables are copied, by name.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from agent import __version__
from agent.engine.database import NEWEST, knows_migration
from agent.engine.tables import Base
from agent.errors import BadInput

FORMAT = 1
"""The format of the file; a newer one is refused."""

_TABLES = tuple(table.name for table in Base.metadata.sorted_tables)
_HEADER = b"SQLite format 3\x00"
_ABOUT = "CREATE TABLE backup (format INTEGER NOT NULL, made_at TEXT NOT NULL, version TEXT NOT NULL, migration TEXT NOT NULL)"


@dataclass(frozen=True)
class Backup:
    """A backup file that was found whole."""

    file: Path
    made_at: datetime
    version: str
    migration: str
    cancellations: int
    size: int
    """In bytes."""


def make_backup(ledger: Path, file: Path, made_at: datetime, says: Callable[[str], None]) -> Backup:
    """
    Write the ledger to *file*, as it is at one moment. The file appears when it is whole and on disk, readable by its owner only.

    :param ledger: the ledger's file; the caller has it open, so that it is up to date and stays in place.
    :param says: told what is copied.
    :raises BadInput: there is such a file already, its folder cannot be written, or the disk is full. No file is left.
    """
    file = file.absolute()
    if os.path.lexists(file):
        raise _exists(file)
    if not file.parent.is_dir():
        raise BadInput(f"there is no folder {file.parent}", next="Make the folder, or give another file.")
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp makes it 0600
        os.close(handle)
        partial = Path(name)
        try:
            _copy(ledger, partial, made_at, says)
            says("checking the backup")
            found = read_backup(partial)
            flush(partial)
            _put(partial, file)
        finally:
            partial.unlink(missing_ok=True)
        flush(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise BadInput(
            f"the backup {file} cannot be written: {error.strerror if isinstance(error, OSError) else error}",
            next="Check the folder and the space on its disk. No file was left there.",
        ) from None
    return Backup(file, found.made_at, found.version, found.migration, found.cancellations, found.size)


def read_backup(file: Path) -> Backup:
    """
    What *file* is, after it was checked as a whole.

    :raises BadInput: it is no backup of ours, a newer countermand made it, or it is damaged.
    """
    file = file.absolute()
    try:
        with file.open("rb") as opened:
            is_sqlite = opened.read(len(_HEADER)) == _HEADER
        size = file.stat().st_size
    except OSError as error:
        raise BadInput(
            f"the backup {file} cannot be read: {error.strerror}", next="Give the file that countermand backup wrote."
        ) from None
    if not is_sqlite:
        raise _not_ours(file)
    try:
        with closing(sqlite3.connect(address(file, "ro"), uri=True)) as connection:
            about = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'backup'")
            if about.fetchone() != (1,):
                raise _not_ours(file)
            format, made_at, version, migration = connection.execute("SELECT * FROM backup").fetchone()
            if format > FORMAT or (not knows_migration(migration) and migration > NEWEST):
                raise BadInput(
                    f"the backup {file} was made by a newer countermand ({version})",
                    next="Install that version and restore it with that.",
                )
            whole = [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
            if not whole or not knows_migration(migration) or connection.execute("PRAGMA foreign_key_check").fetchone():
                raise _damaged(file)
            (count,) = connection.execute("SELECT count(*) FROM cancellations").fetchone()
            return Backup(file, datetime.fromisoformat(made_at), version, migration, count, size)
    except (sqlite3.Error, TypeError, ValueError) as error:  # a row that is missing, or is not what we write
        raise _damaged(file, error) from None


def address(file: Path, mode: Literal["ro", "rw"] = "rw") -> str:
    """*file*, which is there, as an address for SQLite; with ``ro`` it never writes to it."""
    return f"file:{quote(str(file.absolute()))}?mode={mode}"


def flush(path: Path) -> None:
    """*path*, a file or a folder, is on disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy(ledger: Path, partial: Path, made_at: datetime, says: Callable[[str], None]) -> None:
    """In one transaction, which sees the ledger as it is at its first read: others go on writing."""
    with closing(sqlite3.connect(address(partial), uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")  # thrown away if it is cut off, so that no second file is needed
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("ATTACH ? AS ledger", (address(ledger, "ro"),))
        connection.execute("BEGIN")
        for table in _TABLES:
            definition, count = connection.execute(
                f"SELECT sql, (SELECT count(*) FROM ledger.{table}) FROM ledger.sqlite_master WHERE type = 'table' AND name = ?",
                (table,),
            ).fetchone()
            says(f"copying {count} rows of {table.replace('_', ' ')}")
            connection.execute(definition)
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM ledger.{table}")
        connection.execute(_ABOUT)
        connection.execute("INSERT INTO backup VALUES (?, ?, ?, ?)", (FORMAT, made_at.isoformat(), __version__, NEWEST))
        connection.execute("COMMIT")


def _put(partial: Path, file: Path) -> None:
    """Under its name at once, and never over another file."""
    try:
        os.link(partial, file)
    except FileExistsError:
        raise _exists(file) from None
    except OSError:  # a file system without hard links, such as that of many sticks
        if os.path.lexists(file):
            raise _exists(file) from None
        partial.rename(file)


def _exists(file: Path) -> BadInput:
    return BadInput(f"there is a file {file} already, and a backup never overwrites one", next="Give another name.")


def _not_ours(file: Path) -> BadInput:
    return BadInput(f"{file} is no backup of countermand", next="Give the file that countermand backup wrote.")


def _damaged(file: Path, error: Exception | None = None) -> BadInput:
    why = f" ({error})" if isinstance(error, sqlite3.Error) else ""
    return BadInput(f"the backup {file} is damaged{why}", next="Use another backup.")
