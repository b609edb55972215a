"""Advancing what is due: one visit after the other, QUIET after a click without an outcome, later looks later."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agent.engine.records import Cancellation
from agent.errors import (
    BadInput,
    ChallengeShown,
    CountermandError,
    NotCancellable,
    OrderNotFound,
    Refused,
    Retryable,
    ShopGuarded,
    SignInNeeded,
    TargetMissing,
    Uncertain,
    UnknownPage,
)
from agent.model import Answer, ErrorKind, OrderId, OrderStage, Settle, ShopStage, Stage, Submission
from agent.walk import Stamper
from tests.engine.bench import GID, NOON, ORDER, OTHER, SHOP_CHOICES, WITH_SHOP, Bench, ends, fails, reads, settlement


def stands(bench: Bench, one: Cancellation) -> tuple[Stage, ErrorKind | None, int]:
    """Stage, error and exit code as they are now."""
    now = bench.again(one)
    return now.stage, now.error.kind if now.error else None, bench.exit_code(one)


async def submitted(bench: Bench) -> Cancellation:
    """A cancellation whose request is out, and whose first look is due."""
    one = bench.claim(ORDER, choices=WITH_SHOP)
    await bench.engine().advance(bench.clock.now())
    bench.ledger.postpone(one.id, bench.clock.now())
    return one


# -- asking the supplier


async def test_what_is_due_is_submitted(bench: Bench) -> None:
    """
    A new cancellation asks its supplier, and looks for the answer later.
    """
    one = bench.claim(ORDER)

    await bench.engine().advance(bench.clock.now())

    assert [ORDER] == bench.portal.asked
    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)
    assert NOON + timedelta(minutes=2) == bench.again(one).due_at
    assert [(1, "answered", 3)] == bench.stamps()


async def test_what_is_not_due_is_left_alone(bench: Bench) -> None:
    """
    Nothing happens before its time, nor to what was not asked for.
    """
    later, other = bench.claim(ORDER), bench.claim(OTHER)
    bench.ledger.postpone(later.id, NOON + timedelta(seconds=1))

    await bench.engine().advance(NOON, [later.id])

    assert [] == bench.portal.asked
    assert NOON == bench.again(other).due_at


async def test_one_visit_asks_for_one_order(bench: Bench) -> None:
    """
    Two orders of one cancellation are asked for in two visits, and nothing is looked at in between.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    half = (list(bench.portal.asked), bench.again(one).stage, bench.again(one).due_at)
    await engine.advance(bench.clock.now())

    assert ([ORDER], Stage.OPEN, NOON) == half
    assert [ORDER, OTHER] == bench.portal.asked
    assert Stage.AWAITING_DECISION == bench.again(one).stage
    assert [f"{one.id}-1", f"{one.id}-2"] == bench.ledger.visits(one.id)


@pytest.mark.parametrize(
    "submission, order, stage",
    [
        (Submission.REQUESTED, OrderStage.AWAITING_DECISION, Stage.AWAITING_DECISION),
        (Submission.ALREADY_OPEN, OrderStage.AWAITING_DECISION, Stage.AWAITING_DECISION),
        (Submission.CANCELLED_AT_ONCE, OrderStage.APPROVED, Stage.DONE),
        (Submission.ALREADY_CANCELLED, OrderStage.ALREADY_CANCELLED, Stage.DONE),
    ],
)
async def test_what_asking_found_is_the_stage(
    bench: Bench, submission: Submission, order: OrderStage, stage: Stage
) -> None:
    """
    However asking ended, the order stands where the portal said.
    """
    one = bench.claim()
    bench.portal.acts = [ends(submission)]

    await bench.engine().advance(bench.clock.now())

    assert (order, stage) == (bench.again(one).orders[0].stage, bench.again(one).stage)


