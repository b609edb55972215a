"""
What staff see on a cancelled order: written once, beside what the merchant has, whatever happens on the way.
"""

from __future__ import annotations

import pytest

from agent.errors import BadInput, Retryable, SignInNeeded, Uncertain
from agent.storefront import Marks
from fixtures.shopify.orders import Metafield, ShopOrder
from fixtures.shopify.switches import Failure
from flows.shopify.marking import mark_order
from tests.flows.shopify.bench import Bench

MARKS = Marks(tag="supplier-cancelled", metafield="countermand.result", text="Cancelled by countermand (c-1).")
OURS = ("countermand", "result", "multi_line_text_field", MARKS.text)


def order(bench: Bench) -> ShopOrder:
    """One with texts of the merchant's own."""
    found = bench.shop.orders["#1001"]
    found.note, found.tags = "Call before noon", ["vip"]
    found.metafields = [Metafield(namespace="custom", key="gift", value="yes")]
    return found


def fields(order: ShopOrder) -> list[tuple[str, str, str, str]]:
    """Its metafields, as far as somebody wrote them."""
    return [(one.namespace, one.key, one.type, one.value) for one in order.metafields]


def operations(bench: Bench) -> list[tuple[str, bool]]:
    return [(line.operation, line.executed) for line in bench.shop.received]


async def test_a_tag_and_a_text_are_added_beside_the_merchants(bench: Bench) -> None:
    """
    Tags, fields and note of the merchant stay as they are.
    """
    one = order(bench)

    assert () == await mark_order(bench.client, one.gid, MARKS)

    assert (["supplier-cancelled", "vip"], "Call before noon") == (one.tags, one.note)
    assert [("custom", "gift", "single_line_text_field", "yes"), OURS] == fields(one)
    assert [("tagsAdd", True), ("metafieldsSet", True)] == operations(bench)


async def test_marking_again_writes_nothing(bench: Bench) -> None:
    """
    It looks first: what is there is not written a second time, whatever the tag's capitals.
    """
    one = order(bench)
    await mark_order(bench.client, one.gid, MARKS)
    one.tags = ["Supplier-Cancelled", "vip"]

    await mark_order(bench.client, one.gid, MARKS)

    assert 2 == len(bench.shop.received)


@pytest.mark.parametrize(
    "marks, sent",
    [
        (Marks(), []),
        (Marks(tag="x"), ["tagsAdd"]),
        (Marks(metafield="countermand.result", text="x"), ["metafieldsSet"]),
    ],
)
async def test_only_what_is_named_is_written(bench: Bench, marks: Marks, sent: list[str]) -> None:
    """
    A tag alone, a text alone, or nothing.
    """
    await mark_order(bench.client, order(bench).gid, marks)

    assert sent == [line.operation for line in bench.shop.received]


async def test_another_text_in_the_field_is_kept(bench: Bench) -> None:
    """
    The merchant's words are not overwritten; that is said, and it is not sent at all.
    """
    one = order(bench)
    theirs = Metafield(namespace="countermand", key="result", value="typed by hand")
    one.metafields = [theirs]

    left_out = await mark_order(bench.client, one.gid, MARKS)

    assert ("the metafield countermand.result of #1001 holds another text, which was left as it is",) == left_out
    assert ([theirs], [("tagsAdd", True)]) == (one.metafields, operations(bench))


async def test_a_text_that_came_in_between_is_kept_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Somebody writes between our reading and our writing: the shop refuses ours, because it was to be written where nothing is.
    """
    one = order(bench)
    theirs = Metafield(namespace="countermand", key="result", value="typed by hand")
    change = bench.client.change

    async def somebody_is_faster(*arguments: object) -> object:
        one.metafields = [theirs]
        return await change(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.client, "change", somebody_is_faster)

    assert 1 == len(await mark_order(bench.client, one.gid, MARKS))
    assert [theirs] == one.metafields


@pytest.mark.parametrize("was_executed", [True, False])
async def test_a_lost_answer_is_found_out_by_looking(bench: Bench, was_executed: bool) -> None:
    """
    Executed or not: the next call looks, and in the end each is there once.
    """
    one = order(bench)
    bench.shop.switches.only = "mutation"
    bench.shop.switches.fail_next = 2
    bench.shop.switches.fail_with = Failure.STATUS_502
    bench.shop.switches.fail_when = "after" if was_executed else "before"

    with pytest.raises(Uncertain):
        await mark_order(bench.client, one.gid, MARKS)
    await mark_order(bench.client, one.gid, MARKS)

    assert (["supplier-cancelled", "vip"], 2) == (one.tags, len(one.metafields))
    assert 2 == len([executed for _, executed in operations(bench) if executed])


async def test_a_tag_that_fails_does_not_keep_the_text_back(bench: Bench) -> None:
    """
    Only the first change is lost: the text is written, and the failure is told all the same.
    """
    one = order(bench)
    bench.shop.switches.only = "mutation"
    bench.shop.switches.fail_next = 1

    with pytest.raises(Uncertain):
        await mark_order(bench.client, one.gid, MARKS)

    assert (["vip"], OURS) == (one.tags, fields(one)[-1])


async def test_a_shop_that_is_down_or_shut_is_told(bench: Bench) -> None:
    """
    No answer is for later; a missing scope is for a person. Nothing is written.
    """
    one = order(bench)
    bench.shop.switches.fail_next = 9
    with pytest.raises(Retryable):
        await mark_order(bench.client, one.gid, MARKS)
    bench.shop.switches.fail_next = 0
    bench.shop.switches.scopes = ("read_orders",)
    with pytest.raises(SignInNeeded, match="write_orders"):
        await mark_order(bench.client, one.gid, MARKS)

    assert ["vip"] == one.tags


async def test_what_the_shop_will_not_write_is_a_sentence(bench: Bench) -> None:
    """
    An empty text is refused by the shop, in its own words; an order that is gone is, too.
    """
    one = order(bench)

    with pytest.raises(
        BadInput, match=r"does not write the metafield countermand.result of #1001: Value can't be blank"
    ):
        await mark_order(bench.client, one.gid, MARKS.model_copy(update={"text": ""}))
    with pytest.raises(BadInput, match="has no order"):
        await mark_order(bench.client, "gid://shopify/Order/1", MARKS)
