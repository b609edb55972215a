"""What every test may use: the two fixtures together, and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.browser.launch import find_browser
from agent.settings import BrowserSettings
from fixtures.playground import Playground

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells start what runs in the background deaf to Ctrl-C, and children inherit that: here they are to hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

MORE = (pytest.mark.slow, pytest.mark.more)
"""Of a further variant: its likes are run all the time, and ``make test-more`` runs it too."""

needs_browser = pytest.mark.skipif(
    find_browser(BrowserSettings()) is None, reason="no browser is installed: run make setup"
)


@dataclass(frozen=True)
class Ran:
    """How one run of the command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document


class CommandLine:
    """Runs ``countermand`` in a process of its own, with the settings of a playground."""

    def __init__(self, config: Path, folder: Path) -> None:
        self._config = config
        self._folder = folder

    def start(
        self, *arguments: str, program: Sequence[str] = ("-m", "agent.cli"), env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start it; the test ends it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMAND_")}
        command = [sys.executable, *program, "--config", str(self._config), *arguments]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            env={**inherited, **(env or {})},
        )

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> Ran:
        """Run it to its end."""
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=180)
        return Ran(process.returncode, out, err)


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    """The mock portal and the fake shop, started fresh."""
    with Playground(tmp_path / "playground") as started:
        yield started


@pytest.fixture
def countermand(playground: Playground, tmp_path: Path) -> CommandLine:
    """The command line, led to the playground."""
    return CommandLine(playground.config, tmp_path)
