"""A practice's own words for the texts that patients get by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "practice_text",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_practice_text_practice_id")),
        sa.PrimaryKeyConstraint("practice_id", "name", name=op.f("pk_practice_text")),
    )


def downgrade() -> None:
    op.drop_table("practice_text")
