"""``countermand cancel``, end to end: the real command in its own process, a real browser, the mock portal, the fake shop."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.playground import Playground
from tests.conftest import CommandLine, Ran, needs_browser

pytestmark = needs_browser

PLACED, SECOND_PLACED = ORDERS["placed"], ORDERS["placed_2"]
NOT_NEEDED = "I don't need this order anymore"
REASON = ("--reason", "no_longer_needed")
SHOP = ("--shop-order", "#1001", "--refund", "now")


@pytest.fixture(autouse=True)
def swift(playground: Playground) -> None:
    """The portal answers at once, and its sellers too."""
    playground.portal.world.set(delay_ms=0)
    for order in playground.portal.world.orders():
        if order.answers_after:
            playground.portal.world.change_order(order.number, answers_after=0)


def orders_cancelled(playground: Playground) -> list[str | None]:
    """The shop orders that the shop was told to cancel."""
    assert {"orderCancel"} >= {line.operation for line in playground.shop.received}
    return [line.order for line in playground.shop.received]


def tidy(ran: Ran) -> Ran:
    """It ended without a traceback."""
    assert "Traceback" not in ran.err + ran.out
    return ran


def test_one_order_is_withdrawn_and_settled_and_never_twice(playground: Playground, countermand: CommandLine) -> None:
    """
    The main job: the supplier is asked once, agrees, and the shop order is cancelled with the merchant's choices.
    Again: the same id and nothing sent. With another refund: exit 2, which names the difference.
    """
    command = ["cancel", PLACED, *REASON, *SHOP]
    command += ["--shop-reason", "inventory", "--note", "by phone", "--no-restock", "--notify", "--json"]

    first = tidy(countermand(*command, "--wait", "done"))
    again = tidy(countermand(*command, "--wait", "done"))
    other = tidy(countermand("--json", *["later" if word == "now" else word for word in command if word != "--json"]))

    result = first.json
    assert ["id", "stage", "orders", "shop", "visits", "report", "drift", "error"] == list(result)
    assert ["portal", "account", "order_id", "stage", "status_text", "decided_at"] == list(result["orders"][0])
    assert ["shop", "order", "gid", "stage", "cancelled_at", "refund", "amount", "currency"] == list(result["shop"])
    decided_at, cancelled_at = result["orders"][0].pop("decided_at"), result["shop"].pop("cancelled_at")
    assert (
        datetime.fromisoformat(decided_at) <= datetime.fromisoformat(cancelled_at)
        or decided_at[:19] == (cancelled_at[:19])
    )
    assert {
        "id": result["id"],
        "stage": "done",
        "orders": [
            {
                "portal": "aliexpress",
                "account": "main",
                "order_id": PLACED,
                "stage": "approved",
                "status_text": result["orders"][0]["status_text"],
            }
        ],
        "shop": {
            "shop": "main",
            "order": "#1001",
            "gid": "gid://shopify/Order/5600000001001",
            "stage": "cancelled",
            "refund": "now",
            "amount": "20.90",
            "currency": "USD",
        },
        "visits": [f"{result['id']}-{number}" for number in (1, 2, 3)],
        "report": str(playground.home / "reports" / f"{result['id']}.html"),
        "drift": [],
        "error": None,
    } == result
    assert Path(result["report"]).is_file()
    assert (0, 0, 2) == (first.code, again.code, other.code)

    assert result["id"] == again.json["id"]
    assert "done" == again.json["stage"]
    assert "bad_input" == other.json["error"]["kind"]
    assert (
        f"cancellation {result['id']} was asked for with other choices: refund now, not later."
        == (other.json["error"]["message"])
    )

    assert [(PLACED, NOT_NEEDED)] == playground.portal.submitted
    assert [
        {
            "orderId": "gid://shopify/Order/5600000001001",
            "reason": "INVENTORY",
            "restock": False,
            "notifyCustomer": True,
            "staffNote": "by phone",
            "refundMethod": {"originalPaymentMethodsRefund": True},
        }
    ] == [line.variables for line in playground.shop.received]


@pytest.mark.slow
def test_a_shipped_order_is_refused(playground: Playground, countermand: CommandLine) -> None:
    """
    An order on its way: exit 40, the sentence says that it was shipped, and nothing was submitted. Afterwards it may
    be asked for afresh.
    """
    ran = tidy(countermand("cancel", ORDERS["shipped"], *REASON, *SHOP, "--json"))

    assert (40, "refused", "not_cancellable") == (ran.code, ran.json["stage"], ran.json["error"]["kind"])
    assert "it was shipped" in ran.json["error"]["message"]
    assert "not_cancellable" == ran.json["orders"][0]["stage"]
    assert ([], []) == (playground.portal.submitted, orders_cancelled(playground))


@pytest.mark.slow
def test_a_fulfilled_shop_order_stops_before_the_portal(playground: Playground, countermand: CommandLine) -> None:
    """
    Goods that the shop has sent: exit 40 before the portal was opened at all.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, "--shop-order", "#1020", "--refund", "now", "--json"))

    assert (40, "refused", "shop_guard") == (ran.code, ran.json["stage"], ran.json["error"]["kind"])
    assert "#1020 is fulfilled" in ran.json["error"]["message"]
    assert ({}, []) == (playground.portal.world.counts, orders_cancelled(playground))


