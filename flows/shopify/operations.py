"""
What is sent to the Admin API: the files in ``queries/``, each one operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Operation:
    """One query or mutation, ready to be sent."""

    name: str
    text: str


@cache
def operation(name: str, *fragments: str) -> Operation:
    """
    The operation in ``queries/<name>.graphql``, together with the fragments it uses.
    """
    folder = files(__package__).joinpath("queries")
    texts = [folder.joinpath(f"{part}.graphql").read_text("utf-8") for part in (name, *fragments)]
    return Operation(name, "\n".join(texts))


READ_ORDER = operation("read_order", "order_state")
FIND_ORDERS = operation("find_orders")
CANCEL_ORDER = operation("cancel_order")
CANCEL_ORDER_BEFORE_2026_10 = operation("cancel_order_before_2026_10")
READ_CANCELLATION = operation("read_cancellation", "order_state")
READ_MARKS = operation("read_marks")
ADD_TAGS = operation("add_tags")
SET_METAFIELD = operation("set_metafield")

ALL = (
    READ_ORDER,
    FIND_ORDERS,
    CANCEL_ORDER,
    CANCEL_ORDER_BEFORE_2026_10,
    READ_CANCELLATION,
    READ_MARKS,
    ADD_TAGS,
    SET_METAFIELD,
)
"""Everything that countermand ever sends."""
