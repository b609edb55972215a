"""What goes on beside each other: what browsers' events set going, and what a walk does at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

_running: set[asyncio.Future[None]] = set()
"""Keeps what runs in the background from being collected while it runs."""


def in_background(work: Awaitable[None]) -> None:
    """Begin *work*, and go on."""
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_finished)


async def all_of(*several: Coroutine[Any, Any, None]) -> None:
    """
    Do all of *several* at once. Where one fails the others are cut off, and are over when its error is raised.
    """
    tasks = [asyncio.ensure_future(one) for one in several]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _finished(task: asyncio.Future[None]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # a tab that closes meanwhile is no news
