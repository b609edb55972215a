"""``countermand approve``: nothing is submitted before a person's yes, where the settings ask for one."""

from __future__ import annotations

import json

import pytest

from fixtures.aliexpress.model import Item
from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.cli.conftest import Within
from tests.conftest import CommandLine, needs_browser

PLACED, SECOND, THIRD = ORDERS["placed"], ORDERS["placed_2"], ORDERS["placed_3"]
REASON = ("--reason", "no_longer_needed", "--account", "main", "--json")
ALWAYS = 'approval = "always"\n'


@pytest.fixture
def swift(playground: Playground) -> Playground:
    """The portal answers at once; each order costs US $20.90 unless the test says otherwise."""
    playground.portal.world.set(delay_ms=0)
    for order in (PLACED, SECOND, THIRD):
        costs(playground, order, 20.90)
    return playground


def costs(playground: Playground, order: str, price: float, currency: str = "US $") -> None:
    """What *order* costs from now on."""
    items = [Item(title="Bamboo drawer organiser", price=price)]
    playground.portal.world.change_order(order, items=items, currency=currency, answers_after=0)


def policy(playground: Playground, line: str) -> None:
    """Put *line* at the top of the settings."""
    playground.config.write_text(line + playground.config.read_text())


@needs_browser
@pytest.mark.slow
def test_nothing_is_submitted_until_somebody_approves(swift: Playground, countermand: CommandLine) -> None:
    """
    ``always``: the visit stops before the first click, and the message says what it would cost and how to say yes. With the yes exactly
    one request is sent. A second yes is for nothing: exit 2.
    """
    policy(swift, ALWAYS)
    asked = countermand("cancel", PLACED, *REASON)
    id = asked.json["id"]
    before = list(swift.portal.submitted)
    approved = countermand("approve", id, "--wait", "decided", "--json")
    again = countermand("approve", id, "--json")

    error = asked.json["error"]
    assert (20, "needs_operator", "approval_needed") == (asked.code, asked.json["stage"], error["kind"])
    assert "queued" == asked.json["orders"][0]["stage"]
    assert "USD 20.90" in error["message"]
    assert f"countermand approve {id}" in error["next"]
    assert [] == before
    assert (0, "done") == (approved.code, approved.json["stage"]), approved.err
    assert f"order {PLACED} (USD 20.90)" in approved.err
    assert [PLACED] == [order for order, _ in swift.portal.submitted]
    assert (2, "bad_input") == (again.code, again.json["error"]["kind"])
    assert f"nothing of cancellation {id} waits for an approval: it is done." in again.err


@needs_browser
@pytest.mark.slow
def test_only_what_costs_more_waits(swift: Playground, countermand: CommandLine) -> None:
    """
    Above 50 USD: 50.00 goes, 50.01 waits, and another currency waits whatever it costs.
    """
    policy(swift, 'approval = { above = 50, currency = "USD" }\n')
    costs(swift, PLACED, 50.00)
    costs(swift, SECOND, 50.01)
    costs(swift, THIRD, 1.00, "€ ")
    ran = countermand("cancel", PLACED, SECOND, THIRD, *REASON)

    results = ran.json["results"]
    kinds = [result["error"] and result["error"]["kind"] for result in results]
    assert (20, [None, "approval_needed", "approval_needed"]) == (ran.code, kinds)
    assert "USD 50.01" in results[1]["error"]["message"]
    assert "EUR 1.00" in results[2]["error"]["message"]
    assert [PLACED] == [order for order, _ in swift.portal.submitted]


@needs_browser
@pytest.mark.slow
def test_more_than_was_approved_asks_again(swift: Playground, countermand: CommandLine) -> None:
    """
    Between the question and the visit after the yes the order has become dearer: the yes was not for that.
    """
    policy(swift, ALWAYS)
    id = countermand("cancel", PLACED, *REASON).json["id"]
    costs(swift, PLACED, 20.91)
    first = countermand("approve", id, "--json")
    second = countermand("approve", id, "--json")

    assert (20, "approval_needed") == (first.code, first.json["error"]["kind"])
    assert "USD 20.91" in first.json["error"]["message"]
    assert (0, [PLACED]) == (second.code, [order for order, _ in swift.portal.submitted])


@needs_browser
@pytest.mark.slow
def test_a_worker_submits_what_was_approved(swift: Playground, countermand: CommandLine) -> None:
    """
    In the queue it waits for the yes; ``approve`` leaves the visit to the worker.
    """
    policy(swift, ALWAYS)
    working = countermand.start("--json", "worker", "--browsers", "1")
    try:
        assert working.stdout is not None
        assert "ready" == json.loads(working.stdout.readline())["event"]
        asked = countermand("cancel", PLACED, *REASON)
        id = asked.json["id"]
        before = list(swift.portal.submitted)
        approved = countermand("approve", id, "--json")
    finally:
        working.terminate()
        _, err = working.communicate(timeout=90)

    assert (20, "approval_needed", []) == (asked.code, asked.json["error"]["kind"], before)
    assert (0, None) == (approved.code, approved.json["error"]), approved.err + err
    assert [PLACED] == [order for order, _ in swift.portal.submitted]


def test_there_is_nothing_to_approve(within: Within) -> None:
    """
    An unknown id is a sentence and exit 2.
    """
    ran = within("approve", "c-nothing", "--json")

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
