"""Backup and restore: one file that is whole, and an old ledger that never leads to a second submit."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from agent import __version__
from agent.engine import restoring
from agent.engine.asking import ask
from agent.engine.backup import Backup, make_backup, read_backup
from agent.engine.clock import SystemClock
from agent.engine.database import LEDGER, NEWEST, database_for_restore, open_database
from agent.engine.ledger import Ledger
from agent.engine.marking import mark_restored
from agent.engine.records import Cancellation, Wanted
from agent.engine.restoring import Restored, restore_backup
from agent.engine.tables import AccountRow, Base
from agent.errors import ApprovalNeeded, BadInput, Retryable
from agent.model import Answer, ErrorKind, OrderId, OrderStage, Stage
from tests.engine.bench import NOON, ORDER, OTHER, PLAIN, THIRD, WITH_SHOP, Bench, Nobody, Somebody, asks, fails, reads

LATER = NOON + timedelta(days=1)


def backup(bench: Bench, name: str = "backup.db") -> Path:
    """A backup beside the home."""
    file = bench.home.parent / name
    make_backup(bench.home / LEDGER, file, bench.clock.now(), lambda what: None)
    return file


async def restore(bench: Bench, file: Path, person: Nobody | None = None) -> Restored:
    """Close the ledger and restore it, with somebody who says yes."""
    bench.close()
    return await restore_backup(bench.home, file, person or Somebody(True), bench.clock)


@pytest.fixture
def reopen(bench: Bench) -> Iterator[Callable[[], Bench]]:
    """The ledger as a process sees it that starts after the restore."""
    opened: list[Bench] = []

    def opens() -> Bench:
        opened.append(bench.beside())
        return opened[-1]

    yield opens
    for one in opened:
        one.close()


def rows(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in a SQLite file."""
    with closing(sqlite3.connect(file)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall() for name in names}


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def left_over(folder: Path) -> list[str]:
    """What nobody asked for."""
    return [path.name for path in folder.iterdir() if path.name not in ("home", "backup.db")]


# -- making one


def test_a_backup_holds_the_ledger_and_nothing_else(bench: Bench) -> None:
    """
    Our own tables with all their rows, and what made it when; the queue's tables, say, stay out.
    """
    bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    with bench.database.writing() as session:
        session.execute(text("CREATE TABLE somebody_elses (secret TEXT)"))

    file = backup(bench)

    found, ledger = rows(file), rows(bench.home / LEDGER)
    assert {table.name for table in Base.metadata.sorted_tables} | {"backup"} == set(found)
    assert {name: ledger[name] for name in found if name != "backup"} == {
        name: content for name, content in found.items() if name != "backup"
    }
    assert [(1, NOON.isoformat(), __version__, NEWEST)] == found["backup"]
    assert Backup(file, NOON, __version__, NEWEST, 1, file.stat().st_size) == read_backup(file)
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [] == left_over(bench.home.parent)


def test_a_backup_made_while_others_write_is_of_one_moment(bench: Bench) -> None:
    """
    While a writer adds cancellations and events, every backup has whole ones only: no event without its cancellation,
    and every cancellation's events numbered without a gap.
    """
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        other = open_database(bench.home)
        ledger = Ledger(other, SystemClock(), "a writer")
        number = 0
        while not stop.is_set():
            number += 1
            claimed = ledger.claim([Wanted("aliexpress", "main", OrderId(f"81901{number:011}"))], PLAIN)
            assert claimed is not None
            ledger.begin_visit(claimed.id, "submit", claimed.orders[0])
            ledger.move_order(claimed.orders[0], OrderStage.AWAITING_DECISION, None)
            written.set()
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(30)
        files = [backup(bench, f"backup-{n}.db") for n in range(5)]
    finally:
        stop.set()
        writer.join(30)

    counts = [read_backup(file).cancellations for file in files]
    assert counts == sorted(counts)
    assert counts[0] < len(rows(bench.home / LEDGER)["cancellations"])
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert [] == connection.execute("PRAGMA foreign_key_check").fetchall()
            gaps = "SELECT 1 FROM events GROUP BY cancellation_id HAVING max(number) <> count(*) OR min(number) <> 1"
            assert [] == connection.execute(gaps).fetchall()
            bare = "SELECT 1 FROM cancellations WHERE id NOT IN (SELECT cancellation_id FROM events)"
            assert [] == connection.execute(bare).fetchall()


