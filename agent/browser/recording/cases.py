"""
Cases: recordings in folders of their own, made of visits, to be walked again whenever flows or editions change.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from agent.browser.recording.model import FILE, Recording, pages_of, read_recording
from agent.browser.recording.recorder import FOLDER
from agent.browser.recording.scrub import ORDER_DIGITS
from agent.errors import BadInput

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_NUMBER = re.compile(rf"\d{{{ORDER_DIGITS},}}")


def recording_of(visit: Path) -> tuple[Path, Recording]:
    """
    The recording of a visit, which is whole.

    :param visit: the visit's folder.
    :raises BadInput: it left none, or not all of it.
    """
    folder = visit / FOLDER
    if not (folder / FILE).is_file():
        raise BadInput(
            f"visit {visit.name} left no recording",
            next="Only visits that ask for a cancellation or look at orders do, and not while recordings are switched off in [evidence].",
        )
    recording = read_recording(folder)
    if recording.incomplete is not None:
        raise BadInput(
            f"the recording of visit {visit.name} is not whole: {recording.incomplete}",
            next="Record another visit of that kind.",
        )
    return folder, recording


def make_case(
    visit: Path, name: str, parent: Path, secrets: Iterable[str], is_real_order: Callable[[set[str]], bool]
) -> tuple[Path, Recording]:
    """
    Make a case of a visit.

    :param name: small letters, digits and hyphens.
    :param parent: the folder of cases.
    :param secrets: what may not be in it: passwords, names, tokens.
    :param is_real_order: whether any of these numbers is that of a real order.
    :returns: the case's folder.
    :raises BadInput: something of that is found in it; nothing is written then.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"“{name}” is no name for a case", next="Use small letters, digits and hyphens, e.g. refused-by-courier."
        )
    target = parent / name
    if target.exists():
        raise BadInput(f"there is a case {target} already", next="Give another name, or remove that folder.")
    folder, recording = recording_of(visit)
    known = [secret.casefold() for secret in secrets if secret.strip()]
    for file in (FILE, *pages_of(recording)):
        text = (folder / file).read_text("utf-8")
        if any(secret in text.casefold() for secret in known):
            raise _leaks(folder / file, "something that must not be in it")
        if is_real_order(set(_NUMBER.findall(text))):
            raise _leaks(folder / file, "the number of a real order")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        target.mkdir()
        for file in (*pages_of(recording), FILE):
            shutil.copyfile(folder / file, target / file)
    except OSError as error:
        raise BadInput(
            f"the case cannot be written to {target} ({error.strerror})", next="Name another folder with --to."
        ) from None
    return target, recording


def cases_in(path: Path) -> Iterator[Path]:
    """
    The folders at or below *path* that hold a recording.

    :raises BadInput: there is none.
    """
    if (path / FILE).is_file():
        yield path
        return
    if not path.is_dir():
        raise BadInput(f"there is no folder {path}", next="Name the folder of a case, or one that holds several.")
    found = sorted(file.parent for file in path.rglob(FILE))
    if not found:
        raise BadInput(f"there is no recording in {path}", next="Name the folder of a case, or one that holds several.")
    yield from found


def _leaks(file: Path, what: str) -> BadInput:
    return BadInput(
        f"no case was made: {file} holds {what}",
        next="That must not happen: keep the recording to yourself, and report which kind of text it is.",
    )
