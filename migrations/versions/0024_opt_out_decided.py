"""What a member said that a text meant stands in the audit trail."""

import re

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

NEW_ACTION = "opt_out_decided"


def upgrade() -> None:
    _set_actions(_actions() | {NEW_ACTION})


def downgrade() -> None:
    op.execute("alter table audit disable trigger audit_is_append_only")
    op.execute(f"update audit set action = 'patient_changed' where action = '{NEW_ACTION}'")
    op.execute("alter table audit enable trigger audit_is_append_only")
    _set_actions(_actions() - {NEW_ACTION})


def _actions() -> set[str]:
    """As the chain has made them so far."""
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_audit_action'"
    return set(re.findall(r"'([a-z_]+)'", op.get_bind().exec_driver_sql(query).scalar_one()))


def _set_actions(words: set[str]) -> None:
    """Rows are checked apart from the change, so that others read and write meanwhile."""
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute("alter table audit drop constraint ck_audit_action")
    op.execute(f"alter table audit add constraint ck_audit_action check (action in ({listed})) not valid")
    with op.get_context().autocommit_block():
        op.execute("alter table audit validate constraint ck_audit_action")
