"""Patients, who is texted about them, numbers and consent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create extension if not exists pg_trgm")
    op.create_table(
        "contact",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_contact_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_contact_practice_id_id")),
    )
    op.create_table(
        "phone",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("texting_on", sa.Boolean(), nullable=False),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opted_out_how", sa.String(), nullable=True),
        sa.Column("is_landline", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("number <> ''", name=op.f("ck_phone_number")),
        sa.CheckConstraint(
            "(opted_out_at is null) = (opted_out_how is null)", name=op.f("ck_phone_opted_out")
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_phone_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_phone_practice_id_id")),
        sa.UniqueConstraint("practice_id", "number", name=op.f("uq_phone_practice_id_number")),
    )
    op.create_table(
        "patient",
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("person", "animal", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("chart_number", sa.String(), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("species", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("alerts", sa.String(), nullable=True),
        sa.Column("texting_on", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind = 'animal' or species is null", name=op.f("ck_patient_species_of_animals")),
        sa.ForeignKeyConstraint(
            ["practice_id", "facility_id"],
            ["facility.practice_id", "facility.id"],
            name=op.f("fk_patient_practice_id_facility_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_patient_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("practice_id", "chart_number", name=op.f("uq_patient_practice_id_chart_number")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_patient_practice_id_id")),
    )
    op.create_index("ix_patient_facility", "patient", ["practice_id", "facility_id"], unique=False)
    op.create_index(
        "ix_patient_name_key_words",
        "patient",
        ["name_key"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_patient_practice_id_name_key", "patient", ["practice_id", "name_key", "id"], unique=False
    )
    op.create_table(
        "care_team_member",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_care_team_member_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_care_team_member_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_care_team_member_practice_id")
        ),
        sa.PrimaryKeyConstraint("patient_id", "member_id", name=op.f("pk_care_team_member")),
    )
    op.create_index(
        "ix_care_team_member_member", "care_team_member", ["practice_id", "member_id"], unique=False
    )
    op.create_index(
        "uq_care_team_member_primary",
        "care_team_member",
        ["patient_id"],
        unique=True,
        postgresql_where="is_primary",
    )
    op.create_table(
        "consent_event",
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "stop",
                "start",
                "help",
                "recorded",
                "wrote_first",
                "carrier_blocked",
                "switched_off",
                "switched_on",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_consent_event_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_consent_event_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "phone_id"],
            ["phone.practice_id", "phone.id"],
            name=op.f("fk_consent_event_practice_id_phone_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_consent_event_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_event")),
    )
    op.create_index(
        "ix_consent_event_phone", "consent_event", ["practice_id", "phone_id", "at"], unique=False
    )
    op.create_table(
        "enrolment",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_enrolment_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "program_id"],
            ["program.practice_id", "program.id"],
            name=op.f("fk_enrolment_practice_id_program_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_enrolment_practice_id")),
        sa.PrimaryKeyConstraint("patient_id", "program_id", name=op.f("pk_enrolment")),
    )
    op.create_index("ix_enrolment_program", "enrolment", ["practice_id", "program_id"], unique=False)
    op.create_table(
        "patient_contact",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["practice_id", "contact_id"],
            ["contact.practice_id", "contact.id"],
            name=op.f("fk_patient_contact_practice_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_patient_contact_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_patient_contact_practice_id")
        ),
        sa.PrimaryKeyConstraint("patient_id", "contact_id", name=op.f("pk_patient_contact")),
    )
    op.create_index(
        "ix_patient_contact_contact", "patient_contact", ["practice_id", "contact_id"], unique=False
    )
    op.create_table(
        "phone_use",
        sa.Column("phone_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consented_how", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(consented_at is null) = (consented_how is null)", name=op.f("ck_phone_use_consent")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "contact_id"],
            ["contact.practice_id", "contact.id"],
            name=op.f("fk_phone_use_practice_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_phone_use_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "phone_id"],
            ["phone.practice_id", "phone.id"],
            name=op.f("fk_phone_use_practice_id_phone_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_phone_use_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_use")),
        sa.UniqueConstraint(
            "phone_id",
            "patient_id",
            "contact_id",
            name=op.f("uq_phone_use_phone_id_patient_id_contact_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_phone_use_patient", "phone_use", ["practice_id", "patient_id"], unique=False)
    op.create_index("ix_phone_use_phone", "phone_use", ["practice_id", "phone_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_phone_use_phone", table_name="phone_use")
    op.drop_index("ix_phone_use_patient", table_name="phone_use")
    op.drop_table("phone_use")
    op.drop_index("ix_patient_contact_contact", table_name="patient_contact")
    op.drop_table("patient_contact")
    op.drop_index("ix_enrolment_program", table_name="enrolment")
    op.drop_table("enrolment")
    op.drop_index("ix_consent_event_phone", table_name="consent_event")
    op.drop_table("consent_event")
    op.drop_index("uq_care_team_member_primary", table_name="care_team_member", postgresql_where="is_primary")
    op.drop_index("ix_care_team_member_member", table_name="care_team_member")
    op.drop_table("care_team_member")
    op.drop_index("ix_patient_practice_id_name_key", table_name="patient")
    op.drop_index(
        "ix_patient_name_key_words",
        table_name="patient",
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    )
    op.drop_index("ix_patient_facility", table_name="patient")
    op.drop_table("patient")
    op.drop_table("phone")
    op.drop_table("contact")
