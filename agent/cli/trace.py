"""``countermand trace``: what was done in a visit, action by action, as Playwright recorded it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.browser.evidence import VisitJournal
    from agent.browser.trace_file import TracedAction

_LOOKS = (
    *("Frame.evaluateExpression", "Frame.evaluateExpressionHandle", "Frame.evalOnSelectorAll", "Frame.evalOnSelector"),
    *(
        "Frame.isVisible",
        "Frame.isChecked",
        "Frame.isEnabled",
        "Frame.queryCount",
        "Frame.textContent",
        "Frame.innerText",
    ),
    *("Frame.getAttribute", "Frame.ariaSnapshot", "Page.screenshot", "Evaluate", "BrowserContext.newCDPSession"),
    "Page.registerLocatorHandler",
)
"""What reads only, and there is much of it: a person wants to see what was done."""
_GRACE = 5
"""Seconds that the viewer has to end by itself."""


def trace(
    context: typer.Context,
    visit: Annotated[
        str, typer.Argument(metavar="VISIT", help="The visit, e.g. c-4k7m2x9q-1: countermand visits list.")
    ],
    part: Annotated[
        int | None, typer.Option(min=1, help="Which part, where a sign-in cut the trace in two; default: the last.")
    ] = None,
) -> None:
    """
    Show what was done in a visit: in Playwright's trace viewer until Ctrl-C, or as a list with --json or where there is no screen.

    By default a visit has one only if a step failed (trace of [evidence] in the settings). Secrets, numbers of orders and whatever was
    read or typed are not in it.
    """
    from agent.browser.trace_file import actions_in

    state: Globals = context.obj
    path, parts = _find(state, visit, part)
    if state.json or not _has_screen():
        try:
            actions = actions_in(path)
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{path} cannot be read as a trace", next=f"See it as it is: {path.parent}.") from None
        _list(state, visit, path, parts, actions)
        return
    state.people.print(f"{path}\nThe viewer opens in your browser; Ctrl-C here ends it.", markup=False, soft_wrap=True)
    _view(path)


def _find(state: Globals, visit: str, part: int | None) -> tuple[Path, int]:
    """The file, and how many parts there are."""
    from agent.browser.evidence import read_journal

    folder = state.settings.home / "visits" / visit
    if Path(visit).name != visit or visit.startswith(".") or not folder.is_dir():
        raise BadInput(
            f"there is no evidence of a visit {visit}",
            next="Run countermand visits list to see them; what is no longer kept is removed (keep in [evidence]).",
        )
    journal = read_journal(folder)
    names = [name for name in journal.traces if (folder / Path(name).name).is_file()] if journal else []
    if not names:
        raise BadInput(f"visit {visit} has no trace: {_why_none(state, journal)}", next=_NEXT)
    if part is not None and part > len(names):
        raise BadInput(f"the trace of visit {visit} has {len(names)} parts", next=f"Choose --part 1 to {len(names)}.")
    return folder / Path(names[(part or len(names)) - 1]).name, len(names)


_NEXT = 'Set trace = "always" in [evidence] before the next one; its steps and pictures are in the report all the same.'


def _why_none(state: Globals, journal: VisitJournal | None) -> str:
    policy = state.settings.evidence.trace
    if journal is None:
        return "it left no journal that can be read"
    if not journal.browser:
        return "it needed no browser"
    if policy == "never":
        return 'trace is "never" in [evidence] of the settings'
    if policy == "on-failure" and not any(step.failed for step in journal.steps):
        return 'none of its steps failed, and trace is "on-failure" in [evidence] of the settings'
    return "it was cut off, it failed where a sign-in is, or it was made with other settings"


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _list(state: Globals, visit: str, path: Path, parts: int, actions: list[TracedAction]) -> None:
    if state.json:
        state.print_json(
            {"visit": visit, "file": str(path), "parts": parts, "actions": [asdict(action) for action in actions]}
        )
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("at", "took", "what", "where"):
        table.add_column(
            heading, no_wrap=heading in ("at", "took"), justify="right" if heading in ("at", "took") else "left"
        )
    looks = [action for action in actions if action.what in _LOOKS and not action.error]
    for action in actions:
        if action in looks:
            continue
        took = "…" if action.seconds is None else f"{action.seconds:.2f} s"
        table.add_row(
            f"{action.at:.2f}", took, escape("  " * action.depth + action.what), escape(action.selector or "")
        )
        if action.error:
            table.add_row("", "", f"[red]{escape(action.error.splitlines()[0])}[/]", "")
    state.out.print(table)
    if looks:
        state.people.print(f"{len(looks)} looks at pages are left out; --json has them", markup=False)
    state.people.print(f"{path}: any Playwright trace viewer opens it", markup=False, soft_wrap=True)


def _view(path: Path) -> None:
    """
    Playwright's viewer, served to this machine only. Its server outlives whoever started it (seen with 1.65), so it is started as
    a group of processes, and ended as one.
    """
    command = [sys.executable, "-m", "playwright", "show-trace", "--host", "127.0.0.1", "--port", "0", str(path)]
    viewer = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        viewer.wait()
    except KeyboardInterrupt:
        pass
    finally:
        _end(viewer)


def _end(viewer: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(viewer.pid, number)
        except ProcessLookupError:
            break
        try:
            viewer.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue
    viewer.wait()
