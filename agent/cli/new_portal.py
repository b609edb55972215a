"""``countermand new-portal NAME``: the skeleton of another portal in a checkout, to be filled in until its test is green."""

from __future__ import annotations

import keyword
import re
import shutil
import tomllib
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.context import Globals
from agent.errors import BadInput
from agent.model import Reason

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 40
_NEEDED = ("flows", "selectors", "fixtures", "tests")
_PLACES = {
    "flows": "flows/{name}",
    "selectors": "selectors/{name}",
    "fixtures": "fixtures/{name}",
    "tests": "tests/flows/{name}",
}
"""Where the templates of a folder go."""

_ENTRY_POINTS = re.compile(r'^\[project\.entry-points\."countermand\.portals"\]\n(?:[^\[\n][^\n]*\n)*', re.MULTILINE)
_PORTALS_TABLE = re.compile(r"^\| portal \| walks \|[^\n]*\n(?:\|[^\n]*\n)+", re.MULTILINE)

_PRETEND_ORDER = "1000000001"
"""The order on the pretend pages."""


@dataclass(frozen=True)
class Skeleton:
    """What was made of a new portal, and what to do with it."""

    portal: str
    made: list[str]
    """Files, named from the checkout's folder."""
    changed: list[str]
    next: list[str]


def new_portal(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The portal's short name, e.g. my_supplier.")],
    folder: Annotated[Path, typer.Option("--dir", help="The checkout of countermand; default: here.")] = Path(),
) -> None:
    """Add the skeleton of another supplier's portal to a checkout."""
    state: Globals = context.obj
    skeleton = add_portal(folder.resolve(), name, date.today())
    if state.json:
        state.print_json(asdict(skeleton))
        return
    for word, files in (("made", skeleton.made), ("changed", skeleton.changed)):
        for file in files:
            state.out.print(f"{word:8}{file}", markup=False, soft_wrap=True)
    state.out.print("next:")
    for number, sentence in enumerate(skeleton.next, start=1):
        state.out.print(f"  {number}. {sentence}", markup=False, soft_wrap=True)


def add_portal(checkout: Path, name: str, day: date) -> Skeleton:
    """
    Write the skeleton of the portal *name* into *checkout*: all of it, or nothing.

    :param day: names the edition.
    :raises BadInput: the name cannot be used, something of that name exists, or the folder is no checkout.
    """
    _is_usable(name)
    _is_checkout(checkout)
    _is_free(checkout, name)
    made = _rendered(name, day)
    changed = {
        "README.md": _with_row(checkout / "README.md", name),
        "pyproject.toml": _with_entry_point(checkout / "pyproject.toml", name),
    }
    _write(checkout, name, made, changed)
    edition = f"selectors/{name}/{day}.yaml"
    return Skeleton(
        portal=name,
        made=sorted(made),
        changed=sorted(changed),
        next=[
            "make setup: from then on the portal is found by its name",
            f"fill in {edition} from the portal's pages, and countermand selectors lint {edition}",
            f"make the pages in fixtures/{name} look like the portal's, and the steps in flows/{name} go as a customer goes",
            f".venv/bin/pytest tests/flows/{name}: says what is left, until it is green (docs/portals.md says how)",
        ],
    )


def _is_usable(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST:
        raise BadInput(
            f"“{name}” cannot be the name of a portal",
            next=f"Use small letters, digits and _, a letter first, at most {_LONGEST}, e.g. my_supplier; and no word of Python's own.",
        )


def _is_checkout(folder: Path) -> None:
    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        found = settings.get("project", {}).get("name") == "countermand"
    except (OSError, ValueError):
        found = False
    if not found or not all((folder / part).is_dir() for part in _NEEDED) or not (folder / "README.md").is_file():
        raise BadInput(
            f"{folder} is no checkout of countermand",
            next="Run this in the folder that holds countermand's pyproject.toml, or name it with --dir. "
            "A portal can also be a package of its own: see docs/portals.md.",
        )


def _is_free(checkout: Path, name: str) -> None:
    places = [pattern.format(name=name) for pattern in _PLACES.values()]
    there = [place for place in places if (checkout / place).exists()]
    portals = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"].get(
        "entry-points", {}
    )
    if name in portals.get("countermand.portals", {}):
        there.append(f"the entry point {name} in pyproject.toml")
    if there:
        raise BadInput(f"{name} exists already: {', '.join(there)}", next="Choose another name, or remove these.")


def _rendered(name: str, day: date) -> dict[str, str]:
    """Every file of the skeleton with its content."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("agent.cli", "templates/new_portal"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    files = {}
    for template in environment.list_templates(extensions=["jinja"]):
        kind, _, file = template.removesuffix(".jinja").partition("/")
        place = _PLACES[kind].format(name=name)
        file = f"{day}.yaml" if file == "edition.yaml" else file
        files[f"{place}/{file}"] = environment.get_template(template).render(
            name=name, title=_title(name), day=day.isoformat(), order=_PRETEND_ORDER, reasons=[*Reason]
        )
    return files


def _title(name: str) -> str:
    return " ".join(part.capitalize() for part in name.split("_") if part)


def _with_row(readme: Path, name: str) -> str:
    """The README with the portal's row at the end of the portals table."""
    places = " | ".join(f"[`{folder}/{name}`]({folder}/{name})" for folder in ("flows", "selectors", "fixtures"))
    return _after(readme, _PORTALS_TABLE, f"| {_title(name)} | {places} |\n", "table of portals")


def _with_entry_point(pyproject: Path, name: str) -> str:
    """The project file with the portal's entry point."""
    line = f'{name} = "flows.{name}.portal:PORTAL"\n'
    return _after(pyproject, _ENTRY_POINTS, line, 'table [project.entry-points."countermand.portals"]')


def _after(file: Path, part: re.Pattern[str], line: str, what: str) -> str:
    text = file.read_text(encoding="utf-8")
    found = part.search(text)
    if found is None:
        raise BadInput(f"{file} has no {what} to add a line to", next="Put it back as it was in the checkout.")
    return text[: found.end()] + line + text[found.end() :]


def _write(checkout: Path, name: str, made: dict[str, str], changed: dict[str, str]) -> None:
    before = {file: (checkout / file).read_bytes() for file in changed}
    try:
        for file, text in {**made, **changed}.items():
            path = checkout / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        for pattern in _PLACES.values():
            shutil.rmtree(checkout / pattern.format(name=name), ignore_errors=True)
        for file, content in before.items():
            if (checkout / file).read_bytes() != content:
                (checkout / file).write_bytes(content)
        raise BadInput(
            f"{error.filename} cannot be written ({error.strerror}); nothing was left behind",
            next="Check who may write to the checkout.",
        ) from None
