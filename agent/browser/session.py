"""
A browser session of one account: a walk to go with, and the signed-in state as it is afterwards.

One context per account and one blank tab to begin with. The state is cookies, localStorage, IndexedDB and sessionStorage; at rest it is
only ever in the vault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar, cast

from loguru import logger
from playwright.async_api import Browser, BrowserContext
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab
from pydantic import ValidationError

from agent.browser.arriving import Surroundings, WalkOptions
from agent.browser.checking import CheckingWalk
from agent.browser.commit import CommitOptions, CommittingWalk
from agent.browser.confirming import Confirmations
from agent.browser.editions import LoadedEdition
from agent.browser.evidence import Journal
from agent.browser.lessons import Lessons
from agent.browser.recognise import Hosts
from agent.browser.recording.recorder import Recorder
from agent.browser.teaching_walks import TeachingReader, TeachingWalk
from agent.browser.tracer import Tracer
from agent.browser.walk import BrowserWalk
from agent.errors import Retryable
from agent.model import Frozen
from agent.redact import redactor
from agent.settings import BrowserSettings
from agent.vault import Vault
from agent.walk import Person, Stamper

_W = TypeVar("_W", bound=BrowserWalk)

_SHORTEST_KEY = 12
_STORED = """async () => ({
  origin: location.origin,
  session: Object.fromEntries(Object.entries(window.sessionStorage)),
  local: Object.entries(window.localStorage).map(([name, value]) => ({name, value})),
  databases: (await indexedDB.databases()).length,
})"""


class SignedInState(Frozen):
    """Everything the portal remembers us by."""

    storage: dict[str, Any]
    """Playwright's own storage state: cookies, localStorage, IndexedDB."""
    session_storage: dict[str, dict[str, str]]
    """By origin; Playwright's storage state leaves it out."""


