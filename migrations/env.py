"""Run the migrations: one chain, each step short, never waiting long for a lock on a live table."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from triage.domain import tables

CONFIG = context.config


def run() -> None:
    engine = create_engine(CONFIG.get_main_option("sqlalchemy.url", ""), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("set lock_timeout = '4s'"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=tables.metadata, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()


run()
