"""
What became of each line of a file: a bar while it is worked through, and a result file beside it.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agent.cli.batch import Batch, Line
from agent.cli.context import Globals
from agent.errors import BadInput
from agent.model import Result

HEADER = ("line", "order", "id", "stage", "exit_code", "error_kind", "message")
_PAUSE = 1.0
"""Seconds between two writings: a long file is not written anew for every order that is asked for."""


class BatchResults:
    """
    Follows the work on a file.

    :param monotonic: seconds that never jump.
    """

    def __init__(self, state: Globals, batch: Batch, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._batch = batch
        self._monotonic = monotonic
        self._standings: list[tuple[Result, int] | None] = [None] * len(batch.items)
        self._over: set[int] = set()
        self._of_line: dict[int, list[int]] = {}
        for place, item in enumerate(batch.items):
            for number in item.lines:
                self._of_line.setdefault(number, []).append(place)
        self._written_at = 0.0
        self._is_stale = True
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=state.people,
            transient=True,
            disable=state.json or not state.people.is_terminal,
        )
        self._task = self.bar.add_task(Path(batch.name).name, total=len(batch.items))

    def begins(self) -> None:
        """
        See ``Watch.begins``.

        :raises BadInput: the result file cannot be written, so nothing is begun.
        """
        try:
            self._write()
        except OSError as error:
            raise BadInput(
                f"the result file {self._batch.results} cannot be written: {error.strerror or error}",
                next="Put the file where you can write, or give it as --from - in such a folder.",
            ) from None
        self.bar.start()

    def stands(self, number: int, result: Result, code: int, *, is_over: bool) -> None:
        """See ``Watch.stands``."""
        self._standings[number] = (result, code)
        self._is_stale = True
        if is_over:
            self._over.add(number)
        else:
            self._over.discard(number)
        self.bar.update(self._task, completed=len(self._over))
        if self._monotonic() - self._written_at >= _PAUSE:
            self._write_or_say()

    def ends(self) -> None:
        """See ``Watch.ends``."""
        self.bar.stop()
        if self._is_stale:
            self._write_or_say()

    def says_where(self) -> None:
        """Name the result file."""
        self._state.people.print(f"What became of each line: {self._batch.results}", markup=False, soft_wrap=True)

    def _write_or_say(self) -> None:
        """A full disk does not stop orders that are on their way."""
        try:
            self._write()
        except OSError as error:
            self._state.people.print(
                f"The result file {self._batch.results} cannot be written: {error.strerror or error}", markup=False
            )

    def _write(self) -> None:
        """Whole or not at all: a kill leaves the file of a moment before. Only its owner reads it."""
        path = self._batch.results
        self._written_at, self._is_stale = self._monotonic(), False
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(HEADER)
                writer.writerows(self._row(line) for line in self._batch.lines)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def _row(self, line: Line) -> Sequence[object]:
        """A row of several orders without a shop order has several cancellations: its cells name them all."""
        from agent.engine.results import worst

        found = [one for place in self._of_line[line.number] if (one := self._standings[place]) is not None]
        results = [result for result, _ in found]
        errors = [result.error for result in results if result.error is not None]
        return (
            line.number,
            line.order,
            _side_by_side([result.id for result in results]),
            _side_by_side([result.stage for result in results]),
            worst(code for _, code in found) if found else "",
            " ".join(dict.fromkeys(error.kind for error in errors)),
            " ".join(dict.fromkeys(f"{error.message} {error.next}".strip() for error in errors)),
        )


def _side_by_side(words: Sequence[str | None]) -> str:
    return " ".join(word or "-" for word in words) if any(words) else ""
