"""What a person decides: what they saw, going on, asking once more, giving up; and how long a silent supplier is waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from agent.engine.asking import ask
from agent.engine.deciding import abandon, ask_again, resolve, retry
from agent.engine.records import Cancellation, Event
from agent.engine.tables import ApprovalRow
from agent.errors import (
    ApprovalNeeded,
    BadInput,
    ChallengeShown,
    CountermandError,
    NotCancellable,
    Refused,
    Retryable,
    TargetMissing,
    Uncertain,
)
from agent.model import Answer, ErrorKind, OrderId, OrderStage, ShopStage, Stage, Submission
from agent.walk import Stamper
from tests.engine.bench import (
    NOON,
    ORDER,
    OTHER,
    PLAIN,
    SHOP_CHOICES,
    WITH_SHOP,
    Bench,
    Nobody,
    Somebody,
    asks,
    ends,
    fails,
    reads,
)

QUIET = 120
DAY = 86400.0


def somebody(bench: Bench, yes: bool = True) -> Somebody:
    bench.workshop.person = person = Somebody(yes)
    return person


def everything(bench: Bench, one: Cancellation) -> tuple[Cancellation, list[Event], list[tuple[int, str, int]], int]:
    """All that must not change when something is refused, and how often the portal was asked."""
    return bench.again(one), list(bench.ledger.events(one.id)), bench.stamps(), len(bench.portal.asked)


def kind(bench: Bench, one: Cancellation) -> ErrorKind | None:
    error = bench.again(one).error
    return error.kind if error else None


def stages(bench: Bench, one: Cancellation) -> tuple[Stage, OrderStage]:
    now = bench.again(one)
    return now.stage, now.orders[0].stage


async def advance(bench: Bench, times: int = 1) -> None:
    for _ in range(times):
        await bench.engine().advance(bench.clock.now())


async def clicked(bench: Bench, choices: Any = WITH_SHOP) -> Cancellation:
    """A click without an outcome: submitting, with an open stamp."""
    one = bench.claim(choices=choices)
    await bench.stamper(one.orders[0], f"{one.id}-1").arm("cancel.confirm", ORDER)
    return one


async def uncertain(bench: Bench) -> Cancellation:
    """Looked at after QUIET, and no request showed."""
    one = await clicked(bench)
    engine = bench.engine()
    bench.portal.looks = [reads(Answer.NOT_REQUESTED, text="Awaiting shipment")]
    await engine.advance(bench.clock.now())
    bench.clock.forward(QUIET)
    await engine.advance(bench.clock.now())
    assert (Stage.NEEDS_OPERATOR, OrderStage.UNCERTAIN) == stages(bench, one)
    return one


async def submitted(bench: Bench, *orders: OrderId) -> Cancellation:
    """The request is out, and nothing has come back."""
    one = bench.claim(*orders, choices=WITH_SHOP)
    await advance(bench, len(orders) or 1)
    return one


async def refused(bench: Bench) -> Cancellation:
    """The seller said no."""
    one = await submitted(bench)
    bench.ledger.postpone(one.id, bench.clock.now())
    bench.portal.looks = [reads(Answer.REFUSED, text="The seller has declined")]
    await advance(bench)
    assert (Stage.REFUSED, OrderStage.REFUSED) == stages(bench, one)
    return one


async def closed(bench: Bench) -> Cancellation:
    """A person saw that nothing was requested."""
    one = await uncertain(bench)
    await resolve(bench.workshop, one.id, ORDER, requested=False)
    return one


async def done(bench: Bench) -> Cancellation:
    one = bench.claim(choices=PLAIN)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    await advance(bench)
    assert Stage.DONE is bench.again(one).stage
    return one


async def given_up(bench: Bench) -> Cancellation:
    one = await submitted(bench)
    return abandon(bench.workshop, one.id)


async def queued(bench: Bench) -> Cancellation:
    return bench.claim(choices=WITH_SHOP)


async def settling(bench: Bench) -> Cancellation:
    """The shop was told to cancel, and how that ended is not known."""
    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    bench.shop.cancels = [Uncertain("sent, no end")]
    await advance(bench, 2)
    assert ShopStage.SETTLING is bench.again(one).shop_stage
    return one


# -- resolve


@pytest.mark.parametrize("state", [clicked, uncertain])
async def test_a_person_saw_the_request(bench: Bench, state: Callable[[Bench], Any]) -> None:
    """
    Requested: the stamp is answered, the order waits for its decision, and the next look is due. Nothing is clicked.
    """
    one = await state(bench)
    bench.clock.forward(QUIET)
    before = len(bench.ledger.events(one.id))

    await resolve(bench.workshop, one.id, ORDER, requested=True)

    order_events = [event for event in bench.ledger.events(one.id)[before:] if event.what == "order"]
    assert [("operator", ORDER, "awaiting_decision", {"outcome": "resolved_requested"})] == [
        (event.actor, event.order_id, event.after, event.detail) for event in order_events
    ]
    assert {"operator"} == {event.actor for event in bench.ledger.events(one.id)[before:]}
    assert (Stage.AWAITING_DECISION, OrderStage.AWAITING_DECISION) == stages(bench, one)
    assert (None, bench.clock.now(), 0) == (kind(bench, one), bench.again(one).due_at, bench.exit_code(one))
    assert ([(1, "answered", 1)], []) == (bench.stamps(), bench.portal.asked)


async def test_what_was_requested_goes_on_to_its_end(bench: Bench) -> None:
    """
    After a person said that it was requested, the answer is read and the shop order settled, with no further submit.
    """
    one = await uncertain(bench)
    await resolve(bench.workshop, one.id, ORDER, requested=True)
    bench.portal.looks = [reads(Answer.WITHDRAWN)]

    await advance(bench, 2)

    assert Stage.DONE is bench.again(one).stage
    assert ([], [SHOP_CHOICES]) == (bench.portal.asked, bench.shop.cancelled)


@pytest.mark.parametrize("state", [clicked, uncertain])
async def test_a_person_saw_no_request(bench: Bench, state: Callable[[Bench], Any]) -> None:
    """
    Not requested: the attempt is closed, and nothing is submitted by itself, whoever asks for it again.
    """
    one = await state(bench)
    bench.clock.forward(QUIET)
    before = len(bench.ledger.events(one.id))

    await resolve(bench.workshop, one.id, ORDER, requested=False)
    said = [event for event in bench.ledger.events(one.id)[before:] if event.what == "order"]
    looked = len(bench.portal.looked)
    retry(bench.workshop, one.id)
    await advance(bench, 3)
    bench.ledger.wake(one.id)
    await advance(bench, 3)

    now = bench.again(one)
    assert [("operator", "queued", {"outcome": "resolved_not_requested"})] == [
        (event.actor, event.after, event.detail) for event in said
    ]
    assert (Stage.NEEDS_OPERATOR, ErrorKind.APPROVAL_NEEDED, 20) == (now.stage, kind(bench, one), bench.exit_code(one))
    assert now.error is not None
    assert f"countermand retry {one.id} --again" in now.error.next
    assert ([], looked, None) == (bench.portal.asked, len(bench.portal.looked), now.due_at)
    assert [(1, "answered", 1)] == bench.stamps()


async def test_an_uncertain_order_without_a_stamp_is_closed_all_the_same(bench: Bench) -> None:
    """
    However an order came to be uncertain, once it is closed nothing clicks in that attempt's name.
    """
    one = bench.claim()
    bench.ledger.move_order(one.orders[0], OrderStage.UNCERTAIN, None)

    await resolve(bench.workshop, one.id, ORDER, requested=False)
    retry(bench.workshop, one.id)
    await advance(bench, 2)

    assert ([], [(1, "answered", 0)]) == (bench.portal.asked, bench.stamps())
    assert bench.again(one).orders[0].is_closed


@pytest.mark.parametrize("seconds, left", [(0, "120 s"), (60, "60 s"), (119.5, "1 s")])
@pytest.mark.parametrize("requested", [True, False])
async def test_within_quiet_nobody_knows_yet(bench: Bench, seconds: float, left: str, requested: bool) -> None:
    """
    Until QUIET is over a click may still land: what a person saw does not count, and they are told how long.
    """
    one = await clicked(bench)
    bench.clock.forward(seconds)
    before = everything(bench, one)

    with pytest.raises(BadInput, match="that click may still land") as caught:
        await resolve(bench.workshop, one.id, ORDER, requested=requested)

    assert f"In {left} look" in caught.value.next
    assert before == everything(bench, one)


async def test_quiet_counts_by_the_wall_clock_for_a_person(bench: Bench) -> None:
    """
    A process that was just started has seen nothing yet; the person has: an old stamp is answered at once.
    """
    one = await clicked(bench)
    bench.clock.at += timedelta(seconds=QUIET)  # and no second of this process

    await resolve(bench.workshop, one.id, ORDER, requested=True)

    assert OrderStage.AWAITING_DECISION is bench.again(one).orders[0].stage


async def test_a_clock_that_was_set_back_says_nothing_about_quiet(bench: Bench) -> None:
    """
    A click that lies in the future may have been a second ago: refused, with a sentence.
    """
    one = await clicked(bench)
    bench.clock.at -= timedelta(hours=1)
    before = everything(bench, one)

    with pytest.raises(BadInput, match="this machine's clock says is still to come"):
        await resolve(bench.workshop, one.id, ORDER, requested=False)

    assert before == everything(bench, one)


@pytest.mark.slow
@pytest.mark.parametrize(
    "state, words",
    [
        (queued, "queued"),
        (submitted, "awaiting decision"),
        (refused, "refused"),
        (closed, "closed: nothing was requested"),
        (done, "approved"),
    ],
)
@pytest.mark.parametrize("requested", [True, False])
async def test_only_what_is_uncertain_is_resolved(
    bench: Bench, state: Callable[[Bench], Any], words: str, requested: bool
) -> None:
    """
    Anything else is refused, and the sentence says how the order stands.
    """
    one = await state(bench)
    bench.clock.forward(DAY)
    before = everything(bench, one)

    with pytest.raises(BadInput, match=f"order {ORDER} is not uncertain, it is {words}"):
        await resolve(bench.workshop, one.id, ORDER, requested=requested)

    assert before == everything(bench, one)


async def test_an_order_of_another_cancellation_is_refused(bench: Bench) -> None:
    """
    A number that is not of this cancellation, or no number at all, is refused.
    """
    one = await uncertain(bench)
    before = everything(bench, one)

    with pytest.raises(BadInput, match=f"has no order {OTHER}"):
        await resolve(bench.workshop, one.id, OTHER, requested=True)
    with pytest.raises(BadInput):
        await resolve(bench.workshop, one.id, "x", requested=True)

    assert before == everything(bench, one)


async def test_what_moved_while_a_person_decided_is_decided_anew(bench: Bench) -> None:
    """
    The ledger takes a person's word only for the order as they knew it.
    """
    one = await uncertain(bench)
    known = bench.again(one).orders[0]
    bench.ledger.move_order(known, OrderStage.AWAITING_DECISION, None, outcome="requested")
    before = everything(bench, one)

    with pytest.raises(BadInput, match="has moved meanwhile: it is awaiting decision now"):
        bench.ledger.resolve(known, requested=False)

    assert before == everything(bench, one)


# -- retry


@pytest.mark.parametrize("error", [TargetMissing("cannot find it"), ChallengeShown("a slider"), Retryable("down")])
async def test_retry_does_now_what_was_left(bench: Bench, error: CountermandError) -> None:
    """
    What stopped before anything was submitted is submitted, once.
    """
    one = bench.claim()
    bench.portal.acts = [fails(error)]
    await advance(bench)

    retry(bench.workshop, one.id)
    await advance(bench)

    assert (Stage.AWAITING_DECISION, OrderStage.AWAITING_DECISION) == stages(bench, one)
    assert ([ORDER, ORDER], [(1, "answered", 3)]) == (bench.portal.asked, bench.stamps())


async def test_retry_goes_on_with_the_shop(bench: Bench) -> None:
    """
    A settlement that stopped is brought to its end, and no supplier is asked.
    """
    one = await settling(bench)

    retry(bench.workshop, one.id)
    await advance(bench)

    assert (Stage.DONE, [ORDER]) == (bench.again(one).stage, bench.portal.asked)


async def test_retry_looks_at_once(bench: Bench) -> None:
    """
    A look that would be due later is due now.
    """
    one = await submitted(bench)
    bench.portal.looks = [reads(Answer.REFUSED)]

    retry(bench.workshop, one.id)
    await advance(bench)

    assert (Stage.REFUSED, [ORDER]) == (bench.again(one).stage, bench.portal.looked)


async def test_retry_on_something_uncertain_only_looks(bench: Bench) -> None:
    """
    However often: QUIET, a look, and never a submit.
    """
    one = await uncertain(bench)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED, clear=True) for _ in range(3)]
    looked = len(bench.portal.looked)
    engine = bench.engine()

    for _ in range(3):
        retry(bench.workshop, one.id)
        await engine.advance(bench.clock.now())
        bench.clock.forward(QUIET)
        await engine.advance(bench.clock.now())

    assert (3, []) == (len(bench.portal.looked) - looked, bench.portal.asked)
    assert (Stage.NEEDS_OPERATOR, ErrorKind.UNCERTAIN) == (bench.again(one).stage, kind(bench, one))


@pytest.mark.parametrize("state, words", [(done, "done"), (given_up, "abandoned"), (refused, "was refused")])
async def test_what_is_over_is_not_retried(bench: Bench, state: Callable[[Bench], Any], words: str) -> None:
    """
    Final is final; what was refused needs ``--again``.
    """
    one = await state(bench)
    before = everything(bench, one)

    with pytest.raises(BadInput, match=words):
        retry(bench.workshop, one.id)

    assert before == everything(bench, one)


async def test_in_a_cancellation_that_waits_for_a_person_nothing_is_submitted(bench: Bench) -> None:
    """
    One order is out and watched, another could not be asked: the watching does not ask.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.REQUESTED), fails(TargetMissing("cannot find it"))]
    await advance(bench, 2)
    for _ in range(5):
        bench.clock.forward(3600)
        await advance(bench)

    watched = (list(bench.portal.asked), list(bench.portal.looked))
    retry(bench.workshop, one.id)
    await advance(bench)

    assert ([ORDER, OTHER], [ORDER] * 5) == watched
    assert [ORDER, OTHER, OTHER] == bench.portal.asked


