"""Time as the engine sees it, so that a five-day wait takes no time in a test."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """The wall clock, UTC: for people and for schedules that outlive the process."""

    def monotonic(self) -> float:
        """Seconds that never jump: for QUIET."""

    async def wait(self, seconds: float) -> None:
        """Let *seconds* pass."""


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return time.monotonic()

    async def wait(self, seconds: float) -> None:
        """See ``Clock.wait``."""
        await asyncio.sleep(max(0.0, seconds))


_NO_JUMP = 2.0
"""Seconds: less than that is drift, or a clock that is being corrected bit by bit."""


class SetBack:
    """Notices that the wall clock was set back while this process runs: what was due in a moment would wait for as long."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = self._offset()

    def by(self) -> timedelta:
        """By how much it was set back since this was asked last; nothing if it was not."""
        before, self._ahead = self._ahead, self._offset()
        back = before - self._ahead
        return timedelta(seconds=round(back)) if back > _NO_JUMP else timedelta()

    def _offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
