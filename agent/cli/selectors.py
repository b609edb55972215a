"""``countermand selectors …``: looking at editions, comparing and checking them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals
from agent.errors import EXIT_CODES, BadInput
from agent.model import ErrorKind

if TYPE_CHECKING:
    from agent.browser.edition import Trust
    from agent.browser.editions import Editions, LoadedEdition

selectors = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look at editions (dated selectors files), compare and check them.",
)

PortalOption = Annotated[str | None, typer.Option("--portal", help="The portal; default: the only one installed.")]


@selectors.command("list")
def list_(context: typer.Context) -> None:
    """List every edition, where it is, and which one is used."""
    from rich.table import Table

    state: Globals = context.obj
    rows: list[dict[str, object]] = []
    for name, editions in _all_editions(state).items():
        used = editions.load(state.settings.portal(name).edition)
        for path in editions.files():
            where = "yours" if path.parent == editions.users else "the portal's"
            rows.append(
                {"portal": name, "edition": path.stem, "whose": where, "used": path == used.path, "file": str(path)}
            )
    if state.json:
        state.print_json({"editions": rows})
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("portal", "edition", "whose", "", "file"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            str(row["portal"]), str(row["edition"]), str(row["whose"]), "used" if row["used"] else "", str(row["file"])
        )
    state.out.print(table)


@selectors.command("show")
def show(
    context: typer.Context,
    edition: Annotated[
        str | None, typer.Argument(metavar="EDITION", help="An edition's name or file; default: the one that is used.")
    ] = None,
    portal: PortalOption = None,
) -> None:
    """Show one edition, with everything that it extends, target by target."""
    from rich.markup import escape
    from rich.table import Table

    state: Globals = context.obj
    name, editions = _editions(state, portal)
    loaded = _named(editions, edition) if edition else editions.load(state.settings.portal(name).edition)
    if state.json:
        state.print_json(
            {"file": str(loaded.path), "digest": loaded.digest, **loaded.edition.model_dump(mode="json", by_alias=True)}
        )
        return
    state.out.print(f"[bold]{name} {loaded.edition.edition}[/]  {loaded.path}  digest {loaded.digest}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("target", "is", "found by", "known"):
        table.add_column(heading)
    for target_name, target in loaded.edition.targets.items():
        ways = [candidate.describe() for candidate in target.try_]
        ways += [
            f"{layout}: {candidate.describe()}"
            for layout, candidates in target.layouts.items()
            for candidate in candidates
        ]
        mark = "[red]commits[/] " if target.commits else ""
        table.add_row(target_name, f"{mark}{escape(target.intent)}", escape("\n".join(ways)), escape(_known(target)))
    state.out.print(table)


@selectors.command("lint")
def lint(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE…", help="Edition files; default: all, ours and yours.")
    ] = None,
) -> None:
    """Check editions without a browser: shape, names, what they extend, CSS."""
    state: Globals = context.obj
    complaints: list[str] = []
    checked = 0
    for editions in _all_editions(state).values():
        known = editions.files()
        wanted = (
            known if not files else [path for path in known if path.resolve() in {file.resolve() for file in files}]
        )
        for path in wanted:
            checked += 1
            complaints += _complaints(editions, path)
    for file in files or []:
        if not any(
            file.resolve() == path.resolve() for editions in _all_editions(state).values() for path in editions.files()
        ):
            checked += 1
            complaints += _complaints_elsewhere(state, file)
    if state.json:
        state.print_json({"ok": not complaints, "checked": checked, "complaints": complaints})
    elif not complaints:
        state.out.print(f"{checked} edition{'s' if checked != 1 else ''} checked, nothing wrong.")
    if complaints:
        for complaint in complaints:
            state.people.print(complaint, markup=False, soft_wrap=True)
        state.exit_code = 2


@selectors.command("diff")
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="An edition's name or file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    portal: PortalOption = None,
) -> None:
    """Say how two editions differ, target by target."""
    from agent.browser.difference import differences

    state: Globals = context.obj
    _, editions = _editions(state, portal)
    found = list(differences(_named(editions, a).edition, _named(editions, b).edition))
    if state.json:
        state.print_json({"a": a, "b": b, "differences": found})
        return
    for line in found or ["no differences"]:
        state.out.print(line, markup=False, soft_wrap=True)


@selectors.command("check")
def check(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account to look with.")],
    order: Annotated[str | None, typer.Option(metavar="N", help="The order to open; default: the newest.")] = None,
) -> None:
    """Look for every target on the portal's pages. Reads only; never clicks what commits."""
    import asyncio
    from dataclasses import asdict

    from rich.markup import escape
    from rich.table import Table

    from agent.cli.person import TerminalPerson
    from agent.engine.visits import Visits
    from agent.engine.workshop import Manner

    state: Globals = context.obj
    name, settings = state.settings.account(account)
    workshop = state.workshop(Manner(), TerminalPerson(state.people))
    checked = asyncio.run(Visits(workshop).check(settings.portal, name, order))
    missing = [one.target for one in checked if one.state == "missing"]
    if state.json:
        state.print_json({"ok": not missing, "missing": missing, "targets": [asdict(one) for one in checked]})
    else:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("", "target", "is", "", "found by, or why not"):
            table.add_column(heading)
        for one in checked:
            table.add_row(
                _MARKS[one.state], one.target, escape(one.intent), one.state, escape(one.candidate or one.because or "")
            )
        state.out.print(table)
        if missing:
            state.people.print(f"Missing: {', '.join(missing)}. If the portal has changed, a new edition is needed.")
    state.exit_code = EXIT_CODES[ErrorKind.PORTAL_CHANGED] if missing else 0


