"""Migrations that two people wrote at once are told in one line, wherever they are met, and can be joined."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from flask.testing import FlaskClient

from {{ cookiecutter.__package }} import NAME, database, database_commands
from {{ cookiecutter.__package }}.manage import cli

MIGRATION = """
revision = "{number}"
down_revision = {before!r}


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
"""
ASK_ALL = """
import sys
from {{ cookiecutter.__package }}.application import create_app

client = create_app().test_client()
paths = ("{{ cookiecutter.__ready }}", "/api/v1/items", "/api/v1/items/1", "/metrics")
print([client.get(path).status_code for path in paths], "alembic" in sys.modules)
"""
BOTH = "the migrations one and other are both the newest: in the source, write one that joins them, with `"


@pytest.fixture
def migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Write further migrations after the newest, by their numbers."""
    newest = ScriptDirectory(str(database.MIGRATIONS)).get_current_head()
    copied = Path(shutil.copytree(database.MIGRATIONS, tmp_path / "migrations"))
    monkeypatch.setattr(database, "MIGRATIONS", copied)
    monkeypatch.setattr(database_commands.migrate, "directory", str(copied))

    def write(*numbers: str, text: str = MIGRATION) -> None:
        for place, number in enumerate(numbers):
            path = copied / "versions" / f"{number}_{place}.py"
            path.write_text(text.format(number=number, before=newest))
        _forget()

    yield write
    _forget()


def _forget() -> None:
    database._order.cache_clear()
    database._script.cache_clear()
    database._numbered_twice.cache_clear()


def said(*command: str) -> str:
    """The one line that a command fails with."""
    result = CliRunner().invoke(cli, ["db", *command])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
    [line] = result.output.splitlines()
    return line


def test_two_newest_migrations_are_told_in_one_line_until_they_are_joined(
    client: FlaskClient, migrate: Callable[..., None]
) -> None:
    migrate("one", "other")
    for command in ("check", "upgrade"):
        assert said(command) == f'Error: {BOTH}{NAME} db merge -m "join" heads`'
    answer = client.get("{{ cookiecutter.__ready }}")
    assert answer.status_code == 503
    assert answer.json["reason"].startswith(BOTH)

    joined = CliRunner().invoke(cli, ["db", "merge", "-m", "join", "--rev-id", "joined", "heads"])
    assert joined.exit_code == 0, joined.output
    _forget()
    upgraded = CliRunner().invoke(cli, ["db", "upgrade"])
    assert upgraded.output.splitlines()[-1].startswith("at joined; was at ")
    assert CliRunner().invoke(cli, ["db", "check"]).output == "at joined\n"
    assert client.get("{{ cookiecutter.__ready }}").status_code == 200


def test_tables_that_have_had_both_are_not_current_before_they_are_joined(
    client: FlaskClient, migrate: Callable[..., None]
) -> None:
    migrate("one", "other")
    assert CliRunner().invoke(cli, ["db", "upgrade", "heads"]).exit_code == 0
    assert said("check").startswith(f"Error: {BOTH}")
    assert CliRunner().invoke(cli, ["db", "merge", "-m", "join", "--rev-id", "joined", "heads"]).exit_code == 0
    _forget()
    assert said("check") == f"Error: the database is at migration one, other, not joined: run `{NAME} db upgrade`"
    assert CliRunner().invoke(cli, ["db", "upgrade"]).output.splitlines()[-1] == "at joined; was at one, other"


def test_two_migrations_with_one_number_are_told_apart(client: FlaskClient, migrate: Callable[..., None]) -> None:
    """Alembic runs one of them, and says of the other that all is well."""
    migrate("later", "later")
    for command in ("check", "upgrade"):
        assert said(command) == (
            "Error: 2 migrations have the number later (later_0.py, later_1.py): give each its own"
        )
    assert client.get("{{ cookiecutter.__ready }}").status_code == 503


def test_readiness_knows_the_newest_migration_as_alembic_does(migrate: Callable[..., None]) -> None:
    assert database.head() == database.alembic_head()
    migrate("one")
    assert database.head() == database.alembic_head() == "one"
    migrate("other", text='revision: str = "{number}"\ndown_revision: tuple[str, ...] | None = ("one", {before!r})\n')
    assert database.head() == database.alembic_head() == "other"
    assert not database.is_ahead("one, other")
    assert database.is_ahead("one, from_later")


def test_what_is_written_otherwise_is_read_by_alembic(migrate: Callable[..., None]) -> None:
    migrate("odd", text="revision, down_revision = '{number}', {before!r}\n")
    assert database._order() == {}
    assert database.head() == "odd"


@pytest.mark.slow
def test_a_worker_that_answers_and_is_ready_has_not_loaded_alembic(client: FlaskClient) -> None:
    """It would take each worker 7 MiB."""
    command = [sys.executable, "-c", ASK_ALL]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert said == "[200, 200, 200, 200] False\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("revision = '{number}'\ndown_revision = 'nowhere'\n", "nowhere"),
        ("def upgrade(:\n", "SyntaxError: "),
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Revision nowhere referenced")
def test_migrations_that_can_not_be_read_are_told_in_one_line(
    client: FlaskClient, migrate: Callable[..., None], text: str, reason: str
) -> None:
    migrate("broken", text=text)
    for command in ("check", "upgrade"):
        assert said(command).startswith("Error: the migrations can not be read: ")
        assert reason in said(command)
    assert client.get("{{ cookiecutter.__ready }}").status_code == 503
