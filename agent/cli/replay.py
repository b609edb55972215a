"""``countermand replay``: walk recordings again with the flows and the edition of today."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput, PortalChanged

if TYPE_CHECKING:
    from agent.browser.editions import LoadedEdition
    from agent.browser.recording.model import Recording
    from agent.browser.recording.replay import Case, Replayed


def replay(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Cases, or folders that hold cases.")],
    edition: Annotated[
        str | None, typer.Option(help="Another edition, by its name or its file. Default: the newest.")
    ] = None,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser.")] = False,
) -> None:
    """Walk recordings again, without portal and network. Exit 30: something goes another way now; it is named."""
    from agent.browser.recording.cases import cases_in
    from agent.browser.recording.model import read_recording
    from agent.browser.recording.replay import Case
    from agent.portal import portal_named

    state: Globals = context.obj
    folders = list(dict.fromkeys(folder for path in paths for folder in cases_in(path)))
    recordings = [(folder, read_recording(folder)) for folder in folders]
    cases = [
        Case(folder, recording, portal_named(recording.portal), _edition(state, recording, edition))
        for folder, recording in recordings
    ]
    replayed = asyncio.run(_replay_all(state, cases, headed=headed))
    state.exit_code = PortalChanged.exit_code if any(one.divergence for one in replayed) else 0
    if state.json:
        state.print_json({"ok": state.exit_code == 0, "results": [_document(one) for one in replayed]})
        return
    for one in replayed:
        mark = "[green]✓[/]" if one.divergence is None else "[red]✗[/]"
        state.out.print(
            f"{mark} {one.case.folder}  [dim]{one.seconds:.1f} s, edition {one.case.loaded.edition.edition}[/]",
            soft_wrap=True,
        )
        if one.divergence is not None:
            state.out.print(f"  {one.divergence}", markup=False, soft_wrap=True)
    wrong = sum(one.divergence is not None for one in replayed)
    state.people.print(f"{len(replayed)} replayed, {wrong} went another way")


def _edition(state: Globals, recording: Recording, named: str | None) -> LoadedEdition:
    from agent.browser.editions import Editions
    from agent.portal import portal_named

    portal = portal_named(recording.portal)
    if named is not None and (named.endswith((".yaml", ".yml")) or "/" in named):
        file = Path(named)
        if not file.is_file():
            raise BadInput(f"there is no edition file {file}", next="Correct --edition.")
        # As if it lay among the user's own: it may extend one of the portal's.
        return Editions(portal.name, portal.editions, file.resolve().parent).load_file(file.resolve())
    editions = Editions(portal.name, portal.editions, state.settings.home / "selectors" / portal.name)
    return editions.load(named or state.settings.portal(portal.name).edition)


async def _replay_all(state: Globals, cases: Sequence[Case], *, headed: bool) -> list[Replayed]:
    from rich.progress import Progress

    from agent.browser.recording.replay import replay_all

    with Progress(console=state.people, transient=True, disable=not state.people.is_terminal) as progress:
        task = progress.add_task("replaying", total=len(cases))
        return await replay_all(cases, state.settings.browser, headed=headed, tells=lambda _: progress.advance(task))


def _document(one: Replayed) -> dict[str, object]:
    divergence = None if one.divergence is None else asdict(one.divergence)
    return {
        "path": str(one.case.folder),
        "ok": one.divergence is None,
        "edition": one.case.loaded.edition.edition,
        "seconds": round(one.seconds, 3),
        "divergence": divergence,
    }
