"""Rounds are interleaved and fair, and a peer that does not submit is found out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.peers.place import NotSubmitted, Peer, Place, Withdraw
from benchmarks.pretend import Pretend
from benchmarks.walks import interleaved, turned


class Portal(Place):
    """Makes orders without a portal, and keeps what it was asked for."""

    def order(self) -> str:
        """See ``Place.order``."""
        return str(next(self._numbers))


def peer(place: Portal, name: str, done: list[str], *, submits: int = 1, missing: str | None = None) -> Peer:
    """One that writes down what it did, and submits so often."""

    @asynccontextmanager
    async def opened(_: Place) -> AsyncIterator[Withdraw]:
        async def withdraw(order: str) -> None:
            done.append(name)
            with Path(place.sites.places["portal_record"]).open("a") as file:
                file.write(f"{json.dumps({'order': order})}\n" * submits)

        yield withdraw
        done.append(f"{name} ended")

    return Peer(name, "", opened, lambda: missing)


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    """Nothing was submitted yet."""
    record = tmp_path / "portal.jsonl"
    record.touch()
    return Portal(Pretend(tmp_path, {"portal_record": str(record)}))


def test_another_one_begins_each_round() -> None:
    """
    Whoever comes first has no advantage.
    """
    peers = [Peer(name, "", None) for name in "abc"]  # type: ignore[arg-type]

    assert ["abc", "bca", "cab", "abc"] == ["".join(one.name for one in turned(peers, round)) for round in range(4)]


async def test_one_of_each_per_round_after_one_that_does_not_count(portal: Portal) -> None:
    """
    Everybody starts, withdraws once for nothing, and then takes turns; everybody is ended.
    """
    done: list[str] = []

    times = await interleaved(portal, [peer(portal, name, done) for name in "abc"], 2, lambda said: None)

    assert [*"abc", *"abc", *"bca", "c ended", "b ended", "a ended"] == done
    assert {"a": 2, "b": 2, "c": 2} == {name: len(values) for name, values in times.rounds.items()}
    assert {"a", "b", "c"} == times.starts.keys()


async def test_a_peer_that_is_not_there_is_left_out(portal: Portal) -> None:
    """
    With its reason; the others are measured.
    """
    done: list[str] = []
    peers = [peer(portal, "a", done), peer(portal, "b", done, missing="no driver")]

    times = await interleaved(portal, peers, 1, lambda said: None)

    assert {"b": "not installed: no driver"} == times.left_out
    assert ["a", "a", "a ended"] == done
    assert {"a"} == times.rounds.keys()


@pytest.mark.parametrize("is_optional", [True, False])
async def test_only_an_optional_peer_may_fail_to_start(portal: Portal, is_optional: bool) -> None:
    """
    A driver of another version than the browser is no reason to measure nothing; a floor that does not start is.
    """

    @asynccontextmanager
    async def fails(_: Place) -> AsyncIterator[Withdraw]:
        raise OSError("wrong version\nand much more")
        yield

    peers = [Peer("a", "", fails, is_optional=is_optional), peer(portal, "b", [])]

    if is_optional:
        times = await interleaved(portal, peers, 1, lambda said: None)
        assert ({"a": "does not start: wrong version"}, ["b"]) == (times.left_out, list(times.rounds))
    else:
        with pytest.raises(OSError, match="wrong version"):
            await interleaved(portal, peers, 1, lambda said: None)


@pytest.mark.parametrize("submits", [0, 2])
async def test_a_peer_that_does_not_submit_once_is_an_error(portal: Portal, submits: int) -> None:
    """
    By the portal's own record: its time would be worth nothing.
    """
    with pytest.raises(NotSubmitted, match=f"a submitted order 0 {submits} times"):
        await interleaved(portal, [peer(portal, "a", [], submits=submits)], 1, lambda said: None)