@pytest.mark.parametrize("taken_by", ["a file", "a backup", "a folder", "a link to nowhere"])
def test_a_backup_never_overwrites(bench: Bench, taken_by: str) -> None:
    """
    Whatever has the name keeps it.
    """
    file = bench.home.parent / "backup.db"
    match taken_by:
        case "a file":
            file.write_text("mine")
        case "a backup":
            backup(bench)
        case "a folder":
            file.mkdir()
        case _:
            file.symlink_to("nowhere")
    before = file.lstat()

    with pytest.raises(BadInput, match=r"backup.db already, and a backup never overwrites one"):
        backup(bench)

    assert before == file.lstat()
    assert [] == left_over(bench.home.parent)


def test_a_name_that_is_taken_meanwhile_is_not_overwritten(bench: Bench) -> None:
    """
    Somebody writes the file while the backup is made: it is left alone.
    """
    file = bench.home.parent / "backup.db"

    def write(_: str) -> None:
        file.write_text("mine")

    with pytest.raises(BadInput, match="already"):
        make_backup(bench.home / LEDGER, file, NOON, write)

    assert "mine" == file.read_text()
    assert [] == left_over(bench.home.parent)


@pytest.mark.parametrize("taken", [False, True])
def test_where_there_are_no_hard_links_it_is_renamed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """
    A stick's file system knows no links: the file still appears whole, and never over another.
    """
    file = bench.home.parent / "backup.db"

    def link(source: Path, target: Path) -> None:
        if taken:
            file.write_text("mine")
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("agent.engine.backup.os.link", link)

    if taken:
        with pytest.raises(BadInput, match="already"):
            backup(bench)
    else:
        assert 0 == read_backup(backup(bench)).cancellations
    assert [] == left_over(bench.home.parent)


def test_a_folder_that_is_not_there_is_a_sentence(bench: Bench) -> None:
    """
    A missing folder is not made.
    """
    with pytest.raises(BadInput, match=r"there is no folder .*/missing"):
        backup(bench, "missing/backup.db")

    assert [] == left_over(bench.home.parent)


def test_a_folder_that_cannot_be_written_is_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nor is anything left in one that is somebody else's. (Root may write everywhere, so the refusal is pretended.)
    """

    def refuse(**_: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("agent.engine.backup.tempfile.mkstemp", refuse)

    with pytest.raises(BadInput, match=r"backup.db cannot be written: Permission denied"):
        backup(bench)


@contextmanager
def a_full_disk(size: int) -> Iterator[None]:
    """No file grows beyond *size*."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_no_file(bench: Bench) -> None:
    """
    What could not be written whole is not there at all, and the ledger goes on.
    """
    for n in range(200):
        bench.claim(OrderId(f"81901{n:011}"))

    with (
        a_full_disk(20_000),
        pytest.raises(BadInput, match="cannot be written: "),
    ):
        backup(bench)

    assert [] == [path.name for path in bench.home.parent.iterdir() if path.name != "home"]
    bench.claim(ORDER)


# -- what is no backup


def _truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _scribble(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)