# -- retry --again


async def not_cancellable(bench: Bench) -> Cancellation:
    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [fails(NotCancellable("it was shipped", words="Shipped"))]
    await advance(bench)
    return one


async def guarded(bench: Bench) -> Cancellation:
    """The shop order was fulfilled, so the supplier was not asked; it is not any more."""
    one = bench.claim(choices=WITH_SHOP)
    free = bench.shop.order
    bench.shop.order = free.model_copy(update={"obstacle": "fulfilled"})
    await advance(bench)
    bench.shop.order = free
    assert Stage.REFUSED is bench.again(one).stage
    return one


@pytest.mark.parametrize("state", [refused, closed, not_cancellable, guarded])
async def test_a_yes_opens_one_further_attempt(bench: Bench, state: Callable[[Bench], Any]) -> None:
    """
    After a yes the supplier is asked once more, in an attempt with a stamp of its own, and waited for afresh.
    """
    one = await state(bench)
    person, asked, before = somebody(bench), len(bench.portal.asked), len(bench.stamps())
    bench.clock.forward(30 * DAY)
    bench.portal.looks = []

    await ask_again(bench.workshop, one.id)
    opened = bench.again(one)
    await advance(bench, 2)

    now = bench.again(one)
    assert (Stage.OPEN, None, OrderStage.QUEUED, 2) == (
        opened.stage,
        opened.error,
        opened.orders[0].stage,
        opened.orders[0].attempt,
    )
    assert (Stage.AWAITING_DECISION, 1) == (now.stage, len(bench.portal.asked) - asked)
    assert bench.clock.now() + timedelta(minutes=2) == now.due_at
    assert [(2, "answered", 3)] == bench.stamps()[before:]
    assert 1 == len(person.asked)


