"""
The engine without a browser, a shop or a clock of its own: visits that follow a script, in a ledger on a real file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import select

from agent.browser import onlooker
from agent.browser.commit import CommitOptions
from agent.browser.confirming import Confirmations
from agent.browser.evidence import Journal
from agent.browser.onlooker import Call, Ending, Onlooker
from agent.browser.session import BrowserSession, SignedInState
from agent.engine.advance import Engine
from agent.engine.asking import Request
from agent.engine.database import Database, open_database
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation, SupplierOrder, Wanted
from agent.engine.results import exit_code_when_stopped, result_of
from agent.engine.sites import Site, Sites
from agent.engine.stamps import LedgerStamper
from agent.engine.tables import StampRow
from agent.engine.visits import Visits
from agent.engine.workshop import Workshop
from agent.errors import CountermandError, Retryable
from agent.model import (
    Answer,
    Choices,
    OrderId,
    Reading,
    Reason,
    ReasonChoice,
    Refund,
    Settle,
    ShopChoices,
    ShopReason,
    Submission,
)
from agent.portal import Credentials, SupplierPortal, one_by_one
from agent.settings import Settings
from agent.storefront import (
    Marks,
    NamingOrder,
    Noted,
    Shop,
    ShopFinding,
    ShopOrder,
    ShopSettlement,
    ShopWaiting,
    SupplierNumber,
    TokenStore,
)
from agent.vault import Vault
from agent.walk import Stamper, Walk
from flows.aliexpress.portal import PORTAL

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORDER = OrderId("8190101000004512")
OTHER = OrderId("8190102000004512")
THIRD = OrderId("8190103000004512")
REASON = ReasonChoice(key=Reason.NO_LONGER_NEEDED)
GID = "gid://shopify/Order/1001"
SHOP_CHOICES = ShopChoices(refund=Refund.NOW, reason=ShopReason.CUSTOMER, note="by phone", restock=True, notify=False)
PLAIN = Choices(reason=REASON)
WITH_SHOP = Choices(reason=REASON, shop="main", shop_order="#1001", shop_gid=GID, shop_choices=SHOP_CHOICES)


class FakeClock:
    """Time that passes only when told to, or when somebody waits."""

    def __init__(self) -> None:
        self.at = NOON
        self.seconds = 1000.0
        self.waited: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.forward(seconds)
        await asyncio.sleep(0)

    def forward(self, seconds: float) -> None:
        """Both clocks go on."""
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


class Nobody:
    """Nobody sits at the terminal."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @property
    def is_here(self) -> bool:
        return False

    async def ask(self, question: str) -> SecretStr | None:
        return None

    async def agrees(self, question: str) -> bool:
        return False

    async def choose(self, question: str, options: Sequence[str]) -> int | None:
        return None

    async def presses_enter(self, sentence: str) -> bool:
        """See ``Person.presses_enter``."""
        return True

    async def step_done(self, name: str, seconds: float, failed: bool) -> None:
        self.heard.append(name)

    def says(self, sentence: str) -> None:
        self.heard.append(sentence)


class Somebody(Nobody):
    """Sits at the terminal, and answers every question the same way."""

    def __init__(self, yes: bool) -> None:
        super().__init__()
        self.yes = yes
        self.asked: list[str] = []

    @property
    def is_here(self) -> bool:
        return True

    async def agrees(self, question: str) -> bool:
        self.asked.append(question)
        return self.yes


# -- the portal


Act = Callable[[Stamper, OrderId], Awaitable[Submission]]


async def request(stamper: Stamper, order: OrderId) -> Submission:
    """The usual way: Cancel order, reason, Submit, Confirm."""
    await stamper.arm("details.cancel", order)
    await stamper.unsent("reason_asked")
    await stamper.arm("cancel.submit", order)
    await stamper.unsent("confirm_asked")
    await stamper.arm("cancel.confirm", order)
    return Submission.REQUESTED


