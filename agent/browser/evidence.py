"""
What a visit leaves for people: ``visits/<id>/visit.json``, written as it happens, a picture per step, and more of a step that failed.

``visit.json`` is our own record in a stable, versioned format, whose schema is ``visit.schema.json`` beside this file. A visit that is
killed leaves a readable one.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field

from agent import __version__
from agent.redact import redactor

FORMAT = 1
"""The journal format this agent writes. It rises only when older agents would misread what is written."""


ActionName = Literal[
    "open",
    "back",
    "fill",
    "click",
    "choose",
    "commit",
    "outcome",
    "read",
    "prove",
    "overlay",
    "question",
    "challenge",
    "refused",
]


class _Entry(BaseModel):
    """Keys that a newer agent of the same format added are passed over: a report needs none of them."""

    model_config = ConfigDict(extra="ignore")


class Request(_Entry):
    """What was asked of the visit: numbers and keys only, nothing about a person."""

    cancellation: str | None = None
    orders: list[str] = Field(default_factory=list)
    """The supplier's order numbers."""
    reason: str | None = None
    """The key of the reason for the supplier, or the portal's own words for it."""
    shop_order: str | None = None
    """As the shop calls it, e.g. ``#1001``."""


class Reply(_Entry):
    """An answer of the portal's servers: that it came, never what it said."""

    at: datetime
    status: int
    method: str
    what: str
    """As browsers sort them: ``document``, ``xhr``, ``fetch`` …"""
    url: str
    """Without anything but the order number in the query."""


class Failure(_Entry):
    """What is kept of a step that failed, besides its picture."""

    outline: str | None = None
    """The page as somebody who listens to it would hear it, without form values and private parts."""
    console: list[str] = Field(default_factory=list)
    """What the pages at hand complained of."""
    replies: list[Reply] = Field(default_factory=list)
    """The last answers, oldest first."""


class Action(_Entry):
    """One thing done or read within a step."""

    what: ActionName
    at: datetime
    seconds: float = 0.0
    target: str | None = None
    candidate: str | None = None
    """The candidate that matched, as the edition writes it."""
    drift: bool = False
    """A later candidate than the first one matched."""
    page: str | None = None
    """The page recognised afterwards."""
    result: str | None = None
    """An outcome, an answer, or the portal's own words."""


class Step(_Entry):
    """A part of the walk under a name that a shopkeeper understands."""

    name: str
    started_at: datetime
    seconds: float | None = None
    """``None`` while it runs, and for ever if the visit was killed in it."""
    actions: list[Action] = Field(default_factory=list)
    picture: str | None = None
    """The file beside this one."""
    url: str | None = None
    """Where it ended, without anything but the order number in the query."""
    failed: str | None = None
    failure: Failure | None = None


class Ending(_Entry):
    """How a visit ended."""

    at: datetime
    ok: bool
    kind: str
    """A submission, an answer, or the kind of the error."""
    message: str


class VisitJournal(_Entry):
    """Everything a visit did."""

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    visit: str
    kind: str
    request: Request | None = None
    portal: str | None = None
    account: str | None = None
    order: str | None = None
    agent: str = Field(default_factory=lambda: __version__)
    browser: str | None = None
    headed: bool = False
    edition: str | None = None
    edition_file: str | None = None
    digest: str | None = None
    started_at: datetime
    steps: list[Step] = Field(default_factory=list)
    traces: list[str] = Field(default_factory=list)
    """Playwright's traces of parts of the visit, scrubbed: files beside this one, oldest first."""
    end: Ending | None = None
    """``None`` while it runs, and for ever if it was killed."""

    @property
    def orders(self) -> list[str]:
        """The order numbers that it is about."""
        return list(self.request.orders) if self.request and self.request.orders else [self.order] if self.order else []


_SOON = 0.05
"""Seconds. What happens closer together is written together: a walk notes something every few milliseconds, and waits for each write."""


class Journal:
    """
    Writes ``visit.json`` as a whole, so that a reader never sees half of it: with the end of every step, before every commit, and soon after
    everything else. A visit that is killed lacks its last 50 ms at the most.
    """

    def __init__(self, folder: Path, entry: VisitJournal) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.entry = entry
        self._writes: asyncio.TimerHandle | None = None
        self._write()

    def knows(self, **facts: str | bool | None) -> None:
        """Note facts about the visit as a whole."""
        self.entry = self.entry.model_copy(update=facts)
        self._write_soon()

    def begin(self, name: str) -> Step:
        """A step begins."""
        step = Step(name=name, started_at=now())
        self.entry.steps.append(step)
        self._write_soon()
        return step

    def note(self, action: Action) -> None:
        """Something was done or read in the step that runs."""
        if action.result is not None:
            action.result = redactor.clean(action.result)
        if self.entry.steps:
            self.entry.steps[-1].actions.append(action)
        self._write_soon()

    def pictured(self, step: Step, picture: str, url: str) -> None:
        """The picture of *step* was taken, at *url*."""
        step.picture, step.url = picture, url
        self._write_soon()

    def finish(self, step: Step, *, failed: str | None) -> None:
        """A step ended."""
        step.seconds = (now() - step.started_at).total_seconds()
        step.failed = redactor.clean(failed) if failed else None
        self._write()

    def traced(self, name: str) -> None:
        """A part of the visit has its trace in the file *name*."""
        self.entry.traces.append(name)
        self._write_soon()

    def end(self, *, ok: bool, kind: str, message: str) -> None:
        """The visit ended."""
        self.entry.end = Ending(at=now(), ok=ok, kind=kind, message=redactor.clean(message))
        self._write()

    @property
    def drift(self) -> list[str]:
        """The targets for which a later candidate matched, in order, each once."""
        return drift_of(self.entry)

    def written(self) -> None:
        """Now, if anything is not yet."""
        if self._writes is not None:
            self._write()

    def _write_soon(self) -> None:
        if self._writes is not None:
            return
        try:
            self._writes = asyncio.get_running_loop().call_later(_SOON, self._write)
        except RuntimeError:  # nobody would come back to it
            self._write()

    def _write(self) -> None:
        """Evidence never harms the work: what counts is in the ledger, and a full disk ends no walk in the middle."""
        if self._writes is not None:
            self._writes.cancel()
            self._writes = None
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".visit.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.entry.model_dump_json(indent=1))
            os.replace(temporary, self.folder / "visit.json")
        except OSError as error:
            logger.warning("the journal of visit {} cannot be written: {}", self.entry.visit, error)
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary)


def drift_of(entry: VisitJournal) -> list[str]:
    """The targets of a visit for which a later candidate matched, in order, each once."""
    drifted = (action.target for step in entry.steps for action in step.actions if action.drift and action.target)
    return list(dict.fromkeys(drifted))


def read_journal(folder: Path) -> VisitJournal | None:
    """The journal of a visit; ``None`` if there is none that can be read, or only a newer countermand can."""
    try:
        return VisitJournal.model_validate_json((folder / "visit.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def now() -> datetime:
    """The time that evidence carries, UTC."""
    return datetime.now(UTC)
