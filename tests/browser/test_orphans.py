"""
Browsers of ours that outlived the process they worked for are ended, and nobody else's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.browser import orphans
from agent.browser.launch import driver, find_browser, launch, sandbox_allowed
from agent.browser.orphans import end_orphans, mark
from agent.settings import BrowserSettings
from tests.conftest import needs_browser

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="browsers are told apart by /proc here")

_WAITS = "import signal; print('ready', flush=True); signal.pause()"


class Started:
    """Processes of the test's own."""

    def __init__(self) -> None:
        self._all: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._all.append(process)
        return process

    def waiting(self, *words: str) -> subprocess.Popen[str]:
        """A process that waits, with *words* on its command line."""
        process = self(sys.executable, "-c", _WAITS, *words)
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        return process

    def end(self) -> None:
        """Nothing is left behind."""
        for process in self._all:
            process.kill()
            process.wait(20)
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def start() -> Iterator[Started]:
    """Starts processes, and ends them with the test."""
    started = Started()
    yield started
    started.end()


@pytest.fixture(autouse=True)
def own_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual mark but for its name: every browser that is started beside this test, by other tests, ends orphans that have that one."""
    name = f"--countermand-owner-in-test-{os.getpid()}="
    monkeypatch.setattr(orphans, "_MARK", name)
    monkeypatch.setattr(orphans, "_MARKED", re.compile(rf"{name}(\d+)\.(\d+)"))


def mark_of_the_dead() -> str:
    """The mark of an owner that is no more: its number may be somebody else's by now."""
    (ours,) = mark()
    return f"{ours.rpartition('.')[0]}.1"


@linux_only
def test_only_orphans_of_ours_are_ended(start: Started) -> None:
    """
    The owner is gone, though its number is in use again: ended. The owner is alive, or there is no mark: left alone.
    """
    orphan = start.waiting(mark_of_the_dead())
    owned = start.waiting(*mark())
    other = start.waiting("--user-data-dir=/tmp/somebody", f"--note={mark_of_the_dead()}")

    assert orphan.pid in end_orphans()

    assert -9 == orphan.wait(20)
    assert (None, None) == (owned.poll(), other.poll())


@linux_only
@needs_browser
@pytest.mark.slow
async def test_the_next_browser_ends_the_one_that_hung(start: Started, tmp_path: Path) -> None:
    """
    A real browser whose owner was killed, and which nobody told to end, is gone once another one is started.
    """
    browser = find_browser(BrowserSettings())
    assert browser is not None
    no_sandbox = [] if sandbox_allowed() else ["--no-sandbox"]
    hung = start(
        str(browser),
        "--headless=new",
        *no_sandbox,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--remote-debugging-port=0",
        mark_of_the_dead(),
        "about:blank",
    )
    until = time.monotonic() + 120
    while not (tmp_path / "profile" / "DevToolsActivePort").exists():
        assert time.monotonic() < until
        time.sleep(0.05)

    async with driver() as playwright:
        another = await launch(playwright, BrowserSettings(), headed=False)
        assert -9 == hung.wait(60)
        assert another.is_connected()
        await another.close()
