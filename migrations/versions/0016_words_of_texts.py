"""Indexes for the words of texts and for what a member did at one moment, made while texts come in."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WORDS = (
    "to_tsvector('simple'::regconfig, translate(lower(body),"
    " 'áàâäãåéèêëíìîïóòôöõúùûüñç', 'aaaaaaeeeeiiiiooooouuuunc'))"
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # What a try that was broken off has left is of no use.
        _drop()
        op.create_index(
            "ix_message_words",
            "message",
            [sa.literal_column(WORDS).label("words")],
            postgresql_using="gin",
            postgresql_concurrently=True,
        )
        op.create_index(
            "ix_task_event_member",
            "task_event",
            ["practice_id", "member_id", "at"],
            postgresql_where="member_id is not null",
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    for name, table in (("ix_task_event_member", "task_event"), ("ix_message_words", "message")):
        op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)
