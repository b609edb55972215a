"""
The ledger under whatever may happen to it, in any order: visits with every ending, crashes, looks, and a person's decisions.

What must hold is held after every step: final stages are final, an attempt clicks once, no event is missing.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from agent.engine.before_settling import Change
from agent.engine.deciding import abandon, ask_again, change, resolve, retry, settle_anyway
from agent.engine.records import Cancellation, Event, Wanted
from agent.engine.tables import StampRow
from agent.errors import (
    ApprovalNeeded,
    BadInput,
    NotCancellable,
    Refused,
    Retryable,
    ShopGuarded,
    TargetMissing,
    Uncertain,
)
from agent.model import Answer, OrderId, OrderStage, Refund, ShopStage, Stage, Submission
from agent.walk import Stamper
from tests.engine.bench import ORDER, OTHER, PLAIN, THIRD, WITH_SHOP, Act, Bench, Somebody, ends, fails, reads, request

ENDINGS: dict[str, Callable[[], Act]] = {
    "requested": lambda: request,
    "already open": lambda: ends(Submission.ALREADY_OPEN),
    "at once": lambda: ends(Submission.CANCELLED_AT_ONCE),
    "crash": lambda: fails(PowerCut(), after="arm"),
    "no answer": lambda: fails(Retryable("no answer")),
    "no answer after the click": lambda: fails(Retryable("no answer"), after="arm"),
    "portal changed": lambda: fails(TargetMissing("cannot find it"), after="unsent"),
    "shipped": lambda: fails(NotCancellable("it was shipped")),
    "refused": lambda: fails(Refused("no"), after="arm"),
}
FINAL = (Stage.DONE, Stage.ABANDONED)


class PowerCut(Exception):
    """The process is gone: nothing of ours records what happened."""


@cache
def _empty() -> bytes:
    """A ledger with its tables: making them takes longer than all the rest."""
    with tempfile.TemporaryDirectory(prefix="countermand-machine-") as home:
        Bench.at(Path(home)).close()
        return Path(home, "countermand.db").read_bytes()


class LedgerMachine(RuleBasedStateMachine):
    """One cancellation, and everything that can be done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="countermand-machine-"))
        (self.home / "countermand.db").write_bytes(_empty())
        self.bench = Bench.at(self.home)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("agent.engine.workshop.storefront_named", lambda kind: self.bench.shop)
        self.engine = self.bench.engine()
        self.clicks: dict[tuple[OrderId, int], int] = {}
        self.yeses = 0
        self.sent = 0
        self.ended: Cancellation | None = None

    def teardown(self) -> None:
        self.bench.close()
        self.patch.undo()
        shutil.rmtree(self.home)

    @property
    def now(self) -> Cancellation:
        return self.bench.ledger.get(self.id)

    def events(self) -> list[Event]:
        return list(self.bench.ledger.events(self.id))

    # -- what may happen

    @initialize(two=st.booleans(), shop=st.booleans(), when_clear=st.booleans(), impatient=st.booleans())
    def ask(self, two: bool, shop: bool, when_clear: bool, impatient: bool) -> None:
        portal = self.bench.settings.portal("aliexpress").model_copy(
            update={"resubmit": "when_clear" if when_clear else "ask"}
        )
        self.bench.workshop.settings = self.bench.settings.model_copy(update={"portals": {"aliexpress": portal}})
        self.when_clear, self.impatient = when_clear, impatient
        self.id = self.bench.claim(*((ORDER, OTHER) if two else (ORDER,)), choices=WITH_SHOP if shop else PLAIN).id

    @rule(ending=st.sampled_from(sorted(ENDINGS)), answer=st.sampled_from(list(Answer)), clear=st.booleans())
    def go_on(self, ending: str, answer: Answer, clear: bool) -> None:
        """Whatever is due, with one ending for a submit and one answer for every look."""
        self.bench.portal.acts = [self._counted(ENDINGS[ending]())]
        self.bench.portal.looks = [reads(answer, clear=clear) for _ in range(3)]
        self._advance()

    @rule(error=st.sampled_from([Retryable("down"), TargetMissing("cannot find it")]))
    def look_in_vain(self, error: Exception) -> None:
        """Neither a submit nor a look comes to anything."""
        self.bench.portal.acts = [fails(error)]
        self.bench.portal.looks = [error] * 3
        self._advance()

    @rule(error=st.sampled_from([None, Retryable("down"), Uncertain("sent, no end"), ShopGuarded("fulfilled")]))
    def settle(self, error: Exception | None) -> None:
        """The shop does as it likes."""
        self.bench.shop.cancels = [] if error is None else [error]
        if self.now.stage is Stage.SETTLING:
            self._advance()

    @rule(seconds=st.sampled_from([1, 120, 3600, 6 * 86400]))
    def time_passes(self, seconds: int) -> None:
        """Both clocks go on."""
        self.bench.clock.forward(seconds)

    @rule()
    def start_again(self) -> None:
        """Another process takes over: it has seen nothing yet."""
        self.engine = self.bench.engine()

    @rule()
    def ask_the_same(self) -> None:
        """The same command once more."""
        self.bench.ledger.wake(self.id)

    @rule(requested=st.booleans(), order=st.sampled_from([ORDER, OTHER]))
    def resolve(self, requested: bool, order: OrderId) -> None:
        """A person says what they saw, whether or not there was anything to see."""
        with self._may_be_refused():
            asyncio.run(resolve(self.bench.workshop, self.id, order, requested=requested))

    @rule()
    def retry(self) -> None:
        """A person wants it to go on."""
        with self._may_be_refused():
            retry(self.bench.workshop, self.id)

    @rule(yes=st.booleans())
    def ask_again(self, yes: bool) -> None:
        """A person wants it to be asked once more."""
        self.bench.workshop.person = Somebody(yes)
        attempts = {one.order_id: one.attempt for one in self.now.orders}
        was_out = {one.order_id for one in self.now.orders if one.is_open or one.stage.is_withdrawn}
        with self._may_be_refused():
            asyncio.run(ask_again(self.bench.workshop, self.id))
        opened = {one.order_id for one in self.now.orders if one.attempt != attempts[one.order_id]}
        assert yes or not opened
        assert not opened & was_out
        self.yeses += len(opened)

    @rule()
    def join(self) -> None:
        """A further supplier order for the same shop order, if it has one."""
        with self._may_be_refused():
            self.bench.ledger.join(self.now, [Wanted("aliexpress", "main", THIRD)])

    @rule(refund=st.sampled_from(list(Refund)))
    def change(self, refund: Refund) -> None:
        """A person wants something else to happen in the shop."""
        with self._may_be_refused():
            change(self.bench.workshop, self.id, Change(refund=refund))

    @rule(yes=st.booleans())
    def settle_anyway(self, yes: bool) -> None:
        """A person wants the shop order cancelled, whatever is delivered."""
        self.bench.workshop.person = Somebody(yes)
        with self._may_be_refused():
            asyncio.run(settle_anyway(self.bench.workshop, self.id))

    @precondition(lambda self: self.impatient)
    @rule()
    def abandon(self) -> None:
        """A person gives it up. Not in every run: little happens after it."""
        with self._may_be_refused():
            abandon(self.bench.workshop, self.id)

    # -- what must hold

    @invariant()
    def final_is_final(self) -> None:
        """Done and abandoned never change; an abandoned one's shop order is never touched."""
        now = self.now
        if self.ended is not None:
            assert (self.ended.stage, self.ended.shop_stage) == (now.stage, now.shop_stage)
        elif now.stage in FINAL:
            self.ended = now
        if now.stage is Stage.DONE:
            assert all(order.stage.is_withdrawn or (now.anyway and order.stage.is_denied) for order in now.orders)
            assert now.shop_stage in (ShopStage.NONE, ShopStage.CANCELLED, ShopStage.ALREADY_CANCELLED)

    @invariant()
    def the_shop_is_told_what_stands(self) -> None:
        """Nothing is sent to the shop before every order is decided, and then what the ledger says."""
        if len(self.bench.shop.cancelled) > self.sent:
            self.sent = len(self.bench.shop.cancelled)
            now = self.now
            assert now.choices.shop_choices == self.bench.shop.cancelled[-1]
            assert all(order.stage.is_withdrawn or (now.anyway and order.stage.is_denied) for order in now.orders)

    @invariant()
    def an_attempt_clicks_once(self) -> None:
        """One stamp per attempt; a further attempt only by a person's yes, or by the setting."""
        with self.bench.database.reading() as session:
            stamps = [(row.supplier_order_id, row.attempt) for row in session.scalars(select(StampRow))]
        assert len(stamps) == len(set(stamps))
        assert all(count == 1 for count in self.clicks.values())
        if not self.when_clear:
            assert self.yeses == sum(order.attempt - 1 for order in self.now.orders)

    @invariant()
    def no_event_is_missing(self) -> None:
        """Numbered from one, and each begins where the last about the same thing ended."""
        events = self.events()
        assert list(range(1, len(events) + 1)) == [event.number for event in events]
        last: dict[str, str | None] = {}
        for event in events:
            if event.after is None:
                continue
            about = event.order_id or ("shop" if event.what == "shop" else "stage")
            assert last.get(about, event.before) == event.before, event
            last[about] = event.after
        now = self.now
        assert last["stage"] == now.stage
        assert last.get("shop", now.shop_stage) == now.shop_stage
        assert all(last.get(order.order_id, order.stage) == order.stage for order in now.orders)

    @invariant()
    def whoever_must_act_is_told(self) -> None:
        """What waits for a person says so, and what is out is watched."""
        now = self.now
        if now.stage is Stage.NEEDS_OPERATOR:
            assert now.error is not None
            assert now.error.next or now.error.message
        if any(order.stage is OrderStage.AWAITING_DECISION for order in now.orders):
            assert now.due_at is not None

    # --

    def _advance(self) -> None:
        before = {order.order_id: order for order in self.now.orders}
        stage, asked = self.now.stage, len(self.bench.portal.asked)
        due = self.now.due_at
        if due is not None and due > self.bench.clock.now():
            self.bench.clock.forward((due - self.bench.clock.now()).total_seconds())
        try:
            asyncio.run(self.engine.advance(self.bench.clock.now()))
        except PowerCut:
            self.engine = self.bench.engine()
        for order in self.bench.portal.asked[asked:]:
            known = before[order]
            assert stage in (Stage.OPEN, Stage.AWAITING_DECISION)
            assert known.stage in (OrderStage.QUEUED, OrderStage.SUBMITTING)
            assert known.stamp is None or known.stamp.state == "unsent"

    def _counted(self, act: Act) -> Act:
        """Counts attempts whose last click may have sent something."""

        async def counted(stamper: Stamper, order: OrderId) -> Submission:
            attempt = next(one.attempt for one in self.now.orders if one.order_id == order)
            try:
                return await act(stamper, order)
            finally:
                stamp = next(one.stamp for one in self.now.orders if one.order_id == order)
                if stamp is not None and stamp.is_open:
                    self.clicks[order, attempt] = self.clicks.get((order, attempt), 0) + 1

        return counted

    def _may_be_refused(self) -> _Refusing:
        return _Refusing(self)


class _Refusing:
    """A refusal changes nothing at all."""

    def __init__(self, machine: LedgerMachine) -> None:
        self._machine = machine
        self._before = (machine.now, machine.events())

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None:
            return False
        assert self._before == (self._machine.now, self._machine.events())
        return isinstance(error, (BadInput, ApprovalNeeded))


def runs(examples: int) -> settings:
    """So many ways through the ledger."""
    return settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_a_few_ways_through_the_ledger() -> None:
    """Whatever happens in whatever order: what is promised holds after each of them."""
    run_state_machine_as_test(LedgerMachine, settings=runs(5))


@pytest.mark.slow
def test_many_ways_through_the_ledger() -> None:
    """The same, for longer."""
    run_state_machine_as_test(LedgerMachine, settings=runs(60))
