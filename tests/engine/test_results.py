"""From the ledger to the result object and the exit code."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import permutations

import pytest

from agent.browser.evidence import Action, Journal, VisitJournal, now
from agent.engine.results import WORST_FIRST, exit_code, failure, refund_in_words, report_path, result_of, worst
from agent.errors import EXIT_CODES, NotCancellable, Retryable
from agent.model import ErrorKind, ErrorReport, OrderStage, Refund, ShopReport, ShopStage, Stage
from agent.report import write_report
from tests.engine.bench import NOON, ORDER, WITH_SHOP, Bench, settlement

FIELDS = ["id", "stage", "orders", "shop", "visits", "report", "drift", "error"]
ORDER_FIELDS = ["portal", "account", "order_id", "stage", "status_text", "decided_at"]
SHOP_FIELDS = ["shop", "order", "gid", "stage", "cancelled_at", "refund", "amount", "currency"]


def test_the_result_has_the_fields_of_the_design(bench: Bench) -> None:
    """
    Name by name and in this order: scripts rely on it.
    """
    one = bench.claim(choices=WITH_SHOP)

    document = json.loads(result_of(one, bench.ledger, bench.home).model_dump_json())

    assert (FIELDS, ORDER_FIELDS, SHOP_FIELDS) == (list(document), list(document["orders"][0]), list(document["shop"]))
    assert ("open", "queued", "waiting", None) == (
        document["stage"],
        document["orders"][0]["stage"],
        document["shop"]["stage"],
        document["error"],
    )


def test_a_failure_has_the_same_fields() -> None:
    """
    A request that never became a cancellation has the same document, with nothing in it but the error.
    """
    document = json.loads(failure(ErrorReport(kind=ErrorKind.BAD_INPUT, message="no.", next="Yes.")).model_dump_json())

    assert (FIELDS, SHOP_FIELDS) == (list(document), list(document["shop"]))
    assert {"kind": "bad_input", "message": "no.", "next": "Yes."} == document["error"]
    assert (None, None, [], "none") == (
        document["id"],
        document["stage"],
        document["orders"],
        document["shop"]["stage"],
    )


def test_a_settled_result_says_what_the_shop_did(bench: Bench) -> None:
    """
    Refund, amount, currency and time as the shop confirmed them; the amount keeps its decimals.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None, text="Canceled")
    bench.ledger.move_shop(one.id, ShopStage.CANCELLED, None, settlement())

    document = json.loads(result_of(bench.again(one), bench.ledger, bench.home).model_dump_json())

    assert {
        "shop": "main",
        "order": "#1001",
        "gid": WITH_SHOP.shop_gid,
        "stage": "cancelled",
        "cancelled_at": "2026-11-20T12:00:00Z",
        "refund": "now",
        "amount": "20.90",
        "currency": "USD",
    } == document["shop"]
    assert ("Canceled", "2026-11-20T12:00:00Z") == (
        document["orders"][0]["status_text"],
        document["orders"][0]["decided_at"],
    )


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_the_error_says_the_exit_code(bench: Bench, kind: ErrorKind) -> None:
    """
    The kind of the error is the exit code; a refused cancellation exits with 40, whatever refused it.
    """
    result = result_of(bench.claim(), bench.ledger, bench.home)
    error = ErrorReport(kind=kind, message="m", next="n")

    assert EXIT_CODES[kind] == exit_code(result.model_copy(update={"error": error}))
    assert 40 == exit_code(result.model_copy(update={"error": error, "stage": Stage.REFUSED}))
    assert 0 == exit_code(result)


def test_the_exit_code_of_several_is_the_worst() -> None:
    """
    1, 50, 30, 20, 40, 10, 2, 0: whatever the order they come in, the first of these counts.
    """
    assert (1, 50, 30, 20, 40, 10, 2, 0) == WORST_FIRST
    for position, code in enumerate(WORST_FIRST):
        better = WORST_FIRST[position:][:4]
        assert {code} == {worst(arranged) for arranged in permutations(better)}
    assert 0 == worst([])


