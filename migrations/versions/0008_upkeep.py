"""Signs of life and ticks that run once."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("instance", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", "instance", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "tick_run",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job", "slot", name=op.f("pk_tick_run")),
    )


def downgrade() -> None:
    op.drop_table("tick_run")
    op.drop_table("heartbeat")
