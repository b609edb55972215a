"""
What the figures are held to. A bar that is missed is shown as missed; it makes nothing fail.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One promise about a ratio or a count."""

    words: str
    limit: float
    at_least: bool = False
    """Whether more is better."""


BARS: dict[str, Bar] = {
    "default_0": Bar("one withdrawal, warm, default evidence ÷ floor, at 0 ms", 1.6),
    "default_150": Bar("one withdrawal, warm, default evidence ÷ floor, at 150 ms", 1.15),
    "off_0": Bar("one withdrawal, evidence off ÷ floor, at 0 ms", 1.15),
    "fifty": Bar("50 orders, one account: script ÷ ours, default evidence, at 0 ms", 2.0, at_least=True),
    "selenium": Bar("selenium ÷ ours, evidence off, at 0 ms", 1.0, at_least=True),
    "throughput": Bar("orders per minute at 600 ms: 4 accounts on 2 browsers ÷ 1 account", 1.8, at_least=True),
    "find": Bar("find an order among 10,000 ÷ among 10, by search", 1.3),
    "sweep_few": Bar("sweep: page loads for 3 pending among 10,000 orders", 7),
    "sweep_many": Bar("sweep: page loads for 1,000 pending on consecutive pages ÷ these pages", 1.02),
    "memory": Bar("memory after 500 visits ÷ after 50", 1.15),
    "help": Bar('countermand --help ÷ python -c "import typer"', 1.5),
    "list": Bar("countermand list with 100,000 rows ÷ with 100", 2.0),
    "replay": Bar("replay of a recording ÷ the live mock walk, at 0 ms", 1.0),
}
