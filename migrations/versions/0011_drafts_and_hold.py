"""What a member has begun to write to a patient, and how long a sent text can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_draft_version")),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_draft_practice_id")),
        sa.ForeignKeyConstraint(
            ["practice_id", "conversation_id"],
            ["conversation.practice_id", "conversation.id"],
            name=op.f("fk_draft_practice_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_draft_practice_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("member_id", "conversation_id", name=op.f("pk_draft")),
    )
    op.create_index("ix_draft_conversation", "draft", ["practice_id", "conversation_id"])
    op.add_column("practice", sa.Column("hold_seconds", sa.Integer(), nullable=False, server_default="5"))
    op.create_check_constraint(op.f("ck_practice_hold_seconds"), "practice", "hold_seconds between 0 and 30")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_practice_hold_seconds"), "practice")
    op.drop_column("practice", "hold_seconds")
    op.drop_index("ix_draft_conversation", table_name="draft")
    op.drop_table("draft")