@pytest.mark.parametrize("after", ["", "unsent"])
@pytest.mark.parametrize(
    "error, stage, kind, code",
    [
        (TargetMissing("cannot find it"), Stage.NEEDS_OPERATOR, ErrorKind.PORTAL_CHANGED, 30),
        (UnknownPage("what is this"), Stage.NEEDS_OPERATOR, ErrorKind.PORTAL_CHANGED, 30),
        (ChallengeShown("a slider"), Stage.NEEDS_OPERATOR, ErrorKind.CHALLENGE_SHOWN, 20),
        (SignInNeeded("wrong password"), Stage.NEEDS_OPERATOR, ErrorKind.SIGN_IN_NEEDED, 20),
        (BadInput("not offered"), Stage.NEEDS_OPERATOR, ErrorKind.BAD_INPUT, 2),
        (Retryable("no answer"), Stage.OPEN, ErrorKind.RETRYABLE, 10),
        (NotCancellable("it was shipped", state="shipped"), Stage.REFUSED, ErrorKind.NOT_CANCELLABLE, 40),
        (OrderNotFound("no such order"), Stage.REFUSED, ErrorKind.ORDER_NOT_FOUND, 40),
    ],
)
async def test_before_a_click_an_error_is_what_it_is(
    bench: Bench, error: CountermandError, after: str, stage: Stage, kind: ErrorKind, code: int
) -> None:
    """
    Where nothing can be out, each error has its own exit code, and the next visit may submit.
    """
    one = bench.claim()
    bench.portal.acts = [fails(error, after=after)]

    await bench.engine().advance(bench.clock.now())

    now = bench.again(one)
    assert (stage, kind, code) == stands(bench, one)
    assert not now.orders[0].was_stamped
    assert now.orders[0].stage in (OrderStage.QUEUED, OrderStage.NOT_CANCELLABLE)
    assert ["armed"] not in [[state] for _, state, _ in bench.stamps()]


@pytest.mark.parametrize(
    "error",
    [TargetMissing("cannot find it"), Retryable("no answer"), ChallengeShown("a slider"), Uncertain("no outcome")],
)
async def test_after_a_click_every_error_is_uncertain(bench: Bench, error: CountermandError) -> None:
    """
    While a click has no outcome, whatever goes wrong is uncertain, and QUIET is waited for.
    """
    one = bench.claim()
    bench.portal.acts = [fails(error, after="arm")]

    await bench.engine().advance(bench.clock.now())

    assert (Stage.OPEN, ErrorKind.UNCERTAIN, 50) == stands(bench, one)
    assert OrderStage.SUBMITTING == bench.again(one).orders[0].stage
    assert NOON + timedelta(seconds=120) == bench.again(one).due_at
    assert [(1, "armed", 1)] == bench.stamps()


