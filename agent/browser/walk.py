"""
The walk itself: pages, targets and outcomes of an edition, done with Playwright.

Recognise the page, act, recognise again: a click proves nothing. What commits is in ``commit.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from loguru import logger
from playwright.async_api import BrowserContext, Dialog, Locator, Response
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab
from playwright.async_api import TimeoutError as PlaywrightTimeout
from pydantic import SecretStr

from agent.browser.edition import Candidate, Outcome, Proof, Target
from agent.browser.editions import LoadedEdition
from agent.browser.evidence import Action, Journal, Step, now
from agent.browser.reading import RADIO_TEXT, numbers_in, same_text, state_of
from agent.browser.recognise import Hosts, Recogniser, Sighting, host_name
from agent.browser.targets import NOTHING, any_of, locate, of_order
from agent.errors import (
    BadInput,
    ChallengeShown,
    CountermandError,
    PortalChanged,
    Refused,
    Retryable,
    SignInNeeded,
    TargetAmbiguous,
    TargetMissing,
    Uncertain,
    UnknownPage,
)
from agent.model import OrderId, ReasonChoice
from agent.redact import redactor
from agent.retry import patiently
from agent.settings import Patience
from agent.walk import Person

_NEXT_CHANGE = """() => new Promise(done => {
  const seen = new MutationObserver(() => { seen.disconnect(); done() });
  seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  setTimeout(() => { seen.disconnect(); done() }, 100);
})"""
"""Resolves with the page's next change; a change that is no mutation (an animation's end) is found by the time limit."""


_IN_VIEW = """element => {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
}"""
"""An overlay out of view steals no clicks, and cannot be closed."""


@dataclass(frozen=True)
class WalkOptions:
    """How the operator wants it done."""

    patience: Patience = field(default_factory=Patience)
    between_pages: timedelta = timedelta(0)
    headed: bool = False
    pictures: str = "steps"


@dataclass
class Held:
    """The tab in which an order's details were proved, and its goods: what a page without a number is held against."""

    tab: Tab
    order: OrderId
    goods: list[str]


