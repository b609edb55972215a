"""
Finding editions: the portal's own folder and the user's, ``extends``, pins, confirmations.

The newest over both folders is used, and the user's wins a tie. A pin names the base; confirmations made for it still apply.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.browser.edition import Edition
from agent.browser.edition_file import Complaint, EditionFile, Raw, complaints_of, in_words, read_edition_file
from agent.errors import BadInput


@dataclass(frozen=True)
class LoadedEdition:
    """An edition ready for use, and where it came from."""

    edition: Edition
    path: Path
    digest: str
    """Of the merged content: the same digest finds the same elements."""


@dataclass(frozen=True)
class _File:
    path: Path
    is_users: bool

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def order(self) -> tuple[str, int, bool]:
        day, _, number = self.name.partition(".")
        return day, int(number) if number.isdigit() else 0, self.is_users


class Editions:
    """The editions of one portal: its own folder and the user's."""

    def __init__(self, portal: str, own: Path, users: Path) -> None:
        self._portal = portal
        self._folders = ((own, False), (users, True))
        self.own = own
        self.users = users

    def files(self) -> list[Path]:
        """Every edition file, oldest first."""
        return [file.path for file in self._files()]

    def load(self, pin: str | None = None) -> LoadedEdition:
        """
        The edition to use.

        :param pin: the edition named in the settings; ``None`` for the newest.
        :raises BadInput: there is none, or a file of it cannot be used.
        """
        files = self._files()
        if not files:
            raise BadInput(
                f"there is no edition for {self._portal} in {self._folders[0][0]}", next="Install countermand again."
            )
        if pin is None:
            return self.load_file(files[-1].path)
        pinned = [file for file in files if file.name == pin]
        if not pinned:
            names = ", ".join(file.name for file in files)
            raise BadInput(
                f"there is no edition {pin} of {self._portal} (there: {names})",
                next=f"Correct edition in [portals.{self._portal}].",
            )
        chain = self._chain(pinned[-1])
        raw = _merged(chain)
        for file in files:
            if file.is_users and file.name.startswith(f"{pin}."):
                raw = _merge(raw, _confirmations_only(read_edition_file(file.path).raw))
        return self._finish(chain, raw)

    def load_file(self, path: Path) -> LoadedEdition:
        """
        The edition in *path*, which is one of ``files``.

        :raises BadInput: it cannot be used; every complaint names file, line and key.
        """
        chain = self.chain(path)
        return self._finish(chain, _merged(chain))

    def chain(self, path: Path) -> list[EditionFile]:
        """The file *path*, which is one of ``files``, and what it extends, newest first."""
        return self._chain(next(file for file in self._files() if file.path == path))

    def _files(self) -> list[_File]:
        found = [
            _File(path, is_users)
            for folder, is_users in self._folders
            if folder.is_dir()
            for path in folder.glob("*.yaml")
        ]
        return sorted(found, key=lambda file: file.order)

    def _chain(self, file: _File, below: tuple[_File, ...] = ()) -> list[EditionFile]:
        """*file* and what it extends, newest first."""
        read = read_edition_file(file.path)
        base = read.raw.get("extends")
        if base is None:
            return [read]
        line = read.lines.get(("extends",), 1)
        # A user's edition may extend our own of the same name, but no file extends itself.
        bases = [other for other in self._files() if other.name == base and other != file]
        if not bases:
            names = [other.name for other in self._files() if other != file]
            near = difflib.get_close_matches(str(base), names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadInput(f"{file.path}:{line}: extends: there is no edition {base}{hint}", next="Correct that file.")
        if bases[-1] in below:
            circle = " → ".join(one.name for one in (*below, file, bases[-1]))
            raise BadInput(
                f"{file.path}:{line}: extends: editions extend each other in a circle ({circle})",
                next="Correct that file.",
            )
        return [read, *self._chain(bases[-1], (*below, file))]

    def _finish(self, chain: list[EditionFile], raw: Raw) -> LoadedEdition:
        newest = chain[0]
        edition, complaints = complaints_of(raw)
        for key, expected in (("portal", self._portal), ("edition", newest.name)):
            if isinstance(raw.get(key), str) and raw[key] != expected:
                complaints.append(Complaint((key,), f"must be {expected}, as the file's place says (here: {raw[key]})"))
        if edition is None or complaints:
            raise BadInput(f"the edition cannot be used:\n{in_words(chain, complaints)}", next="Correct these places.")
        content = json.dumps(edition.model_dump(mode="json", by_alias=True), sort_keys=True)
        return LoadedEdition(edition, newest.path, hashlib.sha256(content.encode()).hexdigest()[:12])


def _merged(chain: list[EditionFile]) -> Raw:
    raw: Raw = {}
    for file in reversed(chain):
        raw = _merge(raw, file.raw)
    return raw


def _merge(base: Raw, change: Raw) -> Raw:
    """*change* over *base*, key by key; lists are replaced. New candidates are new: old confirmations do not vouch for them."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if {"try", "layouts", "texts", "text"} & set(value):
                old = {name: part for name, part in old.items() if name not in ("confirmed", "assumed")}
            merged[key] = _merge(dict(old), dict(value))
        else:
            merged[key] = value
    return merged


def _confirmations_only(raw: Raw) -> Raw:
    """The part of a user's edition that only confirms; a page's proofs are a list, which is written whole."""
    kept: Raw = {
        section: {
            name: {"confirmed": part["confirmed"]}
            for name, part in raw.get(section, {}).items()
            if isinstance(part, Mapping) and "confirmed" in part
        }
        for section in ("targets", "statuses", "questions")
    }
    pages = raw.get("pages", {}).items()
    kept["pages"] = {name: dict(part) for name, part in pages if isinstance(part, Mapping) and set(part) == {"proof"}}
    return kept
