"""
Playwright's trace of actions as it is kept: only what is known to be harmless, and nothing of it as the portal wrote it.

A raw trace holds whatever was typed and read (seen with Playwright 1.65). So it is taken apart as what it is, lines of JSON in an archive,
and only the keys named here are written into the kept one: what was done, where on the page, when, and how it failed. Within their strings
secrets go, addresses lose their queries, order numbers become fakes (the same number the same fake), and quoted elements lose all but their name.
The stock viewer opens it: ``playwright show-trace``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from agent.redact import HIDDEN, redactor

_EVENTS = {
    "context-options": {
        *("type", "version", "origin", "browserName", "channel", "playwrightVersion", "options", "platform"),
        *("wallTime", "monotonicTime", "sdkLanguage", "testIdAttributeName", "contextId"),
    },
    "before": {"type", "callId", "startTime", "title", "class", "method", "params", "stepId", "parentId", "pageId"},
    "after": {"type", "callId", "endTime", "error", "point"},
    "input": {"type", "callId", "point", "box"},
    "log": {"type", "callId", "time", "message"},
}
"""The events that are kept, and what of them. Results, console, snapshots, stacks and the network are not."""
_WITHIN = {
    "options": {"viewport", "deviceScaleFactor", "isMobile"},
    "params": {
        *("selector", "url", "timeout", "state", "waitUntil", "strict", "noWaitAfter", "button", "clickCount", "force"),
        *("trial", "type", "quality", "animations"),
    },
    "error": {"name", "message"},
}
_LOGGED = (
    *("waiting for", "locator resolved to", "attempting", "element ", "scrolling", "done scrolling", "performing"),
    *(
        "navigations have",
        "navigating to",
        "navigated to",
        "retrying",
        "forcing",
        "click action",
        "taking page screenshot",
    ),
)
"""How the lines of the log begin that are kept: others repeat what was typed, as ``fill("…")`` does."""
_TYPED = ("value", "text")
"""What was typed: that there was something is shown, never what."""
_ELEMENT = re.compile(r"<[a-zA-Z][\w-]*.*")
_NAME = re.compile(r"<[a-zA-Z][\w-]*")
_ADDRESS = re.compile(r"https?://[^\s\"'<>)]+")
_DIGITS = re.compile(r"\d{8,}")


class Fakes:
    """
    Stable fakes for order numbers: the same number is the same fake within a trace.

    :param orders: those at hand; every other long number is faked as well.
    """

    def __init__(self, orders: Iterable[str]) -> None:
        self._fakes: dict[str, str] = {}
        self._orders = sorted(orders, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """*text* with fakes for the numbers in it."""
        for order in self._orders:
            text = text.replace(order, self._fake(order))
        return _DIGITS.sub(lambda found: self._fake(found[0]), text)

    def _fake(self, number: str) -> str:
        if number in self._fakes.values():
            return number
        if number not in self._fakes:
            count = len(self._fakes) + 1
            digits = len(number) if number.isdecimal() else 0
            self._fakes[number] = f"9{count:0{max(digits, 8) - 1}d}"
        return self._fakes[number]


@dataclass(frozen=True)
class TracedAction:
    """One thing that was done, as a trace tells it."""

    at: float
    """Seconds from its beginning."""
    seconds: float | None
    """``None``: it did not end."""
    depth: int
    """How many groups it is in: 0 for a step."""
    what: str
    selector: str | None
    error: str | None


def scrub(raw: Path, kept: Path, orders: Iterable[str]) -> None:
    """
    Write what may be kept of the trace *raw* to *kept*.

    :param orders: the order numbers at hand.
    :raises ValueError: it is no trace.
    """
    fakes = Fakes(orders)
    try:
        with ZipFile(raw) as archive, ZipFile(kept, "w", ZIP_DEFLATED) as clean:
            for name in archive.namelist():
                if name.endswith(".trace") and "/" not in name:
                    lines = (json.loads(line) for line in archive.read(name).splitlines() if line.strip())
                    events = [_kept(event, fakes) for event in lines]
                    clean.writestr(name, "".join(f"{json.dumps(event)}\n" for event in events if event))
                    clean.writestr(name.removesuffix(".trace") + ".network", "")
    except (BadZipFile, KeyError) as error:
        raise ValueError(f"no trace: {error}") from None


def actions_in(trace: Path) -> list[TracedAction]:
    """
    What was done, in order, in a trace that was kept.

    :raises ValueError: it is none.
    """
    try:
        with ZipFile(trace) as archive:
            events = [
                json.loads(line)
                for name in archive.namelist()
                if name.endswith(".trace")
                for line in archive.read(name).splitlines()
            ]
    except (BadZipFile, OSError) as error:
        raise ValueError(f"no trace: {error}") from None
    return list(_actions(events))


def _actions(events: list[dict[str, Any]]) -> Iterator[TracedAction]:
    begun = [event for event in events if event.get("type") == "before"]
    ended = {event.get("callId"): event for event in events if event.get("type") == "after"}
    parents = {event.get("callId"): event.get("parentId") for event in begun}
    first = begun[0]["startTime"] if begun else 0.0
    for event in begun:
        end = ended.get(event["callId"], {})
        depth, above = 0, event.get("parentId")
        while above is not None and depth < len(begun):
            depth, above = depth + 1, parents.get(above)
        known = end.get("endTime")
        yield TracedAction(
            at=round((event["startTime"] - first) / 1000, 3),
            seconds=None if known is None else round((known - event["startTime"]) / 1000, 3),
            depth=depth,
            what=event.get("title") or f"{event.get('class', '')}.{event.get('method', '')}",
            selector=event.get("params", {}).get("selector") or event.get("params", {}).get("url"),
            error=(end.get("error") or {}).get("message"),
        )


def _kept(event: object, fakes: Fakes) -> dict[str, Any] | None:
    known = _EVENTS.get(str(event.get("type"))) if isinstance(event, dict) else None
    if known is None or not isinstance(event, dict):
        return None
    if event["type"] == "log" and not str(event.get("message")).strip().startswith(_LOGGED):
        return None
    return {key: _part(key, value, fakes) for key, value in event.items() if key in known}


def _part(key: str, value: object, fakes: Fakes) -> object:
    within = _WITHIN.get(key)
    if within is not None and isinstance(value, dict):
        parts = {name: _clean(part, fakes) for name, part in value.items() if name in within}
        return {**parts, **{name: HIDDEN for name in _TYPED if key == "params" and name in value}}
    return _clean(value, fakes)


def _clean(value: object, fakes: Fakes) -> object:
    if isinstance(value, str):
        text = "\n".join(_ELEMENT.sub(lambda found: f"{_name(found[0])} …>", line) for line in value.splitlines())
        text = _ADDRESS.sub(lambda found: redactor.clean_url(found[0]), text)
        return fakes(redactor.clean(text))
    if isinstance(value, list):
        return [_clean(one, fakes) for one in value]
    if isinstance(value, dict):
        return {name: _clean(one, fakes) for name, one in value.items()}
    return value


def _name(element: str) -> str:
    found = _NAME.match(element)
    return found[0] if found else "<"
