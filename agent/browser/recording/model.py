"""
What a recording is: the flows of one visit, each as its moments, and beside them a page for each moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError

from agent.browser.evidence import ActionName
from agent.browser.onlooker import Call, Deed, Ended
from agent.errors import BadInput
from agent.model import Frozen, OrderId

FORMAT = 1
"""The newest format of recordings that this agent writes and reads."""
FILE = "recording.json"


class Moment(Frozen):
    """One thing that was done or read."""

    step: str
    what: ActionName
    name: str
    """The page, target or outcome table."""
    row: str | None = None
    value: str | None = None
    """What was typed or chosen."""
    tab: int = 0
    """Tabs are numbered as they came."""
    url: str = ""
    file: str | None = None
    """The page as it was just before something on it was touched, or when it was read; ``None``: no page came."""
    touched: bool = False
    """Something on the page was touched, and that is marked."""
    done: bool = True
    """``False``: it was about to be touched, and then it was not, as nobody gave a stamp for it."""
    element: str = ""
    """What was touched, for people."""
    status: int | None = None
    """With which the portal answered instead of a page."""
    question: str | None = None
    """What the browser itself asked because of it."""
    page: str | None = None
    """The page that was recognised afterwards."""
    result: str | None = None

    def with_file(self, names: Mapping[str, str | None]) -> Moment:
        """With another name for its page, where *names* has one."""
        return self.model_copy(update={"file": names.get(self.file or "", self.file)})

    def is_of(self, deed: Deed) -> bool:
        """Whether *deed* is the same thing."""
        return (self.step, self.what, self.name, self.row, self.value) == (
            deed.step,
            deed.what,
            deed.name,
            deed.row,
            deed.value,
        )

    def __str__(self) -> str:
        return described(self.what, self.name, self.value)


class Take(Frozen):
    """One flow from beginning to end."""

    call: Call
    moments: tuple[Moment, ...]
    ended: Ended
    unfinished: tuple[Moment, ...] = ()
    """What was begun and not ended, the outermost first."""
    error_tab: int = 0
    error_url: str = ""
    error_file: str | None = None
    """After an error: the page that led to it, where it is not that of the last moment."""
    overlays: tuple[str, ...] = ()
    """The overlays that were closed on the way. Without the portal's styles they lie elsewhere, so a replay need not meet them."""

    def with_files(self, names: Mapping[str, str]) -> Take:
        """With other names for its pages."""
        moments = tuple(moment.with_file(names) for moment in self.moments)
        file = names.get(self.error_file or "", self.error_file)
        return self.model_copy(update={"moments": moments, "error_file": file})


class Recording(Frozen):
    """A visit, as it can be walked again."""

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    portal: str
    edition: str
    agent: str
    recorded_at: datetime
    locale: str
    timezone: str | None = None
    width: int
    height: int
    hosts: dict[str, list[str]]
    """The portal's addresses by role."""
    trusted: dict[str, list[str]] = Field(default_factory=dict)
    """By section of the edition: what was confirmed for these hosts then."""
    takes: tuple[Take, ...] = ()
    replaced: dict[str, int] = Field(default_factory=dict)
    """How often what was replaced by a fake, or dropped."""
    incomplete: str | None = None
    """Why it cannot be walked again."""


def described(what: str, name: str, value: str | None) -> str:
    """A deed in words, e.g. ``click orders.search_go``."""
    return f"{what} {name}{f' “{value}”' if value is not None else ''}"


def deed_words(deed: Deed) -> str:
    """As ``described``."""
    return described(deed.what, deed.name, deed.value)


def read_recording(folder: Path) -> Recording:
    """
    The recording in *folder*.

    :raises BadInput: there is none that can be read.
    """
    file = folder / FILE
    try:
        recording = Recording.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise BadInput(
            f"{folder} holds no recording: there is no {FILE}", next="Name the folder of a recording."
        ) from None
    except OSError as error:
        raise BadInput(
            f"{file} cannot be read ({error.strerror})", next="Mend that, then give the command again."
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{file} is no recording that this version reads ({place or 'the file'}: {first['msg']})",
            next="Record the visit once more, or use the version that wrote it.",
        ) from None
    for name in pages_of(recording):
        if Path(name).name != name or not (folder / name).is_file():
            raise BadInput(
                f"{folder} lacks the page {name}", next="Copy the whole folder, or record the visit once more."
            )
    return recording


def pages_of(recording: Recording) -> list[str]:
    """The names of the page files, in order, each once."""
    names = [
        name
        for take in recording.takes
        for name in (*(moment.file for moment in take.moments), take.error_file)
        if name is not None
    ]
    return list(dict.fromkeys(names))


def order_of(call: Call) -> OrderId:
    """The order that a flow for one order is about."""
    (order,) = call.orders
    return OrderId(order)
