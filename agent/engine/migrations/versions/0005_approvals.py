"""What a yes is asked for, and what it was given to: the attempt and the amount"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("supplier_orders", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("supplier_orders", sa.Column("asked_amount", sa.String(length=32), nullable=True))
    op.add_column("supplier_orders", sa.Column("asked_currency", sa.String(length=8), nullable=True))
    op.add_column("approvals", sa.Column("attempt", sa.Integer(), nullable=True))
    op.add_column("approvals", sa.Column("amount", sa.String(length=32), nullable=True))
    op.add_column("approvals", sa.Column("currency", sa.String(length=8), nullable=True))


def downgrade() -> None:
    for column in ("currency", "amount", "attempt"):
        op.drop_column("approvals", column)
    for column in ("asked_currency", "asked_amount", "asked_at"):
        op.drop_column("supplier_orders", column)
