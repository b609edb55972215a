"""
Marks in the shop: off unless the policy names them, written once, and never what undoes "done".
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.engine.asking import ask
from agent.engine.deciding import settle_anyway
from agent.engine.records import Cancellation
from agent.errors import BadInput, Refused, Retryable, SignInNeeded, Uncertain
from agent.model import ShopStage, Stage, Submission
from agent.settings import ShopPolicy
from agent.storefront import Marks
from tests.engine.bench import ORDER, OTHER, Bench, asks, ends, fails, settlement

TAG, FIELD = "supplier-cancelled", "countermand.result"


def wants(bench: Bench, **policy: str) -> None:
    """The shop's policy names marks."""
    shop = bench.settings.shops["main"].model_copy(update={"policy": ShopPolicy.model_validate(policy)})
    bench.settings = bench.workshop.settings = bench.settings.model_copy(update={"shops": {"main": shop}})


async def goes_on(bench: Bench, one: Cancellation) -> Cancellation:
    engine = bench.engine()
    while await engine.advance(bench.clock.now(), [one.id]):
        pass
    return bench.again(one)


async def done(bench: Bench) -> Cancellation:
    """An order that was withdrawn and settled."""
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    return await goes_on(bench, await ask(bench.workshop, asks(shop_order="#1001")))


def events(bench: Bench, one: Cancellation) -> list[str]:
    return [event.what for event in bench.ledger.events(one.id) if "marked" in event.what]


async def test_by_default_nothing_is_written(bench: Bench) -> None:
    """
    A policy that names no mark writes none, and nothing is due once it is done.
    """
    one = await done(bench)

    assert (Stage.DONE, None, [], []) == (one.stage, one.due_at, bench.shop.marked, events(bench, one))


async def test_marks_are_written_once_it_is_done(bench: Bench) -> None:
    """
    After the shop order was read back as cancelled the tag and the text are written, once.
    """
    wants(bench, tag=TAG, metafield=FIELD)

    one = await done(bench)
    await bench.engine().advance_one(one.id)

    text = f"Cancelled by countermand ({one.id}). Supplier order {ORDER} was withdrawn."
    assert [Marks(tag=TAG, metafield=FIELD, text=text)] == bench.shop.marked
    assert (Stage.DONE, None, ["marked"]) == (one.stage, one.due_at, events(bench, one))


async def test_the_text_says_what_is_still_delivered(bench: Bench) -> None:
    """
    Settled anyway: staff read which supplier order comes all the same.
    """
    wants(bench, metafield=FIELD)
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE), fails(Refused("no"), after="arm")]
    await goes_on(bench, one)
    await settle_anyway(bench.workshop, one.id)
    await goes_on(bench, one)

    assert bench.shop.marked[0].text.endswith(
        f"Supplier order {ORDER} was withdrawn. Supplier order {OTHER} will still be delivered."
    )


@pytest.mark.parametrize(
    "error", [Retryable("no answer"), Uncertain("no answer"), SignInNeeded("no scope"), BadInput("no such tag")]
)
async def test_a_mark_that_fails_undoes_nothing_and_is_tried_again(bench: Bench, error: Exception) -> None:
    """
    Done stays done, with exit code 0; five minutes later it is written.
    """
    wants(bench, tag=TAG)
    bench.shop.marks = [error]
    one = await done(bench)
    after = bench.clock.now() + timedelta(minutes=5)

    assert (Stage.DONE, ShopStage.CANCELLED, None, 0) == (one.stage, one.shop_stage, one.error, bench.exit_code(one))
    assert (after, ["not_marked"]) == (one.due_at, events(bench, one))
    assert any("could not be marked" in said for said in bench.person.heard)
    bench.clock.forward(301)
    one = await goes_on(bench, one)
    assert (None, ["not_marked", "marked"]) == (one.due_at, events(bench, one))
    assert 1 == len(bench.shop.cancelled)


async def test_marking_is_given_up_with_a_word(bench: Bench) -> None:
    """
    After four tries nobody tries any more, and the last event says so.
    """
    wants(bench, tag=TAG)
    bench.shop.marks = [Retryable("no answer")] * 9
    one = await done(bench)
    for _ in range(8):
        bench.clock.forward(timedelta(hours=4).total_seconds())
        one = await goes_on(bench, one)

    assert (Stage.DONE, None, 4) == (one.stage, one.due_at, len(bench.shop.marked))
    assert "given up; mark it by hand" == (bench.ledger.events(one.id)[-1].detail or {})["then"]


async def test_a_process_that_ends_before_marking_loses_no_mark(bench: Bench) -> None:
    """
    It is due with the transaction that makes it done: whoever goes on writes it.
    """
    wants(bench, tag=TAG)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    engine = bench.engine()
    for _ in range(2):
        await engine.advance(bench.clock.now(), [one.id])
    assert (Stage.DONE, []) == (bench.again(one).stage, bench.shop.marked)

    other = bench.beside()
    await goes_on(other, one)
    other.close()

    assert 1 == len(bench.shop.marked)


async def test_two_that_mark_at_once_write_it_once(bench: Bench) -> None:
    """
    The second one finds it written.
    """
    wants(bench, tag=TAG)
    one = await done(bench)
    bench.ledger.postpone(one.id, bench.clock.now())

    one = await goes_on(bench, one)

    assert (None, 1) == (one.due_at, len(bench.shop.marked))


async def test_what_the_merchant_cancelled_is_not_marked(bench: Bench) -> None:
    """
    Nothing at all is sent to a shop order that others have cancelled.
    """
    wants(bench, tag=TAG)
    bench.shop.cancels = [settlement(None)]
    theirs = await done(bench)

    assert (ShopStage.ALREADY_CANCELLED, None, []) == (theirs.shop_stage, theirs.due_at, bench.shop.marked)


async def test_what_was_left_out_is_in_the_event(bench: Bench) -> None:
    """
    A field with another text is left as it is, and the event says so.
    """
    wants(bench, metafield=FIELD)
    bench.shop.marks = [("it holds another text",)]

    one = await done(bench)

    assert {"metafield": FIELD, "left_out": "it holds another text"} == bench.ledger.events(one.id)[-1].detail
