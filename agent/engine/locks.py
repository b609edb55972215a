"""
One owner at a time: of an account, of a shop. The lock is the operating system's, so it dies with its holder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import AsyncFileLock, Timeout

from agent.walk import Person


@asynccontextmanager
async def held(home: Path, name: str, person: Person, holder: str | None = None) -> AsyncIterator[None]:
    """
    Hold the lock *name* for as long as the block runs. Waits for whoever holds it, and says so once.

    :param holder: who took it last, for the message.
    """
    folder = home / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = AsyncFileLock(
        folder / f"{name}.lock", mode=0o600, thread_local=False, run_in_executor=False, poll_interval=0.1
    )
    try:
        await lock.acquire(timeout=0)
    except Timeout:
        person.says(f"{name} is in use by {holder or 'another process'}; waiting for it to finish")
        await lock.acquire()
    try:
        yield
    finally:
        await lock.release()


def this_process() -> str:
    """How this process is named to others that wait for it."""
    return f"process {os.getpid()} ({' '.join(Path(word).name for word in sys.argv[:2])})"