async def test_the_question_names_the_order_and_what_is_known(bench: Bench) -> None:
    """
    Who says yes has read which order, how it stands, the portal's words, and that it was clicked before.
    """
    one = await refused(bench)
    person = somebody(bench)

    await ask_again(bench.workshop, one.id)

    assert [
        f"Ask the supplier once more to cancel order {ORDER} (refused, the portal said “The seller has declined”, "
        "clicked at 2026-11-20 12:00 UTC, attempt 1)?"
    ] == person.asked
    with bench.database.reading() as session:
        approvals = [(row.order_id, row.actor, row.how) for row in session.scalars(select(ApprovalRow))]
    assert [(ORDER, "operator", "retry --again, yes at the terminal")] == approvals
    assert "operator" == bench.ledger.events(one.id)[-1].actor


@pytest.mark.slow
@pytest.mark.parametrize("state", [refused, closed, not_cancellable])
@pytest.mark.parametrize("person", [Nobody(), Somebody(yes=False)])
async def test_silence_is_no(bench: Bench, state: Callable[[Bench], Any], person: Nobody) -> None:
    """
    Nobody at the terminal, or a no: exit 20, and nothing was changed.
    """
    one = await state(bench)
    bench.workshop.person = person
    before = everything(bench, one)

    with pytest.raises(ApprovalNeeded, match="Nothing was changed") as caught:
        await ask_again(bench.workshop, one.id)
    await advance(bench)

    assert 20 == caught.value.exit_code
    assert before == everything(bench, one)


