"""``countermand doctor``: is this machine ready? Nothing here touches a portal or a shop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from agent.cli.context import Globals
from agent.errors import CountermandError

if TYPE_CHECKING:
    from agent.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    next: str = ""


def doctor(context: typer.Context) -> None:
    """Check settings, folders, vault, ledger, editions and browser."""
    from rich.markup import escape
    from rich.table import Table

    state: Globals = context.obj
    findings = asyncio.run(_examine(state))
    if state.json:
        state.print_json(
            {"ok": all(finding.ok for finding in findings), "findings": [asdict(finding) for finding in findings]}
        )
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for finding in findings:
            table.add_row("[green]✓[/]" if finding.ok else "[red]✗[/]", finding.what, escape(finding.found))
            if finding.next:
                table.add_row("", "", f"[bold]next:[/] {escape(finding.next)}")
        state.out.print(table)
    state.exit_code = 0 if all(finding.ok for finding in findings) else 2


async def _examine(state: Globals) -> list[Finding]:
    settings = state.settings
    checks: list[tuple[str, Callable[[Settings], Awaitable[str]]]] = [
        ("settings", _settings),
        ("ledger", _ledger),
        ("vault", _vault),
        ("accounts", _accounts),
        ("shops", _shops),
        ("editions", _editions),
        ("browser", _browser),
    ]
    findings = []
    for what, check in checks:
        try:
            findings.append(Finding(what, True, await check(settings)))
        except CountermandError as error:
            findings.append(Finding(what, False, error.message, error.next))
    return findings


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
    return "seals and opens" if opened == b"seal and open" else "does not give back what was sealed"


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