def ends(submission: Submission) -> Act:
    """Nothing needs a click: the portal shows *submission* at once."""

    async def act(stamper: Stamper, order: OrderId) -> Submission:
        return submission

    return act


def fails(error: Exception, *, after: str = "") -> Act:
    """
    It ends with *error*.

    :param after: ``""`` before the first commit, ``"arm"`` after a click, ``"unsent"`` after the page proved that nothing was sent.
    """

    async def act(stamper: Stamper, order: OrderId) -> Submission:
        if after:
            await stamper.arm("details.cancel", order)
        if after == "unsent":
            await stamper.unsent("reason_asked")
        raise error

    return act


def reads(answer: Answer, *, clear: bool = False, state: str = "", text: str = "the portal's words") -> Reading:
    """What a look finds."""
    return Reading(answer=answer, state=state or answer.value, text=text, clear=clear)


class PretendPortal:
    """A portal that does what the test says, and counts."""

    name = "aliexpress"
    title = "AliExpress"
    editions = PORTAL.editions

    def __init__(self) -> None:
        self.acts: list[Act] = []
        """What asking does, one after the other; then ``request``."""
        self.looks: list[Reading | Exception] = []
        """What looks find, one after the other; then ``WAITING``."""
        self.total = "US $20.90"
        """What an order costs, as its page has it."""
        self.asked: list[OrderId] = []
        self.looked: list[OrderId] = []
        self.swept: list[list[OrderId]] = []
        """What was looked at in one session."""
        self.sign_ins = 0

    def order_id(self, typed: str) -> OrderId:
        return PORTAL.order_id(typed)

    async def sign_in(self, walk: Walk, credentials: Credentials) -> None:
        self.sign_ins += 1

    async def prove_signed_in(self, walk: Walk) -> None:
        return None

    async def request_cancellation(self, walk: Walk, order: OrderId, reason: ReasonChoice) -> Submission:
        self.asked.append(order)
        await asyncio.sleep(0.01)  # lets somebody else come in between
        pretend = cast("_PretendWalk", walk)
        if pretend.limits.approval is not None:
            await pretend.limits.approval.check(order, self.total)
        act = self.acts.pop(0) if self.acts else request
        return await act(pretend.stamper, order)

    async def read_decision(self, walk: Walk, order: OrderId) -> Reading:
        self.looked.append(order)
        found = self.looks.pop(0) if self.looks else reads(Answer.WAITING)
        if isinstance(found, Exception):
            raise found
        return found

    def read_decisions(
        self, walk: Walk, orders: Sequence[OrderId]
    ) -> AsyncIterator[tuple[OrderId, Reading | CountermandError]]:
        self.swept.append(list(orders))
        return one_by_one(cast(SupplierPortal, self), walk, orders)


class _PretendReader:
    """Nobody looks on."""

    def is_watched_by(self, whom: Onlooker) -> None:
        """See ``BrowserWalk.is_watched_by``."""

    @asynccontextmanager
    async def call(self, call: Call) -> AsyncIterator[Ending]:
        """See ``BrowserWalk.call``."""
        yield Ending()


@dataclass
class _PretendWalk(_PretendReader):
    stamper: Stamper
    limits: CommitOptions


class _PretendSession:
    browser_name = "pretend 1"

    async def committing_walk(
        self, journal: Journal, person: object, stamper: Stamper, limits: CommitOptions, *rest: object
    ) -> _PretendWalk:
        return _PretendWalk(stamper, limits)

    async def reading_walk(self, journal: Journal, person: object) -> object:
        return _PretendReader()

    def recorder(self, *around: object) -> Onlooker:
        return onlooker.Nobody()

    async def state(self, *, anew: bool = False) -> SignedInState:
        return SignedInState(storage={}, session_storage={})


