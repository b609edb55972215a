"""
One withdrawal by every peer, round by round: one of each per round, in turned order, so that whatever else the machine does hits all alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import DEFAULT, FLOOR, FLOOR_ONE_TAB, OFF, PEERS, SCRIPT, SELENIUM
from benchmarks.peers.place import Peer, Place, Withdraw
from benchmarks.pretend import pretend
from benchmarks.results import Part, Row, figure, held_to
from benchmarks.spread import ratio

_BARS = {("default_0", 0): (DEFAULT, FLOOR), ("default_150", 150): (DEFAULT, FLOOR), ("off_0", 0): (OFF, FLOOR)}
_BARS[("selenium", 0)] = (SELENIUM, OFF)

Tells = Callable[[str], None]


@dataclass
class Times:
    """What the rounds gave."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds, by peer."""
    starts: dict[str, float] = field(default_factory=dict)
    """Milliseconds from nothing until the first order was withdrawn."""
    left_out: dict[str, str] = field(default_factory=dict)


def turned(peers: Sequence[Peer], round: int) -> list[Peer]:
    """Another one begins in each round."""
    first = round % len(peers) if peers else 0
    return [*peers[first:], *peers[:first]]


async def interleaved(place: Place, peers: Sequence[Peer], rounds: int, tells: Tells) -> Times:
    """
    *rounds* withdrawals by each of *peers*, after one that is not counted: caches are filled, and everybody is signed in.

    :raises NotSubmitted: a peer did not submit once, by the portal's record.
    """
    times = Times()
    async with AsyncExitStack() as stack:
        there: dict[str, Withdraw] = {}
        for peer in peers:
            if (why := peer.why_not()) is not None:
                times.left_out[peer.name] = f"not installed: {why}"
                continue
            tells(f"starting {peer.name}")
            began = time.perf_counter()
            try:
                there[peer.name] = await stack.enter_async_context(peer.open(place))
            except Exception as error:
                if not peer.is_optional:
                    raise
                said = str(error).strip() or type(error).__name__
                times.left_out[peer.name] = f"does not start: {said.splitlines()[0]}"
                continue
            starting = (time.perf_counter() - began) * 1000
            times.starts[peer.name] = starting + await _timed(place, peer, there[peer.name])
            times.rounds[peer.name] = []
        left = [peer for peer in peers if peer.name in there]
        for round in range(rounds):
            tells(f"round {round + 1} of {rounds}")
            for peer in turned(left, round):
                times.rounds[peer.name].append(await _timed(place, peer, there[peer.name]))
    return times


async def _timed(place: Place, peer: Peer, withdraw: Withdraw) -> float:
    order = place.order()
    began = time.perf_counter()
    await withdraw(order)
    took = (time.perf_counter() - began) * 1000
    place.check(peer.name, order)
    return took


async def measure(folder: Path, latencies: Sequence[int], rounds: int, tells: Tells) -> Part:
    """
    Every peer at every latency.

    :param latencies: milliseconds that each answer of the portal takes.
    """
    found = Part()
    for latency in latencies:
        with pretend(folder / f"walks-{latency}", 0) as sites:
            sites.control("/switches", {"delay_ms": latency})
            times = await interleaved(
                Place(sites),
                PEERS,
                rounds,
                lambda said, at=latency: tells(f"at {at} ms: {said}"),  # type: ignore[misc]
            )
        _add(found, times, latency)
    return found


def _add(found: Part, times: Times, latency: int) -> None:
    for name, values in times.rounds.items():
        found.figures.append(figure(withdrawal(name, latency), values))
        found.samples[withdrawal(name, latency)] = values
    held = {(above.name, below.name): key for (key, at), (above, below) in _BARS.items() if at == latency}
    to_the_floor = [(name, FLOOR.name) for name in times.rounds if name != FLOOR.name]
    # Ours keeps a tab from one visit to the next, which a floor can do as well: to be seen beside the bars.
    to_the_lower = [(one.name, FLOOR_ONE_TAB.name) for one in (OFF, DEFAULT)]
    for above, below in dict.fromkeys([*held, *to_the_floor, *to_the_lower]):
        if above not in times.rounds or below not in times.rounds:
            continue
        value = ratio(times.rounds[above], times.rounds[below])
        if (above, below) in held:
            found.ratios.append(held_to(held[above, below], value))
        else:
            name = f"{above} ÷ {below}, at {latency} ms"
            found.ratios.append(Row(name=name, value=value.value, low=value.low, high=value.high))
    found.left_out.update(times.left_out)


def withdrawal(peer: str, latency: int) -> str:
    """What the time of one withdrawal is called."""
    return f"{peer}, at {latency} ms"


async def fifty(folder: Path, orders: int, tells: Tells) -> Part:
    """
    *orders* orders of one account, one after the other: the script and ours. What is started once is shared by all of them.
    """
    with pretend(folder / "fifty", 0) as sites:
        times = await interleaved(Place(sites), [SCRIPT, DEFAULT], orders, lambda said: tells(f"many orders: {said}"))
    each = {name: _with_start(values, times.starts[name]) for name, values in times.rounds.items()}
    totals = [
        Row(name=f"{orders} orders of one account, {name}", value=sum(values) / 1000, unit="s")
        for name, values in each.items()
    ]
    return Part(
        ratios=[held_to("fifty", ratio(each[SCRIPT.name], each[DEFAULT.name], statistics.fmean), orders)],
        figures=totals,
        samples={f"{orders} orders, {name}": values for name, values in times.rounds.items()},
    )


def _with_start(values: list[float], start: float) -> list[float]:
    """Each with its share of what the start cost above a usual order."""
    above = max(0.0, start - statistics.median(values))
    return [value + above / len(values) for value in values]
