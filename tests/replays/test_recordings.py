"""
Every recording that comes with countermand goes the way it went: today's flows and edition, no portal, no network.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from agent.browser.editions import LoadedEdition
from agent.browser.recording.cases import cases_in
from agent.browser.recording.replay import replay
from tests.conftest import needs_browser
from tests.replays.conftest import RECORDINGS, case

pytestmark = needs_browser


ALWAYS = ("radio", "courier-has-it", "sweep-with-paging")
"""The others are walked among the slow tests."""


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(folder, id=folder.name, marks=[] if folder.name in ALWAYS else [pytest.mark.slow])
        for folder in cases_in(RECORDINGS)
    ],
)
async def test_recording(chromium: Browser, newest: LoadedEdition, folder: Path) -> None:
    """
    The same steps, each on the element that is marked, the same outcomes, the same end.
    """
    divergence = await replay(chromium, case(folder, newest))

    assert divergence is None, f"{folder.name}: {divergence}"
