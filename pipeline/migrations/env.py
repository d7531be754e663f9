"""How alembic runs the migrations: on the connection, and in the transaction, that it was handed.

Names of constraints are written out in the migrations, so no metadata with a naming convention is passed.
"""

from __future__ import annotations

from alembic import context


def run() -> None:
    """Run them on ``config.attributes["connection"]``."""
    context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


# alembic executes this file under the name "env_py"; anything else merely imports it.
if __name__ == "env_py":
    run()
