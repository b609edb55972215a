"""``countermand backup`` and ``countermand restore``: the ledger in one file, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; never over a file that is there.")],
) -> None:
    """Write the ledger into one file, while others work with it. Sign-ins and other secrets are not in it."""
    from agent.engine.backup import make_backup
    from agent.engine.clock import SystemClock
    from agent.engine.database import LEDGER, open_database

    state: Globals = context.obj
    _need_file(state)
    home = state.settings.home
    database = open_database(home)
    with state.people.status("backing up") as status:
        made = make_backup(home / LEDGER, file, SystemClock().now(), lambda what: status.update(what))
    database.close()
    if state.json:
        state.print_json(
            {
                "file": str(made.file),
                "made_at": made.made_at,
                "cancellations": made.cancellations,
                "bytes": made.size,
            }
        )
    else:
        state.out.print(
            f"Backed up {_cancellations(made.cancellations)} to {made.file} ({made.size} bytes). Sign-ins and settings are not in it.",
            markup=False,
            soft_wrap=True,
        )


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What countermand backup wrote.")],
) -> None:
    """Put the ledger back as a backup has it, after a yes. What may have been submitted since is looked at first."""
    from agent.cli.person import TerminalPerson
    from agent.engine.clock import SystemClock
    from agent.engine.restoring import restore_backup

    state: Globals = context.obj
    _need_file(state)
    done = asyncio.run(restore_backup(state.settings.home, file, TerminalPerson(state.people), SystemClock()))
    if state.json:
        state.print_json(
            {
                "file": str(done.backup.file),
                "made_at": done.backup.made_at,
                "restored_at": done.at,
                "cancellations": done.backup.cancellations,
                "marked": done.marked,
                "kept_aside": None if done.kept_aside is None else str(done.kept_aside),
            }
        )
        return
    lines = [f"Restored {_cancellations(done.backup.cancellations)} from {done.backup.made_at:%Y-%m-%d %H:%M} UTC."]
    if done.marked:
        orders = "1 supplier order" if done.marked == 1 else f"{done.marked} supplier orders"
        lines.append(f"{orders} may have been submitted since: each is looked at before anything is clicked.")
    if done.kept_aside is not None:
        lines.append(f"The ledger as it was before: {done.kept_aside}")
    lines.append("For 60 days every new request asks for a yes, as the days that were lost may have held it.")
    for line in lines:
        state.out.print(line, markup=False, soft_wrap=True)


def _need_file(state: Globals) -> None:
    """A server's databases are backed up by the server's own tools; what a restore must mark is not marked there yet."""
    if state.settings.database is not None:
        raise BadInput(
            "the ledger is on a PostgreSQL server, and backup and restore are for the file under COUNTERMAND_HOME",
            next="Back it up with the server's own tools (pg_dump); ask for help before you bring an old state back.",
        )


def _cancellations(count: int) -> str:
    return "1 cancellation" if count == 1 else f"{count} cancellations"