@pytest.mark.parametrize(
    "state, words, next",
    [
        (clicked, "may have been submitted already: it is submitting", "countermand resolve"),
        (uncertain, "may have been submitted already: it is uncertain", "countermand resolve"),
        (submitted, "a request is out", "to look now"),
        (settling, "the supplier has agreed", "go on with the shop order"),
        (queued, "the supplier was not asked yet", "without --again"),
        (done, "done, which is final", "countermand show"),
        (given_up, "abandoned, which is final", "countermand show"),
    ],
)
async def test_nothing_is_asked_again_while_something_is_or_may_be_out(
    bench: Bench, state: Callable[[Bench], Any], words: str, next: str
) -> None:
    """
    Also with a person who says yes to everything: they are not even asked.
    """
    one = await state(bench)
    bench.clock.forward(DAY)
    person, before = somebody(bench), everything(bench, one)

    with pytest.raises(BadInput, match=words) as caught:
        await ask_again(bench.workshop, one.id)

    assert next in caught.value.next
    assert ([], before) == (person.asked, everything(bench, one))


async def test_one_uncertain_order_stops_asking_again_for_the_others(bench: Bench) -> None:
    """
    Of two orders one was refused and one is uncertain: that one comes first.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.portal.acts = [fails(Refused("no"), after="arm"), fails(Retryable("no answer"), after="arm")]
    await advance(bench, 2)
    somebody(bench)
    before = everything(bench, one)

    with pytest.raises(BadInput, match=f"order {OTHER} may have been submitted"):
        await ask_again(bench.workshop, one.id)

    assert before == everything(bench, one)


async def test_of_mixed_answers_only_the_no_is_asked_again(bench: Bench) -> None:
    """
    One supplier agreed and one did not: the one that agreed is not asked, and both settle together in the end.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE), fails(Refused("no"), after="arm")]
    await advance(bench, 2)
    person = somebody(bench)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]

    await ask_again(bench.workshop, one.id)
    await advance(bench, 2)

    assert ORDER not in person.asked[0]
    assert [ORDER, OTHER, OTHER] == bench.portal.asked
    assert (Stage.DONE, 1) == (bench.again(one).stage, len(bench.shop.cancelled))