class PretendSites(Sites):
    """The real accounts, except that no browser opens."""

    def __init__(self, workshop: Workshop, portal: PretendPortal) -> None:
        super().__init__(workshop)
        self._pretend = portal

    @asynccontextmanager
    async def open(
        self,
        portal_name: str,
        account: str,
        journal: Journal,
        *,
        fresh: bool = False,
        state: SignedInState | None = None,
    ) -> AsyncIterator[Site]:
        portal, session = cast(SupplierPortal, self._pretend), cast(BrowserSession, _PretendSession())
        yield Site(portal, account, session, not fresh, cast(Confirmations, None))


# -- the shop


class _PretendSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    domain: str


class PretendShop:
    """A shop with one order, that does what the test says, and counts."""

    kind = "pretend"
    settings_model: type[BaseModel] = _PretendSettings

    def __init__(self) -> None:
        self.order = ShopOrder(gid=GID, name="#1001")
        self.cancels: list[ShopSettlement | Exception] = []
        """What cancelling does, one after the other; then it is cancelled."""
        self.waits: list[ShopWaiting | Exception] = []
        """What taking it back comes to, one after the other; then nothing is in the way."""
        self.is_down = False
        self.found: list[str] = []
        self.read_: list[str] = []
        self.cancelled: list[ShopChoices] = []
        self.numbers: list[SupplierNumber] = []
        """What the order names, wherever it does."""
        self.naming: list[NamingOrder] = []
        """Which orders name a supplier order, as the shop's search tells."""
        self.notes: list[str] = []
        """The supplier orders that were noted at the order."""
        self.marks: list[tuple[str, ...] | Exception] = []
        """What marking comes to, one after the other; then all of it is written."""
        self.marked: list[Marks] = []

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Shop]:
        yield self

    def open(self, name: str, settings: BaseModel, tokens: TokenStore) -> AbstractAsyncContextManager[Shop]:
        return self._open()

    def _answers(self) -> None:
        if self.is_down:
            raise Retryable("the shop does not answer")

    async def find(self, typed: str) -> ShopOrder:
        self._answers()
        self.found.append(typed)
        return self.order

    async def read(self, gid: str) -> ShopOrder:
        self._answers()
        self.read_.append(gid)
        return self.order

    async def supplier_numbers(self, gid: str) -> tuple[SupplierNumber, ...]:
        self._answers()
        return tuple(self.numbers)

    async def orders_naming(self, number: str) -> tuple[NamingOrder, ...]:
        self._answers()
        return tuple(self.naming)

    async def note_number(self, gid: str, number: str) -> Noted:
        self._answers()
        self.notes.append(number)
        return Noted.WRITTEN

    async def take_back(self, gid: str) -> ShopWaiting | None:
        self._answers()
        found = self.waits.pop(0) if self.waits else None
        if isinstance(found, Exception):
            raise found
        return found

    async def check(self) -> Sequence[ShopFinding]:
        raise AssertionError("the engine never checks a shop")

    async def cancel(self, gid: str, choices: ShopChoices) -> ShopSettlement:
        self._answers()
        self.cancelled.append(choices)
        done = self.cancels.pop(0) if self.cancels else settlement()
        if isinstance(done, Exception):
            raise done
        return done

    async def mark(self, gid: str, marks: Marks) -> tuple[str, ...]:
        self._answers()
        self.marked.append(marks)
        left_out = self.marks.pop(0) if self.marks else ()
        if isinstance(left_out, Exception):
            raise left_out
        return left_out


def settlement(refund: Refund | None = Refund.NOW) -> ShopSettlement:
    """A cancelled shop order; ``None``: cancelled by somebody else."""
    return ShopSettlement(cancelled_at=NOON, refund=refund, amount=Decimal("20.90"), currency="USD")


# -- all of it


