"""
The shop order that a person means.
"""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from fixtures.shopify.orders import ShopOrder
from flows.shopify.lookup import find_order, read_order
from tests.flows.shopify.bench import Bench


@pytest.mark.parametrize(
    "typed, name",
    [
        ("#1001", "#1001"),
        ("1001", "#1001"),
        ("  #1001 ", "#1001"),
        ("5600000001001", "#1001"),
        ("gid://shopify/Order/5600000001001", "#1001"),
        ("EN1030-A", "EN1030-A"),
        ("en1030-a", "EN1030-A"),
    ],
)
async def test_an_order_is_found(bench: Bench, typed: str, name: str) -> None:
    """
    By name with and without its sign, with prefix and suffix, by its number in addresses, by its gid.
    """
    assert name == (await find_order(bench.client, typed)).name


@pytest.mark.parametrize(
    "typed, words",
    [
        ("#9999", "has no order called #9999"),
        ("1030", "has no order called 1030. It found EN1030-A"),
        ("gid://shopify/Order/1", "has no order gid://shopify/Order/1"),
        ("gid://shopify/Product/5600000001001", "is no id of an order"),
        ("", "no name of a shop order"),
        ('1001" OR name:"1002', "no name of a shop order"),
        ("x" * 101, "no name of a shop order"),
    ],
)
async def test_none_is_bad_input(bench: Bench, typed: str, words: str) -> None:
    """
    A name that only contains the number is no match, but it is shown.
    """
    with pytest.raises(BadInput) as caught:
        await find_order(bench.client, typed)

    assert words in caught.value.message
    assert caught.value.next.endswith(".")


@pytest.mark.parametrize("name", ["EN1001", "1001-A", "#1001-1", "#EN-1001/B"])
@pytest.mark.parametrize("typed", ["1001", "#1001"])
async def test_a_number_does_not_mean_a_longer_name(bench: Bench, typed: str, name: str) -> None:
    """
    Where the shop puts something before or behind the number, all of the name is asked for: what came near is listed,
    with what to type. Even if it is the only one: a copy that an app made is called like that, too.
    """
    bench.shop.orders["#1001"].name = "#4001"
    only = bench.shop.add(ShopOrder(name=name, created_at=bench.clock()))

    with pytest.raises(BadInput) as caught:
        await find_order(bench.client, typed)

    assert f"has no order called {typed}. It found {name} of " in caught.value.message
    assert only.gid in caught.value.message
    assert "exactly as the shop shows it" in caught.value.next
    assert name == (await find_order(bench.client, name)).name


@pytest.mark.parametrize("typed, name", [("1001", "#1001"), ("EN1001", "EN1001"), ("1001-a", "1001-A")])
async def test_a_longer_name_is_no_second_match(bench: Bench, typed: str, name: str) -> None:
    """
    Of several names with the number, the one that was typed is meant.
    """
    for longer in ("EN1001", "1001-A"):
        bench.shop.add(ShopOrder(name=longer, created_at=bench.clock()))

    assert name == (await find_order(bench.client, typed)).name


async def test_several_are_listed(bench: Bench) -> None:
    """
    Two orders of one name: nobody guesses which one is meant.
    """
    with pytest.raises(BadInput) as caught:
        await find_order(bench.client, "#1027")

    assert "several orders" in caught.value.message
    assert bench.gid("#1027") in caught.value.message
    assert bench.gid("#1027~2") in caught.value.message


async def test_a_number_that_is_a_name_and_an_id_is_ambiguous(bench: Bench) -> None:
    """
    A long number is looked for both as a name and as an id.
    """
    bench.shop.add(ShopOrder(name="5600000001001", created_at=bench.clock()))

    with pytest.raises(BadInput) as caught:
        await find_order(bench.client, "5600000001001")

    assert "#1001" in caught.value.message


async def test_a_search_that_was_not_understood_proves_nothing(bench: Bench) -> None:
    """
    A warning about the search is an error, as everything may have been found.
    """
    bench.shop.switches.search_warning = True

    with pytest.raises(BadInput) as caught:
        await find_order(bench.client, "#1001")

    assert "did not understand the search" in caught.value.message


async def test_too_many_of_a_kind_are_refused(bench: Bench) -> None:
    """
    More hits than one page holds: a second order of the name may be among those that were not seen.
    """
    for number in range(51):
        bench.shop.add(ShopOrder(name=f"A{number}-7777", created_at=bench.clock()))

    with pytest.raises(BadInput) as caught:
        await find_order(bench.client, "7777")

    assert "too many orders" in caught.value.message


async def test_an_old_order_cannot_be_seen(bench: Bench) -> None:
    """
    The message for an order that is not there names the sixty days.
    """
    gid = bench.gid("#1001")
    await bench.clock.sleep(61 * 24 * 3600)

    with pytest.raises(BadInput) as caught:
        await read_order(bench.client, gid)

    assert "read_all_orders" in caught.value.next


async def test_looking_changes_nothing(bench: Bench) -> None:
    """
    Finding an order leaves the record empty.
    """
    await find_order(bench.client, "#1001")

    assert [] == bench.sent
