"""Settings: the packaged defaults, then the site's file over them. What is unknown or wrong refuses to start."""

import configparser
import difflib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from .setting_kinds import Number, OneOf, Text, Whole

SITE_FILE = Path("{{ cookiecutter.__site_config }}")
SITE_FILE_VARIABLE = "{{ cookiecutter.__config_variable }}"
LEVELS = ("debug", "info", "warning", "error", "critical")
# The highest number of seconds, a day, and the highest whole number: what comes after them overflows somewhere.
MAX_SECONDS = 86_400
MAX_WHOLE = 2**31 - 1

Settings = dict[str, dict[str, Any]]


class SettingsError(Exception):
    """A settings file can not be used; the message says which line of which file, and what to write instead."""


def _address(value: str) -> str:
    try:
        url = urlsplit(value)
        usable = url.hostname and url.port != 0
    except ValueError:
        usable = None
    if not usable or "@" in url.netloc or url.query or url.fragment:
        raise ValueError(_base_url.expected)
    return value.rstrip("/")


def _database_url(value: str) -> sa.URL:
    """The address of a database, with the driver that this service has for it."""
    fault = ValueError(_database.expected)
    try:
        url = sa.make_url(value)
    except (sa.exc.ArgumentError, ValueError):
        raise fault from None
    if "password" in url.query:
        raise ValueError("an address with the password before the @, where it can be masked")
    if url.drivername == "sqlite" and (url.database or "").startswith("/") and not url.query:
        return url
    if url.drivername in ("postgresql", "postgresql+psycopg") and url.database:
        return url.set(drivername="postgresql+psycopg")
    raise fault


def _masked(value: Any) -> str:
    return "********" if value else ""


def _without_password(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Key:
    """One key: how its text becomes a value (a ValueError says what was expected), and how the value is shown.

    A value that is not shown as it is is a secret, and left out of messages too.
    """

    parse: Callable[[str], Any]
    shown: Callable[[Any], str] = _plain

    @property
    def secret(self) -> bool:
        return self.shown is not _plain


@dataclass(frozen=True)
class Setting:
    """A value in force, and the file and line that say so."""

    value: Any
    source: str


# The kinds of settings that are here; setting_kinds.py has what others are made of.
_text = Text()
_log_file = Text(
    "an absolute path, or nothing for standard error", r"^(/.*)?$", lambda value: Path(value) if value else None
)
_level = OneOf(LEVELS)
_seconds = Number(above=0, most=MAX_SECONDS, unit="seconds")
_whole = Whole(least=0, most=MAX_WHOLE)
_base_url = Text(
    "an address such as http://127.0.0.1:7000, without user name or query",
    r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s]+$",
    _address,
)
_database = Text(
    "sqlite:////absolute/path.db, or postgresql://user:password@host/database",
    r"^(sqlite:////|postgresql(\+psycopg)?://)",
    _database_url,
)

# Every key there is. Each stands with its default and what it means in default_config.ini too.
SCHEMA: dict[str, dict[str, Key]] = {
    "app": {"secret_key": Key(_text, shown=_masked)},
    "log": {"file": Key(_log_file), "level": Key(_level)},
    "database": {"url": Key(_database, shown=_without_password), "timeout": Key(_seconds)},
    "http": {
        "connect_timeout": Key(_seconds),
        "timeout": Key(_seconds),
        "retries": Key(_whole),
        "max_body": Key(_whole),
    },
    {% if cookiecutter.upstream %}
    "upstreams": {"{{ cookiecutter.upstream }}": Key(_base_url)},
    {% endif %}
}


def load_settings() -> Settings:
    """The values in force by section and key, or SettingsError."""
    return {
        section: {key: setting.value for key, setting in keys.items()} for section, keys in trace_settings().items()
    }


def trace_settings() -> dict[str, dict[str, Setting]]:
    """The settings in force with their sources, by section and key, or SettingsError."""
    defaults = resources.files(__package__) / "default_config.ini"
    settings = _parse(str(defaults), defaults.read_text("utf-8"))
    if site_file := find_site_file():
        for section, values in _parse(str(site_file), _read(site_file)).items():
            settings[section].update(values)
    return settings


def find_site_file() -> Path | None:
    """The file that the environment names, else the one in its fixed place; None if there is no such file."""
    if named := os.environ.get(SITE_FILE_VARIABLE):
        return Path(named)
    try:
        SITE_FILE.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        pass  # It may be there: _read then says that it can not be read, where the defaults alone would mislead.
    return SITE_FILE


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: can not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None


def _parse(path: str, text: str) -> dict[str, dict[str, Setting]]:
    """The values that TEXT sets, each of its type; PATH is for the message."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SettingsError(f"{path}:{line}: holds a NUL, which is in no text")
    parser = configparser.RawConfigParser(default_section="", delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # Keys are what the file says, not lower-cased.
    try:
        parser.read_string(text, path)
    except configparser.DuplicateSectionError as error:
        raise SettingsError(f"{path}:{error.lineno}: [{error.section}] stands twice") from None
    except configparser.DuplicateOptionError as error:
        raise SettingsError(f"{path}:{error.lineno}: {error.option} stands twice in [{error.section}]") from None
    except configparser.MissingSectionHeaderError as error:
        raise SettingsError(f"{path}:{error.lineno}: stands before the first [section]") from None
    except configparser.ParsingError as error:
        # The line itself is not shown: it may hold a secret.
        raise SettingsError(f"{path}:{error.errors[0][0]}: is neither [section] nor key = value") from None
    settings: dict[str, dict[str, Setting]] = {}
    for section in parser.sections():
        if section not in SCHEMA:
            hint = _nearest(section, SCHEMA)
            raise SettingsError(f"{path}:{_line(text, section)}: unknown section [{section}]; {hint}")
        settings[section] = {}
        for key, value in parser[section].items():
            where = f"{path}:{_line(text, section, key)}"
            if key not in SCHEMA[section]:
                raise SettingsError(f"{where}: unknown key {key} in [{section}]; {_hint(section, key)}")
            try:
                settings[section][key] = Setting(SCHEMA[section][key].parse(value), where)
            except ValueError as error:
                shown = "its value" if SCHEMA[section][key].secret else repr(value)
                raise SettingsError(f"{where}: {key} in [{section}]: {shown} is not {error}") from None
    return settings


def _hint(section: str, key: str) -> str:
    elsewhere = [name for name, keys in SCHEMA.items() if key in keys]
    return f"it belongs in [{elsewhere[0]}]" if elsewhere else _nearest(key, SCHEMA[section])


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "known: " + ", ".join(known)


def _line(text: str, section: str, key: str | None = None) -> int:
    """The line, from 1, on which the section, or the key in it, stands; configparser does not keep it."""
    current = ""
    # Not splitlines(), to which other characters than those that end a line here do so, too.
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[(.+)\]", line):
            current = header[1]
            if key is None and current == section:
                return number
        elif current == section and line.partition("=")[0].strip() == key:
            return number
    return 1
