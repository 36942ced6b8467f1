"""A fresh installation: the code that opens its first page."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "set_up_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_set_up_code_expires_later")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_up_code")),
    )


def downgrade() -> None:
    op.drop_table("set_up_code")
