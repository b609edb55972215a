"""
What a person teaches about a portal's pages: written into a new edition of their own at once, and used from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from agent.browser.confirming import Confirmations
from agent.browser.edition import Candidate, Target
from agent.browser.editions import Editions, LoadedEdition

_Part = dict[str, Any]


class Lessons:
    """
    The lessons of one visit.

    :param base: the edition in use, which the new one extends.
    :param day: the day that the new one is named by.
    """

    def __init__(self, editions: Editions, base: LoadedEdition, day: date) -> None:
        self.confirmations = Confirmations(editions.users, base, day)
        self._editions = editions
        self._loaded = base
        self._day = day

    def target(self, name: str, layout: str | None, candidates: Sequence[Candidate], host: str) -> LoadedEdition:
        """*name* is found by *candidates*, in *layout* or where no layout has its own."""
        return self._learn({"targets": {name: self._target(layout, candidates, host)}})

    def layout(self, name: str, of: str, host: str, path: str, marks: Sequence[Candidate]) -> LoadedEdition:
        """The page *of* has a further look: *name*, at *host* (a role) and *path*, known by *marks*."""
        page = {"host": host, "path": path, "layout_of": of, "marks": _written(marks)}
        return self._learn({"pages": {name: page}})

    def marks(self, page: str, marks: Sequence[Candidate], moved: tuple[str, str] | None) -> LoadedEdition:
        """
        *page* is known by *marks*.

        :param moved: the host (a role) and the path where it is now, if not where it was.
        """
        place = {} if moved is None else {"host": moved[0], "path": moved[1]}
        return self._learn({"pages": {page: {**place, "marks": _written(marks)}}})

    def words(self, section: str, name: str, language: str, text: str, host: str) -> LoadedEdition:
        """
        *text* is what the portal writes for *name*.

        :param section: ``statuses`` or ``reasons``.
        """
        edition = self._loaded.edition
        parts = edition.statuses if section == "statuses" else edition.reasons
        known = edition.texts(parts[name].texts, language) if name in parts else []
        # The edition's own language may stand under no name of its own: then it stays there.
        named_nowhere = name in parts and "" in parts[name].texts and language == edition.language
        texts = {"" if named_nowhere else language: list(dict.fromkeys([*known, text]))}
        return self._learn({section: {name: {"texts": texts, "confirmed": {host: self._day}}}})

    def status_is_right(self, state: str, host: str) -> LoadedEdition:
        """The words for *state* were seen on *host*, and mean it."""
        return self._load(self.confirmations.add("statuses", state, [host], self._day))

    def _target(self, layout: str | None, candidates: Sequence[Candidate], host: str) -> _Part:
        found: _Part = {"layouts": {layout: _written(candidates)}} if layout else {"try": _written(candidates)}
        return {**found, "confirmed": {host: self._day}}

    def _learn(self, lessons: dict[str, dict[str, _Part]]) -> LoadedEdition:
        return self._load(self.confirmations.learn(lessons))

    def _load(self, path: Path) -> LoadedEdition:
        self._loaded = self._editions.load_file(path)
        return self._loaded


def kept(spec: Target, layout: str | None, learnt: Sequence[Candidate]) -> list[Candidate]:
    """What *spec* was found by before, and is not among what was *learnt*."""
    return [one for one in spec.candidates(layout) if one not in learnt]


def _written(candidates: Sequence[Candidate]) -> list[_Part]:
    return [one.model_dump(mode="json", exclude_none=True) for one in candidates]
