"""Looking things up among a million tasks: a patient's tasks, failed texts, and patients by what people type."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FAILED = "dismissed_at is null and (is_failed or state = 'needs_person')"


def upgrade() -> None:
    op.create_index(
        "ix_task_patient",
        "task",
        ["practice_id", "patient_id", "opened_at"],
        postgresql_where="patient_id is not null",
    )
    op.create_index("ix_task_opened", "task", ["practice_id", "opened_at", "id"])
    op.drop_index("ix_outbound_text_failed", table_name="outbound_text")
    op.create_index(
        "ix_outbound_text_failed", "outbound_text", ["practice_id", "queued_at"], postgresql_where=FAILED
    )
    op.create_index(
        "ix_contact_name_key_words",
        "contact",
        ["name_key"],
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    )
    for table in ("contact", "patient"):
        op.create_index(
            f"ix_{table}_born_on", table, ["practice_id", "born_on"], postgresql_where="born_on is not null"
        )
    op.create_index(
        "ix_phone_ending",
        "phone",
        ["practice_id", sa.func.reverse(sa.literal_column("number")).label("ending")],
        postgresql_ops={"ending": "text_pattern_ops"},
    )
    # Four digits are one number in ten thousand; the usual hundred steps cannot tell that from one in a hundred.
    op.execute("alter index ix_phone_ending alter column 2 set statistics 1000")


def downgrade() -> None:
    op.drop_index("ix_phone_ending", table_name="phone")
    for table in ("patient", "contact"):
        op.drop_index(f"ix_{table}_born_on", table_name=table)
    op.drop_index("ix_contact_name_key_words", table_name="contact")
    op.drop_index("ix_outbound_text_failed", table_name="outbound_text")
    op.create_index(
        "ix_outbound_text_failed",
        "outbound_text",
        ["practice_id", "queued_at"],
        postgresql_where="is_failed and dismissed_at is null",
    )
    op.drop_index("ix_task_opened", table_name="task")
    op.drop_index("ix_task_patient", table_name="task")
