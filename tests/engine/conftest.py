"""What the engine's tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A fresh ledger with everything around it pretended."""
    bench = Bench.at(tmp_path / "home")
    monkeypatch.setattr("agent.engine.workshop.storefront_named", lambda kind: bench.shop)
    yield bench
    bench.close()
