"""
Errors, sorted by who acts next.

::

    CountermandError
    ├── BadInput                  2   the user: input, settings, no browser
    ├── Retryable                10   nobody: try later (portal or shop down; this visit changed nothing)
    ├── NeedsOperator            20   a person
    │   ├── SignInNeeded              signs in (or mends a password or token)
    │   ├── ChallengeShown            solves what the portal asks
    │   ├── ApprovalNeeded            says yes or no
    │   ├── ConfirmationNeeded        confirms what the edition only assumes
    │   ├── ShopGuarded               decides about a shop order that changed meanwhile
    │   └── NoDecision                reads what the portal's words leave open
    ├── PortalChanged            30   whoever keeps the selectors
    │   ├── TargetMissing
    │   ├── TargetAmbiguous
    │   └── UnknownPage
    ├── Refused                  40   nobody: the answer is no
    │   ├── NotCancellable            shipped, completed, …: nothing was submitted
    │   ├── OrderNotFound
    │   └── ShopOrderNotCancellable   fulfilled: the portal was not touched
    └── Uncertain                50   a person: may have been submitted
"""

from __future__ import annotations

import errno
from typing import ClassVar

from agent.model import ErrorKind, ErrorReport

EXIT_OK = 0
EXIT_BUG = 1
EXIT_CTRL_C = 130


_NOT_A_PLACE = ("order", "state", "words")
"""Facts that say what, not where."""


class CountermandError(Exception):
    """
    Something that stops the work, as facts for a person.

    :param what: a sentence without its full stop: what happened.
    :param next: what to do now: a sentence, or a command.
    :param facts: where it happened (``target``, ``edition``, ``page``; the step adds its name), and about
        what (``order``, ``state``, the portal's ``words``).
    """

    kind: ClassVar[ErrorKind]
    exit_code: ClassVar[int]
    default_next: ClassVar[str] = ""

    def __init__(self, what: str, *, next: str = "", **facts: str | None) -> None:
        super().__init__(what)
        self.what = what
        self.next = next or self.default_next
        self.facts: dict[str, str] = {name: value for name, value in facts.items() if value is not None}
        self.done_so_far = ""
        """What was and was not done before it stopped, e.g. "Nothing was submitted."; the walk fills it in."""

    @property
    def message(self) -> str:
        """The whole sentence: what, where, what was done so far."""
        where = ", ".join(f"{name} {value}" for name, value in self.facts.items() if name not in _NOT_A_PLACE)
        sentence = f"{self.what} ({where})" if where else self.what
        sentence = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
        return f"{sentence} {self.done_so_far}".strip()

    def __str__(self) -> str:
        return self.message

    def report(self) -> ErrorReport:
        """The error as the result object shows it."""
        return ErrorReport(kind=self.kind, message=self.message, next=self.next)


class BadInput(CountermandError):
    """The request, the settings or the machine's set-up cannot be used as they are."""

    kind = ErrorKind.BAD_INPUT
    exit_code = 2


class Retryable(CountermandError):
    """The portal or the shop did not answer. This visit changed nothing; later the same request may succeed."""

    kind = ErrorKind.RETRYABLE
    exit_code = 10
    default_next = "Give the same command again in a few minutes."


class NeedsOperator(CountermandError):
    """Only a person can go on."""

    kind = ErrorKind.NO_DECISION
    exit_code = 20


class SignInNeeded(NeedsOperator):
    """Nobody is signed in, and we may not or cannot sign in ourselves; also a wrong password or token."""

    kind = ErrorKind.SIGN_IN_NEEDED


class ChallengeShown(NeedsOperator):
    """The portal wants to see a person (slider, captcha, code). It is never solved or bypassed by us."""

    kind = ErrorKind.CHALLENGE_SHOWN


class ApprovalNeeded(NeedsOperator):
    """A yes is asked for before the first commit, and nobody has given it."""

    kind = ErrorKind.APPROVAL_NEEDED


class ConfirmationNeeded(NeedsOperator):
    """What would be clicked is only assumed for this host; a person confirms it once."""

    kind = ErrorKind.CONFIRMATION_NEEDED


class ShopGuarded(NeedsOperator):
    """The shop order stopped being Unfulfilled after the supplier had been asked; nothing was sent to the shop."""

    kind = ErrorKind.SHOP_GUARD


class MoreOrdersBehind(NeedsOperator):
    """The shop order has, or may have, supplier orders that nobody asked for; nothing was submitted."""

    kind = ErrorKind.MORE_ORDERS_BEHIND


class NoDecision(NeedsOperator):
    """What the portal shows is no decision that may be acted on without a person."""

    kind = ErrorKind.NO_DECISION


class PortalChanged(CountermandError):
    """The portal's pages no longer match the edition."""

    kind = ErrorKind.PORTAL_CHANGED
    exit_code = 30


class TargetMissing(PortalChanged):
    """Something the edition names is not on the page."""


class TargetAmbiguous(PortalChanged):
    """Several things on the page match what must be one."""


class UnknownPage(PortalChanged):
    """The page is none that the edition knows at this point."""


class Refused(CountermandError):
    """The answer is no, after our request."""

    kind = ErrorKind.REFUSED
    exit_code = 40


class NotCancellable(Refused):
    """The order's state does not allow it; nothing was submitted."""

    kind = ErrorKind.NOT_CANCELLABLE


class OrderNotFound(Refused):
    """The account has no order of that number; nothing was submitted."""

    kind = ErrorKind.ORDER_NOT_FOUND


class ShopOrderNotCancellable(Refused):
    """The shop order is fulfilled or partly fulfilled; the portal was not touched."""

    kind = ErrorKind.SHOP_GUARD


class Uncertain(CountermandError):
    """A commit was clicked and its outcome is not known: it may have been submitted. Never retried blind."""

    kind = ErrorKind.UNCERTAIN
    exit_code = 50
    default_next = "Give the same command again: it waits, looks at the order first, and never submits twice on hope."


class Broken(CountermandError):
    """A bug of ours stopped a visit; the worker goes on with the others."""

    kind = ErrorKind.BUG
    exit_code = 1
    default_next = "Report it with the visit's report; countermand retry ID tries once more."


def no_room(error: BaseException) -> Retryable | None:
    """What a file system says when it is full, as one of our errors; ``None`` if it is something else."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    where = f"{error.filename} cannot be written: " if error.filename else ""
    return Retryable(
        f"{where}the disk is full ({error.strerror})", next="Make room on the disk, then give the same command again."
    )


EXIT_CODES: dict[ErrorKind, int] = {
    ErrorKind.BAD_INPUT: 2,
    ErrorKind.RETRYABLE: 10,
    ErrorKind.SIGN_IN_NEEDED: 20,
    ErrorKind.CHALLENGE_SHOWN: 20,
    ErrorKind.APPROVAL_NEEDED: 20,
    ErrorKind.CONFIRMATION_NEEDED: 20,
    ErrorKind.SHOP_GUARD: 20,
    ErrorKind.MIXED_DECISIONS: 20,
    ErrorKind.MORE_ORDERS_BEHIND: 20,
    ErrorKind.NO_DECISION: 20,
    ErrorKind.PORTAL_CHANGED: 30,
    ErrorKind.NOT_CANCELLABLE: 40,
    ErrorKind.ORDER_NOT_FOUND: 40,
    ErrorKind.REFUSED: 40,
    ErrorKind.UNCERTAIN: 50,
    ErrorKind.BUG: EXIT_BUG,
}
"""The exit code of a cancellation that stopped with this kind; a refused one always exits with 40 (design 8)."""
