"""
The same walk with Selenium and chromedriver: a warm browser that is signed in.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

from agent.browser.launch import sandbox_allowed
from benchmarks.peers.place import HEIGHT, REASON, WIDTH, Peer, Place, Withdraw

_PATIENCE = 30
_POLL = 0.05
"""Selenium asks again and again; its own half second would only show how long that is."""


def _why_not() -> str | None:
    if find_spec("selenium") is None:
        return "the package selenium is missing (requirements-bench.txt)"
    if shutil.which("chromedriver") is None:
        return "chromedriver is missing (Debian: apt-get install chromium-driver)"
    return None


@asynccontextmanager
async def _selenium(place: Place) -> AsyncIterator[Withdraw]:
    walk = await asyncio.to_thread(_Walk, place)
    try:
        await asyncio.to_thread(walk.sign_in)

        async def withdraw(order: str) -> None:
            await asyncio.to_thread(walk.withdraw, order)

        yield withdraw
    finally:
        await asyncio.to_thread(walk.driver.quit)


class _Walk:
    """One browser, driven by chromedriver."""

    def __init__(self, place: Place) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        from selenium.webdriver.support.ui import WebDriverWait

        options = webdriver.ChromeOptions()
        options.page_load_strategy = "eager"
        if place.browser is not None:
            options.binary_location = str(place.browser)
        options.add_argument("--headless=new")
        options.add_argument(f"--window-size={WIDTH},{HEIGHT}")
        options.add_argument("--lang=en-US")
        if not sandbox_allowed():
            options.add_argument("--no-sandbox")
        self.driver: Any = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self._place = place
        self._wait: Any = WebDriverWait(self.driver, _PATIENCE, poll_frequency=_POLL)
        self._first = self.driver.current_window_handle

    def sign_in(self) -> None:
        """In two steps; My Orders sends whoever is not signed in to the form."""
        self.driver.get(self._place.my_orders)
        self._shown('input[label="Email or phone number"]').send_keys(self._place.user)
        self.driver.execute_script("document.activeElement.blur()")  # else suggestions cover the button
        self._button("Continue").click()
        self._shown("#fm-login-password").send_keys(self._place.password)
        self._button("Sign in").click()
        self._shown(".order-item")

    def withdraw(self, order: str) -> None:
        """The clicks."""
        from selenium.webdriver.support import expected_conditions as until

        driver = self.driver
        driver.get(self._place.my_orders)
        self._shown('input[placeholder="Order ID, product or store name"]').send_keys(order)
        self._shown('button[aria-label="Search"]').click()
        self._there(
            f"//*[contains(@class, 'order-item') and contains(., '{order}')]//*[@data-pl='order_item_header_detail']"
        ).click()
        self._wait.until(until.number_of_windows_to_be(2))
        driver.switch_to.window(next(one for one in driver.window_handles if one != self._first))
        self._button("Cancel order").click()
        self._there(f'//label[contains(., "{REASON}")]').click()
        self._button("Submit").click()
        self._there("//*[@role='dialog']//button[normalize-space()='Confirm']").click()
        self._there("//*[normalize-space(text())='Cancellation request submitted']")
        driver.close()
        driver.switch_to.window(self._first)

    def _shown(self, css: str) -> Any:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support import expected_conditions as until

        return self._wait.until(until.element_to_be_clickable((By.CSS_SELECTOR, css)))

    def _there(self, xpath: str) -> Any:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support import expected_conditions as until

        return self._wait.until(until.element_to_be_clickable((By.XPATH, xpath)))

    def _button(self, name: str) -> Any:
        return self._there(f"//button[normalize-space()='{name}']")


SELENIUM = Peer("selenium", "Selenium and chromedriver, warm", _selenium, _why_not, is_optional=True)
