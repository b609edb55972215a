"""
Reading one edition file: its content, and the line of every key, so that a complaint can name the place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from agent.browser.edition import (
    FORMAT,
    Candidate,
    Challenge,
    Edition,
    Outcome,
    Overlay,
    Page,
    Proof,
    Question,
    ReasonTexts,
    Status,
    Target,
)
from agent.errors import BadInput

Raw = dict[str, Any]
Place = tuple[str | int, ...]
"""Where in a file: the keys and positions that lead there."""

_CORRECT = "Correct that file."
_MISSING = "is missing"
_SECTIONS: dict[str, type[BaseModel]] = {
    "pages": Page,
    "targets": Target,
    "outcomes": Outcome,
    "statuses": Status,
    "reasons": ReasonTexts,
    "questions": Question,
    "overlays": Overlay,
    "challenges": Challenge,
}


@dataclass(frozen=True)
class EditionFile:
    """One file as it was written."""

    path: Path
    raw: Raw
    lines: Mapping[Place, int]
    """The line, counted from 1, of every key and list entry."""

    @property
    def name(self) -> str:
        """The edition's name: the file's."""
        return self.path.stem


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong: where, and what was expected."""

    place: Place
    message: str


def read_edition_file(path: Path) -> EditionFile:
    """
    Read *path*.

    :raises BadInput: it cannot be read, is no YAML, has a key twice, or is of a newer format.
    """
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise _unreadable(path, error) from None


@lru_cache(maxsize=32)
def _read(path: Path, changed_ns: int, size: int) -> EditionFile:
    """Read once for as long as the file is the same: a worker loads its edition for every visit."""
    del changed_ns, size
    try:
        node = _yaml().load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        what = (error.problem or error.context or "no valid YAML").split("\n")[0]
        raise BadInput(f"{path}{line}: no valid YAML: {what}", next=_CORRECT) from None
    except YAMLError as error:
        raise BadInput(f"{path}: no valid YAML: {' '.join(str(error).split())}", next=_CORRECT) from None
    if not isinstance(node, CommentedMap):
        raise BadInput(f"{path}:1: an edition is a table of keys", next=_CORRECT)
    file = EditionFile(path, _plain(node), dict(_lines(node, ())))
    _refuse_newer(file)
    return file


def _unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(
        f"the edition {path} cannot be read ({type(error).__name__})",
        next="Check the file's mode and encoding (UTF-8).",
    )


def _yaml() -> YAML:
    """Days stay the words they were written as: one that is none is then a complaint like any other, with its line."""
    yaml = YAML(typ="rt")

    class AsWritten(RoundTripConstructor):
        pass

    AsWritten.add_constructor("tag:yaml.org,2002:timestamp", AsWritten.construct_yaml_str)
    yaml.Constructor = AsWritten
    return yaml


def complaints_of(raw: Raw) -> tuple[Edition | None, list[Complaint]]:
    """
    Everything that is wrong with the merged content of an edition, all at once.

    :returns: the edition if nothing is wrong with its shape, and the complaints about shape and names.
    """
    try:
        edition = Edition.model_validate(raw)
    except ValidationError as error:
        shape = [_shape(problem) for problem in error.errors()]
        # A key with a typo is not missing besides.
        typos = [(*one.place[:-1], one.message.partition("did you mean ")[2].rstrip("?")) for one in shape]
        shape = [one for one in shape if one.message != _MISSING or one.place not in typos]
        return None, [*shape, *_names_despite(raw, shape)]
    return edition, [Complaint(place, message) for place, message in edition.wrong_names()]


def in_words(chain: Sequence[EditionFile], complaints: Sequence[Complaint]) -> str:
    """
    The complaints as lines of "file:line: key: what".

    :param chain: the file and those it extends, newest first: the newest that has the key is to blame.
    """
    lines = []
    for complaint in complaints:
        file, line = _blame(chain, complaint.place)
        key = ".".join(str(part) for part in complaint.place)
        lines.append((file.path != chain[0].path, line, f"{file.path}:{line}: {key}: {complaint.message}"))
    return "\n".join(text for _, _, text in sorted(lines))


def _blame(chain: Sequence[EditionFile], place: Place) -> tuple[EditionFile, int]:
    for length in range(len(place), 0, -1):
        for file in chain:
            if place[:length] in file.lines:
                return file, file.lines[place[:length]]
    return chain[0], 1


def _shape(problem: Mapping[str, Any]) -> Complaint:
    place: Place = tuple(problem["loc"])
    if problem["type"] == "extra_forbidden":
        return Complaint(place, f"no such key{_near(str(place[-1]), _keys_at(place))}")
    if problem["type"] == "missing":
        return Complaint(place, _MISSING)
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        known = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        listed = _near(problem["input"], known) or f"; there are: {', '.join(known)}"
        return Complaint(place, f"there is no {place[-1]} {problem['input']}{listed}")
    message = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    shown = f" (here: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return Complaint(place, f"{message[:1].lower()}{message[1:]}{shown}")


def _keys_at(place: Place) -> list[str]:
    """The keys that may stand where *place* ends."""
    if len(place) == 1:
        model: type[BaseModel] = Edition
    elif "proof" in place[:-1]:
        model = Proof
    elif len(place) > 3 and place[0] != "outcomes":
        model = Candidate
    else:
        model = _SECTIONS.get(str(place[0]), Edition)
    return [field.alias or name for name, field in model.model_fields.items()]


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _names_despite(raw: Raw, shape: Sequence[Complaint]) -> list[Complaint]:
    """Wrong names beside the misshapen parts: those parts are left out, and what refers to them is not blamed."""
    left_out = {complaint.place[:2] for complaint in shape}
    pruned = {
        section: {name: part for name, part in parts.items() if (section, name) not in left_out}
        if isinstance(parts, dict)
        else parts
        for section, parts in raw.items()
        if (section,) not in left_out
    }
    try:
        edition = Edition.model_validate(pruned)
    except ValidationError:
        return []
    names = {str(place[1]) for place in left_out if len(place) > 1}
    return [
        Complaint(place, message)
        for place, message in edition.wrong_names()
        if message.split(";")[0].split()[-1] not in names
    ]


def _refuse_newer(file: EditionFile) -> None:
    written = file.raw.get("format")
    if isinstance(written, int) and written > FORMAT:
        line = file.lines.get(("format",), 1)
        raise BadInput(
            f"{file.path}:{line}: format: this file has format {written}; this countermand reads up to {FORMAT}",
            next="Install a newer countermand.",
        )


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _lines(node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, CommentedMap):
        for key, value in node.items():
            yield (*place, str(key)), node.lc.key(key)[0] + 1
            yield from _lines(value, (*place, str(key)))
    elif isinstance(node, CommentedSeq):
        for position, value in enumerate(node):
            yield (*place, position), node.lc.item(position)[0] + 1
            yield from _lines(value, (*place, position))
