"""Runs that nobody measured."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.results import Machine, Row, Run

MACHINE = Machine(
    system="Linux",
    processor="Slow One",
    cores=2,
    memory_gb=4,
    load=0.2,
    versions={"python": "3.11.7", "browser": "Chromium 156"},
)


def run(
    ratios: list[Row] | None = None, figures: list[Row] | None = None, *, machine: Machine = MACHINE, rounds: int = 20
) -> Run:
    """A run with these figures."""
    return Run(
        at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        commit="abc1234",
        parameters={"rounds": rounds},
        machine=machine,
        ratios=ratios or [],
        figures=figures or [],
    )


def row(
    name: str, value: float, low: float | None = None, high: float | None = None, *, more_is_better: bool = False
) -> Row:
    """One figure."""
    return Row(name=name, value=value, low=low, high=high, more_is_better=more_is_better)
