"""
From the ledger and the visits' journals to one HTML file: no script, no outside request, every picture inside.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader
from loguru import logger

from agent.browser.evidence import Step, VisitJournal, read_journal
from agent.engine.ledger import Ledger
from agent.engine.records import Cancellation
from agent.engine.results import refund_in_words, report_path, result_of
from agent.redact import redactor

_VISITS = {
    "submit": "Asking the supplier",
    "look": "Looking at the order",
    "sweep": "Looking at all orders of the account that wait",
    "settle": "Settling the shop order",
    "mark": "Marking the shop order for the staff",
    "sign_in": "Signing in",
}


@dataclass(frozen=True)
class _StepView:
    step: Step
    picture: str | None


@dataclass(frozen=True)
class _VisitView:
    id: str
    title: str
    journal: VisitJournal | None
    steps: Sequence[_StepView]


def write_report(ledger: Ledger, home: Path, id: str) -> Path:
    """
    Write the report of the cancellation *id* as it stands now, replacing an older one.

    :returns: the file.
    :raises BadInput: there is no such cancellation.
    """
    cancellation = ledger.get(id)
    pictures: list[str] = []
    environment = Environment(
        loader=PackageLoader("agent.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    environment.filters["moment"] = _moment
    result = result_of(cancellation, ledger, home)
    page = environment.get_template("report.html.jinja").render(
        cancellation=cancellation,
        result=result,
        refund=refund_in_words(result.shop),
        asked=_asked(cancellation),
        visits=[_visit(home / "visits" / visit, visit, pictures) for visit in ledger.visits(id)],
        events=ledger.events(id),
        written_at=datetime.now(UTC),
    )
    path = report_path(home, id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{id}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_with_pictures(redactor.clean(page), pictures))
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


def _asked(cancellation: Cancellation) -> list[tuple[str, str]]:
    choices = cancellation.choices
    rows = [("Reason for the supplier", str(choices.reason).replace("_", " "))]
    if choices.shop_order is not None and choices.shop_choices is not None:
        shop = choices.shop_choices
        rows += [
            ("Shop order", f"{choices.shop_order} ({choices.shop})"),
            ("When to cancel it", "once the supplier has agreed" if choices.settle.value == "on-approval" else "never"),
            ("Refund", shop.refund.value),
            ("Reason for the shop", shop.reason.value),
            ("Staff note", shop.note or "none"),
            ("Restock", "yes" if shop.restock else "no"),
            ("Tell the customer", "yes" if shop.notify else "no"),
        ]
    return rows


def _visit(folder: Path, visit: str, pictures: list[str]) -> _VisitView:
    journal = read_journal(folder)
    steps = [_StepView(step, _picture(folder, step, pictures)) for step in journal.steps] if journal else []
    title = _VISITS.get(journal.kind, journal.kind) if journal else "Left no journal that can be read"
    return _VisitView(visit, title, journal, steps)


def _picture(folder: Path, step: Step, pictures: list[str]) -> str | None:
    """The address of the step's picture in the page; its content is added to *pictures*."""
    if step.picture is None:
        return None
    try:
        content = (folder / Path(step.picture).name).read_bytes()
    except OSError:
        return None
    pictures.append(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
    return f"picture:{len(pictures) - 1}"


def _with_pictures(page: str, pictures: Sequence[str]) -> str:
    """*page* with its pictures in it. They come last: whoever looks for words need not read them."""
    return re.sub(r'(?<=<img src=")picture:(\d+)(?=")', lambda found: pictures[int(found[1])], page)


def _moment(when: datetime | None) -> str:
    if when is None:
        return ""
    local = when.astimezone()
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" + (f" ({local:%H:%M %Z})" if local.utcoffset() else "")
