"""
Walk: what a flow sees of a browser. It speaks in pages, targets and outcomes of the edition, never in selectors.

Signed out, challenge and unknown page are raised by the walk itself, from the edition's marks, wherever they appear.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from agent.model import OrderId, ReasonChoice


@dataclass(frozen=True)
class Card:
    """One row of a list, as the page shows it."""

    text: str
    words: str
    """Those that tell its state; empty if nobody can say which they are."""
    state: str | None
    """The state that they mean; ``None``: the edition does not know them."""


class Walk(Protocol):
    """A way through the pages of one portal, for one account, during one visit."""

    def step(self, name: str, *, private: bool = False) -> AbstractAsyncContextManager[None]:
        """
        A part of the walk under a name that a shopkeeper understands. It names errors, evidence and timings.

        :param private: credentials are typed here: no picture is taken.
        """

    async def open(self, page: str, *, instead: str | None = None) -> str:
        """
        Go to *page*, wait until it is recognised, and name it.

        :param instead: a page that may come in its place, such as the sign-in form.
        :raises Retryable: the portal does not answer.
        :raises SignInNeeded, ChallengeShown, UnknownPage: another page came.
        """

    async def fill(self, target: str, value: str | SecretStr) -> None:
        """Put *value* into a field. A secret value is neither logged nor journaled."""

    async def click(self, target: str, *, row: OrderId | None = None) -> None:
        """
        Click something that commits nothing, and wait until the page it leads to is recognised.

        :param row: the order in whose row the target stands.
        :raises TargetMissing, TargetAmbiguous: it is not there exactly once.
        """

    async def choose(self, target: str, reason: ReasonChoice) -> None:
        """
        Choose the reason among what the page offers, and check that it is chosen.

        :raises BadInput: the page does not offer it; the message lists what it offers.
        """

    async def commit(self, target: str, *, order: OrderId) -> None:
        """
        Click something that cannot be undone: prove the order number on the page, have the stamp put on disk, click once.

        :raises ConfirmationNeeded: the target is only assumed for this host, and nobody is there to confirm it.
        :raises ApprovalNeeded: a yes was asked for and not given.
        :raises TargetMissing, TargetAmbiguous: there is not exactly one such element.
        :raises Uncertain: the click may have happened, and what followed is not known.
        """

    async def outcome(self, table: str, *, row: OrderId | None = None) -> str:
        """
        Wait until the page shows one of the states of the edition's outcome *table*, and name it.

        :raises UnknownPage: none came in time, or the portal uses words that the edition does not know.
        """

    async def read(self, target: str, *, row: OrderId | None = None) -> str:
        """The text of *target*; empty when it is not on the page."""

    async def rows(self, target: str) -> list[str]:
        """The texts of everything that matches *target*, in the page's order."""

    async def cards(self, rows: str, status: str, *, after: int = 0) -> list[Card]:
        """
        Wait until a list has more than *after* rows, and read those that come after these.

        :param rows: the target that is one row.
        :param status: the target, in a row, with the words that tell its state.
        :raises UnknownPage: no further row came in time.
        """

    async def back(self, page: str) -> bool:
        """
        Return to *page*, from which the one at hand was opened.

        :returns: whether it still shows what it showed: it stood in a tab of its own.
        """

    async def prove(self, order: OrderId) -> None:
        """
        Check that the page at hand is about *order*, by what the edition names for that page.

        :raises UnknownPage: it shows another number, or none.
        """

    async def ask(self, question: str) -> SecretStr:
        """
        Ask the person at the terminal for something short, such as a one-time code.

        :raises ChallengeShown: nobody is there to answer.
        """

    def trusts(self, *states: str) -> bool:
        """Whether the portal's words for all these states are confirmed for the host at hand."""


class StoppedBeforeCommit(Exception):
    """A dry run came to its first commit, and stopped there."""


class Stamper(Protocol):
    """Puts the stamp on disk before a commit. The engine hands it to the walk; the walk knows no engine."""

    async def arm(self, target: str, order: OrderId) -> None:
        """
        Returns once the stamp for this attempt is on disk; if it raises, nothing is clicked.

        :param target: the commits target about to be clicked.
        """

    async def unsent(self, outcome: str) -> None:
        """The page proved that nothing was sent yet (``reason_asked``, ``confirm_asked``)."""


class Approval(Protocol):
    """Knows whether a person's yes is due before an order is submitted. The engine hands it to the walk."""

    async def check(self, order: OrderId, total: str) -> None:
        """
        Asked once, before the first commit.

        :param total: what the order costs, in the portal's words; empty if they are not on the page.
        :raises ApprovalNeeded: a yes is due, and nobody has given it.
        """


class Person(Protocol):
    """Whoever sits at the terminal, if anybody."""

    @property
    def is_here(self) -> bool:
        """Whether questions can be asked at all."""

    async def ask(self, question: str) -> SecretStr | None:
        """An answer in words, or ``None``."""

    async def agrees(self, question: str) -> bool:
        """A yes. Silence is no."""

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        """The place of one of *options*, which are shown with numbers; ``None``: none of them."""

    async def presses_enter(self, sentence: str) -> bool:
        """Enter, however long it takes; ``False``: nobody will press it any more."""

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        """Told of every step, so that progress can be shown as it happens."""

    def says(self, sentence: str) -> None:
        """Told what is going on between steps."""
