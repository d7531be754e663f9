"""How alembic runs the migrations: on the connection, and in the transaction, that it was handed."""

from __future__ import annotations

from alembic import context

from pipeline.ledger import tables, warning_tables
from pipeline.ledger.metadata import metadata

_ = (tables, warning_tables)


def run() -> None:
    """Run them on ``config.attributes["connection"]``."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


# alembic executes this file under the name "env_py"; anything else merely imports it.
if __name__ == "env_py":
    run()
