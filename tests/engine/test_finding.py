"""Supplier orders by their shop order, and the other way round: what is certain is taken, what is in a text is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.engine.asking import ask
from agent.engine.finding import find_shop_order, find_supplier_orders
from agent.engine.linking import link
from agent.engine.records import Wanted
from agent.errors import BadInput, Retryable, SignInNeeded
from agent.model import OrderId, OrderStage
from agent.settings import LinksFile
from agent.storefront import NamingOrder, Noted, ShopOrder, Source, SupplierNumber
from tests.engine.bench import GID, NOON, ORDER, OTHER, THIRD, Bench, Somebody, asks

FIRST, SECOND = Wanted("aliexpress", "main", ORDER), Wanted("aliexpress", "main", OTHER)
ELSEWHERE = ShopOrder(gid="gid://shopify/Order/1002", name="#1002")


def names(bench: Bench, *found: tuple[Source, str]) -> None:
    """What the shop order holds."""
    bench.shop.numbers = [SupplierNumber(number=number, source=source) for source, number in found]


def maps(bench: Bench, text: str) -> Path:
    """The shop's settings name a mapping file with *text*."""
    file = bench.home.parent / "links.csv"
    file.write_text(text, encoding="utf-8")
    shop = bench.settings.shops["main"].model_copy(update={"links": LinksFile(file=file)})
    bench.workshop.settings = bench.settings.model_copy(update={"shops": {"main": shop}})
    return file


def somebody(bench: Bench, *, yes: bool) -> Somebody:
    """Somebody sits at the terminal."""
    bench.workshop.person = person = Somebody(yes)
    return person


async def found(bench: Bench, account: str | None = None) -> Sequence[Wanted]:
    return (await find_supplier_orders(bench.workshop, "main", "#1001", account))[1]


async def refused(bench: Bench, account: str | None = None) -> BadInput:
    """The search ended with a sentence, nothing was claimed, and nobody was asked anything at the portal."""
    with pytest.raises(BadInput) as caught:
        await find_supplier_orders(bench.workshop, "main", "#1001", account)
    assert [] == bench.ledger.newest()
    assert [] == bench.portal.asked
    return caught.value


# -- from the shop order


@pytest.mark.parametrize("source", [Source.NOTE, Source.ATTRIBUTE, Source.TAG])
async def test_what_is_in_a_text_needs_a_yes(bench: Bench, source: Source) -> None:
    """
    It is shown with its place; a yes takes it, a no does not.
    """
    names(bench, (source, ORDER), (source, "1234567890"))
    person = somebody(bench, yes=True)

    assert (FIRST,) == await found(bench)
    assert [f"Behind shop order #1001: the {source} names {ORDER}. Withdraw {ORDER}?"] == person.asked

    somebody(bench, yes=False)
    assert "nobody said yes" in (await refused(bench)).what


@pytest.mark.parametrize("source", [Source.NOTE, Source.ATTRIBUTE, Source.TAG])
async def test_nobody_is_there_to_say_yes(bench: Bench, source: Source) -> None:
    """
    Without a terminal nothing that was only found in a text is withdrawn: what was found is listed, and what to type.
    """
    names(bench, (source, ORDER))

    error = await refused(bench)

    assert f"the {source} names {ORDER}" in error.message
    assert "countermand cancel NUMBER… --shop-order" in error.next
    assert "countermand link" in error.next


async def test_a_metafield_is_taken_without_a_terminal(bench: Bench) -> None:
    """
    It was written to say just this; and the texts say nothing else.
    """
    names(bench, (Source.METAFIELD, ORDER), (Source.METAFIELD, OTHER), (Source.NOTE, ORDER))

    assert (FIRST, SECOND) == await found(bench)
    assert f"the metafield names {ORDER}, {OTHER}" in bench.person.heard[-1]


