"""``countermand doctor``: is this machine ready? Only ``--live`` touches a portal, and it reads only. Nothing touches a shop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.cli.findings import Finding, Found, not_looked_at, show_findings, well, wrong
from agent.errors import BadInput, CountermandError

if TYPE_CHECKING:
    from agent.settings import Settings


_NOT_FOR_LIVE = ("shops", "notify")
"""What may be wrong while the portal is looked at."""


def doctor(
    context: typer.Context,
    live: Annotated[
        str | None,
        typer.Option(
            metavar="ACCOUNT",
            help="Look at the portal with this account, too: signed in, My Orders, one order, the edition's targets. "
            "Reads only: it clicks nothing that commits.",
        ),
    ] = None,
) -> None:
    """Check settings, folders, vault, ledger, editions, notifications and browser."""
    state: Globals = context.obj
    account = None if live is None else state.settings.account(live)[0]
    show_findings(state, asyncio.run(_examine(state, account)))


async def _examine(state: Globals, account: str | None) -> list[Found]:
    settings = state.settings
    checks: list[tuple[str, Callable[[Settings], Awaitable[str]]]] = [
        ("settings", _settings),
        ("ledger", _ledger),
        ("vault", _vault),
        ("accounts", _accounts),
        ("shops", _shops),
        ("notify", _notify),
        ("editions", _editions),
        ("browser", _browser),
    ]
    found = []
    for what, check in checks:
        try:
            found.append(well(what, await check(settings)))
        except CountermandError as error:
            found.append(Found(Finding(what, False, error.message, error.next), 2))
    if account is not None:
        first = [one.finding.what for one in found if not one.finding.ok and one.finding.what not in _NOT_FOR_LIVE]
        found += _not_looked_at(first) if first else await _look(state, account)
    return found


async def _look(state: Globals, account: str) -> list[Found]:
    """What the portal shows, as far as a walk that only reads comes."""
    from agent.cli.person import TerminalPerson
    from agent.engine.readiness import LIVE
    from agent.engine.visits import Visits
    from agent.engine.workshop import Manner

    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    portal = state.settings.account(account)[1].portal
    found = []
    for one in await Visits(workshop).examine(portal, account):
        found.append(well(one.what, one.found) if one.error is None else wrong(one.what, one.error))
    return found + _not_looked_at([found[-1].finding.what], LIVE[len(found) :])


def _not_looked_at(first: list[str], rest: Sequence[str] | None = None) -> list[Found]:
    """What waits for *first* to be put right."""
    from agent.engine.readiness import LIVE

    return [not_looked_at(what, ", ".join(first)) for what in (LIVE if rest is None else rest)]


async def _settings(settings: Settings) -> str:
    return f"{settings.file or 'no file; the defaults'}; state under {settings.home}"


async def _ledger(settings: Settings) -> str:
    from agent.engine.clock import SystemClock
    from agent.engine.database import open_database
    from agent.engine.ledger import Ledger

    database = open_database(settings.home, settings.ledger_address())
    count = len(Ledger(database, SystemClock(), "doctor").newest(limit=1))
    database.close()
    return f"{settings.home / 'countermand.db'}, {'in use' if count else 'empty'}"


async def _vault(settings: Settings) -> str:
    from agent.vault import Vault
    from agent.vault_key import vault_key

    vault = Vault(settings.home, vault_key(settings))
    vault.save("doctor", b"seal and open")
    opened = vault.load("doctor")
    vault.forget("doctor")
    if opened != b"seal and open":
        raise BadInput(
            f"the vault under {settings.home} does not give back what was sealed",
            next="Check the disk that it lies on; nothing that is sealed there can be relied on.",
        )
    return "seals and opens"


async def _accounts(settings: Settings) -> str:
    from agent.portal import portal_named

    for name, account in settings.accounts.items():
        portal_named(account.portal)
        if account.password is not None:
            account.password.resolve(f"the password of account {name}", settings.base)
    return (
        ", ".join(f"{name} at {account.portal}" for name, account in settings.accounts.items())
        or "none yet: add [accounts.main]"
    )


async def _shops(settings: Settings) -> str:
    from agent.storefront import storefront_named, typed_settings

    for name, shop in settings.shops.items():
        typed_settings(storefront_named(shop.kind), name, shop.own(name, settings.base))
    return (
        ", ".join(f"{name} ({shop.kind})" for name, shop in settings.shops.items())
        or "none; the supplier side works without one"
    )


async def _notify(settings: Settings) -> str:
    from agent.notify import addresses, check_is_address

    found, wrong = addresses(settings.notify, settings.base)
    if wrong:
        raise wrong[0]
    for address in found:
        check_is_address(address)
    return ", ".join(address.name for address in found) or "nobody is told: no addresses in [notify]"


async def _editions(settings: Settings) -> str:
    from agent.browser.editions import Editions
    from agent.portal import portal_named

    names = sorted({account.portal for account in settings.accounts.values()})
    loaded = [
        Editions(name, portal_named(name).editions, settings.home / "selectors" / name).load(
            settings.portal(name).edition
        )
        for name in names
    ]
    return ", ".join(f"{one.edition.portal} {one.edition.edition}" for one in loaded) or "none needed without accounts"


async def _browser(settings: Settings) -> str:
    from agent.browser.launch import driver, find_browser, launch, sandbox_allowed

    async with driver() as playwright:
        browser = await launch(playwright, settings.browser, headed=False)
        version = browser.version
        await browser.close()
    sandbox = (
        "sandbox on"
        if sandbox_allowed()
        else "sandbox off, because this is root: use an ordinary user for a live portal"
    )
    return f"{find_browser(settings.browser) or 'the one that Playwright brought'} {version}, {sandbox}"
