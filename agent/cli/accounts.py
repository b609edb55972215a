"""``countermand accounts``: which there are, who is signed in, what is paused and why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals

if TYPE_CHECKING:
    from agent.engine.workshop import Workshop

Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account, as the settings name it.")]

accounts = typer.Typer(help="The accounts: signed in, proven, paused.")


@accounts.callback(invoke_without_command=True)
def list_(context: typer.Context) -> None:
    """The accounts: signed in, proven, paused."""
    if context.invoked_subcommand is not None:
        return
    state: Globals = context.obj
    rows = _rows(workshop_of(state))
    if state.json:
        state.print_json({"accounts": rows})
    elif rows:
        _print_table(state, rows)
    else:
        state.out.print("No accounts yet: add [accounts.main] to countermand.toml.", markup=False)


@accounts.command()
def pause(
    context: typer.Context,
    account: Name,
    because: Annotated[str, typer.Option(help="Why, for whoever sees it.")] = "a person wanted it",
) -> None:
    """Let nobody go to an account until `accounts resume` or `sign-in`. What is due for it waits."""
    state: Globals = context.obj
    name, settings = state.settings.account(account)
    workshop_of(state).accounts.pause(settings.portal, name, because)
    _say(state, name, settings.portal, f"Account {name} is paused: what is due for it waits.", paused=True)


@accounts.command()
def resume(context: typer.Context, account: Name) -> None:
    """Go on with an account. What waited for it is done by a worker, or by the next command about it."""
    state: Globals = context.obj
    name, settings = state.settings.account(account)
    workshop = workshop_of(state)
    was_paused = workshop.accounts.resume(settings.portal, name)
    sentence = f"Account {name} goes on." if was_paused else f"Account {name} was not paused."
    _say(state, name, settings.portal, sentence, paused=False)
    tell_what_stopped(state, workshop, settings.portal, name)


def workshop_of(state: Globals) -> Workshop:
    """The ledger and the vault, for a command that visits nothing."""
    from agent.cli.person import TerminalPerson
    from agent.engine.workshop import Manner

    return state.workshop(Manner(), TerminalPerson(state.people))


def tell_what_stopped(state: Globals, workshop: Workshop, portal: str, account: str) -> None:
    """What had stopped for the account before it submitted anything goes on by a person's word only: say which."""
    for id in workshop.ledger.stopped_for(portal, account):
        state.people.print("[bold]next:[/] ", end="")
        state.people.print(f"countermand retry {id} goes on with what stopped for it.", markup=False)


def _say(state: Globals, account: str, portal: str, sentence: str, *, paused: bool) -> None:
    if state.json:
        state.print_json({"account": account, "portal": portal, "paused": paused})
    else:
        state.out.print(sentence, markup=False, soft_wrap=True)


def _rows(workshop: Workshop) -> list[dict[str, object]]:
    """Those of the settings, and those that only the ledger knows of."""
    from agent.browser.session import StateStore

    states = StateStore(workshop.vault)
    named = {(settings.portal, name) for name, settings in workshop.settings.accounts.items()}
    worked_with = {(record.portal, record.name) for record in workshop.accounts.all()}
    rows: list[dict[str, object]] = []
    for portal, name in sorted(named | worked_with, key=lambda account: (account[1], account[0])):
        known = workshop.accounts.get(portal, name)
        pause = known.pause
        rows.append(
            {
                "account": name,
                "portal": portal,
                "in_settings": (portal, name) in named,
                "state_kept": states.has(portal, name),
                "signed_in_at": known.signed_in_at,
                "proven_at": known.proven_at,
                "paused_at": pause.at if pause else None,
                "paused_because": pause.because if pause else None,
                "paused_by_a_person": pause.by_a_person if pause else None,
            }
        )
    return rows


def _print_table(state: Globals, rows: list[dict[str, object]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("account", "portal", "state", "signed in since", "last proven", "paused"):
        table.add_column(heading, no_wrap=heading != "paused")
    for row in rows:
        paused = f"since {_when(row['paused_at'])}: {row['paused_because']}" if row["paused_at"] else ""
        table.add_row(
            escape(str(row["account"])) + ("" if row["in_settings"] else " (not in the settings)"),
            str(row["portal"]),
            "kept" if row["state_kept"] else "none",
            _when(row["signed_in_at"]),
            _when(row["proven_at"]),
            escape(paused),
        )
    state.out.print(table)


def _when(at: object) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if isinstance(at, datetime) else ""
