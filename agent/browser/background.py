"""What browsers' events set going: they wait for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

_running: set[asyncio.Future[None]] = set()
"""Keeps what runs in the background from being collected while it runs."""


def in_background(work: Awaitable[None]) -> None:
    """Begin *work*, and go on."""
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_finished)


def _finished(task: asyncio.Future[None]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # a tab that closes meanwhile is no news
