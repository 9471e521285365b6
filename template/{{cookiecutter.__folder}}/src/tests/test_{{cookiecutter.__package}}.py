"""What an operator gets from the service: health, settings, log and commands."""

import configparser
import json
import re
import stat
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import session
from flask.testing import FlaskClient

from {{ cookiecutter.__package }} import NAME, RELEASE, VERSION, log
from {{ cookiecutter.__package }}.application import create_app
from {{ cookiecutter.__package }}.manage import cli
from {{ cookiecutter.__package }}.setting_kinds import Number, OneOf, Text, Whole
from {{ cookiecutter.__package }}.settings import SCHEMA, SITE_FILE_VARIABLE, Key, SettingsError, load_settings

Site = Callable[[str], Path]


def test_health_says_live_and_ready(client: FlaskClient) -> None:
    assert client.get("{{ cookiecutter.__live }}").json == {"status": "live"}
    assert client.get("{{ cookiecutter.__ready }}").json == {
        "status": "ready",
        "name": NAME,
        "version": VERSION,
        "release": RELEASE,
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[log]\nlevel = info\n[htpp]\ntimeout = 1\n", 3, "unknown section [htpp]; did you mean http?"),
        ("[http]\n\ntimout = 1\n", 3, "unknown key timout in [http]; did you mean timeout?"),
        ("[app]\nlevel = info\n", 2, "unknown key level in [app]; it belongs in [log]"),
        ("[http]\nTimeout = 1\n", 2, "did you mean timeout?"),
        ("[http]\ntimeout = soon\n", 2, "'soon' is not a number of seconds above 0"),
        ("[http]\ntimeout = -1\n", 2, "'-1' is not a number of seconds above 0"),
        ("[http]\ntimeout = 1e300\n", 2, "'1e300' is not a number of seconds above 0, up to 86400"),
        ("[http]\ntimeout = 1_0\n", 2, "'1_0' is not a number of seconds"),
        ("[http]\ntimeout = \u0663\n", 2, "'\u0663' is not a number of seconds"),
        ("[log]\nlevel = loud\n", 2, "'loud' is not one of debug"),
        ("[log]\nfile = service.log\n", 2, "an absolute path"),
        ("level = info\n", 1, "before the first [section]"),
        ("[http]\ntimeout = 1\ntimeout = 2\n", 3, "timeout stands twice in [http]"),
        ("[http]\n[log]\n[http]\n", 3, "[http] stands twice"),
        ("[http]\ntimeout\n", 2, "neither [section] nor key = value"),
        ("[http]\nretries = -1\n", 2, "'-1' is not a whole number"),
        ("[http]\nretries = 9223372036854775808\n", 2, "is not a whole number from 0 to 2147483647"),
        ("[app]\nsecret_key = a\u2028b\x0bc\n[http]\nretries = -1\n", 4, "'-1' is not a whole number"),
        ("[log]\nlevel = info\0\n", 2, "holds a NUL"),
        ("[database]\nurl = sqlite:///relative.db\n", 2, "its value is not sqlite:////absolute/path.db"),
        ("[database]\nurl = mysql://localhost/x\n", 2, "its value is not sqlite:////absolute/path.db"),
        ("[database]\nurl = postgresql://h/d?password=x\n", 2, "the password before the @"),
        ("[databse]\nurl = sqlite:////x.db\n", 1, "unknown section [databse]; did you mean database?"),
{% if cookiecutter.upstream %}
        ("[upstreams]\n{{ cookiecutter.upstream }} = 127.0.0.1\n", 2, "'127.0.0.1' is not an address"),
        ("[upstreams]\n{{ cookiecutter.upstream }}s = h\n", 2, "did you mean {{ cookiecutter.upstream }}?"),
{% endif %}
    ],
)
def test_a_wrong_setting_refuses_to_start_and_says_where(site: Site, text: str, line: int, said: str) -> None:
    path = site(text)
    with pytest.raises(SettingsError) as refused:
        create_app()
    assert str(refused.value).startswith(f"{path}:{line}: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_settings_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SITE_FILE_VARIABLE, str(tmp_path / "absent.ini"))
    with pytest.raises(SettingsError, match="absent.ini: can not be read: No such file"):
        load_settings()


def test_every_setting_has_a_default_and_a_word_of_explanation() -> None:
    text = (resources.files("{{ cookiecutter.__package }}") / "default_config.ini").read_text()
    defaults = configparser.RawConfigParser()
    defaults.read_string(text)
    assert {section: set(defaults[section]) for section in defaults.sections()} == {
        section: set(keys) for section, keys in SCHEMA.items()
    }
    for keys in SCHEMA.values():
        for key in keys:
            assert re.search(rf"^#.+\n{key} =", text, re.MULTILINE), f"no comment above {key}"


def test_the_schema_has_every_setting_with_what_it_may_be_whatever_the_site_says(site: Site) -> None:
    site("[http]\ntimeout = soon\n")
    result = CliRunner().invoke(cli, ["config", "--schema"])
    assert result.exit_code == 0
    sections = {name: said["properties"] for name, said in json.loads(result.stdout)["properties"].items()}
    assert {name: set(said) for name, said in sections.items()} == {name: set(keys) for name, keys in SCHEMA.items()}
    for said in sections.values():
        assert all(setting["description"] and "default" in setting for setting in said.values())
    level = sections["log"]["level"]
    assert (level["default"], level["enum"][:2]) == ("info", ["debug", "info"])
    timeout = sections["http"]["timeout"]
    assert [timeout[name] for name in ("type", "exclusiveMinimum", "maximum", "default")] == ["number", 0, 86400, 2.0]
    assert sections["database"]["url"]["writeOnly"]


def test_of_a_setting_that_a_function_checks_the_schema_says_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMA["log"], "level", Key(str.upper))
    result = CliRunner().invoke(cli, ["config", "--schema"])
    level = json.loads(result.stdout)["properties"]["log"]["properties"]["level"]
    assert level.keys() == {"description", "default"}


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "expected"),
    [
        (OneOf(("red", "green")), ["red"], ["Red", "", "red "], "one of red, green"),
        (Whole(-5, 5), ["-5", "0", "5"], ["-6", "6", "5.0", "1_0", "", "\u0663"], "a whole number from -5 to 5"),
        (Number(above=0, most=1.5), ["0.1", "1e-3", "1.5"], ["0", "1.6", "nan", ""], "a number above 0, up to 1.5"),
        (Text("a colour", "^#[0-9a-f]{6}$"), ["#00ff00"], ["red", "#00ff00 "], "a colour"),
    ],
)
def test_a_kind_takes_what_it_says_and_nothing_else(
    kind: Callable[[str], object], right: list[str], wrong: list[str], expected: str
) -> None:
    for text in right:
        kind(text)
    for text in wrong:
        with pytest.raises(ValueError, match=re.escape(expected)):
            kind(text)