class StateStore:
    """The signed-in states of accounts, sealed in the vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def load(self, portal: str, account: str) -> SignedInState | None:
        """The state of an account; ``None`` if nobody has signed in, or it is of a make that is no longer read."""
        content = self._vault.load(_sealed_name(portal, account))
        if content is None:
            return None
        try:
            state = SignedInState.model_validate_json(content)
        except ValidationError:
            return None
        _tell_redactor(state)
        return state

    def save(self, portal: str, account: str, state: SignedInState) -> None:
        """Keep the state of an account."""
        _tell_redactor(state)
        self._vault.save(_sealed_name(portal, account), state.model_dump_json().encode())

    def has(self, portal: str, account: str) -> bool:
        """Whether a state of an account is kept."""
        return self._vault.has(_sealed_name(portal, account))

    def forget(self, portal: str, account: str) -> None:
        """Sign out, as far as we are concerned."""
        self._vault.forget(_sealed_name(portal, account))


def _tell_redactor(state: SignedInState) -> None:
    """Whatever could be a key to the account. Short cookies are languages and switches: their words occur elsewhere."""
    values = [str(cookie.get("value", "")) for cookie in state.storage.get("cookies", [])]
    values += [value for stored in state.session_storage.values() for value in stored.values()]
    for value in values:
        if len(value) >= _SHORTEST_KEY:
            redactor.learn(value)


def _sealed_name(portal: str, account: str) -> str:
    return f"state-{portal}-{account}"


class BrowserSession:
    """One account's context in a running browser."""

    def __init__(
        self,
        browser: Browser,
        context: BrowserContext,
        tab: Tab,
        loaded: LoadedEdition,
        hosts: Hosts,
        options: WalkOptions,
        ending: AsyncExitStack | None = None,
        before: SignedInState | None = None,
    ) -> None:
        self.browser_name = f"{browser.browser_type.name} {browser.version}"
        self._context = context
        self._tab = tab
        self._loaded = loaded
        self._hosts = hosts
        self._options = options
        self._tracer = Tracer(context, options.trace)
        self._ending = ending or AsyncExitStack()
        self._before = before
        """What the portal remembered us by when the session began; ``None`` for a stranger."""
        self.kept: SignedInState | None = None
        """What the portal remembered us by when that was asked for last."""

    async def reading_walk(self, journal: Journal, person: Person) -> BrowserWalk:
        """A walk that only reads."""
        return await self._prepared(BrowserWalk(self._around(journal, person)))

    async def checking_walk(self, journal: Journal, person: Person) -> CheckingWalk:
        """A walk that looks for every target on its way."""
        return await self._prepared(CheckingWalk(self._around(journal, person)))

    async def committing_walk(
        self,
        journal: Journal,
        person: Person,
        stamper: Stamper,
        limits: CommitOptions,
        confirmations: Confirmations | None = None,
    ) -> CommittingWalk:
        """A walk that may commit."""
        return await self._prepared(CommittingWalk(self._around(journal, person), stamper, limits, confirmations))

    async def teaching_walk(
        self, journal: Journal, person: Person, stamper: Stamper, limits: CommitOptions, lessons: Lessons
    ) -> TeachingWalk:
        """A walk that may commit, on which the operator points at what the edition does not know."""
        return await self._prepared(TeachingWalk(self._around(journal, person), stamper, limits, lessons))

    async def teaching_reader(self, journal: Journal, person: Person, lessons: Lessons) -> TeachingReader:
        """A walk that only reads, on which the operator says what the portal's words mean."""
        return await self._prepared(TeachingReader(self._around(journal, person), lessons))

    def recorder(self, journal: Journal, browser: BrowserSettings) -> Recorder:
        """Whoever keeps what a walk of this session does beside *journal*."""
        edition = self._loaded.edition
        return Recorder(journal.folder, edition.portal, edition, self._hosts, browser)

    def _around(self, journal: Journal, person: Person) -> Surroundings:
        self._tracer.write_to(journal)
        return Surroundings(
            self._context, self._tab, self._loaded, self._hosts, journal, person, self._options, self._tracer
        )

    async def state(self, *, anew: bool = False) -> SignedInState:
        """
        What the portal remembers us by now.

        :param anew: somebody has signed in: nothing that was known before counts.
        :raises Retryable: the browser is gone.
        """
        if anew:
            self._before = None
        await self._tracer.rest()
        try:
            self._before = self.kept = await self._state()
        except PlaywrightError as error:
            raise broke_down(error) from None
        return self.kept

    async def end(self) -> bool:
        """
        The visit is over: nothing listens any more, and what a trace is to keep is kept. What the visit found stands, whatever goes
        wrong here.

        :returns: whether all of it went well, so that the browser may serve again.
        """
        await self._tracer.finish()
        try:
            await self._ending.aclose()
        except PlaywrightError as error:
            logger.debug("the browser was gone before the visit was tidied up: {}", error)
            return False
        return True

    async def _prepared(self, walk: _W) -> _W:
        self._ending.push_async_callback(walk.leave)
        await walk.prepare()
        return walk

    async def _state(self) -> SignedInState:
        ours = [tab for tab in self._context.pages if self._hosts.is_ours(tab.url)]
        stored: list[dict[str, Any]] = await asyncio.gather(*(tab.evaluate(_STORED) for tab in ours))
        session = {one["origin"]: one["session"] for one in stored}
        return SignedInState(storage=await self._storage(stored), session_storage=session)

    async def _storage(self, stored: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """
        Playwright's storage state. It opens a page for every site that has no tab, which takes longer than a step of a walk; what is
        known of those still stands unless somebody has signed in.
        """
        before = self._before
        origins = before.storage.get("origins", []) if before else []
        if before is None or any(one.get("indexedDB") for one in origins) or any(one["databases"] for one in stored):
            return cast("dict[str, Any]", await self._context.storage_state(indexed_db=True))
        local = {one["origin"]: {"origin": one["origin"], "localStorage": one["local"]} for one in stored}
        others = [one for one in origins if one["origin"] not in local]
        return {
            "cookies": [dict(cookie) for cookie in await self._context.cookies()],
            "origins": [*others, *(one for one in local.values() if one["localStorage"])],
        }


def broke_down(error: PlaywrightError) -> Retryable:
    """What the browser's own trouble means for a visit."""
    return Retryable(f"the browser broke down: {str(error).strip().splitlines()[0]}")
