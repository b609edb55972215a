"""``countermand sign-in``: a person signs in once, by hand, or the stored credentials do."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from agent.cli.context import Globals


def sign_in(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account, as the settings name it.")],
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a window, with the stored credentials.")
    ] = False,
) -> None:
    """Sign in at the portal and keep the signed-in state, encrypted."""
    from agent.cli.person import TerminalPerson
    from agent.engine.visits import Visits
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    name, settings = state.settings.account(account)
    workshop = state.workshop(Manner(headed=not headless), TerminalPerson(state.people))
    asyncio.run(Visits(workshop).sign_in(settings.portal, name, by_hand=not headless))
    if state.json:
        state.print_json({"account": name, "portal": settings.portal, "signed_in": True})
    else:
        state.out.print(
            f"Account {name} is signed in at {settings.portal}; the state is kept in {workshop.settings.home / 'vault'}.",
            soft_wrap=True,
        )