def _changed(statement: str) -> Callable[[Path], None]:
    return lambda file: change(file, statement)


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda file: file.unlink(), "cannot be read: No such file"),
        (lambda file: file.write_text("no database at all"), "is no backup of countermand"),
        (lambda file: file.write_bytes(b""), "is no backup of countermand"),
        (_changed("DROP TABLE backup"), "is no backup of countermand"),
        (_changed("DELETE FROM backup"), "is damaged"),
        (_changed("DROP TABLE cancellations"), "is damaged"),
        (_changed("UPDATE backup SET made_at = 'yesterday'"), "is damaged"),
        (_changed("UPDATE backup SET format = 2"), "was made by a newer countermand"),
        (_changed("UPDATE backup SET migration = '9999'"), "was made by a newer countermand"),
        (_changed("UPDATE backup SET migration = '0000'"), "is damaged"),
        (_changed("UPDATE events SET cancellation_id = 'c-nowhere'"), "is damaged"),
        (_truncate, "is damaged"),
        (_scribble, "is damaged"),
    ],
)
async def test_what_is_no_whole_backup_is_refused(bench: Bench, spoil: Callable[[Path], None], sentence: str) -> None:
    """
    Each is said in a sentence, nobody is asked, and the ledger stays as it was.
    """
    one = bench.claim()
    file = backup(bench)
    spoil(file)
    person = Somebody(True)

    with pytest.raises(BadInput, match=sentence):
        await restore(bench, file, person)

    assert [] == person.asked
    assert [one.id] == [row[0] for row in rows(bench.home / LEDGER)["cancellations"]]
    assert [] == [path.name for path in bench.home.iterdir() if "restor" in path.name]


async def test_a_ledger_is_no_backup(bench: Bench, tmp_path: Path) -> None:
    """
    A copied ledger is not restored: nobody knows of what moment it is.
    """
    bench.claim()
    bench.close()
    shutil.copy(bench.home / LEDGER, tmp_path / "copy.db")

    with pytest.raises(BadInput, match="is no backup of countermand"):
        await restore(bench, tmp_path / "copy.db")


# -- restoring


