"""
The report's page: whole at any moment, however long the story, and nothing in it that was not meant for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.browser.evidence import Journal
from agent.model import OrderStage
from agent.redact import redactor
from agent.report import write_report
from agent.report.view import moments
from agent.storefront import ShopSettlement
from tests.engine.bench import ORDER, WITH_SHOP, Bench
from tests.report.visits import begun, looked, stepped


def page_of(bench: Bench, id: str) -> str:
    """The report as it is now."""
    return write_report(bench.ledger, bench.home, id).read_text(encoding="utf-8")


def test_a_visit_killed_at_any_moment_has_a_report(bench: Bench) -> None:
    """
    Whatever of its journal was on disk when it was killed, the report shows the steps up to there, and that it was cut off.
    """
    one = bench.claim()
    journal = begun(bench, one, "submit")
    states: list[str] = []
    journal.after = lambda file: states.append(file.read_text(encoding="utf-8"))
    names = ["open My Orders", "find the order", "submit the request"]
    for name in names:
        stepped(journal, name)
    journal.end(ok=True, kind="requested", message="requested")

    assert len(states) > 3 * len(names)
    for state in states[:-1]:
        (journal.folder / "visit.json").write_text(state, encoding="utf-8")
        page = page_of(bench, one.id)
        assert [name in state for name in names] == [f'class="name">{name}' in page for name in names]
        assert "This visit was interrupted" in page
    (journal.folder / "visit.json").write_text(states[-1], encoding="utf-8")
    assert "This visit was interrupted" not in page_of(bench, one.id)


def test_looks_without_news_are_together(bench: Bench) -> None:
    """
    Looks over days are a line each, without pictures; what changed something, and the last look, are shown whole.
    """
    one = bench.claim()
    first = begun(bench, one, "submit")
    stepped(first, "submit the request")
    first.end(ok=True, kind="requested", message="requested")
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, first.entry.visit)
    visits = [looked(bench, one, after=timedelta(hours=n + 1)) for n in range(60)]

    page = page_of(bench, one.id)

    assert 2 == page.count("<img ")
    assert 2 < page.count("looks without news") < 5
    assert all(visit in page for visit in visits)
    assert 100_000 > len(page)


def test_a_look_that_changed_something_is_shown_whole(bench: Bench) -> None:
    """
    Whatever came of it has its pictures in the report for good.
    """
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None)
    visits = [looked(bench, one, after=timedelta(hours=n)) for n in range(3)]
    bench.ledger.move_order(bench.again(one).orders[0], OrderStage.REFUSED, visits[1], text="The seller refused")

    page = page_of(bench, one.id)

    assert 2 == page.count("<img ")
    assert "“The seller refused”" in page
    assert "1 look without news" in page


def test_a_failed_step_tells_more(bench: Bench) -> None:
    """
    Outline, complaints and answers, folded; and how to see what was done.
    """
    one = bench.claim()
    journal = begun(bench, one, "submit")
    stepped(journal, "find the order", failed="the list of orders did not appear")
    journal.traced("trace-1.zip")
    journal.end(ok=False, kind="portal_changed", message="the list of orders did not appear")

    page = page_of(bench, one.id)

    for words in ("What the page was", "503 GET", "Uncaught TypeError", "- heading “Order", journal.entry.visit):
        assert words in page
    assert f"countermand trace {journal.entry.visit}" in page
    assert "The list of orders did not appear" in page
    assert "orders.search_go" in page


def test_a_secret_is_found_as_it_stands_in_html(bench: Bench) -> None:
    """
    A secret with a sign that HTML writes in another way is blotted out all the same.
    """
    redactor.learn("p&ss<word>-canary")
    one = bench.claim(choices=WITH_SHOP)
    journal = Journal(bench.home / "visits" / "x", begun(bench, one, "submit").entry)
    journal.entry.steps.clear()
    journal.begin("typed p&ss<word>-canary here")
    (bench.home / "visits" / journal.entry.visit / "visit.json").write_text(
        journal.entry.model_dump_json(), encoding="utf-8"
    )

    page = page_of(bench, one.id)

    assert "typed [hidden] here" in page
    assert "canary" not in page


def test_what_a_portal_writes_is_text(bench: Bench) -> None:
    """
    Neither its words nor a name of a step become part of the page; the page's own policy would let nothing load.
    """
    one = bench.claim()
    nasty = '<img src="https://example.org/x.png"><script>alert(1)</script>'
    bench.ledger.move_order(one.orders[0], OrderStage.NOT_CANCELLABLE, None, text=nasty)
    journal = begun(bench, one, "submit")
    stepped(journal, nasty, failed=nasty)

    page = page_of(bench, one.id)

    assert 1 == page.count("<script")
    assert '<img src="https:' not in page
    assert "&lt;script&gt;" in page
    assert ORDER in page


def test_what_happened_within_a_second_is_in_its_order(bench: Bench) -> None:
    """
    The shop tells whole seconds, so that its answer seems to come before the supplier's.
    """
    one = bench.claim()
    decided = datetime(2026, 11, 23, 20, 49, 4, 900_000, tzinfo=UTC)
    order = replace(one.orders[0], decided_at=decided, stage=OrderStage.APPROVED)
    settled = ShopSettlement(cancelled_at=decided.replace(microsecond=0))
    told = moments(replace(one, created_at=decided - timedelta(hours=1), orders=(order,), settled=settled))

    assert ["Asked", "Decided: approved", "Cancelled in the shop"] == [moment.what for moment in told]
