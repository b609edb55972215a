"""
How long the evidence of visits is kept: by age and by size, the oldest first, and never that of a cancellation that is not over.

What is removed is noted in the ledger first, so that a report can say since when its pictures are gone. Reports that show them go too:
``countermand report`` writes them anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loguru import logger

from agent.browser.evidence import VisitJournal, read_journal
from agent.engine.ledger import Ledger
from agent.engine.results import report_path
from agent.settings import EvidenceSettings

PAGE = 50
"""How many visits a page of the list has."""
_UNDER_WAY = timedelta(hours=1)
"""A visit that wrote something within this may still be under way."""
_AT_ONCE = 200
_GOING = ".removed-"
"""What a folder is called while it is being removed: one that is cut off is found again."""


@dataclass(frozen=True)
class VisitFolder:
    """What a visit left."""

    path: Path
    at: datetime
    """When its journal was written last."""
    bytes: int

    @property
    def id(self) -> str:
        """The visit."""
        return self.path.name

    @property
    def journal(self) -> VisitJournal | None:
        """What it wrote down; ``None`` if that cannot be read."""
        return read_journal(self.path)


@dataclass(frozen=True)
class VisitPage:
    """A page of the visits, the newest first."""

    visits: tuple[VisitFolder, ...]
    number: int
    pages: int
    total: int
    bytes: int
    """Of all of them."""


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be."""

    removed: tuple[VisitFolder, ...]
    left: int
    left_bytes: int

    @property
    def bytes(self) -> int:
        """How much room that made."""
        return sum(one.bytes for one in self.removed)


def visit_folders(home: Path) -> list[VisitFolder]:
    """The evidence of every visit, the newest first."""
    folder = home / "visits"
    found = [_measured(path) for path in _paths(folder) if not path.name.startswith(".")]
    return sorted((one for one in found if one is not None), key=lambda one: (one.at, one.id), reverse=True)


def page_of_visits(home: Path, number: int) -> VisitPage:
    """Page *number*, from 1, of the visits."""
    folders = visit_folders(home)
    first = (number - 1) * PAGE
    pages = max(1, -(-len(folders) // PAGE))
    return VisitPage(
        tuple(folders[first : first + PAGE]), number, pages, len(folders), sum(one.bytes for one in folders)
    )


def prune(ledger: Ledger, home: Path, policy: EvidenceSettings, now: datetime, *, dry_run: bool = False) -> Pruned:
    """
    Remove the evidence that *policy* does not keep.

    :param dry_run: only say what would be removed.
    """
    folders = visit_folders(home)
    # The ledger is asked after the folders were listed: what has begun meanwhile is not among them.
    in_use = ledger.visits_in_use()
    going = _too_many(folders, in_use, policy, now)
    if not dry_run:
        for first in range(0, len(going), _AT_ONCE):
            _remove(ledger, home, going[first : first + _AT_ONCE])
        for left in _paths(home / "visits"):
            if left.name.startswith(_GOING):
                shutil.rmtree(left, ignore_errors=True)
    total = sum(one.bytes for one in folders) - sum(one.bytes for one in going)
    return Pruned(tuple(going), len(folders) - len(going), total)


def _too_many(
    folders: Sequence[VisitFolder], in_use: set[str], policy: EvidenceSettings, now: datetime
) -> list[VisitFolder]:
    """What goes, the oldest first."""
    total = sum(one.bytes for one in folders)
    going = []
    for one in reversed(folders):
        if one.id in in_use or now - one.at < _UNDER_WAY:
            continue
        too_old = policy.keep is not None and now - one.at > policy.keep
        too_much = policy.keep_size is not None and total > policy.keep_size
        if too_old or too_much:
            going.append(one)
            total -= one.bytes
    return going


def _remove(ledger: Ledger, home: Path, going: Sequence[VisitFolder]) -> None:
    for id in ledger.evidence_removed([one.id for one in going]):
        for suffix in (".html", ".pdf"):
            report_path(home, id).with_suffix(suffix).unlink(missing_ok=True)
    for one in going:
        away = one.path.with_name(f"{_GOING}{one.id}")
        try:
            os.replace(one.path, away)
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            logger.warning("the evidence of visit {} cannot be removed: {}", one.id, error.strerror or error)
            continue
        shutil.rmtree(away, ignore_errors=True)


def _paths(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            yield from (Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return


def _measured(path: Path) -> VisitFolder | None:
    """``None``: it was removed meanwhile."""
    size, written = 0, 0.0
    try:
        at = path.stat().st_mtime
        with os.scandir(path) as entries:
            for entry in entries:
                stat = entry.stat(follow_symlinks=False)
                size += stat.st_size
                written = stat.st_mtime if entry.name == "visit.json" else written
    except FileNotFoundError:
        return None
    return VisitFolder(path, datetime.fromtimestamp(written or at, UTC), size)
