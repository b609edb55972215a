"""A pause that a person wanted is told from one that a visit noted; a stored password is tried once, whichever process does it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("paused_by", sa.String(16), nullable=True))
    op.add_column("accounts", sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("accounts", sa.Column("refused", sa.String(64), nullable=True))
    op.create_index("ix_stamps_armed_at", "stamps", ["armed_at"])


def downgrade() -> None:
    op.drop_index("ix_stamps_armed_at", "stamps")
    op.drop_column("accounts", "refused")
    op.drop_column("accounts", "tried_at")
    op.drop_column("accounts", "paused_by")
