"""Signs: a page says by itself, and at once, when what is sought shows; and not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate
from agent.browser.editions import LoadedEdition
from agent.browser.signs import Sign, Sought, of_candidates, ways_of
from agent.model import OrderId
from tests.conftest import needs_browser

pytestmark = needs_browser

NUMBER = OrderId("8190101000004512")
WAYS = {
    "css": (Candidate(css=".there"), '<p class="there">x</p>'),
    "text": (Candidate.model_validate({"text": "All done"}), "<p>All  <!-- -->done</p>"),
    "role and name": (Candidate.model_validate({"role": "button", "name": "Confirm"}), "<button>Confirm</button>"),
    "role": (Candidate(role="radio"), '<input type="radio">'),
    "test id": (Candidate(test_id="there"), '<p data-testid="there">x</p>'),
    "placeholder": (Candidate.model_validate({"placeholder": "Order ID"}), '<input placeholder="Order ID">'),
    "label": (Candidate.model_validate({"label": "Reason"}), '<select aria-label="Reason"></select>'),
}


@pytest_asyncio.fixture(loop_scope="session")
async def tab(chromium: Browser) -> AsyncIterator[Tab]:
    """A tab with an empty page."""
    context = await chromium.new_context()
    tab = await context.new_page()
    await tab.set_content("<!doctype html><body><p>Orders</p></body>")
    yield tab
    await context.close()


def sought(tab: Tab, *signs: Sign) -> Sought:
    """Something to wait for, by *signs* alone."""
    return Sought(tab.locator("css=:not(*)"), signs)


async def add(tab: Tab, markup: str) -> None:
    """More of the page comes."""
    await tab.evaluate("markup => document.body.insertAdjacentHTML('beforeend', markup)", markup)


async def shows(tab: Tab, waited_for: Sought, *markup: str, longest: float = 5_000) -> bool:
    """Whether a sign shows, while *markup* comes piece by piece."""
    waiting = asyncio.ensure_future(waited_for.shows_by_itself(tab, longest))
    for one in markup:
        assert not waiting.done()
        await add(tab, one)
    return await waiting


@pytest.mark.parametrize("candidate, markup", WAYS.values(), ids=WAYS)
async def test_every_way_to_find_something_is_told(
    tab: Tab, edition: LoadedEdition, candidate: Candidate, markup: str
) -> None:
    """
    Not before it comes, and with the change that brings it.
    """
    waited_for = of_candidates([([candidate], [])], tab, edition.edition, "en")

    assert not await shows(tab, waited_for, "<p>something else</p>", longest=50)
    assert await shows(tab, waited_for, "<p>something else</p>", markup)


async def test_nothing_sought_never_shows(tab: Tab) -> None:
    """
    It ends with the time.
    """
    assert not await sought(tab).shows_by_itself(tab, 20)


async def test_a_page_that_still_loads_is_left_alone(tab: Tab, edition: LoadedEdition) -> None:
    """
    The mark of a page counts once what says that it is busy has gone.
    """
    marks, busy = [Candidate(css=".mark")], [Candidate(css=".loading")]
    waited_for = of_candidates([(marks, busy)], tab, edition.edition, "en")
    await add(tab, '<p class="loading">…</p><p class="mark">Orders</p>')

    assert not await waited_for.shows_by_itself(tab, 50)
    waiting = asyncio.ensure_future(waited_for.shows_by_itself(tab, 5_000))
    await tab.evaluate("() => document.querySelector('.loading').remove()")
    assert await waiting


async def test_hidden_parts_tell_nothing(tab: Tab, edition: LoadedEdition) -> None:
    """
    What is there and cannot be seen is no sign, until it can be.
    """
    waited_for = of_candidates([([Candidate(css=".there")], [])], tab, edition.edition, "en")
    await add(
        tab, '<p class="there" style="visibility:hidden">x</p><div style="display:none"><p class="there">x</p></div>'
    )

    assert not await waited_for.shows_by_itself(tab, 50)
    waiting = asyncio.ensure_future(waited_for.shows_by_itself(tab, 5_000))
    await tab.evaluate("() => document.querySelector('.there').style.visibility = 'visible'")
    assert await waiting


@pytest.mark.parametrize(
    "row, is_it",
    [
        (f'<li class="row">Order {NUMBER}</li>', True),
        (f'<li class="row"><a href="/detail?orderId={NUMBER}&x=1">Details</a></li>', True),
        (f'<li class="row">Order {NUMBER}7</li>', False),
        ('<li class="row">Order 8190101000004513</li>', False),
    ],
    ids=["in its words", "in a link", "a longer number", "another order"],
)
async def test_a_row_counts_if_it_is_the_orders(tab: Tab, edition: LoadedEdition, row: str, is_it: bool) -> None:
    """
    The list that was there before the search is no answer to it.
    """
    sign = Sign(ways_of([Candidate(css=".row")], edition.edition, "en", number=NUMBER))
    await add(tab, row)

    assert is_it == await sought(tab, sign).shows_by_itself(tab, 50)


async def test_words_that_are_asked_for(tab: Tab, edition: LoadedEdition) -> None:
    """
    A heading counts when it says one of the states that matter.
    """
    sign = Sign(ways_of([Candidate(css="h1")], edition.edition, "en", says=["Cancelled", "Closed"]))
    await add(tab, "<h1>Awaiting shipment</h1>")

    assert not await sought(tab, sign).shows_by_itself(tab, 50)
    waiting = asyncio.ensure_future(sought(tab, sign).shows_by_itself(tab, 5_000))
    await tab.evaluate("() => { document.querySelector('h1').firstChild.data = 'closed' }")
    assert await waiting


async def test_css_that_only_playwright_knows_is_left_to_it(tab: Tab, edition: LoadedEdition) -> None:
    """
    The others still tell.
    """
    candidates = [Candidate(css="p:has-text('x')"), Candidate(css=".there")]
    waited_for = of_candidates([(candidates, [])], tab, edition.edition, "en")

    assert await shows(tab, waited_for, '<p class="there">x</p>')


async def test_a_page_that_goes_away_says_so(tab: Tab) -> None:
    """
    Whoever waits asks the next page.
    """
    waiting = asyncio.ensure_future(sought(tab).shows_by_itself(tab, 5_000))
    await tab.evaluate("1")
    await tab.goto("data:text/html,next")

    with pytest.raises(PlaywrightError):
        await waiting