async def test_a_refusal_after_a_click_answers_the_stamp(bench: Bench) -> None:
    """
    The courier has the parcel: the click has an outcome, and the answer is no.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [fails(Refused("the courier has it", state="courier_has_it"), after="arm")]

    await bench.engine().advance(bench.clock.now())

    assert (Stage.REFUSED, ErrorKind.REFUSED, 40) == stands(bench, one)
    assert [(1, "answered", 1)] == bench.stamps()
    assert [] == bench.shop.cancelled


async def test_a_bug_is_not_swallowed(bench: Bench) -> None:
    """
    What is no error of ours is raised as it is, and the journal says that it was one.
    """
    one = bench.claim()
    bench.portal.acts = [fails(ZeroDivisionError())]

    with pytest.raises(ZeroDivisionError):
        await bench.engine().advance(bench.clock.now())

    journal = (bench.home / "visits" / f"{one.id}-1" / "visit.json").read_text()
    assert '"kind": "bug"' in journal


async def test_the_next_process_goes_on_where_the_page_said_unsent(bench: Bench) -> None:
    """
    After the page had proved that nothing was sent, the next visit submits with the same stamp.
    """
    one = bench.claim()
    bench.portal.acts = [fails(Retryable("no answer"), after="unsent")]
    await bench.engine().advance(bench.clock.now())
    bench.ledger.wake(one.id)

    await bench.engine().advance(bench.clock.now())

    assert Stage.AWAITING_DECISION == bench.again(one).stage
    assert [(1, "answered", 4)] == bench.stamps()


# -- two at once


async def test_two_engines_submit_once(bench: Bench) -> None:
    """
    Two processes that advance one cancellation at once: one asks, the other finds it done.
    """
    one = bench.claim()
    other = bench.beside()

    await asyncio.gather(bench.engine().advance(NOON), other.engine().advance(NOON))
    other.close()

    assert [ORDER] == bench.portal.asked
    assert [f"{one.id}-1"] == bench.ledger.visits(one.id)


async def test_visits_of_one_account_do_not_overlap(bench: Bench) -> None:
    """
    While one visit of an account runs, another one waits, and says for whom.
    """
    inside, most = 0, 0

    async def watch(stamper: Stamper, order: OrderId) -> Submission:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.05)
        inside -= 1
        return Submission.ALREADY_CANCELLED

    first, second = bench.claim(ORDER), bench.claim(OTHER)
    other = bench.beside()
    bench.portal.acts = [watch, watch]

    await asyncio.gather(bench.engine().advance(NOON, [first.id]), other.engine().advance(NOON, [second.id]))
    other.close()

    assert 1 == most
    assert {ORDER, OTHER} == set(bench.portal.asked)
    waiting = [said for said in [*bench.person.heard, *other.person.heard] if "is in use by" in said]
    assert 1 == len(waiting)


async def test_visits_of_two_accounts_may_overlap(bench: Bench) -> None:
    """
    The control of the test above: visits of different accounts do run at the same time.
    """
    both = asyncio.Barrier(2)

    async def meet(stamper: Stamper, order: OrderId) -> Submission:
        async with asyncio.timeout(10):
            await both.wait()
        return Submission.ALREADY_CANCELLED

    first, second = bench.claim(ORDER), bench.claim(OTHER, account="second")
    other = bench.beside()
    bench.portal.acts = [meet, meet]

    await asyncio.gather(bench.engine().advance(NOON, [first.id]), other.engine().advance(NOON, [second.id]))
    other.close()

    assert {ORDER, OTHER} == set(bench.portal.asked)


async def test_an_account_keeps_its_pace(bench: Bench) -> None:
    """
    Between two visits of an account lies the gap of the settings.
    """
    portal = bench.settings.portal("aliexpress")
    slow = portal.model_copy(update={"pace": portal.pace.model_copy(update={"between_visits": timedelta(seconds=20)})})
    bench.workshop.settings = bench.settings.model_copy(update={"portals": {"aliexpress": slow}})
    bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    bench.clock.forward(5)
    await engine.advance(bench.clock.now())

    assert [15.0] == bench.clock.waited


# -- QUIET


async def after_a_crash(bench: Bench) -> Cancellation:
    """A process was killed between the stamp and the outcome."""
    one = bench.claim(choices=WITH_SHOP)
    await bench.stamper(one.orders[0], f"{one.id}-1").arm("cancel.confirm", ORDER)
    return one


async def test_after_a_crash_quiet_comes_first(bench: Bench) -> None:
    """
    A fresh process that sees an armed stamp waits a full QUIET before it looks, and clicks nothing.
    """
    one = await after_a_crash(bench)
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    due = bench.again(one).due_at
    bench.clock.forward(119)
    await engine.advance(bench.clock.now())
    too_early = list(bench.portal.looked)
    bench.clock.forward(1)
    await engine.advance(bench.clock.now())

    assert NOON + timedelta(seconds=120) == due
    assert ([], [ORDER]) == (too_early, bench.portal.looked)
    assert [] == bench.portal.asked


async def test_quiet_counts_from_when_this_process_first_saw_it(bench: Bench) -> None:
    """
    However old the stamp is, a fresh process waits its own full QUIET: an earlier click may still land.
    """
    one = await after_a_crash(bench)
    bench.clock.forward(3600)

    await bench.engine().advance(bench.clock.now())

    assert [] == bench.portal.looked
    assert bench.clock.now() + timedelta(seconds=120) == bench.again(one).due_at


async def test_quiet_does_not_trust_the_wall_clock(bench: Bench) -> None:
    """
    A wall clock that jumps an hour ahead does not shorten QUIET.
    """
    one = await after_a_crash(bench)
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.at += timedelta(hours=1)

    await engine.advance(bench.clock.now())

    assert [] == bench.portal.looked
    assert bench.clock.now() + timedelta(seconds=120) == bench.again(one).due_at


async def test_a_stamp_that_was_armed_anew_is_waited_for_anew(bench: Bench) -> None:
    """
    QUIET begins again when the same stamp was armed once more meanwhile.
    """
    one = await after_a_crash(bench)
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(100)
    order = bench.again(one).orders[0]
    stamper = bench.stamper(order, f"{one.id}-1")
    await stamper.unsent("confirm_asked")
    await stamper.arm("cancel.confirm", ORDER)
    bench.ledger.wake(one.id)

    await engine.advance(bench.clock.now())
    bench.clock.forward(21)
    await engine.advance(bench.clock.now())

    assert [] == bench.portal.looked


@pytest.mark.parametrize(
    "answer, order, stage, code",
    [
        (Answer.WAITING, OrderStage.AWAITING_DECISION, Stage.AWAITING_DECISION, 0),
        (Answer.WITHDRAWN, OrderStage.APPROVED, Stage.SETTLING, 0),
        (Answer.REFUSED, OrderStage.REFUSED, Stage.REFUSED, 40),
        (Answer.NOT_REQUESTED, OrderStage.UNCERTAIN, Stage.NEEDS_OPERATOR, 50),
        (Answer.UNCLEAR, OrderStage.UNCERTAIN, Stage.NEEDS_OPERATOR, 50),
    ],
)
async def test_after_quiet_the_portal_tells(
    bench: Bench, answer: Answer, order: OrderStage, stage: Stage, code: int
) -> None:
    """
    What the look after a crash finds is how it stands; merely placed is uncertain, and nothing is clicked again.
    """
    one = await after_a_crash(bench)
    bench.portal.looks = [reads(answer)]
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(120)

    await engine.advance(bench.clock.now())

    now = bench.again(one)
    assert (order, stage, code) == (now.orders[0].stage, now.stage, bench.exit_code(one))
    assert [] == bench.portal.asked


async def test_uncertain_says_what_to_do(bench: Bench) -> None:
    """
    A person who is told "uncertain" learns when it was clicked, what the portal says now, and what to do.
    """
    one = await after_a_crash(bench)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED, text="Awaiting shipment")]
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(120)
    await engine.advance(bench.clock.now())

    error = bench.again(one).error

    assert error is not None
    assert "may have been clicked at 2026-11-20 12:00:00 UTC" in error.message
    assert "“Awaiting shipment”: no request shows. It was not clicked again" in error.message
    assert f"Look at order {ORDER} in My Orders." in error.next


async def test_what_is_uncertain_is_looked_at_when_asked_again(bench: Bench) -> None:
    """
    The same command again waits QUIET and looks: a request that landed late is found, and never repeated.
    """
    one = await after_a_crash(bench)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED), reads(Answer.WAITING)]
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(120)
    await engine.advance(bench.clock.now())
    idle = bench.again(one).due_at
    bench.ledger.wake(one.id)
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    bench.clock.forward(120)
    await engine.advance(bench.clock.now())

    assert idle is None
    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)
    assert [] == bench.portal.asked


@pytest.mark.parametrize(
    "resubmit, clear, asked", [("when_clear", True, 1), ("when_clear", False, 0), ("ask", True, 0)]
)
async def test_submitting_again_needs_the_setting_and_clear_words(
    bench: Bench, resubmit: str, clear: bool, asked: int
) -> None:
    """
    A further attempt is opened only by ``when_clear``, and only where the words for all three states are confirmed.
    """
    portal = bench.settings.portal("aliexpress").model_copy(update={"resubmit": resubmit})
    bench.workshop.settings = bench.settings.model_copy(update={"portals": {"aliexpress": portal}})
    one = await after_a_crash(bench)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED, clear=clear)]
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(120)
    await engine.advance(bench.clock.now())

    await engine.advance(bench.clock.now())

    assert asked == len(bench.portal.asked)
    assert 1 + asked == bench.again(one).orders[0].attempt
    assert ([(1, "answered", 1), (2, "answered", 3)] if asked else [(1, "armed", 1)]) == bench.stamps()


@pytest.mark.parametrize("error", [Retryable("no answer"), ChallengeShown("a slider"), UnknownPage("what is this")])
async def test_a_failed_look_at_something_uncertain_stays_uncertain(bench: Bench, error: CountermandError) -> None:
    """
    As long as nobody could look, an order with an open stamp may have been submitted.
    """
    one = await after_a_crash(bench)
    bench.portal.looks = [error]
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    bench.clock.forward(120)

    await engine.advance(bench.clock.now())

    assert (ErrorKind.UNCERTAIN, 50) == stands(bench, one)[1:]
    assert [(1, "armed", 1)] == bench.stamps()


# -- waiting for the supplier


async def test_looks_come_later_each_time(bench: Bench) -> None:
    """
    A silent supplier is looked at after two minutes, then twice as late each time, at last every hour.
    """
    one = bench.claim()
    engine = bench.engine()
    pauses = []
    for _ in range(8):
        await engine.advance(bench.clock.now())
        due = bench.again(one).due_at
        assert due is not None
        pauses.append((due - bench.clock.now()).total_seconds() / 60)
        bench.clock.forward(pauses[-1] * 60)

    assert [2, 2, 4, 8, 16, 32, 60, 60] == pauses
    assert 7 == len(bench.portal.looked)


@pytest.mark.slow
async def test_five_days_of_silence_are_watched(bench: Bench) -> None:
    """
    However long the supplier is silent, the order is looked at, and a late answer counts.
    """
    one = bench.claim()
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    for _ in range(130):
        due = bench.again(one).due_at
        assert due is not None
        bench.clock.forward((due - bench.clock.now()).total_seconds())
        await engine.advance(bench.clock.now())
    bench.portal.looks = [reads(Answer.WITHDRAWN)]
    bench.clock.forward(3600)
    await engine.advance(bench.clock.now())

    assert timedelta(days=5) < bench.clock.now() - NOON
    assert Stage.DONE == bench.again(one).stage
    assert [ORDER] == bench.portal.asked


async def test_merely_placed_is_no_decision(bench: Bench) -> None:
    """
    A requested order that reads as merely placed is neither approved nor refused: it is looked at again.
    """
    one = await submitted(bench)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED, clear=True)]

    await bench.engine().advance(bench.clock.now())

    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)
    assert bench.again(one).due_at is not None
    assert [ORDER] == bench.portal.asked


async def test_a_refusal_leaves_the_shop_alone(bench: Bench) -> None:
    """
    The seller says no: the cancellation is refused in the portal's words, and nothing is sent to the shop.
    """
    one = await submitted(bench)
    bench.portal.looks = [reads(Answer.REFUSED, state="seller_refused", text="The seller has declined")]

    await bench.engine().advance(bench.clock.now())

    now = bench.again(one)
    assert (Stage.REFUSED, ErrorKind.REFUSED, 40) == stands(bench, one)
    assert (ShopStage.WAITING, "The seller has declined") == (now.shop_stage, now.orders[0].status_text)
    assert [] == bench.shop.cancelled
    assert now.error is not None
    assert "seller refused (“The seller has declined”). The shop order was not touched" in now.error.message


async def test_an_unreadable_answer_needs_a_person(bench: Bench) -> None:
    """
    Closed with a shipment, or words that nobody knows: a person decides, and nothing is settled.
    """
    one = await submitted(bench)
    bench.portal.looks = [reads(Answer.UNCLEAR, state="closed_with_shipment")]

    await bench.engine().advance(bench.clock.now())

    assert (Stage.NEEDS_OPERATOR, ErrorKind.NO_DECISION, 20) == stands(bench, one)
    assert [] == bench.shop.cancelled


@pytest.mark.parametrize(
    "error, stage, kind, code",
    [
        (Retryable("no answer"), Stage.AWAITING_DECISION, ErrorKind.RETRYABLE, 10),
        (ChallengeShown("a slider"), Stage.NEEDS_OPERATOR, ErrorKind.CHALLENGE_SHOWN, 20),
        (UnknownPage("what is this"), Stage.NEEDS_OPERATOR, ErrorKind.PORTAL_CHANGED, 30),
        (OrderNotFound("no such order"), Stage.NEEDS_OPERATOR, ErrorKind.NO_DECISION, 20),
    ],
)
async def test_a_failed_look_changes_no_order(
    bench: Bench, error: CountermandError, stage: Stage, kind: ErrorKind, code: int
) -> None:
    """
    An order whose request is out stays awaiting its decision, whatever becomes of a look; and the sentence says so.
    """
    one = await submitted(bench)
    bench.portal.looks = [error]

    await bench.engine().advance(bench.clock.now())

    now = bench.again(one)
    assert (stage, kind, code) == stands(bench, one)
    assert OrderStage.AWAITING_DECISION == now.orders[0].stage
    assert now.error is not None
    assert "The request is out; this look changed nothing." in now.error.message


async def test_mixed_answers_wait_for_a_person(bench: Bench) -> None:
    """
    One supplier agreed and one did not: nothing is settled, also when the same is asked again.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE), fails(NotCancellable("it was shipped"))]
    engine = bench.engine()
    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())
    bench.ledger.wake(one.id)

    await engine.advance(bench.clock.now())

    assert (Stage.NEEDS_OPERATOR, ErrorKind.MIXED_DECISIONS, 20) == stands(bench, one)
    assert ([], None) == (bench.shop.cancelled, bench.again(one).due_at)


