"""
The same walk with Robot Framework's Browser library, warm. Its keywords are called as a suite would; what Robot itself does between them
is left out, in its favour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.browser.launch import sandbox_allowed
from benchmarks.peers.place import HEIGHT, REASON, WIDTH, Peer, Place, Withdraw


def _why_not() -> str | None:
    found = find_spec("Browser")
    if found is None or found.origin is None:
        return "the package robotframework-browser is missing (requirements-bench.txt)"
    if not (Path(found.origin).parent / "wrapper" / "node_modules").is_dir():
        return "its Node.js part is missing (rfbrowser init --skip-browsers)"
    return None


@asynccontextmanager
async def _robot(place: Place) -> AsyncIterator[Withdraw]:
    walk = await asyncio.to_thread(_Walk, place)
    try:
        await asyncio.to_thread(walk.sign_in)

        async def withdraw(order: str) -> None:
            await asyncio.to_thread(walk.withdraw, order)

        yield withdraw
    finally:
        await asyncio.to_thread(walk.end)


class _Walk:
    """One browser, driven by the Browser library."""

    def __init__(self, place: Place) -> None:
        import Browser

        self._place = place
        self._visible: Any = Browser.ElementState.visible
        self.library: Any = Browser.Browser(timeout="30s")
        self.library.new_browser(
            Browser.SupportedBrowsers.chromium,
            headless=True,
            executablePath=str(place.browser) if place.browser else None,
            chromiumSandbox=sandbox_allowed(),
        )
        self.library.new_context(locale="en-US", viewport={"width": WIDTH, "height": HEIGHT})

    def sign_in(self) -> None:
        """In two steps; My Orders sends whoever is not signed in to the form."""
        library = self.library
        library.new_page(self._place.my_orders)
        library.fill_text('input[label="Email or phone number"]', self._place.user)
        library.evaluate_javascript(None, "document.activeElement.blur()")  # else suggestions cover the button
        library.click('role=button[name="Continue"]')
        library.fill_text("#fm-login-password", self._place.password)
        library.click('role=button[name="Sign in"]')
        library.wait_for_elements_state(".order-item >> nth=0", self._visible)

    def withdraw(self, order: str) -> None:
        """The clicks."""
        library = self.library
        library.new_page(self._place.my_orders)
        library.fill_text('input[placeholder="Order ID, product or store name"]', order)
        library.click('role=button[name="Search"]')
        library.click(f'.order-item:has-text("{order}") >> [data-pl="order_item_header_detail"]')
        library.switch_page("NEW")
        library.click('role=button[name="Cancel order"]')
        library.click(f'text="{REASON}"')
        library.click('role=button[name="Submit"]')
        library.click('role=dialog >> role=button[name="Confirm"]')
        library.wait_for_elements_state('text="Cancellation request submitted"', self._visible)
        library.close_page()
        library.close_page()

    def end(self) -> None:
        """Nothing is left behind."""
        self.library.close_browser("ALL")
        self.library.playwright.close()


ROBOT = Peer("robot", "Robot Framework Browser, warm", _robot, _why_not, is_optional=True)