@pytest.mark.slow
def test_a_seller_who_refuses_leaves_the_shop_order_alone(playground: Playground, countermand: CommandLine) -> None:
    """
    The seller says no: exit 40, and the shop has heard nothing.
    """
    ran = tidy(countermand("cancel", ORDERS["refuses"], *REASON, *SHOP, "--wait", "decided", "--json"))

    assert (40, "refused", "refused") == (ran.code, ran.json["stage"], ran.json["error"]["kind"])
    assert ("refused", "waiting") == (ran.json["orders"][0]["stage"], ran.json["shop"]["stage"])
    assert ran.json["orders"][0]["decided_at"] is not None
    assert ([(ORDERS["refuses"], NOT_NEEDED)], []) == (playground.portal.submitted, orders_cancelled(playground))
    assert playground.shop.orders["#1001"].cancelled_at is None


@pytest.mark.slow
def test_a_silent_seller_is_waited_for_no_longer_than_asked(playground: Playground, countermand: CommandLine) -> None:
    """
    No answer within the time that was given: exit 0, and the stage says that the decision is awaited.
    """
    ran = tidy(countermand("cancel", ORDERS["silent"], *REASON, "--wait", "decided", "--timeout", "5s", "--json"))

    assert (0, "awaiting_decision", None) == (ran.code, ran.json["stage"], ran.json["error"])
    assert "awaiting_decision" == ran.json["orders"][0]["stage"]
    assert [(ORDERS["silent"], NOT_NEEDED)] == playground.portal.submitted


@pytest.mark.slow
def test_two_commands_at_once_submit_once(playground: Playground, countermand: CommandLine) -> None:
    """
    Two processes for one order in the same moment: one submit, one id, both exit with 0.
    """
    command = ["cancel", PLACED, *REASON, *SHOP, "--wait", "done", "--json"]

    both = [countermand.start(*command) for _ in range(2)]
    ran = [Ran(process.returncode, *out) for process in both if (out := process.communicate(timeout=180))]

    assert [0, 0] == [tidy(one).code for one in ran]
    assert ran[0].json["id"] == ran[1].json["id"]
    assert ["done", "done"] == [one.json["stage"] for one in ran]
    assert [(PLACED, NOT_NEEDED)] == playground.portal.submitted
    assert ["#1001"] == orders_cancelled(playground)


@pytest.mark.slow
def test_a_shop_order_that_is_cancelled_already(playground: Playground, countermand: CommandLine) -> None:
    """
    Merchants often cancel in the shop first: the supplier order is withdrawn, and nothing is sent to the shop.
    """
    ran = tidy(
        countermand("cancel", PLACED, *REASON, "--shop-order", "#1024", "--refund", "now", "--wait", "done", "--json")
    )

    assert (0, "done", "already_cancelled") == (ran.code, ran.json["stage"], ran.json["shop"]["stage"])
    assert ([(PLACED, NOT_NEEDED)], []) == (playground.portal.submitted, orders_cancelled(playground))


