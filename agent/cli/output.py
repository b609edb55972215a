"""Results as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from agent.cli.context import Globals
from agent.model import ErrorReport, Result, ShopStage, Stage
from agent.redact import redactor

if TYPE_CHECKING:
    from agent.engine.ledger import Ledger
    from agent.engine.records import Cancellation, Event

_COLOURS = {Stage.DONE: "green", Stage.REFUSED: "red", Stage.NEEDS_OPERATOR: "yellow"}


def show_result(state: Globals, result: Result) -> None:
    """One cancellation: its stage, its orders, its shop order, what to do next. On stdout for people, on stderr beside ``--json``."""
    from agent.engine.results import refund_in_words

    console = state.people if state.json else state.out
    if result.id is not None and result.stage is not None:
        colour = _COLOURS.get(result.stage, "cyan")
        console.print(f"[bold]{result.id}[/]  [{colour}]{result.stage.value.replace('_', ' ')}[/]")
        table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
        for order in result.orders:
            table.add_row(
                f"{order.portal} order",
                order.order_id,
                order.stage.value.replace("_", " "),
                escape(f"“{order.status_text}”") if order.status_text else "",
            )
        if result.shop.stage is not ShopStage.NONE:
            table.add_row(
                f"shop {result.shop.shop}",
                escape(result.shop.order or ""),
                result.shop.stage.value.replace("_", " "),
                refund_in_words(result.shop),
            )
        console.print(table)
        if result.drift:
            console.print(
                f"  drift: {', '.join(result.drift)} (found by a later candidate; a new edition is due)", markup=False
            )
        if result.report:
            console.print(f"  report: {result.report}", markup=False, soft_wrap=True)
    if result.error is not None:
        show_error(state, result.error)


def show_until(state: Globals, cancellation: Cancellation) -> None:
    """Until when something that is still to be submitted waits, where nothing is wrong with it: it is over a limit."""
    now = datetime.now(UTC)
    waits = cancellation.stage is Stage.OPEN and cancellation.error is None
    if waits and cancellation.due_at is not None and cancellation.due_at > now:
        state.people.print(
            f"  it waits until {cancellation.due_at.astimezone():%Y-%m-%d %H:%M}, and goes on by itself where a worker runs",
            markup=False,
        )


def show_shop_wait(state: Globals, cancellation: Cancellation, ledger: Ledger) -> None:
    """What the shop order waits for before it can be cancelled, and when it is looked at again."""
    waits = cancellation.stage is Stage.SETTLING and cancellation.error is None
    told = ledger.shop_waits_for(cancellation.id) if waits else None
    if told is None or cancellation.shop_stage is not ShopStage.WAITING or cancellation.due_at is None:
        return
    state.people.print(f"  {(told.detail or {}).get('why', '')}", markup=False, soft_wrap=True)
    state.people.print(
        f"  it is looked at again at {cancellation.due_at.astimezone():%Y-%m-%d %H:%M}, and goes on by itself where a worker runs",
        markup=False,
    )


def show_marks(state: Globals, events: Sequence[Event]) -> None:
    """What was written into the shop for its staff, or why it was not."""
    told = [event for event in events if event.what in ("marked", "not_marked")]
    if told:
        last = told[-1]
        what = "marked in the shop" if last.what == "marked" else "not marked in the shop"
        detail = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in (last.detail or {}).items())
        state.out.print(f"  {what}{f' ({detail})' if detail else ''}", markup=False, soft_wrap=True)


def show_error(state: Globals, error: ErrorReport) -> None:
    """What went wrong, and what to do now, for a person."""
    state.people.print(f"[bold red]{error.kind.value.replace('_', ' ')}:[/] ", end="")
    state.people.print(redactor.clean(error.message), markup=False)
    if error.next:
        state.people.print("[bold]next:[/] ", end="")
        state.people.print(redactor.clean(error.next), markup=False)
