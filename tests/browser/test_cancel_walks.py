"""
Every way in which "Cancel order" behaves, walked in a real browser. What counts is what the portal received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from agent.errors import NoDecision, NotCancellable, OrderNotFound, Refused
from agent.model import OrderId, Reason, ReasonChoice, Submission
from fixtures.aliexpress.model import Item
from fixtures.aliexpress.seed import ORDERS, SECOND_ORDERS, UNKNOWN
from tests.browser.bench import NOT_NEEDED_TEXT, Bench
from tests.conftest import MORE, needs_browser

pytestmark = needs_browser

Stamped = tuple[tuple[str, str], ...]

BUTTON = ("arm", "details.cancel")
REASON_ASKED = ("unsent", "reason_asked")
CONFIRM_ASKED = ("unsent", "confirm_asked")
SUBMIT = ("arm", "cancel.submit")
CONFIRM = ("arm", "cancel.confirm")
CANCEL_PAGE: Stamped = (BUTTON, REASON_ASKED, SUBMIT, CONFIRM_ASKED, CONFIRM)


@dataclass(frozen=True)
class Way:
    """How "Cancel order" behaves for one of the seed's orders, and what must come of it."""

    order: str
    ends: Submission
    stamps: Stamped = CANCEL_PAGE
    reason: str | None = NOT_NEEDED_TEXT
    """What the portal received; a click on the details page sends none."""


WAYS = [
    Way("placed", Submission.REQUESTED),
    Way("rows", Submission.REQUESTED),
    Way("dropdown", Submission.REQUESTED),
    Way("new_tab", Submission.REQUESTED),
    Way("number_text_only", Submission.REQUESTED),
    Way("number_url", Submission.REQUESTED),
    Way("multi_item", Submission.REQUESTED),
    Way("lands_late", Submission.REQUESTED),
    Way("no_popup", Submission.REQUESTED, (BUTTON, REASON_ASKED, SUBMIT)),
    Way("dialog", Submission.REQUESTED, (BUTTON, CONFIRM_ASKED, CONFIRM), None),
    Way("native_confirm", Submission.REQUESTED, (BUTTON, CONFIRM_ASKED, ("arm", "sure_to_cancel")), None),
    Way("at_once", Submission.CANCELLED_AT_ONCE, (BUTTON,), None),
    Way("unpaid", Submission.CANCELLED_AT_ONCE, (BUTTON,), None),
    Way("payment_check", Submission.CANCELLED_AT_ONCE, (BUTTON,), None),
    Way("unpaid_page", Submission.CANCELLED_AT_ONCE),
]


LONG = (
    "number_text_only",
    "number_url",
    "multi_item",
    "lands_late",
    "unpaid",
    "unpaid_page",
    "payment_check",
    "rows",
    "dropdown",
)
"""What takes long, and walks the same way as another one."""


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, id=way.order, marks=[pytest.mark.slow] if way.order in LONG else []) for way in WAYS],
)
async def test_request_is_sent_once(bench: Bench, way: Way) -> None:
    """
    The request is made once, every click that commits is stamped before, and what sends nothing is recorded as such.
    """
    submission = await bench.cancel(ORDERS[way.order])

    assert way.ends == submission
    assert [(ORDERS[way.order], way.reason)] == bench.portal.submitted
    assert list(way.stamps) == bench.stamps.events


@pytest.mark.slow
@pytest.mark.parametrize(
    "order, ends",
    [
        ("cancel_requested", Submission.ALREADY_OPEN),
        ("cancelled", Submission.ALREADY_CANCELLED),
        pytest.param("closed", Submission.ALREADY_CANCELLED, marks=MORE),
        pytest.param("expired", Submission.ALREADY_CANCELLED, marks=MORE),
    ],
)
async def test_nothing_is_left_to_ask(bench: Bench, order: str, ends: Submission) -> None:
    """
    An order that is requested or withdrawn already is reported, and left alone.
    """
    submission = await bench.cancel(ORDERS[order])

    assert ends == submission
    assert [] == bench.portal.submitted
    assert [] == bench.stamps.events


