"""How a cancellation's stage follows from its orders and its shop order."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engine.stages import stage_of
from agent.model import OrderStage as O
from agent.model import Settle, ShopStage, Stage

_SHOPS = st.sampled_from(list(ShopStage))
_SETTLES = st.sampled_from(list(Settle))
_ORDERS = st.lists(st.sampled_from(list(O)), min_size=1, max_size=4)


@pytest.mark.parametrize(
    "orders, shop, settle, expected",
    [
        ([O.QUEUED], ShopStage.NONE, Settle.ON_APPROVAL, Stage.OPEN),
        ([O.SUBMITTING], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.OPEN),
        ([O.APPROVED, O.QUEUED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.OPEN),
        ([O.REFUSED, O.SUBMITTING], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.OPEN),
        ([O.AWAITING_DECISION], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.AWAITING_DECISION),
        ([O.AWAITING_DECISION, O.APPROVED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.AWAITING_DECISION),
        ([O.AWAITING_DECISION, O.REFUSED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.AWAITING_DECISION),
        ([O.APPROVED], ShopStage.NONE, Settle.ON_APPROVAL, Stage.DONE),
        ([O.ALREADY_CANCELLED], ShopStage.NONE, Settle.ON_APPROVAL, Stage.DONE),
        ([O.APPROVED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.SETTLING),
        ([O.APPROVED, O.ALREADY_CANCELLED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.SETTLING),
        ([O.APPROVED], ShopStage.SETTLING, Settle.ON_APPROVAL, Stage.SETTLING),
        ([O.APPROVED], ShopStage.WAITING, Settle.NEVER, Stage.DONE),
        ([O.APPROVED], ShopStage.CANCELLED, Settle.ON_APPROVAL, Stage.DONE),
        ([O.APPROVED], ShopStage.ALREADY_CANCELLED, Settle.ON_APPROVAL, Stage.DONE),
        ([O.REFUSED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.REFUSED),
        ([O.NOT_CANCELLABLE], ShopStage.NONE, Settle.ON_APPROVAL, Stage.REFUSED),
        ([O.REFUSED, O.NOT_CANCELLABLE], ShopStage.WAITING, Settle.NEVER, Stage.REFUSED),
        ([O.APPROVED, O.REFUSED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.NEEDS_OPERATOR),
        ([O.APPROVED, O.NOT_CANCELLABLE], ShopStage.NONE, Settle.NEVER, Stage.NEEDS_OPERATOR),
        ([O.UNCERTAIN], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.NEEDS_OPERATOR),
        ([O.UNCERTAIN, O.QUEUED], ShopStage.WAITING, Settle.ON_APPROVAL, Stage.NEEDS_OPERATOR),
    ],
)
def test_the_stage_follows_from_the_orders(orders: list[O], shop: ShopStage, settle: Settle, expected: Stage) -> None:
    """
    Every rule of the design has a row, and the order in which the supplier orders stand does not matter.
    """
    found = {stage_of(list(arranged), shop, settle) for arranged in permutations(orders)}

    assert {expected} == found


@given(_ORDERS, _SHOPS, _SETTLES)
def test_nothing_is_settled_before_everything_is_withdrawn(orders: list[O], shop: ShopStage, settle: Settle) -> None:
    """
    A cancellation is settled, or done, only when every supplier order is withdrawn.
    """
    stage = stage_of(orders, shop, settle)

    assert (stage in (Stage.SETTLING, Stage.DONE)) == all(order.is_withdrawn for order in orders)


@given(_ORDERS, _SHOPS, _SETTLES)
def test_uncertain_always_needs_a_person(orders: list[O], shop: ShopStage, settle: Settle) -> None:
    """
    One uncertain order stops the whole cancellation, whatever the others say.
    """
    assert Stage.NEEDS_OPERATOR == stage_of([*orders, O.UNCERTAIN], shop, settle)


@given(_ORDERS, _SHOPS, _SETTLES)
def test_refused_means_that_every_supplier_said_no(orders: list[O], shop: ShopStage, settle: Settle) -> None:
    """
    A cancellation is refused exactly when every one of its orders is.
    """
    assert (stage_of(orders, shop, settle) is Stage.REFUSED) == all(order.is_denied for order in orders)
