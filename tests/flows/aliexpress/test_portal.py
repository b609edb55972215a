"""
AliExpress as a portal: what is taken for an order number.
"""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from agent.portal import portal_named
from flows.aliexpress.portal import PORTAL


@pytest.mark.parametrize(
    "typed", ["8190101000004512", " 8190101000004512\n", "8190 1010 0000 4512", "\t8190101000004512\u00a0"]
)
def test_order_number_as_copied(typed: str) -> None:
    """
    Spaces that copying brings along are dropped.
    """
    assert "8190101000004512" == PORTAL.order_id(typed)


@pytest.mark.parametrize(
    "typed",
    ["", "abc", "123", "12345678901234", "12345678901234567890", "8190101000004512x", "#8190101000004512",
     "8190101000004512,8190102000004512", "٨١٩٠١٠١٠٠٠٠٠٤٥١٢", "-8190101000004512", "8190101000004512\x00"],
)  # fmt: skip
def test_no_order_number(typed: str) -> None:
    """
    Anything else is refused, with an example of what a number looks like.
    """
    with pytest.raises(BadInput) as stopped:
        PORTAL.order_id(typed)

    assert 2 == stopped.value.exit_code
    assert "16 digits" in stopped.value.next


def test_portal_is_found_by_its_name() -> None:
    """
    The settings name a portal; an unknown one is refused, naming those that are there.
    """
    assert PORTAL is portal_named("aliexpress")
    with pytest.raises(BadInput, match="installed: aliexpress"):
        portal_named("aliexpres")
