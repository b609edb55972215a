"""
Several supplier orders behind one shop order: whoever asks, and however often, there is one cancellation and one settlement.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agent.engine.asking import ask
from agent.engine.before_settling import Change
from agent.engine.deciding import abandon, ask_again, change, settle_anyway
from agent.engine.records import Cancellation, Wanted
from agent.engine.settling import settle
from agent.errors import ApprovalNeeded, BadInput, NotCancellable, Refused, Retryable, ShopGuarded, Uncertain
from agent.model import ErrorKind, OrderId, OrderStage, Refund, Settle, ShopStage, Stage, Submission
from agent.report import write_report
from agent.storefront import ShopOrder, ShopWaiting
from tests.engine.bench import (
    GID,
    NOON,
    ORDER,
    OTHER,
    SHOP_CHOICES,
    THIRD,
    WITH_SHOP,
    Bench,
    Somebody,
    asks,
    ends,
    fails,
)

NOW = Submission.CANCELLED_AT_ONCE


async def goes_on(bench: Bench, one: Cancellation) -> Cancellation:
    """Whatever is due is done, until nothing is due at this moment."""
    engine = bench.engine()
    while await engine.advance(bench.clock.now(), [one.id]):
        pass
    return bench.again(one)


async def mixed(bench: Bench) -> Cancellation:
    """One supplier order was withdrawn, the other is refused by its seller."""
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW), fails(Refused("the seller says no"), after="arm")]
    return await goes_on(bench, one)


def whats(bench: Bench, one: Cancellation) -> list[str]:
    return [event.what for event in bench.ledger.events(one.id)]


# -- joining


async def test_two_commands_are_one_cancellation_and_one_settlement(bench: Bench) -> None:
    """
    The second supplier order joins the first, which waits for it: the shop order is cancelled once, after both.
    """
    first = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW), ends(NOW)]
    second = await ask(bench.workshop, asks(OTHER, shop_order="1001"))
    done = await goes_on(bench, first)

    assert first.id == second.id
    assert [ORDER, OTHER] == [order.order_id for order in done.orders]
    assert (Stage.DONE, ShopStage.CANCELLED, [SHOP_CHOICES]) == (done.stage, done.shop_stage, bench.shop.cancelled)
    assert [OTHER] == [event.order_id for event in bench.ledger.events(first.id) if event.what == "joined"]


async def test_one_command_is_one_settlement(bench: Bench) -> None:
    """
    Two supplier orders in one command: the shop order is cancelled once.
    """
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW), ends(NOW)]

    assert Stage.DONE is (await goes_on(bench, one)).stage
    assert 1 == len(bench.shop.cancelled)


async def test_naming_fewer_or_more_of_them_is_the_same_cancellation(bench: Bench) -> None:
    """
    A part of the orders is the same request; those that are new join.
    """
    first = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))

    assert first.id == (await ask(bench.workshop, asks(OTHER, shop_order="#1001"))).id
    more = await ask(bench.workshop, asks(OTHER, THIRD, shop_order="#1001"))
    assert (first.id, [ORDER, OTHER, THIRD]) == (more.id, [order.order_id for order in more.orders])
    assert 1 == whats(bench, first).count("joined")


async def test_orders_of_several_accounts_may_be_behind_one_shop_order(bench: Bench) -> None:
    """
    The account belongs to the supplier order: another one for a further order is no difference.
    """
    first = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    joined = await ask(bench.workshop, asks(OTHER, shop_order="#1001", account="second"))

    assert first.id == joined.id
    assert ["main", "second"] == [order.account for order in joined.orders]


async def test_other_choices_do_not_join(bench: Bench) -> None:
    """
    A further order with another answer for the shop is refused by name, and nothing is changed.
    """
    first = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    before = bench.ledger.events(first.id)
    later = SHOP_CHOICES.model_copy(update={"refund": Refund.LATER})

    with pytest.raises(BadInput, match="refund now, not later"):
        await ask(bench.workshop, asks(OTHER, shop_order="#1001", shop_choices=later))

    assert before == bench.ledger.events(first.id)


async def test_what_waited_for_a_decision_goes_on_with_the_new_order(bench: Bench) -> None:
    """
    One is approved, or waits, and another joins: that one is submitted at once, whenever the next look would have been.
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    waiting = await goes_on(bench, one)

    joined = await ask(bench.workshop, asks(OTHER, shop_order="#1001"))
    after = await goes_on(bench, one)

    assert (Stage.AWAITING_DECISION, Stage.OPEN, Stage.AWAITING_DECISION) == (waiting.stage, joined.stage, after.stage)
    assert [ORDER, OTHER] == bench.portal.asked


