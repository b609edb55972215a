"""
The two walks of a teaching visit: one that withdraws an order and learns its pages, one that reads the answer and learns its words.
"""

from __future__ import annotations

import time

from playwright.async_api import Locator

from agent.browser import deriving
from agent.browser.arriving import Surroundings
from agent.browser.commit import CommitOptions, CommittingWalk, Only
from agent.browser.edition import Candidate, Target
from agent.browser.finding import one_line, texts_of
from agent.browser.lessons import Lessons
from agent.browser.reading import RADIO_TEXT, same_text
from agent.browser.targets import locate
from agent.browser.teaching import Teaching
from agent.errors import BadInput, ConfirmationNeeded, PortalChanged, UnknownPage
from agent.model import OrderId, ReasonChoice
from agent.walk import Stamper

_UNTIL_IT_SHOWS = 3.0
"""Seconds for the page to show a choice."""


class TeachingReader(Teaching):
    """Reads a decision, and has the operator say what the portal's words mean."""

    def __init__(self, around: Surroundings, lessons: Lessons) -> None:
        super().__init__(around)
        self.lessons = lessons

    async def outcome(self, table: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.outcome``. A state read from words is shown to the operator, who says whether it is right."""
        state = await super().outcome(table, row=row)
        shown = await self._lines(table)
        if not shown:
            return state
        for _, line in shown:
            self.person.says(f"the page says “{line}”")
        if await self.person.agrees(f"countermand reads this as “{state.replace('_', ' ')}”. Is that right?"):
            if state in self.edition.statuses and not self.edition.statuses[state].is_confirmed(self._host):
                self._use(self.lessons.status_is_right(state, self._host))
            return state
        return await self._corrected(table, row, shown)

    async def _lines(self, table: str) -> list[tuple[str, str]]:
        """The lines that tell a state, each with the target it stands in."""
        targets = dict.fromkeys(entry.status for entry in self.edition.outcomes[table] if entry.status)
        found: list[tuple[str, str]] = []
        for target in targets:
            element = await self._finder.all(target)
            text = await element.first.inner_text() if await element.count() else ""
            found += [(target, one_line(line)) for line in text.splitlines() if line.strip()]
        return found

    async def _corrected(self, table: str, row: OrderId | None, shown: list[tuple[str, str]]) -> str:
        """Another state than was read: the operator says which, and by which words."""
        entries = [entry for entry in self.edition.outcomes[table] if entry.status]
        states = list(self.edition.statuses)
        place = await self.person.choose("What does it say about the order?", [one.replace("_", " ") for one in states])
        if place is None:
            self._stop("the portal's words were not clear")
        state = states[place]
        telling = {entry.status for entry in entries if not entry.only or state in entry.only}
        lines = [line for target, line in shown if target in telling and deriving.is_lasting(line)]
        which = (
            await self.person.choose(f"Which words say that it is {state.replace('_', ' ')}?", lines) if lines else None
        )
        if which is None:
            self._stop("no words on the page say so")
        self._use(self.lessons.words("statuses", state, await self._finder.language(), lines[which], self._host))
        read = await super().outcome(table, row=row)
        if read != state:
            raise UnknownPage(
                f"“{lines[which]}” is written down for {state}, and yet the page reads as {read}",
                next="Another state has the same words: correct the edition by hand.",
                edition=self.edition.edition,
                page=self._tabs.at.page,
            )
        return read


class TeachingWalk(Teaching, CommittingWalk):
    """Withdraws an order that is really to be withdrawn, and learns on the way."""

    def __init__(self, around: Surroundings, stamper: Stamper, limits: CommitOptions, lessons: Lessons) -> None:
        super().__init__(around, stamper, limits, lessons.confirmations)
        self.lessons = lessons
        self._before: list[deriving.Look] = []
        """The reasons as they looked before one was chosen."""

    # -- what commits

    async def _only(self, target: str, spec: Target) -> Only:
        only = super()._only
        return await self._taught(target, lambda: only(target, spec))

    async def _asked_a_person(self, target: str, spec: Target, element: Locator, order: OrderId) -> bool:
        asked = await super()._asked_a_person(target, self.edition.targets[target], element, order)
        if asked:  # they may have pointed at another element
            await self._is_usable(target, await self._only(target, spec))
        return asked

    async def _confirmed_by_person(self, section: str, name: str, what: str, element: Locator | None) -> None:
        try:
            await super()._confirmed_by_person(section, name, what, element)
        except ConfirmationNeeded:
            if section != "targets":
                raise
            await self._learn(name)

    async def _take_as_held(self, order: OrderId) -> None:
        """A page that shows the number where the edition does not look for it: the operator points at it."""
        page = self._tabs.at.page
        proofs = self.edition.pages[page].proof if page else []
        text = next((proof.text for proof in proofs if proof.text), None)
        shown = await self._tabs.current.locator("body").inner_text()
        if text is not None and order in shown:
            await self._learn(text)
            if await self._prover.shows(order):
                return
        await super()._take_as_held(order)

    # -- the reason

    async def choose(self, target: str, reason: ReasonChoice) -> None:
        """See ``Walk.choose``. Words that the edition does not have for a reason are pointed at."""
        choose = super().choose
        while True:
            try:
                await self._taught(target, lambda: choose(target, reason))
                return
            except BadInput as error:
                if reason.key is None:
                    raise
                self.person.says(error.what)
            pointed = await self._point(f"the reason that means {reason.key.value.replace('_', ' ')}")
            text = one_line(await (await deriving.acted_on(pointed.element)).evaluate(RADIO_TEXT))
            if await self.person.agrees(f"Does “{text}” mean {reason.key.value.replace('_', ' ')}?"):
                language = await self._finder.language()
                self._use(self.lessons.words("reasons", reason.key.value, language, text, self._host))

    async def _options(self, target: str, spec: Target) -> Locator:
        try:
            options = await super()._options(target, self.edition.targets[target])
        except PortalChanged as error:
            self.person.says(error.what)
            group = await self._point_at_list(spec.intent)
            layout = self._tabs.at.layout
            self._use(self.lessons.target(target, layout, group.candidates, self._host))
            options = await super()._options(target, self.edition.targets[target])
        self._before = [await deriving.look(option) for option in await options.all()]
        return options

    async def _is_chosen(self, spec: Target, option: Locator, text: str) -> None:
        if spec.chosen is None or self.edition.targets[spec.chosen].candidates(self._tabs.at.layout):
            await super()._is_chosen(spec, option, text)
            return
        chosen = await self._derive_chosen(spec, text)
        if chosen:
            self.person.says(f"what is chosen is known by: {'; '.join(one.describe() for one in chosen)}")
            self._use(self.lessons.target(spec.chosen, self._tabs.at.layout, chosen, self._host))
        elif not await self.person.agrees(f"Does the browser show “{text}” as chosen?"):
            self._stop(f"the reason “{text}” is not chosen")

    async def _derive_chosen(self, spec: Target, text: str) -> list[Candidate]:
        """What about the reason changed when it was clicked; nothing if the list has closed behind it."""
        deadline = time.monotonic() + _UNTIL_IT_SHOWS
        while time.monotonic() < deadline:
            for candidate in spec.candidates(self._tabs.at.layout):
                found = await self._changed(candidate, text)
                if found:
                    return found
            await self._tabs.changed()
        return []

    async def _changed(self, candidate: Candidate, text: str) -> list[Candidate]:
        language, tab = await self._finder.language(), self._tabs.current
        options = locate(tab, candidate, self.edition, language)
        texts = await texts_of(options)
        if len(texts) != len(self._before):
            return []
        for place, before in enumerate(self._before):
            if same_text(texts[place], text):
                option = options.nth(place)
                element = await option.element_handle()
                ways = deriving.changes(before, await deriving.look(option), candidate.css)
                return [one for one in ways if await deriving.proves(one, [element], tab, self.edition, language)]
        return []