async def test_a_supplier_that_is_still_asked_holds_the_settlement(bench: Bench) -> None:
    """
    Of two suppliers one agreed: the shop order waits for the other.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE), ends(Submission.REQUESTED)]
    bench.portal.looks = [reads(Answer.WAITING), reads(Answer.WITHDRAWN)]
    engine = bench.engine()
    for _ in range(2):
        await engine.advance(bench.clock.now())
    bench.clock.forward(120)
    await engine.advance(bench.clock.now())
    waiting = (bench.again(one).stage, list(bench.shop.cancelled))
    bench.clock.forward(240)
    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())

    assert (Stage.AWAITING_DECISION, []) == waiting
    assert (Stage.DONE, [SHOP_CHOICES]) == (bench.again(one).stage, bench.shop.cancelled)


# -- the shop


async def test_the_shop_order_is_read_before_the_portal_is_touched(bench: Bench) -> None:
    """
    A fulfilled shop order ends it: the supplier is not asked.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.shop.order = bench.shop.order.model_copy(
        update={"obstacle": "the shop order #1001 is fulfilled", "advice": "Agree on a return."}
    )

    await bench.engine().advance(bench.clock.now())

    now = bench.again(one)
    assert (Stage.REFUSED, ErrorKind.SHOP_GUARD, 40) == stands(bench, one)
    assert ([GID], [], ShopStage.STOPPED) == (bench.shop.read_, bench.portal.asked, now.shop_stage)
    assert now.error is not None
    assert ("Agree on a return.", False) == (now.error.next, now.orders[0].was_stamped)