async def test_a_person_sees_what_is_certain_too(bench: Bench) -> None:
    """
    At a terminal it is shown and asked in any case.
    """
    names(bench, (Source.METAFIELD, ORDER))
    somebody(bench, yes=False)

    await refused(bench)


async def test_a_link_is_taken_with_its_account(bench: Bench) -> None:
    """
    What ``link`` was told is the most trusted source, and knows the account.
    """
    await link(bench.workshop, Wanted("aliexpress", "second", ORDER), "main", "#1001")

    assert (Wanted("aliexpress", "second", ORDER),) == await found(bench)
    assert "belongs to account second (link), not to main" in (await refused(bench, "main")).message


@pytest.mark.parametrize("named", ["#1001", "1001", "gid://shopify/Order/1001"])
async def test_a_mapping_file_is_taken(bench: Bench, named: str) -> None:
    """
    By the shop order's name or id; the other lines are for other orders.
    """
    maps(bench, f"shop_order;supplier_order;account\n{named};{ORDER};second\n#1002;{OTHER};\n\n{named};{THIRD};\n")

    assert (Wanted("aliexpress", "second", ORDER), Wanted("aliexpress", "main", THIRD)) == await found(bench)


@pytest.mark.parametrize(
    "places",
    [
        [(Source.NOTE, ORDER), (Source.TAG, OTHER)],
        [(Source.METAFIELD, ORDER), (Source.NOTE, ORDER), (Source.NOTE, OTHER)],
        [(Source.METAFIELD, ORDER), (Source.TAG, OTHER)],
    ],
)
async def test_sources_that_disagree_are_listed(bench: Bench, places: list[tuple[Source, str]]) -> None:
    """
    One names a number that the most trusted one does not: nobody guesses, and no yes is asked for.
    """
    names(bench, *places)
    person = somebody(bench, yes=True)

    error = await refused(bench)

    assert "it is not clear which supplier orders" in error.message
    assert ORDER in error.message
    assert OTHER in error.message
    assert [] == person.asked


async def test_texts_that_name_a_part_do_not_disagree(bench: Bench) -> None:
    """
    The note names both, the tag one of them: both are shown.
    """
    names(bench, (Source.TAG, ORDER), (Source.NOTE, ORDER), (Source.NOTE, OTHER))
    somebody(bench, yes=True)

    assert (FIRST, SECOND) == await found(bench)


async def test_an_order_that_names_nothing(bench: Bench) -> None:
    """
    What is no number of the portal is nothing.
    """
    names(bench, (Source.NOTE, "12345"))

    error = await refused(bench)

    assert "no source names a supplier order behind shop order #1001" in error.message
    assert "countermand link NUMBER '#1001'" in error.next


async def test_asking_again_asks_nobody(bench: Bench) -> None:
    """
    The shop order has a cancellation already: its orders are the ones, whatever the texts say by now.
    """
    await ask(bench.workshop, asks(ORDER, OTHER, shop_order="#1001"))
    names(bench, (Source.NOTE, THIRD))

    assert (FIRST, SECOND) == await found(bench)


async def test_a_shop_that_is_down_says_so(bench: Bench) -> None:
    """
    Nothing was found out, so nothing is claimed.
    """
    bench.shop.is_down = True

    with pytest.raises(Retryable):
        await found(bench)


