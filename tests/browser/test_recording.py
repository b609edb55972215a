"""
Recordings: whatever the mock portal shows, a visit to it can be walked again without it, and nothing personal is in it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.browser.recording.model import read_recording
from agent.browser.recording.replay import Case, replay
from flows.aliexpress.portal import PORTAL
from tests.browser.bench import Bench
from tests.browser.scenes import SCENES, Scene, record
from tests.conftest import MORE, needs_browser

pytestmark = [needs_browser, pytest.mark.slow]

KEEP = os.environ.get("KEEP_RECORDINGS")
"""A folder that the recordings of this run are copied to: ``make recordings`` renews the committed ones so."""


ALWAYS = ("native-confirm", "signed-out-midway", "slider-after-submit")
RECORDED = [
    pytest.param(scene, id=scene.name, marks=() if KEEP is not None or scene.name in ALWAYS else MORE)
    for scene in SCENES
    if KEEP is not None or not scene.is_kept or scene.name in ALWAYS
]
"""What is kept is walked again in tests/replays all the time: here a few of those are recorded anew."""


@pytest.mark.parametrize("scene", RECORDED)
async def test_every_visit_can_be_walked_again(bench: Bench, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Recorded, and replayed with the same flows and edition, nothing goes another way: with the portal gone.
    """
    folder = await record(scene, bench, monkeypatch)
    bench.portal.stop()
    recording = read_recording(folder)

    divergence = await replay(bench.chromium, Case(folder, recording, PORTAL, bench.edition))

    assert divergence is None, str(divergence)
    assert [scene.call.flow] == [take.call.flow for take in recording.takes]
    if KEEP is not None and scene.is_kept:
        target = Path(KEEP) / scene.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