async def test_an_order_the_shop_has_cancelled_is_still_withdrawn(bench: Bench) -> None:
    """
    Merchants often cancel in the shop first: the supplier is asked, and nothing is sent to the shop.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.shop.order = bench.shop.order.model_copy(update={"cancelled_at": NOON})
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())

    now = bench.again(one)
    assert (Stage.DONE, ShopStage.ALREADY_CANCELLED, []) == (now.stage, now.shop_stage, bench.shop.cancelled)


async def test_a_shop_that_is_down_stops_before_the_portal(bench: Bench) -> None:
    """
    What cannot be read cannot be guarded: try later, and the supplier is not asked.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.shop.is_down = True

    await bench.engine().advance(bench.clock.now())

    assert (Stage.OPEN, ErrorKind.RETRYABLE, 10) == stands(bench, one)
    assert [] == bench.portal.asked


async def ready_to_settle(bench: Bench) -> Cancellation:
    """The supplier has agreed."""
    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    await bench.engine().advance(bench.clock.now())
    return one


async def test_agreed_by_all_the_shop_order_is_cancelled(bench: Bench) -> None:
    """
    The shop is told what the merchant chose, once, and it is done when it reads as cancelled.
    """
    one = await ready_to_settle(bench)
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())

    now = bench.again(one)
    assert (Stage.DONE, None, 0) == stands(bench, one)
    assert ([SHOP_CHOICES], settlement()) == (bench.shop.cancelled, now.settled)
    assert None is now.due_at


