"""
Coming to pages: recognised before anything else is done there, whatever stands in the way told for what it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from playwright.async_api import BrowserContext, Dialog, Locator, Response
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agent.browser.background import all_of
from agent.browser.edition import Candidate
from agent.browser.editions import LoadedEdition
from agent.browser.evidence import Action, ActionName, Journal, now
from agent.browser.finding import Finder
from agent.browser.guard import Guard
from agent.browser.onlooker import BEFORE_COMMIT, Call, Deed, Ending, Nobody, Onlooker, in_step
from agent.browser.proving import Prover
from agent.browser.recognise import NOTHING_KNOWN, Hosts, Recogniser, Sighting, host_name
from agent.browser.signs import Sought, of_candidates
from agent.browser.steps import Steps
from agent.browser.tabs import Tabs, Watch
from agent.browser.targets import any_of, locate
from agent.browser.tracer import Policy, Tracer
from agent.browser.witness import Witness
from agent.errors import (
    ChallengeShown,
    CountermandError,
    Retryable,
    SignInNeeded,
    UnknownPage,
)
from agent.model import OrderId
from agent.redact import redactor
from agent.retry import patiently
from agent.settings import Patience, in_words
from agent.walk import Person, StoppedBeforeCommit

_NOBODY = Nobody()
_NEW_EDITION = "Look at the picture in the report; if the portal has changed, a new edition of the selectors is needed."


@dataclass(frozen=True)
class WalkOptions:
    """How the operator wants it done."""

    patience: Patience = field(default_factory=Patience)
    between_pages: timedelta = timedelta(0)
    headed: bool = False
    pictures: Literal["steps", "failure", "off"] = "steps"
    trace: Policy = "never"
    slow_mo: float = 0.0
    """Milliseconds between any two things that are done, so that a person can follow."""
    step: bool = False
    """The person presses Enter before each step."""
    pause_on_failure: bool = False
    """A step that fails leaves its page open until the person presses Enter."""


@dataclass(frozen=True)
class Surroundings:
    """What every walk has around it: an account's browser, the edition, and whoever watches."""

    context: BrowserContext
    tab: Tab
    loaded: LoadedEdition
    hosts: Hosts
    journal: Journal
    person: Person
    options: WalkOptions
    tracer: Tracer
    onlooker: Onlooker = field(default_factory=Nobody)


