"""
From the ledger and the visits' journals to one HTML file: every picture inside, no outside request.

The page is whole without its script, which only tells times in the reader's zone; its own policy lets no other run, and nothing load.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader
from loguru import logger
from markupsafe import Markup

from agent import __version__
from agent.engine.ledger import Ledger
from agent.engine.results import refund_in_words, report_path, result_of
from agent.redact import redactor
from agent.report.view import Looks, Pictures, asked, days, headline, moments, next_action


def write_report(ledger: Ledger, home: Path, id: str) -> Path:
    """
    Write the report of the cancellation *id* as it stands now, replacing an older one.

    :returns: the file.
    :raises BadInput: there is no such cancellation.
    """
    cancellation = ledger.get(id)
    events, pictures, script = ledger.events(id), Pictures(), _part("zone.js")
    result = result_of(cancellation, ledger, home)
    page = (
        _environment()
        .get_template("report.html.jinja")
        .render(
            cancellation=cancellation,
            result=result,
            refund=refund_in_words(result.shop),
            asked=asked(cancellation),
            headline=headline(cancellation),
            moments=moments(cancellation),
            next_action=next_action(cancellation),
            days=days(home, ledger.visits(id), events, pictures),
            events=events,
            written_at=datetime.now(UTC),
            agent=__version__,
            style=Markup(_part("report.css")),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    path = report_path(home, id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{id}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_with_pictures(redactor.clean(page), pictures.addresses))
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return path


def keep_report(ledger: Ledger, home: Path, id: str) -> None:
    """``write_report`` beside the work: what counts is in the ledger, and a full disk does not change what came of it."""
    try:
        write_report(ledger, home, id)
    except OSError as error:
        logger.warning("the report of {} cannot be written: {}", id, error.strerror or error)


def _environment() -> Environment:
    # What is blotted out is looked for before it is written as HTML, where its “&” would be another text.
    environment = Environment(
        loader=PackageLoader("agent.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_clean
    )
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    environment.filters["sentence"] = lambda text: f"{text[:1].upper()}{text[1:]}"
    environment.filters["moment"] = _moment
    environment.filters["day"] = _day
    environment.tests["looks"] = lambda part: isinstance(part, Looks)
    return environment


def _clean(value: object) -> object:
    return redactor.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _part(name: str) -> str:
    return files("agent.report").joinpath("templates", name).read_text(encoding="utf-8").strip()


def _with_pictures(page: str, pictures: Sequence[str]) -> str:
    return re.sub(r'(?<=<img src=")picture:(\d+)(?=")', lambda found: pictures[int(found[1])], page)


def _day(when: date) -> str:
    return f"{when:%A}, {when.day} {when:%B %Y}"


def _moment(when: datetime | None, seconds: bool = False) -> Markup:
    """A point in time, in UTC and in this machine's zone; the page's script tells it in the reader's."""
    if when is None:
        return Markup()
    utc, local = when.astimezone(UTC), when.astimezone()
    clock = "%H:%M:%S" if seconds else "%H:%M"
    text = f"{utc:%Y-%m-%d {clock}} UTC" + (f" ({local:{clock} %Z})" if local.utcoffset() else "")
    return Markup('<time datetime="{}">{}</time>').format(utc.isoformat(timespec="seconds"), text)
