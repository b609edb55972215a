"""``countermand link``, and ``cancel`` that finds the other half: the command line with the fake shop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from fixtures.shopify.orders import Attribute
from tests.cli.conftest import Within
from tests.cli.person import Terminal
from tests.conftest import CommandLine, Ran, needs_browser

PLACED, SECOND_PLACED = ORDERS["placed"], ORDERS["placed_2"]
CHOICES = ["--reason", "no_longer_needed", "--refund", "now"]


@pytest.fixture(autouse=True)
def swift(playground: Playground) -> None:
    """The portal answers at once, and its sellers too."""
    playground.portal.world.set(delay_ms=0)
    for order in playground.portal.world.orders():
        if order.answers_after:
            playground.portal.world.change_order(order.number, answers_after=0)


def refused(playground: Playground, ran: Ran, *words: str) -> dict[str, str]:
    """Exit 2 with a sentence and what to do; nothing was claimed, submitted or settled."""
    error: dict[str, str] = ran.json["error"]
    assert (2, "bad_input") == (ran.code, error["kind"])
    for word in words:
        assert word in error["message"]
    assert error["next"]
    assert None is ran.json["id"]
    assert ([], []) == (playground.portal.submitted, playground.shop.received)
    assert "Traceback" not in ran.err
    return error


def allow_writing(playground: Playground) -> None:
    """The settings name the metafield, and allow to write it."""
    text = playground.config.read_text()
    written = 'kind = "shopify"\nnumbers = { metafield = "countermand.supplier_orders", write = true }\n'
    assert 'kind = "shopify"\n' in text
    playground.config.write_text(text.replace('kind = "shopify"\n', written))


def test_a_link_is_kept_and_noted_in_the_shop(playground: Playground, within: Within) -> None:
    """
    The result says what belongs together; the metafield is written once; linking again is fine.
    """
    allow_writing(playground)

    first, second = (within("link", PLACED, "1001", "--json") for _ in range(2))
    for_people = within("link", PLACED, "#1001")

    assert (0, 0, 0) == (first.code, second.code, for_people.code)
    assert {
        "portal": "aliexpress",
        "account": "main",
        "order_id": PLACED,
        "shop": "main",
        "order": "#1001",
        "gid": playground.shop.orders["#1001"].gid,
        "linked_at": first.json["linked_at"],
        "was_linked": False,
        "noted_in_shop": "written",
    } == first.json
    assert {**first.json, "was_linked": True, "noted_in_shop": "already"} == second.json
    assert f"Supplier order {PLACED} belongs to shop order #1001 of main already." in for_people.out
    assert [[PLACED]] == [json.loads(field.value) for field in playground.shop.orders["#1001"].metafields]
    assert ["metafieldsSet"] == [line.operation for line in playground.shop.received]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["12AB", "#1001"], "no AliExpress order number"),
        ([PLACED, " "], "the shop order is empty"),
        ([PLACED, "#9999"], "no order called #9999"),
        ([PLACED, "#1027"], "means several orders"),
        ([PLACED, "#1001", "--shop", "mian"], "no shop called mian"),
        ([PLACED, "#1001", "--account", "mian"], "no account called mian"),
    ],
)
def test_what_cannot_be_linked_is_refused(
    playground: Playground, within: Within, arguments: list[str], words: str
) -> None:
    """
    Both halves are checked, and nothing is kept.
    """
    refused(playground, within("link", *arguments, "--json"), words)


def test_linking_to_another_shop_order_is_refused_where_nobody_says_yes(playground: Playground, within: Within) -> None:
    """
    The sentence names the present one. By default nothing is written to the shop.
    """
    within("link", PLACED, "#1001")

    refused(playground, within("link", PLACED, "#1002", "--json"), f"{PLACED} is linked to #1001 of shop main")


@pytest.mark.parametrize("place", ["note", "attribute", "tag"])
def test_a_text_alone_is_not_withdrawn_without_a_terminal(playground: Playground, within: Within, place: str) -> None:
    """
    What was found is listed with what to type; the rest of the note is nobody's business.
    """
    order = playground.shop.orders["#1001"]
    match place:
        case "note":
            order.note = f"for Erika Mustermann\nAliexpress Order ID: {PLACED}"
        case "attribute":
            order.custom_attributes = [Attribute(key=f"Aliexpress Order #{PLACED}", value="http://x.example")]
        case _:
            order.tags = [PLACED]

    ran = within("cancel", "--shop-order", "#1001", *CHOICES, "--json")

    error = refused(playground, ran, "nobody is at a terminal", f"{place} names {PLACED}")
    assert "countermand cancel NUMBER…" in error["next"]
    assert "Erika" not in ran.out + ran.err + "".join(
        file.read_text(errors="replace") for file in playground.home.rglob("*") if file.is_file()
    )


def test_what_is_wrong_with_the_command_comes_first(playground: Playground, within: Within) -> None:
    """
    The shop is not asked before the command itself could be carried out.
    """
    playground.shop.stop()

    refused(playground, within("cancel", "--shop-order", "#1001", "--refund", "now", "--json"), "give the reason")
    refused(
        playground,
        within("cancel", "--shop-order", "#1001", "--reason", "no_longer_needed", "--json"),
        "needs --refund now|later",
    )
    refused(playground, within("cancel", "--shop-order", " ", *CHOICES, "--json"), "--shop-order is empty")
    refused(playground, within("cancel", *CHOICES, "--json"), "Missing argument ORDER…")
    refused(playground, within("cancel", PLACED, "--only-these", *CHOICES[:2], "--json"), "--only-these only goes with")


def test_a_shop_without_its_order_is_looked_through(playground: Playground, within: Within) -> None:
    """
    ``cancel ORDER --shop main``: none is named, or only by a tag while nobody is there.
    """
    command = ["cancel", PLACED, "--shop", "main", *CHOICES, "--json"]

    refused(playground, within(*command), f"no source says which order of shop main supplier order {PLACED}")
    playground.shop.orders["#1002"].tags = [PLACED]
    refused(playground, within(*command), "only found by a tag", "#1002")


def test_a_row_of_a_file_asks_where_nothing_is_named(playground: Playground, within: Within) -> None:
    """
    With the policy's default a row whose shop order names no supplier order waits for a person, before anybody signs in.
    """
    text = playground.config.read_text()
    assert ', unknown_siblings = "trust"' in text
    playground.config.write_text(text.replace(', unknown_siblings = "trust"', ""))
    rows = playground.folder / "rows.csv"
    rows.write_text(f"order,shop_order\n{PLACED},#1001\n")

    ran = within("cancel", "--from", str(rows), *CHOICES, "--json")

    (result,) = ran.json["results"]
    assert (20, "needs_operator", "more_orders_behind") == (ran.code, result["stage"], result["error"]["kind"])
    assert f"countermand cancel {PLACED}" in result["error"]["next"]
    assert ([], []) == (playground.portal.submitted, playground.shop.received)
    assert {} == playground.portal.world.counts


def test_numbers_that_nobody_asked_for_stop_it(playground: Playground, within: Within) -> None:
    """
    Exit 20 before anybody signs in, with both commands that go on.
    """
    playground.shop.orders["#1001"].note = f"Aliexpress Order ID: {PLACED}\nAliexpress Order ID: {SECOND_PLACED}"

    ran = within("cancel", PLACED, "--shop-order", "#1001", *CHOICES, "--json")

    error = ran.json["error"]
    assert (20, "more_orders_behind", "needs_operator") == (ran.code, error["kind"], ran.json["stage"])
    assert SECOND_PLACED in error["message"]
    assert f"countermand cancel {PLACED} {SECOND_PLACED}" in error["next"]
    assert "--only-these" in error["next"]
    assert ([], [], {}) == (playground.portal.submitted, playground.shop.received, playground.portal.world.counts)


@pytest.fixture
def at_terminal(playground: Playground) -> Iterator[Callable[..., Terminal]]:
    """The command line with a person who reads and types."""
    started: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        started.append(Terminal(playground.config, "", arguments))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


@pytest.mark.slow
def test_at_a_terminal_a_yes_takes_what_a_text_names(
    playground: Playground, within: Within, at_terminal: Callable[..., Terminal]
) -> None:
    """
    What was found is shown with its place. No is exit 2 and claims nothing; yes is a request. So it is the other way round.
    """
    playground.shop.orders["#1001"].note = f"Aliexpress Order ID: {PLACED}"
    playground.shop.orders["#1002"].tags = [SECOND_PLACED]
    forward = ["cancel", "--shop-order", "#1001", *CHOICES, "--wait", "none"]
    back = ["cancel", SECOND_PLACED, "--shop", "main", *CHOICES, "--wait", "none"]
    questions = {
        f"Behind shop order #1001: the note names {PLACED}. Withdraw {PLACED}?": forward,
        f"{SECOND_PLACED}: the tag names #1002. Is shop order #1002 the one to cancel?": back,
    }

    codes = []
    for question, command in questions.items():
        for answer in ("no", "yes"):
            terminal = at_terminal(*command)
            terminal.is_asked(question, answer)
            codes.append(terminal.ends())

    assert [2, 0, 2, 0] == codes
    claimed = within("list", "--json").json["results"]
    assert {(PLACED, "#1001"), (SECOND_PLACED, "#1002")} == {
        (order["order_id"], one["shop"]["order"]) for one in claimed for order in one["orders"]
    }
    assert 2 == len(claimed)
    assert ([], []) == (playground.portal.submitted, playground.shop.received)


@needs_browser
@pytest.mark.slow
def test_what_was_linked_is_withdrawn_and_settled(playground: Playground, countermand: CommandLine) -> None:
    """
    ``link``, then ``cancel --shop-order`` without numbers, without a terminal; the shop order names another number, too,
    and ``--only-these`` goes on with the same cancellation. Each is asked once.
    """
    linked = countermand("link", PLACED, "#1001")
    command = ["cancel", "--shop-order", "#1001", *CHOICES, "--json", "--wait", "done"]

    done = countermand(*command)
    again = countermand(*command)
    playground.shop.orders["#1002"].tags = ["8190999900009999"]
    stopped = countermand("cancel", SECOND_PLACED, "--shop-order", "#1002", *CHOICES, "--json")
    gone_on = countermand(
        "cancel", SECOND_PLACED, "--shop-order", "#1002", *CHOICES, "--only-these", "--json", "--wait", "done"
    )

    assert (0, 0, 0, 20, 0) == (linked.code, done.code, again.code, stopped.code, gone_on.code)
    assert ("done", [PLACED]) == (done.json["stage"], [order["order_id"] for order in done.json["orders"]])
    assert done.json["id"] == again.json["id"]
    assert "more_orders_behind" == stopped.json["error"]["kind"]
    assert (stopped.json["id"], "done") == (gone_on.json["id"], gone_on.json["stage"])
    assert [PLACED, SECOND_PLACED] == [order for order, _ in playground.portal.submitted]
    assert ["#1001", "#1002"] == [line.order for line in playground.shop.received]
