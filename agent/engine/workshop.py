"""
What every visit works with: settings, ledger, vault, shops, and how the operator wants it done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger

from agent.browser.browsers import Browsers
from agent.browser.evidence import Journal, Request, VisitJournal, now
from agent.browser.steps import wait_for_enter
from agent.engine.accounts import Accounts
from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.ledger import Ledger
from agent.engine.links import Links
from agent.errors import CountermandError
from agent.model import ErrorKind, OrderId
from agent.settings import Settings
from agent.storefront import Shop, storefront_named, typed_settings
from agent.vault import Vault, VaultTokens
from agent.walk import Person


@dataclass(frozen=True)
class Manner:
    """How the operator wants visits done."""

    headed: bool = False
    ask: bool = False
    teach: bool = False
    """The operator is asked wherever the edition does not know on."""
    slow_mo: float = 0.0
    """Milliseconds between any two things that are done in the browser."""
    step: bool = False
    """The operator presses Enter before each step."""
    pause_on_failure: bool = False
    """A step that fails leaves its page open until the operator presses Enter."""


@dataclass
class Workshop:
    """Everything a visit needs."""

    settings: Settings
    database: Database
    ledger: Ledger
    clock: Clock
    vault: Vault
    person: Person
    manner: Manner = field(default_factory=Manner)
    stopping: bool = False
    """Told to stop: what has not clicked yet does not begin to."""
    browsers: Browsers = field(init=False)
    """Opens the browsers of visits."""

    def __post_init__(self) -> None:
        self.browsers = Browsers(self.settings.browser, most=0)

    @asynccontextmanager
    async def keeping_browsers(self, most: int) -> AsyncIterator[None]:
        """For as long as the block runs, up to *most* browsers stay open from one visit to the next."""
        before = self.browsers
        async with Browsers(self.settings.browser, most) as self.browsers:
            try:
                yield
            finally:
                self.browsers = before

    @property
    def accounts(self) -> Accounts:
        """What the ledger knows of accounts."""
        return Accounts(self.database, self.clock)

    @property
    def links(self) -> Links:
        """Which supplier orders belong to which shop orders, as people say."""
        return Links(self.database, self.clock)

    @property
    def visits_folder(self) -> Path:
        """Where evidence lies."""
        return self.settings.home / "visits"

    @asynccontextmanager
    async def shop(self, name: str) -> AsyncIterator[Shop]:
        """
        The shop called *name* in the settings, open.

        :raises BadInput: its settings cannot be used.
        """
        _, settings = self.settings.shop(name)
        storefront = storefront_named(settings.kind)
        typed = typed_settings(storefront, name, settings.own(name, self.settings.base))
        async with storefront.open(name, typed, VaultTokens(self.vault)) as shop:
            yield shop

    def journal(
        self,
        visit: str,
        kind: str,
        portal: str | None = None,
        account: str | None = None,
        order: OrderId | None = None,
        *,
        request: Request | None = None,
    ) -> Journal:
        """
        A journal for a visit that begins.

        :param request: what was asked of it; ``None`` where *kind* and *order* say it all.
        """
        asked = request or Request(orders=[order] if order else [])
        entry = VisitJournal(
            visit=visit, kind=kind, request=asked, portal=portal, account=account, order=order, started_at=now()
        )
        return Journal(self.visits_folder / visit, entry)

    @asynccontextmanager
    async def step(self, name: str, journal: Journal) -> AsyncIterator[None]:
        """A step that needs no browser: a call to the shop."""
        step = journal.begin(name)
        failed: str | None = None
        try:
            if self.manner.step:
                await wait_for_enter(self.person, name)
            yield
        except BaseException as error:
            failed = str(error) or type(error).__name__
            raise
        finally:
            journal.finish(step, failed=failed)
            await self.person.step_done(name, step.seconds or 0.0, failed is not None)


def end_with(journal: Journal, error: BaseException) -> None:
    """The visit ended with *error*."""
    if isinstance(error, CountermandError):
        journal.end(ok=False, kind=error.kind.value, message=error.message)
    elif isinstance(error, Exception):
        logger.opt(exception=error).debug("a bug in visit {}", journal.entry.visit)
        journal.end(ok=False, kind=ErrorKind.BUG.value, message=type(error).__name__)
    else:
        journal.end(ok=False, kind="interrupted", message="interrupted before it was finished")
