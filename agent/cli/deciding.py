"""``resolve``, ``retry``, ``approve``, ``abandon``: what a person decides about a cancellation."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals, duration
from agent.cli.seeing import Id
from agent.errors import EXIT_OK, BadInput


def resolve(
    context: typer.Context,
    id: Id,
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The supplier order that is uncertain.")],
    requested: Annotated[bool, typer.Option("--requested", help="The portal shows our request.")] = False,
    not_requested: Annotated[bool, typer.Option("--not-requested", help="The portal shows no request.")] = False,
) -> None:
    """Say what you saw at the portal about an order that may have been submitted."""
    from agent.cli.person import TerminalPerson
    from agent.engine.deciding import resolve
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    if requested == not_requested:
        raise BadInput("give --requested or --not-requested, one of the two", next="See countermand resolve --help.")
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    asyncio.run(resolve(workshop, id, order, requested=requested))
    Cancelling(state, workshop, Wait.NONE, None).show(id)


def retry(
    context: typer.Context,
    id: Id,
    again: Annotated[
        bool,
        typer.Option("--again", help="Ask the supplier once more, where the answer was no or nothing was requested."),
    ] = False,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    wait: Annotated[Wait, typer.Option(help="How long to wait.")] = Wait.SUBMITTED,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop waiting after this long, e.g. 30s or 2h. Never stops a visit."),
    ] = None,
) -> None:
    """Do now what is due next. On something uncertain it only looks."""
    from agent.cli.person import TerminalPerson
    from agent.engine.deciding import ask_again, retry
    from agent.engine.telling import telling
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    limit = None if timeout is None else duration("--timeout", timeout).total_seconds()
    workshop = state.workshop(Manner(headed=headed), TerminalPerson(state.people))
    if again:
        asyncio.run(ask_again(workshop, id))
    else:
        retry(workshop, id)
    cancelling = Cancelling(state, workshop, wait, limit)
    try:
        with telling(workshop):
            asyncio.run(cancelling.go_on(id))
    except (KeyboardInterrupt, asyncio.CancelledError):
        state.exit_code = cancelling.interrupted()


def approve(
    context: typer.Context,
    id: Id,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
    wait: Annotated[Wait, typer.Option(help="How long to wait.")] = Wait.SUBMITTED,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Stop waiting after this long, e.g. 30s or 2h. Never stops a visit."),
    ] = None,
) -> None:
    """Say yes to the submit that a cancellation waits with, for what the order costs as it was read."""
    from agent.cli.person import TerminalPerson
    from agent.engine.deciding import approve
    from agent.engine.telling import telling
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    limit = None if timeout is None else duration("--timeout", timeout).total_seconds()
    workshop = state.workshop(Manner(headed=headed), TerminalPerson(state.people))
    approved = approve(workshop, id)
    named = ", ".join(f"order {order} ({costs or 'its total could not be read'})" for order, costs in approved)
    state.people.print(f"Approved: {named}.", markup=False)
    cancelling = Cancelling(state, workshop, wait, limit)
    try:
        with telling(workshop):
            asyncio.run(cancelling.go_on(id))
    except (KeyboardInterrupt, asyncio.CancelledError):
        state.exit_code = cancelling.interrupted()


def abandon(context: typer.Context, id: Id) -> None:
    """Give a cancellation up. A request that is out stays open at the supplier; nothing will be settled."""
    from agent.cli.person import TerminalPerson
    from agent.engine.deciding import abandon
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    cancellation = abandon(workshop, id)
    out = [order.order_id for order in cancellation.orders if order.is_open]
    if out:
        said = f"what was, or may have been, asked stays open at the supplier ({', '.join(out)}) and is watched"
    else:
        said = "no request of it is open at a supplier"
    state.people.print(f"Abandoned: {said}. Nothing will be submitted or settled.", markup=False)
    Cancelling(state, workshop, Wait.NONE, None).show(id)
    state.exit_code = EXIT_OK  # it did what it was told; what is still open is in the result