async def test_there_and_back(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    What was there comes back as it was, what came later is gone from the ledger, and is kept aside.
    """
    old = bench.claim(ORDER, choices=WITH_SHOP)
    bench.ledger.move_order(old.orders[0], OrderStage.APPROVED, None, text="Canceled")
    file = backup(bench)
    before, events = bench.again(old), bench.ledger.events(old.id)
    new = bench.claim(OTHER)
    bench.clock.forward(86400)
    ledger = rows(bench.home / LEDGER)

    done = await restore(bench, file)

    now = reopen()
    aside = bench.home / "countermand.db.before-restore-20261121T120000Z"
    assert Restored(read_backup(file), LATER, 0, aside) == done
    assert [old.id] == [one.id for one in now.ledger.newest()]
    assert (before.orders, before.stage, before.choices) == (
        now.again(old).orders,
        now.again(old).stage,
        now.again(old).choices,
    )
    assert events == now.ledger.events(old.id)
    assert ledger == rows(aside)
    assert new.id in {row[0] for row in rows(aside)["cancellations"]}
    assert [0o600, 0o600] == [stat.S_IMODE(path.stat().st_mode) for path in (aside, bench.home / LEDGER)]
    assert [] == list(bench.home.glob(".restoring-*"))


async def test_the_yes_names_what_is_lost(bench: Bench) -> None:
    """
    How many there are now, how many in the backup, and when it was made.
    """
    bench.claim(ORDER)
    file = backup(bench)
    bench.claim(OTHER)
    person = Somebody(True)

    await restore(bench, file, person)

    assert [
        "The ledger holds 2 cancellations now; the backup holds 1 cancellation and was made at 2026-11-20 12:00 UTC. "
        "What was recorded since then is kept aside, and no longer known. Restore the backup?"
    ] == person.asked


@pytest.mark.parametrize("person", [Nobody(), Somebody(False)])
async def test_without_a_yes_nothing_changes(bench: Bench, person: Nobody) -> None:
    """
    Nobody at a terminal, or a no: exit 20, and every byte stays.
    """
    bench.claim(ORDER)
    file = backup(bench)
    bench.claim(OTHER)
    bench.close()
    before = (bench.home / LEDGER).read_bytes()

    with pytest.raises(ApprovalNeeded, match="holds 2 cancellations now, and nobody said yes"):
        await restore(bench, file, person)

    assert before == (bench.home / LEDGER).read_bytes()
    assert [] == [path.name for path in bench.home.iterdir() if "restor" in path.name]


@pytest.mark.parametrize("made", ["nothing", "a home", "an empty file"])
async def test_an_empty_ledger_needs_no_yes(bench: Bench, tmp_path: Path, made: str) -> None:
    """
    On a new machine there is nothing to lose.
    """
    one = bench.claim()
    file = backup(bench)
    new = tmp_path / "new"
    if made == "a home":
        open_database(new).close()
    elif made == "an empty file":
        new.mkdir()
        (new / LEDGER).touch()

    done = await restore_backup(new, file, Nobody(), bench.clock)

    database = open_database(new)
    assert [one.id] == [one.id for one in Ledger(database, bench.clock, "test").newest()]
    assert (made == "nothing") == (done.kept_aside is None)
    database.close()


async def test_a_damaged_ledger_can_be_replaced(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    That is what a backup is for: nobody can count what there is, so a yes is asked for, and the bytes are kept.
    """
    one = bench.claim()
    file = backup(bench)
    bench.close()
    (bench.home / LEDGER).write_bytes(b"no database any more" * 1000)
    person = Somebody(True)

    done = await restore(bench, file, person)

    assert "The ledger is damaged, and what it holds cannot be counted" in person.asked[0]
    assert [one.id] == [one.id for one in reopen().ledger.newest()]
    assert done.kept_aside is not None
    assert b"no database any more" * 1000 == done.kept_aside.read_bytes()


async def test_a_ledger_of_a_newer_countermand_is_left_alone(bench: Bench) -> None:
    """
    What we cannot read is not replaced.
    """
    bench.claim()
    file = backup(bench)
    bench.close()
    change(bench.home / LEDGER, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(BadInput, match="written by a newer countermand"):
        await restore(bench, file)


async def test_while_another_process_works_nothing_is_restored(bench: Bench) -> None:
    """
    Whoever has the ledger open, waiting or working, keeps a restore away; and nobody is asked in vain.
    """
    bench.claim()
    file = backup(bench)
    other = bench.beside()
    person = Somebody(True)

    with pytest.raises(Retryable, match="another countermand process works with the ledger"):
        await restore(bench, file, person)
    other.close()

    assert [] == person.asked
    await restore(bench, file, person)


async def test_while_a_backup_is_restored_nobody_opens_the_ledger(bench: Bench) -> None:
    """
    Whoever comes while the person still thinks is sent away, to come again later.
    """
    bench.claim()
    file = backup(bench)

    class Thinks(Somebody):
        async def agrees(self, question: str) -> bool:
            with pytest.raises(Retryable, match="a backup is being restored"):
                open_database(bench.home)
            return await super().agrees(question)

    person = Thinks(True)
    await restore(bench, file, person)

    assert 1 == len(person.asked)


async def test_a_program_that_has_the_file_open_keeps_a_restore_away(bench: Bench) -> None:
    """
    One that knows nothing of our lock is noticed too, before anything is replaced.
    """
    bench.claim()
    file = backup(bench)
    with closing(sqlite3.connect(bench.home / LEDGER)) as shell:
        shell.execute("SELECT count(*) FROM cancellations").fetchone()

        with pytest.raises(Retryable, match=r"another program has the ledger open\. Nothing was changed"):
            await restore(bench, file)

    assert [] == [path.name for path in bench.home.iterdir() if "restor" in path.name]


async def test_a_full_disk_changes_nothing(bench: Bench) -> None:
    """
    A restore that cannot be written leaves the ledger as it was.
    """
    for n in range(200):
        bench.claim(OrderId(f"81901{n:011}"))
    file = backup(bench)
    bench.close()
    before = (bench.home / LEDGER).read_bytes()

    with a_full_disk(20_000), pytest.raises(BadInput):
        await restore(bench, file)

    assert before == (bench.home / LEDGER).read_bytes()
    assert [] == [path.name for path in bench.home.iterdir() if "restor" in path.name]


async def test_an_older_backup_is_migrated_up(bench: Bench, tmp_path: Path, reopen: Callable[[], Bench]) -> None:
    """
    A backup that the first migration's countermand made fits today's tables after the restore.
    """
    one = bench.claim()
    file = backup(bench)
    change(file, "DROP TABLE restores")
    change(file, "UPDATE backup SET migration = '0001'")

    await restore(bench, file)

    now = reopen()
    assert [one.id] == [one.id for one in now.ledger.newest()]
    assert now.ledger.last_restore() is not None
    with now.database.reading() as session:
        assert NEWEST == session.scalar(text("SELECT version_num FROM alembic_version"))


async def test_what_a_cut_off_restore_left_is_cleared(bench: Bench) -> None:
    """
    A restore that was killed has changed nothing, and the next one clears its rest away.
    """
    bench.claim()
    file = backup(bench)
    (bench.home / ".restoring-killed").mkdir()

    await restore(bench, file)

    assert [] == list(bench.home.glob(".restoring-*"))


# -- at most one submit


async def submitted_after_a_backup(bench: Bench) -> tuple[Cancellation, Path]:
    """Asked for, backed up, and then really submitted."""
    one = await ask(bench.workshop, asks(ORDER))
    file = backup(bench)
    await bench.engine().advance(bench.clock.now())
    assert [ORDER] == bench.portal.asked
    bench.clock.forward(3600)
    return one, file


async def advance(bench: Bench) -> None:
    """Until QUIET is over and one more visit after the look is done."""
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(120)
    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())


def resubmits(bench: Bench, resubmit: str) -> Bench:
    portal = bench.settings.portal("aliexpress").model_copy(update={"resubmit": resubmit})
    bench.workshop.settings = bench.settings.model_copy(update={"portals": {"aliexpress": portal}})
    return bench


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer, resubmit, clear, order, submits",
    [
        (Answer.WAITING, "ask", True, OrderStage.AWAITING_DECISION, 1),
        (Answer.WITHDRAWN, "ask", True, OrderStage.APPROVED, 1),
        (Answer.REFUSED, "ask", True, OrderStage.REFUSED, 1),
        (Answer.NOT_REQUESTED, "ask", True, OrderStage.UNCERTAIN, 1),
        (Answer.NOT_REQUESTED, "when_clear", False, OrderStage.UNCERTAIN, 1),
        (Answer.WAITING, "when_clear", True, OrderStage.AWAITING_DECISION, 1),
        (Answer.UNCLEAR, "when_clear", True, OrderStage.UNCERTAIN, 1),
        # All words confirmed, and the portal shows no request: what the setting is for (design 4.3).
        (Answer.NOT_REQUESTED, "when_clear", True, OrderStage.AWAITING_DECISION, 2),
    ],
)
async def test_what_was_submitted_after_the_backup_is_looked_at_first(
    bench: Bench,
    reopen: Callable[[], Bench],
    answer: Answer,
    resubmit: str,
    clear: bool,
    order: OrderStage,
    submits: int,
) -> None:
    """
    The dangerous story: the restored ledger has the order as queued, though the portal has the request. It is looked at,
    after QUIET, and submitted again only where the setting says so and the portal clearly shows none.
    """
    one, file = await submitted_after_a_backup(bench)
    done = await restore(bench, file)
    now = resubmits(reopen(), resubmit)
    marked = now.again(one)
    bench.portal.looks = [reads(answer, clear=clear)]

    same = await ask(now.workshop, asks(ORDER))
    engine = now.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(119)
    await engine.advance(bench.clock.now())
    too_early = (list(bench.portal.asked), list(bench.portal.looked))
    bench.clock.forward(1)
    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())

    assert (1, one.id) == (done.marked, same.id)
    assert (Stage.OPEN, OrderStage.SUBMITTING) == (marked.stage, marked.orders[0].stage)
    assert ([ORDER], []) == too_early
    assert [ORDER] == bench.portal.looked[:1]
    assert submits == len(bench.portal.asked)
    assert order == now.again(one).orders[0].stage