async def test_what_was_asked_afresh_is_gone_on_with_there(bench: Bench) -> None:
    """
    The order belongs to a later cancellation by now: two cancellations never ask for one order.
    """
    first = await ask(bench.workshop, asks(shop_order="#1001"))
    bench.portal.acts = [fails(NotCancellable("it was shipped"))]
    await advance(bench)
    second = await ask(bench.workshop, asks(shop_order="#1001"))
    somebody(bench)
    before = everything(bench, first)

    with pytest.raises(BadInput, match=f"belongs to cancellation {second.id} by now"):
        await ask_again(bench.workshop, first.id)
    with pytest.raises(BadInput, match="were let go of"):
        bench.ledger.reopen(bench.again(first), bench.again(first).orders, "yes")

    assert before == everything(bench, first)


async def test_what_was_reopened_is_not_let_go_of(bench: Bench) -> None:
    """
    Whoever wanted to free its orders a moment ago does not: they are asked for again.
    """
    one = await not_cancellable(bench)
    somebody(bench)
    await ask_again(bench.workshop, one.id)

    bench.ledger.free(one.id)

    assert {one.id} == {holder.id for holder in bench.ledger.holding(asks().wanted).values()}


# -- abandon


async def test_giving_up_what_was_not_asked_for_is_the_end(bench: Bench) -> None:
    """
    Nothing is out: nothing is watched, nothing is submitted, and the order may be asked for afresh.
    """
    one = await ask(bench.workshop, asks())

    abandon(bench.workshop, one.id)
    await advance(bench, 2)
    other = await ask(bench.workshop, asks())

    now = bench.again(one)
    assert (Stage.ABANDONED, None, None, 0) == (now.stage, now.error, now.due_at, bench.exit_code(one))
    assert ([], True) == (bench.portal.asked, one.id != other.id)
    assert ("operator", "abandoned") == [(event.actor, event.after) for event in bench.ledger.events(one.id)][1]


