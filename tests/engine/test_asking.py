"""Asking: the same request twice is one cancellation, another one for the same order is refused by name."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agent.engine.asking import Request, ask
from agent.engine.records import Cancellation
from agent.errors import BadInput, CountermandError, OrderNotFound, Retryable, TargetMissing
from agent.model import ErrorKind, OrderStage, Reason, ReasonChoice, Refund, Settle, ShopReason, ShopStage, Stage
from tests.engine.bench import ORDER, OTHER, SHOP_CHOICES, THIRD, Bench, asks


def ids(bench: Bench) -> set[str]:
    return {one.id for one in bench.ledger.newest()}


def stop(bench: Bench, one: Cancellation, error: CountermandError) -> None:
    """A visit submitted nothing and needs a person."""
    bench.ledger.fail(one.id, error, None, stage=Stage.NEEDS_OPERATOR)


# -- the same again


async def test_the_same_request_is_the_same_cancellation(bench: Bench) -> None:
    """
    Asking again with the same choices gives the same id, and makes it due now.
    """
    first = await ask(bench.workshop, asks(shop_order="#1001"))
    bench.ledger.postpone(first.id, bench.clock.now() + timedelta(hours=1))

    second = await ask(bench.workshop, asks(shop_order="#1001"))

    assert first.id == second.id
    assert bench.clock.now() == second.due_at
    assert {first.id} == ids(bench)


async def test_the_order_in_which_orders_are_named_makes_no_difference(bench: Bench) -> None:
    """
    Two supplier orders of one shop order are the same two, whichever comes first.
    """
    first = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))

    assert first.id == (await ask(bench.workshop, asks(OTHER, ORDER, shop_order="#1001"))).id


async def test_what_is_done_is_shown_again(bench: Bench) -> None:
    """
    The same request after everything is done is that cancellation, and nothing is due.
    """
    first = await ask(bench.workshop, asks())
    bench.ledger.move_order(first.orders[0], OrderStage.APPROVED, None)

    second = await ask(bench.workshop, asks())

    assert (first.id, Stage.DONE, None) == (second.id, second.stage, second.due_at)


async def test_the_same_shop_order_by_another_name_is_the_same(bench: Bench) -> None:
    """
    ``1001`` and ``#1001`` mean one shop order: what counts is what the shop calls it.
    """
    first = await ask(bench.workshop, asks(shop_order="#1001"))

    assert first.id == (await ask(bench.workshop, asks(shop_order="1001"))).id
    assert ["#1001", "1001"] == bench.shop.found


async def test_asking_again_needs_no_shop(bench: Bench) -> None:
    """
    The same words for the same shop order are not looked up again, so that asking again works while the shop is down.
    """
    first = await ask(bench.workshop, asks(shop_order="#1001"))
    bench.shop.is_down = True

    assert first.id == (await ask(bench.workshop, asks(shop_order="#1001"))).id
    assert ["#1001"] == bench.shop.found


async def test_two_that_ask_at_once_get_the_same_cancellation(bench: Bench) -> None:
    """
    Two processes that ask for one order in the same moment share one cancellation.
    """
    others = [bench.beside() for _ in range(2)]

    got = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, ask(other.workshop, asks(shop_order="#1001"))) for other in others)
    )
    for other in others:
        other.close()

    assert ids(bench) == {one.id for one in got}
    assert 1 == len(ids(bench))


# -- not the same


@pytest.mark.parametrize(
    "other, difference",
    [
        (asks(shop_order="#1001", reason=ReasonChoice(key=Reason.DUPLICATE)), "reason no_longer_needed, not duplicate"),
        (
            asks(shop_order="#1001", reason=ReasonChoice(text="Duplicate")),
            "reason no_longer_needed, not “Duplicate”",
        ),
        (asks(shop_order="#1001", settle=Settle.NEVER), "settle on-approval, not never"),
        (asks(), "shop main, not none; shop order #1001, not none"),
        (
            asks(shop_order="#1001", shop_choices=SHOP_CHOICES.model_copy(update={"refund": Refund.LATER})),
            "refund now, not later",
        ),
        (
            asks(shop_order="#1001", shop_choices=SHOP_CHOICES.model_copy(update={"reason": ShopReason.FRAUD})),
            "shop reason customer, not fraud",
        ),
        (
            asks(shop_order="#1001", shop_choices=SHOP_CHOICES.model_copy(update={"note": None})),
            "note by phone, not none",
        ),
        (
            asks(shop_order="#1001", shop_choices=SHOP_CHOICES.model_copy(update={"restock": False})),
            "restock yes, not no",
        ),
        (
            asks(shop_order="#1001", shop_choices=SHOP_CHOICES.model_copy(update={"notify": True})),
            "notify no, not yes",
        ),
        (asks(shop_order="#1001", account="second"), "account main, not second"),
    ],
)
async def test_other_choices_are_refused_by_name(bench: Bench, other: Request, difference: str) -> None:
    """
    Another request for the same order says what is different, and changes nothing.
    """
    first = await ask(bench.workshop, asks(shop_order="#1001"))
    events = bench.ledger.events(first.id)

    with pytest.raises(BadInput) as caught:
        await ask(bench.workshop, other)

    assert f"cancellation {first.id} was asked for with other choices: {difference}." == caught.value.message
    assert first == bench.again(first)
    assert events == bench.ledger.events(first.id)


async def test_every_difference_is_named(bench: Bench) -> None:
    """
    Two differences are both said at once.
    """
    await ask(bench.workshop, asks(shop_order="#1001"))
    changed = SHOP_CHOICES.model_copy(update={"refund": Refund.LATER, "notify": True})

    with pytest.raises(BadInput, match="refund now, not later; notify no, not yes"):
        await ask(bench.workshop, asks(shop_order="#1001", shop_choices=changed))


async def test_orders_of_several_cancellations_are_not_one(bench: Bench) -> None:
    """
    Two orders that belong to two cancellations cannot be asked for as one.
    """
    one, other = await ask(bench.workshop, asks(ORDER)), await ask(bench.workshop, asks(OTHER))

    with pytest.raises(BadInput) as caught:
        await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))

    assert f"these orders belong to several cancellations already: {', '.join(sorted((one.id, other.id)))}." == (
        caught.value.message
    )


@pytest.mark.parametrize("stage", [ShopStage.SETTLING, ShopStage.CANCELLED])
async def test_a_shop_order_is_cancelled_through_one_cancellation(bench: Bench, stage: ShopStage) -> None:
    """
    Another supplier order cannot be given for a shop order that is being cancelled, or was.
    """
    first = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.ledger.move_order(first.orders[0], OrderStage.APPROVED, None)
    bench.ledger.move_shop(first.id, stage, None)

    with pytest.raises(BadInput, match=f"shop order #1001 belongs to cancellation {first.id} already, with .* {ORDER}"):
        await ask(bench.workshop, asks(OTHER, shop_order="#1001"))

    assert {first.id} == ids(bench)


# -- afresh


async def test_what_could_not_be_cancelled_may_be_asked_afresh(bench: Bench) -> None:
    """
    Refused without a stamp: the same request is a new cancellation, as the order may have changed meanwhile.
    """
    first = await ask(bench.workshop, asks(shop_order="#1001"))
    bench.ledger.move_order(first.orders[0], OrderStage.NOT_CANCELLABLE, None)

    second = await ask(bench.workshop, asks(shop_order="#1001"))

    assert first.id != second.id
    assert (Stage.REFUSED, Stage.OPEN) == (bench.again(first).stage, second.stage)
    assert "freed" == bench.ledger.events(first.id)[-1].what


async def test_what_the_seller_refused_is_not_asked_afresh(bench: Bench) -> None:
    """
    After a stamp a refusal stands: the same request shows it, and only a person may try again.
    """
    first = await ask(bench.workshop, asks())
    await bench.stamper(first.orders[0]).arm("details.cancel", ORDER)
    bench.ledger.move_order(first.orders[0], OrderStage.REFUSED, None, outcome="seller_refused")

    second = await ask(bench.workshop, asks())

    assert (first.id, Stage.REFUSED, None) == (second.id, second.stage, second.due_at)


async def test_the_shop_order_of_a_refused_cancellation_is_free(bench: Bench) -> None:
    """
    Where nothing was submitted because the number was none, the shop order may be asked for with the right one.
    """
    first = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.ledger.move_order(first.orders[0], OrderStage.NOT_CANCELLABLE, None)
    bench.ledger.fail(first.id, OrderNotFound("the account has no such order"), None)

    second = await ask(bench.workshop, asks(OTHER, shop_order="#1001"))

    assert {first.id, second.id} == ids(bench)


async def test_what_will_be_delivered_is_not_forgotten_over_another_order(bench: Bench) -> None:
    """
    One supplier order behind the shop order has shipped: the other alone would have the customer paid back for both.
    """
    first = await ask(bench.workshop, asks(ORDER, shop_order="#1001"))
    bench.ledger.move_order(first.orders[0], OrderStage.NOT_CANCELLABLE, None)

    with pytest.raises(BadInput, match=f"{ORDER} .not cancellable., and that is refused") as caught:
        await ask(bench.workshop, asks(OTHER, shop_order="#1001"))
    both = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))

    assert "Name all supplier orders" in caught.value.next
    assert [OrderStage.QUEUED] * 2 == [order.stage for order in both.orders]


async def test_a_reason_that_is_not_offered_may_be_changed(bench: Bench) -> None:
    """
    A request that could not be carried out as it was, and submitted nothing, may be given again otherwise.
    """
    first = await ask(bench.workshop, asks())
    stamper = bench.stamper(first.orders[0])
    await stamper.arm("details.cancel", ORDER)
    await stamper.unsent("reason_asked")
    stop(bench, first, BadInput("the page does not offer the reason"))

    second = await ask(bench.workshop, asks(reason=ReasonChoice(key=Reason.OTHER)))

    assert first.id != second.id
    assert Stage.ABANDONED == bench.again(first).stage


async def test_the_same_bad_request_goes_on_with_the_same_cancellation(bench: Bench) -> None:
    """
    Given again unchanged, such a request tries again under its old id.
    """
    first = await ask(bench.workshop, asks())
    stop(bench, first, BadInput("the browser is not there"))

    assert first.id == (await ask(bench.workshop, asks())).id


async def test_any_other_stop_does_not_open_the_choices(bench: Bench) -> None:
    """
    Where the portal had changed, the choices were not at fault: others are refused by name.
    """
    first = await ask(bench.workshop, asks())
    stop(bench, first, TargetMissing("cannot find it"))

    with pytest.raises(BadInput, match="reason no_longer_needed, not other"):
        await ask(bench.workshop, asks(reason=ReasonChoice(key=Reason.OTHER)))


async def test_a_bad_request_with_a_stamp_out_is_not_changed(bench: Bench) -> None:
    """
    Once a click may have been made, other choices are refused, whatever the error was.
    """
    first = await ask(bench.workshop, asks())
    await bench.stamper(first.orders[0]).arm("details.cancel", ORDER)
    stop(bench, first, BadInput("whatever"))

    with pytest.raises(BadInput, match="with other choices"):
        await ask(bench.workshop, asks(reason=ReasonChoice(key=Reason.OTHER)))


# -- the shop cannot be read


async def test_without_the_shop_nothing_is_claimed(bench: Bench) -> None:
    """
    A shop order that cannot be looked up is not asked for: its supplier order stays free.
    """
    bench.shop.is_down = True

    with pytest.raises(Retryable) as caught:
        await ask(bench.workshop, asks(THIRD, shop_order="#1001"))

    assert ErrorKind.RETRYABLE == caught.value.kind
    assert set() == ids(bench)


async def test_without_a_shop_order_the_shop_is_not_asked(bench: Bench) -> None:
    """
    The supplier side alone works while the shop is down.
    """
    bench.shop.is_down = True

    asked = await ask(bench.workshop, asks())

    assert (ShopStage.NONE, []) == (asked.shop_stage, bench.shop.found)


async def test_a_shop_that_is_not_in_the_settings_is_a_sentence(bench: Bench) -> None:
    """
    A request that names a shop the settings no longer have says so.
    """
    request = asks(shop_order="#1001")

    with pytest.raises(BadInput, match="there is no shop called other"):
        await ask(
            bench.workshop,
            Request(request.wanted, request.reason, shop="other", shop_order="#1", shop_choices=SHOP_CHOICES),
        )

    assert set() == ids(bench)
