"""
A cancellation as its report shows it: what was asked, where it stands, what to do, and its visits, day by day.

A look that changed nothing is one line, however many there were; the last one is shown whole.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path

from agent.browser.evidence import Action, Step, VisitJournal, read_journal
from agent.engine.ledger import EVIDENCE_REMOVED
from agent.engine.records import Cancellation, Event
from agent.model import OrderStage, Refund, ShopStage, Stage

_TITLES = {
    "submit": "Asking the supplier",
    "look": "Looking at the order",
    "sweep": "Looking at all orders of the account that wait",
    "settle": "Settling the shop order",
    "mark": "Marking the shop order for the staff",
    "sign_in": "Signing in",
    "teach": "Learning the portal's words",
}
_LOOKS = ("look", "sweep")
_MANY_STEPS = 12
_WORDS = re.compile(r"“([^|”]+)")
_TYPES = {".jpg": "jpeg", ".webp": "webp", ".png": "png"}


@dataclass
class Pictures:
    """The pictures of a page. They are put into it last: whoever looks for words in it need not read them."""

    addresses: list[str] = field(default_factory=list)

    def take(self, file: Path) -> str | None:
        """What stands for the picture in *file* until then; ``None`` if it cannot be read."""
        kind = _TYPES.get(file.suffix)
        try:
            content = file.read_bytes()
        except OSError:
            return None
        if kind is None:
            return None
        self.addresses.append(f"data:image/{kind};base64,{base64.b64encode(content).decode()}")
        return f"picture:{len(self.addresses) - 1}"


@dataclass(frozen=True)
class StepView:
    """A step, and the address of its picture."""

    step: Step
    picture: str | None

    @property
    def is_fine(self) -> bool:
        """It came to its end."""
        return self.step.failed is None and self.step.seconds is not None

    @property
    def clicks(self) -> list[tuple[str, Action]]:
        """What was clicked that cannot be undone, in the page's words where the edition has them."""
        commits = (action for action in self.step.actions if action.what == "commit")
        return [
            (found[0].strip() if (found := _WORDS.findall(action.candidate or "")) else action.target or "", action)
            for action in commits
        ]

    @property
    def overlays(self) -> list[str]:
        """What lay over the page and was closed."""
        return [action.target or "" for action in self.step.actions if action.what == "overlay"]


@dataclass(frozen=True)
class VisitView:
    """A visit."""

    id: str
    title: str
    at: datetime
    journal: VisitJournal | None
    steps: Sequence[StepView]
    removed_at: datetime | None
    """Since when its evidence is no longer kept."""

    @property
    def is_long(self) -> bool:
        """Its steps are folded: one for each of many orders."""
        return len(self.steps) > _MANY_STEPS


@dataclass(frozen=True)
class Looks:
    """Looks, one after the other, that changed nothing."""

    visits: Sequence[VisitView]


@dataclass(frozen=True)
class Day:
    """What was done on a day."""

    date: date
    parts: Sequence[VisitView | Looks]


@dataclass(frozen=True)
class Moment:
    """Something that a merchant asks for first."""

    what: str
    at: datetime


def headline(cancellation: Cancellation) -> str:
    """Where it stands, in a sentence."""
    shop = {
        ShopStage.CANCELLED: ", and cancelled in the shop",
        ShopStage.ALREADY_CANCELLED: "; the shop order was cancelled already",
    }
    withdrawn = "Withdrawn at the supplier"
    if not all(order.stage.is_withdrawn for order in cancellation.orders):
        withdrawn = "Not all was withdrawn at the supplier"  # settled all the same, on a person's word
    match cancellation.stage:
        case Stage.DONE:
            return f"{withdrawn}{shop.get(cancellation.shop_stage, '')}."
        case Stage.SETTLING:
            return f"{withdrawn}; the shop order is cancelled next."
        case Stage.AWAITING_DECISION:
            return "Requested; the supplier has not decided yet."
        case Stage.REFUSED:
            return "The answer is no."
        case Stage.NEEDS_OPERATOR:
            return "A person is needed."
        case Stage.ABANDONED:
            return "Given up by a person."
        case Stage.OPEN:
            return "On its way."


