"""Which conversations have a text that was tried: it holds back the ones after it."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TRIED = "state = 'new' and attempts > 0"
LEASED = "state = 'new' and lease_until is not null"


def upgrade() -> None:
    _replace("ix_inbound_leased", "ix_inbound_tried", TRIED)


def downgrade() -> None:
    _replace("ix_inbound_tried", "ix_inbound_leased", LEASED)


def _replace(old: str, new: str, where: str) -> None:
    with op.get_context().autocommit_block():
        # What a try that was broken off has left is of no use.
        op.drop_index(new, table_name="inbound", postgresql_concurrently=True, if_exists=True)
        op.create_index(
            new, "inbound", ["conversation_key"], postgresql_where=where, postgresql_concurrently=True
        )
        op.drop_index(old, table_name="inbound", postgresql_concurrently=True, if_exists=True)
