"""
How long evidence is kept: by age and size, the oldest first, and never that of what is not over.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from agent.browser.evidence import Journal, Request, VisitJournal
from agent.engine.ledger import EVIDENCE_REMOVED
from agent.engine.records import Cancellation
from agent.engine.results import report_path
from agent.engine.retention import PAGE, page_of_visits, prune, visit_folders
from agent.model import OrderStage, Stage
from agent.report import write_report
from agent.settings import EvidenceSettings
from tests.engine.bench import ORDER, OTHER, Bench

KEEP = EvidenceSettings(keep=timedelta(days=90), keep_size=None)


def visit(bench: Bench, name: str, *, days: float, size: int = 1000) -> Path:
    """Evidence of a visit that ended *days* ago."""
    at = bench.clock.now() - timedelta(days=days)
    journal = Journal(
        bench.home / "visits" / name,
        VisitJournal(visit=name, kind="look", request=Request(orders=[ORDER]), started_at=at),
    )
    journal.finish(journal.begin("find the order"), failed=None)
    journal.end(ok=True, kind="waiting", message="still waiting")
    written = journal.folder / "visit.json"
    (journal.folder / "01.jpg").write_bytes(b"x" * (size - written.stat().st_size))
    os.utime(written, (at.timestamp(), at.timestamp()))
    return journal.folder


def visited(bench: Bench, one: Cancellation, *, days: float, size: int = 1000) -> str:
    """The same, of a visit that *one* knows of."""
    name = bench.ledger.begin_visit(one.id, "look", one.orders[0])
    visit(bench, name, days=days, size=size)
    return name


def done(bench: Bench) -> Cancellation:
    """A cancellation that is over."""
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    assert Stage.DONE is bench.again(one).stage
    return bench.again(one)


def pruned(bench: Bench, policy: EvidenceSettings, *, dry_run: bool = False) -> list[str]:
    """The visits whose evidence is removed, in order."""
    found = prune(bench.ledger, bench.home, policy, bench.clock.now(), dry_run=dry_run)
    return [one.id for one in found.removed]


def left(bench: Bench) -> list[str]:
    """The visits whose evidence is there, the newest first."""
    return [one.id for one in visit_folders(bench.home)]


def test_what_is_too_old_goes(bench: Bench) -> None:
    """
    Of a cancellation that is over, and of visits that belong to none, evidence is kept for as long as the settings say.
    """
    one = done(bench)
    old, young = visited(bench, one, days=91), visited(bench, one, days=89)
    visit(bench, "dry-run-20260101-000000-1", days=91)
    visit(bench, "sign-in-20260101-000000-main", days=89)

    assert {old, "dry-run-20260101-000000-1"} == set(pruned(bench, KEEP))
    assert {young, "sign-in-20260101-000000-main"} == set(left(bench))
    assert [] == pruned(bench, KEEP)


@pytest.mark.parametrize(
    "stage", [OrderStage.QUEUED, OrderStage.SUBMITTING, OrderStage.AWAITING_DECISION, OrderStage.UNCERTAIN]
)
def test_nothing_of_what_is_open_goes(bench: Bench, stage: OrderStage) -> None:
    """
    However old or large: as long as it is open or waits for a person, a person may need to see what was done.
    """
    one = bench.claim()
    if stage is not OrderStage.QUEUED:
        bench.ledger.move_order(one.orders[0], stage, None)
    name = visited(bench, one, days=400)

    assert [] == pruned(bench, EvidenceSettings(keep=timedelta(days=1), keep_size=0))
    assert [name] == left(bench)


def test_nor_of_what_is_still_watched(bench: Bench) -> None:
    """
    Given up, with a request that is out: the answer may still come.
    """
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None)
    bench.ledger.abandon(one.id, "the customer wants it after all")
    name = visited(bench, one, days=400)
    assert Stage.ABANDONED is bench.again(one).stage

    assert [] == pruned(bench, KEEP)

    bench.ledger.move_order(bench.again(one).orders[0], OrderStage.REFUSED, None)
    assert [name] == pruned(bench, KEEP)


def test_a_sweep_is_kept_for_the_last_of_its_cancellations(bench: Bench) -> None:
    """
    A visit for several goes when all of them are over, and each of them says so.
    """
    first, second = bench.claim(), bench.claim(OTHER)
    for one in (first, second):
        bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None)
    bench.ledger.begin_sweep("sweep-1", [bench.again(one).orders[0] for one in (first, second)])
    visit(bench, "sweep-1", days=100)
    bench.ledger.move_order(bench.again(first).orders[0], OrderStage.APPROVED, None)

    assert [] == pruned(bench, KEEP)
    bench.ledger.move_order(bench.again(second).orders[0], OrderStage.APPROVED, None)
    assert ["sweep-1"] == pruned(bench, KEEP)
    for one in (first, second):
        assert ["sweep-1"] == [event.visit for event in bench.ledger.events(one.id) if event.what == EVIDENCE_REMOVED]


def test_above_the_size_the_oldest_goes(bench: Bench) -> None:
    """
    As many as needed, and no more.
    """
    one = done(bench)
    names = [visited(bench, one, days=days, size=1000) for days in (5, 4, 3, 2)]

    assert names[:2] == pruned(bench, EvidenceSettings(keep=None, keep_size=2500))
    assert names[:1:-1] == left(bench)


def test_a_visit_that_may_be_under_way_stays(bench: Bench) -> None:
    """
    A dry run that has just written something is in no ledger, and may still be running.
    """
    visit(bench, "dry-run-1", days=0.5 / 24)
    visit(bench, "dry-run-2", days=2 / 24)

    assert ["dry-run-2"] == pruned(bench, EvidenceSettings(keep_size=0))


def test_a_dry_run_removes_nothing(bench: Bench) -> None:
    """
    It says what would go, and leaves files and ledger as they are.
    """
    one = done(bench)
    name = visited(bench, one, days=91)
    before = bench.ledger.events(one.id)

    assert [name] == pruned(bench, KEEP, dry_run=True)
    assert [name] == left(bench)
    assert before == bench.ledger.events(one.id)


def test_the_report_says_since_when_it_is_gone(bench: Bench) -> None:
    """
    The page with the pictures goes too; written anew it tells when the evidence was removed, and the rest stands.
    """
    one = done(bench)
    visited(bench, one, days=91)
    write_report(bench.ledger, bench.home, one.id)

    assert 1 == len(pruned(bench, KEEP))
    assert not report_path(bench.home, one.id).exists()

    page = write_report(bench.ledger, bench.home, one.id).read_text(encoding="utf-8")
    assert "removed" in page
    assert f"{bench.clock.now():%Y-%m-%d %H:%M}" in page
    assert ORDER in page


def test_a_removal_that_was_cut_off_is_ended(bench: Bench) -> None:
    """
    A folder that was put aside and not emptied goes with the next removal, and is no visit meanwhile.
    """
    aside = bench.home / "visits" / ".removed-c-1"
    aside.mkdir(parents=True)
    (aside / "01.jpg").write_bytes(b"x")

    assert [] == left(bench)
    assert [] == pruned(bench, KEEP)
    assert not aside.exists()


def test_without_any_visits(bench: Bench) -> None:
    """
    A fresh home has nothing to remove, and an empty first page.
    """
    assert [] == pruned(bench, KEEP)
    assert (0, 1) == (page_of_visits(bench.home, 1).total, page_of_visits(bench.home, 1).pages)


def test_visits_are_paged(bench: Bench) -> None:
    """
    Every visit is on one page, the newest first.
    """
    for n in range(PAGE + 1):
        visit(bench, f"look-{n:02d}", days=n + 1)

    first, second, third = (page_of_visits(bench.home, n) for n in (1, 2, 3))

    assert (PAGE, 1, 0) == (len(first.visits), len(second.visits), len(third.visits))
    assert ("look-00", f"look-{PAGE}") == (first.visits[0].id, second.visits[0].id)
    assert (2, PAGE + 1, 1000 * (PAGE + 1)) == (first.pages, first.total, first.bytes)
