"""Signing in: sessions, counted tries, and forms that are taken once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    op.create_index(op.f("ix_throttle_since"), "throttle", ["since"], unique=False)
    op.create_table(
        "member_session",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_member_session_expires_later")),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_member_session_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_member_session_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_session")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_member_session_token_digest")),
    )
    op.create_index("ix_member_session_member", "member_session", ["practice_id", "member_id"], unique=False)
    op.create_table(
        "submission",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_submission_practice_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("practice_id", "form_id", name=op.f("pk_submission")),
    )
    op.create_index(op.f("ix_submission_received_at"), "submission", ["received_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_submission_received_at"), table_name="submission")
    op.drop_table("submission")
    op.drop_index("ix_member_session_member", table_name="member_session")
    op.drop_table("member_session")
    op.drop_index(op.f("ix_throttle_since"), table_name="throttle")
    op.drop_table("throttle")
