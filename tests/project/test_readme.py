"""The README is run, not only read: its commands exist, its settings are accepted, its exit codes are the program's."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from agent.cli.app import build
from agent.errors import EXIT_BUG, EXIT_CODES, EXIT_CTRL_C, EXIT_OK
from agent.model import Reason
from agent.settings import load_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> dict[str, typer.core.TyperCommand]:
    group = typer.main.get_command(build())
    return dict(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_command_is_named(name: str) -> None:
    """
    A command that the README does not name is one that nobody finds.
    """
    assert f"countermand {name}" in README or f"countermand.toml {name}" in README


def test_every_option_of_cancel_is_explained() -> None:
    """
    All options of the main command stand in the README.
    """
    options = {name for parameter in _commands()["cancel"].params for name in parameter.opts if name.startswith("--")}

    assert set() == {option for option in options if option not in README}


def test_every_reason_is_named() -> None:
    """
    The reasons' keys are a contract, so they are listed.
    """
    assert [] == [reason for reason in Reason if f"`{reason}`" not in README]


def test_every_portal_has_a_row() -> None:
    """
    A portal that is installed has its row with walks, editions and pretend site.
    """
    missing = [entry.name for entry in entry_points(group="countermand.portals") if f"flows/{entry.name}" not in README]

    assert [] == missing


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
def test_the_settings_are_accepted(tmp_path: Path, example: str) -> None:
    """
    Each example is a settings file that works as it stands.
    """
    (tmp_path / "countermand.toml").write_text(example, encoding="utf-8")

    settings = load_settings(tmp_path / "countermand.toml")

    assert set(tomllib.loads(example).get("accounts", ())) == set(settings.accounts)


def test_every_exit_code_is_explained() -> None:
    """
    The table has a row for each code that the program can end with, and no other.
    """
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}

    assert {EXIT_OK, EXIT_BUG, EXIT_CTRL_C, *EXIT_CODES.values()} == rows


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    """
    No link into the tree is dead.
    """
    assert (ROOT / link).exists()
