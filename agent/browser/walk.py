"""
The walk itself: pages, targets and outcomes of an edition, done with Playwright.

Recognise the page, act, recognise again: a click proves nothing. What commits is in ``commit.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace

from loguru import logger
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator
from playwright.async_api import Page as Tab
from playwright.async_api import TimeoutError as PlaywrightTimeout
from pydantic import SecretStr

from agent.browser.arriving import ArrivingWalk, milliseconds
from agent.browser.edition import Outcome, Target
from agent.browser.finding import texts_of
from agent.browser.listing import cards_of
from agent.browser.outcomes import Found, Shown, first_that_holds, looks_differ, seen_with_the_page, shown_of
from agent.browser.reading import same_text
from agent.browser.recognise import NOTHING_KNOWN, Sighting, host_name
from agent.browser.signs import Sign, Sought, ways_of
from agent.browser.tabs import Watch
from agent.browser.targets import any_of, locate
from agent.errors import (
    BadInput,
    ChallengeShown,
    SignInNeeded,
)
from agent.model import OrderId, ReasonChoice
from agent.redact import redactor
from agent.walk import Card

_LOST = 2.0
"""Seconds after which a click that shows nothing was lost."""


class BrowserWalk(ArrivingWalk):
    """A walk that only reads and navigates. It refuses every target that commits."""

    # -- acting

    async def fill(self, target: str, value: str | SecretStr) -> None:
        """See ``Walk.fill``."""
        started = time.monotonic()
        shown = None if isinstance(value, SecretStr) else value
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        patience = milliseconds(self.options.patience.action)
        deed = self._deed("fill", target, value=shown)
        await self._onlooker.begins(deed)
        element, candidate, drift = await self._finder.one(target, None)
        await self._onlooker.acts(deed, self._tabs.current, element)
        await self._steps.pictured()
        try:
            await element.fill(text, timeout=patience)
            # Suggestions cover the button until the field is left.
            await element.evaluate_all("fields => fields.forEach(field => field.blur())")
        except PlaywrightTimeout:
            raise self._finder.unusable(target, "cannot be filled") from None
        self._note("fill", started, target=target, candidate=candidate, drift=drift, result=shown)
        await self._onlooker.acted()
        await self._onlooker.ends(deed, self._tabs.current)

    async def click(self, target: str, *, row: OrderId | None = None) -> None:
        """See ``Walk.click``."""
        started, deed = time.monotonic(), self._deed("click", target, row)
        spec = self._finder.target(target, commits=False)
        await self._onlooker.begins(deed)
        element, candidate, drift = await self._finder.one(target, row)
        if spec.leads_to:
            await self._pace()
        await self._onlooker.acts(deed, self._tabs.current, element)
        self._tabs.expect_new()
        await self._press(target, element)
        await self._onlooker.acted()
        page = await self._arrive(spec.leads_to) if spec.leads_to else self._tabs.at.page
        self._note("click", started, target=target, candidate=candidate, drift=drift, page=page)
        await self._onlooker.ends(deed, self._tabs.current, page=page)

    async def _press(self, target: str, element: Locator) -> None:
        await self._steps.pictured()
        try:
            await element.click(timeout=milliseconds(self.options.patience.action))
        except PlaywrightTimeout:
            raise self._finder.unusable(target, "cannot be clicked") from None

    async def commit(self, target: str, *, order: OrderId) -> None:
        """A walk that only reads commits nothing."""
        raise AssertionError(f"{target} of order {order} in a visit that only reads")

    async def choose(self, target: str, reason: ReasonChoice) -> None:
        """See ``Walk.choose``."""
        started, deed = time.monotonic(), self._deed("choose", target, value=str(reason))
        spec = self._finder.target(target, commits=False)
        await self._onlooker.begins(deed)
        if spec.opener and self.edition.targets[spec.opener].candidates(self._tabs.at.layout):
            await self.click(spec.opener)
        options = await self._options(target, spec)
        offered = await texts_of(options)
        wanted = await self._reason_texts(reason)
        matching = [place for place, text in enumerate(offered) if any(same_text(text, want) for want in wanted)]
        if len(matching) != 1:
            raise BadInput(
                f"the page does not offer the reason {reason} exactly once; it offers: {'; '.join(offered)}",
                next="Choose one of these with --reason-text.",
                target=target,
                edition=self.edition.edition,
            )
        chosen = offered[matching[0]]
        option = options.nth(matching[0])
        await self._onlooker.acts(deed, self._tabs.current, option)
        await self._press(target, option)
        await self._onlooker.acted()
        await self._is_chosen(spec, option, chosen)
        self._note("choose", started, target=target, result=chosen)
        await self._onlooker.ends(deed, self._tabs.current, result=chosen)

    async def _options(self, target: str, spec: Target) -> Locator:
        language = await self._finder.language()
        for candidate in spec.candidates(self._tabs.at.layout):
            found = locate(self._tabs.current, candidate, self.edition, language)
            try:
                await found.first.wait_for(timeout=milliseconds(self.options.patience.action))
            except PlaywrightTimeout:
                continue
            return found
        raise self._finder.missing(target)

    async def _reason_texts(self, reason: ReasonChoice) -> list[str]:
        if reason.key is None:
            return [reason.text or ""]
        texts = self.edition.reasons.get(reason.key.value)
        return self.edition.texts(texts.texts, await self._finder.language()) if texts else []

    async def _is_chosen(self, spec: Target, option: Locator, text: str) -> None:
        """
        The page must show the choice before anything is sent with it. A click may be lost, and this one commits nothing: where the choice
        does not show after a while, and the option still does, it is clicked once more.
        """
        if spec.chosen is None or not self.edition.targets[spec.chosen].candidates(self._tabs.at.layout):
            return
        started, patience = time.monotonic(), self.options.patience.action.total_seconds()
        may_be_lost = True
        while time.monotonic() < started + patience:
            if any(same_text(shown, text) for shown in await self._finder.texts(spec.chosen)):
                return
            if may_be_lost and time.monotonic() > started + _LOST and await option.is_visible():
                may_be_lost = False
                logger.info("the choice “{}” does not show: it is clicked once more", text)
                with suppress(PlaywrightTimeout):
                    await option.click(timeout=patience * 1000)
                continue
            await self._tabs.changed()
        raise self._finder.unusable(spec.chosen, f"does not show the choice “{text}”")

    # -- reading

    async def outcome(self, table: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.outcome``."""
        deed = self._deed("outcome", table, row)
        await self._onlooker.begins(deed)
        started, deadline = time.monotonic(), self._now() + self.options.patience.page.total_seconds()
        entries = self.edition.outcomes[table]
        pages = [*dict.fromkeys(entry.page for entry in entries if entry.page), *self._home_of(table)]
        words = ""
        has_just_come = self._tabs.language is not None
        watch = Watch(self._tabs, lambda tab: self._told_by(tab, entries, row), at_once=has_just_come)
        while True:
            await watch.next()
            self._heed_questions()
            for tab in self._tabs.candidates:
                sighting, read = await self._read_off(tab, pages, entries, row)
                if read is None:
                    continue  # it is on its way to another page
                shown = first_that_holds(self.edition, entries, read, sighting)
                if isinstance(shown, Found):
                    self._tabs.settle_on(tab, sighting)
                    await self._known(shown.entry, shown.state)
                    self._note("outcome", started, target=table, page=sighting.page, result=shown.state)
                    await self._onlooker.ends(deed, tab, result=shown.state)
                    return shown.state
                words = shown.words or words
            if self._now() > deadline:
                break
        if words:
            look = f"Look at the order at the portal. If “{words}” is an order's state, it belongs in a new edition of the selectors."
            raise self._unknown(f"the portal says “{words}”, which the edition does not know", look)
        raise await self._lost(f"none of the known outcomes of {table} came (looked for {self._looked_for(entries)})")

    async def _read_off(
        self, tab: Tab, pages: Sequence[str], entries: Sequence[Outcome], row: OrderId | None
    ) -> tuple[Sighting, Shown | None]:
        """Recognise *tab* and read *entries* off it, both at once: mostly it is the page that it was."""
        layout = self._tabs.at.layout
        language = self._tabs.language or self.edition.language
        along = seen_with_the_page(self._finder, entries, layout, row)
        (seen, shows), read = await asyncio.gather(
            self._see_also(tab, pages, list(along.values())),
            _unless_it_leaves(shown_of(self._finder, tab, entries, layout, language, row, but=along)),
        )
        if seen is None:
            return NOTHING_KNOWN, None
        sighting = await self._look(tab, pages, seen)
        spoken = sighting.language or language
        if sighting is not seen or spoken != language or looks_differ(self.edition, entries, layout, sighting.layout):
            anew = shown_of(self._finder, tab, entries, sighting.layout, spoken, row)
            return sighting, await _unless_it_leaves(anew)
        if read is not None:
            read = replace(read, shows=read.shows | dict(zip(along, shows, strict=True)))
        return sighting, read

    def _told_by(self, tab: Tab, entries: Sequence[Outcome], row: OrderId | None) -> Sought:
        """Whatever may tell one of *entries* in *tab*, or stand in its way."""
        layout, language = self._tabs.at.layout, self._tabs.language or self.edition.language
        around = self._signs(tab, [entry.page for entry in entries if entry.page])
        found, signs = [around.locator], [*around.signs]
        for entry in entries:
            if (name := entry.see or entry.status) is None:
                continue
            number = row if self._finder.is_row(name) else None
            words = [
                text
                for state in entry.only
                for text in self.edition.texts(self.edition.statuses[state].texts, language)
            ]
            located = self._finder.union(tab, name, layout, language, number)
            found.append(any_of((located.filter(has_text=text) for text in words), tab) if words else located)
            candidates, besides = self.edition.targets[name].candidates(layout), entry.and_not_see
            unless = self.edition.targets[besides].candidates(layout) if besides else []
            of = ways_of(candidates, self.edition, language, says=words, number=number)
            signs.append(Sign(of, ways_of(unless, self.edition, language)))
        return Sought(any_of(found, tab), tuple(signs))

    def _looked_for(self, entries: Sequence[Outcome]) -> str:
        """What could have told the outcome, in words, with the names that an edition has for it."""
        pages = [f"the page {entry.page}" for entry in entries if entry.page]
        names = [name for entry in entries if (name := entry.see or entry.status)]
        return ", ".join(dict.fromkeys([*(f"{self.edition.targets[name].intent}: {name}" for name in names), *pages]))

    def _home_of(self, name: str) -> list[str]:
        """The page that a target or table belongs to: the first part of its name."""
        page = name.split(".")[0]
        return [page] if page in self.edition.pages else []

    def _heed_questions(self) -> None:
        """Raise what answering a question of the browser itself has led to."""

    async def _known(self, entry: Outcome, state: str) -> None:
        """The page told what happened: a commit's outcome is no longer open."""
        del entry, state
        self._steps.exposed = None

    async def read(self, target: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.read``."""
        deed = self._deed("read", target, row)
        await self._onlooker.begins(deed)
        text = await self._read(target, row)
        await self._onlooker.ends(deed, self._tabs.current, result=text)
        return text

    async def _read(self, target: str, row: OrderId | None = None) -> str:
        started = time.monotonic()
        text = await self._finder.text(target, row)
        self._note("read", started, target=target, result=text)
        return text

    async def rows(self, target: str) -> list[str]:
        """See ``Walk.rows``."""
        deed = self._deed("read", target)
        await self._onlooker.begins(deed)
        texts = await self._finder.texts(target)
        await self._onlooker.ends(deed, self._tabs.current, result=" | ".join(texts))
        return texts

    async def cards(self, rows: str, status: str, *, after: int = 0) -> list[Card]:
        """See ``Walk.cards``."""
        deed = self._deed("read", rows)
        await self._onlooker.begins(deed)
        started, deadline = time.monotonic(), self._now() + self.options.patience.page.total_seconds()
        while True:
            tab = self._tabs.current
            sighting = await self._look(tab, self._home_of(rows))
            try:
                cards = await cards_of(self._finder, self.edition, tab, rows, status, sighting.layout, after)
            except PlaywrightError:
                cards = []  # it is on its way to another page
            if cards:
                self._note("read", started, target=rows, result=f"{len(cards)} from number {after + 1} on")
                states = ", ".join(card.state or "unknown" for card in cards)
                await self._onlooker.ends(deed, tab, result=states)
                return cards
            if self._now() > deadline:
                raise await self._lost(f"the list did not go on beyond its first {after} rows")
            await self._tabs.changed()

    async def prove(self, order: OrderId) -> None:
        """See ``Walk.prove``."""
        deed = self._deed("prove", self._tabs.at.page or "", order)
        await self._onlooker.begins(deed)
        await self._prove(order)
        await self._onlooker.ends(deed, self._tabs.current, page=self._tabs.at.page)

    async def _prove(self, order: OrderId) -> None:
        started = time.monotonic()
        if not await self._prover.shows(order):
            await self._take_as_held(order)
        self._note("prove", started, page=self._tabs.at.page, result=order)

    async def _take_as_held(self, order: OrderId) -> None:
        """The page shows no number: a walk that only reads has no use for it."""
        raise self._prover.none_shown(order)

    def trusts(self, *states: str) -> bool:
        """See ``Walk.trusts``."""
        host = host_name(self._tabs.current.url)
        known = self.edition.statuses
        return all(state in known and known[state].is_confirmed(host) for state in states)

    # -- people

    async def ask(self, question: str) -> SecretStr:
        """See ``Walk.ask``."""
        answer = await self.person.ask(question) if self.person.is_here else None
        if answer is None:
            raise ChallengeShown(
                f"the portal asks for {question}, and nobody is here to give it",
                next="Run countermand sign-in ACCOUNT at a terminal.",
            )
        redactor.learn(answer)
        return answer

    async def wait_for_person(self, page: str) -> None:
        """
        Open *page* and wait until a person has come to it, whatever the portal asks of them on the way.

        :raises SignInNeeded: they did not in time.
        """
        with self._guard.signing_in():
            async with self.step("sign in by hand", private=True):
                await self._person_comes_to(page)

    async def _person_comes_to(self, page: str) -> None:
        await self._go(self.hosts.address(self.edition.pages[page]))
        deadline = time.monotonic() + self.options.patience.person.total_seconds()
        while time.monotonic() < deadline and self._tabs.open:
            for tab in self._tabs.open:
                try:
                    sighting = await self._recogniser.look(tab, [page])
                except PlaywrightError:
                    continue  # it is on its way to another page
                if sighting.page == page:
                    self._tabs.settle_on(tab, sighting)
                    return
            await self._tabs.changed()
        raise SignInNeeded(
            "the sign-in was not finished in the browser's window", next="Run countermand sign-in ACCOUNT again."
        )


async def _unless_it_leaves(reading: Awaitable[Shown]) -> Shown | None:
    """What *reading* tells; ``None`` if its tab is on its way to another page."""
    try:
        return await reading
    except PlaywrightError:
        return None
