"""
Teaching: a walk like any other, on which the operator points at what the edition does not know.

Flows know nothing of it. Every lesson is on disk before the walk goes on with it, so that a crash loses nothing learnt; and whatever
commits is clicked by the walk itself, after the stamp: the operator only points.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

from playwright.async_api import ElementHandle, Locator
from playwright.async_api import Page as Tab
from pydantic import SecretStr

from agent.browser import deriving
from agent.browser.edition import Candidate, Outcome, Target
from agent.browser.editions import LoadedEdition
from agent.browser.finding import one_line
from agent.browser.lessons import Lessons, kept
from agent.browser.pointing import Pointed, point
from agent.browser.recognise import host_name
from agent.browser.targets import locate
from agent.browser.walk import BrowserWalk
from agent.errors import (
    NeedsOperator,
    TargetAmbiguous,
    TargetMissing,
    UnknownPage,
)
from agent.model import OrderId

_T = TypeVar("_T")

_WHILE_POINTING = timedelta(minutes=10)
_STOPPED = "What was taught until then is kept. Give the same command again to go on."


class Teaching(BrowserWalk):
    """Asks the operator wherever the edition does not know on."""

    lessons: Lessons
    _told: Path | None = None
    """The file that the operator was told of."""
    _opened: str | None = None
    """What was clicked to see a list while that was taught: it is open already."""

    # -- acting: what is missing or ambiguous is pointed at

    async def fill(self, target: str, value: str | SecretStr) -> None:
        """See ``Walk.fill``."""
        fill = super().fill
        await self._taught(target, lambda: fill(target, value))

    async def click(self, target: str, *, row: OrderId | None = None) -> None:
        """See ``Walk.click``."""
        if target == self._opened:
            self._opened = None
            return
        click = super().click
        await self._taught(target, lambda: click(target, row=row), row)

    async def _taught(self, target: str, doing: Callable[[], Awaitable[_T]], row: OrderId | None = None) -> _T:
        while True:
            try:
                return await doing()
            except (TargetMissing, TargetAmbiguous) as error:
                if error.facts.get("target") != target:
                    raise
                self.person.says(error.what)
            await self._learn(target, row)

    async def _arrive(self, expected: Sequence[str]) -> str:
        while True:
            try:
                return await super()._arrive(expected)
            except UnknownPage as error:
                pages = [*expected, "it is still loading: wait on"]
                self.person.says(error.what)
                shown = await self.person.choose("Which of these pages does the browser show?", pages)
                if shown is None:
                    raise
                if shown < len(expected):
                    await self._learn_marks(expected[shown])

    # -- outcomes: the operator says what the page shows, and points at what shows it

    async def outcome(self, table: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.outcome``."""
        while True:
            try:
                return await super().outcome(table, row=row)
            except UnknownPage as error:
                self.person.says(error.what)
                states = self._states(table)
                options = [*(self._in_words(state, entry) for state, entry in states), "none of these yet: wait on"]
                shown = await self.person.choose("What does the browser show?", options)
                if shown is None:
                    raise
                if shown < len(states):
                    await self._learn_outcome(*states[shown], row)

    def _states(self, table: str) -> list[tuple[str, Outcome]]:
        """What the table's entries may say, each once, with the entry that a person can teach best: by what is seen."""
        entries = self.edition.outcomes[table]
        told = sorted(entries, key=lambda entry: 0 if entry.page else 1 if entry.see else 2)
        found: dict[str, Outcome] = {}
        for entry in told:
            for state in [entry.is_] if entry.is_ else entry.only or list(self.edition.statuses):
                found.setdefault(state, entry)
        return list(found.items())

    def _in_words(self, state: str, entry: Outcome) -> str:
        what = f"the page {entry.page}" if entry.page else ""
        if entry.see:
            what = self.edition.targets[entry.see].intent
        if entry.status:
            what = f"{self.edition.targets[entry.status].intent} says so"
        return f"{state.replace('_', ' ')} ({what})"

    async def _learn_outcome(self, state: str, entry: Outcome, row: OrderId | None) -> None:
        if entry.page is not None:
            await self._learn_look(entry.page)
        elif entry.see is not None:
            says = not self.edition.targets[entry.see].commits and not self._is_row(entry.see)
            await self._learn(entry.see, row, by_words=says)
        else:
            assert entry.status is not None
            await self._learn_words(entry.status, state)

    def _is_row(self, name: str) -> bool:
        return any(spec.row == name for spec in self.edition.targets.values())

    async def _learn_words(self, target: str, state: str) -> None:
        """What stands where states are read is a word for *state*."""
        text = await self._finder.text(target)
        while not deriving.is_lasting(text):
            pointed = await self._point(f"the words that say that the order is {state.replace('_', ' ')}")
            text = one_line(await pointed.element.inner_text())
        if not await self.person.agrees(f"Does “{text}” always mean that an order is {state.replace('_', ' ')}?"):
            self._stop("the portal's words were not clear")
        self._use(self.lessons.words("statuses", state, await self._finder.language(), text, self._host))

    # -- one target

    async def _learn(self, name: str, row: OrderId | None = None, *, by_words: bool = False) -> None:
        """Have the operator point at *name*, and write down how it is found from now on."""
        while True:
            spec = self.edition.targets[name]
            pointed = await self._point(spec.intent)
            language = await self._finder.language()
            layout = await self._layout(pointed.tab) if by_words else self._tabs.at.layout
            layout = layout if not by_words or layout in spec.layouts else None
            if spec.within is not None and not await self._stands_in(spec.within, pointed.element):
                self.person.says(f"that is not in {self.edition.targets[spec.within].intent}")
                await self._learn(spec.within)
                continue
            scope = self._finder.scope(spec, row, language)
            derive = deriving.derive_words if by_words else deriving.derive
            element = pointed.element if by_words else await deriving.acted_on(pointed.element)
            candidates = await derive(element, scope, self.edition, language)
            if spec.commits:  # all of its candidates together are one element: words alone may stand elsewhere, too
                candidates = [one for one in candidates if one.text is None] or candidates
            if not candidates:
                self.person.says("nothing about that lasts until the next order: no words, no name. Point at it again")
            elif await self._is_meant(spec, candidates):
                others = await self._harmless(kept(spec, layout, candidates), element, scope, language)
                self._use(self.lessons.target(name, layout, [*candidates, *others], self._host))
                return

    async def _is_meant(self, spec: Target, candidates: list[Candidate]) -> bool:
        found = "; ".join(one.describe() for one in candidates)
        if not spec.commits:
            self.person.says(f"from now on found by: {found}")
            return True
        return await self.person.agrees(f"You pointed at {found}. Is that {spec.intent}?")

    async def _harmless(
        self, candidates: list[Candidate], element: ElementHandle, scope: Tab | Locator, language: str
    ) -> list[Candidate]:
        """Those of the earlier candidates that do not mean something else on this page."""
        found: list[Candidate] = []
        for one in candidates:
            nothing = not await locate(scope, one, self.edition, language).count()
            if nothing or await deriving.proves(one, [element], scope, self.edition, language):
                found.append(one)
        return found

    async def _stands_in(self, name: str, element: ElementHandle) -> bool:
        inside = await self._finder.all(name)
        contains = "(found, element) => found.some(one => one.contains(element))"
        return bool(await inside.evaluate_all(contains, element))

    # -- pages

    async def _learn_look(self, page: str) -> None:
        """A page that looks different: a layout of its own, known by the list it offers, or by what is pointed at."""
        choices = [name for name, spec in self.edition.targets.items() if spec.opener or spec.chosen]
        choice = next((name for name in choices if name.split(".")[0] == page), None)
        if choice is None or not any(self.edition.layouts_of(page)):
            await self._learn_marks(page)
            return
        spec = self.edition.targets[choice]
        opener: list[Candidate] = []
        if spec.opener is not None and not await self.person.agrees(f"Does the browser show {spec.intent} already?"):
            opener = await self._open(self.edition.targets[spec.opener].intent)
        group = await self._point_at_list(spec.intent)
        tab = self._tabs.current
        name = next(name for name in _names(f"{page}_taught") if name not in self.edition.pages)
        self._use(
            self.lessons.layout(name, page, self._role(tab), urlsplit(tab.url).path, (opener or group.candidates)[:1])
        )
        if opener and spec.opener is not None:
            self._use(self.lessons.target(spec.opener, name, opener, self._host))
            self._opened = spec.opener
        self._use(self.lessons.target(choice, name, group.candidates, self._host))

    async def _open(self, what: str) -> list[Candidate]:
        """Have the operator point at what opens a list, open it, and leave it open."""
        while True:
            pointed = await self._point(what)
            element = await deriving.acted_on(pointed.element)
            language = await self._finder.language()
            candidates = await deriving.derive(element, pointed.tab, self.edition, language)
            if candidates:
                await element.click()
                return candidates
            self.person.says("nothing about that lasts until the next order. Point at it again")

    async def _point_at_list(self, what: str) -> deriving.Group:
        while True:
            pointed = await self._point(f"one entry of {what}")
            group = await deriving.derive_list(
                pointed.element, pointed.tab, self.edition, await self._finder.language()
            )
            found = group.candidates[0].describe() if group.candidates else "nothing that lasts"
            self.person.says(f"found by {found}: {'; '.join(group.texts)}")
            if group.candidates and await self.person.agrees(f"Is this {what}, all of it and nothing else?"):
                return group

    async def _learn_marks(self, page: str) -> None:
        """*page* is known by what the operator points at."""
        while True:
            pointed = await self._point(f"something that the page {page} always shows, and no other page")
            language = await self._finder.language()
            marks = await deriving.derive(pointed.element, pointed.tab, self.edition, language)
            if marks:
                break
            self.person.says("nothing about that lasts until the next order. Point at something else")
        self.person.says(f"from now on known by: {'; '.join(one.describe() for one in marks)}")
        known = self.edition.pages[page].marks
        tab = pointed.tab
        moved = (
            None if self.hosts.is_at(self.edition.pages[page], tab.url) else (self._role(tab), urlsplit(tab.url).path)
        )
        self._use(self.lessons.marks(page, [*marks, *(one for one in known if one not in marks)], moved))

    def _role(self, tab: Tab) -> str:
        """The host that *tab* is on, as the edition calls it: nothing is learnt elsewhere."""
        role = self.hosts.role_of(tab.url)
        if role is None:
            raise self._unknown("the browser has left the portal's own hosts", "Look at the browser.")
        return role

    # -- the operator

    async def _point(self, what: str) -> Pointed:
        """
        The element that the operator points at; from then on the walk is in its tab.

        :raises NeedsOperator: they do not.
        """
        await self._steps.pictured()
        self.person.says(f"in the browser, point at {what} (Esc: it is not there)")
        pointed = await point(self._tabs, what, _WHILE_POINTING)
        if pointed is None:
            self._stop(f"nobody pointed at {what}")
        if pointed.tab is not self._tabs.current:
            self._tabs.settle_on(pointed.tab, await self._look(pointed.tab, []))
        return pointed

    def _stop(self, what: str) -> NoReturn:
        raise NeedsOperator(what, next=_STOPPED, edition=self.edition.edition, page=self._tabs.at.page)

    async def _layout(self, tab: Tab) -> str | None:
        return (await self._look(tab, [])).layout

    @property
    def _host(self) -> str:
        return host_name(self._tabs.current.url)

    def _use(self, loaded: LoadedEdition) -> None:
        """Go on with what was just learnt."""
        self.edition = loaded.edition
        for part in (self._tabs, self._finder, self._prover, self._steps, self._recogniser):
            part.edition = loaded.edition
        self.journal.knows(edition=loaded.edition.edition, edition_file=str(loaded.path), digest=loaded.digest)
        if self._told != loaded.path:
            self.person.says(f"what you teach is written down in {loaded.path}")
        self._told = loaded.path


def _names(stem: str) -> list[str]:
    return [stem, *(f"{stem}_{number}" for number in range(2, 100))]
