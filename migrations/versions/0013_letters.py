"""Letters to members, and the links in them: invitations and new passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEMPLATES = ("invitation", "password_reset", "password_changed")
PURPOSES = ("invitation", "password_reset")
STATES = ("waiting", "sent", "failed")


def upgrade() -> None:
    op.create_index("ix_member_email", "member", [sa.text("lower(email)")])
    op.create_table(
        "member_token",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", _words("purpose", PURPOSES), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *_of_member("member_token"),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_member_token_expires_later")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_member_token_token_digest")),
    )
    op.create_index("ix_member_token_member", "member_token", ["practice_id", "member_id"])
    op.create_table(
        "reset_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login_sealed", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reset_request")),
    )
    op.create_table(
        "letter",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("template", _words("template", TEMPLATES), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("values_sealed", sa.String(), nullable=True),
        sa.Column("state", _words("state", STATES), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *_of_member("letter"),
        sa.CheckConstraint(
            "(state = 'waiting') = (values_sealed is not null)", name=op.f("ck_letter_nothing_is_kept")
        ),
    )
    op.create_index("ix_letter_member", "letter", ["practice_id", "member_id"])
    op.create_index("ix_letter_due", "letter", ["due_at"], postgresql_where=sa.text("state = 'waiting'"))


def downgrade() -> None:
    for table in ("letter", "reset_request", "member_token"):
        op.drop_table(table)
    op.drop_index("ix_member_email", table_name="member")


def _words(name: str, words: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def _of_member(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f(f"fk_{table}_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f(f"fk_{table}_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
