"""
What a process and everything below it costs, by the kernel's own books (``/proc``, so Linux only).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY = 1.0


@dataclass
class Peaks:
    """The most memory that was in use at once, in MB."""

    own: float = 0.0
    below: float = 0.0
    """Of all the processes below it together: memory that they share is counted once."""


def cpu(pid: int) -> tuple[float, float]:
    """Seconds of CPU that the process has used itself, and those of its children that have ended."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS, (int(fields[13]) + int(fields[14])) / _TICKS


def memory(pid: int) -> float:
    """MB that the process holds, its share of what several hold included."""
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"the kernel does not say what process {pid} holds")


@contextmanager
def watched(pid: int) -> Iterator[Peaks]:
    """The peaks of a process and of those below it for as long as the block runs, looked at once a second."""
    peaks, over = Peaks(), threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            peaks.own = max(peaks.own, held([pid]))
            peaks.below = max(peaks.below, held(below(pid)))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def held(pids: list[int]) -> float:
    """MB that they hold together; those that have ended meanwhile hold nothing."""
    together = 0.0
    for pid in pids:
        with suppress(OSError):
            together += memory(pid)
    return together


def below(pid: int) -> list[int]:
    """Every process that it has started, and those that they have."""
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    found = [pid]
    for one in found:  # it grows while it is read
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _stat(pid: int) -> list[str]:
    """From the state on: the name before it may hold blanks and brackets."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
