"""The ledger: who an order belongs to, every change with its event, nothing secret on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from agent.engine.records import Cancellation, Wanted
from agent.errors import BadInput, Retryable, TargetMissing
from agent.model import Choices, ErrorKind, OrderId, OrderStage, ReasonChoice, Settle, ShopStage, Stage
from agent.redact import redactor
from agent.storefront import ShopSettlement
from tests.engine.bench import GID, NOON, ORDER, OTHER, PLAIN, SHOP_CHOICES, THIRD, WITH_SHOP, Bench, settlement


def wanted(*orders: OrderId, account: str = "main") -> list[Wanted]:
    return [Wanted("aliexpress", account, order) for order in orders]


@contextmanager
def crowd(bench: Bench, size: int) -> Iterator[list[Bench]]:
    """The same ledger, opened by several at once."""
    others = [bench.beside() for _ in range(size)]
    try:
        yield others
    finally:
        for other in others:
            other.close()


def claimed_at_once(bench: Bench, orders: Sequence[OrderId], choices: Choices = PLAIN) -> list[Cancellation]:
    """What everybody gets who claims one of *orders*, all in the same moment."""
    barrier = Barrier(len(orders))
    with crowd(bench, len(orders)) as others, ThreadPoolExecutor(len(orders)) as pool:

        def claim(other: Bench, order: OrderId) -> Cancellation | None:
            barrier.wait(timeout=20)
            return other.ledger.claim(wanted(order), choices)

        got = pool.map(claim, others, orders)
        return [one for one in got if one is not None]


# -- claims


def test_an_order_belongs_to_one_cancellation(bench: Bench) -> None:
    """
    Whoever claims an order second is told so, and nothing of the second claim is left.
    """
    first = bench.claim(ORDER)

    second = bench.ledger.claim(wanted(OTHER, ORDER), PLAIN)

    assert second is None
    assert [first.id] == [one.id for one in bench.ledger.newest()]
    assert bench.ledger.claim(wanted(OTHER), PLAIN) is not None


def test_an_order_belongs_to_one_cancellation_whoever_asks(bench: Bench) -> None:
    """
    The same number asked for with another account of the portal is the same order.
    """
    bench.claim(ORDER, account="main")

    assert bench.ledger.claim(wanted(ORDER, account="second"), PLAIN) is None


def test_a_shop_order_belongs_to_one_cancellation(bench: Bench) -> None:
    """
    Another supplier order for the same shop order is not a second cancellation of it.
    """
    first = bench.claim(ORDER, choices=WITH_SHOP)

    assert bench.ledger.claim(wanted(OTHER), WITH_SHOP) is None
    held = bench.ledger.holding_shop_order("main", GID)
    assert held is not None
    assert first.id == held.id


def test_eight_claims_at_once_have_one_winner(bench: Bench) -> None:
    """
    Claims of one order in the same moment, each over a connection of its own: one gets it.
    """
    won = claimed_at_once(bench, [ORDER] * 8)

    assert 1 == len(won)
    assert [won[0].id] == [one.id for one in bench.ledger.newest()]


def test_claims_of_different_orders_at_once_all_win(bench: Bench) -> None:
    """
    The control of the test above: the crowd does get through where nobody is in its way.
    """
    orders = [OrderId(str(int(ORDER) + n)) for n in range(8)]

    assert 8 == len(claimed_at_once(bench, orders))


def test_who_holds_an_order_can_be_asked(bench: Bench) -> None:
    """
    Of several orders, those that belong to a cancellation are named with it.
    """
    first = bench.claim(ORDER)

    found = bench.ledger.holding(wanted(ORDER, OTHER))

    assert {wanted(ORDER)[0]: first.id} == {order: held.id for order, held in found.items()}


def test_a_freed_order_can_be_claimed_again(bench: Bench) -> None:
    """
    What is over and freed can be asked for afresh, and the old cancellation can still be read.
    """
    first = bench.claim(ORDER, choices=WITH_SHOP)
    bench.ledger.free(first.id)

    second = bench.claim(ORDER, choices=WITH_SHOP)

    assert first.id != second.id
    assert (ORDER,) == tuple(order.order_id for order in bench.again(first).orders)


def test_an_id_can_be_read_over_the_phone(bench: Bench) -> None:
    """
    An id has no letter or digit that is taken for another.
    """
    assert re.fullmatch(r"c-[2-9a-hjkmnp-tv-z]{8}", bench.claim().id)


def test_what_was_asked_comes_back_as_it_was(bench: Bench) -> None:
    """
    Every choice of the merchant survives the way through the database.
    """
    words = Choices(
        reason=ReasonChoice(text="Ya no quiero este pedido"),
        settle=Settle.NEVER,
        shop="main",
        shop_order="#1001",
        shop_gid=GID,
        shop_choices=SHOP_CHOICES.model_copy(update={"note": None, "restock": False, "notify": True}),
    )

    claimed = bench.claim(ORDER, OTHER, choices=words)

    assert words == claimed.choices
    assert [(ORDER, OrderStage.QUEUED), (OTHER, OrderStage.QUEUED)] == [
        (one.order_id, one.stage) for one in claimed.orders
    ]
    assert (Stage.OPEN, ShopStage.WAITING, NOON) == (claimed.stage, claimed.shop_stage, claimed.due_at)


def test_an_unknown_id_is_a_sentence(bench: Bench) -> None:
    """
    Asking for a cancellation that is not there says how to find the ones that are.
    """
    with pytest.raises(BadInput, match="there is no cancellation c-nothere") as caught:
        bench.ledger.get("c-nothere")

    assert "Run countermand list to see them." == caught.value.next


# -- events


def test_events_are_numbered_without_gaps(bench: Bench) -> None:
    """
    Every change of a cancellation is one event, numbered from one.
    """
    one = bench.claim(ORDER, choices=WITH_SHOP)
    visit = bench.ledger.begin_visit(one.id, "submit", one.orders[0])
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, visit, text="Canceled")
    bench.ledger.move_shop(one.id, ShopStage.CANCELLED, visit, settlement())

    events = bench.ledger.events(one.id)

    assert list(range(1, 7)) == [event.number for event in events]
    assert [
        ("asked", None, "open"),
        ("visit", None, None),
        ("order", "queued", "approved"),
        ("stage", "open", "settling"),
        ("shop", "waiting", "cancelled"),
        ("stage", "settling", "done"),
    ] == [(event.what, event.before, event.after) for event in events]
    assert {f"{one.id}-1"} == {event.visit for event in events[1:]}


@pytest.mark.slow
def test_events_keep_their_numbers_under_several_writers(bench: Bench) -> None:
    """
    Four processes that write events of one cancellation at once leave neither a gap nor a number twice.
    """
    one = bench.claim()
    with crowd(bench, 4) as others, ThreadPoolExecutor(4) as pool:

        def visit_often(other: Bench) -> list[str]:
            return [other.ledger.begin_visit(one.id, "look", None) for _ in range(10)]

        visits = [visit for made in pool.map(visit_often, others) for visit in made]

    assert list(range(1, 42)) == [event.number for event in bench.ledger.events(one.id)]
    assert {f"{one.id}-{number}" for number in range(1, 41)} == set(visits)
    assert 40 == bench.again(one).revision


def test_the_visits_of_a_cancellation_are_in_order(bench: Bench) -> None:
    """
    Visits are listed oldest first, by the ids that their folders have.
    """
    one = bench.claim()
    for kind in ("submit", "look", "settle"):
        bench.ledger.begin_visit(one.id, kind, None)

    assert [f"{one.id}-1", f"{one.id}-2", f"{one.id}-3"] == bench.ledger.visits(one.id)


def test_nothing_new_is_no_event(bench: Bench) -> None:
    """
    A look that finds the order as it was is no change.
    """
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, None)
    before = len(bench.ledger.events(one.id))

    bench.ledger.move_order(bench.again(one).orders[0], OrderStage.AWAITING_DECISION, None, text="still waiting")

    assert before == len(bench.ledger.events(one.id))
    assert "still waiting" == bench.again(one).orders[0].status_text


# -- what is due


def test_the_longest_waiting_comes_first(bench: Bench) -> None:
    """
    What is due is given oldest first; what is due later, or never, is not given.
    """
    first, second, third = bench.claim(ORDER), bench.claim(OTHER), bench.claim(THIRD)
    bench.ledger.postpone(first.id, NOON + timedelta(seconds=20))
    bench.ledger.postpone(second.id, NOON + timedelta(seconds=10))
    bench.ledger.postpone(third.id, None)

    assert [] == bench.ledger.due(NOON + timedelta(seconds=9))
    assert [second.id] == bench.ledger.due(NOON + timedelta(seconds=10))
    assert [second.id, first.id] == bench.ledger.due(NOON + timedelta(seconds=20))
    assert [first.id] == bench.ledger.due(NOON + timedelta(seconds=20), [first.id, third.id])


@pytest.mark.parametrize("stage, due", [(OrderStage.APPROVED, None), (OrderStage.AWAITING_DECISION, NOON)])
def test_asking_again_wakes_only_what_is_not_over(bench: Bench, stage: OrderStage, due: object) -> None:
    """
    A person who asks again makes it due now; what is done stays done.
    """
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], stage, None)
    bench.ledger.postpone(one.id, None)

    bench.ledger.wake(one.id)

    assert due == bench.again(one).due_at


def test_a_failed_visit_says_what_and_when(bench: Bench) -> None:
    """
    An error is kept with its kind, its sentence and its next step, and with the time of the next try.
    """
    one = bench.claim()
    later = NOON + timedelta(minutes=5)

    bench.ledger.fail(one.id, Retryable("the portal does not answer"), None, due_at=later)

    now = bench.again(one)
    assert now.error is not None
    assert (ErrorKind.RETRYABLE, "the portal does not answer.") == (now.error.kind, now.error.message)
    assert "Give the same command again in a few minutes." == now.error.next
    assert (Stage.OPEN, later) == (now.stage, now.due_at)


def test_going_on_takes_the_error_away(bench: Bench) -> None:
    """
    Once a later visit got further, the old error is no longer how it stands; the events remember it.
    """
    one = bench.claim()
    bench.ledger.fail(one.id, TargetMissing("cannot find it"), None, stage=Stage.NEEDS_OPERATOR)

    bench.ledger.move_order(bench.again(one).orders[0], OrderStage.AWAITING_DECISION, None)

    assert bench.again(one).error is None
    assert ["portal_changed"] == [
        event.detail["kind"] for event in bench.ledger.events(one.id) if event.detail and "kind" in event.detail
    ]


def test_mixed_answers_name_every_order(bench: Bench) -> None:
    """
    When one supplier agreed and another did not, the sentence says which, and that the shop was left alone.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    bench.ledger.move_order(one.orders[1], OrderStage.REFUSED, None)

    now = bench.again(one)

    assert now.error is not None
    assert (Stage.NEEDS_OPERATOR, ErrorKind.MIXED_DECISIONS) == (now.stage, now.error.kind)
    assert f"{ORDER} is approved, {OTHER} is refused. Nothing was sent to the shop." in now.error.message


