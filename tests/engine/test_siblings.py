"""``more_orders_behind``: nobody is paid back for an order of which a part is still sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.engine.asking import ask
from agent.engine.records import Cancellation, Wanted
from agent.errors import BadInput
from agent.model import ErrorKind, OrderId, ShopStage, Stage, Submission
from agent.settings import ShopPolicy
from agent.storefront import ShopOrder, Source, SupplierNumber
from agent.walk import Stamper
from tests.engine.bench import GID, ORDER, OTHER, THIRD, Bench, asks, ends
from tests.engine.bench import request as requests

BEHIND = (Stage.NEEDS_OPERATOR, ErrorKind.MORE_ORDERS_BEHIND, 20)


def names(bench: Bench, *numbers: str) -> None:
    """The shop order's note names *numbers*."""
    bench.shop.numbers = [SupplierNumber(number=number, source=Source.NOTE) for number in numbers]


@pytest.fixture(autouse=True)
def by_default(bench: Bench) -> None:
    """The shop's settings have no policy."""
    policy_is(bench, ShopPolicy())


def policy_is(bench: Bench, policy: ShopPolicy) -> None:
    shop = bench.settings.shops["main"]
    shops = {"main": shop.model_copy(update={"policy": policy})}
    bench.workshop.settings = bench.settings.model_copy(update={"shops": shops})


def stands(bench: Bench, one: Cancellation) -> tuple[Stage, ErrorKind | None, int]:
    now = bench.again(one)
    return now.stage, now.error.kind if now.error else None, bench.exit_code(one)


async def advance(bench: Bench) -> None:
    await bench.engine().advance(bench.clock.now())


async def test_a_number_that_nobody_asked_for_stops_it_before_the_supplier_is_asked(bench: Bench) -> None:
    """
    The number, where it was found and both commands that go on are named; nothing is submitted, nothing is settled.
    """
    names(bench, ORDER, OTHER)
    one = await ask(bench.workshop, asks(shop_order="#1001"))

    await advance(bench)

    error = bench.again(one).error
    assert BEHIND == stands(bench, one)
    assert error is not None
    assert f"names further supplier orders that nobody asked for: {OTHER} (note)" in error.message
    assert "Nothing was submitted" in error.message
    assert f"countermand cancel {ORDER} {OTHER} --account main" in error.next
    assert "--only-these" in error.next
    assert "by phone" not in error.message + error.next
    assert ([], [], []) == (bench.portal.asked, bench.shop.cancelled, bench.stamps())


@pytest.mark.parametrize("numbers", [(ORDER,), ("12345", ORDER)])
async def test_what_was_asked_for_is_not_more(bench: Bench, numbers: tuple[str, ...]) -> None:
    """
    The shop order names what was asked for, and something that is no number of the portal.
    """
    names(bench, *numbers)
    one = await ask(bench.workshop, replace(asks(shop_order="#1001"), queued=True))

    await advance(bench)

    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)


async def test_only_these_goes_on_with_it(bench: Bench) -> None:
    """
    ``cancel --only-these`` on what stopped is the same cancellation, which goes on; again it is the same once more.
    """
    names(bench, ORDER, OTHER)
    request = asks(shop_order="#1001")
    one = await ask(bench.workshop, request)
    await advance(bench)

    again = await ask(bench.workshop, replace(request, only_these=True))
    await advance(bench)
    once_more = await ask(bench.workshop, replace(request, only_these=True))

    assert one.id == again.id == once_more.id
    assert [ORDER] == bench.portal.asked
    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)
    assert "vouched" in [event.what for event in bench.ledger.events(one.id)]


async def test_only_these_from_the_start_is_a_choice(bench: Bench) -> None:
    """
    With it nothing stops; without it the request is another one, and the sentence names that.
    """
    names(bench, ORDER, OTHER)
    one = await ask(bench.workshop, replace(asks(shop_order="#1001"), only_these=True))

    await advance(bench)

    assert [ORDER] == bench.portal.asked
    with pytest.raises(BadInput, match=f"{one.id} was asked for with other choices: only these yes, not no"):
        await ask(bench.workshop, asks(shop_order="#1001"))


