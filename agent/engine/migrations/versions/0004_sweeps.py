"""Until when the seller has to answer, by the portal's own countdown; what an account waits for is found at once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("supplier_orders", sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_supplier_orders_waiting", "supplier_orders", ["portal", "account", "stage"])


def downgrade() -> None:
    op.drop_index("ix_supplier_orders_waiting", "supplier_orders")
    op.drop_column("supplier_orders", "answer_by")
