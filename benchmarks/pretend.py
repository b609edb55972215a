"""
The pretend sites and the command line, each in a process of its own, as a user would run them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Figure:
    """One thing that was measured."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    """The bar; ``None``: there is none."""

    @property
    def is_missed(self) -> bool:
        """Whether it is worse than the bar."""
        return self.at_most is not None and self.value >= self.at_most


@dataclass(frozen=True)
class Measured:
    """What a measurement found out."""

    figures: list[Figure]
    wrong: list[str]
    """What must never be, in sentences; a missed bar is none of it."""


@dataclass(frozen=True)
class Pretend:
    """Both pretend sites, running."""

    folder: Path
    places: dict[str, str]

    @property
    def home(self) -> Path:
        """Where the ledger lies."""
        return Path(self.places["home"])

    @property
    def orders(self) -> Path:
        """The file that asks for every order."""
        return self.folder / "orders.csv"

    @property
    def _told(self) -> Path:
        return self.folder / "countermand.log"

    def control(self, path: str, body: object = None) -> Any:
        """Ask the portal's control endpoint."""
        data = None if body is None else json.dumps(body).encode()
        with _DIRECTLY.open(urllib.request.Request(self.places["control"] + path, data), timeout=20) as answer:
            return json.load(answer)

    def record(self, name: str) -> list[dict[str, Any]]:
        """What the portal, or the shop, says that it received."""
        text = Path(self.places[f"{name}_record"]).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``countermand``, with JSON on its stdout; what it tells people goes into a file."""
        command = [sys.executable, "-m", "agent.cli", "--config", self.places["config"], "--json", *arguments]
        with self._told.open("a") as told:
            return subprocess.Popen(
                command, env=environment(), cwd=self.folder, stdout=subprocess.PIPE, stderr=told, text=True
            )

    def run(self, *arguments: str) -> Any:
        """Run it to its end, which must be a good one."""
        process = self.start(*arguments)
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{arguments} ended with {process.returncode}: {self._told.read_text()[-2000:]}")
        return json.loads(out)

    @contextmanager
    def worker(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A worker that is ready; told to stop at the end."""
        process = self.start("worker", *options)
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError(f"the worker did not start: {self._told.read_text()[-2000:]}")
            yield process
        finally:
            process.terminate()
            try:
                process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@contextmanager
def pretend(folder: Path, orders: int) -> Iterator[Pretend]:
    """``python -m fixtures`` with *orders* further orders of five accounts, which answers without delay."""
    command = [sys.executable, "-m", "fixtures", "--dir", str(folder), "--orders", str(orders)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        sites = Pretend(folder, json.loads(process.stdout.readline()))
        sites.control("/switches", {"delay_ms": 0})
        yield sites
    finally:
        process.terminate()
        process.communicate(timeout=30)


def environment() -> dict[str, str]:
    """Nobody's own settings lead elsewhere; this checkout is what is measured."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMAND_")}
    return inherited | {"PYTHONPATH": str(_ROOT)}
