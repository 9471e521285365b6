"""The tables follow the models, on SQLite and on PostgreSQL, however many bring them up to date at once."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic import util
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from flask import Flask
from werkzeug.test import TestResponse

from {{ cookiecutter.__package }} import NAME, database
from {{ cookiecutter.__package }}.application import create_app
from {{ cookiecutter.__package }}.database import db
from {{ cookiecutter.__package }}.database_commands import migrate
from {{ cookiecutter.__package }}.manage import cli
from {{ cookiecutter.__package }}.models import Category, Item
from {{ cookiecutter.__package }}.problems import Unsuited, unique, unreferenced

Site = Callable[[str], Path]
SCRIPT = ScriptDirectory(str(database.MIGRATIONS))
# The newest migration, whichever that is, and those before it: several if it joins them.
HEAD = SCRIPT.get_current_head()
BEFORE = util.to_list(SCRIPT.get_revision(HEAD).down_revision, default=[])


def _postgresql_programs() -> Path | None:
    """The folder of PostgreSQL's server, which Debian keeps off the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of the tests' own, without a network: an address in which DATABASE stands for the name."""
    programs = _postgresql_programs()
    if not programs:
        pytest.skip("PostgreSQL's server is not installed (apt install postgresql)")
    # It does not run as root; and it needs a short path for its socket.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        if user:
            shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            command = [programs / program, "-D", f"{folder}/data", *arguments]
            subprocess.run(command, user=user, cwd=folder, check=True, capture_output=True, timeout=60)

        run("initdb", "--username=tests", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        # Not through a pipe, which the server would keep open.
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start")
        yield f"postgresql://tests@/DATABASE?host={folder}"
        run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty database of each kind."""
    url = f"sqlite:///{tmp_path}/empty.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        admin = sa.create_engine(
            server.replace("postgresql:", "postgresql+psycopg:").replace("DATABASE", "postgres"),
            isolation_level="AUTOCOMMIT",
        )
        name = f"test{abs(hash(tmp_path))}"
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        admin.dispose()
        url = server.replace("DATABASE", name)
    site(f"[log]\nfile =\n[database]\nurl = {url}\n")
    app = create_app()
    migrate.init_app(app)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def tables() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}


def rows() -> dict[str, int]:
    """How many rows each table has."""
    counts = {name: sa.select(sa.func.count()).select_from(table) for name, table in db.metadata.tables.items()}
    with db.engine.connect() as connection:
        return {name: connection.scalar(count) for name, count in counts.items()}


