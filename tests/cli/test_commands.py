"""The list of commands: what it says of each, and what it costs to ask for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from agent.cli.app import build
from agent.cli.commands import SECTIONS, Command

COMMANDS = [command for commands in SECTIONS.values() for command in commands]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_list_says_what_the_command_says_of_itself(command: Command) -> None:
    """
    The list shows a command's summary without importing it, so it is written twice; both are the same sentence.
    """
    context = typer.Context(typer.main.get_command(build()))
    found = context.command.get_command(context, command.name)  # type: ignore[attr-defined]

    assert " ".join(found.help.split()).startswith(command.summary)
    assert command.name == found.name


def test_asking_for_help_imports_next_to_nothing() -> None:
    """
    Help is shown before anything that only a command's work needs is imported.
    """
    heavy = ("asyncio", "alembic", "httpx", "loguru", "playwright", "pydantic", "rich", "sqlalchemy")
    program = (
        f"import sys; from agent.cli.app import run; run(['--help']); print([n for n in {heavy} if n in sys.modules])"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == ran.stdout.splitlines()[-1]
    assert "Cancelling:" in ran.stdout
    assert "demo" in ran.stdout
