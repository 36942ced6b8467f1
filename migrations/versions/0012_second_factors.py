"""Second factors: apps, passkeys and codes on paper; how a session began; who must have one."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

HOW = ("password", "app", "recovery_code", "passkey", "letter")
POLICIES = ("offered", "settings", "everybody")
NEW_ACTION = "security_changed"


def upgrade() -> None:
    _words("how", "member_session", HOW, "password")
    op.add_column("member_session", sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("member", sa.Column("second_factor_at", sa.DateTime(timezone=True), nullable=True))
    _words("second_factor", "practice", POLICIES, "offered")
    op.create_table(
        "totp",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sealed", sa.String(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        *_of_member("totp"),
        sa.UniqueConstraint("practice_id", "member_id", name=op.f("uq_totp_practice_id_member_id")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        *_of_member("recovery_code"),
    )
    op.create_index("ix_recovery_code_member", "recovery_code", ["practice_id", "member_id"])
    op.create_table(
        "passkey",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        *_of_member("passkey"),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index("ix_passkey_member", "passkey", ["practice_id", "member_id"])
    _set_actions(_actions() | {NEW_ACTION})


def downgrade() -> None:
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute(f"update audit set action = 'member_changed' where action = '{NEW_ACTION}'")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - {NEW_ACTION})
    for table in ("passkey", "recovery_code", "totp"):
        op.drop_table(table)
    op.drop_column("practice", "second_factor")
    op.drop_column("member", "second_factor_at")
    op.drop_column("member_session", "proved_at")
    op.drop_column("member_session", "how")


def _words(column: str, table: str, words: tuple[str, ...], default: str) -> None:
    """The constant default spares rewriting the table, and lets the version before this one go on meanwhile."""
    kind = sa.Enum(*words, name=column, native_enum=False, create_constraint=False, length=32)
    op.add_column(table, sa.Column(column, kind, nullable=False, server_default=default))
    listed = ", ".join(f"'{word}'" for word in words)
    op.execute(
        f"alter table {table} add constraint ck_{table}_{column} check ({column} in ({listed})) not valid"
    )
    op.execute(f"alter table {table} validate constraint ck_{table}_{column}")


def _of_member(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f(f"fk_{table}_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f(f"fk_{table}_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


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
