"""Which sound a member hears when a message arrives."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TUNES = sa.Enum("chime", "drop", "knock", name="notify_tune", native_enum=False, length=32)


def upgrade() -> None:
    # With its default a new column costs no rewrite; the check is told apart from reading the rows.
    op.add_column("member", sa.Column("notify_tune", TUNES, server_default="chime", nullable=False))
    op.execute(
        "alter table member add constraint ck_member_notify_tune"
        " check (notify_tune in ('chime', 'drop', 'knock')) not valid"
    )
    op.execute("alter table member validate constraint ck_member_notify_tune")


def downgrade() -> None:
    op.drop_column("member", "notify_tune")
