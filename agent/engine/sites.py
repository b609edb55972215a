"""
An account at its portal, open in a browser: owned by one process at a time, at the account's pace, signed in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from loguru import logger
from pydantic import SecretStr

from agent.browser.arriving import WalkOptions
from agent.browser.commit import CommitOptions, CommittingWalk
from agent.browser.confirming import Confirmations
from agent.browser.editions import Editions, LoadedEdition
from agent.browser.evidence import Journal
from agent.browser.lessons import Lessons
from agent.browser.performing import read_decision, read_decisions
from agent.browser.recognise import Hosts
from agent.browser.session import BrowserSession, SignedInState, StateStore
from agent.browser.walk import BrowserWalk
from agent.engine.locks import this_process
from agent.engine.records import SupplierOrder
from agent.engine.sign_in_again import Typed, check_may_try, trace_of
from agent.engine.workshop import Workshop
from agent.errors import CountermandError, Retryable, SignInNeeded
from agent.model import OrderId, Reading
from agent.portal import Credentials, SupplierPortal, portal_named
from agent.redact import redactor
from agent.walk import Approval, Stamper, Walk

_T = TypeVar("_T")
_Walk = TypeVar("_Walk", bound=BrowserWalk)


@dataclass
class Site:
    """A portal account, open in a browser."""

    portal: SupplierPortal
    account: str
    session: BrowserSession
    has_state: bool
    confirmations: Confirmations | None = None
    """Where a person's yes to what is only assumed is written down."""


