"""
What the figures are held to. A bar that is missed is shown as missed; it makes nothing fail.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One promise about a ratio or a count."""

    words: str
    """With places for the sizes."""
    limit: float
    at_least: bool = False
    """Whether more is better."""
    sizes: tuple[int, ...] = ()
    """What it holds for; measured with others, a figure is held to no bar."""

    @property
    def what(self) -> str:
        """For people."""
        return self.words.format(*self.sizes)


BARS: dict[str, Bar] = {
    "default_0": Bar("one withdrawal, warm, default evidence ÷ floor, at 0 ms", 1.6),
    "default_150": Bar("one withdrawal, warm, default evidence ÷ floor, at 150 ms", 1.15),
    "off_0": Bar("one withdrawal, evidence off ÷ floor, at 0 ms", 1.15),
    "fifty": Bar("{} orders, one account: script ÷ ours, default evidence, at 0 ms", 2.0, True, (50,)),
    "selenium": Bar("selenium ÷ ours, evidence off, at 0 ms", 1.0, True),
    "throughput": Bar("orders per minute at {} ms: 4 accounts on 2 browsers ÷ 1 account", 1.8, True, (600,)),
    "find": Bar("find an order among {1:,} ÷ among {0:,}, by search", 1.3, sizes=(10, 10_000)),
    "sweep_few": Bar("sweep: page loads for 3 pending among {:,} orders", 7, sizes=(10_000,)),
    "sweep_many": Bar("sweep: page loads for {:,} pending on consecutive pages ÷ these pages", 1.02, sizes=(1_000,)),
    "memory": Bar("memory after {1} visits ÷ after {0}", 1.15, sizes=(50, 500)),
    "help": Bar('countermand --help ÷ python -c "import typer"', 1.5),
    "list": Bar("countermand list with {1:,} rows ÷ with {0:,}", 2.0, sizes=(100, 100_000)),
    "replay": Bar("replay of a recording ÷ the live mock walk, at 0 ms", 1.0),
}