async def test_a_stamp_without_an_outcome_exits_with_50(bench: Bench) -> None:
    """
    Whatever else is known of the cancellation, an open stamp is what a person must hear.
    """
    one = bench.claim()
    await bench.stamper(one.orders[0]).arm("details.cancel", ORDER)
    armed = bench.exit_code(one)
    bench.ledger.fail(one.id, Retryable("no answer"), None)
    failed = bench.exit_code(one)
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None, outcome="requested")

    assert (50, 50, 0) == (armed, failed, bench.exit_code(one))


def test_drift_is_listed_once(bench: Bench) -> None:
    """
    Targets that were found by a later candidate are in the result, each once, over all visits.
    """
    one = bench.claim()
    for kind in ("submit", "look"):
        visit = bench.ledger.begin_visit(one.id, kind, None)
        journal = Journal(bench.home / "visits" / visit, VisitJournal(visit=visit, kind=kind, started_at=now()))
        journal.begin("find the order")
        for target, drift in (("orders.search", True), ("orders.more", False), ("orders.search", True)):
            journal.note(Action(what="click", at=now(), target=target, drift=drift))

    assert ("orders.search",) == result_of(bench.again(one), bench.ledger, bench.home).drift


def test_a_visit_whose_journal_is_gone_does_not_hurt(bench: Bench) -> None:
    """
    Evidence may be pruned: the result is there without it.
    """
    one = bench.claim()
    visit = bench.ledger.begin_visit(one.id, "submit", None)

    assert (visit,) == result_of(one, bench.ledger, bench.home).visits


def test_the_report_is_one_page_with_everything(bench: Bench) -> None:
    """
    What was asked, how it stands, what to do next and every change, on a page that lets no script run but its own, and asks nobody.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.ledger.move_order(one.orders[0], OrderStage.NOT_CANCELLABLE, None, text="Awaiting <b>delivery</b>")
    bench.ledger.fail(one.id, NotCancellable("it was shipped", next="Ask for a return."), None)

    page = write_report(bench.ledger, bench.home, one.id).read_text(encoding="utf-8")

    for words in (one.id, ORDER, "#1001", "no longer needed", "it was shipped", "Ask for a return.", "by phone"):
        assert words in page
    assert "Awaiting &lt;b&gt;delivery&lt;/b&gt;" in page
    assert 1 == page.count("<script")
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_report_is_replaced_whole(bench: Bench) -> None:
    """
    Written again, the newest stands, and nothing half-written is left.
    """
    one = bench.claim()
    for _ in range(3):
        write_report(bench.ledger, bench.home, one.id)

    assert [report_path(bench.home, one.id)] == list((bench.home / "reports").iterdir())
    assert str(report_path(bench.home, one.id)) == result_of(one, bench.ledger, bench.home).report
    assert NOON == one.created_at


@pytest.mark.parametrize(
    "stage, refund, amount, words",
    [
        (ShopStage.CANCELLED, Refund.NOW, "20.90", "refunded 20.90 USD"),
        (ShopStage.CANCELLED, Refund.NOW, "0.00", "refund now: nothing given back so far"),
        (ShopStage.CANCELLED, Refund.LATER, "0.00", "refund later: nothing given back so far"),
        (ShopStage.CANCELLED, Refund.LATER, "3.00", "refund later: 3.00 USD given back so far"),
        (ShopStage.CANCELLED, Refund.NOW, None, "refund now: what was given back could not be read"),
        (ShopStage.ALREADY_CANCELLED, Refund.NOW, "20.90", "20.90 USD given back so far"),
        (ShopStage.ALREADY_CANCELLED, Refund.NOW, "0.00", "nothing given back so far"),
    ],
)
def test_what_became_of_the_money_is_said_in_words(
    stage: ShopStage, refund: Refund, amount: str | None, words: str
) -> None:
    """
    What was read back, and what was asked for where it was sent.
    """
    shop = ShopReport(
        shop="main",
        order="#1001",
        gid=None,
        stage=stage,
        cancelled_at=NOON,
        refund=refund,
        amount=None if amount is None else Decimal(amount),
        currency="USD",
    )

    assert words == refund_in_words(shop)
    assert "" == refund_in_words(shop.model_copy(update={"cancelled_at": None, "stage": ShopStage.WAITING}))
