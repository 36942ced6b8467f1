"""Opening hours, languages and quiet hours; and which automatic answer was given to which text."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NEW_ACTION = "patient_changed"


def upgrade() -> None:
    op.add_column("practice", sa.Column("opening_hours", JSONB(), nullable=True))
    op.add_column(
        "practice", sa.Column("closed_reply_on", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "practice", sa.Column("languages", sa.ARRAY(sa.String()), nullable=False, server_default="{en}")
    )
    op.create_check_constraint(op.f("ck_practice_languages"), "practice", "cardinality(languages) > 0")
    op.add_column("member", sa.Column("quiet_from", sa.Time(), nullable=True))
    op.add_column("member", sa.Column("quiet_until", sa.Time(), nullable=True))
    op.create_check_constraint(
        op.f("ck_member_quiet"), "member", "(quiet_from is null) = (quiet_until is null)"
    )
    op.add_column("practice_text", sa.Column("language", sa.String(), nullable=False, server_default=""))
    _key_texts_by("practice_id", "name", "language")
    op.create_table(
        "automatic_answer",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("answers_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_automatic_answer_practice_id")
        ),
        *(
            sa.ForeignKeyConstraint(
                ["practice_id", column],
                [f"{table}.practice_id", f"{table}.id"],
                name=op.f(f"fk_automatic_answer_practice_id_{column}"),
            )
            for column, table in (("message_id", "message"), ("phone_id", "phone"), ("answers_id", "message"))
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_automatic_answer")),
        sa.UniqueConstraint("answers_id", name=op.f("uq_automatic_answer_answers_id")),
    )
    op.create_index("ix_automatic_answer_phone", "automatic_answer", ["phone_id", "at"])
    _set_actions(_actions() | {NEW_ACTION})


def downgrade() -> None:
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute(f"update audit set action = 'number_switched' where action = '{NEW_ACTION}'")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - {NEW_ACTION})
    op.drop_table("automatic_answer")
    op.execute("delete from practice_text where language <> ''")
    _key_texts_by("practice_id", "name")
    op.drop_column("practice_text", "language")
    op.drop_constraint(op.f("ck_member_quiet"), "member")
    op.drop_column("member", "quiet_until")
    op.drop_column("member", "quiet_from")
    op.drop_constraint(op.f("ck_practice_languages"), "practice")
    op.drop_column("practice", "languages")
    op.drop_column("practice", "closed_reply_on")
    op.drop_column("practice", "opening_hours")


def _key_texts_by(*columns: str) -> None:
    op.drop_constraint(op.f("pk_practice_text"), "practice_text")
    op.create_primary_key(op.f("pk_practice_text"), "practice_text", list(columns))


def _actions() -> set[str]:
    """As the chain has made them so far."""
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_audit_action'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _set_actions(words: set[str]) -> None:
    """Last of all, and rows are checked apart from the change, so that others read and write meanwhile."""
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute("alter table audit drop constraint ck_audit_action")
    op.execute(f"alter table audit add constraint ck_audit_action check (action in ({listed})) not valid")
    with op.get_context().autocommit_block():
        op.execute("alter table audit validate constraint ck_audit_action")
