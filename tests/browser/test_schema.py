"""The schemas that editors and readers check with are those that the models give."""

from __future__ import annotations

from pathlib import Path

import agent.browser
from agent.browser.schema import journal_schema, schema_text

KEPT = Path(__file__).parents[2] / "selectors" / "schema.json"
JOURNALS = Path(agent.browser.__file__).with_name("visit.schema.json")


def test_the_schema_is_fresh() -> None:
    """
    A stale schema would call good editions wrong; ``python -m agent.browser.schema > selectors/schema.json`` renews it.
    """
    assert KEPT.read_text(encoding="utf-8") == schema_text()


def test_the_schema_of_journals_is_fresh() -> None:
    """
    ``python -m agent.browser.schema visit > agent/browser/visit.schema.json`` renews it.
    """
    assert JOURNALS.read_text(encoding="utf-8") == schema_text(journal_schema())
