"""Which visit of a cancellation stands in the queue"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cancellations", sa.Column("scheduled", sa.Integer(), nullable=True))
    op.add_column("cancellations", sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True))
