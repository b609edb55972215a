"""
A page of ours as a PDF: printed by the browser, with the network closed.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from playwright.async_api import Error as PlaywrightError

from agent.browser.launch import driver, launch
from agent.errors import Retryable
from agent.settings import BrowserSettings

_PATIENCE = 60_000
"""Milliseconds: a report of many visits has many pictures."""
_FOOT = (
    '<div style="width:100%;padding:0 14mm;font:8px sans-serif;color:#5c6577;display:flex;justify-content:space-between">'
    '<span class="title"></span><span><span class="pageNumber"></span>/<span class="totalPages"></span></span></div>'
)


async def print_page(settings: BrowserSettings, page: Path, pdf: Path) -> None:
    """
    Print the file *page* to *pdf*, replacing an older one.

    :raises BadInput: there is no browser, or it does not start.
    :raises Retryable: it broke down.
    :raises OSError: the file cannot be written.
    """
    async with driver() as playwright:
        browser = await launch(playwright, settings, headed=False)
        try:
            context = await browser.new_context(offline=True, java_script_enabled=False)
            tab = await context.new_page()
            await tab.goto(page.as_uri(), timeout=_PATIENCE)
            content = await tab.pdf(
                format="A4",
                scale=0.85,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=_FOOT,
                margin={"top": "14mm", "right": "14mm", "bottom": "16mm", "left": "14mm"},
                outline=True,
                tagged=True,
            )
        except PlaywrightError as error:
            raise Retryable(f"the browser did not print the report: {str(error).strip().splitlines()[0]}") from None
        finally:
            with suppress(PlaywrightError):
                await browser.close()
    _replace(pdf, content)


def _replace(pdf: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=pdf.parent, prefix=f".{pdf.stem}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, pdf)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
