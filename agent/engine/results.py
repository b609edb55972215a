"""
From the ledger to the result object and the exit code (design 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from agent.browser.evidence import drift_of, read_journal
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation
from agent.errors import EXIT_CODES, EXIT_OK
from agent.model import ErrorKind, ErrorReport, OrderReport, OrderStage, Refund, Result, ShopReport, ShopStage, Stage

WORST_FIRST = (1, 50, 30, 20, 40, 10, 2, 0)
"""The exit code of several results is the first of these that one of them has."""


def result_of(cancellation: Cancellation, ledger: Ledger, home: Path) -> Result:
    """The result object of a cancellation as it stands now."""
    choices, settled = cancellation.choices, cancellation.settled
    visits = ledger.visits(cancellation.id)
    report = report_path(home, cancellation.id)
    return Result(
        id=cancellation.id,
        stage=cancellation.stage,
        orders=tuple(
            OrderReport(
                portal=order.portal,
                account=order.account,
                order_id=order.order_id,
                stage=order.stage,
                status_text=order.status_text,
                decided_at=order.decided_at,
            )
            for order in cancellation.orders
        ),
        shop=ShopReport(
            shop=choices.shop,
            order=choices.shop_order,
            gid=choices.shop_gid,
            stage=cancellation.shop_stage,
            cancelled_at=settled.cancelled_at if settled else None,
            refund=choices.shop_choices.refund if choices.shop_choices else None,
            amount=settled.amount if settled else None,
            currency=settled.currency if settled else None,
        ),
        visits=tuple(visits),
        report=str(report) if report.exists() else None,
        drift=tuple(drift_in(home, visits)),
        error=cancellation.error,
    )


def failure(error: ErrorReport) -> Result:
    """The result object of a request that never became a cancellation."""
    nothing = ShopReport(
        shop=None,
        order=None,
        gid=None,
        stage=ShopStage.NONE,
        cancelled_at=None,
        refund=None,
        amount=None,
        currency=None,
    )
    return Result(id=None, stage=None, shop=nothing, error=error)


def exit_code(result: Result) -> int:
    """The exit code of one result."""
    if result.stage is Stage.REFUSED:
        return 40
    if result.error is not None:
        return EXIT_CODES[result.error.kind]
    return EXIT_OK


def exit_code_when_stopped(cancellation: Cancellation, result: Result) -> int:
    """The exit code when waiting ended early: a stamp without an outcome is uncertain, whatever else."""
    if any(
        order.stamp is not None and order.stamp.is_open and order.stage in (OrderStage.SUBMITTING, OrderStage.UNCERTAIN)
        for order in cancellation.orders
    ):
        return EXIT_CODES[ErrorKind.UNCERTAIN]
    return exit_code(result)


def worst(codes: Iterable[int]) -> int:
    """The exit code of several."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), EXIT_OK)


def refund_in_words(shop: ShopReport) -> str:
    """What became of the customer's money, as the shop order was read back; empty before it is cancelled."""
    if shop.cancelled_at is None:
        return ""
    given_back = f"{shop.amount} {shop.currency} given back so far" if shop.amount else "nothing given back so far"
    if shop.amount is None:
        given_back = "what was given back could not be read"
    if shop.stage is not ShopStage.CANCELLED or shop.refund is None:
        return given_back  # what was asked for was never sent
    if shop.refund is Refund.LATER:
        return f"refund later: {given_back}"
    return f"refunded {shop.amount} {shop.currency}" if shop.amount else f"refund now: {given_back}"


def drift_in(home: Path, visits: Sequence[str]) -> list[str]:
    """The targets that drifted in these visits, each once."""
    journals = (read_journal(home / "visits" / visit) for visit in visits)
    return list(dict.fromkeys(target for journal in journals if journal is not None for target in drift_of(journal)))


def report_path(home: Path, id: str) -> Path:
    """Where the report of a cancellation lies."""
    return home / "reports" / f"{id}.html"