_MARKS = {
    "found": "[green]✓[/]",
    "drift": "[yellow]~[/]",
    "ambiguous": "[yellow]?[/]",
    "missing": "[red]✗[/]",
    "not shown": "[dim]–[/]",
    "not reached": "[dim]·[/]",
}


def _complaints(editions: Editions, path: Path) -> list[str]:
    from agent.browser.edition_file import in_words
    from agent.browser.lint import wrong_css

    try:
        loaded = editions.load_file(path)
    except BadInput as error:
        return [line for line in error.what.splitlines() if line != "the edition cannot be used:"]
    wrong = list(wrong_css(loaded.edition))
    return in_words(editions.chain(path), wrong).splitlines() if wrong else []


def _complaints_elsewhere(state: Globals, file: Path) -> list[str]:
    """A file that lies in no portal's folder is checked as if it lay in the user's."""
    from agent.browser.edition_file import read_edition_file
    from agent.browser.editions import Editions

    try:
        portal = str(read_edition_file(file).raw.get("portal"))
    except BadInput as error:
        return [error.what]
    own = _all_editions(state).get(portal)
    if own is None:
        return [f"{file}:1: portal: there is no portal {portal}"]
    return _complaints(Editions(portal, own.own, file.parent), file)


def _all_editions(state: Globals) -> dict[str, Editions]:
    from agent.browser.editions import Editions
    from agent.portal import portal_named, portal_names

    users = state.settings.home / "selectors"
    return {name: Editions(name, portal_named(name).editions, users / name) for name in portal_names()}


def _editions(state: Globals, portal: str | None) -> tuple[str, Editions]:
    known = _all_editions(state)
    if portal is None and len(known) == 1:
        return next(iter(known.items()))
    if portal is None or portal not in known:
        raise BadInput(f"which portal? Installed: {', '.join(sorted(known))}", next="Add --portal NAME.")
    return portal, known[portal]


def _named(editions: Editions, name: str) -> LoadedEdition:
    """An edition by its name or its file."""
    paths = [path for path in editions.files() if path.stem == name or path == Path(name).resolve()]
    if not paths:
        there = ", ".join(path.stem for path in editions.files())
        raise BadInput(f"there is no edition {name} (there: {there})", next="Run countermand selectors list.")
    return editions.load_file(paths[-1])


def _known(trust: Trust) -> str:
    if trust.confirmed:
        return "\n".join(f"{host} {day}" for host, day in trust.confirmed.items())
    return f"assumed: {trust.assumed}" if trust.assumed else "assumed"
