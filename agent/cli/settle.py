"""``settle``: cancel the shop order although not every supplier order behind it was withdrawn."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals
from agent.cli.seeing import Id
from agent.errors import BadInput


def settle(
    context: typer.Context,
    id: Id,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Yes: the shop order is cancelled, and what was not withdrawn is delivered."),
    ] = False,
) -> None:
    """Cancel the shop order where the suppliers answered differently. It cannot be cancelled in part."""
    from agent.cli.person import TerminalPerson
    from agent.engine.before_settling import check_may_settle_anyway, still_delivered
    from agent.engine.deciding import settle_anyway
    from agent.engine.telling import telling
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    if not anyway:
        cancellation = workshop.ledger.get(id)
        check_may_settle_anyway(cancellation)
        delivered = ", ".join(order.order_id for order in still_delivered(cancellation))
        raise BadInput(
            f"all of shop order {cancellation.choices.shop_order} would be cancelled, although supplier order {delivered} "
            "will still be delivered. Nothing was changed",
            next=f"Say so with --anyway: countermand settle {id} --anyway.",
        )
    asyncio.run(settle_anyway(workshop, id))
    cancelling = Cancelling(state, workshop, Wait.DONE, None)
    try:
        with telling(workshop):
            asyncio.run(cancelling.go_on(id))
    except (KeyboardInterrupt, asyncio.CancelledError):
        state.exit_code = cancelling.interrupted()
