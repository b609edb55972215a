"""
Checking an edition against the portal: a walk that only reads, and looks for every target of every page it comes to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent.browser.arriving import Surroundings
from agent.browser.edition import Target
from agent.browser.targets import locate, of_order
from agent.browser.walk import BrowserWalk
from agent.model import OrderId

State = Literal["found", "drift", "ambiguous", "missing", "not shown", "not reached"]
# A target may be due only once the page's state has been read: until then it is "not shown", and then perhaps "missing".
_RANK: dict[State, int] = {"found": 5, "drift": 4, "ambiguous": 3, "missing": 2, "not shown": 1, "not reached": 0}


@dataclass(frozen=True)
class Checked:
    """What became of one target."""

    target: str
    intent: str
    commits: bool
    state: State
    candidate: str | None = None
    """The candidate that matched, as the edition writes it."""
    because: str | None = None


class CheckingWalk(BrowserWalk):
    """Looks for the targets of every page that it comes to. Like every reading walk, it clicks nothing that commits."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.order: OrderId | None = None
        """The order whose row is looked at; the first one until it is known."""
        self._best: dict[str, Checked] = {}
        self._states: dict[str, str] = {}

    def checked(self, stopped: str | None) -> list[Checked]:
        """
        Every target of the edition and what became of it.

        :param stopped: why the walk ended before its end, if it did.
        """
        best = self._best
        return [best.get(name) or self._not_reached(name, spec, stopped) for name, spec in self.edition.targets.items()]

    async def _arrive(self, expected: Sequence[str]) -> str:
        page = await super()._arrive(expected)
        await self._look_around()
        return page

    async def outcome(self, table: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.outcome``. The page is looked at again afterwards: what depends on the state is due now."""
        self._states[table] = state = await super().outcome(table, row=row)
        await self._look_around()
        return state

    async def _look_around(self) -> None:
        here = [(name, spec) for name, spec in self.edition.targets.items() if name.split(".")[0] == self._tabs.at.page]
        for checked in await asyncio.gather(*(self._check(name, spec) for name, spec in here)):
            before = self._best.get(checked.target)
            if before is None or _RANK[checked.state] > _RANK[before.state]:
                self._best[checked.target] = checked

    async def _check(self, name: str, spec: Target) -> Checked:
        tab, layout = self._tabs.current, self._tabs.at.layout
        language = await self._finder.language()
        scope = self._scope_of(tab, spec, layout, language)
        candidates = spec.candidates(layout)
        counts = await asyncio.gather(*(locate(scope, one, self.edition, language).count() for one in candidates))
        many = name in {other.row for other in self.edition.targets.values()}
        for place, count in enumerate(counts):
            if count == 1 or (count and many):
                state: State = "drift" if place else "found"
                return Checked(name, spec.intent, spec.commits, state, candidates[place].describe())
        if any(counts):
            return Checked(name, spec.intent, spec.commits, "ambiguous", because=f"{max(counts)} elements match")
        around = spec.within or spec.row
        if around is not None and not await self._finder.union(tab, around, layout, language).count():
            return Checked(
                name, spec.intent, spec.commits, "not reached", because=f"{around}, which it stands in, is not there"
            )
        return self._absent(name, spec)

    def _scope_of(self, tab: Tab, spec: Target, layout: str | None, language: str) -> Tab | Locator:
        if spec.within is not None:
            return self._finder.union(tab, spec.within, layout, language)
        if spec.row is None:
            return tab
        rows = self._finder.union(tab, spec.row, layout, language)
        return of_order(rows, self.order, tab) if self.order is not None else rows.first

    def _absent(self, name: str, spec: Target) -> Checked:
        """Missing, unless the edition says that it shows at other times only."""
        if isinstance(spec.when, str):
            return Checked(name, spec.intent, spec.commits, "not shown", because=spec.when)
        for table, states in (spec.when or {}).items():
            if self._states.get(table) not in states:
                because = f"it shows in {', '.join(states)} only"
                return Checked(name, spec.intent, spec.commits, "not shown", because=because)
        return Checked(name, spec.intent, spec.commits, "missing")

    def _not_reached(self, name: str, spec: Target, stopped: str | None) -> Checked:
        page = name.split(".")[0]
        means = self.edition.pages[page].means if page in self.edition.pages else "page"
        leads_there = any(page == other.split(".")[0] and one.commits for other, one in self.edition.targets.items())
        if stopped is not None:
            because = f"the walk stopped before it: {stopped}"
        elif means == "signed_out":
            because = "we are signed in"
        elif leads_there:
            because = "it lies behind a click that commits"
        else:
            because = f"the walk does not come to the page {page}"
        return Checked(name, spec.intent, spec.commits, "not reached", because=because)