def test_money_comes_back_with_its_decimals(bench: Bench) -> None:
    """
    An amount is kept as the shop wrote it: how many decimals a currency has is the shop's to say.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    made = ShopSettlement(cancelled_at=NOON, refund=None, amount=Decimal("20.90"), currency="USD")

    bench.ledger.move_shop(one.id, ShopStage.CANCELLED, None, made)

    settled = bench.again(one).settled
    assert settled is not None
    assert ("20.90", "USD", NOON) == (str(settled.amount), settled.currency, settled.cancelled_at)


# -- stamps seen from outside


def test_a_new_attempt_begins_without_a_stamp(bench: Bench) -> None:
    """
    When a look proved that nothing was left behind, the old stamp is answered and the next attempt is a fresh one.
    """
    order = bench.claim().orders[0]
    bench.stamper(order)._arm("details.cancel")

    bench.ledger.next_attempt(order, "v-2")

    now = bench.ledger.newest()[0].orders[0]
    assert (2, None, OrderStage.QUEUED, True) == (now.attempt, now.stamp, now.stage, now.was_stamped)
    assert [(1, "answered", 1)] == bench.stamps()


def test_an_unsent_stamp_does_not_count_as_submitted(bench: Bench) -> None:
    """
    A stamp that the page proved unsent leaves the order as free as one without a stamp.
    """
    order = bench.claim().orders[0]
    stamper = bench.stamper(order)
    stamper._arm("details.cancel")
    armed = bench.ledger.newest()[0].orders[0]
    stamper._unsent("reason_asked")

    unsent = bench.ledger.newest()[0].orders[0]

    assert (True, False) == (armed.was_stamped, unsent.was_stamped)
    assert armed.stamp is not None
    assert unsent.stamp is not None
    assert (True, False) == (armed.stamp.is_open, unsent.stamp.is_open)


# -- accounts


def test_every_holder_of_an_account_gets_a_higher_fence(bench: Bench) -> None:
    """
    Whoever takes an account can be told from whoever had it before, and is named to those who wait.
    """
    fences = [bench.workshop.accounts.take("aliexpress", "main", f"process {n}") for n in (1, 2, 3)]

    assert [1, 2, 3] == fences
    assert "process 3" == bench.workshop.accounts.holder("aliexpress", "main")
    assert 1 == bench.workshop.accounts.take("aliexpress", "second", "process 1")


# -- secrets


def test_secrets_do_not_reach_the_file(bench: Bench) -> None:
    """
    A password that the portal shows back, or that an error repeats, is blotted out before it is on disk.
    """
    secret = "s3cret-battery-staple"
    redactor.learn(secret)
    one = bench.claim()
    bench.workshop.accounts.take("aliexpress", "main", "this test")
    bench.ledger.move_order(one.orders[0], OrderStage.UNCERTAIN, None, text=f"hello {secret}", why=f"because {secret}")
    bench.ledger.fail(one.id, Retryable(f"no answer to {secret}", next=f"try {secret}"), None)
    bench.workshop.accounts.note("aliexpress", "main", paused_because=f"wrong {secret}")
    bench.close()

    found = [path.name for path in bench.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]

    assert [] == found


def test_a_secret_nobody_told_of_would_be_found(bench: Bench) -> None:
    """
    The control of the test above: what the redactor does not know does reach the file, and the search finds it.
    """
    unknown = "nobody-told-the-redactor"
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], OrderStage.UNCERTAIN, None, text=f"hello {unknown}")
    bench.close()

    assert any(unknown.encode() in path.read_bytes() for path in bench.home.glob("countermand.db*"))


def test_a_snapshot_does_not_change(bench: Bench) -> None:
    """
    What was read stays as it was read; a change is seen by reading again.
    """
    one = bench.claim()
    copy = replace(one)

    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)

    assert copy == one
    assert Stage.DONE == bench.again(one).stage
