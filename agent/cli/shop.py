"""``countermand shop``: whether the shop is ready for us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.cli.findings import Found, not_looked_at, show_findings, well, wrong

if TYPE_CHECKING:
    from agent.settings import Settings
    from agent.storefront import ShopFinding

shop = typer.Typer(rich_markup_mode=None, help="The shop whose orders are cancelled.", no_args_is_help=True)


@shop.callback()
def _() -> None:
    """The shop whose orders are cancelled."""


@shop.command()
def check(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[SHOP]", help="The shop's name in the settings; default: the only one, or main."),
    ] = None,
) -> None:
    """Look at the shop: address, token, rights, version, clock. Reads only: nothing is changed there."""
    state: Globals = context.obj
    show_findings(state, [_as_found(one) for one in asyncio.run(_check(state.settings, name))])


async def _check(settings: Settings, name: str | None) -> Sequence[ShopFinding]:
    from agent.storefront import storefront_named, typed_settings
    from agent.vault import Vault, VaultTokens
    from agent.vault_key import vault_key

    name, found = settings.shop(name)
    storefront = storefront_named(found.kind)
    typed = typed_settings(storefront, name, found.own(name, settings.base))
    tokens = VaultTokens(Vault(settings.home, vault_key(settings)))
    async with storefront.open(name, typed, tokens) as opened:
        return await opened.check()


def _as_found(finding: ShopFinding) -> Found:
    if finding.waits_for:
        return not_looked_at(finding.what, finding.waits_for)
    if finding.error is not None:
        return wrong(finding.what, finding.error)
    return well(finding.what, finding.found, finding.advice)
