"""The ledger under load: find the conversations that are being filed without looking at all that wait."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LEASED = "state = 'new' and lease_until is not null"


def upgrade() -> None:
    op.drop_index("ix_inbound_key", table_name="inbound")
    op.create_index("ix_inbound_leased", "inbound", ["conversation_key"], postgresql_where=LEASED)


def downgrade() -> None:
    op.drop_index("ix_inbound_leased", table_name="inbound")
    op.create_index("ix_inbound_key", "inbound", ["conversation_key"], postgresql_where="state = 'new'")
