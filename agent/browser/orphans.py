"""
Browsers of ours that outlived the process they worked for: found by a mark on their command line, and ended.

A browser ends by itself when its driver is gone (it reads a pipe); this is for the one that hangs. The mark names its owner by
process id and start time, so that a number given out again is not taken for it. Nobody else's browser carries the mark, and one
whose owner is alive, belongs to another user, or runs in another container is left alone.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from loguru import logger

_MARK = "--countermand-owner="
_MARKED = re.compile(rf"{_MARK}(\d+)\.(\d+)")
_PROCESSES = Path("/proc")
_START_TIME = 20
"""The field of ``/proc/PID/stat``, counted from the one after the name: ticks since the machine started."""


def mark() -> list[str]:
    """What a browser of this process is started with: a switch that browsers do not know, and pass over."""
    started = _started(os.getpid())
    return [f"{_MARK}{os.getpid()}.{started}"] if started is not None else []


def end_orphans() -> list[int]:
    """
    End the browsers of owners that are no more.

    :returns: their process ids.
    """
    ended = []
    for pid, owner, started in _marked():
        if _started(owner) == started:
            continue
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)  # its renderers and helpers end with it
            logger.warning("a browser of process {}, which is no more, was still there: ended (process {})", owner, pid)
            ended.append(pid)
    return ended


def _marked() -> Iterator[tuple[int, int, int]]:
    """Every browser with the mark among our own processes: its id, its owner's, and when that one started."""
    here = _namespace("self")
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            found = next((match for word in words if (match := _MARKED.fullmatch(word))), None)
            if found is None or folder.stat().st_uid != os.getuid() or _namespace(folder.name) != here:
                continue
        except OSError:
            continue  # it ended meanwhile, or is none of ours
        yield int(folder.name), int(found[1]), int(found[2])


def _namespace(pid: str) -> str:
    """Process ids count within it."""
    return os.readlink(_PROCESSES / pid / "ns" / "pid")


def _started(pid: int) -> int | None:
    """When a process started; ``None`` if it is no more, or nobody can tell on this system."""
    try:
        stat = (_PROCESSES / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else int(fields[_START_TIME - 2])
