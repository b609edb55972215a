"""
A trace that is kept: what was done, and nothing that was read or typed.
"""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from agent.browser.trace_file import actions_in, scrub
from agent.redact import redactor

ORDER = "8190101000004512"
SECRET = "canary-known-secret"
RAW: list[dict[str, object]] = [
    {
        "type": "context-options",
        "version": 10,
        "origin": "library",
        "options": {"viewport": {"width": 1280, "height": 900}, "storageState": "canary-cookie", "baseURL": "canary"},
        "env": "canary-environment",
    },
    {
        "type": "before",
        "callId": "call@1",
        "startTime": 1000.0,
        "title": "find the order",
        "class": "Tracing",
        "method": "tracingGroup",
        "params": {},
        "stack": [{"file": "/canary/path.py", "line": 1, "column": 1}],
    },
    {
        "type": "before",
        "callId": "call@2",
        "startTime": 1100.0,
        "class": "Frame",
        "method": "fill",
        "parentId": "call@1",
        "params": {"selector": f'li:has-text("{ORDER}") >> input', "value": "canary-typed", "timeout": 5000},
    },
    {"type": "log", "callId": "call@2", "time": 1, "message": "locator resolved to <p title='canary-a'>canary-b</p>"},
    {"type": "log", "callId": "call@2", "time": 2, "message": '  fill("canary-typed")'},
    {"type": "after", "callId": "call@2", "endTime": 1250.0, "result": {"value": "canary-read"}},
    {
        "type": "before",
        "callId": "call@3",
        "startTime": 1300.0,
        "class": "Frame",
        "method": "goto",
        "parentId": "call@1",
        "params": {"url": f"https://www.aliexpress.com/p?orderId={ORDER}&token=canary", "arg": "canary-argument"},
    },
    {
        "type": "after",
        "callId": "call@3",
        "endTime": 1400.0,
        "error": {
            "name": "Error",
            "message": f"{ORDER}: {SECRET}\n  1) <b>canary-c</b> aka get_by_text('canary-d')",
            "stack": "canary",
        },
    },
    {"type": "console", "text": "canary-console"},
    {"type": "event", "class": "BrowserContext", "params": {"message": "canary-dialog"}},
    {"type": "frame-snapshot", "snapshot": {"html": ["canary"]}},
    {"type": "something-new", "text": "canary"},
]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A trace as Playwright writes it, with a canary wherever it may hold something."""
    redactor.learn(SECRET)
    path = tmp_path / "raw.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("trace.trace", "\n".join(json.dumps(event) for event in RAW))
        archive.writestr("trace.network", json.dumps({"type": "resource-snapshot", "headers": "canary-header"}))
        archive.writestr("trace.stacks", "canary-stacks")
        archive.writestr("resources/1.html", "canary-page")
    return path


def content(trace: Path) -> str:
    """Everything in *trace*, unpacked."""
    with ZipFile(trace) as archive:
        return "\n".join([*archive.namelist(), *(archive.read(name).decode() for name in archive.namelist())])


def test_no_canary_and_no_order_number_is_kept(raw: Path, tmp_path: Path) -> None:
    """
    Neither what was typed, read, sent or logged, nor where our files lie; in the raw trace the same search finds both.
    """
    scrub(raw, tmp_path / "kept.zip", [ORDER])

    assert "canary" not in content(tmp_path / "kept.zip")
    assert ORDER not in content(tmp_path / "kept.zip")
    assert "canary" in content(raw)
    assert ORDER in content(raw)


def test_a_scrubber_that_passes_everything_is_found_out(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The control: with the choosing of what is kept switched off, the same search finds it.
    """
    monkeypatch.setattr("agent.browser.trace_file._kept", lambda event, fakes: event)

    scrub(raw, tmp_path / "kept.zip", [ORDER])

    assert "canary-typed" in content(tmp_path / "kept.zip")
    assert ORDER in content(tmp_path / "kept.zip")


def test_what_was_done_can_be_read(raw: Path, tmp_path: Path) -> None:
    """
    Steps and the actions in them, when, where on the page, and how they failed; one order number is one fake throughout.
    """
    scrub(raw, tmp_path / "kept.zip", [ORDER])

    step, fill, goto = actions_in(tmp_path / "kept.zip")

    assert ("find the order", 0, None) == (step.what, step.depth, step.seconds)
    assert ("Frame.fill", 1, 0.1, 0.15) == (fill.what, fill.depth, fill.at, fill.seconds)
    assert 'li:has-text("9000000000000001") >> input' == fill.selector
    assert "https://www.aliexpress.com/p" == goto.selector
    assert "9000000000000001: [hidden]" == (goto.error or "").splitlines()[0]


@pytest.mark.parametrize("number", ["TM-1001", ORDER])
def test_any_portals_order_number_goes(tmp_path: Path, number: str) -> None:
    """
    Numbers of orders need not be long, nor numbers.
    """
    event = {"type": "before", "callId": "call@1", "startTime": 1.0, "method": "click", "params": {"selector": number}}
    with ZipFile(tmp_path / "raw.zip", "w") as archive:
        archive.writestr("trace.trace", json.dumps(event))

    scrub(tmp_path / "raw.zip", tmp_path / "kept.zip", [number])

    assert number not in content(tmp_path / "kept.zip")


def test_what_is_no_trace_is_not_kept(tmp_path: Path) -> None:
    """
    Neither half an archive nor one with something else in it.
    """
    (tmp_path / "raw.zip").write_bytes(b"PK half of it")
    with pytest.raises(ValueError, match="no trace"):
        scrub(tmp_path / "raw.zip", tmp_path / "kept.zip", [])

    with ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("trace.trace", "{half")
    with pytest.raises(ValueError):
        scrub(tmp_path / "odd.zip", tmp_path / "kept.zip", [])