@pytest.mark.parametrize(
    "order, stop, state",
    [
        ("shipped", NotCancellable, "shipped"),
        ("shipped_with_button", NotCancellable, "shipped"),
        pytest.param("completed", NotCancellable, "completed", marks=pytest.mark.slow),
        pytest.param("seller_refused", NotCancellable, "seller_refused", marks=pytest.mark.slow),
        ("closed_with_shipment", NoDecision, "closed_with_shipment"),
    ],
)
async def test_state_forbids_it(bench: Bench, order: str, stop: type[NotCancellable | NoDecision], state: str) -> None:
    """
    Only states that allow it go on, whatever buttons the page offers.
    """
    with pytest.raises(stop) as stopped:
        await bench.cancel(ORDERS[order])

    assert state == stopped.value.facts["state"]
    assert [] == bench.portal.submitted
    assert [] == bench.stamps.events


@pytest.mark.slow
@pytest.mark.parametrize(
    "order, submitted, stamps",
    [
        ("courier", [], [BUTTON]),
        ("courier_late", [(ORDERS["courier_late"], NOT_NEEDED_TEXT)], [*CANCEL_PAGE]),
        ("courier_late_dialog", [(ORDERS["courier_late_dialog"], None)], [BUTTON, CONFIRM_ASKED, CONFIRM]),
    ],
)
async def test_courier_has_it(
    bench: Bench, order: str, submitted: list[tuple[str, str | None]], stamps: list[tuple[str, str]]
) -> None:
    """
    "Picked up by the courier" is a no, whether it comes at the first click or after the last.
    """
    with pytest.raises(Refused) as stopped:
        await bench.cancel(ORDERS[order])

    assert "courier_has_it" == stopped.value.facts["state"]
    assert submitted == bench.portal.submitted
    assert stamps == bench.stamps.events


@pytest.mark.slow
@pytest.mark.parametrize("number", [UNKNOWN, SECOND_ORDERS["foreign"]], ids=["unknown", "of another account"])
async def test_order_is_not_there(bench: Bench, number: str) -> None:
    """
    An order that this account does not have is not found, which the page must say: an empty list proves nothing.
    """
    with pytest.raises(OrderNotFound):
        await bench.cancel(number)

    assert [] == bench.portal.submitted
    assert 1 == bench.portal.world.counted("list search")


async def test_asking_twice_submits_once(bench: Bench) -> None:
    """
    A second call finds the open request and does not submit again.
    """
    order = bench.will("placed", seller="silent")
    walk = await bench.walk()

    first = await bench.cancel(order, walk=walk)
    second = await bench.cancel(order, walk=walk)

    assert Submission.REQUESTED == first
    assert Submission.ALREADY_OPEN == second
    assert [(order, NOT_NEEDED_TEXT)] == bench.portal.submitted


# -- how the site looks on the day

ALL_OVER = {"cookie_bar": True, "promotion": True, "promotion_after_ms": 0, "assistant": True}

LOOKS: dict[str, dict[str, Any]] = {
    "labels until mid-2026": {"labels": "old"},
    "details in the same tab": {"details_tab": "same"},
    "cookie bar": {"cookie_bar": True},
    "late promotion": {"promotion": True, "promotion_after_ms": 250},
    "assistant": {"assistant": True},
    "all overlays": ALL_OVER,
    "list race": {"list_race": True, "race_ms": 800, "delay_ms": 50},
    "no cards anywhere, slow": {"zero_cards": "both", "delay_ms": 300},
    "slow": {"delay_ms": 700},
}


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(look, marks=[] if look in ("labels until mid-2026", "all overlays") else [pytest.mark.slow])
        for look in LOOKS
    ],
)
async def test_site_looks_different(bench: Bench, look: str) -> None:
    """
    Labels, tabs, overlays, races, regions and slowness change nothing: one request is made.
    """
    bench.portal.world.set(**LOOKS[look])

    submission = await bench.cancel(ORDERS["placed"])

    assert Submission.REQUESTED == submission
    assert [(ORDERS["placed"], NOT_NEEDED_TEXT)] == bench.portal.submitted
    assert list(CANCEL_PAGE) == bench.stamps.events


@pytest.mark.slow
async def test_other_region_is_walked(bench: Bench) -> None:
    """
    The portal may send an account to another region's host, which is walked as its own.
    """
    bench.portal.world.set(region_redirect=True)

    await bench.cancel(ORDERS["placed"])

    assert 1 == bench.portal.world.counted("page es /p/order/detail.html")
    assert [(ORDERS["placed"], NOT_NEEDED_TEXT)] == bench.portal.submitted


