"""
How a cancellation's stage follows from its orders and its shop order (design 3). Pure rules, no database.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.model import OrderStage, Settle, ShopStage, Stage

_SHOP_IS_DONE = (ShopStage.CANCELLED, ShopStage.ALREADY_CANCELLED)


def stage_of(orders: Sequence[OrderStage], shop: ShopStage, settle: Settle, *, anyway: bool = False) -> Stage:
    """
    The stage of a cancellation.

    Mixed answers and anything uncertain stop it for a person; nothing is settled until *every* order is withdrawn.

    :param anyway: a person said that mixed answers are settled all the same.
    """
    if any(stage is OrderStage.UNCERTAIN for stage in orders):
        return Stage.NEEDS_OPERATOR
    if any(stage in (OrderStage.QUEUED, OrderStage.SUBMITTING) for stage in orders):
        return Stage.OPEN
    if any(stage is OrderStage.AWAITING_DECISION for stage in orders):
        return Stage.AWAITING_DECISION
    if all(stage.is_denied for stage in orders):
        return Stage.REFUSED
    if any(stage.is_denied for stage in orders) and not anyway:
        return Stage.NEEDS_OPERATOR
    if shop is ShopStage.NONE or settle is Settle.NEVER or shop in _SHOP_IS_DONE:
        return Stage.DONE
    return Stage.SETTLING