async def test_settle_never_leaves_the_shop_alone(bench: Bench) -> None:
    """
    With ``--settle never`` it is done once the supplier has agreed.
    """
    one = bench.claim(choices=WITH_SHOP.model_copy(update={"settle": Settle.NEVER}))
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    engine = bench.engine()

    await engine.advance(bench.clock.now())
    await engine.advance(bench.clock.now())

    assert (Stage.DONE, []) == (bench.again(one).stage, bench.shop.cancelled)


@pytest.mark.parametrize(
    "error, stage, shop, kind, code",
    [
        (Retryable("no answer"), Stage.SETTLING, ShopStage.SETTLING, ErrorKind.RETRYABLE, 10),
        (ShopGuarded("it is fulfilled now"), Stage.NEEDS_OPERATOR, ShopStage.STOPPED, ErrorKind.SHOP_GUARD, 20),
        (SignInNeeded("the token"), Stage.NEEDS_OPERATOR, ShopStage.SETTLING, ErrorKind.SIGN_IN_NEEDED, 20),
        (Uncertain("sent, no end"), Stage.NEEDS_OPERATOR, ShopStage.SETTLING, ErrorKind.UNCERTAIN, 50),
    ],
)
async def test_a_settlement_that_fails_says_who_acts_next(
    bench: Bench, error: CountermandError, stage: Stage, shop: ShopStage, kind: ErrorKind, code: int
) -> None:
    """
    Each way a settlement can fail has its stage and exit code; asked again, it goes on and ends well.
    """
    one = await ready_to_settle(bench)
    bench.shop.cancels = [error]
    await bench.engine().advance(bench.clock.now())
    failed, failed_shop = stands(bench, one), bench.again(one).shop_stage
    bench.ledger.wake(one.id)

    await bench.engine().advance(bench.clock.now())

    assert ((stage, kind, code), shop) == (failed, failed_shop)
    assert (Stage.DONE, None, 0) == stands(bench, one)
    assert [ORDER] == bench.portal.asked


