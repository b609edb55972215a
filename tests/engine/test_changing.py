"""
``change``: the answers for the shop are altered until the shop order is being cancelled, and never half used.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agent.engine.asking import ask
from agent.engine.before_settling import Change
from agent.engine.deciding import abandon, change
from agent.engine.records import Cancellation
from agent.errors import BadInput, ShopGuarded, Uncertain
from agent.model import OrderStage, Refund, Settle, ShopReason, Stage, Submission
from agent.storefront import ShopSettlement
from tests.engine.bench import ORDER, OTHER, SHOP_CHOICES, Bench, asks, ends, settlement

CHANGED = SHOP_CHOICES.model_copy(update={"refund": Refund.LATER, "note": "Jane called", "notify": True})
CHANGE = Change(refund=Refund.LATER, note="Jane called", notify=True)


async def asked(bench: Bench) -> Cancellation:
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    return await ask(bench.workshop, asks(shop_order="#1001"))


async def goes_on(bench: Bench, one: Cancellation) -> Cancellation:
    engine = bench.engine()
    while await engine.advance(bench.clock.now(), [one.id]):
        pass
    return bench.again(one)


async def test_a_change_before_settling_is_what_is_sent(bench: Bench) -> None:
    """
    The shop is told the new choices, and an event says who altered what; what a note says is not in it.
    """
    one = await asked(bench)

    change(bench.workshop, one.id, CHANGE)
    done = await goes_on(bench, one)

    event = next(event for event in bench.ledger.events(one.id) if event.what == "changed")
    assert (Stage.DONE, [CHANGED]) == (done.stage, bench.shop.cancelled)
    assert ("operator", {"refund": "now, now later", "notify": "no, now yes", "note": "replaced"}) == (
        event.actor,
        event.detail,
    )
    assert not any("Jane" in str(event) for event in bench.ledger.events(one.id))


@pytest.mark.parametrize(
    "wanted, field, after",
    [
        (Change(refund=Refund.LATER), "refund", Refund.LATER),
        (Change(reason=ShopReason.FRAUD), "reason", ShopReason.FRAUD),
        (Change(note=""), "note", None),
        (Change(note="other"), "note", "other"),
        (Change(restock=False), "restock", False),
        (Change(notify=True), "notify", True),
    ],
)
async def test_each_answer_can_be_altered_alone(bench: Bench, wanted: Change, field: str, after: Any) -> None:
    """
    One answer is altered, all others stay.
    """
    one = await asked(bench)

    change(bench.workshop, one.id, wanted)

    assert SHOP_CHOICES.model_copy(update={field: after}) == bench.again(one).choices.shop_choices


async def test_asking_again_goes_by_the_changed_choices(bench: Bench) -> None:
    """
    The changed choices are the same request then, the old ones are another.
    """
    one = await asked(bench)
    change(bench.workshop, one.id, CHANGE)

    assert one.id == (await ask(bench.workshop, asks(shop_order="#1001", shop_choices=CHANGED))).id
    with pytest.raises(BadInput, match="refund later, not now; note Jane called, not by phone; notify yes, not no"):
        await ask(bench.workshop, asks(shop_order="#1001"))


async def test_a_change_to_what_it_is_already_is_no_event(bench: Bench) -> None:
    """
    Nothing is written where nothing is different.
    """
    one = await asked(bench)
    before = bench.ledger.events(one.id)

    assert {} == change(bench.workshop, one.id, Change(refund=Refund.NOW, note="by phone"))
    assert before == bench.ledger.events(one.id)


async def test_a_change_moves_no_date_and_lets_nothing_go_on(bench: Bench) -> None:
    """
    What waits for its next look, or for a person, waits as it did.
    """
    one = await asked(bench)
    bench.shop.cancels = [ShopGuarded("it was fulfilled")]
    stopped = await goes_on(bench, one)
    other = bench.claim(OTHER)
    bench.ledger.postpone(other.id, bench.clock.now() + timedelta(hours=3))

    change(bench.workshop, one.id, CHANGE)

    assert (Stage.NEEDS_OPERATOR, stopped.due_at, stopped.error) == (
        bench.again(one).stage,
        bench.again(one).due_at,
        bench.again(one).error,
    )


async def test_a_change_in_the_last_moment_is_used_as_a_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The visit that settles has begun to wait for the shop: what it sends is what stands when it begins to send.
    """
    one = await asked(bench)
    engine, other = bench.engine(), bench.beside()
    await engine.advance(bench.clock.now(), [one.id])
    begin = bench.ledger.begin_settlement

    def changed_just_before(id: str, visit: str) -> object:
        other.ledger.change(id, CHANGE)
        return begin(id, visit)

    monkeypatch.setattr(bench.ledger, "begin_settlement", changed_just_before)
    await engine.advance(bench.clock.now(), [one.id])
    other.close()

    assert [CHANGED] == bench.shop.cancelled


