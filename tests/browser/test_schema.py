"""The schema that editors check editions with is the one the models give."""

from __future__ import annotations

from pathlib import Path

from agent.browser.schema import schema_text

KEPT = Path(__file__).parents[2] / "selectors" / "schema.json"


def test_the_schema_is_fresh() -> None:
    """
    A stale schema would call good editions wrong; ``python -m agent.browser.schema > selectors/schema.json`` renews it.
    """
    assert KEPT.read_text(encoding="utf-8") == schema_text()
