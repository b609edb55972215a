"""
The report as a merchant opens it: on a desk, on a phone, on paper.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from agent.browser.printing import print_page
from agent.errors import BadInput
from agent.model import OrderStage
from agent.report import write_report
from agent.settings import BrowserSettings
from tests.conftest import needs_browser
from tests.engine.bench import ORDER, WITH_SHOP, Bench
from tests.report.visits import begun, looked, stepped

pytestmark = needs_browser


@pytest.fixture
def report(bench: Bench) -> Path:
    """A report with everything that one can have, and long words."""
    one = bench.claim(choices=WITH_SHOP)
    journal = begun(bench, one, "submit")
    for name in ("open My Orders", "find the order", "submit the request"):
        stepped(journal, name)
    stepped(journal, "confirm", failed="the page " + "without-a-space-" * 30)
    journal.end(ok=False, kind="portal_changed", message="the page is not known")
    bench.ledger.move_order(one.orders[0], OrderStage.AWAITING_DECISION, journal.entry.visit, text="Word" * 60)
    for n in range(12):
        looked(bench, one, after=timedelta(hours=n + 1))
    return write_report(bench.ledger, bench.home, one.id)


@pytest_asyncio.fixture(params=[1280, 390], ids=["desk", "phone"], loop_scope="session")
async def opened(
    chromium: Browser, report: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Page, list[str]]]:
    """The report in a browser somewhere else, and everything that the page asked for or complained of."""
    context = await chromium.new_context(
        viewport={"width": request.param, "height": 900}, timezone_id="America/New_York", locale="en-US"
    )
    tab = await context.new_page()
    trouble: list[str] = []
    tab.on("console", lambda message: trouble.append(message.text))
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("request", lambda asked: trouble.append(asked.url) if asked.url.startswith("http") else None)
    await tab.goto(report.as_uri())
    yield tab, trouble
    await context.close()


@pytest.mark.slow
async def test_it_fits_and_asks_nobody(opened: tuple[Page, list[str]]) -> None:
    """
    Nothing is wider than the window, also with everything unfolded; no request, no complaint; every picture is shown.
    """
    tab, trouble = opened
    for _ in range(2):
        wide, window = await tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window
        await tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    shown = await tab.evaluate("[...document.images].map(one => one.naturalWidth > 0 && one.clientWidth > 0)")

    assert [] == trouble
    assert [True] * 5 == shown


@pytest.mark.slow
async def test_times_are_the_readers(opened: tuple[Page, list[str]]) -> None:
    """
    In the zone of whoever reads it, and in UTC.
    """
    tab, _ = opened

    times = await tab.locator("time").all_text_contents()

    assert len(times) > 10
    assert [] == [time for time in times if not re.search(r"\d\d:\d\d (E[SD]T|GMT-[45]) \(.* UTC\)", time)]


@pytest.mark.slow
async def test_it_is_whole_without_its_script(chromium: Browser, report: Path) -> None:
    """
    Where scripts do not run, every time is there, in UTC.
    """
    context = await chromium.new_context(java_script_enabled=False)
    tab = await context.new_page()
    await tab.goto(report.as_uri())

    times = await tab.locator("time").all_text_contents()
    await context.close()

    assert times
    assert [] == [time for time in times if "UTC" not in time]


@pytest.mark.slow
async def test_it_prints(report: Path, tmp_path: Path) -> None:
    """
    The browser makes a PDF of it, and nothing half-written is left.
    """
    pdf = report.with_suffix(".pdf")

    await print_page(BrowserSettings(), report, pdf)

    assert pdf.read_bytes().startswith(b"%PDF-")
    assert {report.name, pdf.name} == {path.name for path in report.parent.iterdir()}
    assert ORDER in report.read_text(encoding="utf-8")


async def test_without_a_browser_it_says_so(report: Path, tmp_path: Path) -> None:
    """
    A sentence that says what to do; the page is there all the same.
    """
    with pytest.raises(BadInput, match="is not there or cannot be run"):
        await print_page(BrowserSettings(path=tmp_path / "no-browser"), report, report.with_suffix(".pdf"))

    assert [report] == list(report.parent.iterdir())