async def test_without_the_marks_it_would_be_submitted_twice(
    bench: Bench, reopen: Callable[[], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The control of the test above: with the marking away, the portal gets a second request.
    """
    monkeypatch.setattr(restoring, "mark_restored", lambda *_: 0)
    one, file = await submitted_after_a_backup(bench)
    await restore(bench, file)
    now = reopen()

    await ask(now.workshop, asks(ORDER))
    await advance(now)

    assert [ORDER, ORDER] == bench.portal.asked
    assert one.id == now.ledger.newest()[0].id


async def test_a_person_learns_why_it_is_uncertain(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    Before the look and after it, the sentence names the restore; the exit code is 50.
    """
    one, file = await submitted_after_a_backup(bench)
    await restore(bench, file)
    now = reopen()
    before = now.again(one).error
    code = now.exit_code(one)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED)]
    await advance(now)
    after = now.again(one).error

    assert before is not None
    assert after is not None
    assert (ErrorKind.UNCERTAIN, 50) == (before.kind, code)
    assert (
        f"the ledger was restored from a backup made at 2026-11-20 12:00 UTC, and order {ORDER} may have been submitted since."
        == before.message
    )
    assert "may have been clicked before the ledger was restored at 2026-11-20 13:00:00 UTC" in after.message


Begin = Callable[[Bench, Cancellation], Awaitable[None]]