async def test_the_same_command_again_does_not_go_on(bench: Bench) -> None:
    """
    Without a word about the others it looks again, and stops again.
    """
    names(bench, ORDER, OTHER)
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    await advance(bench)

    await ask(bench.workshop, asks(shop_order="#1001"))
    await advance(bench)

    assert BEHIND == stands(bench, one)
    assert [] == bench.portal.asked


async def test_asking_for_all_of_them_goes_on(bench: Bench) -> None:
    """
    The other command that is named: the further order joins, and the same cancellation goes on with both.
    """
    names(bench, ORDER, OTHER)
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    await advance(bench)

    both = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    await advance(bench)
    await advance(bench)

    assert one.id == both.id
    assert [ORDER, OTHER] == bench.portal.asked
    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, both)


async def test_it_is_looked_at_before_each_submit(bench: Bench) -> None:
    """
    A number that appears after the first order was submitted stops the second, and the first is watched on.
    """
    names(bench, ORDER, OTHER)

    async def meanwhile(stamper: Stamper, order: OrderId) -> Submission:
        names(bench, ORDER, OTHER, THIRD)
        return await requests(stamper, order)

    bench.portal.acts = [meanwhile]
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    await advance(bench)
    await advance(bench)

    assert BEHIND == stands(bench, one)
    assert [ORDER] == bench.portal.asked
    assert bench.again(one).due_at is not None


async def test_a_link_counts_too(bench: Bench) -> None:
    """
    What a person linked to the shop order is behind it, whatever its texts say.
    """
    order = ShopOrder(gid=GID, name="#1001")
    bench.workshop.links.link(Wanted("aliexpress", "second", OTHER), "main", order, "operator")
    one = await ask(bench.workshop, asks(shop_order="#1001"))

    await advance(bench)

    assert BEHIND == stands(bench, one)
    assert f"{OTHER} (link)" in str(bench.again(one).error)


@pytest.mark.parametrize("queued, trusted, goes_on", [(False, False, True), (True, False, False), (True, True, True)])
async def test_where_nothing_is_named_somebody_must_know(
    bench: Bench, queued: bool, trusted: bool, goes_on: bool
) -> None:
    """
    A person's own command is the answer; a row of a file asks, unless the shop's policy is to trust.
    """
    if trusted:
        policy_is(bench, ShopPolicy(unknown_siblings="trust"))
    one = await ask(bench.workshop, replace(asks(shop_order="#1001"), queued=queued))

    await advance(bench)

    assert ([ORDER] if goes_on else []) == bench.portal.asked
    assert ((Stage.AWAITING_DECISION, None, 0) if goes_on else BEHIND) == stands(bench, one)
    if not goes_on:
        error = bench.again(one).error
        assert error is not None
        assert f"nobody was there to ask whether there are others than {ORDER}" in error.message
        assert 'unknown_siblings = "trust"' in error.next


@pytest.mark.parametrize("only_these", [False, True])
async def test_a_persons_command_answers_what_a_row_could_not(bench: Bench, only_these: bool) -> None:
    """
    The same request by a person goes on with what a file began, with --only-these or without.
    """
    one = await ask(bench.workshop, replace(asks(shop_order="#1001"), queued=True))
    await advance(bench)

    again = await ask(bench.workshop, replace(asks(shop_order="#1001"), only_these=only_these))
    await advance(bench)

    assert one.id == again.id
    assert [ORDER] == bench.portal.asked


async def test_the_same_file_again_does_not_answer(bench: Bench) -> None:
    """
    Nobody is there the second time, either.
    """
    request = replace(asks(shop_order="#1001"), queued=True)
    one = await ask(bench.workshop, request)
    await advance(bench)
    await ask(bench.workshop, request)
    await advance(bench)

    assert BEHIND == stands(bench, one)
    assert [] == bench.portal.asked


async def test_a_shop_order_that_is_fulfilled_is_said_first(bench: Bench) -> None:
    """
    Why it may not be cancelled at all matters more than what else is behind it.
    """
    names(bench, ORDER, OTHER)
    bench.shop.order = bench.shop.order.model_copy(update={"obstacle": "it is fulfilled"})
    one = await ask(bench.workshop, asks(shop_order="#1001"))

    await advance(bench)

    assert (Stage.REFUSED, ErrorKind.SHOP_GUARD, 40) == stands(bench, one)


