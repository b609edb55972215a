"""
A run for people: a table on the terminal with the ratios first, and a summary for the README.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import Row, Run

BEGIN = "<!-- make bench writes from here … -->"
END = "<!-- … to here -->"
_ROUNDS_WORTH_IT = 5


def print_run(run: Run, out: Console) -> None:
    """Ratios and their bars first, then times and counts, then what was not measured."""
    out.print(_table("ratios and bars", ("", "measured", "95 % sure", "bar", ""), [_held(row) for row in run.ratios]))
    out.print()
    out.print(_table("times and counts", ("", "median", "10 % … 90 %"), [_plain(row) for row in run.figures]))
    for sentence in (*(f"{name}: {why}" for name, why in run.left_out.items()), *_not_measured(run)):
        out.print(sentence, markup=False)
    rounds = run.parameters.get("rounds")
    if isinstance(rounds, int) and rounds < _ROUNDS_WORTH_IT:
        out.print(f"With rounds={rounds} these figures mean little.", markup=False)
    out.print(_where(run), markup=False)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _held(row: Row) -> tuple[str, str, str, str, str]:
    return (row.name, _number(row), _interval(row), _bar(row), _verdict(row))


def _plain(row: Row) -> tuple[str, str, str]:
    return (row.name, _number(row), _interval(row))


def _number(row: Row) -> str:
    return f"{short(row.value)} {row.unit}".rstrip()


def _interval(row: Row) -> str:
    if row.low is None or row.high is None or row.low == row.high:
        return ""
    return f"{short(row.low)} … {short(row.high)}"


def short(value: float) -> str:
    """As many digits as such a measurement is worth."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _bar(row: Row) -> str:
    bar = row.limit
    return "" if bar is None else f"{'≥' if bar.at_least else '≤'} {bar.limit:g}"


def _verdict(row: Row) -> str:
    return {True: "reached", False: "not reached", None: ""}[row.reached]


def _not_measured(run: Run) -> list[str]:
    return [f"not measured in this run: {bar.what}" for bar in run.missing]


def _where(run: Run) -> str:
    machine = run.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"{run.at:%Y-%m-%d %H:%M} UTC, commit {run.commit or 'unknown'}, {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_gb:g} GB, {machine.system}, load {machine.load:.1f} beforehand; {versions}"
    )


def summary(run: Run) -> str:
    """The ratios as a table for the README, with date and machine."""
    lines = ["| what | measured | bar | |", "|---|---|---|---|"]
    for row in run.ratios:
        if row.limit is not None:
            interval = f" ({_interval(row)})" if _interval(row) else ""
            lines.append(f"| {row.name} | {_number(row)}{interval} | {_bar(row)} | {_verdict(row)} |")
    lines += [f"| {bar.what} | not measured | {'≥' if bar.at_least else '≤'} {bar.limit:g} | |" for bar in run.missing]
    return "\n".join([*lines, "", f"Measured {_where(run)}."])


def write_summary(run: Run, readme: Path) -> None:
    """
    Put the summary between the markers of *readme*.

    :raises ValueError: it has no such markers.
    """
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme.name} has no place for the summary: the lines {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{summary(run)}\n{END}{after}", encoding="utf-8")