# -- the mapping file


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ["is empty"]),
        ("order,number\n", ["line 1", "the column shop_order is missing", "“order” is no column"]),
        ("shop_order,supplier_order,shop_order\n", ["the column shop_order is there twice"]),
        (f"shop_order,supplier_order\n#1001,{ORDER},x\n", ["line 2: there are 3 cells, but the header names 2"]),
        (f"shop_order,supplier_order\n\n,{ORDER}\n", ["line 3: shop_order is missing"]),
        ("shop_order,supplier_order\n#1001,12AB\n", ["line 2: “12AB” is no AliExpress order number"]),
        (f"shop_order,supplier_order,account\n#1001,{ORDER},mian\n", ["line 2: there is no account called mian"]),
        (
            f"shop_order,supplier_order\n#1001,{ORDER}\n#1002,{ORDER}\n",
            [f"line 3: supplier order {ORDER} is also in line 2, and says otherwise"],
        ),
        (
            f"shop_order,supplier_order\n#1001,\n#1002,1\n#1001,{ORDER}\n",
            ["2 lines of", "line 2: supplier", "line 3: “1”"],
        ),
        (f'shop_order,supplier_order\n"#1001,{ORDER}\n', ["line 2: the quotes cannot be read"]),
    ],
)
async def test_a_mapping_file_with_mistakes_is_not_used(bench: Bench, text: str, words: list[str]) -> None:
    """
    Every line that cannot be used is named, and nothing is taken from the others.
    """
    file = maps(bench, text)

    error = await refused(bench)

    assert str(file) in error.message
    for word in words:
        assert word in error.message
    assert error.next


async def test_a_mapping_file_that_is_not_there(bench: Bench) -> None:
    """
    A file that the settings name must be there: without it nobody knows what it would have said.
    """
    maps(bench, "").unlink()

    assert "cannot be read: No such file" in (await refused(bench)).message


async def test_a_name_in_the_file_that_the_shop_has_twice_proves_nothing(bench: Bench) -> None:
    """
    The typed gid is one of two orders of that name: the file's line may mean the other one.
    """
    maps(bench, f"shop_order,supplier_order\n#1001,{ORDER}\n")

    async def find(typed: str) -> ShopOrder:
        if typed == "#1001":
            raise BadInput("#1001 means several orders")
        return bench.shop.order

    bench.shop.find = find  # type: ignore[method-assign]

    with pytest.raises(BadInput, match="means several orders"):
        await find_supplier_orders(bench.workshop, "main", GID, None)


# -- from the supplier order


async def test_the_shop_order_is_found_by_a_link(bench: Bench) -> None:
    """
    What a person said is taken without asking anybody.
    """
    await link(bench.workshop, FIRST, "main", "#1001")

    assert GID == await find_shop_order(bench.workshop, "main", [FIRST])


async def test_the_shop_order_is_found_by_the_file(bench: Bench) -> None:
    """
    The file's shop order is looked up in the shop.
    """
    maps(bench, f"shop_order,supplier_order\n#1001,{ORDER}\n")

    assert GID == await find_shop_order(bench.workshop, "main", [FIRST])
    assert ["#1001"] == bench.shop.found


@pytest.mark.parametrize("source, needs_yes", [(Source.METAFIELD, False), (Source.TAG, True)])
async def test_the_shop_order_is_found_by_the_shops_search(bench: Bench, source: Source, needs_yes: bool) -> None:
    """
    A metafield is taken, a tag is asked about.
    """
    bench.shop.naming = [NamingOrder(gid=GID, name="#1001", source=source)]

    if needs_yes:
        with pytest.raises(BadInput, match="only found by a tag"):
            await find_shop_order(bench.workshop, "main", [FIRST])
        person = somebody(bench, yes=True)
    assert GID == await find_shop_order(bench.workshop, "main", [FIRST])
    if needs_yes:
        assert [f"{ORDER}: the tag names #1001. Is shop order #1001 the one to cancel?"] == person.asked


@pytest.mark.parametrize("shop_order, needs_yes", [("#1001", False), (None, True)])
async def test_only_what_was_asked_for_with_it_is_known(bench: Bench, shop_order: str | None, needs_yes: bool) -> None:
    """
    Asking again asks nobody; but a cancellation without a shop order says nothing about which one a tag means.
    """
    one = await ask(bench.workshop, asks(shop_order=shop_order))
    bench.ledger.move_order(one.orders[0], OrderStage.NOT_CANCELLABLE, None)
    bench.shop.naming = [NamingOrder(gid=GID, name="#1001", source=Source.TAG)]

    if needs_yes:
        with pytest.raises(BadInput, match="only found by a tag"):
            await find_shop_order(bench.workshop, "main", [FIRST])
    else:
        assert GID == await find_shop_order(bench.workshop, "main", [FIRST])