@pytest.mark.parametrize(
    "state, expected, code",
    [(submitted, ErrorKind.NO_DECISION, 20), (clicked, ErrorKind.UNCERTAIN, 50), (uncertain, ErrorKind.UNCERTAIN, 50)],
)
async def test_giving_up_says_what_is_still_open(
    bench: Bench, state: Callable[[Bench], Any], expected: ErrorKind, code: int
) -> None:
    """
    A request that is, or may be, out stays open at the supplier, and nothing will be settled: the result says so.
    """
    one = await state(bench)

    now = abandon(bench.workshop, one.id)

    assert now.error is not None
    assert (Stage.ABANDONED, expected, code) == (now.stage, now.error.kind, bench.exit_code(one))
    assert f"the request for order {ORDER} is" in now.error.message
    assert "still open at the supplier. Nothing will be settled." in now.error.message
    assert f"countermand show {one.id}" in now.error.next


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer, order", [(Answer.WITHDRAWN, OrderStage.APPROVED), (Answer.REFUSED, OrderStage.REFUSED)]
)
@pytest.mark.parametrize("state", [submitted, clicked, uncertain])
async def test_a_late_answer_is_noted_and_settles_nothing(
    bench: Bench, state: Callable[[Bench], Any], answer: Answer, order: OrderStage
) -> None:
    """
    What was given up is watched until there is a decision; that is an event, and the shop is left alone.
    """
    one = await state(bench)
    abandon(bench.workshop, one.id)
    engine = bench.engine()
    bench.portal.looks = [reads(Answer.WAITING), reads(Answer.WAITING), reads(answer)]
    asked = len(bench.portal.asked)
    for _ in range(8):
        await engine.advance(bench.clock.now())
        bench.clock.forward(3600)

    now = bench.again(one)
    late = [event for event in bench.ledger.events(one.id) if event.what == "late_answer"]
    assert (Stage.ABANDONED, order, None) == (now.stage, now.orders[0].stage, now.due_at)
    assert [(ORDER, "awaiting_decision", order.value)] == [(one.order_id, one.before, one.after) for one in late]
    assert ([], asked, ShopStage.WAITING) == (bench.shop.cancelled, len(bench.portal.asked), now.shop_stage)
    assert (now.error is not None) == (answer is Answer.WITHDRAWN)


async def test_what_was_given_up_is_watched_at_the_slowest(bench: Bench) -> None:
    """
    Looks come every hour, also when one fails; while the account waits for its person nobody knocks.
    """
    one = await submitted(bench)
    abandon(bench.workshop, one.id)
    bench.clock.forward(QUIET)
    bench.portal.looks = [reads(Answer.WAITING), Retryable("down"), ChallengeShown("a slider")]
    pauses = []
    for _ in range(6):
        await advance(bench)
        due = bench.again(one).due_at
        assert due is not None
        pauses.append((due - bench.clock.now()).total_seconds() / 3600)
        bench.clock.at = due
    paused = len(bench.portal.looked)
    bench.workshop.accounts.note("aliexpress", "main", proven=True)
    await advance(bench)

    assert [1.0] * 6 == pauses
    assert (3, 4) == (paused, len(bench.portal.looked))


