"""
How much is measured: enough for honest figures, or just enough to see that every part works.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The sizes of everything."""

    rounds: int = 8
    """Of withdrawals, at every latency."""
    latencies: tuple[int, ...] = (0, 150, 600)
    fifty: int = 50
    ways: tuple[tuple[int, int], ...] = ((1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4))
    """So many accounts on so many browsers."""
    each: int = 6
    """Orders of every account, for throughput."""
    throughput_rounds: int = 2
    throughput_latency: int = 600
    find_sizes: tuple[int, ...] = (10, 100, 1_000, 10_000)
    find_rounds: int = 10
    sweep_orders: int = 10_000
    sweep_pending: int = 1_000
    ledger_sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    ledger_rounds: int = 30
    memory_early: int = 50
    memory_late: int = 500
    memory_window: int = 20
    replay_rounds: int = 10
    start_rounds: int = 15
    list_few: int = 100
    list_many: int = 100_000


TINY = Plan(
    rounds=1,
    latencies=(0,),
    fifty=1,
    ways=((1, 1), (2, 2)),
    each=1,
    throughput_rounds=1,
    throughput_latency=0,
    find_sizes=(10, 20),
    find_rounds=1,
    sweep_orders=30,
    sweep_pending=20,
    ledger_sizes=(10, 100),
    ledger_rounds=2,
    memory_early=1,
    memory_late=3,
    memory_window=1,
    replay_rounds=1,
    start_rounds=1,
    list_few=10,
    list_many=100,
)
"""Its figures mean nothing."""
