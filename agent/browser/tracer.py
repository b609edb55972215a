"""
Playwright's own trace of a visit: actions only, in parts, each scrubbed before it is kept.

A part ends where a private step begins and before the signed-in state is read, for both would be in it. With ``on-failure`` a part is kept
only if a step in it failed. Evidence never harms the work: whatever goes wrong here is a warning.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Literal

from loguru import logger
from playwright.async_api import BrowserContext
from playwright.async_api import Error as PlaywrightError

from agent.browser.evidence import Journal
from agent.browser.trace_file import scrub

Policy = Literal["never", "on-failure", "always"]
_PATIENCE = 5.0
"""Seconds: a driver that hangs is left alone."""


class Tracer:
    """Traces one session, as *policy* says."""

    def __init__(self, context: BrowserContext, policy: Policy) -> None:
        self._context = context
        self._policy = policy
        self._journal: Journal | None = None
        self._is_started = False
        self._is_running = False
        self._is_broken = False

    def write_to(self, journal: Journal) -> None:
        """Parts are kept beside *journal* from now on."""
        self._journal = journal

    async def begin(self, step: str) -> None:
        """A step begins that may be traced."""
        if self._policy == "never" or self._is_broken or self._journal is None:
            return
        tracing = self._context.tracing
        if not self._is_running:
            starts = tracing.start_chunk() if self._is_started else tracing.start(screenshots=False, snapshots=False)
            if not await self._done(starts):
                return
            self._is_started = self._is_running = True
        await self._done(tracing.group(step))

    async def end(self, *, failed: bool) -> None:
        """That step ended."""
        if not self._is_running:
            return
        await self._done(self._context.tracing.group_end())
        if failed:
            await self._stop(keep=True)

    async def rest(self) -> None:
        """What comes now must not be in a trace."""
        if self._is_running:
            await self._stop(keep=self._policy == "always")

    async def finish(self) -> None:
        """The session is over; its context may serve another, which begins a trace of its own."""
        if self._is_running:
            await self._stop(keep=self._policy == "always")
        if self._is_started and not self._is_broken:
            self._is_started = False
            await self._done(self._context.tracing.stop())

    async def _stop(self, *, keep: bool) -> None:
        self._is_running = False
        journal = self._journal
        if not keep or journal is None:
            await self._done(self._context.tracing.stop_chunk())
            return
        with tempfile.TemporaryDirectory(prefix="countermand-") as folder:
            raw = Path(folder) / "raw.zip"
            if await self._done(self._context.tracing.stop_chunk(path=raw)):
                await asyncio.to_thread(_keep, raw, journal)

    async def _done(self, doing: Awaitable[object]) -> bool:
        try:
            await asyncio.wait_for(doing, _PATIENCE)
        except (PlaywrightError, OSError, TimeoutError) as error:
            self._is_broken, self._is_running = True, False
            logger.warning("no trace from here on: {}", (str(error) or type(error).__name__).splitlines()[0])
            return False
        return True


def _keep(raw: Path, journal: Journal) -> None:
    name = f"trace-{len(journal.entry.traces) + 1}.zip"
    kept = journal.folder / name
    try:
        scrub(raw, kept, journal.entry.orders)
    except (ValueError, OSError) as error:
        kept.unlink(missing_ok=True)
        logger.warning("a trace of visit {} was not kept: {}", journal.entry.visit, error)
        return
    journal.traced(name)
