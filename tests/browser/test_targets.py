"""
From an edition's candidates to elements, on small pages of our own; and telling a portal's hosts apart.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from playwright.async_api import Page as Tab

from agent.browser.edition import Candidate, Edition, Page
from agent.browser.editions import Editions
from agent.browser.recognise import Hosts
from agent.browser.targets import any_of, locate, of_order
from agent.model import OrderId
from flows.aliexpress.portal import PORTAL
from tests.conftest import needs_browser

NUMBER = OrderId("8190101000004512")


@cache
def edition() -> Edition:
    """AliExpress's newest edition."""
    return Editions(PORTAL.name, PORTAL.editions, Path("nowhere")).load().edition


@pytest.fixture
async def tab(chromium: Browser) -> AsyncIterator[Tab]:
    """An empty tab."""
    tab = await chromium.new_page()
    yield tab
    await tab.close()


@needs_browser
async def test_order_s_row(tab: Tab) -> None:
    """
    A row is an order's if it shows exactly its number, as text or in a link; longer numbers are other orders.
    """
    await tab.set_content(
        f"""
        <div class=row id=text>Ref. Number: {NUMBER}<span>Copy</span></div>
        <div class=row id=link><a href="/detail?orderId={NUMBER}">Details</a></div>
        <div class=row id=more><a href="/detail?orderId={NUMBER}&spm=1">Details</a></div>
        <div class=row id=longer>Ref. Number: {NUMBER}0</div>
        <div class=row id=before>Ref. Number: 1{NUMBER}</div>
        <div class=row id=longer-link><a href="/detail?orderId={NUMBER}0">Details</a></div>
        <div class=row id=before-link><a href="/detail?orderId=1{NUMBER}">Details</a></div>
        <div class=row id=other>Ref. Number: {NUMBER[:-1]}3</div>
        """
    )

    found = await of_order(tab.locator(".row"), NUMBER, tab).all()

    assert ["text", "link", "more"] == [await row.get_attribute("id") for row in found]


@needs_browser
@pytest.mark.parametrize(
    "candidate, language, found",
    [
        ({"role": "button", "name": "Submit"}, "en", ["b1"]),
        ({"role": "button", "name": {"en": ["Submit", "Send"]}}, "en", ["b1", "b2"]),
        ({"role": "button", "name": {"en": "Submit", "es": "Enviar"}}, "es", ["b3"]),
        ({"role": "button", "name": {"en": "Submit"}}, "fr", []),
        ({"role": "button", "name": "Submit"}, "es", []),
        ({"role": "textbox"}, "fr", ["field"]),
        ({"label": "Number"}, "en", ["field"]),
        ({"placeholder": "Order ID"}, "en", ["field"]),
        ({"test_id": "here"}, "en", ["tested"]),
        ({"text": "Done"}, "en", ["done"]),
        ({"css": "button.hidden"}, "en", []),
    ],
)
async def test_candidate(tab: Tab, candidate: dict[str, Any], language: str, found: list[str]) -> None:
    """
    Names are exact and per language, and only what is visible counts.
    """
    await tab.set_content(
        """
        <button id=b1>Submit</button><button id=b2>Send</button><button id=b3>Enviar</button>
        <button id=b4>Submit a complaint</button><button class=hidden style="display: none">Submit</button>
        <label>Number <input id=field placeholder="Order ID"></label><p id=tested data-testid=here>x</p>
        <p id=done>Done</p><p id=not-done>Not Done</p>
        """
    )

    located = await locate(tab, Candidate.model_validate(candidate), edition(), language).all()

    assert found == [await one.get_attribute("id") for one in located]


@needs_browser
async def test_union_counts_an_element_once(tab: Tab) -> None:
    """
    Two candidates that mean the same element are one element; no candidate is none.
    """
    await tab.set_content("<button id=one>Submit</button><a href=/x>Submit</a>")
    ways = [tab.locator("#one"), tab.get_by_role("button", name="Submit", exact=True)]

    assert 1 == await any_of(ways, tab).count()
    assert 2 == await any_of([*ways, tab.get_by_role("link")], tab).count()
    assert 0 == await any_of([], tab).count()


@pytest.mark.parametrize(
    "url, is_it",
    [
        ("https://www.aliexpress.com/p/order/index.html", True),
        ("https://es.aliexpress.com/p/order/index.html?spm=1#top", True),
        ("https://www.aliexpress.com/p/order/detail.html", False),
        ("http://www.aliexpress.com/p/order/index.html", False),
        ("https://m.aliexpress.com/p/order/index.html", False),
        ("https://www.aliexpress.com.example.org/p/order/index.html", False),
        ("https://www.aliexpress.com:8443/p/order/index.html", False),
        ("https://user@www.aliexpress.com/p/order/index.html", False),
        ("about:blank", False),
    ],
)
def test_address_of_a_page(url: str, is_it: bool) -> None:
    """
    A page is at its path on one of the portal's own hosts, to the letter.
    """
    assert is_it == Hosts(edition(), {}).is_at(edition().pages["orders"], url)


def test_settings_replace_the_edition_s_hosts() -> None:
    """
    Hosts of the settings take the place of the edition's for their role; the others stay.
    """
    hosts = Hosts(
        edition(), {"www": ["http://www.x.localhost:1/", "http://es.x.localhost:1"], "m": "http://m.x.localhost:2"}
    )

    assert "http://www.x.localhost:1/p/order/index.html" == hosts.address(edition().pages["orders"])
    assert hosts.is_ours("http://es.x.localhost:1/anything")
    assert not hosts.is_ours("https://www.aliexpress.com/")
    assert hosts.is_ours("https://login.aliexpress.com/")
    assert ["www.x.localhost", "es.x.localhost", "m.x.localhost"] == hosts.names(["www", "m"])
    assert "http://m.x.localhost:2/" == hosts.address(Page(host="m"))