async def test_several_shop_orders_are_listed(bench: Bench) -> None:
    """
    The link says one thing, a tag another: exit 2 with both.
    """
    await link(bench.workshop, FIRST, "main", "#1001")
    bench.shop.naming = [NamingOrder(gid=ELSEWHERE.gid, name="#1002", source=Source.TAG)]
    person = somebody(bench, yes=True)

    with pytest.raises(BadInput, match="not clear which shop order") as caught:
        await find_shop_order(bench.workshop, "main", [FIRST])

    assert "#1001" in caught.value.message
    assert "#1002" in caught.value.message
    assert [] == person.asked


async def test_orders_of_different_shop_orders_are_not_one_request(bench: Bench) -> None:
    """
    Two supplier orders in one command must be behind one shop order.
    """
    await link(bench.workshop, FIRST, "main", "#1001")
    bench.shop.order = ELSEWHERE
    await link(bench.workshop, SECOND, "main", "#1002")

    with pytest.raises(BadInput, match="not clear which shop order"):
        await find_shop_order(bench.workshop, "main", [FIRST, SECOND])


async def test_no_shop_order_is_named(bench: Bench) -> None:
    """
    None is exit 2 with what to type.
    """
    with pytest.raises(BadInput, match="no source says which order of shop main") as caught:
        await find_shop_order(bench.workshop, "main", [FIRST])

    assert "--shop-order '#1001'" in caught.value.next


# -- link


async def test_linking_the_same_again_is_fine(bench: Bench) -> None:
    """
    One link, made once; the shop is told each time, and knows it already.
    """
    first = await link(bench.workshop, FIRST, "main", "#1001")
    bench.clock.forward(60)
    second = await link(bench.workshop, FIRST, "main", "1001")

    assert (False, True) == (first.was_linked, second.was_linked)
    assert first.link == second.link
    assert (NOON, "operator") == (second.link.at, second.link.actor)
    assert [first.link] == bench.workshop.links.of_shop_order("main", GID)
    assert Noted.WRITTEN == first.noted
    assert [ORDER, ORDER] == bench.shop.notes


@pytest.mark.parametrize("yes", [None, False, True])
async def test_linking_to_another_shop_order_needs_a_yes(bench: Bench, yes: bool | None) -> None:
    """
    The present one is named; without a yes it stays, with one it is replaced, and its end is noted.
    """
    await link(bench.workshop, FIRST, "main", "#1001")
    bench.shop.order = ELSEWHERE
    if yes is not None:
        somebody(bench, yes=yes)

    if yes:
        await link(bench.workshop, FIRST, "main", "#1002")
    else:
        with pytest.raises(BadInput, match=r"is linked to #1001 of shop main, account main, since 2026-11-20"):
            await link(bench.workshop, FIRST, "main", "#1002")

    now = bench.workshop.links.of_supplier_order(FIRST)
    assert now is not None
    assert ("#1002" if yes else "#1001") == now.shop_order
    assert ([] if yes else [now]) == bench.workshop.links.of_shop_order("main", GID)
    assert ([ORDER, ORDER] if yes else [ORDER]) == bench.shop.notes


async def test_a_shop_that_cannot_be_written_to_keeps_no_link_from_being_made(bench: Bench) -> None:
    """
    The ledger has it, and the sentence says so.
    """

    async def note(gid: str, number: str) -> Noted:
        raise SignInNeeded("the access token lacks write_orders")

    bench.shop.note_number = note  # type: ignore[method-assign]

    with pytest.raises(SignInNeeded, match=f"The link of {OrderId(ORDER)} to #1001 is kept here"):
        await link(bench.workshop, FIRST, "main", "#1001")

    assert bench.workshop.links.of_supplier_order(FIRST) is not None
