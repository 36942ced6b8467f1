"""Texts that may ask for no more texts, and opting out and in by a member."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEFORE = (
    "stop",
    "start",
    "help",
    "recorded",
    "wrote_first",
    "carrier_blocked",
    "switched_off",
    "switched_on",
)
STAFF = ("opted_out_by_staff", "opted_in_by_staff")


def upgrade() -> None:
    op.create_table(
        "possible_opt_out",
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(length=32), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(decided_at is null) = (decision is null) and (decided_at is null) = (decided_by_id is null)",
            name=op.f("ck_possible_opt_out_decided"),
        ),
        sa.CheckConstraint(
            "decision in ('opted_out', 'dismissed')", name=op.f("ck_possible_opt_out_decision")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_possible_opt_out_practice_id")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "phone_id"],
            ["phone.practice_id", "phone.id"],
            name=op.f("fk_possible_opt_out_practice_id_phone_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "message_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_possible_opt_out_practice_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "decided_by_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_possible_opt_out_practice_id_decided_by_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_possible_opt_out")),
        sa.UniqueConstraint("message_id", name=op.f("uq_possible_opt_out_message_id")),
    )
    op.create_index(
        "ix_possible_opt_out_open",
        "possible_opt_out",
        ["practice_id", "phone_id"],
        postgresql_where=sa.text("decided_at is null"),
    )
    op.execute(
        "create trigger consent_event_is_append_only before update or delete on consent_event"
        " for each row execute function refuse_change()"
    )
    _kinds((*BEFORE, *STAFF))


def downgrade() -> None:
    op.execute("drop trigger consent_event_is_append_only on consent_event")
    op.drop_table("possible_opt_out")
    op.execute("delete from consent_event where kind in ('opted_out_by_staff', 'opted_in_by_staff')")
    _kinds(BEFORE)


def _kinds(words: tuple[str, ...]) -> None:
    """Last of all, and rows are checked apart from the change, so that others read and write meanwhile."""
    listed = ", ".join(f"'{word}'" for word in words)
    op.drop_constraint(op.f("ck_consent_event_kind"), "consent_event")
    op.execute(
        f"alter table consent_event add constraint ck_consent_event_kind check (kind in ({listed})) not valid"
    )
    with op.get_context().autocommit_block():
        op.execute("alter table consent_event validate constraint ck_consent_event_kind")
