"""
Whoever looks over a walk's shoulder: told of each thing that is done or read, before and after.

The recorder keeps what it sees (``recording/recorder.py``); the replay holds it against what was kept (``recording/player.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from playwright.async_api import Locator
from playwright.async_api import Page as Tab

from agent.browser.evidence import ActionName
from agent.errors import CountermandError
from agent.model import Frozen, OrderId, Reading, ReasonChoice

BEFORE_COMMIT = "stopped before the first commit"
"""How a dry run ends."""


class Call(Frozen):
    """What a flow was asked to do."""

    flow: str
    """A method of ``SupplierPortal``."""
    orders: tuple[str, ...] = ()
    reason: ReasonChoice | None = None
    dry_run: bool = False


class Stop(Frozen):
    """An error, as far as it is the same whoever walks."""

    kind: str
    target: str | None = None
    page: str | None = None
    state: str | None = None


class Said(Frozen):
    """What the portal said about one order."""

    order: str
    answer: str | None = None
    state: str | None = None
    text: str | None = None
    error: Stop | None = None


class Ended(Frozen):
    """How a flow ended: with a result, with what was said, or with an error."""

    result: str | None = None
    said: tuple[Said, ...] = ()
    error: Stop | None = None


@dataclass(frozen=True)
class Deed:
    """One thing that a walk does or reads."""

    what: ActionName
    name: str
    """The page, target or outcome table that it is about."""
    step: str = ""
    row: OrderId | None = None
    value: str | None = None
    """What is typed or chosen."""


class Onlooker(Protocol):
    """Looks on. What it raises stops the walk."""

    async def call_begins(self, call: Call) -> None:
        """A flow begins."""

    async def call_ends(self, ended: Ended, tab: Tab | None) -> None:
        """
        The flow has ended.

        :param tab: after an error: where the page stands that led to it.
        """

    def cut_off(self) -> None:
        """The visit was cut off in the middle: nothing more comes."""

    async def over(self) -> None:
        """The walk is over. Whatever is still to be written is, when this returns."""

    async def begins(self, deed: Deed) -> None:
        """The walk is about to do or read something."""

    async def answered(self, status: int) -> None:
        """The portal answered with an HTTP status that is an error of its own."""

    async def acts(self, deed: Deed, tab: Tab, element: Locator) -> None:
        """It is about to touch *element*."""

    async def acted(self) -> None:
        """It has, and has not looked at the page since."""

    async def ends(self, deed: Deed, tab: Tab, *, page: str | None = None, result: str | None = None) -> None:
        """It was done or read: *page* was recognised afterwards, *result* is what was read."""

    def asked(self, question: str) -> None:
        """The browser itself asked something (``confirm()``) because of what was touched last."""

    async def closed_overlay(self, name: str, shown: Locator) -> None:
        """An overlay of the edition was closed."""


class Nobody:
    """Looks on nowhere."""

    async def call_begins(self, call: Call) -> None:
        """See ``Onlooker.call_begins``."""

    async def call_ends(self, ended: Ended, tab: Tab | None) -> None:
        """See ``Onlooker.call_ends``."""

    def cut_off(self) -> None:
        """See ``Onlooker.cut_off``."""

    async def over(self) -> None:
        """See ``Onlooker.over``."""

    async def begins(self, deed: Deed) -> None:
        """See ``Onlooker.begins``."""

    async def answered(self, status: int) -> None:
        """See ``Onlooker.answered``."""

    async def acts(self, deed: Deed, tab: Tab, element: Locator) -> None:
        """See ``Onlooker.acts``."""

    async def acted(self) -> None:
        """See ``Onlooker.acted``."""

    async def ends(self, deed: Deed, tab: Tab, *, page: str | None = None, result: str | None = None) -> None:
        """See ``Onlooker.ends``."""

    def asked(self, question: str) -> None:
        """See ``Onlooker.asked``."""

    async def closed_overlay(self, name: str, shown: Locator) -> None:
        """See ``Onlooker.closed_overlay``."""


@dataclass
class Ending:
    """Collects how a flow ends, while it runs."""

    ended: Ended = field(default_factory=Ended)

    def result(self, result: str | None) -> None:
        """It gave back *result*."""
        self.ended = self.ended.model_copy(update={"result": result})

    def said(self, order: OrderId, said: Reading | CountermandError) -> None:
        """It told what the portal says about *order*."""
        if isinstance(said, CountermandError):
            one = Said(order=order, error=stop(said))
        else:
            one = Said(order=order, answer=said.answer.value, state=said.state, text=said.text)
        self.ended = self.ended.model_copy(update={"said": (*self.ended.said, one)})

    def stopped(self, error: CountermandError) -> None:
        """It was stopped by *error*."""
        self.ended = self.ended.model_copy(update={"error": stop(error)})


def stop(error: CountermandError) -> Stop:
    """*error*, without its words and its edition."""
    known = {name: error.facts.get(name) for name in ("target", "page", "state")}
    return Stop(kind=error.kind.value, **known)


def in_step(deed: Deed, step: str) -> Deed:
    """*deed*, as done within the step of that name."""
    return replace(deed, step=step)
