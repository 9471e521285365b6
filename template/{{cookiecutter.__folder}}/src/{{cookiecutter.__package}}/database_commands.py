"""The commands below `db`: Flask-Migrate's, with those changed that must be safe at any time, on any node."""

import os
from collections.abc import Callable
from copy import copy
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
import flask_migrate  # type: ignore[import-untyped]
import sqlalchemy as sa
from flask import g
from flask.cli import with_appcontext
from flask_migrate import cli as flask_migrate_cli

from . import NAME, database
from .database import DatabaseError, db

migrate = flask_migrate.Migrate(db=db, directory=database.MIGRATIONS)

KEPT = ("current", "downgrade", "heads", "history", "merge", "migrate", "revision", "show", "stamp")

P = ParamSpec("P")


def _one_message(command: Callable[P, None]) -> Callable[P, None]:
    """The database's failure as a message, where Flask-Migrate shows a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except DatabaseError as error:
            raise click.ClickException(str(error)) from None
        except sa.exc.SQLAlchemyError as error:
            raise click.ClickException(str(getattr(error, "orig", None) or error).strip()) from None

    return wrapped


@click.group("db")
@with_appcontext
def commands() -> None:
    """Look after the tables of the database."""
    # Flask-Migrate's commands find these here; their own group would take them from its options.
    g.directory, g.x_arg = None, ()


for _name in KEPT:
    _command = copy(flask_migrate_cli.db.commands[_name])
    _command.callback = _one_message(_command.callback)
    commands.add_command(_command)


@commands.command()
@click.argument("revision", default="head")
@with_appcontext
@_one_message
def upgrade(revision: str) -> None:
    """Bring the tables to REVISION, by default the newest.

    Run twice at once, by two nodes or two processes, one waits for the other and finds nothing left to do. A database
    that a newer release has migrated is left as it is.
    """
    _refuse_other_user()
    if revision == "head":
        database.alembic_head()
    before = database.revision()
    if database.is_ahead(before):
        click.echo(f"at {before}, which a newer release brought: left as it is")
        return
    flask_migrate.upgrade(revision=revision)
    after = database.revision()
    click.echo(f"at {after}, as before" if after == before else f"at {after}; was at {before}")


@commands.command()
@with_appcontext
@_one_message
def check() -> None:
    """Say whether the tables are as this release needs them; the exit status is 1 if not."""
    database.alembic_head()
    click.echo(f"at {database.require_current()}")


def _refuse_other_user() -> None:
    """Don't let root make a SQLite file that the service's own user can not write."""
    if db.engine.dialect.name != "sqlite" or os.geteuid() != 0:
        return
    directory = Path(str(db.engine.url.database)).parent
    if directory.is_dir() and (owner := directory.owner()) != "root":
        raise DatabaseError(f"{directory} is {owner}'s: run `runuser -u {owner} -- {NAME} db upgrade`")
