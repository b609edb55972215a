"""``countermand sweep``: read now what the suppliers have decided about every request that is out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals, told
from agent.errors import CountermandError

if TYPE_CHECKING:
    from agent.engine.advance import Engine
    from agent.engine.records import Cancellation
    from agent.engine.workshop import Workshop


def sweep(
    context: typer.Context,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Only this one's orders.", show_default=False)
    ] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
) -> None:
    """
    Look now at every order that waits for its supplier's decision: one browser session per account, however many orders.

    Where a supplier has agreed, the shop order is cancelled next, as it was asked for; a running worker does that.
    """
    from agent.cli.person import TerminalPerson
    from agent.engine.telling import telling
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    if account is not None:
        state.settings.account(account)
    workshop = state.workshop(Manner(headed=headed), TerminalPerson(state.people))
    with telling(workshop):
        asyncio.run(_sweep(state, workshop, account))


async def _sweep(state: Globals, workshop: Workshop, only: str | None) -> None:
    from agent.cli.output import show_error
    from agent.engine.advance import Engine
    from agent.engine.results import worst

    engine = Engine(workshop)
    looked_at: list[Cancellation] = []
    codes: list[int] = []
    for portal, account in workshop.ledger.accounts_awaiting():
        if only in (None, account):
            try:
                looked_at += await engine.sweep(portal, account)
            except CountermandError as error:  # this account cannot be looked at; the others are
                report, code = told(error)
                show_error(state, report)
                codes.append(code)
    for one in looked_at:
        await _settle(engine, workshop, one.id)
    codes += _show(state, workshop, looked_at)
    state.exit_code = worst(codes)


async def _settle(engine: Engine, workshop: Workshop, id: str) -> None:
    from agent.model import Stage

    if workshop.ledger.get(id).stage is Stage.SETTLING and not workshop.database.locks.any_worker():
        await engine.advance_one(id, among=())
        await engine.advance(workshop.clock.now(), [id])  # what is left to write into the shop, once it is done


def _show(state: Globals, workshop: Workshop, looked_at: list[Cancellation]) -> list[int]:
    """A table for people, the results for machines; gives their exit codes."""
    from rich.markup import escape
    from rich.table import Table

    from agent.engine.results import exit_code_when_stopped, result_of
    from agent.report import keep_report

    home, ledger = workshop.settings.home, workshop.ledger
    results, codes = [], []
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("cancellation", "order", "stands", "the portal says", ""):
        table.add_column(heading, no_wrap=heading in ("cancellation", "order"))
    for before in looked_at:
        after = ledger.get(before.id)
        if before.stands_elsewhere(after):
            keep_report(ledger, home, after.id)
        result = result_of(after, ledger, home)
        results.append(result)
        codes.append(exit_code_when_stopped(after, result))
        for order in after.orders:
            stands = order.stage.value.replace("_", " ")
            table.add_row(
                after.id,
                order.order_id,
                stands,
                escape(order.status_text or ""),
                escape(after.error.message if after.error else ""),
            )
    if state.json:
        state.print_json({"results": [result.model_dump(mode="json") for result in results]})
    elif results:
        state.out.print(table)
    else:
        state.people.print("No order waits for its supplier's decision.", markup=False)
    return codes