def test_each_request_is_one_log_line_without_its_query(client: FlaskClient, log_file: Path) -> None:
    client.get("{{ cookiecutter.__live }}?token=hidden")
    client.get("/nothing")
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    requests = [(line["method"], line["path"], line["status"]) for line in lines if "path" in line]
    assert requests == [("GET", "{{ cookiecutter.__live }}", 200), ("GET", "/nothing", 404)]
    for line in lines:
        assert {"time", "level", "message", "release"} <= set(line)
    assert all(line["duration_ms"] >= 0 and len(line["trace_id"]) == 32 for line in lines if "path" in line)
    assert "hidden" not in log_file.read_text()


def test_the_log_goes_on_in_a_new_file_after_logrotate(client: FlaskClient, log_file: Path) -> None:
    client.get("/before")
    moved = log_file.rename(log_file.with_suffix(".1"))
    client.get("/meanwhile")
    time.sleep(log.LOOK_AGAIN)
    client.get("/after")
    assert "/after" in log_file.read_text()
    assert "/after" not in moved.read_text()
    assert "/meanwhile" in moved.read_text() + log_file.read_text()


def test_requests_are_answered_while_the_log_can_not_be_written(client: FlaskClient, log_file: Path) -> None:
    log_file.unlink()
    log_file.mkdir(stat.S_IRUSR)
    time.sleep(log.LOOK_AGAIN)
    assert client.get("{{ cookiecutter.__live }}").status_code == 200
    log_file.rmdir()
    time.sleep(log.LOOK_AGAIN)
    client.get("{{ cookiecutter.__live }}")
    assert log_file.is_file()


def test_without_a_log_folder_the_log_is_on_standard_error(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site(f"[log]\nfile = {tmp_path}/absent/service.log\n")
    create_app().test_client().get("{{ cookiecutter.__live }}")
    said = capfd.readouterr().err
    assert "absent/service.log can not be written (No such file or directory): logging to standard error" in said
    assert '"path": "{{ cookiecutter.__live }}"' in said


def test_config_prints_what_is_in_force_and_no_secret(site: Site) -> None:
    path = site(
        "[app]\nsecret_key = hunter2\n[log]\nlevel = debug\n"
        "[database]\nurl = postgresql://me:hunter2@db.example.org/{{ cookiecutter.__package }}\n"
    )
    result = CliRunner().invoke(cli, ["config"])
    assert result.exit_code == 0
    assert f"# {path}:4\nlevel = debug\n" in result.output
    assert re.search(r"^# .*/default_config\.ini:[0-9]+\ntimeout = 2\.0$", result.output, re.MULTILINE)
    assert "url = postgresql+psycopg://me:***@db.example.org/{{ cookiecutter.__package }}\n" in result.output
    assert "secret_key = ********" in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", ["config", "routes", "runserver"])
def test_a_command_says_in_one_line_what_is_wrong_with_the_settings(site: Site, command: str) -> None:
    site("[http]\ntimeout = soon\n")
    result = CliRunner().invoke(cli, [command])
    assert result.exit_code != 0
    assert "site.ini:2: timeout in [http]: 'soon' is not a number" in result.output
    assert result.output.count("\n") == 1


def test_routes_lists_what_is_answered(client: FlaskClient) -> None:
    result = CliRunner().invoke(cli, ["routes"])
    assert result.exit_code == 0
    assert {"/api/v1/items", "{{ cookiecutter.__live }}", "{{ cookiecutter.__ready }}"} <= set(result.output.split())


def test_openapi_prints_what_the_service_answers(client: FlaskClient) -> None:
    result = CliRunner().invoke(cli, ["openapi"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document == client.get("/openapi.json").json
    assert document["info"]["version"] == VERSION


def test_every_answer_says_which_release_gave_it(client: FlaskClient) -> None:
    for path in ("/api/v1/items", "/nothing", "{{ cookiecutter.__live }}"):
        assert client.get(path).headers["X-Release"] == RELEASE


def test_who_needs_a_session_has_one_and_other_answers_have_no_cookie(client: FlaskClient) -> None:
    client.application.add_url_rule("/count", view_func=_count)
    first = client.get("/count")
    assert (first.text, first.headers["Vary"]) == ("1", "Cookie")
    assert client.get("/count").text == "2"
    assert "Set-Cookie" not in client.get("/api/v1/items").headers
    assert client.get("/api/v1/items").headers["Vary"] == "Accept"
    assert client.get("/count").text == "3"


def _count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])
