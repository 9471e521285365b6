"""How Alembic runs the migrations: in one transaction, and never twice at once."""

from alembic import context
from alembic.util import CommandError
from flask import current_app

from {{ cookiecutter.__package }}.database import db, migrating

if context.is_offline_mode():
    raise CommandError("--sql is not supported: the migrations look at the database that they change")

with migrating() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        transactional_ddl=True,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()
