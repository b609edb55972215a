"""``show``, ``list``, ``events``, ``report``: looking at what there is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals, duration, plain
from agent.errors import BadInput
from agent.model import Stage

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from agent.engine.ledger import Ledger
    from agent.engine.listing import Page

CSV_HEADER = (
    "id",
    "stage",
    "orders",
    "account",
    "shop_order",
    "shop_stage",
    "created_at",
    "changed_at",
    "error_kind",
    "next",
)
_LAST_PAGE = 10**9
"""No ledger has so many; the database counts no further than a few digits more."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The cancellation, e.g. c-4k7m2x9q.")]


def show(context: typer.Context, id: Id) -> None:
    """Show one cancellation."""
    from agent.cli.output import show_marks, show_result, show_shop_wait, show_until
    from agent.engine.results import result_of

    state: Globals = context.obj
    ledger = open_ledger(state)
    cancellation = ledger.get(id)
    result = result_of(cancellation, ledger, state.settings.home)
    if state.json:
        state.print_json(result)
    else:
        show_result(state, result)
        show_marks(state, ledger.events(id))
        show_until(state, cancellation)
        show_shop_wait(state, cancellation, ledger)


def list_(
    context: typer.Context,
    stage: Annotated[Stage | None, typer.Option(help="Only those at this stage.")] = None,
    account: Annotated[str | None, typer.Option(help="Only those with an order of this account.")] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only those asked for that long ago or longer, e.g. 5d.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Only those with this in their id, order numbers, shop order, portal's words or error."),
    ] = None,
    page: Annotated[int, typer.Option(min=1, max=_LAST_PAGE, help="Which page: there are 50 on each.")] = 1,
    as_csv: Annotated[bool, typer.Option("--csv", help="The page as CSV on stdout.")] = False,
) -> None:
    """List the cancellations, those that changed last first."""
    from agent.engine.listing import Filters
    from agent.engine.results import result_of

    state: Globals = context.obj
    if as_csv and state.json:
        raise BadInput("--csv and --json exclude each other", next="Leave one of them out.")
    ledger = open_ledger(state)
    if account is not None and not ledger.has_account(account):
        state.settings.account(account)  # neither here nor there: say which there are
    created_until = None if older_than is None else _so_long_ago(older_than)
    filters = Filters(stage, account, created_until, text)
    found = ledger.find(filters, page)
    if state.json:
        results = [result_of(one, ledger, state.settings.home).model_dump(mode="json") for one in found.cancellations]
        state.print_json({"results": results, "page": found.number, "pages": found.pages, "total": found.total})
        return
    if as_csv:
        _write_csv(found)
    elif found.total:
        _print_table(state, found)
    else:
        state.out.print("No cancellations yet." if filters == Filters() else "No cancellation fits.")
    if found.total and (found.pages > 1 or not found.cancellations):
        console = state.people if as_csv else state.out
        console.print(f"page {found.number} of {found.pages} ({found.total} cancellations)")


def _so_long_ago(text: str) -> datetime:
    from datetime import UTC, datetime

    length = duration("--older-than", text)
    try:
        return datetime.now(UTC) - length
    except OverflowError:
        raise BadInput(f"--older-than: “{text}” is before all calendars", next="Write e.g. --older-than 5d.") from None


def _print_table(state: Globals, page: Page) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("id", "stage", "supplier orders", "shop order", "changed", ""):
        table.add_column(heading, no_wrap=heading == "id")
    for one in page.cancellations:
        orders = "\n".join(f"{order.order_id} {order.stage.value.replace('_', ' ')}" for order in one.orders)
        needs = one.error.kind.value.replace("_", " ") if one.error else ""
        table.add_row(
            one.id,
            one.stage.value.replace("_", " "),
            orders,
            escape(one.choices.shop_order or ""),
            f"{one.changed_at.astimezone():%Y-%m-%d %H:%M}",
            needs,
        )
    state.out.print(table)


def _write_csv(page: Page) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for one in page.cancellations:
        writer.writerow(
            (
                one.id,
                one.stage,
                " ".join(order.order_id for order in one.orders),
                " ".join(dict.fromkeys(account for _, account in one.accounts)),
                one.choices.shop_order,
                one.shop_stage,
                plain(one.created_at),
                plain(one.changed_at),
                one.error.kind if one.error else "",
                one.error.next if one.error else "",
            )
        )


def events(context: typer.Context, id: Id) -> None:
    """List every change of one cancellation."""
    from dataclasses import asdict

    from rich.markup import escape
    from rich.table import Table

    state: Globals = context.obj
    found = open_ledger(state).events(id)
    if state.json:
        state.print_json({"id": id, "events": [asdict(event) for event in found]})
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("#", "when", "what", "order", "from", "to", "visit", ""):
        table.add_column(heading, no_wrap=heading in ("#", "when", "visit"))
    for event in found:
        detail = "; ".join(f"{key}: {value}" for key, value in (event.detail or {}).items())
        when = f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(
            str(event.number),
            when,
            event.what,
            event.order_id or "",
            event.before or "",
            event.after or "",
            event.visit or "",
            escape(detail),
        )
    state.out.print(table)


def report(
    context: typer.Context,
    id: Id,
    pdf: Annotated[bool, typer.Option("--pdf", help="As a PDF beside the page; the browser prints it.")] = False,
) -> None:
    """Write the report of one cancellation as a page, and print where it is."""
    from agent.engine.results import result_of
    from agent.report import write_report

    state: Globals = context.obj
    ledger = open_ledger(state)
    cancellation = ledger.get(id)
    path = write_report(ledger, state.settings.home, id)
    printed = _print(state, path) if pdf else None
    if state.json:
        document = result_of(cancellation, ledger, state.settings.home).model_dump(mode="json")
        state.print_json({**document, "pdf": str(printed)} if printed else document)
    else:
        sys.stdout.write(f"{printed or path}\n")


def _print(state: Globals, page: Path) -> Path:
    import asyncio

    from agent.browser.printing import print_page

    printed = page.with_suffix(".pdf")
    asyncio.run(print_page(state.settings.browser, page, printed))
    return printed


def open_ledger(state: Globals) -> Ledger:
    """The ledger, for a command that visits nothing."""
    from agent.engine.clock import SystemClock
    from agent.engine.database import open_database
    from agent.engine.ledger import Ledger

    return Ledger(open_database(state.settings.home, state.settings.ledger_address()), SystemClock(), "countermand")
