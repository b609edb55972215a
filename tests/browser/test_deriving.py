"""Candidates derived from what a person points at: names first, never a hash or a position, and each proved on the page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ElementHandle, Page

from agent.browser import deriving
from agent.browser.deriving import Group, lasting_class
from agent.browser.editions import LoadedEdition
from tests.conftest import needs_browser

SUBMIT = '<button class="btn-u8Ee next-btn submitBar--submit--u8Ee">Submit</button>'


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """An empty page."""
    context = await chromium.new_context()
    yield await context.new_page()
    await context.close()


async def pointed(page: Page, html: str, css: str) -> ElementHandle:
    """*html* shown, and the element that *css* means pointed at."""
    await page.set_content(html)
    element = await page.query_selector(css)
    assert element is not None
    return element


async def found(page: Page, edition: LoadedEdition, html: str, css: str) -> list[str]:
    """What is derived for a click on *css*, in words."""
    element = await deriving.acted_on(await pointed(page, html, css))
    return [one.describe() for one in await deriving.derive(element, page, edition.edition, "en")]


@needs_browser
@pytest.mark.parametrize(
    ("html", "css", "expected"),
    [
        (SUBMIT, "button", ["role=button “Submit”", "text=Submit"]),
        ("<button><b>Send</b> request</button>", "b", ["role=button “Send request”", "text=Send request"]),
        ('<button aria-label="Close">×</button>', "button", ["role=button “Close”", 'css=button[aria-label="Close"]']),
        (
            '<label for="q">Order</label><input id="q" name="order" placeholder="Order number">',
            "label",
            ["role=textbox “Order”", "label=Order", "placeholder=Order number", "css=#q", 'css=input[name="order"]'],
        ),
        (
            '<a href="/x" data-testid="details" data-pl="item_detail">See all about it</a>',
            "a",
            [
                "role=link “See all about it”",
                "test_id=details",
                'css=a[data-pl="item_detail"]',
                "text=See all about it",
            ],
        ),
        ('<div id="r-81723" class="submit-bar">✓</div>', "div", ["css=.submit-bar"]),
        ('<div class="row--m2Xt css-1x2y3z">Order 8190101000004512</div>', "div", ['css=[class*="row--"]']),
        ('<div class="sc-bdVaJa _3fGh2 m2Xt9 is-active">8190101000004512</div>', "div", []),
        (f"{SUBMIT}{SUBMIT}", "button", []),
        (f"<div role=dialog>{SUBMIT}</div><p>Submit</p>", "button", ["role=button “Submit”"]),
    ],
    ids=[
        "name",
        "word_in_a_button",
        "label_of_its_own",
        "field",
        "link",
        "class_alone",
        "module_class",
        "nothing_lasts",
        "two_alike",
        "words_elsewhere_too",
    ],
)
async def test_what_is_pointed_at(page: Page, edition: LoadedEdition, html: str, css: str, expected: list[str]) -> None:
    """
    What people read comes first, then what programmers name; a class only where there is nothing else.
    """
    assert expected == await found(page, edition, html, css)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order-item", ".order-item"),
        ("comet-v2-modal", ".comet-v2-modal"),
        ("cancelReason--row--m2Xt", '[class*="cancelReason--row--"]'),
        ("Button_root__3f2Xk", '[class*="Button_root__"]'),
        ("block__element--primary", ".block__element--primary"),
        ("next-dialog-btn", ".next-dialog-btn"),
        ("cancelReason--rowChecked--H8dj", None),
        ("is-active", None),
        ("css-1x2y3z", None),
        ("sc-bdVaJa", None),
        ("_3fGh2", None),
        ("m2Xt", None),
        ("xkqzw", None),
        ("item-4711", None),
    ],
)
def test_classes_that_last(name: str, expected: str | None) -> None:
    """
    Words last; what a build makes up does not, nor what says how something is at the moment.
    """
    assert expected == lasting_class(name)


async def listed(page: Page, edition: LoadedEdition, html: str, css: str) -> Group:
    """What is derived for the list that *css* is in."""
    return await deriving.derive_list(await pointed(page, html, css), page, edition.edition, "en")


_TILES = '<div class="grid--Z7ua"><button class="tile--b4Kw"><i>One</i></button><button class="tile--b4Kw on--H8dj"><i class="x">Two</i></button></div><button>Send</button>'
_RADIOS = '<div role="radiogroup"><label><input type="radio" name="r">One</label><label><input type="radio" name="r">Two</label></div>'
_OPTIONS = '<ul role="listbox"><li role="option">One</li><li role="option">Two</li></ul><ul><li>Other</li></ul>'
_WRAPPED = (
    '<ul class="reasons"><li class="reason"><button>One</button></li><li class="reason"><button>Two</button></li></ul>'
)


@needs_browser
@pytest.mark.parametrize(
    ("html", "css", "expected"),
    [
        (_TILES, "i", ['css=[class*="tile--"]', 'css=[class*="grid--"] > button']),
        (_RADIOS, "label + label", ["css=label:has(input[type=radio])", 'css=[role="radiogroup"] > label']),
        (_OPTIONS, "li", ["role=option", 'css=li[role="option"]', 'css=[role="listbox"] > li']),
        (_WRAPPED, "button", ["css=.reason > button"]),
        ("<p><u>One</u><u>Two</u></p><p><u>Three</u></p>", "u", []),
    ],
    ids=["tiles", "radios", "options", "wrapped", "nameless"],
)
async def test_a_list(page: Page, edition: LoadedEdition, html: str, css: str, expected: list[str]) -> None:
    """
    One entry is pointed at; what is derived means all of them and nothing else.
    """
    group = await listed(page, edition, html, css)

    assert ["One", "Two"] == group.texts
    assert expected == [one.describe() for one in group.candidates]


@needs_browser
async def test_words(page: Page, edition: LoadedEdition) -> None:
    """
    What says something is known by its words alone: the same place may say something else next time.
    """
    html = '<h2 class="result--title--cN5e">We have your <b>request</b></h2><p class="amount">US $12.50</p>'
    title = await deriving.derive_words(await pointed(page, html, "b"), page, edition.edition, "en")
    amount = await deriving.derive_words(await pointed(page, html, "p"), page, edition.edition, "en")

    assert ["role=heading “We have your request”", "text=We have your request"] == [one.describe() for one in title]
    assert [] == amount


@needs_browser
async def test_what_changes_when_an_entry_is_chosen(page: Page, edition: LoadedEdition) -> None:
    """
    The chosen entry is known by what its click changed.
    """
    await page.set_content(
        '<ul><li class="r" aria-selected="false">One</li><li class="r" aria-selected="false">Two</li></ul>'
    )
    entry = page.locator("li").nth(1)
    before = await deriving.look(entry)
    await entry.evaluate(
        "one => { one.setAttribute('aria-selected', 'true'); one.classList.add('row--on--H8dj', 'chosen'); }"
    )

    changes = deriving.changes(before, await deriving.look(entry), ".r")

    expected = ['css=.r[aria-selected="true"]', "css=.r.chosen", 'css=.r[class*="row--on--"]']
    assert expected == [one.describe() for one in changes]
