"""
Clicking what cannot be undone: exactly one element, confirmed for this host, the order number proved, the stamp on disk, one click.

After the click the walk is *exposed* until an outcome is read: whatever goes wrong meanwhile is ``Uncertain``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from playwright.async_api import Dialog, Locator
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agent.browser.arriving import Surroundings, milliseconds
from agent.browser.background import all_of
from agent.browser.confirming import Confirmations
from agent.browser.edition import Outcome, Question, Target
from agent.browser.evidence import now
from agent.browser.reading import same_text
from agent.browser.recognise import host_name
from agent.browser.walk import BrowserWalk
from agent.errors import ApprovalNeeded, ConfirmationNeeded, TargetAmbiguous, UnknownPage
from agent.model import OrderId
from agent.walk import Approval, Stamper, StoppedBeforeCommit

_HOW_IT_LIES = """found => {
  if (found.length !== 1) return [found.length, false];
  const [one] = found, [box] = one.getClientRects();  // a click goes into the middle of the first of its lines
  if (one.matches(':disabled') || one.closest('[aria-disabled="true"], [inert]') || !box?.width || !box.height) return [1, false];
  let root = document, hit = null;
  while (root) {
    const next = root.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!next || next === hit) break;
    hit = next;
    root = hit.shadowRoot;
  }
  return [1, hit !== null && one.contains(hit)];
}"""
"""
How many there are, and whether a click into the middle of the only one would reach it now. No is no answer: it may have to be scrolled to,
or to come to rest.
"""


class Only(NamedTuple):
    """The only thing on a page that a target can mean."""

    element: Locator
    lies_open: bool
    """Whether nothing lies in the way of a click."""


@dataclass(frozen=True)
class CommitOptions:
    """How far a walk may go."""

    dry_run: bool = False
    ask: bool = False
    approval: Approval | None = None
    """Asked for a yes before the first commit, unless a person gives theirs at the terminal."""


class CommittingWalk(BrowserWalk):
    """A walk that may commit, one order per visit."""

    def __init__(
        self,
        around: Surroundings,
        stamper: Stamper,
        limits: CommitOptions,
        confirmations: Confirmations | None = None,
    ) -> None:
        super().__init__(around)
        self._stamper = stamper
        self._limits = limits
        self._confirmations = confirmations
        self._agreed = False
        self._committing: tuple[str, OrderId] | None = None
        """The commit whose outcome has not been read yet: only meanwhile a question of the browser may be answered with yes."""
        self._refusal: Exception | None = None

    async def commit(self, target: str, *, order: OrderId) -> None:
        """See ``Walk.commit``."""
        started, deed = time.monotonic(), self._deed("commit", target, order)
        spec = self._finder.target(target, commits=True)
        await self._onlooker.begins(deed)
        only = await self._only(target, spec)
        if not self.hosts.is_ours(self._tabs.current.url):
            raise UnknownPage(
                "the browser has left the portal's own hosts", edition=self.edition.edition, page=self._tabs.at.page
            )
        await all_of(self._is_usable(target, only), self.prove(order))
        await self._steps.pictured()  # beside them; and not cut off with them where one of them fails
        if await self._asked_a_person(target, spec, only.element, order):
            # The page may have changed while they thought.
            only = await self._only(target, spec)
            await self._prove(order)
        await self._onlooker.acts(deed, self._tabs.current, only.element)
        self.journal.written()
        await self._stamper.arm(target, order)
        self._steps.exposed = target
        self._committing = (target, order)
        self._tabs.expect_new()
        await only.element.click(timeout=self._click_timeout, no_wait_after=True)
        await self._onlooker.acted()
        self._heed_questions()
        self._note(
            "commit",
            started,
            target=target,
            candidate=" | ".join(
                candidate.describe() for candidate in self.edition.targets[target].candidates(self._tabs.at.layout)
            ),
            page=self._tabs.at.page,
            result=order,
        )
        await self._onlooker.ends(deed, self._tabs.current)

    @property
    def _click_timeout(self) -> float:
        """In milliseconds. A person may have to answer a question of the browser itself, and thinks as long as they like."""
        if self.options.headed and self.person.is_here:
            return 0.0
        return milliseconds(self.options.patience.action)

    def _heed_questions(self) -> None:
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            raise refusal

    async def _known(self, entry: Outcome, state: str) -> None:
        self._committing = None
        if self._steps.exposed is not None and entry.unsent:
            await self._stamper.unsent(state)
        await super()._known(entry, state)

    async def _only(self, target: str, spec: Target) -> Only:
        """All candidates together are exactly one visible element, or nothing is clicked."""
        union = await self._finder.all(target)
        count, lies_open = await union.evaluate_all(_HOW_IT_LIES)
        if not count:
            try:
                await union.first.wait_for(timeout=milliseconds(self.options.patience.action))
            except PlaywrightTimeout:
                raise self._finder.missing(target) from None
            count, lies_open = await union.evaluate_all(_HOW_IT_LIES)
        if count != 1:
            raise TargetAmbiguous(
                f"there is not exactly one thing that could be {spec.intent}, but {count}",
                next="Look at the picture in the report; the edition must tell them apart.",
                **self._finder.where(target),
            )
        return Only(union, lies_open)

    async def _is_usable(self, target: str, only: Only) -> None:
        """
        Covered or disabled is found out before the stamp: after it, a click that fails would be uncertain. Mostly nothing is in the way;
        else Playwright tries, without clicking: it scrolls, closes what can be closed, and waits.
        """
        if only.lies_open:
            return
        try:
            await only.element.click(trial=True, timeout=milliseconds(self.options.patience.action))
        except PlaywrightTimeout:
            raise self._finder.unusable(target, "cannot be clicked") from None

    async def _asked_a_person(self, target: str, spec: Target, element: Locator, order: OrderId) -> bool:
        """
        Whatever has to be asked before a click: nothing in a dry run, which ends here.

        :returns: whether somebody was asked.
        """
        if self._limits.dry_run:
            raise StoppedBeforeCommit
        asked = False
        if not spec.is_confirmed(host_name(self._tabs.current.url)):
            await self._confirmed_by_person("targets", target, spec.intent, element)
            asked = True
        if self._limits.ask and not self._agreed:
            await self._approved_by_person(order)
            asked = self._agreed = True
        if self._limits.approval is not None and not self._agreed:
            await self._limits.approval.check(order, await self._total())
            self._agreed = True
        return asked

    async def _approved_by_person(self, order: OrderId) -> None:
        """The picture and the facts are shown; silence is no."""
        picture = await self._steps.picture("ask.jpg")
        if picture is not None:
            self.person.says(f"the page as it is now: {picture}")
        question = f"Order {order}: {await self._facts()}. Ask the supplier to cancel it?"
        if not (self.person.is_here and await self.person.agrees(question)):
            raise ApprovalNeeded(
                f"nobody said yes to the cancellation of order {order}",
                next="Give the command again at a terminal and answer yes, or leave out --ask.",
            )

    async def _facts(self) -> str:
        """What a person decides on: the order's state, its goods and what it costs."""
        known = ("details.status", "details.goods", "details.total")
        names = [name for name in known if name in self.edition.targets]
        texts = [await self._read(name) for name in names]
        return "; ".join(text for text in texts if text) or "see the browser"

    async def _total(self) -> str:
        """What the order costs, in the page's words; empty where they are not there exactly once."""
        started, name = time.monotonic(), "details.total"
        texts = await self._finder.texts(name) if name in self.edition.targets else []
        total = texts[0] if len(texts) == 1 else ""
        self._note("read", started, target=name, result=total)
        return total

    async def _confirmed_by_person(self, section: str, name: str, what: str, element: Locator | None) -> None:
        """
        What is only assumed for this host is clicked after a person looked at it in the browser, and never headless.
        Their yes is written into an edition of their own, so that it is asked for once.
        """
        host = host_name(self._tabs.current.url)
        if self.options.headed and self.person.is_here:
            if element is not None:
                await element.highlight()
            question = f"The browser shows what countermand takes for {what} (outlined, on {host}). Is it?"
            if await self.person.agrees(question):
                if self._confirmations is not None:
                    path = self._confirmations.add(section, name, [host], now().date())
                    self.person.says(f"written down for {host} in {path}")
                return
        raise ConfirmationNeeded(
            f"{what} is only assumed for {host}, and nobody has confirmed it there",
            next="Give the command again with --headed at a terminal, and look at what is outlined.",
            target=name,
            edition=self.edition.edition,
            page=self._tabs.at.layout or self._tabs.at.page,
        )

    async def _take_as_held(self, order: OrderId) -> None:
        """A page that shows no number at all may be *held*, where a person has confirmed that this suffices (design 4.4)."""
        proof = await self._prover.holds(order)
        if proof is None:
            raise self._prover.none_shown(order)
        if not proof.is_confirmed(host_name(self._tabs.current.url)):
            page = self._tabs.at.page or ""
            what = f"the cancel page of order {order}, though it shows no number"
            await self._confirmed_by_person("held", page, what, None)

    # -- the browser's own questions

    async def _on_question(self, dialog: Dialog) -> None:
        """While a commit is clicked, a known question is answered with yes, which is a commit of its own; any other with no."""
        if self._committing is None:
            await super()._on_question(dialog)
            return
        target, order = self._committing
        try:
            await self._answer(dialog, target, order)
        except PlaywrightError:
            self._committing = None  # the page is gone; the outcome tells, or is uncertain
        except Exception as error:
            self._committing = None
            self._refusal = error  # raised where the walk waits: here, in the background, nobody would hear of it

    async def _answer(self, dialog: Dialog, target: str, order: OrderId) -> None:
        started = time.monotonic()
        self._onlooker.asked(dialog.message)
        try:
            name, question = self._question(dialog)
            # The question proves that the click before it has sent nothing yet; answering is what sends.
            await self._stamper.unsent("confirm_asked")
            self._steps.exposed = None
            if not question.is_confirmed(host_name(self._tabs.current.url)):
                await self._confirmed_by_person("questions", name, question.intent, None)
            await self._stamper.arm(name, order)
        except BaseException:
            self._note("question", started, result=f"no: {dialog.message}")
            await dialog.dismiss()
            raise
        self._steps.exposed = target
        await dialog.accept()
        self._note("question", started, target=name, result=f"yes: {dialog.message}")

    def _question(self, dialog: Dialog) -> tuple[str, Question]:
        texts = {
            name: [text for words in question.text.values() for text in words]
            for name, question in self.edition.questions.items()
        }
        for name, known in texts.items():
            if dialog.type == "confirm" and any(same_text(dialog.message, text) for text in known):
                return name, self.edition.questions[name]
        raise UnknownPage(
            f"the portal asked “{dialog.message}”, which the edition does not know; it was answered with no",
            next="Look at the order at the portal; if the question belongs to cancelling, it belongs in a new edition of the selectors.",
            edition=self.edition.edition,
            page=self._tabs.at.page,
        )
