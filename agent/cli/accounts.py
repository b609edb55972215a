"""``countermand accounts``: which there are, who is signed in, what is paused and why."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput
from agent.redact import redactor

if TYPE_CHECKING:
    from pydantic import SecretStr

    from agent.engine.workshop import Workshop

Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account, as the settings name it.")]

accounts = typer.Typer(rich_markup_mode=None, help="The accounts: signed in, proven, paused.")


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


@accounts.command()
def export(
    context: typer.Context,
    account: Name,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where to; nothing is overwritten.")],
) -> None:
    """Write the sign-in of an account into a file sealed with a passphrase, to carry it to another machine."""
    from agent.engine.carrying import exists, export, kept_state

    state: Globals = context.obj
    name, settings = state.settings.account(account)
    workshop = workshop_of(state)
    kept_state(workshop, settings.portal, name)
    if os.path.lexists(to):
        raise exists(to)
    export(workshop, settings.portal, name, to, asyncio.run(_passphrase(workshop, twice=True)))
    if state.json:
        state.print_json({"account": name, "portal": settings.portal, "file": str(to)})
    else:
        sentence = f"The sign-in of account {name} is in {to}. There: countermand accounts import {to.name}"
        state.out.print(sentence, markup=False, soft_wrap=True)


@accounts.command(name="import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What accounts export has written.")],
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the account is called here; default: as it was there.")
    ] = None,
) -> None:
    """Take in a sign-in that was exported elsewhere, and prove it on a signed-in page."""
    from agent.engine.carrying import opened, take_in
    from agent.passphrase import check_is_ours

    state: Globals = context.obj
    try:
        sealed = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})", next="Correct the file's name.") from None
    check_is_ours(sealed, str(file))
    workshop = workshop_of(state)
    carried = opened(file, sealed, asyncio.run(_passphrase(workshop, twice=False)))
    name, settings = state.settings.account(account or carried.account)
    if settings.portal != carried.portal:
        raise BadInput(
            f"{file} holds a sign-in at {carried.portal}, and account {name} is one at {settings.portal}",
            next="Name the account that it belongs to: --account NAME.",
        )
    proved = asyncio.run(take_in(workshop, carried, name))
    if state.json:
        state.print_json({"account": name, "portal": settings.portal, "signed_in": True, "proved": proved})
    else:
        how = "a signed-in page has proved it" if proved else "it was not proved: there is no browser on this machine"
        state.out.print(f"Account {name} is signed in at {settings.portal}; {how}.", soft_wrap=True)
    tell_what_stopped(state, workshop, settings.portal, name)


async def _passphrase(workshop: Workshop, *, twice: bool) -> SecretStr:
    from pydantic import SecretStr

    from agent.passphrase import SHORTEST, VARIABLE

    given: SecretStr | None = None
    if os.environ.get(VARIABLE):
        given = SecretStr(os.environ[VARIABLE])
    elif workshop.person.is_here:
        given = await workshop.person.ask("the passphrase of the file")
        again = await workshop.person.ask("the same passphrase once more") if given and twice else given
        if given != again:
            raise BadInput("the two passphrases differ", next="Give the command again.")
    if given is None:
        raise BadInput("there is no passphrase", next=f"Give the command at a terminal, or set {VARIABLE}.")
    if twice and len(given.get_secret_value()) < SHORTEST:
        raise BadInput(
            f"the passphrase is too short: whoever finds the file can guess it (at least {SHORTEST} characters)",
            next="Take a longer one, such as five words.",
        )
    redactor.learn(given)
    return given


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
