"""Importing patients: the file in pieces, where an import stands, and what each row led to."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ACTIONS = {"patients_imported"}
# Who removes a patient or a contact has to see that nothing speaks of them.
INDEXES = {
    "ix_consent_event_patient": ("consent_event", "patient_id"),
    "ix_phone_use_contact": ("phone_use", "contact_id"),
}


def upgrade() -> None:
    # First, and made while texts come in: what a try that was broken off has left is of no use.
    with op.get_context().autocommit_block():
        _drop_indexes()
        for name, (table, column) in INDEXES.items():
            op.create_index(
                name,
                table,
                ["practice_id", column],
                postgresql_where=f"{column} is not null",
                postgresql_concurrently=True,
            )
    _set_actions(_actions() | ACTIONS)
    op.create_table(
        "import_run",
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column(
            "format",
            sa.Enum(
                "csv", "bundle", "ndjson", name="format", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "checking",
                "checked",
                "running",
                "stopped",
                "done",
                "failed",
                "undoing",
                "undone",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("delimiter", sa.String(), nullable=False),
        sa.Column(
            "date_order",
            sa.Enum("mdy", "dmy", name="date_order", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("read_bytes", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("noted", sa.Integer(), nullable=False),
        sa.Column("not_kept", sa.Integer(), nullable=False),
        sa.Column("passed_over", sa.Integer(), nullable=False),
        sa.Column("undone", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("has_file", sa.Boolean(), nullable=False),
        sa.Column("has_rows", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pass_began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pass_began_place", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("size between 1 and 67108864", name=op.f("ck_import_run_size")),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_import_run_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_import_run_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_import_run_practice_id_id")),
    )
    op.create_index(
        "ix_import_run_at_work",
        "import_run",
        ["lease_until"],
        unique=False,
        postgresql_where="state in ('checking', 'running', 'undoing')",
    )
    op.create_index("ix_import_run_practice_id", "import_run", ["practice_id", "id"], unique=False)
    op.create_table(
        "import_piece",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "run_id"],
            ["import_run.practice_id", "import_run.id"],
            name=op.f("fk_import_piece_practice_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_import_piece_practice_id")),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_import_piece")),
    )
    op.create_table(
        "import_row",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("is_trial", sa.Boolean(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "made",
                "changed",
                "unchanged",
                "refused",
                "seen",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("chart_number", sa.String(), nullable=True),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("second_reference", sa.String(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("former", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "undo",
            sa.Enum("undone", "kept", name="undo", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("undo_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["practice_id", "run_id"],
            ["import_run.practice_id", "import_run.id"],
            name=op.f("fk_import_row_practice_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_import_row_practice_id")),
        sa.PrimaryKeyConstraint("run_id", "is_trial", "place", name=op.f("pk_import_row")),
    )
    op.create_index(
        "ix_import_row_chart_number", "import_row", ["run_id", "is_trial", "chart_number"], unique=False
    )
    op.create_index(
        "ix_import_row_kept",
        "import_row",
        ["run_id", "place"],
        unique=False,
        postgresql_where="undo = 'kept'",
    )
    op.create_index(
        "ix_import_row_reference",
        "import_row",
        ["run_id", "is_trial", "reference"],
        unique=False,
        postgresql_where="reference is not null",
    )
    op.create_index(
        "ix_import_row_second_reference",
        "import_row",
        ["run_id", "is_trial", "second_reference"],
        unique=False,
        postgresql_where="second_reference is not null",
    )
    op.create_index(
        "ix_import_row_told",
        "import_row",
        ["run_id", "is_trial", "place"],
        unique=False,
        postgresql_where="reason is not null",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_indexes()
    for table in ("import_row", "import_piece", "import_run"):
        op.drop_table(table)
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute("update audit set action = 'settings_changed' where action = 'patients_imported'")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - ACTIONS)


def _drop_indexes() -> None:
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)


def _actions() -> set[str]:
    """As the chain has made them so far."""
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_audit_action'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _set_actions(words: set[str]) -> None:
    """Rows are checked in a second step, which lets others read and write meanwhile."""
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute("alter table audit drop constraint ck_audit_action")
    op.execute(f"alter table audit add constraint ck_audit_action check (action in ({listed})) not valid")
    op.execute("alter table audit validate constraint ck_audit_action")