async def _unsent(bench: Bench, one: Cancellation) -> None:
    bench.portal.acts = [fails(Retryable("no answer"), after="unsent")]
    await bench.engine().advance(bench.clock.now())


async def _armed(bench: Bench, one: Cancellation) -> None:
    await bench.stamper(one.orders[0]).arm("cancel.confirm", ORDER)


async def _uncertain(bench: Bench, one: Cancellation) -> None:
    await _armed(bench, one)
    bench.ledger.move_order(one.orders[0], OrderStage.UNCERTAIN, None)


async def _waiting(bench: Bench, one: Cancellation) -> None:
    await bench.engine().advance(bench.clock.now())


async def _stopped(bench: Bench, one: Cancellation) -> None:
    bench.portal.acts = [fails(BadInput("not offered"))]
    await bench.engine().advance(bench.clock.now())


async def _abandoned(bench: Bench, one: Cancellation) -> None:
    bench.ledger.abandon(one.id, "by hand")


async def _freed(bench: Bench, one: Cancellation) -> None:
    await _abandoned(bench, one)
    bench.ledger.free(one.id)


async def _not_cancellable(bench: Bench, one: Cancellation) -> None:
    bench.ledger.move_order(one.orders[0], OrderStage.NOT_CANCELLABLE, None)


async def _approved(bench: Bench, one: Cancellation) -> None:
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)


async def _queued(bench: Bench, one: Cancellation) -> None:
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "begin, order, stage, stamps, is_due, told",
    [
        (_queued, "submitting", "open", [(1, "armed", 1)], True, True),
        (_unsent, "submitting", "open", [(1, "armed", 2)], True, True),
        (_stopped, "submitting", "open", [(1, "armed", 1)], True, True),
        (_armed, "submitting", "open", [(1, "armed", 1)], True, True),
        (_uncertain, "uncertain", "needs_operator", [(1, "armed", 1)], False, True),
        (_waiting, "awaiting_decision", "awaiting_decision", [(1, "answered", 3)], True, True),
        (_abandoned, "uncertain", "abandoned", [(1, "armed", 1)], False, True),
        (_freed, "queued", "abandoned", [], False, False),
        (_not_cancellable, "not_cancellable", "refused", [], False, False),
        (_approved, "approved", "done", [], False, False),
    ],
)
async def test_every_stage_after_a_restore(
    bench: Bench,
    reopen: Callable[[], Bench],
    begin: Begin,
    order: str,
    stage: str,
    stamps: Sequence[tuple[int, str, int]],
    is_due: bool,
    told: bool,
) -> None:
    """
    Whatever could still be submitted counts as clicked; whatever waits goes on waiting; whatever is decided stays.
    Nothing is submitted by advancing, whoever says that it is due, and the events say what the restore did.
    """
    one = bench.claim(ORDER)
    await begin(bench, one)
    file = backup(bench)
    numbers = [event.number for event in bench.ledger.events(one.id)]
    asked = list(bench.portal.asked)
    bench.portal.acts = []
    await restore(bench, file)
    now = reopen()

    found = now.again(one)
    events = now.ledger.events(one.id)
    restored = [event for event in events if event.what == "restored"]
    now.ledger.postpone(one.id, now.clock.now())
    await advance(now)

    assert (order, stage, list(stamps)) == (found.orders[0].stage, found.stage, now_stamps(found))
    assert is_due == (found.due_at is not None)
    assert told == (1 == len(restored))
    assert all(("operator", ORDER, order) == (event.actor, event.order_id, event.after) for event in restored)
    assert list(range(1, len(events) + 1)) == [event.number for event in events]
    assert numbers == [event.number for event in events][: len(numbers)]
    if begin is not _freed:  # nobody makes that one due: its order belongs to it no longer
        assert asked == bench.portal.asked


