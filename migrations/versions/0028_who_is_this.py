"""Whose texts a number's are, as a member said: remembered by the conversation, and kept so that it can be undone."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NEW_ACTIONS = {"patient_chosen", "number_linked"}


def upgrade() -> None:
    op.create_table(
        "patient_choice",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("said", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("reach", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("former", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(said = 'patient') = (patient_id is not null)", name=op.f("ck_patient_choice_patient")
        ),
        sa.CheckConstraint("said in ('patient', 'nobody', 'open')", name=op.f("ck_patient_choice_said")),
        sa.CheckConstraint("reach in ('task', 'choice', 'all')", name=op.f("ck_patient_choice_reach")),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_patient_choice_practice_id")),
        *[
            sa.ForeignKeyConstraint(
                ["practice_id", f"{table}_id"],
                [f"{table}.practice_id", f"{table}.id"],
                name=op.f(f"fk_patient_choice_practice_id_{table}_id"),
            )
            for table in ("conversation", "member", "patient")
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_choice")),
    )
    op.create_index(
        "ix_patient_choice_conversation", "patient_choice", ["practice_id", "conversation_id", "at"]
    )
    op.create_index(
        "ix_patient_choice_patient",
        "patient_choice",
        ["practice_id", "patient_id"],
        postgresql_where=sa.text("patient_id is not null"),
    )
    op.add_column("phone", sa.Column("trouble", sa.String(length=32), nullable=True))
    op.add_column("phone", sa.Column("trouble_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "alter table phone add constraint ck_phone_trouble_has_time"
        " check ((trouble is null) = (trouble_at is null)) not valid"
    )
    op.execute(
        "alter table phone add constraint ck_phone_trouble check"
        " (trouble in ('landline', 'unreachable', 'not_in_service', 'blocks_us')) not valid"
    )
    op.add_column("conversation", sa.Column("chosen_patient_id", sa.Uuid(), nullable=True))
    op.add_column(
        "conversation", sa.Column("is_nobody", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column("conversation", sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True))
    # Rows are checked apart from the change, so that others read and write meanwhile.
    op.execute(
        "alter table conversation add constraint fk_conversation_practice_id_chosen_patient_id"
        " foreign key (practice_id, chosen_patient_id) references patient (practice_id, id) not valid"
    )
    op.execute(
        "alter table conversation add constraint ck_conversation_chosen_or_nobody"
        " check (not is_nobody or chosen_patient_id is null) not valid"
    )
    _set_actions(_actions() | NEW_ACTIONS)
    with op.get_context().autocommit_block():
        op.execute("alter table conversation validate constraint ck_conversation_chosen_or_nobody")
        op.execute(
            "alter table conversation validate constraint fk_conversation_practice_id_chosen_patient_id"
        )
        op.execute("alter table audit validate constraint ck_audit_action")
        op.execute("alter table phone validate constraint ck_phone_trouble_has_time")
        op.execute("alter table phone validate constraint ck_phone_trouble")
        op.create_index(
            "ix_conversation_chosen",
            "conversation",
            ["practice_id", "chosen_patient_id"],
            postgresql_where=sa.text("chosen_patient_id is not null"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    for constraint in ("ck_phone_trouble", "ck_phone_trouble_has_time"):
        op.drop_constraint(constraint, "phone")
    for column in ("trouble_at", "trouble"):
        op.drop_column("phone", column)
    op.drop_index("ix_conversation_chosen", "conversation")
    op.drop_constraint("ck_conversation_chosen_or_nobody", "conversation")
    op.drop_constraint("fk_conversation_practice_id_chosen_patient_id", "conversation")
    for column in ("chosen_at", "is_nobody", "chosen_patient_id"):
        op.drop_column("conversation", column)
    op.drop_table("patient_choice")
    op.execute("alter table audit disable trigger audit_is_append_only")
    listed = ", ".join(f"'{word}'" for word in sorted(NEW_ACTIONS))
    op.execute(f"update audit set action = 'patient_changed' where action in ({listed})")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - NEW_ACTIONS)
    op.execute("alter table audit validate constraint ck_audit_action")


def _actions() -> set[str]:
    """As the chain has made them so far."""
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_audit_action'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _set_actions(words: set[str]) -> None:
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute("alter table audit drop constraint ck_audit_action")
    op.execute(f"alter table audit add constraint ck_audit_action check (action in ({listed})) not valid")
