"""
The outline of a page that failed: what is on it, and nothing about a person.
"""

from __future__ import annotations

import pytest

from agent.browser.outline import Blot, outline

ORDER = "8190101000004512"
SNAPSHOT = f"""\
- banner:
  - button "Account of Jane Buyer"
- main:
  - heading "Order {ORDER}" [level=1]
  - textbox "Order ID": "{ORDER}"
  - textbox "Password": hunter2-and-more
  - text: "Jane Buyer, 12 Elm Street +49 170 1234567 jane@example.org"
  - paragraph: Paid with card •••• 4242
  - link "Order 8190101000009999":
    - /url: https://www.aliexpress.com/p/order/detail.html?orderId={ORDER}&token=abc
  - text: 'session eyJhbGciOiJIUzI1NiJ90123456789abcdefgh12'
  - list:
    - listitem: Awaiting shipment
"""
BLOT = Blot(["Jane  Buyer", "12 Elm Street", "ID"], [ORDER], frozenset({"orderId"}))
CANARIES = ("Jane", "Elm", "4242", "1234567", "jane@", "hunter2", "9999", "token", "eyJ")


def test_what_is_private_is_not_in_it() -> None:
    """
    Names and addresses from private parts, what was typed, other numbers, card tails, mail addresses, queries and tokens go.
    """
    text = outline(SNAPSHOT, BLOT) or ""

    assert [] == [canary for canary in CANARIES if canary in text]


def test_what_helps_stays() -> None:
    """
    The order at hand, labels, states, and how the page is built.
    """
    text = outline(SNAPSHOT, BLOT) or ""

    assert f'  - heading "Order {ORDER}" [level=1]' in text.splitlines()
    assert '  - textbox "Order ID": [hidden]' in text.splitlines()
    assert "    - listitem: Awaiting shipment" in text.splitlines()
    assert f"    - /url: https://www.aliexpress.com/p/order/detail.html?orderId={ORDER}" in text.splitlines()


def test_a_blot_that_does_nothing_is_found_out() -> None:
    """
    The control: the same search finds everything in the snapshot itself.
    """
    assert list(CANARIES) == [canary for canary in CANARIES if canary in SNAPSHOT]


def test_a_short_private_text_blots_out_no_words() -> None:
    """
    A two-letter name is hidden where it stands alone, and “ID” stays in “Order ID”.
    """
    assert "- text: [hidden]" == outline("- text: ID", Blot(["ID"]))
    assert "[hidden]" == BLOT("ID")
    assert "Order ID" == BLOT("Order ID")


@pytest.mark.parametrize("snapshot", ["- a: [", "{unbalanced", "- 'x"])
def test_what_cannot_be_read_is_not_kept(snapshot: str) -> None:
    """
    Without its structure nothing tells what in it is private.
    """
    assert None is outline(snapshot, BLOT)


def test_a_long_page_is_cut_off() -> None:
    """
    However long a page and its lines are, the journal stays small.
    """
    text = outline("\n".join(f"- paragraph: {'word ' * 100}" for _ in range(1000)), BLOT) or ""

    assert (301, "…") == (len(text.splitlines()), text.splitlines()[-1])
    assert 70_000 > len(text)
