"""
What it costs to start: ``--help``, ``list`` and ``show``, beside Python that only imports what the command line is made with.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.history import fill
from benchmarks.pretend import environment
from benchmarks.results import Part, figure, held_to
from benchmarks.spread import ratio

_BARE = ("-c", "pass")
_TYPER = ("-c", "import typer")
_PROGRAM = ("-m", "agent.cli")


def measure(folder: Path, rounds: int, few: int, many: int, tells: Callable[[str], None]) -> Part:
    """
    *rounds* starts of each, one after the other.

    :param few: rows of the small ledger.
    :param many: rows of the large one.
    """
    small, large = _home(folder / "few", few), _home(folder / "many", many)
    commands: dict[str, Sequence[str]] = {
        "python -c pass": _BARE,
        'python -c "import typer"': _TYPER,
        "countermand --help": (*_PROGRAM, "--help"),
        f"countermand list, {few:,} rows": (*_PROGRAM, "--config", small, "list"),
        f"countermand list, {many:,} rows": (*_PROGRAM, "--config", large, "list"),
        f"countermand show, {many:,} rows": (*_PROGRAM, "--config", large, "show", "w-00000000"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        _timed(command, folder)  # whatever is compiled on first use is compiled now
    for round in range(rounds):
        tells(f"starting programs, round {round + 1} of {rounds}")
        for name, command in commands.items():
            times[name].append(_timed(command, folder))
    _, bare, help, few_rows, many_rows, _ = times.values()
    return Part(
        ratios=[held_to("help", ratio(help, bare)), held_to("list", ratio(many_rows, few_rows), few, many)],
        figures=[figure(name, values) for name, values in times.items()],
        samples=times,
    )


def _timed(command: Sequence[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment(), cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def _home(folder: Path, rows: int) -> str:
    """A settings file whose ledger has so many rows."""
    home = folder / "home"
    home.mkdir(parents=True)
    fill(home, rows)
    config = folder / "countermand.toml"
    config.write_text('home = "home"\n[accounts.main]\nportal = "aliexpress"\n', encoding="utf-8")
    return str(config)
