"""
Which supplier orders a shop order names, and the other way round: every place, in the forms that apps write.
"""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from agent.errors import BadInput, Retryable, SignInNeeded
from agent.storefront import NamingOrder, Noted, Source, SupplierNumber
from fixtures.shopify.orders import Attribute, Metafield, ShopOrder
from fixtures.shopify.switches import Failure
from flows.shopify.client import ShopifyClient
from flows.shopify.settings import NumberSettings
from flows.shopify.supplier_numbers import LIST_TYPE, find_orders_naming, note_number, read_numbers
from tests.flows.shopify.bench import Bench

NUMBER = "8190101000004512"
OTHER = "8190102000004512"
ADDRESS = f"http://trade.aliexpress.com/order_detail.htm?orderId={NUMBER}"
FIELD = "countermand.supplier_orders"


def found(*sources: Source, number: str = NUMBER) -> tuple[SupplierNumber, ...]:
    return tuple(SupplierNumber(number=number, source=source) for source in sources)


def keeps(value: str, kind: str = LIST_TYPE) -> list[Metafield]:
    return [Metafield(namespace="countermand", key="supplier_orders", type=kind, value=value)]


def noting(bench: Bench, **settings: object) -> ShopifyClient:
    """A client that knows the metafield, and may write it."""
    return bench.changed(numbers={"metafield": FIELD, "write": True, **settings})


# -- what an order names


@pytest.mark.parametrize(
    "changes, source",
    [
        ({"note": f"Aliexpress Order ID: {NUMBER}\n{ADDRESS}\nOrder Line: #14000000000001"}, Source.NOTE),
        ({"note": f"call first; ordered as {NUMBER}."}, Source.NOTE),
        ({"custom_attributes": [Attribute(key=f"Aliexpress Order #{NUMBER}", value=ADDRESS)]}, Source.ATTRIBUTE),
        ({"custom_attributes": [Attribute(key="Supplier", value=NUMBER), Attribute(key="Gift")]}, Source.ATTRIBUTE),
        ({"tags": ["Placed: Payment needed", NUMBER]}, Source.TAG),
        ({"metafields": keeps(json.dumps([NUMBER]))}, Source.METAFIELD),
        ({"metafields": keeps(f"{NUMBER}, ", "multi_line_text_field")}, Source.METAFIELD),
        ({"metafields": keeps(NUMBER, "number_integer")}, Source.METAFIELD),
    ],
    ids=["app's note", "note", "app's attribute", "attribute", "tag", "list", "text", "integer"],
)
async def test_a_number_is_found_where_apps_write_it(bench: Bench, changes: dict[str, object], source: Source) -> None:
    """
    Once for each place, and nothing but the number: no telephone number, line number or money.
    """
    for name, value in changes.items():
        setattr(bench.shop.orders["#1001"], name, value)

    assert found(source) == await read_numbers(noting(bench), bench.gid("#1001"))


async def test_an_order_may_name_none_or_several(bench: Bench) -> None:
    """
    Each number and place is told of; an order that names nothing gives nothing.
    """
    bench.shop.orders["#1002"].note = f"{NUMBER} and {OTHER}, call +49 30 123456"
    bench.shop.orders["#1002"].tags = [OTHER]

    assert () == await read_numbers(bench.client, bench.gid("#1001"))
    assert (
        *found(Source.NOTE),
        *found(Source.NOTE, Source.TAG, number=OTHER),
    ) == await read_numbers(bench.client, bench.gid("#1002"))


async def test_patterns_and_places_are_settings(bench: Bench) -> None:
    """
    Another supplier's numbers look different; the first group is the number. A text that is left out is not looked at.
    """
    order = bench.shop.orders["#1001"]
    order.note, order.tags = "supplier: AB-77/x", ["supplier: CD-88/y"]
    client = bench.changed(numbers={"read": ["tags"], "patterns": [r"supplier: (\w\w-\d\d)"]})

    assert found(Source.TAG, number="CD-88") == await read_numbers(client, order.gid)


async def test_without_its_setting_a_metafield_is_not_read(bench: Bench) -> None:
    """
    Whose metafield it is, the settings say.
    """
    bench.shop.orders["#1001"].metafields = keeps(json.dumps([NUMBER]))

    assert () == await read_numbers(bench.client, bench.gid("#1001"))


async def test_an_order_that_is_not_there_is_bad_input(bench: Bench) -> None:
    """
    A gid that the shop does not have is said so, as anywhere else.
    """
    with pytest.raises(BadInput, match=r"has no order gid://shopify/Order/1"):
        await read_numbers(bench.client, "gid://shopify/Order/1")


@pytest.mark.parametrize(
    "written, words",
    [
        ({"metafield": "supplier_orders"}, "namespace.key"),
        ({"write": True}, "needs the metafield"),
        ({"patterns": ["(8190"]}, "is no regular expression"),
        ({"read": ["mail"]}, "note"),
    ],
)
def test_settings_that_cannot_be_are_refused(written: dict[str, object], words: str) -> None:
    """
    Each mistake is a sentence.
    """
    with pytest.raises(ValidationError) as caught:
        NumberSettings.model_validate(written)

    assert words in str(caught.value)


# -- which orders name a number


