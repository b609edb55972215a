"""What the chaos tests start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.portal import ChaosPortal
from tests.chaos.work import at_work


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """No worker is left behind, by a test that fails either."""
    yield
    while at_work:
        at_work.pop().end()


@pytest.fixture
def portal() -> Iterator[ChaosPortal]:
    """Requests land half a second to two and a half after the click."""
    with ChaosPortal(lands_within=(0.5, 2.5)) as started:
        yield started