def asked(cancellation: Cancellation) -> list[tuple[str, str]]:
    """What was asked, in words."""
    choices = cancellation.choices
    rows = [("Reason for the supplier", str(choices.reason).replace("_", " "))]
    if choices.shop_order is not None and choices.shop_choices is not None:
        shop = choices.shop_choices
        rows += [
            ("Shop order", f"{choices.shop_order} ({choices.shop})"),
            ("When to cancel it", "once the supplier has agreed" if choices.settle.value == "on-approval" else "never"),
            ("Refund", shop.refund.value),
            ("Reason for the shop", shop.reason.value),
            ("Staff note", shop.note or "none"),
            ("Restock", "yes" if shop.restock else "no"),
            ("Tell the customer", "yes" if shop.notify else "no"),
        ]
    return rows


def moments(cancellation: Cancellation) -> list[Moment]:
    """When it was asked, sent, decided and settled."""
    several = len(cancellation.orders) > 1
    found = [Moment("Asked", cancellation.created_at)]
    for order in cancellation.orders:
        which = f" ({order.order_id})" if several else ""
        if order.requested_at is not None:
            found.append(Moment(f"Requested at the supplier{which}", order.requested_at))
        if order.decided_at is not None:
            found.append(Moment(f"Decided: {order.stage.value.replace('_', ' ')}{which}", order.decided_at))
    if cancellation.settled is not None and cancellation.settled.cancelled_at is not None:
        found.append(Moment("Cancelled in the shop", cancellation.settled.cancelled_at))
    # The shop tells whole seconds: what happened within one keeps the order above.
    return sorted(found, key=lambda moment: moment.at.replace(microsecond=0))


def next_action(cancellation: Cancellation) -> str:
    """What is left to do where nothing is wrong."""
    choices = cancellation.choices.shop_choices
    if cancellation.stage is Stage.DONE:
        later = (
            cancellation.shop_stage is ShopStage.CANCELLED and choices is not None and choices.refund is Refund.LATER
        )
        return "The refund is yours to make, in the shop's admin." if later else "Nothing is left to do."
    if cancellation.stage is Stage.ABANDONED:
        waits = any(order.stage is OrderStage.AWAITING_DECISION for order in cancellation.orders)
        return "The request stays open at the supplier; its answer is noted here." if waits else "It was given up."
    if cancellation.stage is Stage.REFUSED:
        return "The supplier delivers; the shop order was not touched."
    return "Nothing: it goes on by itself where a worker runs, or when the same command is given again."


def days(home: Path, visits: Sequence[str], events: Sequence[Event], pictures: Pictures) -> list[Day]:
    """All visits by day, the oldest first. Looks that changed nothing are together, without pictures."""
    changed = {event.visit for event in events if event.what not in ("visit", EVIDENCE_REMOVED)}
    begun = {event.visit: event.at for event in reversed(events) if event.what == "visit"}
    removed = {event.visit: event.at for event in events if event.what == EVIDENCE_REMOVED}
    read = {visit: read_journal(home / "visits" / visit) for visit in visits}

    def is_whole(visit: str) -> bool:
        journal = read[visit]
        quiet = journal is not None and journal.kind in _LOOKS and journal.end is not None and journal.end.ok
        return not quiet or visit in changed or visit == visits[-1]

    def view(visit: str) -> VisitView:
        journal = read[visit]
        at = journal.started_at if journal else begun[visit]
        folder = home / "visits" / visit if is_whole(visit) else None
        title = _TITLES.get(journal.kind, journal.kind.replace("_", " ")) if journal else "A visit"
        return VisitView(visit, title, at, journal, list(_steps(journal, folder, pictures)), removed.get(visit))

    found = []
    for day, those in groupby((view(visit) for visit in visits), key=lambda one: one.at.astimezone().date()):
        parts: list[VisitView | Looks] = []
        for whole, group in groupby(those, key=lambda one: is_whole(one.id)):
            together = list(group)
            parts += together if whole else [Looks(together)]
        found.append(Day(day, parts))
    return found


def _steps(journal: VisitJournal | None, folder: Path | None, pictures: Pictures) -> Iterator[StepView]:
    for step in journal.steps if journal else ():
        named = step.picture if folder is not None else None
        yield StepView(step, pictures.take(folder / Path(named).name) if folder is not None and named else None)
