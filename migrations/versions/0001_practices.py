"""Practices, their numbers, roles and members."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "practice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("human", "veterinary", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("carrier_account", sa.String(), nullable=True),
        sa.Column("carrier_token_sealed", sa.String(), nullable=True),
        sa.Column("carrier_next_token_sealed", sa.String(), nullable=True),
        sa.Column("texting_on", sa.Boolean(), nullable=False),
        sa.Column("assign_last_sender", sa.Boolean(), nullable=False),
        sa.Column("last_sender_days", sa.Integer(), nullable=False),
        sa.Column("assign_care_team", sa.Boolean(), nullable=False),
        sa.Column("reply_assigns", sa.Boolean(), nullable=False),
        sa.Column("task_per_message", sa.Boolean(), nullable=False),
        sa.Column("sign_texts", sa.Boolean(), nullable=False),
        sa.Column("overdue_after_minutes", sa.Integer(), nullable=False),
        sa.Column("idle_minutes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("idle_minutes between 5 and 60", name=op.f("ck_practice_idle_minutes")),
        sa.CheckConstraint("last_sender_days between 1 and 90", name=op.f("ck_practice_last_sender_days")),
        sa.CheckConstraint(
            "overdue_after_minutes between 5 and 10080", name=op.f("ck_practice_overdue_after_minutes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practice")),
        sa.UniqueConstraint("carrier_account", name=op.f("uq_practice_carrier_account")),
    )
    op.create_table(
        "facility",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_facility_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_facility_practice_id_id")),
        sa.UniqueConstraint("practice_id", "name", name=op.f("uq_facility_practice_id_name")),
    )
    op.create_table(
        "program",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_program_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_program_practice_id_id")),
        sa.UniqueConstraint("practice_id", "name", name=op.f("uq_program_practice_id_name")),
    )
    op.create_table(
        "role",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "messages",
            sa.Enum(
                "all",
                "assigned",
                "none",
                name="messages",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("dashboard", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Boolean(), nullable=False),
        sa.Column("members", sa.Boolean(), nullable=False),
        sa.Column("patients", sa.Boolean(), nullable=False),
        sa.Column("export", sa.Boolean(), nullable=False),
        sa.Column("purge", sa.Boolean(), nullable=False),
        sa.Column("own_facilities_only", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_role_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_role_practice_id_id")),
        sa.UniqueConstraint("practice_id", "name", name=op.f("uq_role_practice_id_name")),
    )
    op.create_table(
        "member",
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_away", sa.Boolean(), nullable=False),
        sa.Column("is_available_for_chat", sa.Boolean(), nullable=False),
        sa.Column(
            "theme",
            sa.Enum(
                "system", "light", "dark", name="theme", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "density",
            sa.Enum(
                "comfortable", "compact", name="density", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "notify_sound",
            sa.Enum(
                "none",
                "mine",
                "all",
                name="notify_sound",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "notify_popup",
            sa.Enum(
                "none",
                "mine",
                "all",
                name="notify_popup",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("single_keys", sa.Boolean(), nullable=False),
        sa.Column("enter_sends", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("login = lower(login)", name=op.f("ck_member_login")),
        sa.ForeignKeyConstraint(
            ["practice_id", "role_id"],
            ["role.practice_id", "role.id"],
            name=op.f("fk_member_practice_id_role_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_member_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("login", name=op.f("uq_member_login")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_member_practice_id_id")),
    )
    op.create_index("ix_member_role", "member", ["practice_id", "role_id"], unique=False)
    op.create_table(
        "practice_number",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column("reconciled_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("number ~ '^\\+[1-9][0-9]{6,14}$'", name=op.f("ck_practice_number_e164")),
        sa.ForeignKeyConstraint(
            ["practice_id", "facility_id"],
            ["facility.practice_id", "facility.id"],
            name=op.f("fk_practice_number_practice_id_facility_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_practice_number_practice_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practice_number")),
        sa.UniqueConstraint("number", name=op.f("uq_practice_number_number")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_practice_number_practice_id_id")),
    )
    op.create_index(
        "ix_practice_number_facility", "practice_number", ["practice_id", "facility_id"], unique=False
    )
    op.create_table(
        "member_facility",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "facility_id"],
            ["facility.practice_id", "facility.id"],
            name=op.f("fk_member_facility_practice_id_facility_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_member_facility_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_member_facility_practice_id")
        ),
        sa.PrimaryKeyConstraint("member_id", "facility_id", name=op.f("pk_member_facility")),
    )
    op.create_index(
        "ix_member_facility_facility", "member_facility", ["practice_id", "facility_id"], unique=False
    )
    op.create_table(
        "program_restriction",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_program_restriction_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "program_id"],
            ["program.practice_id", "program.id"],
            name=op.f("fk_program_restriction_practice_id_program_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_program_restriction_practice_id")
        ),
        sa.PrimaryKeyConstraint("member_id", "program_id", name=op.f("pk_program_restriction")),
    )
    op.create_index(
        "ix_program_restriction_program", "program_restriction", ["practice_id", "program_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_program_restriction_program", table_name="program_restriction")
    op.drop_table("program_restriction")
    op.drop_index("ix_member_facility_facility", table_name="member_facility")
    op.drop_table("member_facility")
    op.drop_index("ix_practice_number_facility", table_name="practice_number")
    op.drop_table("practice_number")
    op.drop_index("ix_member_role", table_name="member")
    op.drop_table("member")
    op.drop_table("role")
    op.drop_table("program")
    op.drop_table("facility")
    op.drop_table("practice")
