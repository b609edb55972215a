"""``countermand sweep``: everything that waits, looked at now."""

from __future__ import annotations

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import CommandLine, needs_browser


def test_nothing_waits(within: Within) -> None:
    """
    No browser is started for nothing: exit 0, no results.
    """
    ran = within("sweep", "--json")

    assert (0, {"results": []}) == (ran.code, ran.json)


def test_an_account_that_is_not_there(within: Within) -> None:
    """
    A name that the settings do not have is refused, with those that they have.
    """
    ran = within("sweep", "mian", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert "main" in ran.json["error"]["message"] + ran.json["error"]["next"]


@needs_browser
@pytest.mark.slow
def test_what_waits_is_looked_at_at_once(playground: Playground, countermand: CommandLine) -> None:
    """
    Four requests are out, nothing is due for minutes: a sweep reads them in one session, settles the shop order of the one that was
    approved, and exits as the worst of them; asked again it looks at what still waits only.
    """
    world = playground.portal.world
    names = ("placed", "placed_2", "placed_3", "placed_4")
    for name in names:
        world.change_order(ORDERS[name], seller="silent", reply="at_once")
    with_shop = (
        "--shop",
        "main",
        "--shop-order",
        "#1001",
        "--refund",
        "now",
        "--shop-reason",
        "customer",
        "--restock",
        "--notify",
    )
    asked = countermand("cancel", ORDERS["placed"], "--account", "main", "--reason", "other", *with_shop, "--json")
    rest = countermand(
        "cancel", *(ORDERS[name] for name in names[1:]), "--account", "main", "--reason", "other", "--json"
    )
    assert (0, 0) == (asked.code, rest.code), asked.err + rest.err
    world.answer_now(ORDERS["placed"], "approve")
    world.answer_now(ORDERS["placed_2"], "refuse")
    pages = world.counted("page www")

    ran = countermand("sweep", "main", "--json")
    pages = world.counted("page www") - pages
    again = countermand("sweep", "--json")

    stages = {one["orders"][0]["order_id"]: one["stage"] for one in ran.json["results"]}
    assert {
        ORDERS["placed"]: "done",
        ORDERS["placed_2"]: "refused",
        ORDERS["placed_3"]: "awaiting_decision",
        ORDERS["placed_4"]: "awaiting_decision",
    } == stages
    assert 40 == ran.code
    assert 3 == pages, "My Orders, and the details of the two that were answered"
    assert 1 == len({one["visits"][-1] for one in ran.json["results"] if one["stage"] != "done"})
    assert [ORDERS["placed_3"], ORDERS["placed_4"]] == sorted(
        one["orders"][0]["order_id"] for one in again.json["results"]
    )
    assert 0 == again.code
    assert sorted(ORDERS[name] for name in names) == sorted(order for order, _ in playground.portal.submitted)