@dataclass
class Bench:
    """A ledger on disk with everything around it pretended."""

    home: Path
    settings: Settings
    database: Database
    ledger: Ledger
    workshop: Workshop
    clock: FakeClock
    person: Nobody
    portal: PretendPortal = field(default_factory=PretendPortal)
    shop: PretendShop = field(default_factory=PretendShop)

    @classmethod
    def at(cls, home: Path, **portal: object) -> Self:
        """
        Set it up under *home*.

        :param portal: settings of the portal, e.g. ``resubmit="when_clear"``.
        """
        table: dict[str, Any] = {
            "home": home,
            "portals": {
                "aliexpress": {
                    "pace": {"between_visits": "0s", "between_pages": "0s"},
                    "limits": {"per_hour": "none", "per_day": "none"},
                    **portal,
                }
            },
            "accounts": {"main": {"portal": "aliexpress"}, "second": {"portal": "aliexpress"}},
            # Its order names no supplier orders: rows of files would wait for a person.
            "shops": {
                "main": {"kind": "pretend", "domain": "pretend.example", "policy": {"unknown_siblings": "trust"}}
            },
        }
        settings = Settings(**table)
        database, clock, person = open_database(home), FakeClock(), Nobody()
        ledger = Ledger(database, clock, "countermand")
        workshop = Workshop(settings, database, ledger, clock, Vault(home), person)
        return cls(home, settings, database, ledger, workshop, clock, person)

    def beside(self) -> Bench:
        """The same ledger as another process sees it, with the same portal and shop."""
        other = Bench.at(self.home)
        other.workshop.settings = other.settings = self.settings
        other.clock, other.workshop.clock = self.clock, self.clock
        other.ledger = other.workshop.ledger = Ledger(other.database, self.clock, "countermand")
        other.portal, other.shop = self.portal, self.shop
        return other

    def engine(self) -> Engine:
        """An engine as a fresh process has it."""
        engine = Engine(self.workshop)
        engine.visits = self.visits()
        return engine

    def visits(self) -> Visits:
        """Visits that open no browser."""
        visits = Visits(self.workshop)
        visits._sites = PretendSites(self.workshop, self.portal)
        return visits

    def claim(self, *orders: OrderId, choices: Choices = PLAIN, account: str = "main") -> Cancellation:
        """A new cancellation of *orders*."""
        wanted = [Wanted("aliexpress", account, order) for order in orders or (ORDER,)]
        claimed = self.ledger.claim(wanted, choices)
        assert claimed is not None
        return claimed

    def again(self, cancellation: Cancellation) -> Cancellation:
        """The cancellation as it stands now."""
        return self.ledger.get(cancellation.id)

    def stamper(self, order: SupplierOrder, visit: str = "v-1", approval: str | None = None) -> LedgerStamper:
        """The stamper of a visit that has just taken the account."""
        fence = self.workshop.accounts.take(order.portal, order.account, "this test")
        return LedgerStamper(self.database, self.clock, order, visit, fence, approval)

    def stamps(self) -> list[tuple[int, str, int]]:
        """Attempt, state and how often armed, of every stamp, as they are on disk."""
        with self.database.reading() as session:
            rows = session.scalars(select(StampRow).order_by(StampRow.id))
            return [(row.attempt, row.state, row.armed) for row in rows]

    def exit_code(self, cancellation: Cancellation) -> int:
        """What the command would exit with."""
        now = self.again(cancellation)
        return exit_code_when_stopped(now, result_of(now, self.ledger, self.home))

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()


def asks(
    *orders: OrderId,
    reason: ReasonChoice = REASON,
    settle: Settle = Settle.ON_APPROVAL,
    shop_order: str | None = None,
    shop_choices: ShopChoices | None = SHOP_CHOICES,
    account: str = "main",
) -> Request:
    """A request as a person gives it."""
    return Request(
        wanted=tuple(Wanted("aliexpress", account, order) for order in orders or (ORDER,)),
        reason=reason,
        settle=settle,
        shop="main" if shop_order else None,
        shop_order=shop_order,
        shop_choices=shop_choices if shop_order else None,
    )
