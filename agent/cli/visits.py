"""``countermand visits``: what visits have left for people, and removing what is no longer kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.context import Globals

if TYPE_CHECKING:
    from agent.engine.retention import VisitFolder

visits = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="What visits have left: journals, pictures, traces."
)
_LAST_PAGE = 10**9


@visits.command("list")
def list_(
    context: typer.Context,
    page: Annotated[int, typer.Option(min=1, max=_LAST_PAGE, help="Which page: there are 50 on each.")] = 1,
) -> None:
    """List the visits whose evidence is kept, the newest first."""
    from agent.engine.retention import page_of_visits

    state: Globals = context.obj
    found = page_of_visits(state.settings.home, page)
    rows = [_row(one) for one in found.visits]
    if state.json:
        state.print_json(
            {
                "results": rows,
                "page": found.number,
                "pages": found.pages,
                "total": found.total,
                "bytes": found.bytes,
            }
        )
        return
    if not found.total:
        state.out.print("No visits yet.")
        return
    _print_table(state, found.visits, rows)
    state.out.print(f"page {found.number} of {found.pages} ({found.total} visits, {_size(found.bytes)})")


@visits.command("prune")
def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """
    Remove the evidence that is no longer kept (keep and keep_size of [evidence] in the settings). A worker does this by itself.

    That of a cancellation that is not over, or of which an order is still watched, stays whatever its age.
    """
    from datetime import UTC, datetime

    from agent.cli.seeing import open_ledger
    from agent.engine.retention import prune

    state: Globals = context.obj
    settings = state.settings
    pruned = prune(open_ledger(state), settings.home, settings.evidence, datetime.now(UTC), dry_run=dry_run)
    if state.json:
        state.print_json(
            {
                "dry_run": dry_run,
                "removed": [one.id for one in pruned.removed],
                "bytes": pruned.bytes,
                "left": pruned.left,
                "left_bytes": pruned.left_bytes,
            }
        )
        return
    if dry_run:
        for one in pruned.removed:
            state.out.print(f"{one.id}  {_when(one)}  {_size(one.bytes)}", markup=False)
    what = "would be removed" if dry_run else "removed"
    count = len(pruned.removed)
    state.out.print(
        f"{count} visit{'' if count == 1 else 's'} {what} ({_size(pruned.bytes)}); {pruned.left} left ({_size(pruned.left_bytes)})"
    )


def _row(folder: VisitFolder) -> dict[str, object]:
    journal = folder.journal
    request = journal.request if journal else None
    end = journal.end if journal else None
    return {
        "id": folder.id,
        "kind": journal.kind if journal else None,
        "cancellation": request.cancellation if request else None,
        "portal": journal.portal if journal else None,
        "account": journal.account if journal else None,
        "orders": journal.orders if journal else [],
        "started_at": journal.started_at if journal else None,
        "ended_at": end.at if end else None,
        "ok": end.ok if end else None,
        "ended": end.kind if end else None,
        "traces": len(journal.traces) if journal else 0,
        "bytes": folder.bytes,
    }


def _print_table(state: Globals, folders: tuple[VisitFolder, ...], rows: list[dict[str, object]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("visit", "kind", "account", "order", "when", "ended", "size"):
        table.add_column(heading, no_wrap=heading in ("visit", "when", "size"))
    for folder, row in zip(folders, rows, strict=True):
        orders = row["orders"]
        assert isinstance(orders, list)
        if row["kind"] is None:
            ended = "no journal that can be read"
        else:
            ended = "cut off, or under way" if row["ended"] is None else str(row["ended"]).replace("_", " ")
        table.add_row(
            escape(folder.id),
            str(row["kind"] or "").replace("_", " "),
            escape(str(row["account"] or "")),
            escape(str(orders[0]) if len(orders) == 1 else f"{len(orders)} orders" if orders else ""),
            _when(folder),
            escape(ended),
            _size(folder.bytes),
        )
    state.out.print(table)


def _when(folder: VisitFolder) -> str:
    return f"{folder.at.astimezone():%Y-%m-%d %H:%M}"


def _size(count: int) -> str:
    """As people read it: ``340 kB``."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
