"""Looking at many requests of an account in one session: who comes along, what is written, and what a failure leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.browser.evidence import read_journal
from agent.engine.records import Cancellation
from agent.errors import OrderNotFound, Retryable, SignInNeeded
from agent.model import Answer, ErrorKind, OrderId, OrderStage, Stage, Submission
from tests.engine.bench import GID, NOON, ORDER, OTHER, THIRD, WITH_SHOP, Bench, ends, reads

HOUR = 3600


async def requested(bench: Bench, *orders: OrderId, account: str = "main") -> list[Cancellation]:
    """Cancellations of one order each, which the supplier was asked for just now."""
    asked = [bench.claim(order, account=account) for order in orders]
    for one in asked:
        await bench.engine().advance(bench.clock.now(), [one.id])
        assert bench.again(one).stage is Stage.AWAITING_DECISION
    bench.portal.looked.clear()
    return asked


def as_looked_at(bench: Bench, asked: list[Cancellation]) -> list[Cancellation]:
    """The cancellations as they stand now, in the order in which they were swept."""
    (swept,) = bench.portal.swept
    by_order = {one.orders[0].order_id: bench.again(one) for one in asked}
    return [by_order[order] for order in swept]


async def test_looks_of_an_account_are_one_session(bench: Bench) -> None:
    """
    What is due together is looked at together, each answer goes where it belongs, and each cancellation knows of the visit.
    """
    asked = await requested(bench, ORDER, OTHER, THIRD)
    bench.clock.forward(HOUR)
    bench.portal.looks = [reads(Answer.WITHDRAWN), reads(Answer.WAITING), reads(Answer.REFUSED)]

    await bench.engine().advance(bench.clock.now())

    assert [sorted([ORDER, OTHER, THIRD])] == [sorted(swept) for swept in bench.portal.swept]
    by_order = dict(zip(bench.portal.swept[0], (Stage.DONE, Stage.AWAITING_DECISION, Stage.REFUSED), strict=True))
    assert by_order == {one.orders[0].order_id: bench.again(one).stage for one in asked}
    visits = {bench.ledger.visits(one.id)[-1] for one in asked}
    (visit,) = visits
    journal = read_journal(bench.home / "visits" / visit)
    assert journal is not None
    assert ("sweep", True) == (journal.kind, journal.end is not None and journal.end.ok)


async def test_what_is_due_soon_comes_along_and_what_is_not_does_not(bench: Bench) -> None:
    """
    Whoever is looked at every hour is brought together with those due within half an hour; a look that was just done is not repeated.
    """
    asked = await requested(bench, ORDER, OTHER, THIRD)
    for one, minutes in zip(asked, (0, 25, 40), strict=True):
        for _ in range(10):  # an hour's pause by now
            bench.ledger.looked(one.id, bench.clock.now() + timedelta(minutes=minutes), None)

    await bench.engine().advance(bench.clock.now())

    assert [[ORDER, OTHER]] == bench.portal.swept
    assert bench.again(asked[2]).due_at == NOON + timedelta(minutes=40)
    assert all(bench.again(one).due_at == NOON + timedelta(hours=1) for one in asked[:2])


async def test_another_account_is_not_looked_at(bench: Bench) -> None:
    """
    A session is one account's.
    """
    await requested(bench, ORDER, OTHER)
    await requested(bench, THIRD, account="second")
    bench.clock.forward(HOUR)

    await bench.engine().advance(bench.clock.now())

    assert [{ORDER, OTHER}] == [set(swept) for swept in bench.portal.swept]
    assert THIRD == bench.portal.looked[-1]


async def test_a_command_looks_at_its_own_orders_only(bench: Bench) -> None:
    """
    A person who asks about one order does not wait for a thousand others.
    """
    asked = await requested(bench, ORDER, OTHER, THIRD)
    bench.clock.forward(HOUR)

    await bench.engine().advance(bench.clock.now(), [asked[1].id])

    assert ([], [OTHER]) == (bench.portal.swept, bench.portal.looked)


async def test_what_is_to_be_submitted_or_found_out_is_left_to_its_own_visit(bench: Bench) -> None:
    """
    A look that comes along must not put off a submit, nor the look after QUIET.
    """
    (first,) = await requested(bench, ORDER)
    both = bench.claim(OTHER, THIRD, choices=WITH_SHOP)
    await bench.engine().advance(bench.clock.now(), [both.id])  # OTHER is requested, THIRD is not yet
    assert bench.again(both).orders[1].stage is OrderStage.QUEUED

    swept = await bench.engine().sweep("aliexpress", "main")

    assert [first.id] == [one.id for one in swept]
    due_at = bench.again(both).due_at
    assert due_at is not None
    assert due_at <= bench.clock.now()


@pytest.mark.parametrize(
    "error, kind, stage, code",
    [
        (Retryable("the portal is down"), ErrorKind.RETRYABLE, Stage.AWAITING_DECISION, 10),
        (SignInNeeded("nobody is signed in"), ErrorKind.SIGN_IN_NEEDED, Stage.NEEDS_OPERATOR, 20),
    ],
)
async def test_a_session_that_ends_early_loses_no_answer(
    bench: Bench, error: Exception, kind: ErrorKind, stage: Stage, code: int
) -> None:
    """
    What was read before stands; the others say what happened, and are looked at again.
    """
    asked = await requested(bench, ORDER, OTHER, THIRD)
    bench.portal.looks = [reads(Answer.WITHDRAWN), error]

    await bench.engine().sweep("aliexpress", "main")

    done, *others = as_looked_at(bench, asked)
    assert done.stage is Stage.DONE
    for one in others:
        assert (stage, kind) == (one.stage, one.error and one.error.kind)
        assert code == bench.exit_code(one)
        assert one.due_at is not None
        assert one.due_at > bench.clock.now()
    assert (SignInNeeded is type(error)) == bench.workshop.accounts.is_paused("aliexpress", "main")


async def test_an_order_that_cannot_be_read_stops_no_other(bench: Bench) -> None:
    """
    One that is gone from the portal is for a person; the next one is read.
    """
    asked = await requested(bench, ORDER, OTHER)
    bench.portal.looks = [OrderNotFound("there is no such order"), reads(Answer.WITHDRAWN)]

    await bench.engine().sweep("aliexpress", "main")

    gone, done = as_looked_at(bench, asked)
    assert (Stage.NEEDS_OPERATOR, ErrorKind.NO_DECISION) == (gone.stage, gone.error and gone.error.kind)
    assert Stage.DONE is done.stage


async def test_nobody_knocks_at_a_paused_account(bench: Bench) -> None:
    """
    While the account waits for its person nothing is looked at, neither what is due nor what is only watched.
    """
    asked = await requested(bench, ORDER, OTHER)
    bench.ledger.abandon(asked[1].id, "a person gave it up")
    bench.workshop.accounts.note("aliexpress", "main", paused_because="a slider")
    bench.clock.forward(HOUR)

    await bench.engine().advance(bench.clock.now())
    with pytest.raises(SignInNeeded, match="account main is paused since"):
        await bench.engine().sweep("aliexpress", "main")

    assert ([], []) == (bench.portal.swept, bench.portal.looked)


async def test_the_sellers_time_is_up(bench: Bench) -> None:
    """
    Where the portal counts down, the next look comes a minute after the end of that, if none is due before.
    """
    (asked,) = await requested(bench, ORDER)
    for _ in range(10):
        bench.ledger.looked(asked.id, bench.clock.now(), None)
    bench.portal.looks = [reads(Answer.WAITING).model_copy(update={"time_left": timedelta(minutes=10)})]

    await bench.engine().advance(bench.clock.now())

    now = bench.again(asked)
    assert (NOON + timedelta(minutes=10), NOON + timedelta(minutes=11)) == (now.orders[0].answer_by, now.due_at)
    bench.clock.forward(11 * 60)
    await bench.engine().advance(bench.clock.now())  # the portal is late: as usual from here
    assert NOON + timedelta(minutes=71) == bench.again(asked).due_at


async def test_a_shop_order_is_settled_after_a_sweep(bench: Bench) -> None:
    """
    An approval that came along with others is as good as any.
    """
    with_shop = bench.claim(ORDER, choices=WITH_SHOP)
    await bench.engine().advance(bench.clock.now(), [with_shop.id])
    await requested(bench, OTHER)
    bench.portal.looks = [reads(Answer.WITHDRAWN), reads(Answer.WITHDRAWN)]

    await bench.engine().sweep("aliexpress", "main")
    await bench.engine().advance(bench.clock.now())

    assert (Stage.DONE, GID) == (bench.again(with_shop).stage, bench.again(with_shop).choices.shop_gid)
    assert 1 == len(bench.shop.cancelled)


async def test_nothing_waits(bench: Bench) -> None:
    """
    Without requests no session is opened.
    """
    bench.portal.acts = [ends(Submission.ALREADY_CANCELLED)]
    bench.claim(ORDER)
    await bench.engine().advance(bench.clock.now())

    assert [] == await bench.engine().sweep("aliexpress", "main")
    assert ([], []) == (bench.portal.swept, bench.portal.looked)
