"""``countermand sign-in``: a person signs in once, by hand, or the stored credentials do. ``sign-out`` forgets that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.accounts import Name, tell_what_stopped, workshop_of
from agent.cli.context import Globals

if TYPE_CHECKING:
    from agent.browser.session import StateStore
    from agent.engine.workshop import Workshop


def sign_in(
    context: typer.Context,
    account: Name,
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
    tell_what_stopped(state, workshop, settings.portal, name)


def sign_out(context: typer.Context, account: Name) -> None:
    """Forget the signed-in state of an account. Nothing is asked at the portal, where the session ends in its own time."""
    from agent.browser.session import StateStore

    state: Globals = context.obj
    name, settings = state.settings.account(account)
    workshop = workshop_of(state)
    asyncio.run(_forget(workshop, StateStore(workshop.vault), settings.portal, name))
    if state.json:
        state.print_json({"account": name, "portal": settings.portal, "signed_in": False})
    else:
        state.out.print(f"What {settings.portal} remembered account {name} by is forgotten here.", soft_wrap=True)


async def _forget(workshop: Workshop, states: StateStore, portal: str, account: str) -> None:
    """Not while a visit is under way, which would keep the state anew."""
    holder = workshop.accounts.holder(portal, account)
    async with workshop.database.locks.held(f"{portal}.{account}", workshop.person, holder):
        states.forget(portal, account)
        workshop.accounts.signed_out(portal, account)
