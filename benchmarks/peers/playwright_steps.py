"""
The walk in bare Playwright: what floor and script have in common.
"""

from __future__ import annotations

from playwright.async_api import Browser, Playwright
from playwright.async_api import Page as Tab

from agent.browser.launch import sandbox_allowed
from benchmarks.peers.place import REASON, Place


async def start(playwright: Playwright, place: Place) -> Browser:
    """The browser that the agent starts, in the same mode (new headless)."""
    return await playwright.chromium.launch(
        executable_path=place.browser,
        channel=None if place.browser else "chromium",
        headless=True,
        chromium_sandbox=sandbox_allowed(),
    )


async def sign_in(tab: Tab, place: Place) -> None:
    """In two steps; My Orders sends whoever is not signed in to the form."""
    await tab.goto(place.my_orders, wait_until="domcontentloaded")
    name = tab.get_by_label("Email or phone number")
    await name.fill(place.user)
    await name.blur()  # else suggestions cover the button
    await tab.get_by_role("button", name="Continue", exact=True).click()
    await tab.get_by_label("Password").fill(place.password)
    await tab.get_by_role("button", name="Sign in", exact=True).click()
    await tab.locator(".order-item").first.wait_for()


async def cancel(tab: Tab, place: Place, order: str) -> Tab:
    """The clicks; gives the tab in which they ended."""
    await tab.goto(place.my_orders, wait_until="domcontentloaded")
    await tab.get_by_placeholder("Order ID, product or store name").fill(order)
    await tab.get_by_role("button", name="Search", exact=True).click()
    row = tab.locator(".order-item").filter(has_text=order)
    async with tab.expect_popup() as opened:
        await row.locator('[data-pl="order_item_header_detail"]').click()
    details = await opened.value
    await details.get_by_role("button", name="Cancel order", exact=True).click()
    await details.get_by_text(REASON, exact=True).click()
    await details.get_by_role("button", name="Submit", exact=True).click()
    await details.get_by_role("dialog").get_by_role("button", name="Confirm", exact=True).click()
    await details.get_by_text("Cancellation request submitted", exact=True).wait_for()
    return details
