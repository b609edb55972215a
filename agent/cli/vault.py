"""``countermand vault``: the key that sign-ins are sealed with."""

from __future__ import annotations

import typer

from agent.cli.context import Globals

vault = typer.Typer(
    rich_markup_mode=None, help="The key that signed-in states and tokens are sealed with.", no_args_is_help=True
)


@vault.callback()
def _() -> None:
    """The key that signed-in states and tokens are sealed with."""


@vault.command()
def rotate(context: typer.Context) -> None:
    """Seal everything with a new key; the old one opens nothing any more."""
    from agent.vault import Vault
    from agent.vault_key import vault_key

    state: Globals = context.obj
    count, besides = Vault(state.settings.home, vault_key(state.settings)).rotate()
    if state.json:
        state.print_json({"sealed": count, "next": besides})
        return
    state.out.print(f"{count} sealed file{'' if count == 1 else 's'} now under a new key.")
    if besides:
        state.people.print("[bold]next:[/] ", end="")
        state.people.print(besides, markup=False)
