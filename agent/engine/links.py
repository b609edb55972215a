"""
The links: which shop order a supplier order belongs to, because a person said so. One that is replaced is kept, with its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.engine.clock import Clock
from agent.engine.database import Database
from agent.engine.records import Wanted
from agent.engine.tables import LinkRow
from agent.errors import BadInput
from agent.model import OrderId
from agent.storefront import ShopOrder


@dataclass(frozen=True)
class Link:
    """That a supplier order belongs to a shop order."""

    wanted: Wanted
    shop: str
    shop_order: str
    gid: str
    at: datetime
    actor: str


class Links:
    """Reads and changes the links."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def of_supplier_order(self, wanted: Wanted) -> Link | None:
        """The link of a supplier order, whichever account it was linked with."""
        with self._database.reading() as session:
            row = _row(session, wanted)
            return None if row is None else _link(row)

    def of_shop_order(self, shop: str, gid: str) -> list[Link]:
        """The links of a shop order, as they were made."""
        query = select(LinkRow).where(LinkRow.shop == shop, LinkRow.shop_gid == gid, LinkRow.claim.is_not(None))
        with self._database.reading() as session:
            return [_link(row) for row in session.scalars(query.order_by(LinkRow.id))]

    def link(self, wanted: Wanted, shop: str, order: ShopOrder, actor: str, *, instead_of: Link | None = None) -> Link:
        """
        Note that *wanted* belongs to *order*. Noting the same again changes nothing.

        :param instead_of: the link that a person wants replaced; its end is noted.
        :raises BadInput: it is linked to something else.
        """
        now = self._clock.now()
        with self._database.writing() as session:
            row = _row(session, wanted)
            present = None if row is None else _link(row)
            if present is not None and is_the_same(present, wanted, shop, order):
                return present
            if row is not None:
                if present != instead_of:
                    raise BadInput(
                        f"order {wanted.order_id} was linked by somebody else meanwhile", next="Give the command again."
                    )
                row.claim, row.ended_at = None, now
                session.flush()
            made = LinkRow(
                portal=wanted.portal,
                account=wanted.account,
                order_id=wanted.order_id,
                claim=wanted.claim,
                shop=shop,
                shop_order=order.name,
                shop_gid=order.gid,
                at=now,
                actor=actor,
            )
            session.add(made)
            session.flush()
            return _link(made)


def is_the_same(link: Link, wanted: Wanted, shop: str, order: ShopOrder) -> bool:
    """Whether *link* says already that *wanted* belongs to *order*."""
    return (link.wanted, link.shop, link.gid) == (wanted, shop, order.gid)


def _row(session: Session, wanted: Wanted) -> LinkRow | None:
    return session.scalar(select(LinkRow).where(LinkRow.claim == wanted.claim))


def _link(row: LinkRow) -> Link:
    wanted = Wanted(row.portal, row.account, OrderId(row.order_id))
    return Link(wanted, row.shop, row.shop_order, row.shop_gid, row.at, row.actor)
