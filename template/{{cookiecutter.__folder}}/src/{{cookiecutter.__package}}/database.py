"""The database: SQLite in a file, or PostgreSQL; and whether its tables are those that this release needs."""

import ast
import fcntl
import hashlib
import math
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Flask, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from . import NAME

if TYPE_CHECKING:
    # Not at run time: a worker needs Alembic only where its migrations say something unusual, and it takes 7 MiB.
    from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).with_name("migrations")
# Alembic's table of the migrations that a database has had.
VERSIONS = "alembic_version"
_NUMBER = re.compile(r"""^revision\b[^=\n]*=\s*(["'])(?P<number>.+?)\1""", re.MULTILINE)
# Seconds for which a migration waits for one that another process runs.
MIGRATION_WAIT = 60.0
# PostgreSQL's code for what is there already; and those for what others refer to, the second of `ON DELETE RESTRICT`.
UNIQUE_VIOLATION = "23505"
REFERENCE_VIOLATIONS = ("23503", "23001")
# Those that HTTP promises to change nothing.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Base(DeclarativeBase):
    """What the models have in common. Every constraint has a name, so that a migration can change it."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)


class DatabaseError(Exception):
    """The database can not be used; the message says why."""


def configure(app: Flask, url: sa.URL, timeout: float) -> None:
    """Use the database at URL; TIMEOUT in seconds, for a connection and for another's write. Nothing connects yet."""
    sqlite = url.get_backend_name() == "sqlite"
    waits = {"timeout": timeout} if sqlite else {"connect_timeout": math.ceil(timeout), "application_name": NAME}
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "connect_args": waits,
        "hide_parameters": True,  # What a client sent does not belong in a log.
        "pool_pre_ping": not sqlite,
        "pool_timeout": timeout,
    }
    db.init_app(app)
    if sqlite:
        with app.app_context():
            sa.event.listen(db.engine, "connect", partial(_set_up_sqlite, timeout))
            # Not as a listener: with one, SQLAlchemy looks for more of them at each step of each statement.
            db.engine.dialect.do_begin = _begin  # type: ignore[assignment,method-assign]
            sa.event.listen(db.engine, "checkin", _end)


def _set_up_sqlite(timeout: float, connection: sqlite3.Connection, _: Any) -> None:
    """Leave transactions to SQLAlchemy, where the driver would begin none before a CREATE TABLE."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    _write_ahead(connection, timeout)
    connection.execute("PRAGMA synchronous = NORMAL")


def _write_ahead(connection: sqlite3.Connection, timeout: float) -> None:
    """Keep a log of writes; SQLite waits for no other that turns this on in a new file: wait here, TIMEOUT seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - apart, so that two do not meet again and again


def _begin(connection: sa.PoolProxiedConnection) -> None:
    """Begin as a writer where the request may write: SQLite refuses at once who has read before another's write."""
    writes = has_request_context() and request.method not in SAFE_METHODS
    connection.dbapi_connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")  # type: ignore[union-attr]


def _end(connection: sqlite3.Connection | None, _: Any) -> None:
    """End what a commit that was refused leaves open: SQLAlchemy takes it for ended, and others would wait for it."""
    if connection and connection.in_transaction:
        connection.rollback()


@cache
def _script() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(MIGRATIONS))


@cache
def _order() -> dict[str, set[str]]:
    """The number of each migration with those that it follows; nothing if a file does not say so in plain words.

    Without Alembic, which would run the files.
    """
    order: dict[str, set[str]] = {}
    for path in (MIGRATIONS / "versions").glob("*.py"):
        if path.name == "__init__.py":
            continue
        try:
            says = _constants(ast.parse(path.read_bytes()))
            before = says["down_revision"] or ()
            order[says["revision"]] = {before} if isinstance(before, str) else set(before)
        except (SyntaxError, ValueError, KeyError, TypeError):
            return {}
    return order if order.keys() >= set().union(*order.values()) else {}


def _constants(module: ast.Module) -> dict[str, Any]:
    """What a migration says of itself: its number, and those that it follows."""
    said: dict[str, Any] = {}
    for statement in module.body:
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                if name in ("revision", "down_revision"):
                    said[name] = ast.literal_eval(value)
    return said


@cache
def _numbered_twice() -> str:
    """What is wrong if two migrations have one number, of which Alembic takes one without a word; else nothing."""
    files: dict[str, list[str]] = {}
    for path in sorted((MIGRATIONS / "versions").glob("*.py")):
        if found := _NUMBER.search(path.read_text("utf-8")):
            files.setdefault(found["number"], []).append(path.name)
    for number, names in files.items():
        if len(names) > 1:
            return f"{len(names)} migrations have the number {number} ({', '.join(names)}): give each its own"
    return ""


