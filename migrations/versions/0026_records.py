"""Records of patients: how they want to be reached, who may see birth dates and the trail, and merged records."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

NEW_ACTIONS = {"patient_added", "birth_date_shown", "patients_merged", "merge_undone"}
OF_PATIENTS = "patient_id is not null"


def upgrade() -> None:
    # First, and made while people work: what a try that was broken off has left is of no use.
    with op.get_context().autocommit_block():
        _drop_index()
        op.create_index(
            "ix_audit_patient",
            "audit",
            ["practice_id", "patient_id", "at"],
            postgresql_where=OF_PATIENTS,
            postgresql_concurrently=True,
        )
    _add_columns()
    op.create_table(
        "patient_merge",
        sa.Column("kept_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("moved", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kept_id <> merged_id", name=op.f("ck_patient_merge_two_records")),
        sa.CheckConstraint(
            "(undone_at is null) = (undone_by_id is null)", name=op.f("ck_patient_merge_undone")
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_patient_merge_practice_id")),
        *(
            sa.ForeignKeyConstraint(
                ["practice_id", column],
                [f"{table}.practice_id", f"{table}.id"],
                name=op.f(f"fk_patient_merge_practice_id_{column}"),
            )
            for column, table in (
                ("kept_id", "patient"),
                ("merged_id", "patient"),
                ("member_id", "member"),
                ("undone_by_id", "member"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_merge")),
    )
    op.create_index("ix_patient_merge_kept", "patient_merge", ["practice_id", "kept_id"])
    op.create_index(
        "uq_patient_merge_merged",
        "patient_merge",
        ["merged_id"],
        unique=True,
        postgresql_where="undone_at is null",
    )
    _set_actions(_actions() | NEW_ACTIONS)


def _add_columns() -> None:
    op.add_column("patient", sa.Column("time_zone", sa.String(), nullable=True))
    prefers = sa.Enum("text", "phone", name="prefers", native_enum=False, create_constraint=True, length=32)
    op.add_column("patient", sa.Column("prefers", prefers, nullable=True))
    op.add_column("patient", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_patient_practice_id_merged_into_id"),
        "patient",
        "patient",
        ["practice_id", "merged_into_id"],
        ["practice_id", "id"],
    )
    op.create_check_constraint(
        op.f("ck_patient_merged_is_archived"),
        "patient",
        "merged_into_id is null or archived_at is not null",
    )
    op.create_index(
        "ix_patient_merged_into",
        "patient",
        ["practice_id", "merged_into_id"],
        postgresql_where="merged_into_id is not null",
    )
    for name in ("audit", "birth_dates_masked"):
        op.add_column("role", sa.Column(name, sa.Boolean(), nullable=False, server_default="false"))
    # Who administers people sees who looked at what.
    op.execute("update role set audit = members")


def downgrade() -> None:
    op.execute("alter table audit disable trigger audit_is_append_only")
    words = ", ".join(f"'{word}'" for word in sorted(NEW_ACTIONS))
    op.execute(f"update audit set action = 'patient_changed' where action in ({words})")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - NEW_ACTIONS)
    op.drop_table("patient_merge")
    for name in ("birth_dates_masked", "audit"):
        op.drop_column("role", name)
    op.drop_index("ix_patient_merged_into", table_name="patient")
    op.drop_constraint(op.f("ck_patient_merged_is_archived"), "patient")
    op.drop_constraint(op.f("fk_patient_practice_id_merged_into_id"), "patient")
    for name in ("merged_into_id", "prefers", "time_zone"):
        op.drop_column("patient", name)
    with op.get_context().autocommit_block():
        _drop_index()


def _drop_index() -> None:
    op.drop_index("ix_audit_patient", table_name="audit", postgresql_concurrently=True, if_exists=True)


def _actions() -> set[str]:
    """As the chain has made them so far."""
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_audit_action'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _set_actions(words: set[str]) -> None:
    """Rows are checked apart from the change, so that others read and write meanwhile."""
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute("alter table audit drop constraint ck_audit_action")
    op.execute(f"alter table audit add constraint ck_audit_action check (action in ({listed})) not valid")
    with op.get_context().autocommit_block():
        op.execute("alter table audit validate constraint ck_audit_action")