async def test_overlays_are_closed_and_noted(bench: Bench) -> None:
    """
    An overlay is closed where it appears, and the journal says so.
    """
    bench.portal.world.set(cookie_bar=True)
    walk = await bench.reading_walk()

    async with walk.step("look"):
        await walk.open("orders")
        await walk.click("orders.more")

    noted = [action.target for step in bench.written(walk).steps for action in step.actions if action.what == "overlay"]
    assert ["cookies"] == noted


# -- reasons


@pytest.mark.slow
@pytest.mark.parametrize(
    "order, reason, received",
    [
        ("placed", ReasonChoice(key=Reason.CHANGE_SHIPPING), "I want to change the shipping method"),
        ("rows", ReasonChoice(text="i want to apply a COUPON."), "I want to apply a coupon"),
        ("dropdown", ReasonChoice(key=Reason.OTHER), "Other reasons"),
    ],
    ids=["radio", "rows", "dropdown"],
)
async def test_chosen_reason_is_sent(bench: Bench, order: str, reason: ReasonChoice, received: str) -> None:
    """
    The reason is the merchant's, by its key or by the portal's words.
    """
    await bench.cancel(ORDERS[order], reason)

    assert [(ORDERS[order], received)] == bench.portal.submitted


@pytest.mark.slow
@pytest.mark.parametrize("order", ["placed", "rows"])
async def test_a_choice_that_is_lost_is_made_again(bench: Bench, order: str) -> None:
    """
    The page swallows the first click on a reason: that shows, and it is clicked once more.
    """
    walk = await bench.walk()
    swallows = """
        let first = true;
        addEventListener('click', event => {
          if (!first || !event.target.closest('[class*="cancelReason--list"]')) return;
          first = false;
          event.preventDefault();
          event.stopImmediatePropagation();
        }, true)"""
    await bench.on_every_page(swallows, path="/p/refund-cancel/")

    await bench.cancel(ORDERS[order], walk=walk)

    assert [(ORDERS[order], NOT_NEEDED_TEXT)] == bench.portal.submitted


# -- which order it is


@pytest.mark.slow
async def test_number_nowhere_but_held(bench: Bench) -> None:
    """
    A cancel page without any number is held against the details before it, once a person has confirmed that it suffices.
    """
    bench.change_edition(HELD)

    submission = await bench.cancel(ORDERS["number_absent"])

    assert Submission.REQUESTED == submission
    assert [(ORDERS["number_absent"], NOT_NEEDED_TEXT)] == bench.portal.submitted


@pytest.mark.slow
async def test_every_line_of_the_goods_is_held(bench: Bench) -> None:
    """
    Where the goods stand for the order, all of them do, not just the first.
    """
    bench.change_edition(HELD)
    several = [Item(title="A lamp"), Item(title="A kettle")]
    order = bench.will("number_absent", items=[item.model_dump() for item in several])

    submission = await bench.cancel(order)

    assert Submission.REQUESTED == submission
    assert [(order, NOT_NEEDED_TEXT)] == bench.portal.submitted


HELD = """
pages:
  cancel:
    proof:
      - {text: cancel.number}
      - {url: [tradeOrderId, orderId]}
      - {held: [details.goods, cancel.goods], confirmed: {m.aliexpress.localhost: 2026-11-20}}
"""


def test_order_numbers_are_the_seed_s() -> None:
    """
    The ways above are all ways of the mock portal; a new one there must be walked here.
    """
    walked = {way.order for way in WAYS} | {
        "cancel_requested", "cancelled", "closed", "expired",
        "shipped", "shipped_with_button", "completed", "seller_refused", "closed_with_shipment",
        "courier", "courier_late", "courier_late_dialog",
        "number_absent", "number_wrong", "no_button",
    }  # fmt: skip
    sellers = {"refuses", "silent", "ships"}
    fillers = {name for name in ORDERS if name.startswith(("placed_", "old_", "checkout_"))}

    assert set(ORDERS) - fillers - sellers == walked
    assert all(OrderId(number).isdigit() for number in ORDERS.values())
