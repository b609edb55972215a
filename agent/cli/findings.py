"""What a command looked at, as a table for people or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from agent.cli.context import Globals, told
from agent.errors import CountermandError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    next: str = ""


@dataclass(frozen=True)
class Found:
    """A finding, and the exit code it alone would give."""

    finding: Finding
    code: int


def well(what: str, found: str, advice: str = "") -> Found:
    """*what* is as it should be."""
    return Found(Finding(what, True, found, advice), 0)


def wrong(what: str, error: CountermandError) -> Found:
    """*what* is not."""
    report, code = told(error)
    return Found(Finding(what, False, report.message, report.next), code)


def not_looked_at(what: str, first: str) -> Found:
    """*what* waits until *first* is put right."""
    return Found(Finding(what, False, f"not looked at: first {first}"), 0)


def show_findings(state: Globals, found: Sequence[Found]) -> None:
    """Show all of them, and set the exit code to the worst."""
    from rich.markup import escape
    from rich.table import Table

    from agent.engine.results import worst

    findings = [one.finding for one in found]
    if state.json:
        state.print_json(
            {"ok": all(finding.ok for finding in findings), "findings": [asdict(finding) for finding in findings]}
        )
    else:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for finding in findings:
            table.add_row("[green]✓[/]" if finding.ok else "[red]✗[/]", finding.what, escape(finding.found))
            if finding.next:
                table.add_row("", "", f"[bold]next:[/] {escape(finding.next)}")
        state.out.print(table)
    state.exit_code = worst(one.code for one in found)
