"""Former places in care teams, followers, which unread is shown, and reminders of what nobody has opened."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

NEW_ACTIONS = ("care_team_changed", "following_changed")
WISHES = ("none", "mine", "all")


def upgrade() -> None:
    op.create_table(
        "former_care_team_member",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("was_primary", sa.Boolean(), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=True),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "since_on is null or since_on <= until_on", name=op.f("ck_former_care_team_member_until_on")
        ),
        *_of_practice(
            "former_care_team_member", patient_id="patient", member_id="member", ended_by_id="member"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_care_team_member")),
    )
    op.create_index(
        "ix_former_care_team_member_patient", "former_care_team_member", ["practice_id", "patient_id"]
    )
    op.create_table(
        "patient_follower",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        *_of_practice("patient_follower", patient_id="patient", member_id="member"),
        sa.PrimaryKeyConstraint("patient_id", "member_id", name=op.f("pk_patient_follower")),
    )
    op.create_index(
        "ix_patient_follower_member",
        "patient_follower",
        ["practice_id", "member_id"],
        postgresql_where=sa.text("is_on"),
    )
    op.create_table(
        "unread_reminder",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False),
        *_of_practice("unread_reminder", member_id="member", conversation_id="conversation"),
        sa.PrimaryKeyConstraint("member_id", "conversation_id", name=op.f("pk_unread_reminder")),
    )
    op.create_index("ix_unread_reminder_conversation", "unread_reminder", ["practice_id", "conversation_id"])
    op.add_column(
        "member", sa.Column("notify_unread", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    badge = sa.Enum(
        "shared", "member", "both", name="unread_badge", native_enum=False, create_constraint=True, length=32
    )
    op.add_column("practice", sa.Column("unread_badge", badge, nullable=False, server_default="shared"))
    _words({*WISHES, "patients"}, _actions() | set(NEW_ACTIONS))


def downgrade() -> None:
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute(
        "update audit set action = 'patient_changed' where action in ('care_team_changed', 'following_changed')"
    )
    op.execute("alter table audit enable trigger audit_is_append_only")
    for column in ("notify_sound", "notify_popup"):
        op.execute(f"update member set {column} = 'mine' where {column} = 'patients'")
    op.drop_column("practice", "unread_badge")
    op.drop_column("member", "notify_unread")
    op.drop_table("unread_reminder")
    op.drop_table("patient_follower")
    op.drop_table("former_care_team_member")
    _words(set(WISHES), _actions() - set(NEW_ACTIONS))


def _of_practice(table: str, **references: str) -> list[sa.schema.SchemaItem]:
    """References that stay inside the practice."""
    own = sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f(f"fk_{table}_practice_id"))
    return [
        own,
        *(
            sa.ForeignKeyConstraint(
                ["practice_id", column],
                [f"{target}.practice_id", f"{target}.id"],
                name=op.f(f"fk_{table}_practice_id_{column}"),
            )
            for column, target in references.items()
        ),
    ]


def _actions() -> set[str]:
    """As the chain has made them so far."""
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_audit_action'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _words(wishes: set[str], actions: set[str]) -> None:
    """Last of all, and rows are checked apart from the change, so that others read and write meanwhile."""
    columns = (
        ("member", "ck_member_notify_sound", "notify_sound", wishes),
        ("member", "ck_member_notify_popup", "notify_popup", wishes),
        ("audit", "ck_audit_action", "action", actions),
    )
    for table, name, column, words in columns:
        listed = ", ".join(f"'{word}'" for word in sorted(words))
        op.execute(f"alter table {table} drop constraint {name}")
        op.execute(f"alter table {table} add constraint {name} check ({column} in ({listed})) not valid")
    with op.get_context().autocommit_block():
        for table, name, _, _ in columns:
            op.execute(f"alter table {table} validate constraint {name}")
