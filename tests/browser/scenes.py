"""
What the mock portal can show, as scenes to be recorded: each is set up, walked by a flow, and ends in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.browser.onlooker import Call
from agent.browser.performing import perform
from agent.errors import CountermandError
from agent.settings import BrowserSettings, Patience
from agent.walk import StoppedBeforeCommit
from fixtures.aliexpress import texts
from fixtures.aliexpress.seed import MAIN, ORDERS
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import NOT_NEEDED, Bench

SetUp = Callable[[Bench, pytest.MonkeyPatch], object]
SOON = Patience(page=timedelta(seconds=6), action=timedelta(seconds=4))
"""For scenes that end because something does not come."""


@dataclass(frozen=True)
class Scene:
    """One visit."""

    name: str
    call: Call
    set_up: SetUp = lambda bench, patch: None
    signed_in: bool = True
    ends_for_want: bool = False
    """It ends because something does not come."""
    is_kept: bool = True
    """Its recording comes with the project."""


def _cancel(order: str, **more: Any) -> Call:
    return Call(flow="request_cancellation", orders=(ORDERS.get(order, order),), reason=NOT_NEEDED, **more)


def _look(*orders: str) -> Call:
    flow = "read_decision" if len(orders) == 1 else "read_decisions"
    return Call(flow=flow, orders=tuple(ORDERS.get(order, order) for order in orders))


def _switch(**switches: Any) -> SetUp:
    return lambda bench, patch: bench.portal.world.set(**switches)


def _says(key: str, text: str) -> SetUp:
    return lambda bench, patch: patch.setitem(texts._WORDS["en"], key, text)


def _calls_state(state: str, text: str) -> SetUp:
    return lambda bench, patch: patch.setitem(texts.STATUS["en"], state, text)  # type: ignore[misc]


def _session_ends(page_loads: int) -> SetUp:
    return lambda bench, patch: bench.portal.world.sessions.expire(MAIN, after_page_loads=page_loads)


ALL_OVER = {"cookie_bar": True, "promotion": True, "promotion_after_ms": 0, "assistant": True}

SCENES = [
    Scene("radio", _cancel("placed")),
    Scene("rows", _cancel("rows")),
    Scene("dropdown", _cancel("dropdown")),
    Scene("dialog", _cancel("dialog")),
    Scene("native-confirm", _cancel("native_confirm")),
    Scene("cancelled-at-once", _cancel("at_once")),
    Scene("courier-has-it", _cancel("courier_late")),
    Scene("shipped", _cancel("shipped")),
    Scene("open-already", _cancel("cancel_requested"), is_kept=False),
    Scene("cancelled-already", _cancel("cancelled"), is_kept=False),
    Scene("not-found", _cancel("8199999999999999")),
    Scene("several-goods-held", _cancel("multi_item"), is_kept=False),
    Scene("dry-run", _cancel("placed", dry_run=True)),
    Scene("labels-until-mid-2026", _cancel("placed"), _switch(labels="old")),
    Scene("details-in-the-same-tab", _cancel("placed"), _switch(details_tab="same"), is_kept=False),
    Scene("overlays", _cancel("placed"), _switch(**ALL_OVER)),
    Scene("list-bare-until-asked", _cancel("placed"), _switch(zero_cards="both"), is_kept=False),
    Scene("drift", _cancel("placed"), _says("search_placeholder", "Find what I bought")),
    Scene("other-language", _cancel("placed"), lambda bench, patch: bench.portal.world.set(language="pt")),
    Scene("signed-out", _cancel("placed"), signed_in=False),
    Scene("signed-out-midway", _cancel("placed"), _session_ends(1)),
    Scene("slider-before-my-orders", _cancel("placed"), _switch(slider=["orders"])),
    Scene("slider-after-submit", _cancel("silent"), _switch(slider=["submit"])),
    Scene("unknown-state", _cancel("placed"), _calls_state("placed", "On the moon"), ends_for_want=True),
    Scene("unknown-pop-up", _cancel("placed"), _says("confirm", "Proceed"), ends_for_want=True, is_kept=False),
    Scene("portal-has-trouble", _cancel("placed"), _switch(maintenance=True), is_kept=False),
    Scene("look-waits", _look("cancel_requested"), is_kept=False),
    Scene("look-refused", _look("seller_refused")),
    Scene("look-shipped", _look("shipped"), is_kept=False),
    Scene("look-cancelled-by-seller", _look("cancelled")),
    Scene("look-closed-with-shipment", _look("closed_with_shipment"), is_kept=False),
    Scene("sweep-with-paging", _look("cancel_requested", "cancelled", "seller_refused", "old_6")),
]


async def record(scene: Scene, bench: Bench, patch: pytest.MonkeyPatch) -> Path:
    """Walk *scene* as a visit does. Gives back the recording's folder."""
    if scene.ends_for_want:
        bench.options = replace(bench.options, patience=SOON)
    session = await bench.session(MAIN if scene.signed_in else None)
    scene.set_up(bench, patch)
    journal = bench.journal()
    limits = replace(bench.limits, dry_run=scene.call.dry_run)
    walk = await session.committing_walk(journal, bench.person, bench.stamps, limits)
    walk.is_watched_by(session.recorder(journal, BrowserSettings()))
    with suppress(CountermandError, StoppedBeforeCommit):
        await perform(PORTAL, walk, scene.call)
    await walk.leave()
    return journal.folder / "recording"