async def test_mixed_answers_that_are_joined_are_asked_about_again_afterwards(bench: Bench) -> None:
    """
    A further order is still withdrawn, and then a person decides: nothing is sent to the shop.
    """
    one = await mixed(bench)
    bench.portal.acts = [ends(NOW)]
    await ask(bench.workshop, asks(THIRD, shop_order="#1001"))

    after = await goes_on(bench, one)

    assert OrderStage.APPROVED is after.orders[2].stage
    assert (Stage.NEEDS_OPERATOR, ErrorKind.MIXED_DECISIONS) == (after.stage, after.error and after.error.kind)
    assert [] == bench.shop.cancelled


async def test_nothing_is_submitted_beside_what_is_uncertain(bench: Bench) -> None:
    """
    The new order waits with the others until a person has said what became of the uncertain one.
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.ledger.move_order(one.orders[0], OrderStage.UNCERTAIN, None)

    joined = await ask(bench.workshop, asks(OTHER, shop_order="#1001"))

    assert (Stage.NEEDS_OPERATOR, ErrorKind.UNCERTAIN) == (joined.stage, joined.error and joined.error.kind)
    assert OrderStage.QUEUED is joined.orders[1].stage


async def test_what_joins_after_the_shop_stopped_has_the_shop_order_read_again(bench: Bench) -> None:
    """
    One was withdrawn when the shop order was found fulfilled: it stays for a person, who hears that, not "refused".
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW)]
    bench.shop.cancels = [ShopGuarded("it was fulfilled")]
    await goes_on(bench, one)
    bench.shop.order = ShopOrder(gid=GID, name="#1001", obstacle="#1001 is fulfilled")

    await ask(bench.workshop, asks(OTHER, shop_order="#1001"))
    after = await goes_on(bench, one)

    assert (Stage.NEEDS_OPERATOR, ShopStage.STOPPED, 20) == (after.stage, after.shop_stage, bench.exit_code(one))
    assert [ORDER] == bench.portal.asked


async def test_an_order_joins_one_whose_shop_order_was_cancelled_beforehand(bench: Bench) -> None:
    """
    The merchant cancelled in the shop first: all supplier orders are withdrawn, and nothing is sent to the shop.
    """
    bench.shop.order = ShopOrder(gid=GID, name="#1001", cancelled_at=NOON)
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    await goes_on(bench, one)
    bench.portal.acts = [ends(NOW)]
    await ask(bench.workshop, asks(OTHER, shop_order="#1001"))
    bench.ledger.move_order(bench.again(one).orders[0], OrderStage.APPROVED, None)

    done = await goes_on(bench, one)

    assert (Stage.DONE, ShopStage.ALREADY_CANCELLED, []) == (done.stage, done.shop_stage, bench.shop.cancelled)


# -- joining and settling at the same time


async def test_what_joins_before_the_settlement_begins_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The visit that was to settle finds one more supplier order, and sends nothing.
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW)]
    engine, other = bench.engine(), bench.beside()
    await engine.advance(bench.clock.now(), [one.id])
    begin = bench.ledger.begin_settlement
    assert Stage.SETTLING is bench.again(one).stage

    def joined_just_before(id: str, visit: str) -> object:
        assert other.ledger.join(other.ledger.get(id), asks(OTHER).wanted) is not None
        return begin(id, visit)

    with monkeypatch.context() as patched:
        patched.setattr(bench.ledger, "begin_settlement", joined_just_before)
        await engine.advance(bench.clock.now(), [one.id])
    other.close()

    assert (Stage.OPEN, ShopStage.WAITING, []) == (
        bench.again(one).stage,
        bench.again(one).shop_stage,
        bench.shop.cancelled,
    )
    bench.portal.acts = [ends(NOW)]
    assert Stage.DONE is (await goes_on(bench, one)).stage
    assert ([ORDER, OTHER], 1) == (bench.portal.asked, len(bench.shop.cancelled))