def add_migration(folder: Path, name: str, upgrade: str) -> None:
    """Write a migration after the newest one, which does UPGRADE."""
    text = f"revision, down_revision = {name!r}, {HEAD!r}\n\ndef upgrade():\n    {upgrade}\n"
    (folder / "versions" / f"{name}.py").write_text(f"import sqlalchemy as sa\nfrom alembic import op\n{text}")


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, which the commands use instead of them."""
    copied = shutil.copytree(database.MIGRATIONS, tmp_path / "migrations")
    monkeypatch.setattr(migrate, "directory", str(copied))
    return copied


def test_models_and_migrations_agree(app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


def test_migrations_go_up_and_down_and_up_again(app: Flask) -> None:
    flask_migrate.upgrade()
    assert tables() == set(db.metadata.tables)
    fresh = rows()
    flask_migrate.downgrade(revision="base")
    assert tables() == set()
    flask_migrate.upgrade()
    assert tables() == set(db.metadata.tables)
    assert rows() == fresh


def test_a_fresh_service_answers_and_takes_new_items(app: Flask) -> None:
    flask_migrate.upgrade()
    client = app.test_client()
    added = client.post("/api/v1/items", json={"name": "lamp", "kind": "goods", "category": "general"})
    assert added.status_code == 201
    assert client.get(added.headers["Location"]).json["name"] == "lamp"
    assert client.get("{{ cookiecutter.__ready }}").status_code == 200


@pytest.mark.parametrize(("column", "value"), [("kind", "'other'"), ("category_id", "99"), ("name", "NULL")])
def test_the_database_itself_refuses_what_makes_no_sense(app: Flask, column: str, value: str) -> None:
    flask_migrate.upgrade()
    with pytest.raises(sa.exc.IntegrityError), db.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE items SET {column} = {value}"))


def test_the_model_refuses_a_kind_that_there_is_not(app: Flask) -> None:
    flask_migrate.upgrade()
    db.session.add(Item(name="lamp", kind="other", category=db.session.query(Category).first()))
    with pytest.raises(sa.exc.StatementError, match="other"):
        db.session.flush()


def test_what_is_there_already_is_a_conflict_and_no_other_refusal_is(app: Flask) -> None:
    flask_migrate.upgrade()
    with pytest.raises(Unsuited) as refused, unique("#/name", "There is one already."):
        db.session.add(Category(name="general"))
        db.session.flush()
    assert (refused.value.code, refused.value.members["errors"][0]["pointer"]) == (409, "#/name")
    db.session.rollback()
    with pytest.raises(sa.exc.IntegrityError), unique("#/name", "There is one already."):
        db.session.add(Category(name=None))
        db.session.flush()


@pytest.mark.parametrize("kind", ["", "ON DELETE RESTRICT", "DEFERRABLE INITIALLY DEFERRED"])
def test_an_item_that_others_refer_to_stays_and_its_removal_is_a_conflict(app: Flask, kind: str) -> None:
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE notes (item_id INTEGER NOT NULL REFERENCES items (id) {kind})"))
        connection.execute(sa.text("INSERT INTO notes VALUES (1)"))

    def ask(method: str) -> TestResponse:
        answer = app.test_client().open("/api/v1/items/1", method=method)
        db.session.remove()  # As the end of a request does that is not within a test's context.
        return answer

    refused = ask("DELETE")
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    assert refused.json["detail"] == "Something else refers to this item: it can be removed only after that."
    assert ask("GET").status_code == 200
    with db.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM notes"))
    assert ask("DELETE").status_code == 204


def test_no_other_refusal_passes_for_a_reference(app: Flask) -> None:
    flask_migrate.upgrade()
    with pytest.raises(sa.exc.IntegrityError), unreferenced("Something refers to it."):
        db.session.add(Category(name="general"))
        db.session.flush()


@pytest.mark.slow
def test_upgrades_at_once_wait_for_each_other(app: Flask) -> None:
    command = [sys.executable, "-c", "from {{ cookiecutter.__package }}.manage import cli; cli()", "db", "upgrade"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum(out.startswith(f"at {HEAD}") for out, _ in said) == 2, said
    after_both = rows()
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade()
    assert after_both == rows()


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_new_file_is_waited_for_while_another_process_sets_it_up(app: Flask, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "empty.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()
    try:
        assert database.revision() is None
    finally:
        timer.join()
        other.close()


def test_writes_at_once_wait_for_each_other(app: Flask) -> None:
    flask_migrate.upgrade()

    def add(number: int) -> int:
        values = {"name": f"lamp {number}", "kind": "goods", "category": "general"}
        return app.test_client().post("/api/v1/items", json=values).status_code

    with ThreadPoolExecutor(8) as threads:
        assert Counter(threads.map(add, range(80))) == {201: 80}


def test_a_write_that_waits_in_vain_for_another_is_to_be_tried_again_later(site: Site, tmp_path: Path) -> None:
    site(f"[log]\nfile =\n[database]\nurl = sqlite:///{tmp_path}/service.db\ntimeout = 0.1\n")
    app = create_app()
    migrate.init_app(app)
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
    values = {"name": "lamp", "kind": "goods", "category": "general"}
    with closing(sqlite3.connect(tmp_path / "service.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert app.test_client().post("/api/v1/items", json=values).status_code == 503
        assert app.test_client().get("/api/v1/items/1").status_code == 200
    assert app.test_client().post("/api/v1/items", json=values).status_code == 201


def test_an_upgrade_that_fails_leaves_no_half_of_it(app: Flask, migrations: Path) -> None:
    add_migration(migrations, "broken", "raise sa.exc.ProgrammingError('INSERT', {}, Exception('it broke'))")
    result = CliRunner().invoke(cli, ["db", "upgrade"])
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "Error: it broke"
    assert tables() == set()


def test_check_says_whether_the_tables_are_current(app: Flask) -> None:
    result = CliRunner().invoke(cli, ["db", "check"])
    assert result.exit_code == 1
    assert f"the database is at migration None, not {HEAD}: run `{NAME} db upgrade`" in result.output
    assert CliRunner().invoke(cli, ["db", "upgrade"]).output.splitlines()[-1] == f"at {HEAD}; was at None"
    assert CliRunner().invoke(cli, ["db", "check"]).exit_code == 0
    assert CliRunner().invoke(cli, ["db", "upgrade"]).output.splitlines()[-1] == f"at {HEAD}, as before"


@pytest.mark.parametrize(
    ("command", "after"),
    [
        (["heads"], [HEAD]),
        (["history"], [HEAD]),
        (["show"], [HEAD]),
        (["stamp", "base"], []),
        (["downgrade", *BEFORE[:1]], BEFORE),
    ],
    ids=["heads", "history", "show", "stamp", "downgrade"],
)
def test_the_commands_of_flask_migrate_know_the_migrations(app: Flask, command: list[str], after: list[str]) -> None:
    flask_migrate.upgrade()
    result = CliRunner().invoke(cli, ["db", *command])
    assert result.exit_code == 0, result.output
    with db.engine.connect() as connection:
        assert sorted(MigrationContext.configure(connection).get_current_heads()) == sorted(after)


@pytest.mark.slow
def test_current_says_where_the_tables_are(app: Flask) -> None:
    flask_migrate.upgrade()
    # Alembic prints to the terminal that it found when it was loaded.
    command = [sys.executable, "-c", "from {{ cookiecutter.__package }}.manage import cli; cli()", "db", "current"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode, result.stdout.count("\n")) == (0, 1), result.stdout + result.stderr
    assert result.stdout.startswith(f"{HEAD} (head)")


def test_a_changed_model_becomes_a_migration(app: Flask, migrations: Path) -> None:
    flask_migrate.upgrade()
    added = sa.Table("later", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    try:
        result = CliRunner().invoke(cli, ["db", "revision", "--autogenerate", "-m", "more", "--rev-id", "next"])
    finally:
        db.metadata.remove(added)
    assert result.exit_code == 0, result.output
    (written,) = (migrations / "versions").glob("next_*.py")
    assert "create_table('later'" in written.read_text().replace('"', "'")


def test_an_older_release_lives_with_the_tables_of_a_newer_one(app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'from_later'"))
    assert CliRunner().invoke(cli, ["db", "check"]).exit_code == 0
    assert "left as it is" in CliRunner().invoke(cli, ["db", "upgrade"]).output
    assert app.test_client().get("{{ cookiecutter.__ready }}").status_code == 200


def test_not_ready_before_the_migrations(app: Flask) -> None:
    answer = app.test_client().get("{{ cookiecutter.__ready }}")
    assert answer.status_code == 503
    assert answer.json["status"] == "not ready"
    assert f"`{NAME} db upgrade`" in answer.json["reason"]
    assert app.test_client().get("/api/v1/items/1").status_code in (500, 503)


@pytest.mark.parametrize(
    "url", ["sqlite:////absent/service.db", "postgresql://user:hunter2@127.0.0.1:9/service?connect_timeout=1"]
)
def test_an_unreachable_database_is_named_as_the_reason_and_its_password_is_not(
    site: Site, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site(f"[log]\nfile =\n[database]\nurl = {url}\ntimeout = 1\n")
    client = create_app().test_client()
    answer = client.get("{{ cookiecutter.__ready }}")
    assert answer.status_code == 503
    assert answer.json["reason"].startswith("the database can not be used: ")
    assert "hunter2" not in answer.text
    problem = client.get("/api/v1/items/1")
    assert problem.status_code == 503
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (failure,) = [line for line in lines if line["level"] == "error"]
    assert failure["message"].startswith("the database can not be used: ")
    assert failure["trace_id"] == problem.json["trace_id"]
    assert "hunter2" not in str(failure)
    for command in ("check", "upgrade", "current", "downgrade"):
        result = CliRunner().invoke(cli, ["db", command])
        assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
        assert "hunter2" not in result.output


def test_a_migration_does_not_wait_forever(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site(f"[log]\nfile =\n[database]\nurl = sqlite:///{tmp_path}/empty.db\n")
    monkeypatch.setattr(database, "MIGRATION_WAIT", 0.1)
    app = create_app()
    migrate.init_app(app)
    with app.app_context(), database.migrating():
        result = CliRunner().invoke(cli, ["db", "upgrade"])
    assert result.exit_code == 1
    assert "another migration has run" in result.output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's folder")
def test_root_does_not_make_a_file_that_the_service_can_not_write(site: Site, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shutil.chown(data, "nobody")
    site(f"[log]\nfile =\n[database]\nurl = sqlite:///{data}/service.db\n")
    result = CliRunner().invoke(cli, ["db", "upgrade"])
    assert result.exit_code == 1
    assert f"runuser -u nobody -- {NAME} db upgrade" in result.output
    assert not list(data.iterdir())
