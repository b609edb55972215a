"""
Everything we send, and everything the fake shop answers, is in the schema that Shopify publishes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from fixtures.shopify.schema import schema_for
from flows.shopify.operations import ALL, CANCEL_ORDER, Operation
from flows.shopify.settings import ShopifySettings
from tests.contract.shopify_schema import VARIABLE, cut_down, differences, published, types_of

FILES = published()
PINNED = str(ShopifySettings.model_fields["api_version"].default)

needs_schema = pytest.mark.skipif(
    not FILES, reason=f"Shopify's schema is not here: run scripts/shopify-schema, or name it with {VARIABLE}"
)


def _spoken_of(version: str) -> frozenset[str]:
    return frozenset(schema_for(version).type_map)


@needs_schema
def test_the_pinned_version_is_among_those_compared() -> None:
    """
    What the settings say by default is what is looked at here.
    """
    assert PINNED in FILES


@needs_schema
@pytest.mark.parametrize("version", FILES)
def test_every_operation_is_known_to_shopify(version: str) -> None:
    """
    Each operation fits the published schema of every version that it is sent to.
    """
    schema = cut_down(FILES[version], _spoken_of(version))

    wrong = {sent.name: validate(schema, parse(sent.text)) for sent in ALL if sent.since <= version}

    assert {} == {name: errors for name, errors in wrong.items() if errors}
    assert len(wrong) >= len(ALL) - 3


@needs_schema
@pytest.mark.parametrize(
    "right, wrong",
    [
        ("restock: $restock", "restocks: $restock"),
        ("    notifyCustomer: $notifyCustomer\n", ""),
        ("$reason: OrderCancelReason!", "$reason: OrderCancelReason"),
        ("$restock: Boolean!", "$restock: String!"),
        ("      code\n", "      codes\n"),
        ("    restock: $restock\n", ""),
    ],
    ids=["argument", "unused variable", "nullability", "type", "field", "required argument"],
)
def test_a_slip_of_the_pen_is_noticed(right: str, wrong: str) -> None:
    """
    The check above can fail: one slip in an operation that is right otherwise.
    """
    assert right in CANCEL_ORDER.text
    schema = cut_down(FILES[PINNED], _spoken_of(PINNED))

    assert [] != validate(schema, parse(CANCEL_ORDER.text.replace(right, wrong, 1)))


@needs_schema
@pytest.mark.parametrize("version", FILES)
def test_the_fake_shop_has_nothing_that_shopify_has_not(version: str) -> None:
    """
    Types, fields, arguments, enum values and nullability of the fake's schema are all in the published one.
    """
    assert [] == differences(schema_for(version), types_of(FILES[version]))


_REAL = """
type Query { order(id: ID!, deep: Boolean): Order  orders(first: Int!): [Order!]! }
interface Node { id: ID! }
type Order implements Node { id: ID!  name: String  state: State! }
enum State { OPEN CLOSED }
input Ask { id: ID!  note: String }
type Mutation { cancel(ask: Ask!): Order }
"""


@pytest.mark.parametrize(
    "right, wrong, found",
    [
        ("", "", []),
        ("name: String", "", []),
        ("name: String", "nmae: String", ["Order.nmae"]),
        ("name: String", "name: String!", ["Order.name: String!, not String"]),
        ("CLOSED", "CLOSED LOST", ["State.LOST"]),
        ("note: String", "note: Int", ["Ask(note): Int, not String"]),
        ("deep: Boolean", "depth: Boolean", ["Query.order(depth)"]),
        ("(first: Int!)", "", ["Query.orders(first) is required"]),
        ("input Ask { id: ID!", "input Ask {", ["Ask(id) is required"]),
        ("enum State { OPEN CLOSED }", "scalar State", ["SCALAR State"]),
        ("type Mutation", "type Extra { id: ID! } type Mutation", ["OBJECT Extra"]),
    ],
)
def test_a_planted_difference_is_found(right: str, wrong: str, found: list[str], tmp_path: Path) -> None:
    """
    The comparison can fail: each kind of difference is named. Having less is none.
    """
    file = tmp_path / "admin_2026-10.graphql"
    file.write_text(_REAL)

    assert found == differences(build_schema(_REAL.replace(right, wrong, 1)), types_of(file))


def test_the_schema_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A file in the environment variable is used; the version is in its name. One that is no longer answered is not.
    """
    file, closed = tmp_path / "admin-2026-10.pruned.graphql", tmp_path / "admin_2025-10.json.gz"
    file.touch()
    closed.touch()

    monkeypatch.setenv(VARIABLE, str(file))
    named = published()
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    assert ({"2026-10": file}, {}) == (named, published())


def test_an_operation_is_told_from_which_version_it_is_sent() -> None:
    """
    Older versions do not know the structured result of a cancellation, so they are not asked for it.
    """
    assert "2026-10" == CANCEL_ORDER.since
    assert Operation("any", "").since <= "2026-01"
