"""Conversations, messages, read state and how texts leave."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery_report",
        sa.Column("provider_sid", sa.String(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_delivery_report_practice_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_report")),
        sa.UniqueConstraint(
            "practice_id",
            "provider_sid",
            "status",
            "error_code",
            name=op.f("uq_delivery_report_practice_id_provider_sid_status_error_code"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_delivery_report_message", "delivery_report", ["message_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("practice_number_id", sa.Uuid(), nullable=False),
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column("last_inbound_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unread_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "facility_id"],
            ["facility.practice_id", "facility.id"],
            name=op.f("fk_conversation_practice_id_facility_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_conversation_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "phone_id"],
            ["phone.practice_id", "phone.id"],
            name=op.f("fk_conversation_practice_id_phone_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "practice_number_id"],
            ["practice_number.practice_id", "practice_number.id"],
            name=op.f("fk_conversation_practice_id_practice_number_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_conversation_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_conversation_practice_id_id")),
        sa.UniqueConstraint(
            "practice_number_id", "phone_id", name=op.f("uq_conversation_practice_number_id_phone_id")
        ),
    )
    op.create_index("ix_conversation_patient", "conversation", ["practice_id", "patient_id"], unique=False)
    op.create_index("ix_conversation_phone", "conversation", ["practice_id", "phone_id"], unique=False)
    op.create_table(
        "member_reading",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "conversation_id"],
            ["conversation.practice_id", "conversation.id"],
            name=op.f("fk_member_reading_practice_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_member_reading_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_member_reading_practice_id")),
        sa.PrimaryKeyConstraint("member_id", "conversation_id", name=op.f("pk_member_reading")),
    )
    op.create_index(
        "ix_member_reading_conversation", "member_reading", ["practice_id", "conversation_id"], unique=False
    )
    op.create_table(
        "message",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column(
            "direction",
            sa.Enum("in", "out", name="direction", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("media", postgresql.JSONB(), nullable=False),
        sa.Column("sent_by_id", sa.Uuid(), nullable=True),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("resend_of_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "direction = 'out' or not is_automatic", name=op.f("ck_message_automatic_goes_out")
        ),
        sa.CheckConstraint(
            "direction = 'out' or sent_by_id is null", name=op.f("ck_message_inbound_without_sender")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "conversation_id"],
            ["conversation.practice_id", "conversation.id"],
            name=op.f("fk_message_practice_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_message_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "resend_of_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_message_practice_id_resend_of_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "sent_by_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_message_practice_id_sent_by_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_message_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_message_practice_id_id")),
    )
    op.create_index(
        "ix_message_last_sender",
        "message",
        ["conversation_id", "at"],
        unique=False,
        postgresql_where="sent_by_id is not null and not is_automatic",
    )
    op.create_index(
        "ix_message_patient",
        "message",
        ["practice_id", "patient_id", "at"],
        unique=False,
        postgresql_where="patient_id is not null",
    )
    op.create_index(
        "ix_message_sent_by",
        "message",
        ["practice_id", "sent_by_id", "at", "id"],
        unique=False,
        postgresql_where="sent_by_id is not null",
    )
    op.create_index("ix_message_thread", "message", ["conversation_id", "at", "id"], unique=False)
    op.create_table(
        "outbound_text",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("from_number", sa.String(), nullable=False),
        sa.Column("to_number", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "failed",
                "unknown",
                "needs_person",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_claim_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("was_requeued", sa.Boolean(), nullable=False),
        sa.Column("provider_sid", sa.String(), nullable=True),
        sa.Column("carrier_status", sa.String(), nullable=True),
        sa.Column("carrier_rank", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("is_failed", sa.Boolean(), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "changed_in",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(state = 'sending') = (lease_until is not null)", name=op.f("ck_outbound_text_sending_has_lease")
        ),
        sa.CheckConstraint(
            "state <> 'sent' or provider_sid is not null", name=op.f("ck_outbound_text_sent_has_sid")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "message_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_outbound_text_practice_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_outbound_text_practice_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_outbound_text")),
        sa.UniqueConstraint("provider_sid", name=op.f("uq_outbound_text_provider_sid")),
    )
    op.create_index(
        "ix_outbound_text_due", "outbound_text", ["due_at"], unique=False, postgresql_where="state = 'queued'"
    )
    op.create_index(
        "ix_outbound_text_failed",
        "outbound_text",
        ["practice_id", "queued_at"],
        unique=False,
        postgresql_where="is_failed and dismissed_at is null",
    )
    op.create_index(
        "ix_outbound_text_lease",
        "outbound_text",
        ["lease_until"],
        unique=False,
        postgresql_where="state = 'sending'",
    )
    op.create_index(
        "ix_outbound_text_unknown",
        "outbound_text",
        ["due_at"],
        unique=False,
        postgresql_where="state = 'unknown'",
    )
    op.execute(
        """
        create function note_transaction() returns trigger language plpgsql as $$
        begin new.changed_in := (pg_current_xact_id()::text)::bigint; return new; end $$
        """
    )
    op.execute(
        "create trigger outbound_text_changed before update of state on outbound_text"
        " for each row execute function note_transaction()"
    )


def downgrade() -> None:
    op.drop_index(
        "ix_outbound_text_unknown", table_name="outbound_text", postgresql_where="state = 'unknown'"
    )
    op.drop_index("ix_outbound_text_lease", table_name="outbound_text", postgresql_where="state = 'sending'")
    op.drop_index(
        "ix_outbound_text_failed",
        table_name="outbound_text",
        postgresql_where="is_failed and dismissed_at is null",
    )
    op.drop_index("ix_outbound_text_due", table_name="outbound_text", postgresql_where="state = 'queued'")
    op.drop_table("outbound_text")
    op.drop_index("ix_message_thread", table_name="message")
    op.drop_index("ix_message_sent_by", table_name="message", postgresql_where="sent_by_id is not null")
    op.drop_index("ix_message_patient", table_name="message", postgresql_where="patient_id is not null")
    op.drop_index(
        "ix_message_last_sender",
        table_name="message",
        postgresql_where="sent_by_id is not null and not is_automatic",
    )
    op.drop_table("message")
    op.drop_index("ix_member_reading_conversation", table_name="member_reading")
    op.drop_table("member_reading")
    op.drop_index("ix_conversation_phone", table_name="conversation")
    op.drop_index("ix_conversation_patient", table_name="conversation")
    op.drop_table("conversation")
    op.drop_index("ix_delivery_report_message", table_name="delivery_report")
    op.drop_table("delivery_report")
    op.execute("drop function note_transaction cascade")
