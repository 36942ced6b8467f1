"""Who is texted has confirmed who they are; what a text is for, since that is asked again when it leaves."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

STATES = ("not_started", "pending", "failed", "enabled")
PURPOSES = ("reply", "care", "reminder", "notice", "verification", "code", "opt_out_confirmation")
NOTICES = ("none", "mine", "all")
NEW_KINDS = {
    "verification_asked",
    "wrong_birth_date",
    "unreadable_birth_date",
    "verified",
    "verification_failed",
}
NEW_ACTION = "verification_changed"


def upgrade() -> None:
    _add_words("phone_use", "verification", STATES)
    for column in ("verified_since", "asked_at"):
        op.add_column("phone_use", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.add_column("phone_use", sa.Column("asked_by_id", sa.Uuid(), nullable=True))
    for column in ("wrong_dates", "unreadable_dates"):
        op.add_column("phone_use", sa.Column(column, sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "practice", sa.Column("verification_on", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _add_words("member", "notify_verification", NOTICES, default="mine")
    _add_words("outbound_text", "purpose", PURPOSES)
    # What nobody wrote and has not left yet.
    op.execute(
        "update outbound_text o set purpose = 'notice' from message m"
        " where m.id = o.message_id and m.is_automatic and o.state <> 'sent' and o.state <> 'failed'"
    )
    _check("phone_use", "verified_since", "(verification = 'not_started') = (verified_since is null)")
    _check("phone_use", "wrong_dates", "verification <> 'pending' or wrong_dates < 3")
    op.execute(
        "alter table phone_use add constraint fk_phone_use_practice_id_asked_by_id"
        " foreign key (practice_id, asked_by_id) references member (practice_id, id) not valid"
    )
    _set_words("consent_event", "kind", _words("consent_event", "kind") | NEW_KINDS)
    _set_words("audit", "action", _words("audit", "action") | {NEW_ACTION})
    with op.get_context().autocommit_block():
        for table, name in (
            ("phone_use", "fk_phone_use_practice_id_asked_by_id"),
            ("phone_use", "ck_phone_use_verification"),
            ("phone_use", "ck_phone_use_verified_since"),
            ("phone_use", "ck_phone_use_wrong_dates"),
            ("member", "ck_member_notify_verification"),
            ("outbound_text", "ck_outbound_text_purpose"),
            ("consent_event", "ck_consent_event_kind"),
            ("audit", "ck_audit_action"),
        ):
            op.execute(f"alter table {table} validate constraint {name}")
        # What a try that was broken off has left is of no use.
        op.drop_index(
            "ix_phone_use_pending", table_name="phone_use", postgresql_concurrently=True, if_exists=True
        )
        op.create_index(
            "ix_phone_use_pending",
            "phone_use",
            ["verified_since"],
            postgresql_where="verification = 'pending'",
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("ix_phone_use_pending", table_name="phone_use")
    for column in (
        "verification",
        "verified_since",
        "asked_at",
        "asked_by_id",
        "wrong_dates",
        "unreadable_dates",
    ):
        op.drop_column("phone_use", column)
    op.drop_column("practice", "verification_on")
    op.drop_column("member", "notify_verification")
    op.drop_column("outbound_text", "purpose")
    # Both tables are only ever added to; going back is the one time that words are taken from them.
    op.execute("alter table consent_event disable trigger consent_event_is_append_only")
    kinds = ", ".join(f"'{kind}'" for kind in sorted(NEW_KINDS))
    op.execute(f"delete from consent_event where kind in ({kinds}) and inbound_id is null")
    # What says why a text has no task stays, as the one word that changes nobody's consent.
    op.execute(f"update consent_event set kind = 'help' where kind in ({kinds})")
    op.execute("alter table consent_event enable trigger consent_event_is_append_only")
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute(f"update audit set action = 'patient_changed' where action = '{NEW_ACTION}'")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_words("consent_event", "kind", _words("consent_event", "kind") - NEW_KINDS)
    _set_words("audit", "action", _words("audit", "action") - {NEW_ACTION})


def _add_words(table: str, column: str, words: tuple[str, ...], *, default: str | None = None) -> None:
    """With its default a new column costs no rewrite; rows are checked apart from the change."""
    given = default or words[0]
    op.add_column(table, sa.Column(column, sa.String(length=32), nullable=False, server_default=given))
    listed = ", ".join(f"'{word}'" for word in words)
    _check(table, column, f"{column} in ({listed})")


def _check(table: str, name: str, rule: str) -> None:
    op.execute(f"alter table {table} add constraint ck_{table}_{name} check ({rule}) not valid")


def _words(table: str, column: str) -> set[str]:
    """As the chain has made them so far."""
    query = f"select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_{table}_{column}'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _set_words(table: str, column: str, words: set[str]) -> None:
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute(f"alter table {table} drop constraint ck_{table}_{column}")
    _check(table, column, f"{column} in ({listed})")
