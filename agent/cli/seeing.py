"""``show``, ``list``, ``events``, ``report``: looking at what there is."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agent.cli.context import Globals

Id = Annotated[str, typer.Argument(metavar="ID", help="The cancellation, e.g. c-4k7m2x9q.")]


def show(context: typer.Context, id: Id) -> None:
    """Show one cancellation."""
    from agent.cli.output import show_result
    from agent.engine.results import result_of

    state: Globals = context.obj
    ledger = _ledger(state)
    result = result_of(ledger.get(id), ledger, state.settings.home)
    if state.json:
        state.print_json(result)
    else:
        show_result(state, result)


def list_(context: typer.Context) -> None:
    """List the cancellations that changed last."""
    from rich.markup import escape
    from rich.table import Table

    from agent.engine.results import result_of

    state: Globals = context.obj
    ledger = _ledger(state)
    cancellations = ledger.newest()
    if state.json:
        state.print_json(
            {"results": [result_of(one, ledger, state.settings.home).model_dump(mode="json") for one in cancellations]}
        )
        return
    if not cancellations:
        state.out.print("No cancellations yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("id", "stage", "supplier orders", "shop order", "changed", ""):
        table.add_column(heading, no_wrap=heading == "id")
    for one in cancellations:
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


def events(context: typer.Context, id: Id) -> None:
    """List every change of one cancellation."""
    from dataclasses import asdict

    from rich.markup import escape
    from rich.table import Table

    state: Globals = context.obj
    found = _ledger(state).events(id)
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


def report(context: typer.Context, id: Id) -> None:
    """Write the report of one cancellation as a page, and print where it is."""
    from agent.engine.results import result_of
    from agent.report import write_report

    state: Globals = context.obj
    ledger = _ledger(state)
    cancellation = ledger.get(id)
    path = write_report(ledger, state.settings.home, id)
    if state.json:
        state.print_json(result_of(cancellation, ledger, state.settings.home))
    else:
        sys.stdout.write(f"{path}\n")


def _ledger(state: Globals):  # type: ignore[no-untyped-def]
    from agent.engine.clock import SystemClock
    from agent.engine.database import open_database
    from agent.engine.ledger import Ledger

    return Ledger(open_database(state.settings.home), SystemClock(), "countermand")
