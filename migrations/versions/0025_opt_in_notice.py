"""The notice with the first text to a number, and what a consent says: its words, its categories, and who signed it."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NEW_ACTION = "consent_exported"


def upgrade() -> None:
    op.add_column(
        "practice", sa.Column("opt_in_notice_on", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.create_table(
        "opt_in_notice",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("with_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_opt_in_notice_practice_id")),
        *(
            sa.ForeignKeyConstraint(
                ["practice_id", column],
                [f"{table}.practice_id", f"{table}.id"],
                name=op.f(f"fk_opt_in_notice_practice_id_{column}"),
            )
            for column, table in (("message_id", "message"), ("phone_id", "phone"), ("with_id", "message"))
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_opt_in_notice")),
        sa.UniqueConstraint("phone_id", name=op.f("uq_opt_in_notice_phone_id")),
        sa.UniqueConstraint("with_id", name=op.f("uq_opt_in_notice_with_id")),
    )
    op.add_column("phone_use", sa.Column("consented_to", sa.ARRAY(sa.String()), nullable=True))
    for column in (
        sa.Column("wording", sa.String(), nullable=True),
        sa.Column("categories", sa.ARRAY(sa.String()), nullable=True),
        sa.Column("signed_by", sa.String(), nullable=True),
        sa.Column("signature", JSONB(), nullable=True),
    ):
        op.add_column("consent_event", column)
    _set_actions(_actions() | {NEW_ACTION})


def downgrade() -> None:
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute(f"update audit set action = 'consent_recorded' where action = '{NEW_ACTION}'")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - {NEW_ACTION})
    for column in ("signature", "signed_by", "categories", "wording"):
        op.drop_column("consent_event", column)
    op.drop_column("phone_use", "consented_to")
    op.drop_table("opt_in_notice")
    op.drop_column("practice", "opt_in_notice_on")


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