class ArrivingWalk:
    """A walk that opens pages, and knows where it is."""

    def __init__(self, around: Surroundings) -> None:
        self.edition = around.loaded.edition
        self.hosts = around.hosts
        self.journal = around.journal
        self.person = around.person
        self.options = around.options
        self._looks_on = around.onlooker
        self._guard = Guard(around.context, self.hosts, self._on_refused)
        self._tabs = Tabs(around.context, around.tab, self.edition, self._guard, self._on_question, self._on_overlay)
        self._finder = Finder(self.edition, self._tabs, self.options.patience)
        self._prover = Prover(self.edition, self._finder, self._tabs)
        self._witness = Witness(around.context, self.edition, self._guard, self.journal.entry.orders)
        self._steps = Steps(
            self.journal,
            self.person,
            self._tabs,
            self.edition,
            self._witness,
            around.tracer,
            self.options.pictures,
            waits=self.options.step,
            pauses=self.options.pause_on_failure,
        )
        self._recogniser = Recogniser(self.edition, self.hosts)
        self._last_load = 0.0
        self._waited = 0.0

    async def prepare(self) -> None:
        """Before the first step: nothing is granted, the tab is kept where it may be, and overlays are closed as they come up."""
        await all_of(self._guard.prepare(), self._tabs.attend(self._tabs.current))

    async def leave(self) -> None:
        """After the last step: the account's context may serve another walk, and hears of this one no more."""
        await self._steps.pictured()
        self.journal.written()
        self._witness.leave()
        await all_of(self._tabs.leave(), self._guard.leave(), self._looks_on.over())

    def step(self, name: str, *, private: bool = False) -> AbstractAsyncContextManager[None]:
        """See ``Walk.step``."""
        return self._steps.step(name, private=private)

    @asynccontextmanager
    async def call(self, call: Call) -> AsyncIterator[Ending]:
        """A flow: whoever looks on is told what it is asked to do, and how it ends."""
        await self._looks_on.call_begins(call)
        ending = Ending()
        try:
            yield ending
        except CountermandError as error:
            ending.stopped(error)
            is_shown = not self._steps.is_private
            await self._looks_on.call_ends(ending.ended, self._tabs.candidates[0] if is_shown else None)
            raise
        except StoppedBeforeCommit:
            ending.result(BEFORE_COMMIT)
            await self._looks_on.call_ends(ending.ended, None)
            raise
        except BaseException:
            self._looks_on.cut_off()
            raise
        await self._looks_on.call_ends(ending.ended, None)

    def is_watched_by(self, onlooker: Onlooker) -> None:
        """From now on *onlooker* looks on."""
        self._looks_on = onlooker

    @property
    def _onlooker(self) -> Onlooker:
        """Nobody looks on where credentials are typed."""
        return _NOBODY if self._steps.is_private else self._looks_on

    def _deed(self, what: ActionName, name: str, row: OrderId | None = None, value: str | None = None) -> Deed:
        return in_step(Deed(what, name, row=row, value=value), self._steps.name)

    # -- pages

    async def open(self, page: str, *, instead: str | None = None) -> str:
        """See ``Walk.open``."""
        started, deed = time.monotonic(), self._deed("open", page)
        await self._onlooker.begins(deed)
        await self._pace()
        async for attempt in patiently():
            with attempt:
                await self._go(self.hosts.address(self.edition.pages[page]))
        came = await self._arrive([page] if instead is None else [page, instead])
        self._note("open", started, page=came)
        await self._onlooker.ends(deed, self._tabs.current, page=came)
        return came

    async def _go(self, address: str) -> None:
        host, patience = host_name(address), self.options.patience.page
        await self._steps.pictured()
        self._tabs.leads_elsewhere()
        try:
            response: Response | None = await self._tabs.current.goto(
                address, wait_until="commit", timeout=milliseconds(patience)
            )
        except PlaywrightTimeout:
            raise Retryable(f"{host} did not answer within {patience.total_seconds():g} s") from None
        except PlaywrightError as error:
            if self._guard.blocked:
                raise self._led_away() from None
            reason = str(error).strip().splitlines()[0].removeprefix("Page.goto: ")
            raise Retryable(f"{host} cannot be reached: {redactor.clean(reason)}") from None
        if response is not None and response.status >= 500:
            await self._onlooker.answered(response.status)
            raise Retryable(f"{host} answered with an error of its own (HTTP {response.status})")

    async def _arrive(self, expected: Sequence[str]) -> str:
        """Wait until one of *expected* is recognised in the tab at hand or in one that was opened meanwhile."""
        deadline = self._now() + self.options.patience.page.total_seconds()
        watch = Watch(self._tabs, lambda tab: self._signs(tab, expected))
        while True:
            await watch.next()
            for tab in self._tabs.candidates:
                sighting = await self._look(tab, expected)
                if sighting.page is not None and sighting.page in expected:
                    self._tabs.settle_on(tab, sighting)
                    await self._understands(sighting)
                    return sighting.page
            if self._now() > deadline:
                raise await self._lost(f"the page {' or '.join(expected)} did not appear")

    def _signs(self, tab: Tab, expected: Sequence[str]) -> Sought:
        """Whatever may tell that *tab* has come to one of *expected*, or to what stands in its way."""
        shown = self._tabs.at.page if tab is self._tabs.current else None
        groups = self._recogniser.sought(expected, shown)
        return of_candidates(groups, tab, self.edition, self._tabs.language or self.edition.language)

    async def _understands(self, sighting: Sighting) -> None:
        """Names and states are words: in a language that the edition lacks, nothing on the page can be trusted."""
        language = await self._finder.language()
        if sighting.means == "page" and not self.edition.speaks(language):
            spoken = ", ".join([self.edition.language, *self.edition.languages])
            raise self._unknown(
                f"the page is in the language “{language}”, and the edition has the portal's words in {spoken} only",
                "Set the account's language to English at the portal, or use an edition that has its words.",
            )

    async def _look(self, tab: Tab, expected: Sequence[str], seen: Sighting | None = None) -> Sighting:
        """
        Recognise. A check is left to whoever sits before the window; what only a person or time can mend is raised here,
        wherever it appears.

        :param seen: what was seen a moment ago, if somebody has looked.
        """
        sighting = seen or await self._see(tab, expected) or NOTHING_KNOWN
        if sighting.is_challenge_beside(expected):
            sighting = await self._passed_by_person(tab, expected, sighting)
        if sighting.page in expected:
            return sighting
        if sighting.means == "signed_out":
            raise SignInNeeded("nobody is signed in at the portal", next="Run countermand sign-in ACCOUNT.")
        if sighting.means == "unavailable":
            raise Retryable("the portal shows an error page of its own")
        return sighting

    async def _see(self, tab: Tab, expected: Sequence[str]) -> Sighting | None:
        """What *tab* shows; ``None`` while it is on its way to another page."""
        sighting, _ = await self._see_also(tab, expected, ())
        return sighting

    async def _see_also(
        self, tab: Tab, expected: Sequence[str], others: Sequence[Sequence[Candidate]]
    ) -> tuple[Sighting | None, list[bool]]:
        """The same, and for each of *others* whether any of its candidates shows."""
        if tab.url.startswith("chrome-error:"):
            raise Retryable("the portal cannot be reached")
        try:
            return await self._recogniser.look_also(tab, expected, others)
        except PlaywrightError:
            return None, []

    async def _passed_by_person(self, tab: Tab, expected: Sequence[str], check: Sighting) -> Sighting:
        """
        A check is never moved, solved or bypassed by us: a person before the window does it, and the walk goes on by itself.

        :returns: what *tab* shows once it is past the check.
        :raises ChallengeShown: nobody is there, or it was not passed in time.
        """
        what = check.challenge
        self._steps.check = tab if check.is_check_page else None
        shown = ChallengeShown(
            f"the portal wants a person to {what}",
            next="Run countermand sign-in ACCOUNT (it shows the browser), pass the check by hand, and give the command again.",
        )
        if not (self.options.headed and self.person.is_here):
            raise shown
        started, patience = time.monotonic(), self.options.patience.person
        self.person.says(
            f"the portal wants a person to {what}: please do it in the browser's window. "
            f"This goes on by itself, and waits for {in_words(patience)} at the most."
        )
        try:
            while time.monotonic() < started + patience.total_seconds() and not tab.is_closed():
                sighting = await self._see(tab, expected)
                if sighting is not None and not sighting.is_challenge_beside(expected):
                    self._steps.check = None
                    self._note("challenge", started, page=sighting.page, result=f"a person was asked to {what}: passed")
                    return sighting
                await self._tabs.changed()
        finally:
            self._waited += time.monotonic() - started
        self._note("challenge", started, result=f"a person was asked to {what}: not passed")
        shown.what += ", and it was not passed in the browser's window"
        raise shown

    def _now(self) -> float:
        """Seconds on the walk's own clock, which stands still while a person is waited for."""
        return time.monotonic() - self._waited

    async def _lost(self, what: str) -> CountermandError:
        """Why nothing expected came: still loading is the portal's mood, anything else a change."""
        if self._guard.blocked:
            return self._led_away()
        tab = self._tabs.candidates[0]
        for spec in self.edition.pages.values():
            busy = any_of((locate(tab, mark, self.edition, self.edition.language) for mark in spec.busy), tab)
            if spec.busy and self.hosts.is_at(spec, tab.url) and await busy.first.is_visible():
                return Retryable(f"{what}: the portal's page is still loading")
        where = redactor.clean_url(tab.url, frozenset(self.edition.order_parameters))
        return self._unknown(f"{what}; the portal shows {where} instead", _NEW_EDITION)

    def _led_away(self) -> UnknownPage:
        host = self._guard.blocked[-1]
        return self._unknown(
            f"the portal led to {host}, which is no host of the edition, and was not followed there",
            f"Look at the portal by hand. If {host} belongs to it, add it to hosts in an edition of your own.",
        )

    def _unknown(self, what: str, next: str) -> UnknownPage:
        return UnknownPage(what, next=next, edition=self.edition.edition, page=self._tabs.at.page)

    async def back(self, page: str) -> bool:
        """See ``Walk.back``."""
        started, spec, deed = time.monotonic(), self.edition.pages[page], self._deed("back", page)
        await self._onlooker.begins(deed)
        await self._steps.pictured()
        leaving = self._tabs.current
        behind = [tab for tab in self._tabs.open if tab is not leaving and self.hosts.is_at(spec, tab.url)]
        if behind:
            self._tabs.current = behind[-1]
            await leaving.close()
            came = await self._arrive([page])
        else:
            came = await self.open(page)
        self._note("back", started, page=came)
        await self._onlooker.ends(deed, self._tabs.current, page=came)
        return bool(behind)

    # -- what comes up meanwhile

    async def _on_question(self, dialog: Dialog) -> None:
        """A question of the browser itself while nothing is being committed: answered with no."""
        self._note("question", time.monotonic(), result=f"no: {dialog.message}")
        self._onlooker.asked(dialog.message)
        await dialog.dismiss()

    def _on_refused(self, sentence: str) -> None:
        self._note("refused", time.monotonic(), result=sentence)
        self.person.says(sentence)

    async def _on_overlay(self, name: str, started: float, shown: Locator) -> None:
        self._note("overlay", started, target=name)
        await self._onlooker.closed_overlay(name, shown)

    # -- evidence and pace

    async def _pace(self) -> None:
        """The minimum gap between page loads: the portal sees an ordinary customer."""
        gap = self.options.between_pages.total_seconds() - (time.monotonic() - self._last_load)
        if gap > 0 and self._last_load:
            await asyncio.sleep(gap)
        self._last_load = time.monotonic()

    def _note(
        self,
        what: ActionName,
        started: float,
        *,
        target: str | None = None,
        candidate: str | None = None,
        drift: bool = False,
        page: str | None = None,
        result: str | None = None,
    ) -> None:
        seconds = round(time.monotonic() - started, 4)
        self.journal.note(
            Action(
                what=what,
                at=now(),
                seconds=seconds,
                target=target,
                candidate=candidate,
                drift=drift,
                page=page,
                result=result,
            )
        )


def milliseconds(duration: timedelta) -> float:
    """As Playwright counts."""
    return duration.total_seconds() * 1000