async def test_orders_are_found_by_tag_and_metafield(bench: Bench) -> None:
    """
    What the search finds is compared; the note of such an order counts too.
    """
    bench.shop.orders["#1002"].tags = [NUMBER]
    bench.shop.orders["#1002"].note = f"see {NUMBER}"
    bench.shop.orders["#1003"].metafields = keeps(json.dumps([OTHER, NUMBER]))
    bench.shop.orders["#1004"].tags = [OTHER]

    naming = await find_orders_naming(noting(bench), NUMBER)

    assert {
        NamingOrder(gid=bench.gid("#1002"), name="#1002", source=Source.NOTE),
        NamingOrder(gid=bench.gid("#1002"), name="#1002", source=Source.TAG),
        NamingOrder(gid=bench.gid("#1003"), name="#1003", source=Source.METAFIELD),
    } == set(naming)
    assert 3 == len(naming)


async def test_a_hit_that_does_not_name_it_is_none(bench: Bench) -> None:
    """
    A tag that only holds the number among other words is not read as it.
    """
    bench.shop.orders["#1002"].tags = [NUMBER]
    client = bench.changed(numbers={"patterns": [r"no (\d+)"]})

    assert () == await find_orders_naming(client, NUMBER)


async def test_a_search_that_was_not_understood_proves_nothing(bench: Bench) -> None:
    """
    A warning means that the shop may have found everything.
    """
    bench.shop.switches.search_warning = True

    with pytest.raises(BadInput, match="did not understand the search"):
        await find_orders_naming(bench.client, NUMBER)


async def test_a_tag_of_many_orders_is_no_number(bench: Bench) -> None:
    """
    More orders than one person can look at are not read one by one.
    """
    for number in range(11):
        bench.shop.add(ShopOrder(name=f"#7{number:03}", created_at=bench.clock(), tags=[NUMBER]))

    with pytest.raises(BadInput, match="11 orders of the shop"):
        await find_orders_naming(bench.client, NUMBER)


# -- noting a number


async def test_a_number_is_noted_beside_the_others_and_once(bench: Bench) -> None:
    """
    A list is made, and added to; what is there already is not written again.
    """
    client, gid = noting(bench), bench.gid("#1001")

    noted = [await note_number(client, gid, number) for number in (NUMBER, OTHER, NUMBER)]

    (field,) = bench.shop.orders["#1001"].metafields
    assert [Noted.WRITTEN, Noted.WRITTEN, Noted.ALREADY] == noted
    assert [NUMBER, OTHER] == json.loads(field.value)
    assert [("#1001", True), ("#1001", True)] == bench.sent
    first = bench.shop.received[0].variables["metafields"]
    assert isinstance(first, list)
    assert isinstance(first[0], dict)
    assert "compareDigest" in first[0]
    assert first[0]["compareDigest"] is None


@pytest.mark.parametrize("numbers", [{}, {"metafield": FIELD}])
async def test_without_permission_nothing_is_written(bench: Bench, numbers: dict[str, object]) -> None:
    """
    Off by default: the settings must name the metafield, and allow to write it.
    """
    assert Noted.OFF == await note_number(bench.changed(numbers=numbers), bench.gid("#1001"), NUMBER)
    assert [] == bench.sent


async def test_a_value_of_another_type_is_not_overwritten(bench: Bench) -> None:
    """
    A merchant's own text stays as it is.
    """
    bench.shop.orders["#1001"].metafields = keeps("ask Mary", "single_line_text_field")

    with pytest.raises(BadInput, match="has the type single_line_text_field"):
        await note_number(noting(bench), bench.gid("#1001"), NUMBER)

    assert "ask Mary" == bench.shop.orders["#1001"].metafields[0].value
    assert [] == bench.sent


async def test_what_somebody_else_wrote_meanwhile_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The value changes between reading and writing: the shop refuses, it is read again, and both numbers are there.
    """
    client, order = noting(bench), bench.shop.orders["#1001"]
    change = client.change

    async def beaten(*given: object) -> object:
        if not order.metafields:
            order.metafields = keeps(json.dumps([OTHER]))
        return await change(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "change", beaten)

    assert Noted.WRITTEN == await note_number(client, order.gid, NUMBER)
    assert [OTHER, NUMBER] == json.loads(order.metafields[0].value)
    assert [("#1001", False), ("#1001", True)] == bench.sent


@pytest.mark.parametrize("when, noted", [("after", Noted.WRITTEN), ("before", None)])
async def test_without_an_answer_it_is_read_back(bench: Bench, when: str, noted: Noted | None) -> None:
    """
    The answer to the mutation is lost: whether it was carried out is read, and never guessed.
    """
    switches = bench.shop.switches
    switches.only, switches.fail_next, switches.fail_with = "mutation", 1, Failure.HTML
    switches.fail_when = "after" if when == "after" else "before"

    if noted is None:
        with pytest.raises(Retryable, match="it is not noted"):
            await note_number(noting(bench), bench.gid("#1001"), NUMBER)
    else:
        assert noted == await note_number(noting(bench), bench.gid("#1001"), NUMBER)

    assert (1 if noted else 0) == len(bench.shop.orders["#1001"].metafields)


async def test_a_token_that_may_not_write_is_told(bench: Bench) -> None:
    """
    The scope that is missing is named.
    """
    bench.shop.switches.scopes = ("read_orders",)

    with pytest.raises(SignInNeeded, match="write_orders"):
        await note_number(noting(bench), bench.gid("#1001"), NUMBER)