async def test_during_the_settlement_nothing_is_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Once the shop order is being cancelled a change is refused; what was sent is what stands in the ledger.
    """
    one = await asked(bench)
    refused: list[BadInput] = []
    cancel = bench.shop.cancel

    async def meanwhile(gid: str, choices: Any) -> ShopSettlement:
        with pytest.raises(BadInput) as caught:
            change(bench.workshop, one.id, CHANGE)
        refused.append(caught.value)
        return await cancel(gid, choices)

    monkeypatch.setattr(bench.shop, "cancel", meanwhile)
    done = await goes_on(bench, one)

    assert "is being cancelled: its choices cannot be changed now" in refused[0].message
    assert ([SHOP_CHOICES], SHOP_CHOICES) == (bench.shop.cancelled, done.choices.shop_choices)


async def test_what_may_have_been_sent_is_not_changed(bench: Bench) -> None:
    """
    The cancellation was sent and its end is not known: its choices are those it was sent with.
    """
    one = await asked(bench)
    bench.shop.cancels = [Uncertain("no answer")]
    await goes_on(bench, one)

    with pytest.raises(BadInput, match=f"#1001 of cancellation {one.id} is being cancelled") as caught:
        change(bench.workshop, one.id, CHANGE)

    assert f"countermand retry {one.id}" in caught.value.next


@pytest.mark.parametrize("ending", ["cancelled", "cancelled by others", "abandoned", "left alone", "no shop order"])
async def test_what_is_over_is_not_changed(bench: Bench, ending: str) -> None:
    """
    Each ending has its sentence, and nothing is altered.
    """
    words = {
        "cancelled": "cancelled in the shop already",
        "cancelled by others": "cancelled in the shop already",
        "abandoned": "is abandoned, which is final",
        "left alone": "is done, which is final",
        "no shop order": "has no shop order",
    }
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    settle = Settle.NEVER if ending == "left alone" else Settle.ON_APPROVAL
    one = await ask(
        bench.workshop, asks(ORDER, settle=settle, shop_order=None if ending == "no shop order" else "#1001")
    )
    if ending == "cancelled by others":
        bench.shop.cancels = [settlement(None)]
    if ending == "abandoned":
        abandon(bench.workshop, one.id)
    elif ending != "no shop order":
        await goes_on(bench, one)
    before = bench.again(one)

    with pytest.raises(BadInput, match=words[ending]) as caught:
        change(bench.workshop, one.id, CHANGE)

    assert caught.value.next
    assert before == bench.again(one)


async def test_settling_may_be_called_off_and_on(bench: Bench) -> None:
    """
    ``--settle never`` on what was about to settle: it is done, and the shop order is left alone.
    """
    one = await asked(bench)
    change(bench.workshop, one.id, Change(settle=Settle.NEVER))
    change(bench.workshop, one.id, Change(settle=Settle.ON_APPROVAL))
    bench.ledger.move_order(one.orders[0], OrderStage.APPROVED, None)
    assert Stage.SETTLING is bench.again(one).stage

    change(bench.workshop, one.id, Change(settle=Settle.NEVER))
    done = await goes_on(bench, one)

    assert (Stage.DONE, []) == (done.stage, bench.shop.cancelled)
