"""Tasks, who has them, their history, and stars."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "star",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("starred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_star_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "message_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_star_practice_id_message_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_star_practice_id")),
        sa.PrimaryKeyConstraint("member_id", "message_id", name=op.f("pk_star")),
    )
    op.create_index("ix_star_member", "star", ["member_id", "starred_at", "message_id"], unique=False)
    op.create_index("ix_star_message", "star", ["practice_id", "message_id"], unique=False)
    op.create_table(
        "task",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("message", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "assigned",
                "completed",
                "deleted",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("gathers", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("last_message_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state = 'assigned') = (owner_id is not null)", name=op.f("ck_task_assigned_has_owner")
        ),
        sa.CheckConstraint(
            "(state in ('pending', 'assigned')) = (closed_at is null)", name=op.f("ck_task_closed_has_time")
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_task_version")),
        sa.ForeignKeyConstraint(
            ["practice_id", "closed_by_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_task_practice_id_closed_by_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "conversation_id"],
            ["conversation.practice_id", "conversation.id"],
            name=op.f("fk_task_practice_id_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "facility_id"],
            ["facility.practice_id", "facility.id"],
            name=op.f("fk_task_practice_id_facility_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "last_message_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_task_practice_id_last_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "owner_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_task_practice_id_owner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "patient_id"],
            ["patient.practice_id", "patient.id"],
            name=op.f("fk_task_practice_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_task_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("practice_id", "id", name=op.f("uq_task_practice_id_id")),
    )
    op.create_index(
        "ix_task_closed",
        "task",
        ["practice_id", "state", "closed_at", "id"],
        unique=False,
        postgresql_where="state in ('completed', 'deleted')",
    )
    op.create_index("ix_task_conversation", "task", ["conversation_id", "opened_at"], unique=False)
    op.create_index(
        "ix_task_open",
        "task",
        ["practice_id", "waiting_since", "id"],
        unique=False,
        postgresql_where="state in ('pending', 'assigned')",
    )
    op.create_index(
        "ix_task_owner",
        "task",
        ["practice_id", "owner_id"],
        unique=False,
        postgresql_where="state in ('pending', 'assigned')",
    )
    op.create_index(
        "ix_task_unassigned",
        "task",
        ["practice_id", "waiting_since", "id"],
        unique=False,
        postgresql_where="state = 'pending'",
    )
    op.create_index(
        "uq_task_open",
        "task",
        ["conversation_id"],
        unique=True,
        postgresql_where="gathers and state in ('pending', 'assigned')",
    )
    op.create_table(
        "assignment",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_by_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ended_at is null or ended_at >= assigned_at", name=op.f("ck_assignment_ends_later")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_assignment_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "task_id"],
            ["task.practice_id", "task.id"],
            name=op.f("fk_assignment_practice_id_task_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_assignment_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index("ix_assignment_member", "assignment", ["member_id", "task_id"], unique=False)
    op.create_index(
        "ix_assignment_member_open",
        "assignment",
        ["member_id", "task_id"],
        unique=False,
        postgresql_where="ended_at is null",
    )
    op.create_index(
        "uq_assignment_open",
        "assignment",
        ["task_id", "member_id"],
        unique=True,
        postgresql_where="ended_at is null",
    )
    op.create_table(
        "assignment_explanation",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("task_version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("tried", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "task_id"],
            ["task.practice_id", "task.id"],
            name=op.f("fk_assignment_explanation_practice_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id"], ["practice.id"], name=op.f("fk_assignment_explanation_practice_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_explanation")),
    )
    op.create_index(
        "ix_assignment_explanation_task", "assignment_explanation", ["task_id", "task_version"], unique=False
    )
    op.create_table(
        "task_event",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "move",
            sa.Enum(
                "opened",
                "joined",
                "assign",
                "unassign",
                "complete",
                "delete",
                "reopen",
                "undo",
                name="move",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "from_state",
            sa.Enum(
                "pending",
                "assigned",
                "completed",
                "deleted",
                name="from_state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "to_state",
            sa.Enum(
                "pending",
                "assigned",
                "completed",
                "deleted",
                name="to_state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("assignees", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "member_id"],
            ["member.practice_id", "member.id"],
            name=op.f("fk_task_event_practice_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "task_id"],
            ["task.practice_id", "task.id"],
            name=op.f("fk_task_event_practice_id_task_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_task_event_practice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_event")),
        sa.UniqueConstraint(
            "practice_id", "task_id", "version", name=op.f("uq_task_event_practice_id_task_id_version")
        ),
    )
    op.create_index("ix_task_event_task", "task_event", ["task_id", "version"], unique=False)
    op.create_table(
        "task_message",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practice_id", "message_id"],
            ["message.practice_id", "message.id"],
            name=op.f("fk_task_message_practice_id_message_id"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "task_id"],
            ["task.practice_id", "task.id"],
            name=op.f("fk_task_message_practice_id_task_id"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("fk_task_message_practice_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_task_message")),
    )
    op.create_index("ix_task_message_task", "task_message", ["task_id"], unique=False)
    op.execute(
        """
        create function check_task_move() returns trigger language plpgsql as $$
        begin
          if old.state in ('completed', 'deleted') and new.state in ('completed', 'deleted')
             and old.state <> new.state then
            raise exception 'a task cannot go from % to %', old.state, new.state;
          end if;
          if new.version <= old.version then
            raise exception 'a task that moves needs a higher version';
          end if;
          return new;
        end $$
        """
    )
    op.execute(
        "create trigger task_move before update of state on task for each row"
        " when (old.state is distinct from new.state) execute function check_task_move()"
    )
    op.execute(
        """
        create function check_owner_is_assigned() returns trigger language plpgsql as $$
        begin
          if not exists (
            select 1 from task t where t.id = new.id and (t.state <> 'assigned' or exists (
              select 1 from assignment a
              where a.task_id = t.id and a.member_id = t.owner_id and a.ended_at is null))) then
            raise exception 'the owner of an assigned task is one of its assignees';
          end if;
          return null;
        end $$
        """
    )
    op.execute(
        "create constraint trigger task_owner_is_assigned after insert or update of state, owner_id on task"
        " deferrable initially deferred for each row when (new.state = 'assigned')"
        " execute function check_owner_is_assigned()"
    )


def downgrade() -> None:
    op.drop_index("ix_task_message_task", table_name="task_message")
    op.drop_table("task_message")
    op.drop_index("ix_task_event_task", table_name="task_event")
    op.drop_table("task_event")
    op.drop_index("ix_assignment_explanation_task", table_name="assignment_explanation")
    op.drop_table("assignment_explanation")
    op.drop_index("uq_assignment_open", table_name="assignment", postgresql_where="ended_at is null")
    op.drop_index("ix_assignment_member_open", table_name="assignment", postgresql_where="ended_at is null")
    op.drop_index("ix_assignment_member", table_name="assignment")
    op.drop_table("assignment")
    op.drop_index(
        "uq_task_open", table_name="task", postgresql_where="gathers and state in ('pending', 'assigned')"
    )
    op.drop_index("ix_task_unassigned", table_name="task", postgresql_where="state = 'pending'")
    op.drop_index("ix_task_owner", table_name="task", postgresql_where="state in ('pending', 'assigned')")
    op.drop_index("ix_task_open", table_name="task", postgresql_where="state in ('pending', 'assigned')")
    op.drop_index("ix_task_conversation", table_name="task")
    op.drop_index("ix_task_closed", table_name="task", postgresql_where="state in ('completed', 'deleted')")
    op.drop_table("task")
    op.drop_index("ix_star_message", table_name="star")
    op.drop_index("ix_star_member", table_name="star")
    op.drop_table("star")
    op.execute("drop function check_owner_is_assigned cascade")
    op.execute("drop function check_task_move cascade")
