"""The audit trail, which nobody can rewrite."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column(
            "action",
            sa.Enum(
                "signed_in",
                "signed_out",
                "sign_in_refused",
                "read_conversation",
                "read_patient",
                "searched_patients",
                "task_opened",
                "task_joined",
                "task_moved",
                "marked_unread",
                "text_queued",
                "text_changed",
                "text_resent",
                "conversation_started",
                "consent_recorded",
                "opted_out",
                "opted_in",
                "number_switched",
                "inbound_released",
                "inbound_discarded",
                "settings_changed",
                "role_changed",
                "member_changed",
                "preferences_changed",
                name="action",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_audit_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_practice_id_at", "audit", ["practice_id", "at"], unique=False)
    op.create_index("ix_audit_subject", "audit", ["practice_id", "subject_id"], unique=False)
    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin raise exception 'rows of % are only ever added', tg_table_name; end $$
        """
    )
    op.execute(
        "create trigger audit_is_append_only before update or delete on audit"
        " for each row execute function refuse_change()"
    )


def downgrade() -> None:
    op.drop_index("ix_audit_subject", table_name="audit")
    op.drop_index("ix_audit_practice_id_at", table_name="audit")
    op.drop_table("audit")
    op.execute("drop function refuse_change cascade")