async def test_nobody_is_told_to_stop_for_what_was_joined_before_the_visit(bench: Bench) -> None:
    """
    A visit that was to settle, and had to wait for its turn, looks first: with a further order on its way it does not begin.
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    to_settle = bench.again(one)
    await ask(bench.workshop, asks(OTHER, shop_order="#1001"))
    before = whats(bench, one)

    await settle(bench.workshop, to_settle)

    assert (Stage.SETTLING, before) == (to_settle.stage, whats(bench, one))


async def test_nothing_joins_once_the_settlement_has_begun(bench: Bench) -> None:
    """
    The shop order is being cancelled for what was there when that began: a further order is refused, and stays free.
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW)]
    bench.shop.cancels = [Uncertain("no answer")]
    await goes_on(bench, one)

    with pytest.raises(BadInput, match="is cancelling it in the shop at this moment"):
        await ask(bench.workshop, asks(OTHER, shop_order="#1001"))

    assert [ORDER] == [order.order_id for order in bench.again(one).orders]
    assert {} == bench.ledger.holding(asks(OTHER).wanted)


async def test_joins_and_settlements_at_once_never_leave_an_order_out(bench: Bench) -> None:
    """
    Whichever comes first: the shop order is never cancelled while an order that joined is still on its way.
    """
    other = bench.beside()

    def joins(to: Cancellation, order: Wanted) -> bool:
        try:
            return other.ledger.join(to, [order]) is not None
        except BadInput:
            return False

    for number in range(10):
        choices = WITH_SHOP.model_copy(update={"shop_gid": f"gid://shopify/Order/{number + 1}"})
        one = bench.claim(OrderId(f"81901{number:02}000004512"), choices=choices)
        bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
        one, further = bench.again(one), Wanted("aliexpress", "main", OrderId(f"81902{number:02}000004512"))

        joined, _ = await asyncio.gather(
            asyncio.to_thread(joins, one, further), bench.engine().advance(bench.clock.now(), [one.id])
        )

        now = bench.again(one)
        assert joined == (2 == len(now.orders))
        # What joined before the visit began is the one that this visit submits.
        assert now.stage in ((Stage.OPEN, Stage.AWAITING_DECISION) if joined else (Stage.DONE,))
        assert (ShopStage.WAITING if joined else ShopStage.CANCELLED) is now.shop_stage
    other.close()


# -- mixed answers


async def test_mixed_answers_stop_with_the_choice_spelled_out(bench: Bench) -> None:
    """
    One is withdrawn, one refused: nothing is sent to the shop, and a person reads what they can do.
    """
    one = await mixed(bench)

    assert (Stage.NEEDS_OPERATOR, 20, []) == (one.stage, bench.exit_code(one), bench.shop.cancelled)
    assert one.error is not None
    for command in (f"settle {one.id} --anyway", f"abandon {one.id}", f"retry {one.id} --again"):
        assert f"countermand {command}" in one.error.next
    assert f"although order {OTHER} will still be delivered" in one.error.next


async def test_settling_anyway_cancels_the_shop_order_once(bench: Bench) -> None:
    """
    A person's word is an event that names what is still delivered; the shop order is cancelled, and it is done.
    """
    one = await mixed(bench)

    await settle_anyway(bench.workshop, one.id)
    done = await goes_on(bench, one)

    assert (Stage.DONE, ShopStage.CANCELLED, [SHOP_CHOICES]) == (done.stage, done.shop_stage, bench.shop.cancelled)
    assert [("operator", {"still_delivered": OTHER})] == [
        (event.actor, event.detail) for event in bench.ledger.events(one.id) if event.what == "settle_anyway"
    ]
    assert any(f"supplier order {OTHER} will still be delivered" in said for said in bench.person.heard)
    report = write_report(bench.ledger, bench.home, one.id).read_text(encoding="utf-8")
    assert "Not all was withdrawn at the supplier, and cancelled in the shop." in report


@pytest.mark.parametrize("yes", [True, False])
async def test_at_a_terminal_settling_anyway_asks_for_a_yes(bench: Bench, yes: bool) -> None:
    """
    The question names what will happen; no changes nothing.
    """
    one = await mixed(bench)
    bench.workshop.person = person = Somebody(yes)

    if yes:
        await settle_anyway(bench.workshop, one.id)
    else:
        with pytest.raises(ApprovalNeeded, match="Nothing was changed"):
            await settle_anyway(bench.workshop, one.id)

    assert f"supplier order {OTHER} will still be delivered" in person.asked[0]
    assert (Stage.SETTLING if yes else Stage.NEEDS_OPERATOR) is bench.again(one).stage