@pytest.mark.slow
def test_settle_never_leaves_the_shop_alone(playground: Playground, countermand: CommandLine) -> None:
    """
    With ``--settle never`` it is done once the supplier has agreed, and the shop order stays.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, *SHOP, "--settle", "never", "--wait", "done", "--json"))

    assert (0, "done") == (ran.code, ran.json["stage"])
    assert ([(PLACED, NOT_NEEDED)], []) == (playground.portal.submitted, orders_cancelled(playground))


@pytest.mark.slow
def test_several_orders_are_one_each_without_a_shop_order(playground: Playground, countermand: CommandLine) -> None:
    """
    Without a shop order every supplier order is a cancellation of its own, and the worst exit code counts.
    """
    ran = tidy(countermand("cancel", ORDERS["shipped"], PLACED, *REASON, "--wait", "decided", "--json"))

    results = ran.json["results"]
    assert ["results"] == list(ran.json)
    assert [([ORDERS["shipped"]], "refused"), ([PLACED], "done")] == [
        ([order["order_id"] for order in result["orders"]], result["stage"]) for result in results
    ]
    assert (40, [(PLACED, NOT_NEEDED)]) == (ran.code, playground.portal.submitted)


@pytest.mark.slow
def test_several_orders_are_one_with_a_shop_order(playground: Playground, countermand: CommandLine) -> None:
    """
    The supplier orders behind one shop order are withdrawn together, and the shop order is cancelled once.
    """
    two = [ORDERS["checkout_a"], ORDERS["checkout_b"]]

    ran = tidy(countermand("cancel", *two, *REASON, *SHOP, "--wait", "done", "--json"))

    assert (0, "done", two) == (ran.code, ran.json["stage"], [order["order_id"] for order in ran.json["orders"]])
    assert [(order, NOT_NEEDED) for order in two] == playground.portal.submitted
    assert ["#1001"] == orders_cancelled(playground)


@pytest.mark.slow
def test_a_dry_run_claims_and_submits_nothing(playground: Playground, countermand: CommandLine) -> None:
    """
    A rehearsal shows the page before the first click that counts, and leaves no trace in the ledger.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, *SHOP, "--dry-run", "--json"))
    listed = countermand("list", "--json")

    pictures = [Path(picture) for picture in ran.json["dry_run"]["pictures"]]
    assert 0 == ran.code
    assert PLACED == ran.json["dry_run"]["order_id"]
    assert pictures
    assert all(picture.is_file() for picture in pictures)
    assert {"results": [], "page": 1, "pages": 1, "total": 0} == listed.json
    assert ([], []) == (playground.portal.submitted, orders_cancelled(playground))
    assert "placed" == playground.portal.world.order(PLACED).state


def test_wait_none_asks_and_leaves(playground: Playground, countermand: CommandLine) -> None:
    """
    With ``--wait none`` the request is in the ledger, and no browser was opened.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, "--wait", "none", "--json"))

    assert (0, "open", "queued") == (ran.code, ran.json["stage"], ran.json["orders"][0]["stage"])
    assert ([], {}) == (playground.portal.submitted, playground.portal.world.counts)


@pytest.mark.slow
def test_ask_without_anybody_there_submits_nothing(playground: Playground, countermand: CommandLine) -> None:
    """
    A yes was asked for and nobody is at the terminal: exit 20, nothing submitted, and the same request goes on without.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, "--ask", "--json"))

    assert (20, "needs_operator", "approval_needed") == (ran.code, ran.json["stage"], ran.json["error"]["kind"])
    assert "Nothing was submitted." in ran.json["error"]["message"]
    assert [] == playground.portal.submitted

    again = tidy(countermand("cancel", PLACED, *REASON, "--json"))

    assert (0, ran.json["id"]) == (again.code, again.json["id"])
    assert [(PLACED, NOT_NEEDED)] == playground.portal.submitted


@pytest.mark.slow
def test_global_options_stand_anywhere(playground: Playground, countermand: CommandLine) -> None:
    """
    ``--json`` and ``--config`` may come before the command, behind it, or in the middle.
    """
    config = str(playground.config)
    lines = [
        ["--json", "--config", config, "list"],
        ["list", "--json", f"--config={config}"],
        ["--config", config, "list", "--verbose", "--json"],
    ]

    ran = [_plain(*line, folder=playground.folder.parent) for line in lines]

    assert [(0, {"results": [], "page": 1, "pages": 1, "total": 0})] * 3 == [(one.code, one.json) for one in ran]


def _plain(*arguments: str, folder: Path) -> Ran:
    """The command without the options that ``CommandLine`` adds."""
    line = CommandLine(Path("unused"), folder)
    process = line.start(
        *arguments, program=("-c", "import sys; from agent.cli import main; del sys.argv[1:3]; main()")
    )
    out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


# -- with a window


@pytest.fixture
def display() -> Iterator[str]:
    """A screen of our own that nobody sees."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed: nothing can be shown (on Debian: apt install xvfb)")
    reading, writing = os.pipe()
    command = [program, "-displayfd", str(writing), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.slow
@pytest.mark.headed
def test_headed_shows_the_same_walk(playground: Playground, countermand: CommandLine, display: str) -> None:
    """
    With ``--headed`` the same walk happens in a window, and the journal says that it was one.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, "--headed", "--json", env={"DISPLAY": display}))

    journal = json.loads((playground.home / "visits" / ran.json["visits"][0] / "visit.json").read_text())
    assert (0, True) == (ran.code, journal["headed"])
    assert [(PLACED, NOT_NEEDED)] == playground.portal.submitted


def test_headed_without_a_screen_is_a_sentence(playground: Playground, countermand: CommandLine) -> None:
    """
    Where there is no screen, ``--headed`` says so, and nothing was submitted.
    """
    ran = tidy(countermand("cancel", PLACED, *REASON, "--headed", "--json", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""}))

    assert (2, "bad_input") == (ran.code, ran.json["error"]["kind"])
    assert re.search("no screen to show a browser on", ran.json["error"]["message"])
    assert [] == playground.portal.submitted
