"""Time as the engine sees it, so that a five-day wait takes no time in a test."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
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
