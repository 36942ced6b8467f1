"""What members look for in the inbox, so that an address can name it without its words."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("searched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search")),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_search_practice_id")),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_search_practice_id_member_id"),
        ),
    )
    op.create_index("ix_search_searched_at", "search", ["searched_at"])


def downgrade() -> None:
    op.drop_table("search")
