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
    since: str = ""
    """The first version of the API that knows all of it; empty: every version that is still answered."""


@cache
def operation(name: str, *fragments: str, since: str = "") -> Operation:
    """
    The operation in ``queries/<name>.graphql``, together with the fragments it uses.
    """
    folder = files(__package__).joinpath("queries")
    texts = [folder.joinpath(f"{part}.graphql").read_text("utf-8") for part in (name, *fragments)]
    return Operation(name, "\n".join(texts), since)


READ_ORDER = operation("read_order", "order_state")
FIND_ORDERS = operation("find_orders")
CANCEL_ORDER = operation("cancel_order", since="2026-10")
CANCEL_ORDER_BEFORE_2026_10 = operation("cancel_order_before_2026_10")
READ_CANCELLATION = operation("read_cancellation", "order_state", since="2026-10")
REQUEST_FULFILLMENT_CANCELLATION = operation("request_fulfillment_cancellation")
CANCEL_FULFILLMENT_ORDER = operation("cancel_fulfillment_order")
OPEN_FULFILLMENT_ORDER = operation("open_fulfillment_order")
READ_NUMBERS = operation("read_numbers")
READ_MARKS = operation("read_marks")
ADD_TAGS = operation("add_tags")
SET_METAFIELD = operation("set_metafield")
CHECK_SHOP = operation("check_shop")
CHECK_SEARCH = operation("check_search")

ALL = (
    READ_ORDER,
    FIND_ORDERS,
    CANCEL_ORDER,
    CANCEL_ORDER_BEFORE_2026_10,
    READ_CANCELLATION,
    REQUEST_FULFILLMENT_CANCELLATION,
    CANCEL_FULFILLMENT_ORDER,
    OPEN_FULFILLMENT_ORDER,
    READ_NUMBERS,
    READ_MARKS,
    ADD_TAGS,
    SET_METAFIELD,
    CHECK_SHOP,
    CHECK_SEARCH,
)
"""Everything that countermand ever sends."""
