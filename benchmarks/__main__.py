"""Runs the short benchmarks and prints their figures."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import recognition


def main() -> None:
    """Print the figures of every short benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(recognition.measure(Path(folder)))
    table = Table(
        title=f"one recognition, {recognition.ROUNDS} times, nothing else running in between", title_justify="left"
    )
    for heading in ("page", "median ms", "slowest tenth ms", "one bare question ms", "ratio"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for one in figures:
        numbers = (one.recognition, one.slowest_tenth, one.round_trip, one.recognition / one.round_trip)
        table.add_row(one.page, *(f"{number:.1f}" for number in numbers))
    Console().print(table)


if __name__ == "__main__":
    main()
