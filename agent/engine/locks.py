"""
One owner at a time: of an account, of a shop, of the whole ledger while a backup is restored over it. The lock is the
operating system's, so it dies with its holder.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from filelock import AsyncFileLock, FileLock, Timeout

from agent.errors import Retryable
from agent.walk import Person

_A_MOMENT = 2.0
"""Seconds: whoever only asks whether a worker is running holds its lock for an instant."""


class Locks(Protocol):
    """Who may work with what. A lock ends with its holder, however that ends."""

    def held(self, name: str, person: Person, holder: str | None = None) -> AbstractAsyncContextManager[None]:
        """
        Hold the lock *name* for as long as the block runs. Waits for whoever holds it, and says so once.

        :param holder: who took it last, for the message.
        """

    def worker(self, id: str) -> AbstractContextManager[bool]:
        """Be the worker *id* for as long as the block runs; gives whether we are, or somebody else is."""

    def any_worker(self) -> bool:
        """Whether a worker is running on this ledger."""


class FileLocks:
    """
    The locks of one machine.

    :param home: where their files lie.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    @asynccontextmanager
    async def held(self, name: str, person: Person, holder: str | None = None) -> AsyncIterator[None]:
        """See ``Locks.held``."""
        lock = AsyncFileLock(
            _folder(self._home) / f"{name}.lock",
            mode=0o600,
            thread_local=False,
            run_in_executor=False,
            poll_interval=0.1,
        )
        try:
            await lock.acquire(timeout=0)
        except Timeout:
            person.says(in_use(name, holder))
            await lock.acquire()
        try:
            yield
        finally:
            await lock.release()

    @contextmanager
    def worker(self, id: str) -> Iterator[bool]:
        """See ``Locks.worker``."""
        lock = FileLock(_folder(self._home) / f"worker-{id}.lock", mode=0o600)
        try:
            lock.acquire(timeout=_A_MOMENT)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def any_worker(self) -> bool:
        """See ``Locks.any_worker``."""
        for path in _folder(self._home).glob("worker-*.lock"):
            lock = FileLock(path, mode=0o600)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return True
            lock.release()
        return False


def in_use(name: str, holder: str | None) -> str:
    """That somebody is waited for."""
    return f"{name} is in use by {holder or 'another process'}; waiting for it to finish"


def ledger_lock(home: Path, *, alone: bool) -> Callable[[], None]:
    """
    Hold the ledger under *home*, never waiting: together with everybody who works with it, or *alone*, to replace it.

    :returns: what lets go of it. (``filelock`` ties its shared locks to the thread that took them; ours outlive it.)
    :raises Retryable: somebody else holds it in a way that does not go with ours.
    """
    handle = os.open(_folder(home) / "ledger.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        if alone:
            raise Retryable(
                "another countermand process works with the ledger",
                next="End the other commands and workers, or wait for them, then give the same command again.",
            ) from None
        raise Retryable(
            "a backup is being restored over the ledger", next="Give the same command again once that is done."
        ) from None
    except BaseException:
        os.close(handle)
        raise
    return lambda: os.close(handle)


def this_process() -> str:
    """How this process is named to others that wait for it."""
    return f"process {os.getpid()} ({' '.join(Path(word).name for word in sys.argv[:2])})"


def _folder(home: Path) -> Path:
    folder = home / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
