"""
Everything we send is something the API knows.
"""

from __future__ import annotations

import pytest
from graphql import parse, validate

from fixtures.shopify.schema import schema_for
from flows.shopify.operations import ALL, CANCEL_ORDER, Operation

VERSIONS = ("2026-01", "2026-07", "2026-10", "2027-01")


@pytest.mark.parametrize(
    "sent, version",
    [(sent, version) for sent in ALL for version in VERSIONS if version >= sent.since],
    ids=lambda value: value.name if isinstance(value, Operation) else value,
)
def test_every_operation_fits_the_schema(sent: Operation, version: str) -> None:
    """
    An operation is valid in every version that it is sent to.
    """
    assert [] == validate(schema_for(version), parse(sent.text))


def test_a_misspelt_argument_would_be_noticed() -> None:
    """
    The check above can fail.
    """
    wrong = CANCEL_ORDER.text.replace("restock: $restock", "restocks: $restock")

    assert [] != validate(schema_for("2026-10"), parse(wrong))
