"""
A replay that could not fail would prove nothing: flows and editions that go another way are found out, by step and target.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from agent.browser.commit import CommittingWalk
from agent.browser.editions import Editions, LoadedEdition
from agent.browser.recording.player import Divergence
from agent.browser.recording.replay import replay
from agent.model import OrderId
from agent.walk import Walk
from flows.aliexpress import orders
from flows.aliexpress.portal import PORTAL
from tests.conftest import needs_browser
from tests.replays.conftest import RECORDINGS, case

pytestmark = needs_browser

Play = Callable[[str], Awaitable[Divergence | None]]


@pytest.fixture
def play(chromium: Browser, newest: LoadedEdition) -> Play:
    """Replays a recording of that name with the newest edition."""
    return lambda name: replay(chromium, case(RECORDINGS / name, newest))


async def test_a_step_is_skipped(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The details are opened without searching for the order before.
    """

    async def skipped(walk: Walk, order: OrderId) -> None:
        """Nothing."""

    monkeypatch.setattr(orders, "find", skipped)

    divergence = await play("radio")

    assert divergence is not None
    assert ("find the order", "orders.search") == (divergence.step, divergence.target)
    assert "fill orders.search" in divergence.expected
    assert "click orders.details_link in step “open its details”" == divergence.found


@pytest.mark.slow
async def test_two_deeds_are_swapped(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The search is started before anything is typed.
    """

    async def swapped(walk: Walk, order: OrderId) -> None:
        async with walk.step("find the order"):
            await walk.click("orders.search_go")
            await walk.fill("orders.search", order)

    monkeypatch.setattr(orders, "find", swapped)

    divergence = await play("radio")

    assert divergence is not None
    assert ("find the order", "orders.search") == (divergence.step, divergence.target)
    assert "click orders.search_go" == divergence.found


async def test_submit_is_clicked_twice(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Once is what was recorded.
    """
    commit = CommittingWalk.commit

    async def twice(walk: CommittingWalk, target: str, *, order: OrderId) -> None:
        await commit(walk, target, order=order)
        if target == "cancel.submit":
            await commit(walk, target, order=order)

    monkeypatch.setattr(CommittingWalk, "commit", twice)

    divergence = await play("radio")

    assert divergence is not None
    assert "submit the request" == divergence.step
    assert "outcome cancel.submitted" == divergence.expected
    assert "commit cancel.submit" == divergence.found


@pytest.mark.slow
async def test_a_step_is_added(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was over goes on.
    """
    request = PORTAL.request_cancellation

    async def more(walk: Walk, *asked: Any) -> Any:
        submission = await request(walk, *asked)
        async with walk.step("look once more"):
            await walk.open("orders")
        return submission

    monkeypatch.setattr(PORTAL, "request_cancellation", more)

    divergence = await play("radio")

    assert divergence is not None
    assert ("look once more", "open orders") == (divergence.step, divergence.found)
    assert "the end requested" == divergence.expected


@pytest.mark.slow
async def test_it_stops_early(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The flow takes the order for cancelled already, and does nothing more.
    """

    async def cancelled(walk: Walk, order: OrderId) -> str:
        await orders_open(walk, order)
        return "cancelled"

    orders_open = orders.open_order
    monkeypatch.setattr("flows.aliexpress.cancel.open_order", cancelled)

    divergence = await play("radio")

    assert divergence is not None
    assert ("start the cancellation", "details") == (divergence.step, divergence.target)
    assert "the walk ended with already_cancelled" == divergence.found


CHANGES = {
    "another button": (
        "targets: {cancel.confirm: {try: [{role: button, name: {en: [Cancel, Not now]}}]}}",
        ("confirm", "cancel.confirm"),
    ),
    "another field": (
        'targets: {orders.search: {try: [{css: "header input"}, {role: textbox}]}}',
        ("find the order", "orders.search"),
    ),
    "nothing": (
        "targets: {orders.details_link: {try: [{text: {en: [Nothing like it]}}]}}",
        ("open its details", "orders.details_link"),
    ),
    "another state": (
        "statuses: {placed: {texts: {en: [Nothing like it]}}, shipped: {texts: {en: [To ship, Awaiting shipment, Processing]}}}",
        ("open its details", "details.state"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
async def test_another_edition(chromium: Browser, newest: LoadedEdition, tmp_path: Path, change: str) -> None:
    """
    An edition whose selector means another element, nothing, or another state, is found out where it does.
    """
    changes, expected = CHANGES[change]
    base = newest.path.stem
    head = f'portal: {PORTAL.name}\nedition: "2030-01-01"\nformat: 1\nextends: "{base}"\n'
    (tmp_path / "2030-01-01.yaml").write_text(f"{head}{changes}\n")
    edition = Editions(PORTAL.name, PORTAL.editions, tmp_path).load()

    divergence = await replay(chromium, case(RECORDINGS / "radio", edition))

    assert divergence is not None
    assert expected == (divergence.step, divergence.target), str(divergence)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A site on this machine, and what it was asked for."""
    asked: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_network_is_closed(
    chromium: Browser, newest: LoadedEdition, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    """
    Even a page that was changed by hand, so that it would fetch something, fetches nothing.
    """
    site, asked = listener
    more = f'<img src="{site}/picture"><iframe src="{site}/frame"></iframe><script>fetch("{site}/told")</script>'
    for file in (RECORDINGS / "radio").iterdir():
        text = file.read_text("utf-8")
        (tmp_path / file.name).write_text(text.replace("</body>", f"{more}</body>"), "utf-8")

    divergence = await replay(chromium, case(tmp_path, newest))

    assert (None, []) == (divergence, asked)
