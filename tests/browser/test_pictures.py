"""Pictures: what is private is grey on them, whatever the page does about it, and the page is as before afterwards."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

from agent.browser.picture import picture_of
from tests.conftest import needs_browser

pytestmark = needs_browser

PRIVATE = [".private", "input[type=password]"]
IMAGE = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='200' height='40'%3E%3Crect width='90' height='40'/%3E%3C/svg%3E"
KINDS = {
    "text": '<div class="private">Annegret Kastanienallee</div>',
    "text within": '<div class="private"><p style="margin:0">Annegret <b style="color:red">K.</b></p></div>',
    "a picture": f'<img class="private" width="200" height="40" src="{IMAGE}">',
    "a picture within": f'<div class="private"><img width="200" height="40" src="{IMAGE}"></div>',
    "a field": '<input type="password" value="hunter2hunter2" style="background:white;color:black">',
    "what a style adds": '<style>.added::before{content:"Annegret"; color:black}</style><div class="private added"></div>',
    "the page's own colours": "<style>#own.private.private {background:white !important; color:black !important}</style>"
    '<div class="private" id="own">Annegret</div>',
    "a slow change": "<style>* {transition: all 5s !important}</style><div class='private'>Annegret</div>",
    "a host of shadows": '<div class="private"><template shadowrootmode="open"><b>Annegret</b></template></div>',
    "within shadows": '<div id="host"><template shadowrootmode="open"><style>div{height:40px}</style>'
    '<div class="private" style="width:200px">Annegret</div></template></div>',
}


@pytest_asyncio.fixture(loop_scope="session")
async def tab(chromium: Browser) -> AsyncIterator[Tab]:
    """An empty tab."""
    context = await chromium.new_context(viewport={"width": 400, "height": 300})
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def session(tab: Tab) -> CDPSession:
    """With the tab."""
    return await tab.context.new_cdp_session(tab)


async def show(tab: Tab, body: str) -> None:
    """Have *tab* show *body* at its upper left corner, 200 by 40 pixels."""
    style = "body {margin:0; background:white} .private, input, #host {display:block; width:200px; height:40px; border:0; padding:0}"
    await tab.set_content(f"<!doctype html><style>{style}</style>{body}")


async def darkest_and_lightest(tab: Tab, picture: bytes, top: int = 2) -> tuple[int, int]:
    """Of all points within the box that begins at *top*."""
    found: list[int] = await tab.evaluate(
        """async ([source, top]) => {
            const image = new Image();
            image.src = source;
            await image.decode();
            const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
            canvas.drawImage(image, 0, 0);
            const seen = canvas.getImageData(2, top, 196, 36).data.filter((_, place) => place % 4 !== 3);
            return [Math.min(...seen), Math.max(...seen)];
        }""",
        [f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}", top],
    )
    return found[0], found[1]


@pytest.mark.parametrize("body", KINDS.values(), ids=KINDS)
async def test_private_parts_are_grey(tab: Tab, session: CDPSession, body: str) -> None:
    """
    A flat grey box, from which nothing can be read; without it (the control) there is something to be read.
    """
    await show(tab, body)

    bare = await darkest_and_lightest(tab, await picture_of(tab, session, []))
    darkest, lightest = await darkest_and_lightest(tab, await picture_of(tab, session, PRIVATE))

    assert bare[1] - bare[0] > 60
    assert 0x99 - 8 <= darkest <= lightest <= 0x99 + 8


async def test_what_is_scrolled_meanwhile_stays_grey(tab: Tab, session: CDPSession) -> None:
    """
    The walk may scroll while the picture is taken: private parts are grey wherever they are by then.
    """
    far = "".join(f'<p style="margin:0;height:40px">{n}</p><div class="private">Annegret</div>' for n in range(40))
    await show(tab, far)
    scrolling = "() => new Promise(done => { let n = 0; const go = () => { scrollTo(0, 80 * n++); n < 30 ? setTimeout(go, 2) : done() }; go() })"

    for _ in range(3):
        picture, _ = await asyncio.gather(picture_of(tab, session, PRIVATE), tab.evaluate(scrolling))
        for top in (42, 122, 202):  # wherever it is scrolled to: a number, a private part, a number …
            darkest, lightest = await darkest_and_lightest(tab, picture, top)
            assert 0x99 - 8 <= darkest <= lightest <= 0x99 + 8


async def test_the_page_is_as_before(tab: Tab, session: CDPSession) -> None:
    """
    Nothing of it stays: neither in the page nor in its shadows.
    """
    await show(tab, KINDS["text"] + KINDS["within shadows"])
    before = await tab.screenshot()

    await picture_of(tab, session, PRIVATE)

    assert before == await tab.screenshot()
    left = "() => [document, document.querySelector('#host').shadowRoot].map(root => root.adoptedStyleSheets.length)"
    assert [0, 0] == await tab.evaluate(left)


async def test_what_is_no_css_makes_no_picture(tab: Tab, session: CDPSession) -> None:
    """
    Rather none than one on which something private might be seen.
    """
    await show(tab, KINDS["text"])

    with pytest.raises(PlaywrightError, match="not a valid selector"):
        await picture_of(tab, session, [*PRIVATE, ".info:has-text('x')"])
