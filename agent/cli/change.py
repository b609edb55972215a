"""``change``: other answers to the shop's cancel form, before the shop order is cancelled."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.asked import NOTE_LIMIT, checked_note
from agent.cli.cancel import Cancelling, Wait
from agent.cli.context import Globals
from agent.cli.seeing import Id
from agent.errors import EXIT_OK, BadInput
from agent.model import Refund, Settle, ShopReason


def change(
    context: typer.Context,
    id: Id,
    refund: Annotated[
        Refund | None, typer.Option(help="Refund the customer with the cancellation, or leave it for later.")
    ] = None,
    shop_reason: Annotated[ShopReason | None, typer.Option(help="Why, for the shop.")] = None,
    note: Annotated[
        str | None,
        typer.Option(help=f"The staff note for the shop order, at most {NOTE_LIMIT} characters; empty: none."),
    ] = None,
    restock: Annotated[
        bool | None, typer.Option("--restock/--no-restock", help="Put the items back into stock.")
    ] = None,
    notify: Annotated[bool | None, typer.Option("--notify/--no-notify", help="Tell the customer.")] = None,
    settle: Annotated[Settle | None, typer.Option(help="When the shop order is cancelled.")] = None,
) -> None:
    """Alter what is to happen in the shop, until it happens."""
    from agent.cli.person import TerminalPerson
    from agent.engine.before_settling import Change
    from agent.engine.deciding import change
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    wanted = Change(refund, shop_reason, checked_note(note), restock, notify, settle)
    if wanted == Change():
        raise BadInput("nothing was given to change", next="See countermand change --help.")
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    altered = change(workshop, id, wanted)
    said = "; ".join(f"{name.replace('_', ' ')}: {how}" for name, how in altered.items())
    state.people.print(f"Changed: {said}." if altered else "Nothing to change: it was so already.", markup=False)
    Cancelling(state, workshop, Wait.NONE, None).show(id)
    state.exit_code = EXIT_OK  # it did what it was told, wherever the cancellation stands
