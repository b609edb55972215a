"""
What a person has confirmed for a host is written into an edition of the user's own, which extends the one in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from agent.browser.edition import FORMAT
from agent.browser.editions import LoadedEdition


class Confirmations:
    """
    What a person says in one visit: one new edition, written anew with every yes.

    :param folder: the user's editions of the portal; made when the first yes comes.
    :param day: what the edition is named by, if it is to be newer than what the portal's makers knew that day; without it,
        the next number of the base's own day.
    """

    def __init__(self, folder: Path, base: LoadedEdition, day: date | None = None) -> None:
        self._folder = folder
        self._base = base
        self._day = day
        self._path: Path | None = None
        self._parts: dict[str, dict[str, Any]] = {}

    def add(self, section: str, name: str, hosts: Iterable[str], day: date) -> Path:
        """
        Write down that *name* was confirmed.

        :param section: ``targets``, ``statuses``, ``questions``, or ``held`` for a page that shows no number.
        :returns: the edition's file.
        """
        return self.add_all(section, [name], hosts, day)

    def add_all(self, section: str, names: Iterable[str], hosts: Iterable[str], day: date) -> Path:
        """As ``add``, for several."""
        confirmed = dict.fromkeys(hosts, day)
        for name in names:
            if section == "held":
                self._part("pages", name)["proof"] = self._proof_with(name, confirmed)
            else:
                self._part(section, name)["confirmed"] = dict(confirmed)
        return self._write()

    def learn(self, lessons: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Path:
        """
        Write down what a person has taught.

        :param lessons: by section and name, as an edition has them; what was learnt before remains.
        :returns: the edition's file.
        """
        for section, parts in lessons.items():
            for name, part in parts.items():
                known = self._part(section, name)
                for key, value in part.items():
                    known[key] = {**known.get(key, {}), **value} if isinstance(value, Mapping) else value
        return self._write()

    def _part(self, section: str, name: str) -> dict[str, Any]:
        part: dict[str, Any] = self._parts.setdefault(section, {}).setdefault(name, {})
        return part

    def _proof_with(self, page: str, confirmed: dict[str, date]) -> list[dict[str, Any]]:
        """A page's proofs are a list, which an extending edition writes whole."""
        proofs = []
        for proof in self._base.edition.pages[page].proof:
            written = proof.model_dump(mode="python", exclude_none=True, exclude_defaults=True)
            if proof.held is not None:
                written["confirmed"] = {**proof.confirmed, **confirmed}
                written.pop("assumed", None)
            proofs.append(written)
        return proofs

    def _write(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path or self._new_path()
        base = self._base.edition
        content = {
            "portal": base.portal,
            "edition": path.stem,
            "format": FORMAT,
            "extends": base.edition,
            **self._parts,
        }
        temporary = path.with_suffix(".writing")
        with temporary.open("w", encoding="utf-8") as file:
            yaml = YAML()
            yaml.representer.ignore_aliases = lambda _: True  # a person reads it
            yaml.dump(content, file)
        temporary.replace(path)
        self._path = path
        return path

    def _new_path(self) -> Path:
        """
        The next number of the base's day: newer than the base, older than an edition of a later day. Or the day that was
        given, if it is later.
        """
        day, _, number = self._base.edition.edition.partition(".")
        if self._day is not None and self._day.isoformat() > day:
            day, number = self._day.isoformat(), ""
            if not any(self._folder.glob(f"{day}*.yaml")):
                return self._folder / f"{day}.yaml"
        following = int(number or 0) + 1
        while (self._folder / f"{day}.{following}.yaml").exists():
            following += 1
        return self._folder / f"{day}.{following}.yaml"


def write_confirmations(
    folder: Path,
    base: LoadedEdition,
    host_names: list[str],
    day: date,
    targets: list[str],
    statuses: list[str],
    questions: list[str],
) -> Path:
    """Confirm many things at once, for pages that whoever calls this has made or captured."""
    confirmations = Confirmations(folder, base)
    confirmations.add_all("targets", targets, host_names, day)
    confirmations.add_all("statuses", statuses, host_names, day)
    return confirmations.add_all("questions", questions, host_names, day)
