"""Shared desks: sessions that are locked, PINs that unlock them, and when pages hide by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("member_session", sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("member", sa.Column("pin_hash", sa.String(), nullable=True))
    op.add_column("practice", sa.Column("lock_minutes", sa.Integer(), nullable=False, server_default="0"))
    op.create_check_constraint(op.f("ck_practice_lock_minutes"), "practice", "lock_minutes between 0 and 60")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_practice_lock_minutes"), "practice")
    op.drop_column("practice", "lock_minutes")
    op.drop_column("member", "pin_hash")
    op.drop_column("member_session", "locked_at")