async def test_given_up_is_not_submitted_again_when_clear(bench: Bench) -> None:
    """
    ``when_clear`` opens no further attempt for what a person gave up.
    """
    portal = bench.settings.portal("aliexpress").model_copy(update={"resubmit": "when_clear"})
    bench.workshop.settings = bench.settings.model_copy(update={"portals": {"aliexpress": portal}})
    one = await clicked(bench)
    abandon(bench.workshop, one.id)
    bench.portal.looks = [reads(Answer.NOT_REQUESTED, clear=True) for _ in range(3)]
    engine = bench.engine()
    for _ in range(4):
        await engine.advance(bench.clock.now())
        bench.clock.forward(3600)

    assert ([], 1) == (bench.portal.asked, bench.again(one).orders[0].attempt)
    assert [(1, "armed", 1)] == bench.stamps()


async def test_giving_up_stops_a_visit_before_its_next_click(bench: Bench) -> None:
    """
    While another process is on its way to the click: it gets no stamp.
    """

    async def meanwhile(stamper: Stamper, order: OrderId) -> Submission:
        abandon(bench.workshop, one.id)
        await stamper.arm("details.cancel", order)
        return Submission.REQUESTED

    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [meanwhile]

    await advance(bench, 3)

    now = bench.again(one)
    assert (Stage.ABANDONED, OrderStage.QUEUED, None) == (now.stage, now.orders[0].stage, now.due_at)
    assert ([], [ORDER]) == (bench.stamps(), bench.portal.asked)


async def test_giving_up_while_the_shop_is_being_read_sends_nothing(bench: Bench) -> None:
    """
    Between two visits or within one: once given up, the shop order is not touched.
    """
    one = bench.claim(choices=WITH_SHOP)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    await advance(bench)
    abandon(bench.workshop, one.id)

    with pytest.raises(BadInput, match="its shop order was not touched"):
        bench.ledger.move_shop(one.id, ShopStage.SETTLING, None)
    await bench.visits().settle(one)
    await advance(bench)

    now = bench.again(one)
    assert (Stage.ABANDONED, []) == (now.stage, bench.shop.cancelled)
    assert now.error is not None
    assert f"the supplier has withdrawn order {ORDER}. Nothing was settled." in now.error.message


@pytest.mark.parametrize(
    "state, words",
    [
        (done, "done already"),
        (refused, "refused already"),
        (given_up, "abandoned already"),
        (settling, "is being cancelled"),
    ],
)
async def test_what_is_over_or_being_settled_is_not_given_up(
    bench: Bench, state: Callable[[Bench], Any], words: str
) -> None:
    """
    Refused with a sentence, and nothing changes.
    """
    one = await state(bench)
    before = everything(bench, one)

    with pytest.raises(BadInput, match=words):
        abandon(bench.workshop, one.id)

    assert before == everything(bench, one)


# -- the limit


async def silent(bench: Bench, days: float) -> Cancellation:
    """Asked, and looked at for so long without a decision."""
    one = await submitted(bench)
    engine = bench.engine()
    while bench.clock.now() - NOON < timedelta(days=days):
        due = bench.again(one).due_at
        assert due is not None
        bench.clock.at = max(due, bench.clock.now())
        await engine.advance(bench.clock.now())
    return one


@pytest.mark.slow
async def test_five_days_of_silence_are_for_a_person(bench: Bench) -> None:
    """
    Told once, with a next step; and the order goes on being looked at, every hour.
    """
    one = await silent(bench, 6)

    now = bench.again(one)
    told = [event for event in bench.ledger.events(one.id) if event.after == "needs_operator"]
    assert (Stage.NEEDS_OPERATOR, ErrorKind.NO_DECISION, 20) == (now.stage, kind(bench, one), bench.exit_code(one))
    assert (1, bench.clock.now() + timedelta(hours=1)) == (len(told), now.due_at)
    assert timedelta(days=5) < told[0].at - NOON < timedelta(days=5, hours=2)
    assert now.error is not None
    assert f"has not decided about order {ORDER}, asked at 2026-11-20 12:00 UTC" in now.error.message
    assert f"countermand abandon {one.id}" in now.error.next


@pytest.mark.slow
async def test_before_the_limit_it_is_waited_for(bench: Bench) -> None:
    """
    The control of the test above.
    """
    one = await silent(bench, 4.9)

    assert (Stage.AWAITING_DECISION, None) == (bench.again(one).stage, kind(bench, one))


