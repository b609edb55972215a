"""``countermand notify``: whether people can be told."""

from __future__ import annotations

import typer

from agent.cli.context import Globals
from agent.errors import BadInput, Retryable

notify = typer.Typer(rich_markup_mode=None, help="Telling people of what needs them.", no_args_is_help=True)


@notify.callback()
def _() -> None:
    """Telling people of what needs them."""


@notify.command()
def test(context: typer.Context) -> None:
    """Send one message to every address of [notify], and say which it reached."""
    from rich.markup import escape
    from rich.table import Table

    from agent.engine.results import worst
    from agent.notify import addresses, send

    state: Globals = context.obj
    settings = state.settings
    if not settings.notify.to:
        raise BadInput(
            "the settings name nobody to tell", next='Add to = [{ env = "NAME" }] to [notify] in the settings file.'
        )
    found, wrong = addresses(settings.notify, settings.base)
    sent = send(found, "countermand: a test", "If you read this, countermand can tell you when it needs you.")
    codes = [BadInput.exit_code for _ in wrong]
    codes += [BadInput.exit_code if one.is_unusable else Retryable.exit_code for one in sent if not one.arrived]
    if state.json:
        rows: list[dict[str, object]] = [
            {"address": one.address, "arrived": one.arrived, "why_not": one.why_not or None} for one in sent
        ]
        rows += [{"address": None, "arrived": False, "why_not": error.what} for error in wrong]
        state.print_json({"ok": not codes, "addresses": rows})
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for one in sent:
            mark, said = ("[green]✓[/]", "arrived") if one.arrived else ("[red]✗[/]", one.why_not)
            table.add_row(mark, escape(one.address), escape(said))
        for error in wrong:
            table.add_row("[red]✗[/]", escape(error.what), escape(error.next))
        state.out.print(table)
    state.exit_code = worst(codes)
