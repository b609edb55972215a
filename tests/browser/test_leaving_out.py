"""
What pages may be shown without, so that they load faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.browser.launch import driver, launch
from agent.settings import BrowserSettings
from tests.conftest import needs_browser

pytestmark = [needs_browser, pytest.mark.slow]

PAGE = """<!doctype html><style>@font-face { font-family: Own; src: url(/own.woff2) } p { font-family: Own }</style>
<p>Order</p><img src="/goods.png" alt=""><script src="http://counts.localhost:%d/count.js"></script>"""


@asynccontextmanager
async def site() -> AsyncIterator[tuple[int, set[str]]]:
    """A page with an image, a font and a script of somebody who counts; and what is asked for."""
    asked: set[str] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        asked.add(path)
        body = PAGE % port if path == "/" else ""
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield port, asked


@pytest.mark.parametrize(
    "left_out, there",
    [
        (frozenset(), {"/goods.png", "/own.woff2", "/count.js"}),
        ({"images"}, {"/own.woff2", "/count.js"}),
        ({"fonts"}, {"/goods.png", "/count.js"}),
        ({"analytics"}, {"/goods.png", "/own.woff2"}),
    ],
)
async def test_only_what_is_named_is_left_out(
    left_out: frozenset[str], there: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nothing by default; and a pointer stays one that can hover, as Playwright has told the browser.
    """
    monkeypatch.setattr("agent.browser.launch._ANALYTICS", ("counts.localhost",))
    settings = BrowserSettings.model_validate({"leave_out": left_out})
    async with site() as (port, asked), driver() as playwright:
        browser = await launch(playwright, settings, headed=False)
        tab = await browser.new_page()
        await tab.goto(f"http://127.0.0.1:{port}/", wait_until="load")
        await tab.evaluate("document.fonts.ready")
        hovers = await tab.evaluate("matchMedia('(hover: hover) and (pointer: fine)').matches")
        await browser.close()

    assert (True, there) == (hovers, asked & {"/goods.png", "/own.woff2", "/count.js"})