class BrowserWalk:
    """A walk that only reads and navigates. It refuses every target that commits."""

    def __init__(
        self,
        context: BrowserContext,
        tab: Tab,
        loaded: LoadedEdition,
        hosts: Hosts,
        journal: Journal,
        person: Person,
        options: WalkOptions,
    ) -> None:
        self.edition = loaded.edition
        self.hosts = hosts
        self.journal = journal
        self.person = person
        self.options = options
        self._recogniser = Recogniser(self.edition, hosts)
        self._context = context
        self._tab = tab
        self._opened: list[Tab] = []
        self._tab_opened = asyncio.Event()
        self._at = Sighting()
        self._exposed: str | None = None
        """The commits target that was clicked and whose outcome has not been read yet."""
        self._step: str | None = None
        self._last_load = 0.0
        self._held: Held | None = None
        context.on("page", self._on_tab)

    async def prepare(self) -> None:
        """Before the first step: have the edition's overlays closed wherever they come up."""
        await self._attend(self._tab)

    # -- steps

    @asynccontextmanager
    async def step(self, name: str, *, private: bool = False) -> AsyncIterator[None]:
        """See ``Walk.step``. Errors leave it sorted by who acts next, with the step's name and what was done so far."""
        step = self.journal.begin(name)
        started = time.monotonic()
        self._step = name
        failed: str | None = None
        try:
            yield
        except CountermandError as error:
            sorted_error = self._sorted(error)
            failed = sorted_error.message
            if sorted_error is error:
                raise
            raise sorted_error from error
        except PlaywrightError as error:
            first = str(error).strip().splitlines()[0]
            lost = self._sorted(Retryable(f"the browser lost the page: {first}"))
            failed = lost.message
            raise lost from error
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            # A cancelled visit takes no picture: the browser is about to be closed.
            if not private and failed not in ("CancelledError", "KeyboardInterrupt"):
                await self._picture(step, failed is not None)
            self.journal.finish(step, failed=failed)
            await self.person.step_done(name, time.monotonic() - started, failed is not None)

    def _sorted(self, error: CountermandError) -> CountermandError:
        if self._exposed and not isinstance(error, Refused | Uncertain):
            clicked = self.edition.targets[self._exposed].intent
            error = Uncertain(
                f"{clicked} was clicked, and then: {error.what}", **{**error.facts, "target": self._exposed}
            )
        error.facts.setdefault("step", self._step or "")
        if isinstance(error, Uncertain):
            error.done_so_far = "It may have been submitted."
        elif not error.done_so_far:
            error.done_so_far = "Nothing was submitted."
        return error

    async def _picture(self, step: Step, failed: bool) -> None:
        wanted = self.options.pictures
        if wanted == "off" or (wanted == "failure" and not failed):
            return
        name = f"{len(self.journal.entry.steps):02d}.jpg"
        tab = self._tabs()[0] if failed else self._tab
        try:
            masks = [tab.locator(f"css={css}") for css in self.edition.private]
            await tab.screenshot(
                path=self.journal.folder / name,
                type="jpeg",
                quality=70,
                mask=masks,
                mask_color="#999",
                animations="disabled",
                timeout=5000,
            )
        except PlaywrightError as error:  # evidence never harms the work
            logger.warning("no picture of step {}: {}", step.name, str(error).splitlines()[0])
            return
        step.picture = name
        step.url = redactor.clean_url(tab.url, frozenset(self.edition.order_parameters))

    # -- pages

    async def open(self, page: str, *, instead: str | None = None) -> str:
        """See ``Walk.open``."""
        started = time.monotonic()
        address = self.hosts.address(self.edition.pages[page])
        await self._pace()
        async for attempt in patiently():
            with attempt:
                await self._go(address)
        expected = [page] if instead is None else [page, instead]
        sighting = await self._arrive(expected)
        self._note("open", started, page=sighting.page)
        assert sighting.page is not None
        return sighting.page

    async def _go(self, address: str) -> None:
        try:
            response: Response | None = await self._tab.goto(
                address, wait_until="commit", timeout=_ms(self.options.patience.page)
            )
        except PlaywrightTimeout:
            raise Retryable(
                f"{host_name(address)} did not answer within {self.options.patience.page.total_seconds():g} s"
            ) from None
        except PlaywrightError as error:
            reason = str(error).strip().splitlines()[0].removeprefix("Page.goto: ")
            raise Retryable(f"{host_name(address)} cannot be reached: {redactor.clean(reason)}") from None
        if response is not None and response.status >= 500:
            raise Retryable(f"{host_name(address)} answered with an error of its own (HTTP {response.status})")

    async def _arrive(self, expected: Sequence[str]) -> Sighting:
        """Wait until one of *expected* is recognised in the tab at hand or in one that was opened meanwhile."""
        deadline = time.monotonic() + self.options.patience.page.total_seconds()
        while True:
            for tab in self._tabs():
                sighting = await self._look(tab, expected)
                if sighting.page in expected:
                    self._settle_on(tab, sighting)
                    return sighting
            if time.monotonic() > deadline:
                raise await self._lost(f"{_either(expected)} did not appear")
            await self._changed()

    async def _look(self, tab: Tab, expected: Sequence[str]) -> Sighting:
        """Recognise; what only a person or time can mend is raised here, wherever it appears."""
        if tab.url.startswith("chrome-error:"):
            raise Retryable("the portal cannot be reached")
        try:
            sighting = await self._recogniser.look(tab, expected, await self._language(tab))
        except PlaywrightError:
            return Sighting()  # it is on its way to another page
        if sighting.means == "challenge":
            raise ChallengeShown(
                f"the portal wants a person to {sighting.challenge}",
                next="Run countermand sign-in ACCOUNT (it shows the browser), pass the check by hand, and give the command again.",
            )
        if sighting.page in expected:
            return sighting
        if sighting.means == "signed_out":
            raise SignInNeeded("nobody is signed in at the portal", next="Run countermand sign-in ACCOUNT.")
        if sighting.means == "unavailable":
            raise Retryable("the portal shows an error page of its own")
        return sighting

    async def _lost(self, what: str) -> CountermandError:
        """Why nothing expected came: still loading is the portal's mood, anything else a change."""
        tab = self._tabs()[0]
        for spec in self.edition.pages.values():
            busy = any_of((locate(tab, mark, self.edition, self.edition.language) for mark in spec.busy), tab)
            if spec.busy and self.hosts.is_at(spec, tab.url) and await busy.first.is_visible():
                return Retryable(f"{what}: the portal's page is still loading")
        where = redactor.clean_url(tab.url, frozenset(self.edition.order_parameters))
        return UnknownPage(
            f"{what}; the portal shows {where} instead",
            next="Look at the picture in the report; if the portal has changed, a new edition of the selectors is needed.",
            edition=self.edition.edition,
            page=self._at.page,
        )

    # -- acting

    async def fill(self, target: str, value: str | SecretStr) -> None:
        """See ``Walk.fill``."""
        started = time.monotonic()
        element, candidate, drift = await self._find(target, None)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        try:
            await element.fill(text, timeout=_ms(self.options.patience.action))
            await element.blur(
                timeout=_ms(self.options.patience.action)
            )  # suggestions cover the button until the field is left
        except PlaywrightTimeout:
            raise self._unusable(target, "cannot be filled") from None
        self._note(
            "fill",
            started,
            target=target,
            candidate=candidate,
            drift=drift,
            result=None if isinstance(value, SecretStr) else text,
        )

    async def click(self, target: str, *, row: OrderId | None = None) -> None:
        """See ``Walk.click``."""
        started = time.monotonic()
        spec = self._spec(target, commits=False)
        element, candidate, drift = await self._find(target, row)
        if spec.leads_to:
            await self._pace()
        self._opened.clear()
        try:
            await element.click(timeout=_ms(self.options.patience.action))
        except PlaywrightTimeout:
            raise self._unusable(target, "cannot be clicked") from None
        page = (await self._arrive(spec.leads_to)).page if spec.leads_to else self._at.page
        self._note("click", started, target=target, candidate=candidate, drift=drift, page=page)

    async def commit(self, target: str, *, order: OrderId) -> None:
        """A walk that only reads commits nothing."""
        raise AssertionError(f"{target} of order {order} in a visit that only reads")

    async def wait_for_person(self, page: str, patience: timedelta) -> None:
        """
        Open *page* and wait until a person has come to it, whatever the portal asks of them on the way.

        :raises SignInNeeded: they did not within *patience*.
        """
        await self._go(self.hosts.address(self.edition.pages[page]))
        deadline = time.monotonic() + patience.total_seconds()
        while time.monotonic() < deadline:
            for tab in [*self._tabs(), *(tab for tab in self._context.pages if not tab.is_closed())]:
                try:
                    sighting = await self._recogniser.look(tab, [page], await self._language(tab))
                except PlaywrightError:
                    continue  # it is on its way to another page
                if sighting.page == page:
                    self._settle_on(tab, sighting)
                    return
            if all(tab.is_closed() for tab in self._context.pages):
                break
            await self._changed()
        raise SignInNeeded(
            "the sign-in was not finished in the browser's window", next="Run countermand sign-in ACCOUNT again."
        )

    async def choose(self, target: str, reason: ReasonChoice) -> None:
        """See ``Walk.choose``."""
        started = time.monotonic()
        spec = self._spec(target, commits=False)
        if spec.opener and self.edition.targets[spec.opener].candidates(self._at.layout):
            await self.click(spec.opener)
        options = await self._options(target)
        wanted = await self._reason_texts(reason)
        offered = [" ".join((await self._text(option)).split()) for option in options]
        matching = [position for position, text in enumerate(offered) if any(same_text(text, want) for want in wanted)]
        if len(matching) != 1:
            listed = "; ".join(offered)
            raise BadInput(
                f"the page does not offer the reason {reason} exactly once; it offers: {listed}",
                next="Choose one of these with --reason-text.",
                target=target,
                edition=self.edition.edition,
            )
        try:
            await options[matching[0]].click(timeout=_ms(self.options.patience.action))
        except PlaywrightTimeout:
            raise self._unusable(target, "cannot be chosen") from None
        await self._is_chosen(spec, offered[matching[0]])
        self._note("choose", started, target=target, result=offered[matching[0]])

    async def _options(self, target: str) -> list[Locator]:
        spec = self.edition.targets[target]
        language = await self._language(self._tab)
        candidates = spec.candidates(self._at.layout)
        for candidate in candidates:
            found = locate(self._tab, candidate, self.edition, language)
            try:
                await found.first.wait_for(timeout=_ms(self.options.patience.action))
            except PlaywrightTimeout:
                continue
            return await found.all()
        raise self._missing(target)

    async def _reason_texts(self, reason: ReasonChoice) -> list[str]:
        if reason.key is None:
            return [reason.text or ""]
        texts = self.edition.reasons.get(reason.key.value)
        return self.edition.texts(texts.texts, await self._language(self._tab)) if texts else []

    async def _is_chosen(self, spec: Target, text: str) -> None:
        """The page must show the choice before anything is sent with it."""
        if spec.chosen is None:
            return
        deadline = time.monotonic() + self.options.patience.action.total_seconds()
        while time.monotonic() < deadline:
            if any(same_text(shown, text) for shown in await self.rows(spec.chosen)):
                return
            await self._changed()
        raise self._unusable(spec.chosen, f"does not show the choice “{text}”")

    # -- reading

    async def outcome(self, table: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.outcome``."""
        started = time.monotonic()
        deadline = started + self.options.patience.page.total_seconds()
        entries = self.edition.outcomes[table]
        expected = [*dict.fromkeys(entry.page for entry in entries if entry.page), *self._home_of(table)]
        unknown = ""
        while True:
            self._heed_questions()
            for tab in self._tabs():
                sighting = await self._look(tab, expected)
                try:
                    entry, state, unknown = await self._first_of(tab, entries, sighting, row, unknown)
                except PlaywrightError:
                    continue  # it is on its way to another page
                if entry is not None:
                    self._settle_on(tab, sighting)
                    await self._known(entry, state)
                    self._note("outcome", started, target=table, page=sighting.page, result=state)
                    return state
            if time.monotonic() > deadline:
                if unknown:
                    raise UnknownPage(
                        f"the portal says “{unknown}”, which the edition does not know",
                        next=f"Look at the order at the portal. If “{unknown}” is an order's state, it belongs in a new edition of the selectors.",
                        edition=self.edition.edition,
                        page=self._at.page,
                    )
                raise await self._lost(f"none of the known outcomes of {table} came")
            await self._changed()

    def _heed_questions(self) -> None:
        """Raise what answering a question of the browser itself has led to."""

    async def _known(self, entry: Outcome, state: str) -> None:
        """The page told what happened: a commit's outcome is no longer open."""
        del entry, state
        self._exposed = None

    async def _first_of(
        self, tab: Tab, entries: Sequence[Outcome], sighting: Sighting, row: OrderId | None, unknown: str
    ) -> tuple[Outcome | None, str, str]:
        """The first entry that holds, all looked at in one batch."""
        language = await self._language(tab)

        async def holds(entry: Outcome) -> tuple[bool, str]:
            if entry.page is not None:
                return sighting.page == entry.page, ""
            if entry.see is not None:
                return await self._visible(tab, entry.see, sighting.layout, language, row), ""
            assert entry.status is not None
            found = self._union(tab, entry.status, sighting.layout, language)
            text = await found.first.inner_text() if await found.count() else ""
            return bool(text), text

        async def side(target: str | None) -> bool | None:
            return None if target is None else await self._visible(tab, target, sighting.layout, language, None)

        seen = await asyncio.gather(
            *(asyncio.gather(holds(entry), side(entry.and_see), side(entry.and_not_see)) for entry in entries)
        )
        for entry, ((held, text), wanted, unwanted) in zip(entries, seen, strict=True):
            if not held or wanted is False or unwanted is True:
                continue
            if entry.status is None:
                return entry, entry.is_ or "", unknown
            state = state_of(text, self.edition, language)
            if state is not None and (not entry.only or state in entry.only):
                return entry, entry.is_ or state, unknown
            if state is None and not entry.only:
                unknown = " ".join(text.split())
        return None, "", unknown

    async def read(self, target: str, *, row: OrderId | None = None) -> str:
        """See ``Walk.read``."""
        started = time.monotonic()
        language = await self._language(self._tab)
        found = self._union(self._tab, target, self._at.layout, language, row)
        text = " ".join((await found.first.inner_text()).split()) if await found.count() else ""
        self._note("read", started, target=target, result=text)
        return text

    async def rows(self, target: str) -> list[str]:
        """See ``Walk.rows``."""
        found = self._union(self._tab, target, self._at.layout, await self._language(self._tab))
        return [" ".join((await self._text(element)).split()) for element in await found.all()]

    async def prove(self, order: OrderId) -> None:
        """See ``Walk.prove``."""
        started = time.monotonic()
        page = self._at.page
        proofs = self.edition.pages[page].proof if page else []
        shown: set[str] = set()
        for proof in proofs:
            if proof.url is not None:
                shown |= numbers_in(self._tab.url, proof.url)
            elif proof.text is not None:
                shown |= numbers_in(await self.read(proof.text))
            elif proof.link is not None:
                found = self._union(self._tab, proof.link, self._at.layout, await self._language(self._tab))
                shown |= numbers_in((await found.first.get_attribute("href")) or "" if await found.count() else "")
        if shown == {order}:
            await self._hold(order, proofs)
            self._note("prove", started, page=page, result=order)
            return
        if shown:
            others = ", ".join(sorted(shown - {order}))
            raise UnknownPage(
                f"the page is about another order: it shows {others}, not {order}",
                next="Look at the picture in the report before anything else.",
                edition=self.edition.edition,
                page=page,
            )
        await self._prove_held(order, page)
        self._note("prove", started, page=page, result=f"{order} (held)")

    async def _hold(self, order: OrderId, proofs: Sequence[Proof]) -> None:
        """Remember where the order was proved and what its goods are, for a page that follows and shows no number."""
        goods_here = next(
            (proof.held[0] for page in self.edition.pages.values() for proof in page.proof if proof.held), None
        )
        if (
            goods_here is not None
            and goods_here.split(".")[0] == self._at.page
            and not any(proof.held for proof in proofs)
        ):
            self._held = Held(self._tab, order, await self.rows(goods_here))

    async def _prove_held(self, order: OrderId, page: str | None) -> None:
        raise UnknownPage(
            f"the page does not show the number of order {order}",
            next="Look at the picture in the report before anything else.",
            edition=self.edition.edition,
            page=page,
        )

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

    def trusts(self, *states: str) -> bool:
        """See ``Walk.trusts``."""
        host = host_name(self._tab.url)
        return all(
            state in self.edition.statuses and self.edition.statuses[state].is_confirmed(host) for state in states
        )

    # -- finding

    async def _find(self, target: str, row: OrderId | None) -> tuple[Locator, str, bool]:
        """The first candidate that matches exactly one visible element; a later one than the first is drift."""
        spec = self.edition.targets[target]
        language = await self._language(self._tab)
        scope = await self._scope(spec, row, language)
        candidates = spec.candidates(self._at.layout)
        located = [locate(scope, candidate, self.edition, language) for candidate in candidates]
        deadline = time.monotonic() + self.options.patience.action.total_seconds()
        while True:
            counts = await asyncio.gather(*(locator.count() for locator in located))
            for position, count in enumerate(counts):
                if count == 1:
                    return (
                        located[position],
                        candidates[position].describe(),
                        self._drifted(target, candidates, position),
                    )
            if time.monotonic() > deadline:
                break
            await self._changed()
        if any(counts):
            raise TargetAmbiguous(
                f"there is more than one {spec.intent}",
                next="Look at the picture in the report; the edition must tell them apart.",
                **self._where(target),
            )
        raise self._missing(target)

    def _drifted(self, target: str, candidates: list[Candidate], position: int) -> bool:
        if position:
            logger.warning(
                "drift: {} was found by its candidate {} ({})", target, position + 1, candidates[position].describe()
            )
        return position > 0

    async def _scope(self, spec: Target, row: OrderId | None, language: str) -> Tab | Locator:
        if spec.within is not None:
            return self._union(self._tab, spec.within, self._at.layout, language)
        if spec.row is not None and row is not None:
            return of_order(self._union(self._tab, spec.row, self._at.layout, language), row, self._tab)
        return self._tab

    def _union(self, tab: Tab, target: str, layout: str | None, language: str, row: OrderId | None = None) -> Locator:
        """Every visible element that any candidate of *target* means."""
        spec = self.edition.targets[target]
        scope: Tab | Locator = tab if spec.within is None else self._union(tab, spec.within, layout, language)
        if spec.row is not None and row is not None:
            scope = of_order(self._union(tab, spec.row, layout, language), row, tab)
        found = any_of(
            (locate(scope, candidate, self.edition, language) for candidate in spec.candidates(layout)), scope
        )
        return of_order(found, row, tab) if row is not None and spec.row is None else found

    async def _visible(self, tab: Tab, target: str, layout: str | None, language: str, row: OrderId | None) -> bool:
        # The row narrows what is a list's row; a word such as "no orders" stands outside of any.
        is_row = any(spec.row == target for spec in self.edition.targets.values())
        return await self._union(tab, target, layout, language, row if is_row else None).first.is_visible()

    async def _text(self, element: Locator) -> str:
        text: str = await element.evaluate(RADIO_TEXT)
        return text

    async def _language(self, tab: Tab) -> str:
        """The page's language, e.g. ``en``; the edition's own where the page does not say."""
        try:
            stated: str = await tab.evaluate("document.documentElement ? document.documentElement.lang : ''")
        except PlaywrightError:
            stated = ""
        return stated.replace("_", "-").split("-")[0].lower() or self.edition.language

    def _home_of(self, name: str) -> list[str]:
        """The page that a target or table belongs to: the first part of its name."""
        page = name.split(".")[0]
        return [page] if page in self.edition.pages else []

    def _spec(self, target: str, *, commits: bool) -> Target:
        spec = self.edition.targets[target]
        if spec.commits != commits:
            raise ValueError(f"{target} {'commits: use commit' if spec.commits else 'commits nothing: use click'}")
        return spec

    def _where(self, target: str) -> dict[str, str | None]:
        return {"target": target, "edition": self.edition.edition, "page": self._at.layout or self._at.page}

    def _missing(self, target: str) -> PortalChanged:
        spec = self.edition.targets[target]
        return TargetMissing(
            f"cannot find {spec.intent}",
            next="Look at the picture in the report; if the portal has changed, a new edition of the selectors is needed.",
            **self._where(target),
        )

    def _unusable(self, target: str, what: str) -> PortalChanged:
        spec = self.edition.targets[target]
        return TargetMissing(
            f"{spec.intent} {what}: it is covered, disabled or gone",
            next="Look at the picture in the report.",
            **self._where(target),
        )

    # -- tabs and time

    def _tabs(self) -> list[Tab]:
        """Where to look: tabs opened by the last click, newest first, then the one at hand."""
        return [*(tab for tab in reversed(self._opened) if not tab.is_closed()), self._tab]

    def _settle_on(self, tab: Tab, sighting: Sighting) -> None:
        self._tab = tab
        if sighting.page is not None:
            self._at = sighting
        if tab in self._opened:
            self._opened.remove(tab)

    def _on_tab(self, tab: Tab) -> None:
        self._opened.append(tab)
        self._tab_opened.set()
        task = asyncio.ensure_future(self._attend(tab))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _attend(self, tab: Tab) -> None:
        tab.on("dialog", lambda dialog: asyncio.ensure_future(self._on_question(dialog)))
        for name, overlay in self.edition.overlays.items():
            close = locate(tab, overlay.close, self.edition, self.edition.language)

            async def closing(_: Locator, name: str = name, close: Locator = close) -> None:
                started = time.monotonic()
                try:
                    if await close.first.evaluate(_IN_VIEW, timeout=1000):
                        await close.first.click(timeout=1000)
                        self._note("overlay", started, target=name)
                except PlaywrightError:
                    pass  # it went by itself, or lies below another one: looked at again before the next try

            see = locate(tab, overlay.see, self.edition, self.edition.language).first
            await tab.add_locator_handler(see, closing, no_wait_after=True)

    async def _on_question(self, dialog: Dialog) -> None:
        """A question of the browser itself while nothing is being committed: answered with no."""
        self._note("question", time.monotonic(), result=f"no: {dialog.message}")
        await dialog.dismiss()

    async def _changed(self) -> None:
        """Until a page changes or a tab opens, and a short while at the most."""
        self._tab_opened.clear()
        waits = [asyncio.ensure_future(_next_change(tab)) for tab in self._tabs()]
        waits.append(asyncio.ensure_future(_set(self._tab_opened)))
        try:
            await asyncio.wait(waits, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _pace(self) -> None:
        """The minimum gap between page loads: the portal sees an ordinary customer."""
        gap = self.options.between_pages.total_seconds() - (time.monotonic() - self._last_load)
        if gap > 0 and self._last_load:
            await asyncio.sleep(gap)
        self._last_load = time.monotonic()

    def _note(
        self,
        what: str,
        started: float,
        *,
        target: str | None = None,
        candidate: str | None = None,
        drift: bool = False,
        page: str | None = None,
        result: str | None = None,
    ) -> None:
        seconds = time.monotonic() - started
        entry = {
            "what": what,
            "at": now(),
            "seconds": round(seconds, 4),
            "target": target,
            "candidate": candidate,
            "drift": drift,
            "page": page,
            "result": result,
        }
        self.journal.note(Action.model_validate(entry))


async def _next_change(tab: Tab) -> None:
    try:
        await tab.evaluate(_NEXT_CHANGE)
    except PlaywrightError:
        # It is navigating or closed: the next look tells. One turn of the loop keeps a closed tab from spinning.
        await asyncio.sleep(0.02)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def _ms(duration: timedelta) -> float:
    return duration.total_seconds() * 1000


def _either(names: Sequence[str]) -> str:
    return "the page " + " or ".join(names)


__all__ = ["NOTHING", "BrowserWalk", "Held", "WalkOptions"]