@pytest.mark.parametrize(
    "stages, words",
    [
        ((OrderStage.APPROVED, OrderStage.QUEUED), "not every supplier has answered"),
        ((OrderStage.APPROVED, OrderStage.AWAITING_DECISION), "not every supplier has answered"),
        ((OrderStage.REFUSED, OrderStage.AWAITING_DECISION), "not every supplier has answered"),
        ((OrderStage.APPROVED, OrderStage.UNCERTAIN), "nobody knows yet whether"),
        ((OrderStage.REFUSED, OrderStage.UNCERTAIN), "nobody knows yet whether"),
        ((OrderStage.REFUSED, OrderStage.NOT_CANCELLABLE), "no supplier order .* was withdrawn"),
        ((OrderStage.APPROVED, OrderStage.ALREADY_CANCELLED), "every supplier order .* was withdrawn"),
    ],
)
async def test_only_mixed_answers_are_settled_anyway(
    bench: Bench, stages: tuple[OrderStage, OrderStage], words: str
) -> None:
    """
    Never while an order is uncertain or undecided, nor where nothing, or all, was withdrawn.
    """
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    for order, stage in zip(one.orders, stages, strict=True):
        bench.ledger.move_order(order, stage, None)

    with pytest.raises(BadInput, match=words):
        await settle_anyway(bench.workshop, one.id)

    assert "settle_anyway" not in whats(bench, one)


async def test_what_leaves_the_shop_alone_is_not_settled_anyway(bench: Bench) -> None:
    """
    With ``--settle never`` that is changed first; without a shop order there is nothing to settle.
    """
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001", settle=Settle.NEVER))
    for order, stage in zip(one.orders, (OrderStage.APPROVED, OrderStage.REFUSED), strict=True):
        bench.ledger.move_order(order, stage, None)
    alone = await ask(bench.workshop, asks(THIRD))

    with pytest.raises(BadInput, match="leaves the shop order alone") as caught:
        await settle_anyway(bench.workshop, one.id)
    with pytest.raises(BadInput, match="has no shop order to settle"):
        await settle_anyway(bench.workshop, alone.id)

    assert f"countermand change {one.id} --settle on-approval" in caught.value.next


async def test_the_guard_stops_settling_anyway_too(bench: Bench) -> None:
    """
    The shop order was fulfilled meanwhile: nothing is sent, a person decides, and saying it again tries once more.
    """
    one = await mixed(bench)
    bench.shop.cancels = [ShopGuarded("it was fulfilled")]
    await settle_anyway(bench.workshop, one.id)
    stopped = await goes_on(bench, one)

    await settle_anyway(bench.workshop, one.id)
    done = await goes_on(bench, one)

    assert (Stage.NEEDS_OPERATOR, ShopStage.STOPPED, ErrorKind.SHOP_GUARD) == (
        stopped.stage,
        stopped.shop_stage,
        stopped.error and stopped.error.kind,
    )
    assert (Stage.DONE, 1) == (done.stage, whats(bench, one).count("settle_anyway"))


async def test_a_shop_that_is_down_is_tried_again_by_itself(bench: Bench) -> None:
    """
    The word stands: nobody has to give it again when the shop did not answer.
    """
    one = await mixed(bench)
    bench.shop.cancels = [Retryable("no answer")]
    await settle_anyway(bench.workshop, one.id)
    await goes_on(bench, one)
    bench.clock.forward(timedelta(minutes=10).total_seconds())

    assert Stage.DONE is (await goes_on(bench, one)).stage


async def test_asking_the_supplier_again_takes_the_word_back(bench: Bench) -> None:
    """
    Before the shop order is touched a person may still ask once more: then the answers are weighed anew.
    """
    one = await mixed(bench)
    bench.shop.cancels = [ShopGuarded("it was fulfilled")]
    await settle_anyway(bench.workshop, one.id)
    await goes_on(bench, one)
    bench.workshop.person = Somebody(yes=True)
    await ask_again(bench.workshop, one.id)
    bench.portal.acts = [fails(NotCancellable("it was shipped"))]

    after = await goes_on(bench, one)

    assert (Stage.NEEDS_OPERATOR, ErrorKind.MIXED_DECISIONS) == (after.stage, after.error and after.error.kind)
    assert 1 == len(bench.shop.cancelled)