async def test_the_limit_is_a_setting(bench: Bench) -> None:
    """
    ``looks.limit`` of the portal.
    """
    portal = bench.settings.portal("aliexpress")
    short = portal.model_copy(update={"looks": portal.looks.model_copy(update={"limit": timedelta(hours=3)})})
    bench.workshop.settings = bench.settings.model_copy(update={"portals": {"aliexpress": short}})

    one = await silent(bench, 0.3)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.NO_DECISION) == (bench.again(one).stage, kind(bench, one))


@pytest.mark.slow
@pytest.mark.parametrize(
    "found", [reads(Answer.NOT_REQUESTED, clear=True), reads(Answer.WAITING), Retryable("the portal is down")]
)
async def test_whatever_is_no_decision_has_the_same_limit(bench: Bench, found: Any) -> None:
    """
    Merely placed, still waiting, or a portal that nobody can read: past the limit a person hears of it, and nothing is submitted.
    """
    one = await silent(bench, 4.9)
    bench.clock.forward(DAY)
    bench.portal.looks = [found]

    await advance(bench)

    assert (Stage.NEEDS_OPERATOR, OrderStage.AWAITING_DECISION) == stages(bench, one)
    assert (ErrorKind.NO_DECISION, [ORDER]) == (kind(bench, one), bench.portal.asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer, stage, sent",
    [(Answer.WITHDRAWN, Stage.DONE, [SHOP_CHOICES]), (Answer.REFUSED, Stage.REFUSED, [])],
)
async def test_an_answer_after_the_limit_is_taken(bench: Bench, answer: Answer, stage: Stage, sent: list[Any]) -> None:
    """
    An approval settles what still waits for it, by itself; a refusal is a refusal.
    """
    one = await silent(bench, 6)
    bench.portal.looks = [reads(answer)]
    bench.clock.forward(3600)

    await advance(bench, 2)

    assert (stage, sent, [ORDER]) == (bench.again(one).stage, bench.shop.cancelled, bench.portal.asked)


@pytest.mark.slow
async def test_retry_after_the_limit_looks_and_tells_again(bench: Bench) -> None:
    """
    A person may have it looked at now; without an answer it still waits for them, and the clock is not wound back.
    """
    one = await silent(bench, 6)
    looked = len(bench.portal.looked)

    retry(bench.workshop, one.id)
    await advance(bench, 2)

    assert (1, Stage.NEEDS_OPERATOR) == (len(bench.portal.looked) - looked, bench.again(one).stage)


async def test_unreadable_words_are_watched_on(bench: Bench) -> None:
    """
    Words that nobody knows are for a person; when they turn into an answer it is taken.
    """
    one = await submitted(bench)
    bench.ledger.postpone(one.id, bench.clock.now())
    bench.portal.looks = [reads(Answer.UNCLEAR), reads(Answer.WITHDRAWN)]
    await advance(bench)
    unclear = bench.again(one)
    bench.clock.forward(3600)

    await advance(bench, 2)

    assert (Stage.NEEDS_OPERATOR, NOON + timedelta(hours=1)) == (unclear.stage, unclear.due_at)
    assert Stage.DONE is bench.again(one).stage


async def test_a_request_that_is_out_is_watched_though_the_shop_stopped_the_rest(bench: Bench) -> None:
    """
    One supplier was asked, then the shop order was fulfilled: refused, and the answer to the one that is out is noted.
    """
    one = bench.claim(ORDER, OTHER, choices=WITH_SHOP)
    await advance(bench)
    bench.shop.order = bench.shop.order.model_copy(update={"obstacle": "fulfilled"})
    await advance(bench)
    bench.portal.looks = [Retryable("down"), reads(Answer.WITHDRAWN)]
    stood = bench.again(one)
    for _ in range(3):
        bench.clock.forward(3600)
        await advance(bench)

    now = bench.again(one)
    assert (Stage.REFUSED, Stage.REFUSED, stood.error) == (stood.stage, now.stage, now.error)
    assert ([ORDER], OrderStage.APPROVED, None) == (bench.portal.asked, now.orders[0].stage, now.due_at)
    assert "late_answer" in [event.what for event in bench.ledger.events(one.id)]