async def test_without_a_shop_order_nothing_is_read(bench: Bench) -> None:
    """
    The control: a supplier order alone has no siblings.
    """
    names(bench, OTHER)
    one = await ask(bench.workshop, replace(asks(), queued=True))

    await advance(bench)

    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)


async def test_it_is_settled_in_the_end(bench: Bench) -> None:
    """
    After --only-these the shop order is cancelled once its supplier order is withdrawn.
    """
    names(bench, ORDER, OTHER)
    request = asks(shop_order="#1001")
    one = await ask(bench.workshop, request)
    await advance(bench)
    bench.portal.acts = [ends(Submission.CANCELLED_AT_ONCE)]
    await ask(bench.workshop, replace(request, only_these=True))
    await advance(bench)
    await advance(bench)

    assert (Stage.DONE, ShopStage.CANCELLED) == (bench.again(one).stage, bench.again(one).shop_stage)
    assert 1 == len(bench.shop.cancelled)


async def test_only_these_is_no_answer_that_leaves_out_what_was_asked_for(bench: Bench) -> None:
    """
    One was asked for and stopped; the other alone with --only-these would be two things at once: exit 2, and nothing is changed.
    """
    names(bench, ORDER, OTHER)
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    await advance(bench)

    with pytest.raises(BadInput, match="only these no, not yes"):
        await ask(bench.workshop, replace(asks(OTHER, shop_order="#1001"), only_these=True))

    assert (BEHIND, [ORDER]) == (stands(bench, one), [order.order_id for order in bench.again(one).orders])


async def test_all_but_one_may_be_asked_for_with_only_these(bench: Bench) -> None:
    """
    A further order joins, and the third that the shop order names is left be.
    """
    names(bench, ORDER, OTHER, THIRD)
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    await advance(bench)

    both = await ask(bench.workshop, replace(asks(ORDER, OTHER, shop_order="#1001"), only_these=True))
    await advance(bench)
    await advance(bench)

    assert one.id == both.id
    assert [ORDER, OTHER] == bench.portal.asked
    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)


async def test_what_is_out_goes_on_with_the_others_that_were_found(bench: Bench) -> None:
    """
    One was submitted before the shop order named another: asking for both has the other submitted, and the first one not again.
    """
    one = await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    await advance(bench)
    names(bench, ORDER, OTHER, THIRD)
    await advance(bench)
    stopped = stands(bench, one)

    await ask(bench.workshop, asks(ORDER, OTHER, THIRD, shop_order="#1001"))
    await advance(bench)
    await advance(bench)

    assert (BEHIND, [ORDER, OTHER, THIRD]) == (stopped, bench.portal.asked)
    assert (Stage.AWAITING_DECISION, None, 0) == stands(bench, one)


async def test_a_row_that_joins_asked_nobody(bench: Bench) -> None:
    """
    A person asked for one and a file adds another: the person did not know of it, so somebody must say that these are all.
    """
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    await ask(bench.workshop, replace(asks(OTHER, shop_order="#1001"), queued=True))
    await advance(bench)
    stopped = stands(bench, one)

    await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    await advance(bench)
    await advance(bench)

    assert (BEHIND, [ORDER, OTHER]) == (stopped, bench.portal.asked)


async def test_further_orders_of_another_account_have_a_command_of_their_own(bench: Bench) -> None:
    """
    One command takes one account; each of those that are named can be given as it stands, one after the other.
    """
    names(bench, ORDER, THIRD)
    order = ShopOrder(gid=GID, name="#1001")
    bench.workshop.links.link(Wanted("aliexpress", "second", OTHER), "main", order, "operator")
    one = await ask(bench.workshop, asks(shop_order="#1001"))
    await advance(bench)

    error = bench.again(one).error
    assert error is not None
    assert f"countermand cancel {OTHER} --account second" in error.next
    assert f"countermand cancel {ORDER} {THIRD} --account main" in error.next