async def test_while_the_shop_order_may_be_cancelled_the_supplier_is_not_asked_again(bench: Bench) -> None:
    """
    The cancellation was sent and its end is not known: that comes to its end first.
    """
    one = await mixed(bench)
    bench.shop.cancels = [Uncertain("no answer")]
    await settle_anyway(bench.workshop, one.id)
    await goes_on(bench, one)
    bench.workshop.person = Somebody(yes=True)

    with pytest.raises(BadInput, match="is being cancelled: the supplier cannot be asked again now"):
        await ask_again(bench.workshop, one.id)
    with pytest.raises(BadInput, match="cannot be abandoned now"):
        abandon(bench.workshop, one.id)


# -- while a fulfillment service is waited for


WAITS = ShopWaiting(what="the warehouse was asked to let go of the shop order #1001, and has not answered")


async def waiting(bench: Bench) -> Cancellation:
    """The supplier has agreed, and somebody at the shop has to let go."""
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW)]
    bench.shop.waits = [WAITS]
    return await goes_on(bench, one)


async def later(bench: Bench, one: Cancellation) -> Cancellation:
    bench.clock.forward(timedelta(minutes=2).total_seconds())
    return await goes_on(bench, one)


async def test_an_order_joins_while_the_shop_order_waits_for_a_service(bench: Bench) -> None:
    """
    Nothing was cancelled yet: the further order is withdrawn at once, and the shop order is cancelled after both.
    """
    one = await waiting(bench)
    joined = await ask(bench.workshop, asks(OTHER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW)]

    done = await later(bench, one)

    assert (Stage.SETTLING, Stage.OPEN, Stage.DONE) == (one.stage, joined.stage, done.stage)
    assert ([ORDER, OTHER], 1) == (bench.portal.asked, len(bench.shop.cancelled))


async def test_choices_are_changed_while_the_shop_order_waits_for_a_service(bench: Bench) -> None:
    """
    The answers that stand when it is cancelled are sent.
    """
    one = await waiting(bench)

    change(bench.workshop, one.id, Change(refund=Refund.LATER))
    done = await later(bench, one)

    assert Stage.DONE is done.stage
    assert [Refund.LATER] == [choices.refund for choices in bench.shop.cancelled]


async def test_what_joins_while_the_shop_is_asked_goes_on_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It joins in the middle of the visit that finds a service to be waited for: its own visit does not wait for the service.
    """
    one = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.portal.acts = [ends(NOW)]
    engine, other = bench.engine(), bench.beside()
    await engine.advance(bench.clock.now(), [one.id])

    async def joined_meanwhile(gid: str) -> ShopWaiting:
        assert other.ledger.join(other.ledger.get(one.id), asks(OTHER).wanted) is not None
        return WAITS

    with monkeypatch.context() as patched:
        patched.setattr(bench.shop, "take_back", joined_meanwhile)
        await engine.advance(bench.clock.now(), [one.id])
    other.close()

    now = bench.again(one)
    assert (Stage.OPEN, ShopStage.WAITING, bench.clock.now()) == (now.stage, now.shop_stage, now.due_at)
    bench.portal.acts = [ends(NOW)]
    assert Stage.DONE is (await goes_on(bench, one)).stage


async def test_settled_anyway_it_is_taken_back_first(bench: Bench) -> None:
    """
    A person's word and a silent service: the word stands until the service has let go.
    """
    one = await mixed(bench)
    bench.shop.waits = [WAITS]
    await settle_anyway(bench.workshop, one.id)
    waits = await goes_on(bench, one)

    done = await later(bench, one)

    assert (Stage.SETTLING, ShopStage.WAITING, Stage.DONE) == (waits.stage, waits.shop_stage, done.stage)


async def test_a_shop_order_is_not_given_afterwards_to_an_order_that_has_none(bench: Bench) -> None:
    """
    One was asked for without a shop order; with it and with another, that is the difference that is named.
    """
    alone = await ask(bench.workshop, asks(ORDER))
    bench.ledger.move_order(alone.orders[0], OrderStage.APPROVED, None)

    with pytest.raises(BadInput, match=f"{alone.id} was asked for with other choices: .*shop order none, not #1001"):
        await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