class Sites:
    """Opens accounts for visits, and keeps what the portal remembers them by."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._settings = workshop.settings
        self._states = StateStore(workshop.vault)

    @asynccontextmanager
    async def owning(self, portal: str, account: str) -> AsyncIterator[int]:
        """Hold the account, keep its pace, and give the fence that stamps are put on disk with."""
        workshop = self.workshop
        holder = workshop.accounts.holder(portal, account)
        async with workshop.database.locks.held(f"{portal}.{account}", workshop.person, holder):
            fence = workshop.accounts.take(portal, account, this_process())
            last = workshop.accounts.visited_at(portal, account)
            gap = self._settings.portal(portal).pace.between_visits
            if last is not None and (rest := (last + gap - workshop.clock.now()).total_seconds()) > 0:
                await workshop.clock.wait(min(rest, gap.total_seconds()))
            yield fence

    @asynccontextmanager
    async def open(
        self,
        portal_name: str,
        account: str,
        journal: Journal,
        *,
        fresh: bool = False,
        state: SignedInState | None = None,
    ) -> AsyncIterator[Site]:
        """
        The account's browser, with its signed-in state.

        :param fresh: as a stranger.
        :param state: with this one instead of that in the vault.
        """
        portal = portal_named(portal_name)
        settings = self._settings.portal(portal_name)
        loaded = self.edition(portal)
        hosts = Hosts(loaded.edition, settings.hosts)
        is_given = state is not None
        if not is_given and not fresh:
            state = self._states.load(portal_name, account)
        options = WalkOptions(
            patience=settings.patience,
            between_pages=settings.pace.between_pages,
            headed=self.workshop.manner.headed,
            pictures=self._settings.evidence.pictures,
            trace=self._settings.evidence.trace,
            slow_mo=self.workshop.manner.slow_mo,
            step=self.workshop.manner.step,
            pause_on_failure=self.workshop.manner.pause_on_failure,
        )
        journal.knows(
            edition=loaded.edition.edition, edition_file=str(loaded.path), digest=loaded.digest, headed=options.headed
        )
        owner = None if fresh or is_given else (portal_name, account)
        async with self.workshop.browsers.session(loaded, hosts, options, state, owner=owner) as session:
            journal.knows(browser=session.browser_name)
            confirmations = Confirmations(self._users(portal), loaded)
            yield Site(portal, account, session, state is not None, confirmations)

    async def reading_walk(self, site: Site, journal: Journal) -> BrowserWalk:
        """A walk that only reads, in the operator's manner."""
        if self.workshop.manner.teach:
            return await site.session.teaching_reader(journal, self.workshop.person, self._lessons(site))
        return self._recorded(await site.session.reading_walk(journal, self.workshop.person), site, journal)

    async def committing_walk(
        self, site: Site, journal: Journal, stamper: Stamper, approval: Approval | None
    ) -> CommittingWalk:
        """A walk that may commit, in the operator's manner."""
        workshop = self.workshop
        limits = CommitOptions(ask=workshop.manner.ask, approval=approval)
        if workshop.manner.teach:
            return await site.session.teaching_walk(journal, workshop.person, stamper, limits, self._lessons(site))
        walk = await site.session.committing_walk(journal, workshop.person, stamper, limits, site.confirmations)
        return self._recorded(walk, site, journal)

    async def rehearsing_walk(self, site: Site, journal: Journal, stamper: Stamper) -> CommittingWalk:
        """A walk that stops before its first commit."""
        limits = CommitOptions(dry_run=True)
        walk = await site.session.committing_walk(journal, self.workshop.person, stamper, limits)
        return self._recorded(walk, site, journal)

    def _recorded(self, walk: _Walk, site: Site, journal: Journal) -> _Walk:
        """What a walk of today goes through can be walked again, unless the settings do not want that."""
        if self._settings.evidence.recordings == "always":
            walk.is_watched_by(site.session.recorder(journal, self._settings.browser))
        return walk

    async def read_decision(self, order: SupplierOrder, journal: Journal) -> Reading:
        """What the portal says about *order* now, in the operator's manner."""
        async with self.open(order.portal, order.account, journal) as site:
            walk = await self.reading_walk(site, journal)
            return await self.signed_in(site, walk, lambda: read_decision(site.portal, walk, order.order_id))

    async def read_decisions(
        self,
        portal: str,
        account: str,
        left: Mapping[OrderId, object],
        journal: Journal,
        told: Callable[[OrderId, Reading | CountermandError], None],
    ) -> None:
        """
        What the portal says now about many orders of an account, in one session.

        :param left: those that are not told yet; whoever is told of one takes it out.
        """
        async with self.open(portal, account, journal) as site:
            walk = await self.reading_walk(site, journal)

            async def read() -> None:
                async for order, reading in read_decisions(site.portal, walk, list(left)):
                    told(order, reading)

            await self.signed_in(site, walk, read)

    def edition(self, portal: SupplierPortal) -> LoadedEdition:
        """The edition that visits to *portal* use."""
        return self._editions(portal).load(self._settings.portal(portal.name).edition)

    def _editions(self, portal: SupplierPortal) -> Editions:
        return Editions(portal.name, portal.editions, self._users(portal))

    def _lessons(self, site: Site) -> Lessons:
        return Lessons(self._editions(site.portal), self.edition(site.portal), self.workshop.clock.now().date())

    def _users(self, portal: SupplierPortal) -> Path:
        return self._settings.home / "selectors" / portal.name

    async def signed_in(self, site: Site, walk: Walk, doing: Callable[[], Awaitable[_T]]) -> _T:
        """
        Do it signed in: with the state that was restored, or after one sign-in with stored credentials.

        Every walk opens a page for the signed-in first, which proves the restored state before anything else is done.
        """
        credentials = self.credentials(site.account)
        signed_in_now = False
        if not site.has_state and credentials is not None:
            await self._sign_in_again(site, walk, credentials)
            signed_in_now = True
        try:
            result = await doing()
        except SignInNeeded:
            if credentials is None or signed_in_now:
                raise
            await self._sign_in_again(site, walk, credentials)
            result = await doing()
        try:
            await self.keep_state(site, signed_in=False)
        except (Retryable, OSError) as error:  # what was done stands; the older state may still do
            logger.warning("the signed-in state of {} was not kept: {}", site.account, error)
        return result

    async def _sign_in_again(self, site: Site, walk: Walk, credentials: Credentials) -> None:
        check_may_try(self.workshop, site.portal.name, site.account, credentials)
        await self.sign_in_once(site, walk, credentials)
        await self.keep_state(site, signed_in=True)
        self.workshop.accounts.accepted(site.portal.name, site.account)

    async def sign_in_once(self, site: Site, walk: Walk, credentials: Credentials) -> None:
        """Type the stored sign-in, and note that; what the portal did not take is not tried again by ourselves."""
        accounts, portal, typed = self.workshop.accounts, site.portal.name, list[bool]()

        def tells() -> None:
            typed.append(True)
            accounts.tried(portal, site.account)

        told = Credentials(username=credentials.username, password=Typed(credentials.password, tells))
        try:
            await site.portal.sign_in(walk, told)
        except SignInNeeded:
            if typed:
                accounts.refused(portal, site.account, trace_of(credentials))
            raise

    async def keep_state(self, site: Site, *, signed_in: bool) -> None:
        """Seal what the portal remembers us by now."""
        self._states.save(site.portal.name, site.account, await site.session.state(anew=signed_in))
        self.workshop.accounts.note(site.portal.name, site.account, signed_in=signed_in, proven=True)

    def credentials(self, account: str) -> Credentials | None:
        """The stored credentials of *account*; ``None`` if a person signs in."""
        _, settings = self._settings.account(account)
        if settings.username is None or settings.password is None:
            return None
        credentials = Credentials(
            username=SecretStr(settings.username),
            password=settings.password.resolve(f"the password of account {account}", self._settings.base),
        )
        redactor.learn(credentials.username)
        redactor.learn(credentials.password)
        return credentials