def now_stamps(one: Cancellation) -> list[tuple[int, str, int]]:
    return [(order.attempt, order.stamp.state, order.stamp.armed) for order in one.orders if order.stamp is not None]


async def test_a_process_that_survived_a_restore_gets_no_stamp(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    Whoever took the account in the lost days finds a higher fence, wherever it slept meanwhile.
    """
    one = bench.claim()
    file = backup(bench)
    zombie = bench.stamper(one.orders[0])
    await restore(bench, file)
    now = reopen()
    zombie._database = now.database

    with pytest.raises(Retryable, match="has taken over account main"):
        await zombie.arm("details.cancel", ORDER)

    assert [(1, "armed", 1)] == now.stamps()


async def test_fences_only_grow(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    Also where the backup knows nothing of the account, and where the same backup is restored a second time.
    """
    file = backup(bench)
    bench.claim()
    bench.workshop.accounts.take("aliexpress", "main", "somebody")
    fences = [fence(bench)]
    for _ in range(2):
        await restore(bench, file)
        now = reopen()
        now.workshop.accounts.take("aliexpress", "main", "somebody")
        fences.append(fence(now))
        now.close()

    assert [1, 1_000_002, 2_000_003] == fences


def fence(bench: Bench) -> int:
    with bench.database.reading() as session:
        return session.scalars(select(AccountRow)).one().fence


async def test_what_is_known_of_sign_ins_stays(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    The vault is not restored, so neither is when somebody signed in, or that the account is paused.
    """
    bench.workshop.accounts.take("aliexpress", "main", "before")
    bench.claim()
    file = backup(bench)
    bench.workshop.accounts.note("aliexpress", "main", paused_because="a slider")

    await restore(bench, file)

    with reopen().database.reading() as session:
        row = session.get_one(AccountRow, ("aliexpress", "main"))
        assert ("a slider", NOON) == (row.paused_because, row.paused_at)


async def test_evidence_of_the_lost_days_is_not_written_over(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    A visit after the restore has a number that no visit before it had.
    """
    one, file = await submitted_after_a_backup(bench)
    before = {path.name for path in (bench.home / "visits").iterdir()}
    await restore(bench, file)
    now = reopen()

    await advance(now)

    assert {f"{one.id}-1"} == before
    assert [f"{one.id}-1002"] == now.ledger.visits(one.id)


async def test_what_the_shop_settled_in_the_lost_days_is_not_settled_again(
    bench: Bench, reopen: Callable[[], Bench]
) -> None:
    """
    The mark leaves the shop's stage alone: it is read again before it is cancelled, as always.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    file = backup(bench)

    await restore(bench, file)

    found = reopen().again(one)
    assert [OrderStage.APPROVED, OrderStage.SUBMITTING] == [order.stage for order in found.orders]
    assert (Stage.OPEN, one.shop_stage) == (found.stage, found.shop_stage)


def test_marking_an_empty_ledger_remembers_the_restore(tmp_path: Path) -> None:
    """
    One row, and the later restore is the one that is remembered.
    """
    database = database_for_restore(tmp_path / LEDGER, NEWEST)
    for at in (NOON, LATER):
        with database.writing() as session:
            assert 0 == mark_restored(session, at, NOON, tmp_path / "visits")
    restore = Ledger(database, SystemClock(), "test").last_restore()
    database.close()

    assert restore is not None
    assert (LATER, NOON) == (restore.at, restore.backup_made_at)


# -- new requests


async def restored(bench: Bench, reopen: Callable[[], Bench], person: Nobody) -> Bench:
    """A ledger that was restored, and the person who works with it now."""
    bench.claim(OTHER)
    await restore(bench, backup(bench))
    now = reopen()
    now.workshop.person = now.person = person
    return now


async def test_a_new_request_after_a_restore_asks(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    The lost days may have held it: a person is told which days, and the yes is in the first event.
    """
    person = Somebody(True)
    now = await restored(bench, reopen, person)
    bench.clock.forward(3600)

    one = await ask(now.workshop, asks(ORDER))

    assert 1 == len(person.asked)
    assert "what was asked from 2026-11-20 12:00 to 2026-11-20 12:00 UTC" in person.asked[0]
    assert ORDER in person.asked[0]
    detail = now.ledger.events(one.id)[0].detail
    assert detail is not None
    assert "yes at the terminal" in detail["restored"]


@pytest.mark.parametrize("person", [Nobody(), Somebody(False)])
async def test_without_a_yes_nothing_is_claimed(bench: Bench, reopen: Callable[[], Bench], person: Nobody) -> None:
    """
    Nobody there, or a no: exit 20, and the order stays free.
    """
    now = await restored(bench, reopen, person)

    with pytest.raises(ApprovalNeeded, match=f"perhaps a request for order {ORDER}. Nothing was claimed") as caught:
        await ask(now.workshop, asks(ORDER))

    assert 20 == caught.value.exit_code
    assert [OTHER] == [order.order_id for one in now.ledger.newest() for order in one.orders]


async def test_what_the_backup_knows_is_not_asked_about(bench: Bench, reopen: Callable[[], Bench]) -> None:
    """
    The same request again is its old cancellation, which is looked at first.
    """
    now = await restored(bench, reopen, Nobody())

    same = await ask(now.workshop, asks(OTHER))

    assert Stage.OPEN == same.stage


@pytest.mark.parametrize("begin", [_not_cancellable, _abandoned])
async def test_asking_afresh_after_a_restore_needs_a_person(
    bench: Bench, reopen: Callable[[], Bench], begin: Begin
) -> None:
    """
    What was over without a stamp may have been asked afresh in the lost days: it is not claimed without a yes, and not freed.
    """
    one = bench.claim(ORDER)
    await begin(bench, one)
    await restore(bench, backup(bench))
    now = reopen()
    before = now.again(one)

    if begin is _not_cancellable:
        with pytest.raises(ApprovalNeeded):
            await ask(now.workshop, asks(ORDER))
    else:
        assert one.id == (await ask(now.workshop, asks(ORDER))).id
    await advance(now)

    assert before == now.again(one)
    assert [] == bench.portal.asked


@pytest.mark.parametrize("days, asked", [(59, 1), (60, 0)])
async def test_after_sixty_days_nobody_is_asked(
    bench: Bench, reopen: Callable[[], Bench], days: int, asked: int
) -> None:
    """
    Portals decide long before: what was asked in the lost days is over.
    """
    person = Somebody(True)
    now = await restored(bench, reopen, person)
    bench.clock.forward(days * 86400)

    await ask(now.workshop, asks(THIRD))

    assert asked == len(person.asked)


async def test_a_ledger_that_was_never_restored_asks_nobody(bench: Bench) -> None:
    """
    The rule is about restores only.
    """
    assert Stage.OPEN == (await ask(bench.workshop, asks(ORDER))).stage
