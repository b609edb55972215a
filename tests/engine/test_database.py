"""The database: full sync, the newest migration, and a sentence for whatever cannot be opened."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from agent.engine import database
from agent.engine.database import NEWEST, open_database
from agent.engine.tables import Base, UtcDateTime
from agent.errors import BadInput, Retryable
from tests.engine.bench import Bench


def _differences(bench: Bench) -> list[object]:
    with bench.database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def test_the_migrations_make_the_tables_that_the_code_expects(bench: Bench) -> None:
    """
    A database that was brought up by migrations has exactly the tables of the models.
    """
    assert [] == _differences(bench)


def test_a_forgotten_migration_would_be_seen(bench: Bench) -> None:
    """
    The control of the test above: a column that only the database has is found.
    """
    with bench.database.writing() as session:
        session.execute(text("ALTER TABLE accounts ADD COLUMN forgotten TEXT"))

    assert 1 == len(_differences(bench))


def test_newest_is_the_head_of_the_migrations() -> None:
    """
    The version that the code compares with is the one that the migrations lead to, and there is one line of them.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))

    assert [NEWEST] == list(ScriptDirectory.from_config(config).get_heads())


def test_what_is_written_is_on_disk(bench: Bench) -> None:
    """
    Full sync, write-ahead log, foreign keys: on for every connection.
    """
    with bench.database.writing() as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1} == found


def test_a_transaction_is_all_or_nothing(bench: Bench) -> None:
    """
    What a transaction wrote before it failed is not there afterwards.
    """

    def write_and_fail() -> None:
        with bench.database.writing() as session:
            session.execute(text("INSERT INTO accounts (portal, name, fence) VALUES ('a', 'b', 1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    with bench.database.reading() as session:
        assert 0 == session.scalar(text("SELECT count(*) FROM accounts"))


def test_several_processes_may_make_it_at_once(tmp_path: Path) -> None:
    """
    The first start of several processes at the same time makes one database, whole.
    """
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(open_database, [tmp_path / "home"] * 8))

    for one in opened:
        with one.reading() as session:
            assert NEWEST == session.scalar(text("SELECT version_num FROM alembic_version"))
        one.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    """
    A second start finds everything in place, with what was written before.
    """
    first = Bench.at(tmp_path / "home")
    id = first.claim().id
    first.close()

    second = Bench.at(tmp_path / "home")

    assert [id] == [one.id for one in second.ledger.newest()]
    second.close()


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_the_home_is_for_its_owner_only(tmp_path: Path) -> None:
    """
    The folder that holds orders and sealed sign-ins cannot be entered by others.
    """
    open_database(tmp_path / "home").close()

    assert 0o700 == stat.S_IMODE((tmp_path / "home").stat().st_mode)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    """
    A file that a newer countermand has written is left alone, with a sentence.
    """
    open_database(tmp_path).close()
    with sqlite3.connect(tmp_path / "countermand.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(BadInput, match="written by a newer countermand"):
        open_database(tmp_path)


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    """
    A damaged ledger is named, with what to do.
    """
    (tmp_path / "countermand.db").write_bytes(b"this is no database, whatever its name says" * 100)

    with pytest.raises(BadInput, match=r"the ledger .*countermand.db cannot be opened") as caught:
        open_database(tmp_path)

    assert "backup" in caught.value.next


def test_a_ledger_that_is_damaged_inside_is_a_sentence(tmp_path: Path) -> None:
    """
    A file that opens and turns out to be damaged later, while it is read, is said the same way.
    """
    bench = Bench.at(tmp_path)
    bench.claim()
    bench.close()
    with sqlite3.connect(tmp_path / "countermand.db") as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'cancellations'").fetchone()[0]
    connection.close()
    with (tmp_path / "countermand.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    damaged = Bench.at(tmp_path)

    with pytest.raises(BadInput, match=r"the ledger .*countermand.db cannot be used") as caught:
        damaged.ledger.newest()

    assert "backup" in caught.value.next
    damaged.close()


def test_a_full_disk_is_to_be_tried_later(bench: Bench) -> None:
    """
    Where there is no room the sentence says so, nothing is written, and later it works.
    """

    def write() -> None:
        with bench.database.writing() as session:
            session.execute(text("PRAGMA max_page_count = 1"))  # which means: as many as there are
            session.execute(text("INSERT INTO accounts (portal, name, fence) VALUES ('a', zeroblob(100000), 1)"))

    with pytest.raises(Retryable, match=r"the disk is full or does not work \(database or disk is full\)") as caught:
        write()

    assert "Make room" in caught.value.next
    with bench.database.reading() as session:
        assert 0 == session.scalar(text("SELECT count(*) FROM accounts"))


def test_a_lock_that_is_kept_is_to_be_tried_later(bench: Bench) -> None:
    """
    Another process writes and does not come to an end: past our patience it is a sentence.
    """
    with bench.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(bench.home / "countermand.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Retryable, match="another process has kept it locked for too long") as caught:
        bench.claim()

    assert "Wait for that process" in caught.value.next
    other.execute("ROLLBACK")
    other.close()
    assert bench.claim()


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """
    Where the folder cannot be made, the sentence says which, and what to set.
    """
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(BadInput, match=r"the folder .*file/home cannot be used") as caught:
        open_database(tmp_path / "file" / "home")

    assert "COUNTERMAND_HOME" in caught.value.next


def test_times_come_back_in_utc(bench: Bench) -> None:
    """
    SQLite forgets time zones; the ledger does not.
    """
    created = bench.claim().created_at

    assert bench.clock.now() == created
    assert created.utcoffset() is not None
    assert UtcDateTime().cache_ok