async def test_a_settlement_that_was_cut_off_is_ours(bench: Bench) -> None:
    """
    An earlier visit had sent the cancellation and was killed: what now reads as cancelled was our doing.
    """
    one = await ready_to_settle(bench)
    bench.shop.cancels = [Uncertain("sent, no end"), settlement(refund=None)]
    await bench.engine().advance(bench.clock.now())
    bench.ledger.wake(one.id)

    await bench.engine().advance(bench.clock.now())

    assert ShopStage.CANCELLED == bench.again(one).shop_stage


async def test_a_shop_order_that_somebody_else_cancelled_is_not_ours(bench: Bench) -> None:
    """
    Cancelled by somebody else meanwhile: it is done, and the result does not claim a refund of ours.
    """
    one = await ready_to_settle(bench)
    bench.shop.cancels = [settlement(refund=None)]

    await bench.engine().advance(bench.clock.now())

    now = bench.again(one)
    assert (Stage.DONE, ShopStage.ALREADY_CANCELLED) == (now.stage, now.shop_stage)
    assert now.settled is not None
    assert None is now.settled.refund


async def test_two_engines_settle_once(bench: Bench) -> None:
    """
    Two processes that settle one cancellation at once send one cancellation to the shop.
    """
    await ready_to_settle(bench)
    other = bench.beside()

    await asyncio.gather(bench.engine().advance(NOON), other.engine().advance(NOON))
    other.close()

    assert [SHOP_CHOICES] == bench.shop.cancelled
