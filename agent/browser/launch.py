"""
Finding and starting a browser: an installed Chrome, Chromium or Edge, else Playwright's own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from agent.browser.orphans import end_orphans, mark
from agent.errors import BadInput
from agent.settings import BrowserSettings

INSTALLED = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
"""Where browsers are usually found, in the order they are preferred."""

_CALLS_NOBODY = (
    "--component-updater=url-source=http://127.0.0.1:1/",
    "--gaia-url=http://127.0.0.1:1",
    "--autofill-server-url=http://127.0.0.1:1/",
)
"""
Chromium 156 asks its maker for updates of components, for signed-in accounts, and what the fields of each form are for, whatever else is
switched off (seen 2026-11-23 by tests/chaos/test_network.py). Led to a port that browsers never open, it asks nobody. Pages are not
concerned: a sign-in with Google goes to its pages as ever.
"""

_ANALYTICS = (
    "*.google-analytics.com",
    "*.googletagmanager.com",
    "*.doubleclick.net",
    "connect.facebook.net",
    "analytics.tiktok.com",
    "bat.bing.com",
    "*.hotjar.com",
    "*.clarity.ms",
)
"""Hosts that count visitors, for others than the portal. What a portal's own maker counts with tells people from robots, too: it stays."""

_HEADLESS_POINTER = "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
"""What Playwright says to a headless browser in the switch that also leaves out images; the last one of a name is heard (1.65)."""

_INSTALL = "Install Google Chrome or Chromium (on Debian: apt install chromium), or name one with path in [browser]."


def find_browser(settings: BrowserSettings) -> Path | None:
    """
    The browser's program: the one named in the settings, else an installed one; ``None`` leaves it to Playwright's own.

    :raises BadInput: the one that is named is not there.
    """
    if settings.path is not None:
        if not os.access(settings.path, os.X_OK):
            raise BadInput(
                f"the browser named in the settings, {settings.path}, is not there or cannot be run",
                next="Correct path in [browser], or remove it to use an installed browser.",
            )
        return settings.path
    found = next((path for name in INSTALLED if (path := shutil.which(name))), None)
    return Path(found) if found else None


def sandbox_allowed() -> bool:
    """Chromium's sandbox cannot start as root; everywhere else it stays on, for a supplier's page is an untrusted site."""
    return not hasattr(os, "geteuid") or os.geteuid() != 0


def need_screen() -> None:
    """
    A browser's window needs a screen.

    :raises BadInput: there is none.
    """
    if os.uname().sysname == "Linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise BadInput(
            "there is no screen to show a browser on (DISPLAY is not set)",
            next="Leave out --headed, or start a screen, e.g. with xvfb-run.",
        )


@asynccontextmanager
async def driver() -> AsyncIterator[Playwright]:
    """
    Playwright's driver, for as long as the block runs.

    :raises BadInput: it cannot start on this machine.
    """
    starting = async_playwright()
    try:
        playwright = await starting.start()
    except Exception as error:
        raise BadInput(
            f"Playwright's driver does not start on this machine ({type(error).__name__}: {error})",
            next="Run make setup; on a bare Debian the driver needs the package libatomic1.",
        ) from None
    try:
        yield playwright
    finally:
        await playwright.stop()


async def launch(playwright: Playwright, settings: BrowserSettings, *, headed: bool, slow_mo: float = 0.0) -> Browser:
    """
    Start the browser, and end what earlier crashes of ours have left behind.

    :param headed: show its window; otherwise it is the new headless mode, which pages see as the same browser.
    :param slow_mo: milliseconds between any two actions.
    :raises BadInput: there is none, or it does not start.
    """
    program = find_browser(settings)
    if program is None and not Path(playwright.chromium.executable_path).exists():
        raise BadInput("no browser was found: neither Chrome, Chromium, Edge nor Playwright's own", next=_INSTALL)
    if headed:
        need_screen()
    end_orphans()
    try:
        return await playwright.chromium.launch(
            executable_path=program,
            channel="chromium" if program is None else None,
            headless=not headed,
            slow_mo=slow_mo,
            chromium_sandbox=sandbox_allowed(),
            args=[*_CALLS_NOBODY, *_without(settings, headed=headed), *mark()],
            handle_sigint=False,  # Ctrl-C is ours to handle: an armed stamp must be told from an unarmed one
        )
    except PlaywrightError as error:
        first = str(error).strip().splitlines()[0]
        raise BadInput(
            f"the browser {program or playwright.chromium.executable_path} does not start: {first}",
            next="Run countermand doctor to see what is missing.",
        ) from None


def _without(settings: BrowserSettings, *, headed: bool) -> Iterator[str]:
    """Switches of the browser: intercepting each request instead would cost more than most of them."""
    if "images" in settings.leave_out:
        pointer = "" if headed else f"{_HEADLESS_POINTER},"
        yield f"--blink-settings={pointer}imagesEnabled=false"
    if "fonts" in settings.leave_out:
        yield "--disable-remote-fonts"
    if "analytics" in settings.leave_out:
        rules = ",".join(f"MAP {host} ~NOTFOUND" for host in _ANALYTICS)
        yield f"--host-resolver-rules={rules}"