def head() -> str | None:
    """The newest migration of this release, None if it has none; DatabaseError if there is not one that all lead to."""
    if twice := _numbered_twice():
        raise DatabaseError(twice)
    newest = _order().keys() - set().union(*_order().values())
    if len(newest) == 1:
        return newest.pop()
    return alembic_head()


def alembic_head() -> str | None:
    """The same, by Alembic, which runs each migration's file for it: one that can not be run is told, too."""
    if twice := _numbered_twice():
        raise DatabaseError(twice)
    try:
        heads = _script().get_heads()
    except Exception as error:  # A migration is code, which may fail in any way.
        said = str(error).strip().splitlines() or [""]
        raise DatabaseError(f"the migrations can not be read: {type(error).__name__}: {said[0]}") from error
    if len(heads) > 1:
        newest = " and ".join(sorted(heads))
        raise DatabaseError(
            f"the migrations {newest} are both the newest: in the source, write one that joins them, with"
            f' `{NAME} db merge -m "join" heads`'
        )
    return heads[0] if heads else None


def why(error: sa.exc.SQLAlchemyError) -> str:
    """What the database said, in one line, without the statement."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    return f"the database can not be used: {said[0]}"


def is_duplicate(error: sa.exc.IntegrityError) -> bool:
    """Whether the database refused what is there already: by a unique constraint or a primary key."""
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
    return getattr(error.orig, "sqlstate", None) == UNIQUE_VIOLATION


def is_reference(error: sa.exc.IntegrityError) -> bool:
    """Whether the database refused what breaks a foreign key."""
    if isinstance(error.orig, sqlite3.Error):
        # SQLite carries out `ON DELETE RESTRICT` by a trigger.
        return error.orig.sqlite_errorcode in (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER)
    return getattr(error.orig, "sqlstate", None) in REFERENCE_VIOLATIONS


def revision() -> str | None:
    """The migration that the database is at, None if it has had none; DatabaseError if it can not be asked.

    Of a database at several, which have not been joined yet, all of them, with a comma between.
    """
    try:
        with db.engine.connect() as connection:
            if not sa.inspect(connection).has_table(VERSIONS):
                return None
            return ", ".join(sorted(connection.scalars(sa.text(f"SELECT version_num FROM {VERSIONS}")))) or None  # noqa: S608
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseError(why(error)) from error


def is_ahead(current: str | None) -> bool:
    """Whether a newer release has migrated the database: this one does not know a migration of CURRENT."""
    known = set(_order()) or {script.revision for script in _script().walk_revisions()}
    return current is not None and not known.issuperset(current.split(", "))


def require_current() -> str:
    """The migration that the database is at; DatabaseError if it lacks one that this release needs.

    A database that a newer release has migrated will do: releases run side by side while one takes over from the other,
    and the older one may be wanted back.
    """
    newest, current = head(), revision()
    if current != newest and not is_ahead(current):
        raise DatabaseError(f"the database is at migration {current}, not {newest}: run `{NAME} db upgrade`")
    return str(current)


@contextmanager
def migrating() -> Iterator[sa.Connection]:
    """A connection for a migration, while no other process migrates the same database."""
    lock = _sqlite_lock if db.engine.dialect.name == "sqlite" else _postgresql_lock
    with lock(), db.engine.connect() as connection:
        if db.engine.dialect.name == "sqlite":
            # A table is changed by making it anew, which must not take along the rows that refer to it.
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
            connection.detach()
        yield connection


@contextmanager
def _sqlite_lock() -> Iterator[None]:
    path = Path(f"{db.engine.url.database}.lock")
    deadline = time.monotonic() + MIGRATION_WAIT
    try:
        file = path.open("a")
    except OSError as error:
        raise DatabaseError(f"{path}: can not be written: {error.strerror}") from None
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DatabaseError(f"{path}: another migration has run for {MIGRATION_WAIT:.0f} s") from None
                time.sleep(0.05)
        yield


@contextmanager
def _postgresql_lock() -> Iterator[None]:
    key = int.from_bytes(hashlib.sha256(f"migrations of {NAME}".encode()).digest()[:8], signed=True)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # Closed in the end, and the lock with it, rather than put back into the pool.
        connection.execute(sa.text(f"SET lock_timeout = '{MIGRATION_WAIT:.0f}s'"))
        connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
        yield
