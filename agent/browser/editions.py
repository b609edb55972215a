"""
Finding editions: the portal's own folder and the user's, ``extends``, pins, confirmations.

The newest over both folders is used, and the user's wins a tie. A pin names the base; confirmations made for it still apply.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.browser.edition import FORMAT, Edition
from agent.errors import BadInput

_Raw = dict[str, Any]


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
            file = files[-1]
            return self._finish(file, self._merged(file, ()))
        pinned = [file for file in files if file.name == pin]
        if not pinned:
            names = ", ".join(file.name for file in files)
            raise BadInput(
                f"there is no edition {pin} of {self._portal} (there: {names})",
                next=f"Correct edition in [portals.{self._portal}].",
            )
        raw = self._merged(pinned[-1], ())
        for file in files:
            if file.is_users and file.name.startswith(f"{pin}."):
                raw = _merge(raw, _confirmations_only(_read(file.path)))
        return self._finish(pinned[-1], raw)

    def _files(self) -> list[_File]:
        found = [
            _File(path, is_users)
            for folder, is_users in self._folders
            if folder.is_dir()
            for path in folder.glob("*.yaml")
        ]
        return sorted(found, key=lambda file: file.order)

    def _merged(self, file: _File, below: tuple[str, ...]) -> _Raw:
        raw = _read(file.path)
        base = raw.get("extends")
        if base is None:
            return raw
        if base in (*below, file.name) and not self._is_shadowed(file, base):
            raise BadInput(
                f"{file.path}: extends: editions extend each other in a circle ({' → '.join((*below, file.name, str(base)))})",
                next="Correct extends in that file.",
            )
        bases = [other for other in self._files() if other.name == base and other != file]
        if not bases:
            raise BadInput(f"{file.path}: extends: there is no edition {base}", next="Correct extends in that file.")
        return _merge(self._merged(bases[-1], (*below, file.name)), raw)

    def _is_shadowed(self, file: _File, base: object) -> bool:
        """A user's edition may extend our own of the same name."""
        return file.is_users and base == file.name

    def _finish(self, file: _File, raw: _Raw) -> LoadedEdition:
        try:
            edition = Edition.model_validate(raw)
        except ValidationError as error:
            raise BadInput(
                f"the edition {file.path} cannot be used: {'; '.join(_complaints(error))}", next="Correct that file."
            ) from None
        if edition.edition != file.name or edition.portal != self._portal:
            raise BadInput(
                f"{file.path}: portal and edition must be {self._portal} and {file.name}, as the file's place says",
                next="Correct that file.",
            )
        content = json.dumps(edition.model_dump(mode="json", by_alias=True), sort_keys=True)
        return LoadedEdition(edition, file.path, hashlib.sha256(content.encode()).hexdigest()[:12])


def write_confirmations(
    folder: Path,
    base: LoadedEdition,
    host_names: list[str],
    day: date,
    targets: list[str],
    statuses: list[str],
    questions: list[str],
) -> Path:
    """
    Write a user edition that extends *base* and says what is confirmed for *host_names*.

    :param folder: the user's editions of the portal; made if it is not there.
    """
    confirmed = {"confirmed": dict.fromkeys(host_names, day)}
    day_name = base.edition.edition.split(".")[0]
    number = 1
    while (folder / f"{day_name}.{number}.yaml").exists():
        number += 1
    path = folder / f"{day_name}.{number}.yaml"
    content = {
        "portal": base.edition.portal,
        "edition": path.stem,
        "format": FORMAT,
        "extends": base.edition.edition,
        "targets": {name: deepcopy(confirmed) for name in targets},
        "statuses": {name: deepcopy(confirmed) for name in statuses},
        "questions": {name: deepcopy(confirmed) for name in questions},
    }
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
    return path


def _read(path: Path) -> _Raw:
    try:
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the edition {path} cannot be read ({type(error).__name__})",
            next="Check the file's mode and encoding (UTF-8).",
        ) from None
    except YAMLError as error:
        raise BadInput(
            f"the edition {path} is no valid YAML: {' '.join(str(error).split())}",
            next="Correct that place in the file.",
        ) from None
    if not isinstance(raw, dict):
        raise BadInput(f"the edition {path} is no table of keys", next="Correct that file.")
    if isinstance(raw.get("edition"), date):
        raw["edition"] = raw["edition"].isoformat()
    elif isinstance(raw.get("edition"), float):
        raise BadInput(f"the edition {path}: edition must be quoted", next='Write edition: "…".')
    if isinstance(raw.get("extends"), date):
        raw["extends"] = raw["extends"].isoformat()
    if isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
        raise BadInput(
            f"the edition {path} has format {raw['format']}; this countermand reads up to {FORMAT}",
            next="Install a newer countermand.",
        )
    return raw


def _merge(base: _Raw, change: _Raw) -> _Raw:
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


def _confirmations_only(raw: _Raw) -> _Raw:
    sections = ("targets", "statuses", "questions")
    return {
        section: {
            name: {"confirmed": part["confirmed"]}
            for name, part in raw.get(section, {}).items()
            if isinstance(part, Mapping) and "confirmed" in part
        }
        for section in sections
    }


def _complaints(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        yield (
            f"{where}: {problem['msg'].removeprefix('Value error, ')}"
            if where
            else problem["msg"].removeprefix("Value error, ")
        )
