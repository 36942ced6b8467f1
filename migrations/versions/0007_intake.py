"""The inbound ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stray_call",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stray_call")),
    )
    op.create_index(op.f("ix_stray_call_received_at"), "stray_call", ["received_at"], unique=False)
    op.create_table(
        "inbound",
        sa.Column("provider_sid", sa.String(), nullable=False),
        sa.Column(
            "via",
            sa.Enum("webhook", "reconcile", name="via", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("conversation_key", sa.String(), nullable=False),
        sa.Column("from_number", sa.String(), nullable=False),
        sa.Column("to_number", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("media", postgresql.JSONB(), nullable=False),
        sa.Column("opt_out_type", sa.String(), nullable=True),
        sa.Column("params", postgresql.JSONB(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "new",
                "filed",
                "duplicate",
                "quarantined",
                "dead",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("duplicate_of_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state = 'duplicate') = (duplicate_of_id is not null)", name=op.f("ck_inbound_duplicate_of")
        ),
        sa.CheckConstraint(
            "(state = 'filed') = (message_id is not null)", name=op.f("ck_inbound_filed_has_message")
        ),
        sa.CheckConstraint("(state = 'new') or lease_until is null", name=op.f("ck_inbound_lease_of_new")),
        sa.ForeignKeyConstraint(
            ["practice_id", "duplicate_of_id"],
            ["inbound.practice_id", "inbound.id"],
            name=op.f("fk_inbound_practice_id_duplicate_of_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "handled_by_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_inbound_practice_id_handled_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "message_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_inbound_practice_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_inbound_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_inbound_practice_id_id")),
    )
    op.create_index(
        "ix_inbound_key", "inbound", ["conversation_key"], unique=False, postgresql_where="state = 'new'"
    )
    op.create_index(
        "ix_inbound_new",
        "inbound",
        ["next_attempt_at", "received_at", "id"],
        unique=False,
        postgresql_where="state = 'new'",
    )
    op.create_index("ix_inbound_received", "inbound", ["practice_id", "received_at"], unique=False)
    op.create_index(
        "ix_inbound_shown",
        "inbound",
        ["practice_id", "received_at"],
        unique=False,
        postgresql_where="state in ('quarantined', 'dead') and handled_at is null",
    )
    op.create_index(
        "uq_inbound_message",
        "inbound",
        ["message_id"],
        unique=True,
        postgresql_where="message_id is not null",
    )
    op.create_index(
        "uq_inbound_sid",
        "inbound",
        ["practice_id", "provider_sid"],
        unique=True,
        postgresql_where="state not in ('duplicate', 'quarantined')",
    )


def downgrade() -> None:
    op.drop_index(
        "uq_inbound_sid", table_name="inbound", postgresql_where="state not in ('duplicate', 'quarantined')"
    )
    op.drop_index("uq_inbound_message", table_name="inbound", postgresql_where="message_id is not null")
    op.drop_index(
        "ix_inbound_shown",
        table_name="inbound",
        postgresql_where="state in ('quarantined', 'dead') and handled_at is null",
    )
    op.drop_index("ix_inbound_received", table_name="inbound")
    op.drop_index("ix_inbound_new", table_name="inbound", postgresql_where="state = 'new'")
    op.drop_index("ix_inbound_key", table_name="inbound", postgresql_where="state = 'new'")
    op.drop_table("inbound")
    op.drop_index(op.f("ix_stray_call_received_at"), table_name="stray_call")
    op.drop_table("stray_call")
